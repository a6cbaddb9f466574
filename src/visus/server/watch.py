"""Watches all exchanges for clients that stopped reading, and for silent streams.

A task for each request would cost more than all the rest of a short one. Hang-ups need no
watch: the connection reports them itself (`connection.ClientConnection.connection_lost`).
"""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import anyio

from visus.server.exchange import Exchange

LONGEST_PERIOD_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Keeps silent streams alive and ends connections that take nothing."""

    heartbeat_s: float
    write_timeout_s: float
    _live: set[Exchange] = field(default_factory=set[Exchange])
    _bodies: set[Exchange] = field(default_factory=set[Exchange])
    """Those among them that get no comments: they send a file."""

    def begin(self, exchange: Exchange) -> None:
        """Watches an exchange until `end`."""
        self._live.add(exchange)

    def end(self, exchange: Exchange) -> None:
        """Watches it no longer."""
        self._live.discard(exchange)

    @contextmanager
    def over_body(self, exchange: Exchange) -> Generator[None]:
        """Watches one whose answer is no stream of events: it gets no comments."""
        self._bodies.add(exchange)
        self.begin(exchange)
        try:
            yield
        finally:
            self.end(exchange)
            self._bodies.discard(exchange)

    async def run(self) -> None:
        """Watches until it is cancelled."""
        period_s = min(self.heartbeat_s / 4, self.write_timeout_s / 4, LONGEST_PERIOD_S)
        while True:
            await anyio.sleep(period_s)
            for exchange in list(self._live):
                self._look_at(exchange)

    def _look_at(self, exchange: Exchange) -> None:
        silent_s = time.monotonic() - exchange.sent_s
        if exchange.is_waiting:
            if silent_s > self.write_timeout_s:
                exchange.abort()
        elif exchange not in self._bodies and silent_s > self.heartbeat_s:
            exchange.keep_alive()
