"""The OpenAI dialect: vLLM, llama.cpp, Azure's v1 form, and every other compatible server."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol, Self

import msgspec
from msgspec import Raw
from typing_extensions import override

from visus.core import call_ids
from visus.core.events import (
    Answer,
    AnswerModeration,
    Batch,
    Event,
    Finished,
    FinishReason,
    LimitsTold,
    LogprobsDelta,
    PromptModeration,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    TokensUsed,
    ToolCallDelta,
)
from visus.core.places import Demand
from visus.core.prompt import (
    Image,
    MediaFile,
    Prompt,
    PromptPart,
    PromptTurn,
    SentMedia,
)
from visus.core.question import JsonSchema, NamedTool, Options, Text, Tool
from visus.errors import ServiceError, UnsupportedParameter, UpstreamBadResponse
from visus.providers import faults, moderation
from visus.providers.media_names import media_names
from visus.providers.openai_options import MaxTokensField
from visus.providers.openai_shapes import (
    ABSENT,
    NOTHING,
    Chunk,
    Completion,
    Named,
    Said,
    StreamedChoice,
    Usage,
    WholeChoice,
)
from visus.providers.splicing import new_mark, spliced
from visus.providers.transport import Body, Endpoint
from visus.wire import sse

_chunk: Final = msgspec.json.Decoder(Chunk).decode
_named: Final = msgspec.json.Decoder(Named).decode
_completion: Final = msgspec.json.Decoder(Completion).decode

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


class Answered(Protocol):
    """An answer whose head is there, such as `transport.Reply`. Whoever holds it closes it."""

    status: int
    headers: Mapping[str, str]
    is_understood: bool
    """Set when nothing more is wanted, though last bytes may be on their way."""

    async def more(self) -> bytes:
        """The next bytes of the body; empty where it is complete."""
        ...

    async def read(self) -> bytes:
        """The rest of the body."""
        ...

    def close(self) -> None:
        """Ends the exchange; an answer that was not taken whole ends upstream."""
        ...


class Carrier(Protocol):
    """The way to a server: `transport.Transport`, or a line to a process of ours."""

    async def post(
        self, endpoint: Endpoint, body: Body, within: Sequence[Demand], /
    ) -> Answered:
        """Sends `body` and waits for the head of the answer."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIProvider:
    """One OpenAI-compatible server."""

    endpoint_of: Callable[[str], Endpoint]
    """Its chat completions route for a model, with the key where it asks for one; quick, since
    it is asked each time."""
    max_event_bytes: int
    transport: Carrier
    max_tokens_field: MaxTokensField | None = None
    """See `openai_options`, as for the next two."""
    media_uuid: bool = False
    trusts_mm_kwargs: bool = False
    mark: str = field(default_factory=new_mark)
    """Stands for each picture until the JSON around them is written."""

    def open(self, prompt: Prompt) -> Answer:
        """Asks `prompt`; see `visus.providers.base.Provider`."""
        return _Opened(self, prompt)


class _Opened(AbstractAsyncContextManager[AsyncIterator[Batch]]):
    """An answer that is asked for on entering and ended on leaving."""

    __slots__ = ("_prompt", "_provider", "_reply")

    def __init__(self, provider: OpenAIProvider, prompt: Prompt) -> None:
        self._provider = provider
        self._prompt = prompt
        self._reply: Answered | None = None

    @override
    async def __aenter__(self) -> AsyncIterator[Batch]:
        provider, prompt = self._provider, self._prompt
        if provider.max_tokens_field is not None:
            options = prompt.options._replace(max_tokens_field=provider.max_tokens_field)
            prompt = prompt._replace(options=options)
        names = await media_names(prompt) if provider.media_uuid else ()
        body = request_body(
            prompt, provider.mark, names=names, by_kwargs=provider.trusts_mm_kwargs
        )
        endpoint = provider.endpoint_of(prompt.upstream_id)
        reply = await provider.transport.post(endpoint, body, prompt.within)
        if reply.status != 200:  # noqa: PLR2004 -- HTTP's OK
            try:
                said = await reply.read()
            finally:
                reply.close()
            raise faults.refusal(reply.status, said, reply.headers, prompt)
        self._reply = reply
        answer: _StreamedAnswer | _WholeAnswer
        if reply.headers.get("content-type", "").startswith("text/event-stream"):
            answer = _StreamedAnswer(reply, prompt, provider.max_event_bytes)
        else:
            answer = _WholeAnswer(reply, prompt)
        told = not faults.LIMITS.isdisjoint(reply.headers)
        return _WithLimits(reply, answer) if told else answer

    @override
    async def __aexit__(self, *_: object) -> None:
        if self._reply is not None:
            self._reply.close()


class _WithLimits:
    """An answer whose first batch begins with what the server says of our limits there."""

    def __init__(self, reply: Answered, batches: "_StreamedAnswer | _WholeAnswer") -> None:
        self._told: Batch = (LimitsTold(faults.limits(reply.headers)),)
        self._batches = batches

    @property
    def answered_as(self) -> str | None:
        """See `visus.providers.base.Provider`."""
        return self._batches.answered_as

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Batch:
        batch = await anext(self._batches)
        told, self._told = self._told, ()
        return told + batch


class _WholeAnswer:
    """One batch: an answer that comes as one body."""

    def __init__(self, reply: Answered, prompt: Prompt) -> None:
        self._reply: Answered | None = reply
        self._prompt = prompt
        self.answered_as: str | None = None
        """See `visus.providers.base.Provider`."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Batch:
        if self._reply is None:
            raise StopAsyncIteration
        body = await self._reply.read()
        self._reply = None
        completion = _read(body)
        self.answered_as = completion.model
        return _whole(completion, self._prompt)


class _StreamedAnswer:
    """A batch for each read that completes an event."""

    def __init__(self, reply: Answered, prompt: Prompt, max_event_bytes: int) -> None:
        self._reply = reply
        self._reader = sse.EventReader(max_event_bytes=max_event_bytes)
        self._translator = _StreamTranslator(prompt)
        self._failure: ServiceError | None = None
        self.answered_as: str | None = None
        """See `visus.providers.base.Provider`."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Batch:
        while self._failure is None and not self._translator.done:
            received = await self._reply.more()
            if not received:
                self._translator.check_complete()
                break
            events = self._events(received)
            if events:
                return events
        if self._failure is not None:
            raise self._failure
        self._reply.is_understood = True
        raise StopAsyncIteration

    def _events(self, received: bytes) -> Batch:
        try:
            payloads = self._reader.feed(received)
        except sse.EventTooLarge as fault:
            message = "An event of the model's stream is too large."
            raise UpstreamBadResponse(message) from fault
        events, self._failure = self._translator.events(payloads)
        if not self.answered_as and events:
            self.answered_as = _name_in(payloads[0])
        return self._translator.with_verdict(events) if events else events


def _name_in(payload: bytes) -> str | None:
    try:
        return _named(payload).model
    except msgspec.DecodeError:
        return None


def _read(body: bytes) -> Completion:
    try:
        return _completion(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        message = "The model's server gave an answer that cannot be read."
        raise UpstreamBadResponse(message, detail=str(fault)[:200]) from fault


def _whole(completion: Completion, prompt: Prompt) -> Batch:
    if completion.error and bytes(completion.error) != b"null":
        raise faults.told_in_stream(bytes(completion.error), prompt)
    if not completion.choices:
        raise UpstreamBadResponse("The model's server gave an answer without a choice.")
    events: list[Event] = []
    if (verdict := moderation.of_prompt(completion.prompt_filter_results)) is not None:
        events.append(verdict)
    for choice in completion.choices:
        events += _choice_events(choice, choice.message)
        events.append(Finished(_finish_reason(choice.finish_reason or "stop"), choice.index))
        events += _verdict(choice, is_of_last=True)
    events += _usage_events(completion.usage)
    return tuple(events)


# --- The request -----------------------------------------------------------------------------


def request_body(
    prompt: Prompt, mark: str, *, names: Sequence[str] = (), by_kwargs: bool = False
) -> Body:
    """The prompt in the OpenAI dialect, pictures as views of what the caller sent.

    Args:
        prompt: the prompt.
        mark: stands for each medium until the JSON around them is written.
        names: a `uuid` for each medium, in order; none: they have no such field.
        by_kwargs: tells how videos are sampled in fields of the whole request.

    Raises:
        UnsupportedParameter: with `by_kwargs`, a wish that cannot be told like that.
    """
    pictures: list[SentMedia] = []
    wishes: dict[str, float] = {}
    parts = _Parts(mark, pictures, names, wishes if by_kwargs else None)
    request: dict[str, object] = {
        "model": prompt.upstream_id,
        "messages": [_message(turn, parts) for turn in prompt.turns],
        **_options(prompt.options),
    }
    if wishes:
        # The first decides which frames are read, the second what a processor makes of them.
        request |= {"media_io_kwargs": {"video": wishes}, "mm_processor_kwargs": wishes}
    if prompt.streamed:
        request |= {"stream": True, "stream_options": {"include_usage": True}}
    media = [
        (b"data:%b;base64," % picture.media_type.encode(), picture.base64)
        for picture in pictures
    ]
    return spliced(request, mark, media)


class _Parts(NamedTuple):
    """Writes parts, and keeps the media among them in order."""

    mark: str
    media: list[SentMedia]
    names: Sequence[str]
    kwargs: dict[str, float] | None
    """Where the wishes of videos go; None: beside their URL."""

    def named(self, part: dict[str, object]) -> dict[str, object]:
        """A part with the name of the medium that was added last."""
        return part | {"uuid": self.names[len(self.media) - 1]} if self.names else part

    def video(self, film: MediaFile) -> dict[str, object]:
        """A video, its wishes beside it or among those of the whole request."""
        wishes = film.sampling.named()
        if self.kwargs is None:
            return {"url": self.mark, **wishes}
        told = self.kwargs.setdefault("fps", wishes["fps"]) if "fps" in wishes else None
        if wishes.keys() - {"fps"} or told != wishes.get("fps"):
            raise UnsupportedParameter(
                "The model's server samples all videos of a request alike, by 'fps' alone.",
                param=film.param,
            )
        return {"url": self.mark}


def _message(turn: PromptTurn, parts: _Parts) -> dict[str, object]:
    message: dict[str, object] = {"role": turn.role, "content": None}
    match turn.parts:
        case []:
            pass
        case [Text(text)]:
            message["content"] = text
        case many:
            message["content"] = [_part(part, parts) for part in many]
    if turn.name is not None:
        message["name"] = turn.name
    if turn.tool_call_id is not None:
        message["tool_call_id"] = call_ids.head(turn.tool_call_id)
    if turn.tool_calls:
        message["tool_calls"] = [
            {
                "id": call_ids.head(call.call_id),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in turn.tool_calls
        ]
    return message


def _part(part: PromptPart, parts: _Parts) -> dict[str, object]:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case Image():
            parts.media.append(part)
            location = {"url": parts.mark}
            if part.detail != "auto":  # the default; some servers do not know the field
                location["detail"] = part.detail
            return parts.named({"type": "image_url", "image_url": location})
        case MediaFile(media_type="application/pdf"):
            parts.media.append(part)
            name = part.filename or "document.pdf"  # servers want one
            return {"type": "file", "file": {"filename": name, "file_data": parts.mark}}
        case MediaFile():
            parts.media.append(part)
            return parts.named({"type": "video_url", "video_url": parts.video(part)})


def _options(options: Options) -> dict[str, object]:
    wanted: dict[str, object | None] = {
        options.max_tokens_field: options.max_tokens,
        "temperature": options.temperature,
        "top_p": options.top_p,
        "stop": list(options.stop) or None,
        "seed": options.seed,
        "n": options.n,
        "presence_penalty": options.presence_penalty,
        "frequency_penalty": options.frequency_penalty,
        "logprobs": options.logprobs,
        "top_logprobs": options.top_logprobs,
        "logit_bias": Raw(options.logit_bias) if options.logit_bias else None,
        "user": options.user,
        "reasoning_effort": options.reasoning_effort,
        "tools": [_tool(tool) for tool in options.tools] or None,
        "tool_choice": _tool_choice(options),
        "parallel_tool_calls": options.parallel_tool_calls,
        "response_format": _response_format(options),
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _tool(tool: Tool) -> dict[str, object]:
    function: dict[str, object] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = Raw(tool.parameters)
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _tool_choice(options: Options) -> object:
    match options.tool_choice:
        case NamedTool(name):
            return {"type": "function", "function": {"name": name}}
        case choice:
            return choice


def _response_format(options: Options) -> object:
    match options.answer_format:
        case None:
            return None
        case JsonSchema() as wanted:
            schema: dict[str, object] = {"name": wanted.name, "schema": Raw(wanted.schema)}
            if wanted.description is not None:
                schema["description"] = wanted.description
            if wanted.strict is not None:
                schema["strict"] = wanted.strict
            return {"type": "json_schema", "json_schema": schema}
        case _:
            return {"type": "json_object"}


# --- The answer ------------------------------------------------------------------------------


class _StreamTranslator:
    """Turns the payloads of one stream into events, and knows whether it is complete."""

    def __init__(self, prompt: Prompt) -> None:
        self._prompt = prompt
        self._finished: set[int] = set()
        self._of_prompt: PromptModeration | None = None
        """Comes before the first word, and is no answer by itself: it waits for one."""
        self.done = False

    def events(self, payloads: list[bytes]) -> tuple[Batch, ServiceError | None]:
        """The events of `payloads`, and the failure that stands behind the last of them."""
        events: list[Event] = []
        for payload in payloads:
            if payload == b"[DONE]":
                self.done = True
                return tuple(events), self._incomplete()
            try:
                chunk = _chunk(payload)
                choices = chunk.choices
                # One choice with more text and nothing else: nearly every chunk there is.
                if choices and len(choices) == 1 and (text := _only_text(choices[0])):
                    events.append(TextDelta(text, choices[0].index))
                    if chunk.usage is not None:
                        events += _usage_events(chunk.usage)
                else:
                    events += self._chunk_events(chunk)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
                message = "The model's server sent an event that cannot be read."
                return tuple(events), UpstreamBadResponse(message, detail=str(fault)[:200])
            except ServiceError as failure:
                return tuple(events), failure
        return tuple(events), None

    def with_verdict(self, events: Batch) -> Batch:
        """The events, behind what a filter thinks of the prompt if that has not been told."""
        if self._of_prompt is None:
            return events
        verdict, self._of_prompt = self._of_prompt, None
        return (verdict, *events)

    def check_complete(self) -> None:
        """Raises where the stream broke off before a choice was finished."""
        failure = self._incomplete()
        if failure is not None:
            raise failure

    def _incomplete(self) -> ServiceError | None:
        if self._finished:
            return None
        return UpstreamBadResponse("The model's server broke off its answer.")

    def _chunk_events(self, chunk: Chunk) -> Iterator[Event]:
        if chunk.error and bytes(chunk.error) != b"null":
            raise faults.told_in_stream(bytes(chunk.error), self._prompt)
        if chunk.prompt_filter_results is not ABSENT:
            self._of_prompt = moderation.of_prompt(chunk.prompt_filter_results)
        for choice in chunk.choices or ():
            said = [
                *_choice_events(choice, choice.delta or NOTHING),
                *self._finish(choice),
            ]
            yield from said
            yield from _verdict(choice, is_of_last=bool(said))
        yield from _usage_events(chunk.usage)

    def _finish(self, choice: StreamedChoice) -> Iterator[Finished]:
        if choice.finish_reason and choice.index not in self._finished:
            self._finished.add(choice.index)
            yield Finished(_finish_reason(choice.finish_reason), choice.index)


def _only_text(choice: StreamedChoice) -> str | None:
    """The text of a choice that holds nothing besides."""
    said = choice.delta
    if (
        said is None
        or choice.finish_reason is not None
        or said.tool_calls is not None
        or said.reasoning_content is not None
        or said.reasoning is not None
        or said.refusal is not None
        or choice.content_filter_results is not ABSENT
        or len(memoryview(choice.logprobs)) not in _NO_LOGPROBS
    ):
        return None
    return said.content if isinstance(said.content, str) else None


_NO_LOGPROBS: Final = frozenset({len(b""), len(b"null")})
"""Absent or null; no object with log probabilities is that short."""


def _choice_events(choice: StreamedChoice | WholeChoice, said: Said) -> Iterator[Event]:
    index = choice.index
    if thought := said.reasoning_content or said.reasoning:
        yield ReasoningDelta(thought, index)
    text = _text(said)
    if text:
        yield TextDelta(text, index)
    if said.refusal:
        yield RefusalDelta(said.refusal, index)
    for place, call in enumerate(said.tool_calls or ()):
        yield ToolCallDelta(
            place=place if call.index is None else call.index,
            call_id=call.id,
            name=call.function.name,
            arguments=call.function.arguments or "",
            choice=index,
        )
    if len(memoryview(choice.logprobs)) not in _NO_LOGPROBS:
        yield LogprobsDelta(bytes(choice.logprobs), index)


def _verdict(
    choice: StreamedChoice | WholeChoice, *, is_of_last: bool
) -> Iterator[AnswerModeration]:
    if choice.content_filter_results is not ABSENT:
        verdict = moderation.of_answer(
            choice.content_filter_results,
            choice.content_filter_offsets,
            choice.index,
            is_of_last=is_of_last,
        )
        if verdict is not None:
            yield verdict


def _text(said: Said) -> str:
    if isinstance(said.content, list):
        return "".join(part.text for part in said.content)
    return said.content or ""


def _finish_reason(reason: str) -> FinishReason:
    if reason in FAILED:
        raise UpstreamBadResponse("The model's server broke off its answer.", detail=reason)
    return FINISH_REASONS.get(reason, "stop")


def _usage_events(usage: Usage | None) -> Iterator[Event]:
    if usage is None:
        return
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    yield TokensUsed(
        prompt=usage.prompt_tokens,
        completion=usage.completion_tokens or 0,
        cached=(prompt.cached_tokens or 0) if prompt else 0,
        reasoning=(completion.reasoning_tokens or 0) if completion else 0,
    )
