"""The JSON shapes of what the Gemini API answers.

Its JSON leaves out what is zero, false or empty, so that nothing here is required; proxies in
front of it write null there.
"""

from typing import Final

import msgspec
from msgspec import Raw

ABSENT: Final = Raw()


class FunctionCall(msgspec.Struct):
    """A call that the model makes; whole, in streams too."""

    name: str = ""
    args: Raw = ABSENT
    id: str | None = None


class Part(msgspec.Struct, rename="camel"):
    """A piece of what the model says."""

    text: str | None = None
    thought: bool | None = None
    """Whether the text is a summary of what it thought."""
    thought_signature: str | None = None
    function_call: FunctionCall | None = None
    inline_data: Raw = ABSENT


class Content(msgspec.Struct):
    """What one answer, or a piece of it, is made of."""

    parts: list[Part] | None = None


class TokenLogprob(msgspec.Struct, rename="camel"):
    """A token, and how likely it was."""

    token: str = ""
    log_probability: float = 0.0


class TopTokens(msgspec.Struct):
    """The likeliest tokens of one place."""

    candidates: list[TokenLogprob] = []


class LogprobsResult(msgspec.Struct, rename="camel"):
    """For each place the token that was chosen, and the likeliest."""

    chosen_candidates: list[TokenLogprob] = []
    top_candidates: list[TopTokens] = []


class Candidate(msgspec.Struct, rename="camel"):
    """One answer, or a piece of it."""

    content: Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    index: int | None = None
    logprobs_result: LogprobsResult | None = None


class PromptFeedback(msgspec.Struct, rename="camel"):
    """What was thought of the question."""

    block_reason: str | None = None


class ModalityCount(msgspec.Struct, rename="camel"):
    """Tokens of one kind."""

    modality: str = "MODALITY_UNSPECIFIED"
    token_count: int = 0


class UsageMetadata(msgspec.Struct, rename="camel"):
    """What was counted."""

    prompt_token_count: int = 0
    candidates_token_count: int = 0
    thoughts_token_count: int = 0
    tool_use_prompt_token_count: int = 0
    cached_content_token_count: int = 0
    prompt_tokens_details: list[ModalityCount] | None = None


class GenerateContentResponse(msgspec.Struct, rename="camel"):
    """An answer, or one event of a stream; an error may stand in place of all else."""

    candidates: list[Candidate] | None = None
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: Raw = ABSENT
    """`UsageMetadata`, which is read once: at the end."""
    model_version: str | None = None
    """The model that answered."""
    error: Raw = ABSENT


class FieldViolation(msgspec.Struct):
    """A field of the request that is wrong."""

    field: str = ""
    description: str = ""


class ErrorDetail(msgspec.Struct, rename="camel"):
    """One of the typed details of an error: of `ErrorInfo`, `RetryInfo` or `BadRequest`."""

    reason: str | None = None
    retry_delay: str | None = None
    """Seconds: `39s`, `0.5s`."""
    field_violations: list[FieldViolation] = []


class Status(msgspec.Struct):
    """What `error` holds."""

    code: int | None = None
    message: str | None = None
    status: str | None = None
    """The name of a gRPC status: `INVALID_ARGUMENT`."""
    details: list[ErrorDetail] | None = None


class ErrorBody(msgspec.Struct):
    """A refusal. To a request for a stream it may come in a list."""

    error: Status
