"""An answer as it comes from a model's server, whole or streamed, in any dialect."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final, Protocol, Self, TypeAlias

from visus.core.events import Batch, Preamble
from visus.core.prompt import Prompt
from visus.errors import ServiceError, UpstreamBadResponse
from visus.providers import faults
from visus.wire import sse

_OK: Final = 200

Whole: TypeAlias = tuple[Batch, str | None]
"""All events of a body, and the model that it says it comes from."""


class Answered(Protocol):
    """An answer whose head has arrived, such as `transport.Reply`. The caller must close it."""

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

    def has_begun(self) -> None:
        """The first event is there: from now on the whole answer's deadline counts."""
        ...

    def close(self) -> None:
        """Ends the exchange; an answer that was not taken whole ends upstream."""
        ...


class Translator(Protocol):
    """What a dialect makes of the payloads of one stream, in order."""

    is_done: bool
    """Whether its end has been seen, whatever may follow."""
    named: str | None
    """The model that the server says it asked, once there were events."""

    def events(self, payloads: list[bytes]) -> tuple[Batch, ServiceError | None]:
        """The events of `payloads`, and the failure that stands behind the last of them."""
        ...

    def end(self) -> Batch:
        """What is left to say when nothing more comes; raises if the answer broke off."""
        ...


async def check_status(reply: Answered, refused: Callable[[bytes], ServiceError]) -> None:
    """Closes an answer that is none, and raises what `refused` makes of its body."""
    if reply.status == _OK:
        return
    try:
        said = await reply.read()
    finally:
        reply.close()
    raise refused(said)


def events_of(
    reply: Answered,
    prompt: Prompt,
    *,
    whole: Callable[[bytes, Prompt], Whole],
    translator: Callable[[Prompt], Translator],
    max_event_bytes: int,
) -> AsyncIterator[Batch]:
    """The events of an answer: of its body, or as they come in a stream.

    Args:
        reply: the answer's head is there, and was checked.
        prompt: what it answers.
        whole: reads a body.
        translator: for a stream.
        max_event_bytes: of each event of a stream.
    """
    if reply.headers.get("content-type", "").lower().startswith("text/event-stream"):
        return _StreamedAnswer(
            reply, prompt, translator(prompt), max_event_bytes=max_event_bytes
        )
    return _WholeAnswer(reply, prompt, whole)


class _WholeAnswer:
    """One batch: an answer that comes as one body."""

    def __init__(
        self, reply: Answered, prompt: Prompt, read: Callable[[bytes, Prompt], Whole]
    ) -> None:
        self._reply: Answered | None = reply
        self._prompt = prompt
        self._read = read

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Batch:
        reply, self._reply = self._reply, None
        if reply is None:
            raise StopAsyncIteration
        reply.has_begun()
        events, named = self._read(await reply.read(), self._prompt)
        return _introduced(events, reply, named, self._prompt)


class _StreamedAnswer:
    """A batch for each read that completes an event."""

    def __init__(
        self, reply: Answered, prompt: Prompt, translator: Translator, *, max_event_bytes: int
    ) -> None:
        self._reply = reply
        self._prompt = prompt
        self._translator = translator
        self._reader = sse.EventReader(max_event_bytes=max_event_bytes)
        self._failure: ServiceError | None = None
        self._has_begun = False
        self._is_over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Batch:
        while self._failure is None and not self._is_over:
            received = await self._reply.more()
            events = self._events(received) if received else self._last_events()
            if events:
                return events if self._has_begun else self._begun(events)
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
        self._is_over = self._translator.is_done
        return events

    def _last_events(self) -> Batch:
        self._is_over = True
        return self._translator.end()

    def _begun(self, events: Batch) -> Batch:
        self._has_begun = True
        self._reply.has_begun()
        return _introduced(events, self._reply, self._translator.named, self._prompt)


def _introduced(events: Batch, reply: Answered, named: str | None, prompt: Prompt) -> Batch:
    """The first events, behind what the server says besides them, if it says anything."""
    is_limited = not faults.LIMITS.isdisjoint(reply.headers)
    if named == prompt.upstream_id:
        named = None
    if not is_limited and not named:
        return events
    return (Preamble(faults.limits(reply.headers) if is_limited else {}, named), *events)
