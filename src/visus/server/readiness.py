"""Whether this process should be sent questions now, and if not, why."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import anyio
import anyio.to_thread
import msgspec
import sqlalchemy as sql

from visus.accounts.faults import storage_faults
from visus.accounts.tables import organisations
from visus.errors import StorageUnavailable
from visus.routing.choose import Upstreams
from visus.server.ending import Ending
from visus.server.exchange import JSON, Exchange
from visus.workers.pool import WorkerPool

EVERY_S: Final = 1.0
"""How old what is known of the database may be."""
PATIENCE_S: Final = 1.5
"""A database that takes longer does not answer."""


class Reason(msgspec.Struct, frozen=True):
    """One thing that stands in the way."""

    what: str
    """`draining`, `database`, `workers` or `models`."""
    message: str


@dataclass(slots=True)
class DatabaseWatch:
    """Knows whether the database answers; asks it once a second at most, and only if asked."""

    engine: sql.Engine
    fault: StorageUnavailable | None = None
    """Why it did not answer when it was last asked."""
    _asked_s: float = -EVERY_S
    _turn: anyio.Lock = field(default_factory=anyio.Lock)
    _threads: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(1))
    """One: a database that hangs must not eat the threads of all others."""

    async def look(self) -> StorageUnavailable | None:
        """Why the database does not answer, at most `EVERY_S` old; None: it does."""
        async with self._turn:
            if time.monotonic() - self._asked_s >= EVERY_S:
                self.fault = await self._ask()
                self._asked_s = time.monotonic()
        return self.fault

    async def _ask(self) -> StorageUnavailable | None:
        with anyio.move_on_after(PATIENCE_S):
            return await anyio.to_thread.run_sync(
                self._read, abandon_on_cancel=True, limiter=self._threads
            )
        return StorageUnavailable("The database does not answer.", detail="it takes too long")

    def _read(self) -> StorageUnavailable | None:
        try:
            with storage_faults(), self.engine.connect() as connection:
                connection.execute(sql.select(organisations.c.id).limit(1)).all()
        except StorageUnavailable as fault:
            return fault
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Looks at everything that a question needs, whoever asks it."""

    ending: Ending
    database: DatabaseWatch
    pools: Sequence[WorkerPool]
    """Those that questions to any model may need."""
    upstreams: Upstreams

    async def reasons(self) -> Sequence[Reason]:
        """Why no question should be sent here now; empty: all is well."""
        found: list[Reason] = []
        if self.ending.has_begun:
            found.append(Reason("draining", "The server is stopping."))
        if await self.database.look() is not None:
            found.append(Reason("database", "The database does not answer."))
        stuck = [pool.name for pool in self.pools if pool.stuck is not None]
        if stuck:
            message = f"Processes do not start: {', '.join(stuck)}."
            found.append(Reason("workers", message))
        # A model whose server is resting counts: here, callers at least hear for how long.
        if not self.upstreams.ready():
            found.append(Reason("models", "No model is set up and able to answer."))
        return found


@dataclass(frozen=True, slots=True)
class ReadyRoute:
    """`GET /health/ready`."""

    reasons: Callable[[], Awaitable[Sequence[Reason]]]

    async def __call__(self, exchange: Exchange) -> None:
        """Answers 200, or 503 with what stands in the way."""
        reasons = await self.reasons()
        if not reasons:
            await exchange.finish(200, b'{"status":"ready"}')
            return
        body = msgspec.json.encode({"status": "not_ready", "reasons": reasons})
        await exchange.finish(503, body, headers=(JSON, (b"retry-after", b"1")))
