"""The metrics in Prometheus' text format, made for each scrape."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from typing_extensions import override

from visus.accounts.clock import MS
from visus.server.backlog import Waiting
from visus.server.counts import Counts
from visus.server.metrics import WEBHOOK_OUTCOMES, Histogram, Labels

_KINDS: Final = ("job", "line")
_OPEN: Final = ("queued", "in_progress")
_BY_MODEL: Final = ("gen_ai_request_model", "gen_ai_provider_name")
_OPERATION: Final = "gen_ai_operation_name"


@dataclass(frozen=True, slots=True, eq=False)
class _Collected(Collector):
    """What was collected in the event loop, to be written elsewhere."""

    families: Sequence[Metric]

    @override
    def collect(self) -> Iterable[Metric]:
        return self.families


def written(families: Sequence[Metric]) -> bytes:
    """The text. Blocking: some milliseconds."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(families))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


def collected(counts: Counts, waiting: Waiting | None) -> Iterator[Metric]:
    """Every family but those of the process; to be called in the event loop.

    Args:
        counts: of this process.
        waiting: what waits in the database; None: it does not answer, and nothing is told.
    """
    yield from _of_questions(counts)
    yield from _of_requests(counts)
    yield from _of_media(counts)
    yield from _of_upstreams(counts)
    yield from _of_pools(counts)
    yield from _of_webhooks(counts)
    if waiting is not None:
        yield from _of_queue(waiting)


def _of_questions(counts: Counts) -> Iterator[Metric]:
    metrics = counts.metrics
    yield _histogram(
        "gen_ai_client_token_usage",
        "Tokens of a question or its answer, as the model's server counted them.",
        (*_BY_MODEL, "gen_ai_token_type", "modality"),
        metrics.tokens,
    )
    yield _histogram(
        "gen_ai_server_request_duration_seconds",
        "From a question's first byte until its answer was complete.",
        (*_BY_MODEL, "status_class", "error_type"),
        metrics.durations,
    )
    yield _histogram(
        "gen_ai_server_time_to_first_token_seconds",
        "From a question's first byte until the first event of its answer.",
        (*_BY_MODEL, "status_class"),
        metrics.first_tokens,
    )


def _of_requests(counts: Counts) -> Iterator[Metric]:
    metrics = counts.metrics
    yield _counter(
        "visus_http_requests",
        "Requests by the pattern of their route.",
        ("route", "method", "status"),
        metrics.requests,
    )
    yield _counter(
        "visus_rate_limited", "Requests that were answered 429.", ("code",), metrics.limited
    )
    yield _gauge("visus_in_flight", "Requests that are being answered.", metrics.in_flight)
    yield _gauge(
        "visus_waiting_questions", "Questions that wait for a place.", counts.room.waiting
    )
    yield _gauge("visus_connections", "Connections that are open.", len(counts.connections))
    yield _gauge(
        "visus_ledger_waiting",
        "Entries of the ledger that the database does not have yet.",
        counts.journal.waiting,
    )
    spans = counts.spans
    yield _counter(
        "visus_trace_spans",
        "Spans of traces, by what became of them.",
        ("outcome",),
        {("sent",): spans.sent, ("failed",): spans.failed, ("dropped",): spans.dropped},
    )
    build = GaugeMetricFamily("visus_build", "Which Visus this is.", labels=["version"])
    build.add_metric([version("visus")], 1)
    yield build


def _of_media(counts: Counts) -> Iterator[Metric]:
    done = counts.steps.by_name()
    times: dict[Labels, float] = {(name,): float(step.times) for name, step in done}
    given: dict[Labels, float] = {(name,): float(step.num_bytes) for name, step in done}
    took: dict[Labels, float] = {(name,): step.seconds for name, step in done}
    for what, help_, values in (
        ("steps", "How often a step was done.", times),
        ("bytes", "Bytes that a step gave.", given),
        ("seconds", "Time that a step took.", took),
    ):
        yield _counter(f"visus_media_{what}", help_, ("step",), values)


def _of_upstreams(counts: Counts) -> Iterator[Metric]:
    yield _counter(
        "visus_attempts",
        "Requests to models' servers.",
        ("gen_ai_provider_name", "outcome"),
        counts.metrics.attempts,
    )
    breakers = GaugeMetricFamily(
        "visus_breaker_open",
        "Whether a deployment is left alone because it failed.",
        labels=["gen_ai_provider_name", "upstream_id"],
    )
    state: dict[tuple[str, str], bool] = {}
    for one in counts.deployments():
        place = (one.row.name, one.upstream_id)
        state[place] = state.get(place, False) or one.breaker.is_open
    for place, is_open in state.items():
        breakers.add_metric(place, float(is_open))
    yield breakers


def _of_pools(counts: Counts) -> Iterator[Metric]:
    restarts: dict[Labels, int] = {}
    workers: dict[Labels, int] = {}
    for pool in counts.pools():
        restarts[(pool.name,)] = restarts.get((pool.name,), 0) + pool.restarts
        for state, number in (("busy", pool.busy), ("idle", pool.size - pool.busy)):
            labels = (pool.name, state)
            workers[labels] = workers.get(labels, 0) + number
    yield _counter(
        "visus_worker_restarts", "Processes that ended and were replaced.", ("pool",), restarts
    )
    yield _of(GaugeMetricFamily, "visus_workers", "Processes.", ("pool", "state"), workers)


def _of_webhooks(counts: Counts) -> Iterator[Metric]:
    told = counts.metrics.webhooks
    attempts: dict[Labels, int] = {(one,): told.get((one,), 0) for one in WEBHOOK_OUTCOMES}
    yield _counter(
        "visus_webhook_attempts",
        "Attempts to tell somebody how a job or a batch ended.",
        ("outcome",),
        attempts,
    )


def _of_queue(waiting: Waiting) -> Iterator[Metric]:
    jobs: dict[Labels, float] = {(kind, status): 0.0 for kind in _KINDS for status in _OPEN}
    ages = dict(jobs)
    for one in waiting.jobs:
        jobs[one.kind, one.status] = float(one.jobs)
        ages[one.kind, one.status] = one.oldest_ms / MS
    labels = ("kind", "status")
    help_ = "Jobs that have not ended, of all processes that share the database."
    yield _of(GaugeMetricFamily, "visus_queue_jobs", help_, labels, jobs)
    help_ = "How long ago the oldest of them was made."
    yield _of(GaugeMetricFamily, "visus_queue_oldest_seconds", help_, labels, ages)
    yield _gauge("visus_webhooks_pending", "Ends that are to be told.", waiting.webhooks)


def _gauge(name: str, help_: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_, value=value)


def _counter(name: str, help_: str, labels: Labels, values: Mapping[Labels, float]) -> Metric:
    return _of(CounterMetricFamily, name, help_, labels, values)


def _of(
    kind: Callable[..., CounterMetricFamily | GaugeMetricFamily],
    name: str,
    help_: str,
    labels: Labels,
    values: Mapping[Labels, float],
) -> Metric:
    family = kind(name, help_, labels=labels)
    for given, value in values.items():
        family.add_metric(given, value)
    return family


def _histogram(
    name: str, help_: str, labels: Labels, values: Mapping[Labels, Histogram]
) -> Metric:
    family = HistogramMetricFamily(name, help_, labels=(_OPERATION, *labels))
    for given, one in values.items():
        bounds = [*(str(float(bound)) for bound in one.bounds), "+Inf"]
        below = accumulate(one.counts)
        family.add_metric(("chat", *given), list(zip(bounds, below, strict=True)), one.total)
    return family
