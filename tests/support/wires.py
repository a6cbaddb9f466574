"""A client's connection that is none: what was sent over it can be looked at."""

import asyncio
from collections.abc import Callable

from visus.server.exchange import Exchange
from visus.server.request import ClientRequest, Head


class Wire:
    """A connection that keeps what goes over it."""

    client = "127.0.0.1"
    is_lost = False
    is_cut_short = False
    on_lost: Callable[[], None] | None = None
    task: "asyncio.Task[None] | None" = None

    def __init__(self) -> None:
        self.drained: asyncio.Future[None] | None = None
        self.sent = b""
        self.is_dropped = False

    def write(self, data: bytes) -> None:
        self.sent += data

    def resume_reading(self) -> None:
        pass

    def abort(self) -> None:
        self.is_dropped = True

    def finished(self, request: ClientRequest) -> None:
        pass


def exchanged(wire: Wire, path: str = "/v1/chat/completions") -> Exchange:
    """A request that came over it."""
    return Exchange(requested(wire, path))


def requested(wire: Wire, path: str) -> ClientRequest:
    """The request alone."""
    head = Head("POST", path, b"", [(b"host", b"x")])
    return ClientRequest(wire, head, is_surplus=False, keeps_alive=True)
