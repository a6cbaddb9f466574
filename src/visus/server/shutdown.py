"""Graceful shutdown: nothing new is taken, running answers may finish, the rest get an error.

After SIGTERM or SIGINT new questions are refused, and the socket stays open so that clients
read why. It closes when nothing runs any more, or after `[server] shutdown_grace_s`. Where
other processes answer on the same socket, it is left to them at once, and nothing is refused.
"""

import time
from dataclasses import dataclass, field
from math import ceil
from socket import socket
from types import FrameType
from typing import Final

import anyio
import uvicorn
from typing_extensions import override

from visus.server.connection import ClientConnection, Front

LAST_WORDS_S: Final = 2.0
"""How long answers that were cut short may take to say so, and their bytes to be taken."""
HAND_OVER_S: Final = 0.5
"""How long a question may be on its way to a process that has left the socket to others."""
_LOOK_S: Final = 0.05


@dataclass(slots=True)
class Shutdown:
    """Whether shutdown has begun, and which connections are open."""

    has_begun: bool = False
    connections: set[ClientConnection] = field(default_factory=set[ClientConnection])
    """All that are open."""


class Server(uvicorn.Server):
    """uvicorn's, which goes on to answer while it drains."""

    def __init__(
        self,
        config: uvicorn.Config,
        front: Front,
        shutdown: Shutdown,
        *,
        grace_s: float,
        is_one_of_several: bool = False,
    ) -> None:
        super().__init__(config)
        self._is_one_of_several = is_one_of_several
        self._front = front
        self._shutdown = shutdown
        self._grace_s = grace_s

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._shutdown.has_begun = not self._is_one_of_several
        super().handle_exit(sig, frame)

    @override
    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        began_s = time.monotonic()
        if self._is_one_of_several:
            for server in self.servers:
                server.close()
        for connection in list(self._front.open):
            connection.wind_down()
        if self._is_one_of_several:
            await anyio.sleep(HAND_OVER_S)
        if not await self._is_quiet_within(self._grace_s):
            for connection in list(self._front.open):
                connection.cut_short()
            await self._is_quiet_within(LAST_WORDS_S)
        left_s = max(LAST_WORDS_S, self._grace_s - (time.monotonic() - began_s))
        self.config.timeout_graceful_shutdown = ceil(left_s)
        await super().shutdown(sockets)

    async def _is_quiet_within(self, seconds: float) -> bool:
        """Waits until nothing is being answered; False: something still is."""
        end_s = time.monotonic() + seconds
        while any(one.is_busy for one in self._front.open):
            if self.force_exit or time.monotonic() > end_s:
                return False
            await anyio.sleep(_LOOK_S)
        return True
