"""The JSON shapes of what OpenAI-compatible servers answer; lenient, since they differ."""

from typing import Final, TypeAlias

import msgspec
from msgspec import Raw

ABSENT: Final = Raw()


class Called(msgspec.Struct):
    """A function's name and (some of) its arguments."""

    name: str | None = None
    arguments: str | dict[str, Raw] | None = None
    """JSON in a string; some servers give the object itself."""


class Call(msgspec.Struct):
    """A tool call, or a piece of one."""

    index: int | None = None
    id: str | None = None
    function: Called | None = None


class TextPart(msgspec.Struct):
    """A part of a content list; parts without text are passed over."""

    text: str | None = None


class Said(msgspec.Struct):
    """A message, or a delta of one."""

    content: str | list[TextPart] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[Call] | None = None


NOTHING: Final = Said()
"""A delta that says nothing."""


class Logprobs(msgspec.Struct):
    """What is known of log probabilities: lists, of whatever."""

    content: list[Raw] | None = None
    refusal: list[Raw] | None = None


class StreamedChoice(msgspec.Struct):
    """One choice in a chunk."""

    delta: Said | None = None
    index: int | None = None
    finish_reason: str | None = None
    logprobs: Raw = ABSENT
    content_filter_results: Raw = ABSENT
    content_filter_offsets: Raw = ABSENT


class WholeChoice(msgspec.Struct):
    """One choice in a body."""

    message: Said
    index: int | None = None
    finish_reason: str | None = None
    logprobs: Raw = ABSENT
    content_filter_results: Raw = ABSENT
    content_filter_offsets: Raw = ABSENT


class PromptDetails(msgspec.Struct):
    """Details of the prompt's tokens."""

    cached_tokens: int | None = None


class CompletionDetails(msgspec.Struct):
    """Details of the answer's tokens."""

    reasoning_tokens: int | None = None


class Usage(msgspec.Struct):
    """What was counted."""

    prompt_tokens: int
    completion_tokens: int | None = None
    prompt_tokens_details: Raw = ABSENT
    completion_tokens_details: Raw = ABSENT


class Chunk(msgspec.Struct):
    """One event of a stream; an error may stand in place of choices."""

    choices: list[StreamedChoice] | None = None
    usage: Raw = ABSENT
    error: Raw = ABSENT
    prompt_filter_results: Raw = ABSENT


class Named(msgspec.Struct):
    """Whose answer it says it is."""

    model: str | None = None


class Completion(msgspec.Struct):
    """A whole answer; an error may stand in place of choices."""

    model: str | None = None

    choices: list[WholeChoice] | None = None
    usage: Raw = ABSENT
    error: Raw = ABSENT
    prompt_filter_results: Raw = ABSENT


class InnerError(msgspec.Struct):
    """Why Azure refused: `code` says that its filter did, the results say what it found."""

    code: str | None = None
    content_filter_result: Raw = ABSENT
    content_filter_results: Raw = ABSENT


class ErrorObject(msgspec.Struct):
    """What `error` holds, where it is an object."""

    message: str | None = None
    type: str | None = None
    param: str | None = None
    code: str | int | None = None
    innererror: InnerError | None = None


ErrorValue: TypeAlias = ErrorObject | str | None


class ErrorBody(msgspec.Struct):
    """A refusal: `{"error": {...}}`, `{"error": "..."}`, or the fields on the outside."""

    error: ErrorValue = None
    message: str | None = None
    type: str | None = None
    param: str | None = None
    code: str | int | None = None
    detail: object = None

    def found(self) -> ErrorObject:
        """The error, wherever it stood."""
        match self.error:
            case ErrorObject():
                return self.error
            case str(text):
                return ErrorObject(message=text)
            case None:
                detail = self.detail if isinstance(self.detail, str) else None
                return ErrorObject(self.message or detail, self.type, self.param, self.code)
