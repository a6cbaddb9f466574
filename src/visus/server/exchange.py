"""One HTTP exchange: its id, its headers, its record, and whether an answer has begun."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final

from typing_extensions import override

from visus.accounts.keys import Key
from visus.accounts.ledger import NOTHING, Size
from visus.config import ServerSettings
from visus.core.events import TokensUsed
from visus.core.trace import Trace
from visus.errors import (
    InvalidValue,
    MethodNotAllowed,
    NotFound,
    RequestTooLarge,
    ServiceError,
    ShuttingDown,
    UnsupportedMediaType,
    UnsupportedParameter,
)
from visus.routing.dispatch import Attempt
from visus.server import upstream_limits
from visus.server.body import FIRST_BLOCK_BYTES, Bytes, HungUp, Pace
from visus.server.error_body import error_body
from visus.server.record import Record
from visus.server.request import ClientRequest, Header, Line
from visus.wire import sse
from visus.wire.chat import ignored_header

JSON: Final = (b"content-type", b"application/json")
_ALWAYS: Final = (
    b"x-request-id: %b\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\n"
)


def new_request_id() -> str:
    """`req_`, the milliseconds since 1970 and 48 random bits: nothing to keep secret.

    The time comes first, so that what is kept by these ids is written in their order.
    """
    return f"req_{time.time_ns() // 1_000_000:012x}{random.getrandbits(48):012x}"


class Exchange:
    """A request and its answer, as far as it has come. Lives as long as the request."""

    trace: Trace | None = None
    """Where traces are configured, and this is to be in one."""

    def __init__(self, request: ClientRequest) -> None:
        self.request = request
        self.request_id = new_request_id()
        self.method = request.method
        """In capitals."""
        self.path = request.path
        """Its escapes resolved."""
        self.path_params: Mapping[str, str] = {}
        """What the route's pattern left open."""
        self.status: int | None = None
        self.caller: Key | None = None
        self.model: str | None = None
        """Which model was asked, by its own id."""
        self.standing: Callable[[], bytes] | None = None
        """What the caller is told of their limits: whole lines of the answer's head."""
        self.route: str | None = None
        """The pattern of the route that answers it."""
        self.attempts: Sequence[Attempt] = ()
        """What was asked of models' servers."""
        self.used: TokensUsed | None = None
        """What the model's server counted."""
        self.size: Size = NOTHING
        """The estimated size of the question."""
        self.fault_status: int | None = None
        """The status of what went wrong, also where another one was sent before."""
        self.began_s = time.monotonic()
        self.sent_s = self.began_s
        """When the last byte was handed over; a reader that takes nothing leaves it behind."""
        self.took_s = 0.0
        """How long it has taken; known at its end."""
        self.sending = False
        self.record = Record(
            "", "info", "request", self.request_id, None, self.method, self.path[:200], None, 0
        )
        self.hung_up = False
        self.is_job = False
        """Whether it is answered later, on its own, and may name a webhook."""
        self._headers: dict[bytes, bytes] | None = None

    @property
    def started(self) -> bool:
        """Whether an answer has begun."""
        return self.request.is_started

    @property
    def complete(self) -> bool:
        """Whether the last byte of the answer was handed over."""
        return self.request.is_complete

    def header(self, name: bytes) -> bytes | None:
        """A request header's value, the last where there are several."""
        if self._headers is None:
            self._headers = dict(self.request.headers)
        return self._headers.get(name)

    @property
    def client(self) -> str:
        """The address of the other end."""
        return self.request.line.client

    @property
    def key(self) -> Key:
        """The caller's key, which the gate has made sure of."""
        if self.caller is None:
            raise RuntimeError("an open route has no caller")
        return self.caller

    def wanted_id(self, name: str) -> str:
        """The id of something that stands in the path under that name.

        Raises:
            NotFound: it can be the id of nothing; not every database takes a NUL.
        """
        found = self.path_params[name]
        if "\0" in found:
            raise NotFound("There is nothing of this id here.")
        return found

    @property
    def owner(self) -> str:
        """Whose files the caller may use: their project's."""
        return self.key.project_id

    def headers(self, name: bytes) -> list[bytes]:
        """The values of every request header of that name."""
        return [value for given, value in self.request.headers if given == name]

    async def start(
        self, status: int, headers: Sequence[Header], *, length: int | None = None
    ) -> None:
        """Sends the status line and the headers, ours added; without a length, a stream's."""
        self.status = status
        await self._wait_for_reader()
        self.request.send_head(status, headers, self._own_lines(), length=length)

    async def write(self, body: bytes, *, more: bool) -> None:
        """Sends (more of) the body; waits while the reader takes nothing.

        Raises:
            HungUp: the client is gone. A cancellation says the same, but a task that never
                runs out of data can outrun it.
        """
        if self.hung_up:
            raise HungUp
        await self._wait_for_reader()
        self.request.send(body, more=more)

    async def finish(
        self, status: int, body: bytes, *, headers: Sequence[Header] = (JSON,)
    ) -> None:
        """Sends a whole answer.

        Raises:
            HungUp: the client is gone.
        """
        if self.hung_up:
            raise HungUp
        self.status = status
        await self._wait_for_reader()
        if not self.request.send_whole(status, headers, self._own_lines(), body):
            raise HungUp

    async def refuse(self, error: ServiceError) -> None:
        """Sends an error as the whole answer."""
        self.note_error(error)
        headers: list[Header] = [JSON]
        if error.retry_after_s is not None:
            headers.append((b"retry-after", str(error.retry_after_s).encode()))
        if error.should_retry is not None:
            headers.append((b"x-should-retry", b"true" if error.should_retry else b"false"))
        if isinstance(error, MethodNotAllowed):
            headers.append((b"allow", ", ".join(error.others).encode()))
        if error.limits:
            headers += upstream_limits.as_headers(error.limits)
        await self.finish(error.status, error_body(error), headers=headers)

    def note_error(self, error: ServiceError) -> None:
        """Puts an error into the record; its `detail` is there and nowhere else."""
        self.fault_status = error.status
        record = self.record
        record.code, record.param, record.detail = error.code, error.param, error.detail

    def refuse_webhook(self, webhook: str | None) -> None:
        """Refuses a webhook where the request does not become a job.

        Raises:
            UnsupportedParameter: it is one, and this is no job.
        """
        if webhook is not None and not self.is_job:
            message = "A webhook tells of a job ('/queue', 'Prefer: respond-async') or a batch."
            raise UnsupportedParameter(message, param="visus.webhook")

    def ended_by_hang_up(self) -> AbstractContextManager[None]:
        """Cancels the block when the client goes away, or the server's end cannot wait for it.

        Raises:
            HungUp: the client went away.
            ShuttingDown: the server ends.
        """
        return _EndedByHangUp(self, self.request.line)

    def abort(self) -> None:
        """Drops the connection; the exchange ends as if the client had hung up."""
        self.request.line.abort()

    @property
    def is_cut_short(self) -> bool:
        """Whether it was told to end because the server shuts down."""
        return self.request.line.is_cut_short

    def takes_back_cut(self) -> bool:
        """Whether a cancellation came of the server's end; then the task may go on."""
        task = self.request.line.task
        if not self.is_cut_short or task is None:
            return False
        task.uncancel()
        return True

    @property
    def is_waiting(self) -> bool:
        """Whether the reader has not taken what was sent last."""
        return self.sending or (self.started and self.request.line.drained is not None)

    def keep_alive(self) -> None:
        """Sends a keep-alive comment into a silent stream, if the client still reads."""
        if self.started and not (self.complete or self.hung_up or self.is_waiting):
            self.request.send(sse.KEEP_ALIVE, more=True)
            self.sent_s = time.monotonic()

    def _own_lines(self) -> bytes:
        """What stands in the head of every answer."""
        own = _ALWAYS % self.request_id.encode()
        return own if self.standing is None else own + self.standing()

    async def _wait_for_reader(self) -> None:
        """Returns when what is sent next need not be kept here for long."""
        drained = self.request.line.drained
        if drained is not None:
            self.sending = True
            await asyncio.shield(drained)
            self.sending = False
        self.sent_s = time.monotonic()

    def end(self) -> None:
        """Everything has been said, or nothing more can be."""
        self.took_s = time.monotonic() - self.began_s
        record = self.record
        record.status, record.ms = self.status, round(self.took_s * 1000, 1)
        if self.caller is not None:
            record.caller = self.caller.key_id


class _EndedByHangUp(AbstractContextManager[None]):
    """See `Exchange.ended_by_hang_up`. A cancel scope would cost ten times as much."""

    __slots__ = ("_exchange", "_line", "_task")

    def __init__(self, exchange: Exchange, line: Line) -> None:
        self._exchange = exchange
        self._line = line
        self._task = line.task

    @override
    def __enter__(self) -> None:
        if self._line.is_lost:
            self._exchange.hung_up = True
            raise HungUp
        self._line.on_lost = self._lost

    def _lost(self) -> None:
        if not self._exchange.complete and self._task is not None:
            self._exchange.hung_up = True
            self._line.on_lost = None
            if not self._line.is_cut_short:  # it is cancelled already
                self._task.cancel()

    @override
    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._line.on_lost == self._lost:  # else it is the next request's by now
            self._line.on_lost = None
        is_cancelled = kind is not None and issubclass(kind, asyncio.CancelledError)
        if is_cancelled and self._exchange.takes_back_cut():
            if self._exchange.hung_up:
                raise HungUp from None
            raise shutting_down() from None
        if not self._exchange.hung_up or self._task is None:
            return
        is_ours_alone = not self._task.uncancel()
        if kind is None or (is_ours_alone and is_cancelled):
            raise HungUp from None


def headers_with(ignored: Sequence[str], *, kind: Header = JSON) -> Sequence[Header]:
    """The headers of an answer of that kind, with what of the request was ignored."""
    if not ignored:
        return (kind,)
    return (kind, (b"x-visus-ignored", ignored_header(ignored).encode()))


def shutting_down() -> ShuttingDown:
    """The error for questions while the server shuts down."""
    return ShuttingDown("The server is stopping.", retry_after_s=1)


def made_by(exchange: Exchange) -> str | None:
    """What names this request in the traces of jobs that it makes; None where none are made."""
    return None if exchange.trace is None else exchange.trace.traceparent().decode()


async def read_json(
    exchange: Exchange, settings: ServerSettings, *, max_bytes: int | None = None
) -> Bytes:
    """The body of a request that must be plain JSON, of at most `max_bytes` if less is taken.

    Raises:
        UnsupportedMediaType: another type, another encoding, or a compressed body.
        RequestTooLarge: over `max_bytes`, by its declared length before anything is read.
        RequestTimedOut: it comes too slowly.
        HungUp: the client went away.
    """
    _check_type(exchange)
    most = settings.max_body_bytes if max_bytes is None else max_bytes
    _check_declared_length(exchange, most)
    body = exchange.request.body
    if body.is_complete and body.size <= min(most, FIRST_BLOCK_BYTES):
        return body.taken()
    pace = Pace(
        settings.body_timeout_s, settings.body_patience_s, settings.min_body_bytes_per_s
    )
    return await body.whole(max_bytes=most, pace=pace)


def _check_type(exchange: Exchange) -> None:
    declared = exchange.header(b"content-type") or b""
    encoding = exchange.header(b"content-encoding")
    if declared == b"application/json" and encoding is None:
        return
    kind, _, parameters = declared.lower().partition(b";")
    if kind.strip() != b"application/json":
        raise UnsupportedMediaType("The body must be declared as 'application/json'.")
    charset = parameters.partition(b"charset=")[2].strip(b' "')
    if charset not in {b"", b"utf-8", b"utf8", b"us-ascii"}:
        raise UnsupportedMediaType("JSON is UTF-8: leave the charset out.")
    if encoding not in {None, b"", b"identity"}:
        raise UnsupportedMediaType("A compressed body is not taken.")


def _check_declared_length(exchange: Exchange, max_bytes: int) -> None:
    length = exchange.header(b"content-length")
    if length is None:
        return
    if not length.isdigit():
        raise InvalidValue("The Content-Length is no number.")
    if int(length[:20]) > max_bytes:
        raise RequestTooLarge(f"The body is larger than {max_bytes} bytes.")
