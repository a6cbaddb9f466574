"""Messages between the front and one worker, over a pair of sockets.

A frame is a length (u32), a kind (one byte) and that many bytes. The worker's side blocks; the
front's side never does. The front does not trust the worker: a decoder that was taken over may
say anything, so a length over the bound or an unknown kind is `ChannelBroken`.
"""

import socket
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import anyio
import msgspec

from visus import errors
from visus.errors import Internal, ServiceError

_HEADER: Final = struct.Struct("<IB")
_READ_AT_ONCE: Final = 256 * 1024
_BUFFER_BYTES: Final = 4 * 1024 * 1024


class Kind(IntEnum):
    """What a frame holds."""

    JOB = 1
    READY = 2
    """The worker takes jobs; the payload is what it could not lock down, as JSON."""
    RESULT = 3
    REFUSED = 4
    """A `ServiceError`, as a `Refusal` in JSON."""
    FAILED = 5
    """Any other exception, as text for our own log."""
    FAILED_AND_LEAVING = 6
    """The same, and the worker is not fit for another job."""
    PART = 7
    """A piece of a result that is still being made."""
    CANCEL = 8
    """Cancels the running job; empty. The only frame that a busy worker is sent."""


class ChannelBroken(Exception):
    """The other side is gone, or speaks nonsense."""


class ChannelClosed(ChannelBroken):
    """The other side is gone."""


class Refusal(msgspec.Struct, frozen=True):
    """A `ServiceError` on its way between processes."""

    name: str
    message: str
    param: str | None = None
    detail: str | None = None
    retry_after_s: int | None = None


ERRORS_BY_NAME: Final[Mapping[str, type[ServiceError]]] = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, ServiceError)
}


def pack_refusal(error: ServiceError) -> bytes:
    """`error` as a payload; a class that the front does not know travels as its base."""
    known = next(k for k in type(error).__mro__ if ERRORS_BY_NAME.get(k.__name__) is k)
    return msgspec.json.encode(
        Refusal(known.__name__, error.message, error.param, error.detail, error.retry_after_s)
    )


def unpack_refusal(payload: bytes) -> ServiceError:
    """The error that a worker raised."""
    try:
        refusal = msgspec.json.decode(payload, type=Refusal)
    except msgspec.MsgspecError as fault:
        raise ChannelBroken("a refusal that cannot be read") from fault
    return ERRORS_BY_NAME.get(refusal.name, Internal)(
        refusal.message,
        param=refusal.param,
        detail=refusal.detail,
        retry_after_s=refusal.retry_after_s,
    )


def unpack_missing(payload: bytes) -> list[str]:
    """What a worker could not lock down."""
    try:
        return msgspec.json.decode(payload, type=list[str])
    except msgspec.MsgspecError as fault:
        raise ChannelBroken("a greeting that cannot be read") from fault


def cancel(sock: socket.socket) -> None:
    """Tells the worker to cancel its job; does not wait."""
    with suppress(OSError):  # it is gone, or so busy that it will have to be killed
        sock.send(_HEADER.pack(0, Kind.CANCEL))


def pair() -> tuple[socket.socket, socket.socket]:
    """The front's end, which does not block, and the worker's, which does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
    ours.setblocking(False)
    return ours, theirs


# --- The front's side ------------------------------------------------------------------------


async def send_frame(sock: socket.socket, kind: Kind, payload: bytes | memoryview) -> None:
    """Send without copying `payload`.

    Raises:
        ChannelBroken: the worker is gone.
    """
    header = _HEADER.pack(len(payload), kind)
    try:
        sent = await _send_some(sock, [header, payload])
        while sent < len(header):
            sent += await _send_some(sock, [header[sent:], payload])
        sent -= len(header)
        view = memoryview(payload)
        while sent < len(view):
            sent += await _send_some(sock, [view[sent:]])
    except OSError as fault:
        raise ChannelClosed("the worker does not read") from fault


async def _send_some(sock: socket.socket, buffers: list[bytes | memoryview]) -> int:
    while True:
        try:
            return sock.sendmsg(buffers)
        except BlockingIOError:
            await anyio.wait_writable(sock)


async def receive_frame(sock: socket.socket, *, max_bytes: int) -> tuple[Kind, bytes]:
    """The next frame.

    Raises:
        ChannelBroken: the end of the stream, a frame over `max_bytes` or of no known kind.
    """
    size, kind = _HEADER.unpack(await _receive_exactly(sock, _HEADER.size))
    if size > max_bytes:
        raise ChannelBroken(f"a frame of {size} bytes")
    try:
        known = Kind(kind)
    except ValueError as fault:
        raise ChannelBroken(f"a frame of kind {kind}") from fault
    return known, await _receive_exactly(sock, size)


async def _receive_exactly(sock: socket.socket, size: int) -> bytes:
    chunks: list[bytes] = []
    while size:
        try:
            chunk = sock.recv(min(size, _READ_AT_ONCE))
        except BlockingIOError:
            await anyio.wait_readable(sock)
            continue
        except OSError as fault:
            raise ChannelClosed("the connection was cut") from fault
        if not chunk:
            raise ChannelClosed("the end of the stream")
        chunks.append(chunk)
        size -= len(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


# --- The worker's side -----------------------------------------------------------------------


def write_frame(sock: socket.socket, kind: Kind, payload: bytes) -> None:
    """Send a frame, blocking."""
    sock.sendall(_HEADER.pack(len(payload), kind))
    sock.sendall(payload)


def read_job(sock: socket.socket) -> bytes | None:
    """The next job, blocking; None when the front is gone."""
    while (header := _read_exactly(sock, _HEADER.size)) is not None:
        size, kind = _HEADER.unpack(header)
        if kind != Kind.CANCEL:  # of a job that had ended already
            return _read_exactly(sock, size)
    return None


class Line:
    """What a handler that answers piece by piece has of the front while a job runs."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def send(self, part: bytes) -> None:
        """Hands over a piece of the result; blocks while the front does not take it."""
        write_frame(self._sock, Kind.PART, part)

    @property
    def is_wanted(self) -> bool:
        """Whether the job is not cancelled."""
        try:
            self._sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        return False  # an order to stop, or the end of the front


@dataclass(frozen=True, slots=True)
class Streaming:
    """What an entry returns whose handler answers piece by piece."""

    answer: Callable[[bytes, Line], None]
    """Sends the pieces; returns at the end, or soon after the job was cancelled."""


def _read_exactly(sock: socket.socket, size: int) -> bytes | None:
    data = sock.recv(size, socket.MSG_WAITALL) if size else b""
    while len(data) < size:
        more = sock.recv(size - len(data), socket.MSG_WAITALL)
        if not more:
            return None
        data += more
    return data
