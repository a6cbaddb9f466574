"""What operators can see: the metrics, and the parts that are measured."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from visus.accounts.journal import Journal
from visus.media.steps import Steps
from visus.routing.choose import Upstreams
from visus.routing.deployment import Deployment
from visus.server.metrics import Metrics
from visus.server.traces import SpanCounts
from visus.server.waiting import WaitingRoom
from visus.workers.pool import WorkerPool


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """All of it; nothing is copied."""

    metrics: Metrics
    steps: Steps
    upstreams: Upstreams
    pools: Callable[[], Sequence[WorkerPool]]
    journal: Journal
    connections: Collection[object]
    spans: SpanCounts
    room: WaitingRoom

    def deployments(self) -> Iterator[Deployment]:
        """Of every model of the catalogue."""
        for name, upstream in self.upstreams.by_id.items():
            if name == upstream.model.id:
                yield from upstream.deployments
