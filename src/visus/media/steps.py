"""Counters of the pipeline's steps: how often, how many bytes, how long."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from typing_extensions import override

from visus.core.trace import TRACE


@dataclass(slots=True)
class Step:
    """One step."""

    times: int = 0
    num_bytes: int = 0
    seconds: float = 0.0

    def took(self, seconds: float, num_bytes: int) -> None:
        """It was done once more, and that is what came of it."""
        self.times += 1
        self.num_bytes += num_bytes
        self.seconds += seconds


@dataclass(slots=True)
class TracedStep(Step):
    """One step, which the trace of its question remembers too."""

    name: str = ""

    @override
    def took(self, seconds: float, num_bytes: int) -> None:
        Step.took(self, seconds, num_bytes)
        if (trace := TRACE.get()) is not None:
            trace.step(self.name, seconds, num_bytes)


@dataclass(frozen=True, slots=True)
class Steps:
    """All of them. Decoding, fitting and encoding are one: a worker does them in one go."""

    fetch: Step = field(default_factory=Step)
    """A file was fetched by its URL."""
    open: Step = field(default_factory=Step)
    """An uploaded file was opened."""
    read: Step = field(default_factory=Step)
    """A picture in the request was read and checked."""
    make: Step = field(default_factory=Step)
    """A picture was decoded, fitted and encoded in a worker, waiting for one included."""
    cut: Step = field(default_factory=Step)
    """A worker looked at a video or took frames of it, waiting included."""
    draw: Step = field(default_factory=Step)
    """A worker looked at a document or drew pages of it, waiting included."""

    @classmethod
    def traced(cls) -> Self:
        """Those that the traces of questions remember."""
        return cls(*(TracedStep(name=name) for name, _ in cls().by_name()))

    def by_name(self) -> Sequence[tuple[str, Step]]:
        """Each with its name."""
        return (
            ("fetch", self.fetch),
            ("open", self.open),
            ("read", self.read),
            ("make", self.make),
            ("cut", self.cut),
            ("draw", self.draw),
        )
