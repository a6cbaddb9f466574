"""Whether this process should be sent questions now, and if not, why."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec
import sqlalchemy as sql

from visus.accounts.faults import storage_faults
from visus.accounts.tables import organisations
from visus.errors import StorageUnavailable
from visus.routing.choose import Upstreams
from visus.server.cached_read import CachedRead
from visus.server.exchange import JSON, Exchange
from visus.server.shutdown import Shutdown
from visus.workers.pool import WorkerPool


class Reason(msgspec.Struct, frozen=True):
    """One thing that stands in the way."""

    what: str
    """`draining`, `database`, `workers` or `models`."""
    message: str


def database_reader(engine: sql.Engine) -> CachedRead[StorageUnavailable | None]:
    """Shows why the database does not answer; None: it does."""

    def read() -> StorageUnavailable | None:
        try:
            with storage_faults(), engine.connect() as connection:
                connection.execute(sql.select(organisations.c.id).limit(1)).all()
        except StorageUnavailable as fault:
            return fault
        return None

    late = StorageUnavailable("The database does not answer.", detail="it takes too long")
    return CachedRead(read, too_late=late)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Checks everything that any question needs."""

    shutdown: Shutdown
    database: CachedRead[StorageUnavailable | None]
    pools: Sequence[WorkerPool]
    """Those that questions to any model may need."""
    upstreams: Upstreams

    async def reasons(self) -> Sequence[Reason]:
        """Why no question should be sent here now; empty: all is well."""
        found: list[Reason] = []
        if self.shutdown.has_begun:
            found.append(Reason("draining", "The server is stopping."))
        if await self.database.read() is not None:
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
