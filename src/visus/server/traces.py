"""The interface of tracing to the rest of the server.

The implementation, with OpenTelemetry's library, is in `spans` and `trace_exporter`, which are
imported only where a collector is configured (`lazy_traces`).
"""

from dataclasses import dataclass
from typing import Protocol

from visus.accounts.jobs import Taken
from visus.core.trace import Trace
from visus.server.exchange import Exchange


@dataclass(slots=True)
class SpanCounts:
    """What became of spans since the start."""

    sent: int = 0
    failed: int = 0
    """The collector did not take them."""
    dropped: int = 0
    """Too many were waiting."""


class Traces(Protocol):
    """Records questions and sends their traces."""

    @property
    def counts(self) -> SpanCounts:
        """What became of all spans."""
        ...

    def begin(self, exchange: Exchange) -> None:
        """A request has come, and this task is to answer it."""
        ...

    def begin_job(self, exchange: Exchange, taken: Taken) -> None:
        """A job is to be answered by this task."""
        ...

    def end(self, exchange: Exchange, trace: Trace) -> None:
        """It is over."""
        ...
