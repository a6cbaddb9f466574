"""An answer as clients read it: one body, or a stream of chunks, from the same events."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final, NamedTuple, TypeAlias, assert_never

import msgspec
from msgspec import Raw

from visus.core.events import (
    AnswerModeration,
    Batch,
    BoxesConverted,
    Event,
    Finished,
    FinishReason,
    LogprobsDelta,
    Preamble,
    PromptModeration,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    TokensUsed,
    ToolCallDelta,
    said_bytes,
)
from visus.wire import report, sse
from visus.wire.report import ReportedPart

Delta: TypeAlias = Mapping[str, object]
OfChoice: TypeAlias = (
    TextDelta
    | ReasoningDelta
    | RefusalDelta
    | ToolCallDelta
    | LogprobsDelta
    | AnswerModeration
    | Finished
)
"""What belongs to one of an answer's choices."""
Said: TypeAlias = (
    TextDelta | ReasoningDelta | RefusalDelta | ToolCallDelta | LogprobsDelta | AnswerModeration
)
"""The same, but for its end."""
_CAN_BE_JUDGED: Final = (TextDelta, RefusalDelta, ToolCallDelta, LogprobsDelta, Finished)
_HAVE_LOGPROBS: Final = (TextDelta, ReasoningDelta, RefusalDelta)
_GO_WITH_OTHERS: Final = frozenset({AnswerModeration, LogprobsDelta})
_KINDS_FROM: Final = TokensUsed._fields.index("of_text")
_CHOICE_OF_WORDS: Final = itemgetter(TextDelta._fields.index("choice"))
_encode: Final = msgspec.json.Encoder().encode
_encode_lines: Final = msgspec.json.Encoder().encode_lines
_fields: Final = msgspec.json.Decoder(dict[str, Raw]).decode


class Envelope(msgspec.Struct, frozen=True):
    """What every piece of one answer repeats."""

    answer_id: str
    """`chatcmpl-...`."""
    model: str
    """The id that the caller asked for, whatever the upstream calls itself."""
    created: int
    """Seconds since 1970."""


def usage_json(used: TokensUsed) -> dict[str, object]:
    """The `usage` object."""
    details = {"cached_tokens": used.cached}
    if any(used[_KINDS_FROM:]):
        details |= _by_kind(used)
    return {
        "prompt_tokens": used.prompt,
        "completion_tokens": used.completion,
        "total_tokens": used.prompt + used.completion,
        "prompt_tokens_details": details,
        "completion_tokens_details": {"reasoning_tokens": used.reasoning},
    }


def _by_kind(used: TokensUsed) -> dict[str, int]:
    kinds = {
        "text_tokens": used.of_text,
        "image_tokens": used.of_images,
        "video_tokens": used.of_videos,
        "audio_tokens": used.of_sound,
        "document_tokens": used.of_documents,
    }
    return {name: count for name, count in kinds.items() if count}


# --- Streamed --------------------------------------------------------------------------------


class ChunkWriter:
    """Writes batches of events down as `chat.completion.chunk` frames.

    The first chunk of each choice carries the role. What says that a choice is finished is kept
    back until `closing`: an answer that breaks off must not look finished. So is usage, which
    `closing` gives where the caller asked for it, as a chunk of its own after everything else.
    """

    def __init__(self, envelope: Envelope, *, include_usage: bool) -> None:
        self._include_usage = include_usage
        self._finished: list[bytes] = []
        self._used: TokensUsed | None = None
        self._boxes: BoxesConverted | None = None
        self._begun: set[int] = set()
        self.heard_bytes = 0
        """Of all that the model wrote (`said_bytes`); of its text as JSON has it."""
        head = {
            "id": envelope.answer_id,
            "object": "chat.completion.chunk",
            "created": envelope.created,
            "model": envelope.model,
        }
        self._head = b"data: " + _encode(head)[:-1] + b',"choices":['
        self._tail = b'],"usage":null}\n\n' if include_usage else b"]}\n\n"
        self._text_head = self._head + b'{"index":0,"delta":{"content":'
        self._text_tail = b'},"logprobs":null,"finish_reason":null}' + self._tail
        self._text_seam = self._text_tail + self._text_head

    def frames(self, batch: Batch) -> bytes:
        """The frames of one batch; empty where nothing of it is to be seen."""
        if not _GO_WITH_OTHERS.isdisjoint(map(type, batch)):
            return b"".join([self._frame(*piece) for piece in _joined(batch)])
        # Nearly every batch of nearly every answer is words, and nothing else: those between
        # what opens the answer and what closes it are written in one go.
        begins = 0 if 0 in self._begun else 1
        opening = b"".join([self._frame(event) for event in batch[:begins]])
        ends = len(batch)
        while ends > begins and type(batch[ends - 1]) is not TextDelta:
            ends -= 1
        words = batch[begins:ends]
        if not words:
            written = b""
        elif 0 in self._begun and _are_of_first_choice(words):
            written = self._words(words)
        else:
            written = b"".join([self._frame(event) for event in words])
        closing = b"".join([self._frame(event) for event in batch[ends:]])
        return opening + written + closing

    def _words(self, words: Batch) -> bytes:
        """A frame for each: one call writes all of them down, a line for each."""
        lines = _encode_lines([event[0] for event in words])
        self.heard_bytes += len(lines) - len('""\n') * len(words)
        return self._text_head + lines[:-1].replace(b"\n", self._text_seam) + self._text_tail

    def closing(self, parts: Sequence[ReportedPart] | None = None) -> bytes:
        """What ends a complete stream: its finish, and usage and report in one chunk."""
        finished = b"".join(self._finished)
        last: dict[str, object] = {}
        ours = _ours(parts, self._boxes)
        if self._include_usage and self._used is not None:
            last["usage"] = usage_json(self._used)
        elif self._include_usage and ours:
            last["usage"] = None
        if ours:
            last["visus"] = ours
        if not last:
            return finished + sse.DONE
        return finished + self._head + b"]," + _encode(last)[1:] + b"\n\n" + sse.DONE

    def _frame(
        self,
        event: Event,
        logprobs: bytes | None = None,
        verdict: AnswerModeration | None = None,
    ) -> bytes:
        if type(event) is TextDelta:
            written = _encode(event.text)
            self.heard_bytes += len(written) - len('""')
            is_bare = logprobs is None and verdict is None
            if event.choice == 0 and is_bare and 0 in self._begun:
                return self._text_head + written + self._text_tail
        match event:
            case TokensUsed():
                self._used = event
            case BoxesConverted():
                self._boxes = event
            case Preamble():
                pass  # headers
            case PromptModeration(results=results):
                return self._head + b'],"prompt_filter_results":' + results + self._tail[1:]
            case Finished(reason=reason):
                self._finished.append(self._chunk(event.choice, {}, reason, verdict=verdict))
                return self._opening(event.choice)
            case ReasoningDelta() | RefusalDelta() | ToolCallDelta():
                self.heard_bytes += said_bytes((event,))
                return self._opening(event.choice) + self._said(event, logprobs, verdict)
            case _:
                return self._opening(event.choice) + self._said(event, logprobs, verdict)
        return b""

    def _said(
        self, event: Said, logprobs: bytes | None, verdict: AnswerModeration | None
    ) -> bytes:
        match event:
            case LogprobsDelta():
                return self._chunk(event.choice, {}, None, event.logprobs, verdict)
            case AnswerModeration():
                return self._chunk(event.choice, {}, None, verdict=event)
            case ToolCallDelta(name=str(), arguments=arguments) if arguments:
                # As OpenAI does: first whom it calls, then with what.
                begun = self._said(event._replace(arguments=""), None, None)
                rest = event._replace(call_id=None, name=None)
                return begun + self._said(rest, None, verdict)
            case _:
                return self._chunk(event.choice, _delta(event), None, logprobs, verdict)

    def _opening(self, choice: int) -> bytes:
        if choice in self._begun:
            return b""
        self._begun.add(choice)
        return self._chunk(choice, {"role": "assistant", "content": ""}, None)

    def _chunk(
        self,
        choice: int,
        delta: Delta,
        reason: FinishReason | None,
        logprobs: bytes | None = None,
        verdict: AnswerModeration | None = None,
    ) -> bytes:
        body = {
            "index": choice,
            "delta": delta,
            "logprobs": Raw(logprobs) if logprobs else None,
            "finish_reason": reason,
        }
        written = _encode(body)
        if verdict is not None:
            written = written[:-1] + b"," + verdict.fields[1:]
        return self._head + written + self._tail


def _are_of_first_choice(batch: Batch) -> bool:
    """Whether there are only words in it, and only the first choice's."""
    return set(map(type, batch)) == {TextDelta} and not any(map(_CHOICE_OF_WORDS, batch))


class _Piece(NamedTuple):
    """An event, and what stands right behind it and goes into the same chunk."""

    event: Event
    logprobs: bytes | None = None
    """Of its words."""
    verdict: AnswerModeration | None = None
    """Of a content filter."""


def _joined(batch: Batch) -> Iterator[_Piece]:
    last: _Piece | None = None
    for event in batch:
        joined = None if last is None else _with(last, event)
        if joined is None:
            if last is not None:
                yield last
            joined = _Piece(event)
        last = joined
    if last is not None:
        yield last


def _with(piece: _Piece, event: Event) -> _Piece | None:
    """The piece with an event that goes into its chunk; None for one that does not."""
    first = piece.event
    if piece.verdict is not None:
        return None
    match event:
        case LogprobsDelta() if (
            isinstance(first, _HAVE_LOGPROBS)
            and first.choice == event.choice
            and piece.logprobs is None
        ):
            return piece._replace(logprobs=event.logprobs)
        case AnswerModeration(is_of_last=True) if (
            isinstance(first, _CAN_BE_JUDGED) and first.choice == event.choice
        ):
            return piece._replace(verdict=event)
        case _:
            return None


def _delta(event: TextDelta | ReasoningDelta | RefusalDelta | ToolCallDelta) -> Delta:
    match event:
        case TextDelta(text=text):
            return {"content": text}
        case ReasoningDelta(text=text):
            return {"reasoning_content": text}
        case RefusalDelta(text=text):
            return {"refusal": text}
        case ToolCallDelta():
            return {"tool_calls": [_tool_call_delta(event)]}
        case _:
            assert_never(event)


def _tool_call_delta(event: ToolCallDelta) -> dict[str, object]:
    call: dict[str, object] = {"index": event.place}
    function: dict[str, str] = {}
    if event.call_id is not None:
        call |= {"id": event.call_id, "type": "function"}
    if event.name is not None:
        function["name"] = event.name
    function["arguments"] = event.arguments
    return call | {"function": function}


# --- In one body -----------------------------------------------------------------------------


@dataclass(slots=True)
class _Call:
    call_id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])


@dataclass(slots=True)
class _Choice:
    text: list[str] = field(default_factory=list[str])
    reasoning: list[str] = field(default_factory=list[str])
    refusal: list[str] = field(default_factory=list[str])
    calls: dict[int, _Call] = field(default_factory=dict[int, _Call])
    logprobs: list[bytes] = field(default_factory=list[bytes])
    verdict: AnswerModeration | None = None
    reason: FinishReason | None = None


class Fold:
    """Gathers the events of an answer and writes them as one `chat.completion` body."""

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self._choices: dict[int, _Choice] = {}
        self._used: TokensUsed | None = None
        self._boxes: BoxesConverted | None = None
        self._prompt_verdict: PromptModeration | None = None

    def add(self, batch: Iterable[Event]) -> None:
        """Takes more of the answer."""
        for event in batch:
            match event:
                case TokensUsed():
                    self._used = event
                case PromptModeration():
                    self._prompt_verdict = event
                case BoxesConverted():
                    self._boxes = event
                case Preamble():
                    pass  # headers
                case _:
                    choice = self._choices.get(event.choice)
                    if choice is None:
                        choice = self._choices[event.choice] = _Choice()
                    _gather(choice, event)

    def text(self) -> str:
        """The text of the first choice."""
        return "".join(self._choices[0].text) if 0 in self._choices else ""

    def body(self, parts: Sequence[ReportedPart] | None = None) -> bytes:
        """The whole answer as JSON, with the report where one is wanted."""
        answer: dict[str, object] = {
            "id": self._envelope.answer_id,
            "object": "chat.completion",
            "created": self._envelope.created,
            "model": self._envelope.model,
            "choices": [
                _choice_json(index, choice) for index, choice in sorted(self._choices.items())
            ],
        }
        if self._used is not None:
            answer["usage"] = usage_json(self._used)
        if self._prompt_verdict is not None:
            answer["prompt_filter_results"] = Raw(self._prompt_verdict.results)
        if ours := _ours(parts, self._boxes):
            answer["visus"] = ours
        return _encode(answer)


def _ours(
    parts: Sequence[ReportedPart] | None, boxes: BoxesConverted | None
) -> dict[str, object]:
    """The `visus` object: what was asked for, and nothing else."""
    ours: dict[str, object] = {}
    if parts is not None:
        ours["parts"] = parts
    if boxes is not None:
        ours["boxes"] = report.boxes(boxes)
    return ours


def _gather(choice: _Choice, event: OfChoice) -> None:
    match event:
        case TextDelta(text=text):
            choice.text.append(text)
        case ReasoningDelta(text=text):
            choice.reasoning.append(text)
        case RefusalDelta(text=text):
            choice.refusal.append(text)
        case ToolCallDelta():
            call = choice.calls.setdefault(event.place, _Call())
            call.call_id = event.call_id or call.call_id
            call.name = event.name or call.name
            call.arguments.append(event.arguments)
        case LogprobsDelta(logprobs=logprobs):
            choice.logprobs.append(logprobs)
        case AnswerModeration():
            choice.verdict = event
        case Finished(reason=reason):
            choice.reason = reason
        case _:
            assert_never(event)


def _choice_json(index: int, choice: _Choice) -> dict[str, object]:
    text = "".join(choice.text)
    message: dict[str, object] = {
        "role": "assistant",
        "content": text if choice.text or not choice.calls else None,
        "refusal": "".join(choice.refusal) or None,
    }
    if choice.reasoning:
        message["reasoning_content"] = "".join(choice.reasoning)
    if choice.calls:
        message["tool_calls"] = [_call_json(call) for _, call in sorted(choice.calls.items())]
    judged = {} if choice.verdict is None else _fields(choice.verdict.fields)
    return {
        "index": index,
        "message": message,
        "logprobs": _joined_logprobs(choice.logprobs),
        "finish_reason": choice.reason,
        **judged,
    }


def _call_json(call: _Call) -> dict[str, object]:
    function = {"name": call.name, "arguments": "".join(call.arguments)}
    return {"id": call.call_id, "type": "function", "function": function}


class _Logprobs(msgspec.Struct):
    content: list[Raw] | None = None
    refusal: list[Raw] | None = None


def _joined_logprobs(pieces: list[bytes]) -> _Logprobs | None:
    if not pieces:
        return None
    parsed = [msgspec.json.decode(piece, type=_Logprobs) for piece in pieces]
    return _Logprobs(
        content=[entry for piece in parsed for entry in piece.content or ()],
        refusal=[entry for piece in parsed for entry in piece.refusal or ()] or None,
    )
