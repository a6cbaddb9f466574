"""From what the Gemini API answers to our events; the same for a body and for a stream.

Each event of a stream has the form of a whole answer and holds what is new. The last one says
why each answer ended; there is no other mark of the end.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import msgspec
from msgspec import Raw

from visus.core import call_ids
from visus.core.events import (
    Batch,
    Event,
    Finished,
    FinishReason,
    LogprobsDelta,
    ReasoningDelta,
    TextDelta,
    TokensUsed,
    ToolCallDelta,
    plausible,
)
from visus.core.prompt import Prompt
from visus.errors import ContentFiltered, ServiceError, UpstreamBadResponse
from visus.providers import gemini_faults
from visus.providers.answers import Whole
from visus.providers.gemini_shapes import (
    ABSENT,
    Candidate,
    GenerateContentResponse,
    LogprobsResult,
    Part,
    TokenLogprob,
    UsageMetadata,
)
from visus.providers.mending import read_or_mended

_response: Final = msgspec.json.Decoder(GenerateContentResponse).decode
_usage: Final = msgspec.json.Decoder(UsageMetadata).decode
_encode: Final = msgspec.json.Encoder().encode

_FILTERED: Final = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "LANGUAGE",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "MODEL_ARMOR",
    }
)
"""Reasons to end an answer because of what it says."""


@dataclass(slots=True)
class _Choice:
    """What is known of one of several answers."""

    calls: int = 0
    """How many it made so far."""
    text_signature: str | None = None
    """Of the text before its first call."""
    finished: bool = False


def whole(body: bytes, prompt: Prompt) -> Whole:
    """The events of an answer that came as one body.

    Raises:
        ServiceError: it cannot be read, is not complete, or holds an error.
    """
    translator = Translator(prompt)
    events, failure = translator.events([body])
    if failure is not None:
        raise failure
    return events + translator.end(), translator.named


@dataclass(slots=True)
class Translator:
    """One answer's events, and whether it is complete."""

    prompt: Prompt
    is_done: bool = field(default=False, init=False)
    """Never: the stream's end is the end of its bytes."""
    named: str | None = field(default=None, init=False)
    _choices: dict[int, _Choice] = field(default_factory=dict, init=False)
    _used: Raw = field(default_factory=Raw, init=False)

    def events(self, payloads: list[bytes]) -> tuple[Batch, ServiceError | None]:
        """The events of `payloads`, and the failure that stands behind the last of them."""
        events: list[Event] = []
        for payload in payloads:
            try:
                if payload.rstrip() == b"[DONE]":  # of a proxy
                    continue
                events += self._events(read_or_mended(_response, payload))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
                message = "The model's server sent an answer that cannot be read."
                return tuple(events), UpstreamBadResponse(message, detail=str(fault)[:200])
            except ServiceError as failure:
                return tuple(events), failure
        return tuple(events), None

    def end(self) -> Batch:
        """What is left to say when nothing more comes.

        Raises:
            UpstreamBadResponse: the answer broke off.
        """
        if not self._choices or not all(one.finished for one in self._choices.values()):
            raise UpstreamBadResponse("The model's server broke off its answer.")
        used = _used(self._used)
        return () if used is None else (used,)

    def _events(self, response: GenerateContentResponse) -> Iterator[Event]:
        if response.error and bytes(response.error) != b"null":
            raise gemini_faults.told_in_answer(bytes(response.error), self.prompt)
        self.named = self.named or response.model_version
        if response.usage_metadata is not ABSENT:
            self._used = response.usage_metadata  # of all so far, in every event
        if not response.candidates:
            if response.prompt_feedback and (why := response.prompt_feedback.block_reason):
                message = "The provider's filter refused the request."
                raise ContentFiltered(message, param="messages", detail=why[:100])
            return
        for candidate in response.candidates:
            index = candidate.index or 0
            choice = self._choices.setdefault(index, _Choice())
            if not choice.finished:
                yield from self._candidate(candidate, choice, index)

    def _candidate(self, candidate: Candidate, choice: _Choice, index: int) -> Iterator[Event]:
        if candidate.content is not None:
            for part in candidate.content.parts or ():
                if part.text and not part.thought and part.thought_signature is None:
                    yield TextDelta(part.text, index)  # nearly every part there is
                else:
                    yield from self._part(part, choice, index)
        if candidate.logprobs_result is not None:
            yield LogprobsDelta(_logprobs(candidate.logprobs_result), index)
        if candidate.finish_reason:
            choice.finished = True
            yield Finished(_finish_reason(candidate, choice), index)

    def _part(self, part: Part, choice: _Choice, index: int) -> Iterator[Event]:
        if part.thought:
            if part.text:
                yield ReasoningDelta(part.text, index)
            return
        if part.function_call is not None:
            yield from self._call(part, choice, index)
            return
        if part.inline_data is not ABSENT:
            raise UpstreamBadResponse("The model answered with a file instead of text.")
        if part.thought_signature is not None and not choice.calls:
            choice.text_signature = part.thought_signature
        if part.text:
            yield TextDelta(part.text, index)

    def _call(self, part: Part, choice: _Choice, index: int) -> Iterator[Event]:
        """A call, unless the caller wants one at a time and has one."""
        call = part.function_call
        place, choice.calls = choice.calls, choice.calls + 1
        if call is None or (place and self.prompt.options.parallel_tool_calls is False):
            return
        carried = call_ids.Carried(
            part.thought_signature, None if place else choice.text_signature, call.id
        )
        arguments = bytes(call.args).decode() if call.args else "{}"
        if arguments == "null":
            arguments = "{}"
        yield ToolCallDelta(place, call_ids.made(carried), call.name, arguments, index)


def _finish_reason(candidate: Candidate, choice: _Choice) -> FinishReason:
    match candidate.finish_reason:
        case "STOP":
            return "tool_calls" if choice.calls else "stop"
        case "MAX_TOKENS":
            return "length"
        case reason if reason in _FILTERED:
            return "content_filter"
        case reason:
            detail = f"{reason}: {candidate.finish_message}"[:200]
            message = "The model did not finish its answer."
            raise UpstreamBadResponse(message, detail=detail)


def _used(told: Raw) -> TokensUsed | None:
    """The usage; None where it was not reported, or cannot be read."""
    try:
        return plausible(_tokens(_usage(told)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _tokens(used: UsageMetadata) -> TokensUsed:
    of: Counter[str] = Counter()
    for one in used.prompt_tokens_details or ():
        of[one.modality] += one.token_count
    return TokensUsed(
        prompt=used.prompt_token_count + used.tool_use_prompt_token_count,
        completion=used.candidates_token_count + used.thoughts_token_count,
        cached=used.cached_content_token_count,
        reasoning=used.thoughts_token_count,
        of_text=of["TEXT"],
        of_images=of["IMAGE"],
        of_videos=of["VIDEO"],
        of_sound=of["AUDIO"],
        of_documents=of["DOCUMENT"],
    )


def _logprobs(result: LogprobsResult) -> bytes:
    """The same in OpenAI's form."""
    tops = [place.candidates for place in result.top_candidates]
    tops += [[] for _ in result.chosen_candidates[len(tops) :]]
    content = [
        {**_token(chosen), "top_logprobs": [_token(one) for one in top]}
        for chosen, top in zip(result.chosen_candidates, tops, strict=False)
    ]
    return _encode({"content": content, "refusal": None})


def _token(one: TokenLogprob) -> dict[str, object]:
    encoded = list(one.token.encode("utf-8", "surrogatepass"))
    return {"token": one.token, "logprob": one.log_probability, "bytes": encoded}
