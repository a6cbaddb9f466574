"""`/metrics`, `/admin/metrics` and `/admin/status`: for operators."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Final

import anyio.to_thread
import msgspec

from visus.accounts.journal import Journal
from visus.accounts.limiter import LimitsSettings
from visus.accounts.networks import Networks
from visus.errors import StorageUnavailable, UnknownUrl
from visus.routing.choose import Upstream
from visus.server.backlog import Waiting
from visus.server.cached_read import CachedRead
from visus.server.counts import Counts
from visus.server.exchange import Exchange
from visus.server.shutdown import Shutdown
from visus.workers.pool import WorkerPool

TEXT: Final = (b"content-type", b"text/plain; version=1.0.0; charset=utf-8")
_PROXIES: Final = (b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via")


@dataclass(frozen=True, slots=True)
class MetricsRoute:
    """Everything that is counted, for Prometheus."""

    counts: Counts
    backlog: CachedRead[Waiting | None]

    async def __call__(self, exchange: Exchange) -> None:
        """Sends it."""
        # Imported here because most installations are never asked for it.
        from visus.server import scrape  # noqa: PLC0415

        waiting = await self.backlog.read()
        families = list(scrape.collected(self.counts, waiting))
        body = await anyio.to_thread.run_sync(scrape.written, families)
        await exchange.finish(200, body, headers=(TEXT,))


@dataclass(frozen=True, slots=True)
class OpenMetricsRoute:
    """The same without a key, for some addresses; for all others there is no such thing."""

    metrics: MetricsRoute
    networks: Networks

    async def __call__(self, exchange: Exchange) -> None:
        """Sends it.

        Raises:
            UnknownUrl: from elsewhere, or passed on by a proxy for who knows whom.
        """
        is_passed_on = any(exchange.header(name) is not None for name in _PROXIES)
        if is_passed_on or not self.networks.admits(exchange.client):
            raise UnknownUrl("There is no such URL here.")
        await self.metrics(exchange)


class PoolStatus(msgspec.Struct, frozen=True):
    """Processes of one kind."""

    name: str
    size: int
    busy: int
    restarts: int
    stuck: bool
    """Whether none can be started."""


class DeploymentStatus(msgspec.Struct, frozen=True):
    """A deployment of a model."""

    provider: str
    upstream_id: str
    is_ready: bool
    breaker_open: bool
    in_flight: int


class ModelStatus(msgspec.Struct, frozen=True):
    """A model of the catalogue."""

    id: str
    is_ready: bool
    load_state: str | None
    """Where it is, if it is run in this machine's memory."""
    deployments: Sequence[DeploymentStatus]


class LedgerStatus(msgspec.Struct, frozen=True):
    """The way of entries to the database."""

    waiting: int
    fault: str | None
    """Why the database did not take the last ones."""
    refused_files: int
    """Files of entries that it refuses for what is in them."""


class DatabaseStatus(msgspec.Struct, frozen=True):
    """The database."""

    kind: str
    answers: bool


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How the process is doing that answers."""

    version: str
    node: str
    """Its name in the ledger; another one after each start."""
    uptime_s: float
    draining: bool
    in_flight: int
    connections: int
    database: DatabaseStatus
    ledger: LedgerStatus
    pools: Sequence[PoolStatus]
    models: Sequence[ModelStatus]
    limits: LimitsSettings
    """As the settings have them; keys and projects may have their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRoute:
    """`GET /admin/status`."""

    counts: Counts
    database: CachedRead[StorageUnavailable | None]
    shutdown: Shutdown
    limits: LimitsSettings
    began_s: float = field(default_factory=time.monotonic)

    async def __call__(self, exchange: Exchange) -> None:
        """Sends it."""
        counts, fault = self.counts, await self.database.read()
        journal = counts.journal
        status = Status(
            version=version("visus"),
            node=journal.node,
            uptime_s=round(time.monotonic() - self.began_s, 1),
            draining=self.shutdown.has_begun,
            in_flight=counts.metrics.in_flight,
            connections=len(counts.connections),
            database=DatabaseStatus(journal.engine.dialect.name, fault is None),
            ledger=_ledger(journal),
            pools=[_pool(one) for one in counts.pools()],
            models=[
                _model(upstream)
                for name, upstream in counts.upstreams.by_id.items()
                if name == upstream.model.id
            ],
            limits=self.limits,
        )
        await exchange.finish(200, msgspec.json.encode(status))


def _ledger(journal: Journal) -> LedgerStatus:
    fault = journal.fault
    detail = None if fault is None else fault.detail
    return LedgerStatus(journal.waiting, detail, journal.refused_files)


def _pool(pool: WorkerPool) -> PoolStatus:
    is_stuck = pool.stuck is not None
    return PoolStatus(pool.name, pool.size, pool.busy, pool.restarts, is_stuck)


def _model(upstream: Upstream) -> ModelStatus:
    deployments = [
        DeploymentStatus(
            one.row.name, one.upstream_id, one.is_ready, one.breaker.is_open, one.in_flight
        )
        for one in upstream.deployments
    ]
    is_ready = any(one.is_ready for one in deployments)
    return ModelStatus(upstream.model.id, is_ready, upstream.load_state, deployments)
