"""From what OpenAI-compatible servers answer to our events: a body, or a stream of chunks."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple, TypeVar

import msgspec
from msgspec import Raw

from visus.core.events import (
    AnswerModeration,
    Batch,
    Event,
    Finished,
    FinishReason,
    LogprobsDelta,
    PromptModeration,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    TokensUsed,
    plausible,
    text_deltas,
)
from visus.core.prompt import Prompt
from visus.errors import ServiceError, UpstreamBadResponse
from visus.providers import faults, moderation
from visus.providers.answers import Whole
from visus.providers.mending import read_or_mended
from visus.providers.openai_calls import Calls
from visus.providers.openai_shapes import (
    ABSENT,
    NOTHING,
    Chunk,
    Completion,
    CompletionDetails,
    Logprobs,
    Named,
    PromptDetails,
    Said,
    StreamedChoice,
    Usage,
    WholeChoice,
)

Details = TypeVar("Details", PromptDetails, CompletionDetails)
_chunk: Final = msgspec.json.Decoder(Chunk).decode
_named: Final = msgspec.json.Decoder(Named).decode
_completion: Final = msgspec.json.Decoder(Completion).decode
_usage: Final = msgspec.json.Decoder(Usage).decode
_of_prompt: Final = msgspec.json.Decoder(PromptDetails).decode
_of_completion: Final = msgspec.json.Decoder(CompletionDetails).decode
_logprobs: Final = msgspec.json.Decoder(Logprobs).decode
_encode: Final = msgspec.json.Encoder().encode
_string: Final = msgspec.json.Decoder(str).decode
_strings: Final = msgspec.json.Decoder(list[str]).decode
_RUN_FROM: Final = 4
"""Fewer chunks are read one by one."""

FINISH_REASONS: Final[Mapping[str, FinishReason]] = {
    "stop": "stop",
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}
FAILED: Final = frozenset({"error", "abort", "cancelled"})
"""Reasons that servers give when nothing finished."""


def whole(body: bytes, prompt: Prompt) -> Whole:
    """The events of an answer that came as one body.

    Raises:
        ServiceError: it cannot be read, holds no answer, or an error.
    """
    completion = _read(body)
    if completion.error and bytes(completion.error) != b"null":
        raise faults.told_in_stream(bytes(completion.error), prompt)
    if not completion.choices:
        raise UpstreamBadResponse("The model's server gave an answer without a choice.")
    events: list[Event] = []
    if completion.prompt_filter_results is not ABSENT:
        verdict = moderation.of_prompt(completion.prompt_filter_results)
        if verdict is not None:
            events.append(verdict)
    for place, choice in enumerate(completion.choices):
        index = place if choice.index is None else choice.index
        events += _choice_events(choice, choice.message, index, Calls())
        events.append(Finished(_finish_reason(choice.finish_reason or "stop"), index))
        events += _verdict(choice, index, is_of_last=True)
    events += _usage_events(completion.usage)
    return tuple(events), completion.model


def _read(body: bytes) -> Completion:
    try:
        return read_or_mended(_completion, body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        message = "The model's server gave an answer that cannot be read."
        raise UpstreamBadResponse(message, detail=str(fault)[:200]) from fault


class Translator:
    """Turns the payloads of one stream into events, and knows whether it is complete."""

    def __init__(self, prompt: Prompt, *, templates: int = 4) -> None:
        """`templates`: how often one is looked for; some servers write no two chunks alike."""
        self._prompt = prompt
        self._begun: set[int] = set()
        self._calls: defaultdict[int, Calls] = defaultdict(Calls)
        self._finished: set[int] = set()
        self._of_prompt: PromptModeration | None = None
        """Comes before the first word, and is no answer by itself: it waits for one."""
        self._words = _NO_TEMPLATE
        self._templates_left = templates
        self.is_done = False
        self.named: str | None = None

    def events(self, payloads: list[bytes]) -> tuple[Batch, ServiceError | None]:
        """The events of `payloads`, and the failure that stands behind the last of them."""
        events: list[Event] = []
        failure = self._gather(payloads, events)
        if events:
            if self.named is None:
                self.named = _name_in(payloads[0])
            if self._of_prompt is not None:
                events.insert(0, self._of_prompt)
                self._of_prompt = None
        return tuple(events), failure

    def end(self) -> Batch:
        """Nothing is left to say when nothing more comes.

        Raises:
            UpstreamBadResponse: the stream broke off before a choice was finished.
        """
        if (failure := self._incomplete()) is not None:
            raise failure
        return ()

    def _gather(self, payloads: list[bytes], events: list[Event]) -> ServiceError | None:
        """Adds to `events` until something is wrong; then that."""
        is_run_wanted = len(payloads) >= _RUN_FROM
        place = 0
        while place < len(payloads):
            if is_run_wanted and self._words.fits(payloads[place]):
                is_run_wanted = False  # a second try after a failed one would be as vain
                run = self._words.run(payloads, place)
                events += text_deltas(filter(None, run), self._words.choice)
                place += len(run)
                continue
            failure = self._gather_one(payloads[place], events)
            if failure is not None or self.is_done:
                return failure
            place += 1
        return None

    def _gather_one(self, payload: bytes, events: list[Event]) -> ServiceError | None:
        if (text := self._words.text_of(payload)) is not None:
            events.append(TextDelta(text, self._words.choice))
            return None
        if payload.rstrip() == b"[DONE]":
            self.is_done = True
            return self._incomplete()
        try:
            chunk = read_or_mended(_chunk, payload)
            events += self._chunk_events(chunk)
            if self._templates_left and _is_words_alone(chunk):
                self._templates_left -= 1
                self._words = _template(payload) or self._words
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
            message = "The model's server sent an event that cannot be read."
            return UpstreamBadResponse(message, detail=str(fault)[:200])
        except ServiceError as failure:
            return failure
        return None

    def _incomplete(self) -> ServiceError | None:
        if self._finished and self._begun <= self._finished:
            return None
        return UpstreamBadResponse("The model's server broke off its answer.")

    def _chunk_events(self, chunk: Chunk) -> Iterator[Event]:
        if chunk.error and bytes(chunk.error) != b"null":
            raise faults.told_in_stream(bytes(chunk.error), self._prompt)
        if chunk.prompt_filter_results is not ABSENT:
            self._of_prompt = moderation.of_prompt(chunk.prompt_filter_results)
        for choice in chunk.choices or ():
            index = choice.index or 0
            self._begun.add(index)
            said = [
                *_choice_events(choice, choice.delta or NOTHING, index, self._calls[index]),
                *self._finish(choice, index),
            ]
            yield from said
            yield from _verdict(choice, index, is_of_last=bool(said))
        yield from _usage_events(chunk.usage)

    def _finish(self, choice: StreamedChoice, index: int) -> Iterator[Finished]:
        if choice.finish_reason and index not in self._finished:
            self._finished.add(index)
            yield Finished(_finish_reason(choice.finish_reason), index)


def _name_in(payload: bytes) -> str | None:
    try:
        return read_or_mended(_named, payload).model
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


# --- Words, one after the other --------------------------------------------------------------

_CONTENT: Final = re.compile(rb'"content": ?("(?:[^"\\]|\\.)*+")')
_MARK: Final = "\N{SNOWMAN} nobody says this"


class _Template(NamedTuple):
    """What all those chunks of one stream have in common that hold a word and nothing else.

    JSON in which one string stands for another in the same place is the same JSON but for that
    string, so a chunk that fits need not be read as a whole.
    """

    before: bytes
    after: bytes
    choice: int

    def fits(self, payload: bytes) -> bool:
        """Whether only what stands in the word's place can differ."""
        return payload.startswith(self.before) and payload.endswith(self.after)

    def text_of(self, payload: bytes) -> str | None:
        """The word, where the chunk fits and its word is a string of JSON."""
        before, after, _ = self
        if payload.startswith(before) and payload.endswith(after):
            try:
                return _string(payload[len(before) : len(payload) - len(after)]) or None
            except (msgspec.DecodeError, UnicodeDecodeError):
                pass
        return None

    def run(self, payloads: list[bytes], start: int) -> list[str]:
        """The words of all chunks from `start` to the last that fits, if all between fit too.

        They are read as one JSON array: nothing is done for each of them alone. A line break
        stands between any two, as no string of JSON holds one; so no word can reach over it.
        """
        end = len(payloads)
        while end > start and not self.fits(payloads[end - 1]):
            end -= 1
        count = end - start
        first, last = len(self.before), -len(self.after)
        chunks = payloads[start:end]
        # A search for what lies between two words would compare byte by byte; this does not. A
        # chunk too short to hold both ends is longer when it is put together again, so bytes
        # that are the same in all are the same in each.
        words = [chunk[first:last] for chunk in chunks]
        again = self.before + (self.after + self.before).join(words) + self.after
        if again != b"".join(chunks):
            return []
        try:
            texts = _strings(b"[%b]" % b",\n".join(words))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return []
        return texts if len(texts) == count else []


_NO_TEMPLATE: Final = _Template(b"\0", b"\0", 0)
"""Nothing that is JSON begins like this."""


def _template(payload: bytes) -> _Template | None:
    """The template of a chunk; proved by reading it with another word in the place found."""
    found = _CONTENT.search(payload)
    if found is None:
        return None
    before, after = payload[: found.start(1)], payload[found.end(1) :]
    try:
        chunk = _chunk(before + _encode(_MARK) + after)
    except msgspec.DecodeError:
        return None
    (choice,) = chunk.choices or (None,)
    if choice is None or choice.delta is None or choice.delta.content != _MARK:
        return None
    return _Template(before, after, choice.index or 0)


def _is_words_alone(chunk: Chunk) -> bool:
    """Whether a chunk holds one choice with more text, and nothing besides."""
    match chunk.choices:
        case [StreamedChoice(delta=Said(content=str()) as said, finish_reason=None) as choice]:
            return (
                bool(said.content)
                and said == Said(content=said.content)
                and choice.content_filter_results is ABSENT
                and len(memoryview(choice.logprobs)) in _NOTHING_THERE
                and len(memoryview(chunk.usage)) in _NOTHING_THERE
                and chunk.prompt_filter_results is ABSENT
            )
        case _:
            return False


_NOTHING_THERE: Final = frozenset({len(b""), len(b"null")})
"""Absent or null; no object that says something is that short."""


def _choice_events(
    choice: StreamedChoice | WholeChoice, said: Said, index: int, calls: Calls
) -> Iterator[Event]:
    if thought := said.reasoning_content or said.reasoning:
        yield ReasoningDelta(thought, index)
    text = _text(said)
    if text:
        yield TextDelta(text, index)
    if said.refusal:
        yield RefusalDelta(said.refusal, index)
    for place, call in enumerate(said.tool_calls or ()):
        yield calls.delta(call, place, index)
    if len(memoryview(choice.logprobs)) not in _NOTHING_THERE:
        yield LogprobsDelta(_checked(choice.logprobs), index)


def _checked(logprobs: Raw) -> bytes:
    """As they came, once it is certain that their pieces can be joined and read."""
    try:
        _logprobs(logprobs)
    except msgspec.DecodeError as fault:
        message = "The model's server gave log probabilities that cannot be read."
        raise UpstreamBadResponse(message, detail=str(fault)[:200]) from fault
    return bytes(logprobs)


def _verdict(
    choice: StreamedChoice | WholeChoice, index: int, *, is_of_last: bool
) -> Iterator[AnswerModeration]:
    if choice.content_filter_results is not ABSENT:
        verdict = moderation.of_answer(
            choice.content_filter_results,
            choice.content_filter_offsets,
            index,
            is_of_last=is_of_last,
        )
        if verdict is not None:
            yield verdict


def _text(said: Said) -> str:
    if isinstance(said.content, list):
        return "".join(part.text or "" for part in said.content)
    return said.content or ""


def _finish_reason(reason: str) -> FinishReason:
    if reason in FAILED:
        raise UpstreamBadResponse("The model's server broke off its answer.", detail=reason)
    return FINISH_REASONS.get(reason, "stop")


def _usage_events(told: Raw) -> Iterator[TokensUsed]:
    """The usage; nothing where it cannot be read, as if it had not been reported."""
    if len(memoryview(told)) in _NOTHING_THERE:
        return
    try:
        usage = _usage(told)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    used = TokensUsed(prompt=usage.prompt_tokens, completion=usage.completion_tokens or 0)
    if plausible(used) is None:
        return
    prompt = _details(usage.prompt_tokens_details, _of_prompt)
    completion = _details(usage.completion_tokens_details, _of_completion)
    cached = (prompt.cached_tokens or 0) if prompt else 0
    reasoning = (completion.reasoning_tokens or 0) if completion else 0
    if cached or reasoning:
        used = plausible(used._replace(cached=cached, reasoning=reasoning)) or used
    yield used


def _details(told: Raw, read: Callable[[Raw], Details]) -> Details | None:
    """What kinds the tokens were of; None where it is not told, or cannot be read."""
    if told is ABSENT:
        return None
    try:
        return read(told)
    except msgspec.DecodeError:
        return None
