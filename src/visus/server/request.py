"""One request of a client, and the bytes of its answer.

Knows HTTP/1.1's frame of an answer: head, chunks, length. What an answer says is known to
`exchange`; when one begins and what follows it, to `connection`.
"""

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final, Protocol, TypeAlias

import msgspec

from visus.server.body import Body, Room

Header: TypeAlias = tuple[bytes, bytes]

_STATUS_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
    for status in HTTPStatus
}


class Line(Protocol):
    """What a request needs of the connection that it came over."""

    client: str
    is_lost: bool
    is_cut_short: bool
    """Whether the answer under way was told to end, since the server stops."""
    drained: "asyncio.Future[None] | None"
    """What to wait for while the client takes nothing; None: it takes."""
    on_lost: Callable[[], None] | None
    task: "asyncio.Task[None] | None"
    """Which serves the request that is being answered."""

    def write(self, data: bytes) -> None:
        """Hands bytes to the system."""
        ...

    def resume_reading(self) -> None:
        """Called when a task waits for more of the body."""
        ...

    def abort(self) -> None:
        """Drops the connection."""
        ...

    def finished(self, request: "ClientRequest") -> None:
        """The answer is complete."""
        ...


class Head(msgspec.Struct, frozen=True):
    """What a request's head says."""

    method: str
    """In capitals."""
    path: str
    """With its escapes resolved."""
    query: bytes
    headers: list[Header]
    """Names in lower case, in the order in which they came."""
    is_http_1_0: bool = False
    """Whether the client speaks that; it knows neither chunks nor interim answers."""


class ClientRequest:
    """A request as it came, and how far its answer is.

    An answer is `send_whole`, or `send_head` and then `send` until the last piece.
    """

    __slots__ = (
        "_expects_continue",
        "_left",
        "body",
        "declared_bytes",
        "headers",
        "is_chunked",
        "is_complete",
        "is_http_1_0",
        "is_started",
        "is_surplus",
        "keeps_alive",
        "line",
        "method",
        "path",
        "query",
    )

    def __init__(
        self,
        line: Line,
        head: Head,
        *,
        is_surplus: bool,
        keeps_alive: bool,
        room: Room | None = None,
    ) -> None:
        """`room` is what bodies share; what has no body needs none."""
        self.line = line
        self.method, self.path = head.method, head.path
        self.query, self.headers = head.query, head.headers
        self.is_http_1_0 = head.is_http_1_0
        self.is_surplus = is_surplus
        """Whether there were too many connections when it came."""
        self.keeps_alive = keeps_alive
        """Whether the connection may go on behind it."""
        self.declared_bytes = 0
        """Of the body; 0 where no length is declared."""
        self._expects_continue = False
        is_form = False
        for name, value in self.headers:
            if name == b"content-length":
                self.declared_bytes = int(value) if value.isdigit() else 0
            elif name == b"content-type":
                is_form = value[:10].lower() == b"multipart/"
            elif name == b"expect":
                self._expects_continue = value.lower() == b"100-continue"
        self.body = Body(self._want_body, in_pieces=is_form, room=room)
        self.is_started = False
        self.is_complete = False
        self.is_chunked = False
        self._left: int | None = 0

    @property
    def has_body(self) -> bool:
        """Whether a body follows the head."""
        return self.declared_bytes > 0 or any(
            name == b"transfer-encoding" for name, _ in self.headers
        )

    def body_framing(self) -> bytes:
        """The lines of the head that say how the body goes on."""
        return b"".join(
            b"%b: %b\r\n" % header
            for header in self.headers
            if header[0] in {b"content-length", b"transfer-encoding"}
        )

    def send_whole(
        self, status: int, headers: Sequence[Header], lines: bytes, body: bytes
    ) -> bool:
        """Sends a complete answer in one write; its length is added to the head.

        `lines` are more of the head as it is sent. False, and nothing is done, where the client
        takes nothing or is gone.
        """
        if self.line.is_lost:
            return False
        head = head_of(status, headers, lines + self._framing(len(body)))
        self.line.write(head if self.method == "HEAD" else head + body)
        self.is_started = True
        self._complete()
        return True

    def send_head(
        self, status: int, headers: Sequence[Header], lines: bytes, *, length: int | None
    ) -> None:
        """Begins an answer of `length` bytes; None: in chunks, until the last one.

        HTTP/1.0 has none of them: there such an answer ends with its connection.
        """
        self.is_started = True
        self.is_chunked = length is None and not self.is_http_1_0
        self._left = length
        if not self.line.is_lost:
            self.line.write(head_of(status, headers, lines + self._framing(length)))

    def send(self, data: bytes, *, more: bool) -> None:
        """Sends the next piece.

        Raises:
            RuntimeError: more or less than the declared length; the connection is dropped.
        """
        if self.line.is_lost:
            self.is_complete = not more
            return
        if self.method != "HEAD":
            self._send_piece(data, more=more)
        if not more:
            self._complete()

    def _send_piece(self, data: bytes, *, more: bool) -> None:
        if self.is_chunked:
            chunk = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
            self.line.write(chunk if more else chunk + b"0\r\n\r\n")
            return
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0 or (self._left and not more):
                self.line.abort()
                raise RuntimeError("an answer is not as long as it was said to be")
        if data:
            self.line.write(data)

    def _framing(self, length: int | None) -> bytes:
        """What says where the answer ends, and whether the connection does."""
        if length is not None:
            framing = b"content-length: %d\r\n" % length
        else:
            framing = b"transfer-encoding: chunked\r\n" if self.is_chunked else b""
        return framing if self.keeps_alive else framing + b"connection: close\r\n"

    def _complete(self) -> None:
        self.is_complete = True
        self.line.finished(self)

    def _want_body(self) -> None:
        if self._expects_continue and not (self.is_started or self.is_http_1_0):
            self._expects_continue = False
            self.line.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.line.resume_reading()


def head_of(status: int, headers: Sequence[Header], lines: bytes = b"") -> bytes:
    """The head of an answer: `headers`, and `lines` as they are.

    Raises:
        ValueError: a header that would break the head.
    """
    told = b"".join([b"%b: %b\r\n" % header for header in headers])
    if told.count(b"\n") != len(headers) or told.count(b"\r") != len(headers):
        raise ValueError("a header holds a line break")
    return b"%b%b%b\r\n" % (_STATUS_LINES[status], told, lines)
