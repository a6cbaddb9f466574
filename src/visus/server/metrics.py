"""The metrics of this process, in plain numbers: a few microseconds for each request.

Every name comes from the catalogue, the routes or the error tree, never from a caller, so that
there are only so many. `server.scrape` makes Prometheus' format of it, when somebody asks.
"""

from bisect import bisect_left
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from visus.accounts.ledger import Size, media_tokens
from visus.core.events import TokensUsed
from visus.server.exchange import Exchange

DURATION_BOUNDS_S: Final = (
    *(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64),
    *(1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92),
)
FIRST_TOKEN_BOUNDS_S: Final = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1),
    *(0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
)
TOKEN_BOUNDS: Final = tuple(4**power for power in range(14))
"""All three as OpenTelemetry's conventions for generative AI have them."""
WEBHOOK_OUTCOMES: Final = ("delivered", "missed", "failed")
"""Of an attempt: it was delivered; it will be repeated; it was the last."""
MODALITIES: Final = ("image", "video", "document")
UNKNOWN: Final = "unknown"
NOBODY: Final = "none"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CLASSES: Final = {status: f"{status // 100}xx" for status in range(100, 600)}
_WAIT: Final = 429
_LATER: Final = 202
"""It was put into the queue, and is counted when it is answered."""
Labels: TypeAlias = tuple[str, ...]


class Histogram:
    """How many values fell below each bound, and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """Between each bound and the one before it; the last: above them all."""
        self.total = 0.0


@dataclass(slots=True)
class Metrics:
    """The counts of this process since its start."""

    models: Callable[[], Container[str]]
    """The ids of the catalogue that is in force."""
    in_flight: int = 0
    requests: dict[Labels, int] = field(default_factory=dict[Labels, int])
    """By route, method and status."""
    durations: dict[Labels, Histogram] = field(default_factory=dict[Labels, Histogram])
    """By model, provider, class of status and code of the error, empty where there is none."""
    first_tokens: dict[Labels, Histogram] = field(default_factory=dict[Labels, Histogram])
    """By model, provider and class of status."""
    tokens: dict[Labels, Histogram] = field(default_factory=dict[Labels, Histogram])
    """By model, provider, type and modality."""
    attempts: dict[Labels, int] = field(default_factory=dict[Labels, int])
    """By provider and outcome."""
    limited: dict[Labels, int] = field(default_factory=dict[Labels, int])
    """By code."""
    webhooks: dict[Labels, int] = field(default_factory=dict[Labels, int])
    """By outcome."""

    def count(self, exchange: Exchange) -> None:
        """Counts a request that is over."""
        status = exchange.status or 0
        method = exchange.method if exchange.method in METHODS else UNKNOWN
        labels = (exchange.route or UNKNOWN, method, str(status))
        self.requests[labels] = self.requests.get(labels, 0) + 1
        if status != _LATER:
            self.count_question(exchange)
        if status == _WAIT:
            code = (str(exchange.record.code),)
            self.limited[code] = self.limited.get(code, 0) + 1

    def count_question(self, exchange: Exchange) -> None:
        """Counts what was asked of models, if anything was; of jobs too."""
        if exchange.model is None:
            return
        model, provider = exchange.model, NOBODY
        status = exchange.fault_status or exchange.status or 0
        for attempt in exchange.attempts:
            model, provider = attempt.model, attempt.provider
            outcome = (provider, attempt.outcome)
            self.attempts[outcome] = self.attempts.get(outcome, 0) + 1
        if model not in self.models():
            model = UNKNOWN
        labels = (model, provider, _CLASSES.get(status, UNKNOWN))
        failed = (*labels, exchange.record.code or "")
        _observe(self.durations, failed, DURATION_BOUNDS_S, exchange.took_s)
        first_ms = exchange.record.first_word_ms
        if first_ms is not None:
            _observe(self.first_tokens, labels, FIRST_TOKEN_BOUNDS_S, first_ms / 1000)
        if exchange.used is not None:
            self._count_tokens((model, provider), exchange.used, exchange.size)

    def count_webhook(self, outcome: str) -> None:
        """Counts an attempt to deliver a webhook."""
        self.webhooks[outcome,] = self.webhooks.get((outcome,), 0) + 1

    def _count_tokens(self, whose: Labels, used: TokensUsed, size: Size) -> None:
        rest = used.prompt
        if size.images or size.video_tokens or size.document_tokens:
            for modality, tokens in zip(MODALITIES, media_tokens(used, size), strict=True):
                if tokens:
                    rest -= tokens
                    _observe(self.tokens, (*whose, "input", modality), TOKEN_BOUNDS, tokens)
        _observe(self.tokens, (*whose, "input", "text"), TOKEN_BOUNDS, rest)
        _observe(self.tokens, (*whose, "output", "text"), TOKEN_BOUNDS, used.completion)


def _observe(
    histograms: dict[Labels, Histogram],
    labels: Labels,
    bounds: Sequence[float],
    value: float,
) -> None:
    histogram = histograms.get(labels)
    if histogram is None:
        histogram = histograms[labels] = Histogram(bounds)
    histogram.counts[bisect_left(bounds, value)] += 1
    histogram.total += value
