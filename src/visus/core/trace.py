"""The trace of a question: what is recorded of it where traces are configured.

Plain values and the W3C's `traceparent`: `server.spans` makes spans of them when the question
is over. Nothing of what was asked or answered is ever here: names of the catalogue, numbers,
codes of errors and times by `time.monotonic` only.
"""

import random
import re
import time
from contextvars import ContextVar
from typing import Final, NamedTuple

from visus.core.endings import ABANDONED
from visus.core.events import Batch, BoxesConverted, Finished, Preamble, TokensUsed
from visus.errors import Internal, ServiceError

MAX_STEPS: Final = 64
"""The most media steps recorded in one trace."""
_PARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})"
    r"(?:-.*)?"
)
_SHARES: Final = 1 << 64


class Parent(NamedTuple):
    """A remote parent span, as `traceparent` names it."""

    trace_id: int
    span_id: int
    is_sampled: bool


def parent_of(header: bytes | None) -> Parent | None:
    """Who a `traceparent` names; None where it does not keep to its form."""
    if header is None:
        return None
    found = _PARENT.fullmatch(header.decode("latin-1").strip())
    if found is None or (header.startswith(b"00-") and len(header.strip()) != 55):  # noqa: PLR2004 -- version 00 ends here
        return None
    trace_id, span_id = int(found["trace"], 16), int(found["span"], 16)
    is_sampled = bool(int(found["flags"], 16) & 1)
    return Parent(trace_id, span_id, is_sampled) if trace_id and span_id else None


class Step(NamedTuple):
    """Something that was done to a medium."""

    name: str
    began_s: float
    ended_s: float
    num_bytes: int
    span_id: int


class Job(NamedTuple):
    """What a job's trace says of it."""

    job_id: str
    route: str
    batch_id: str | None


class Call:
    """One attempt to have a model answer."""

    __slots__ = (
        "answered_as", "began_s", "code", "ended_s", "finish_reasons", "first_s", "model",
        "origin", "provider", "span_id", "trace", "upstream_id", "used",
    )  # fmt: skip

    def __init__(self, trace: "Trace", *, model: str, provider: str, upstream_id: str) -> None:
        self.trace = trace
        self.span_id = new_span_id()
        self.model = model
        self.provider = provider
        self.upstream_id = upstream_id
        self.began_s = time.monotonic()
        self.first_s: float | None = None
        """When the first event was there."""
        self.ended_s: float | None = None
        self.code: str | None = None
        """What went wrong."""
        self.origin: tuple[str, int] | None = None
        """Host and port that were asked; None for a model inside."""
        self.used: TokensUsed | None = None
        self.answered_as: str | None = None
        self.finish_reasons: list[str] = []

    @property
    def traceparent(self) -> bytes:
        """Names this attempt as the parent of what the server does."""
        return self.trace.traceparent(self.span_id)

    def note(self, batch: Batch) -> None:
        """Looks at events that have come: at the ends, where all stands that counts."""
        if self.first_s is None:
            self.first_s = time.monotonic()
            if batch and type(batch[0]) is Preamble:
                self.answered_as = batch[0].answered_as
        for event in reversed(batch):
            match event:
                case TokensUsed():
                    self.used = event
                case Finished(reason=reason):
                    self.finish_reasons.append(reason)
                case BoxesConverted():
                    pass
                case _:
                    return

    def failed(self, fault: BaseException) -> None:
        """Takes note of what went wrong; the first word on it stands."""
        if self.code is not None:
            return
        if isinstance(fault, ServiceError):
            self.code = fault.code
        else:
            self.code = Internal.code if isinstance(fault, Exception) else ABANDONED

    def ended(self) -> None:
        """Nothing more is wanted of it."""
        self.ended_s = time.monotonic()


class Trace:
    """What is recorded of one question."""

    __slots__ = (
        "calls", "is_sampled", "link", "of_job", "parent", "span_id", "steps", "trace_id",
    )  # fmt: skip

    def __init__(
        self, parent: Parent | None, *, share: float, link: Parent | None = None
    ) -> None:
        """`share` of the traces that begin here are sampled; for others, the caller's flag."""
        self.parent = parent
        """What the question is a part of."""
        self.link = link
        """What it comes of, though it is no part of it."""
        self.trace_id = new_trace_id() if parent is None else parent.trace_id
        self.span_id = new_span_id()
        other = parent or link
        self.is_sampled = is_among(self.trace_id, share) if other is None else other.is_sampled
        self.of_job: Job | None = None
        self.calls: list[Call] = []
        self.steps: list[Step] = []

    def call(self, *, model: str, provider: str, upstream_id: str) -> Call:
        """Begins an attempt, which the task that asks is about from now on."""
        call = Call(self, model=model, provider=provider, upstream_id=upstream_id)
        self.calls.append(call)
        CALL.set(call)
        return call

    def step(self, name: str, seconds: float, num_bytes: int) -> None:
        """Something was done to a medium, and is over."""
        if len(self.steps) < MAX_STEPS:
            now_s = time.monotonic()
            self.steps.append(Step(name, now_s - seconds, now_s, num_bytes, new_span_id()))

    def traceparent(self, span_id: int | None = None) -> bytes:
        """Names a span of this trace, or the question itself, as the W3C has it."""
        of = self.span_id if span_id is None else span_id
        return b"00-%032x-%016x-%02x" % (self.trace_id, of, self.is_sampled)


TRACE: Final[ContextVar[Trace | None]] = ContextVar("trace", default=None)
"""Of the question that this task works on."""
CALL: Final[ContextVar[Call | None]] = ContextVar("call", default=None)
"""The attempt that this task is at."""


def new_trace_id() -> int:
    """128 random bits, as the conventions ask for: nothing to keep secret."""
    return random.getrandbits(128) or 1


def new_span_id() -> int:
    """64 random bits."""
    return random.getrandbits(64) or 1


def is_among(trace_id: int, share: float) -> bool:
    """Whether a trace is one of a share of all, as every OpenTelemetry library decides it."""
    return trace_id % _SHARES < round(share * _SHARES)


def heading(host: str, port: int) -> bytes:
    """The header for a request to a model's server, with its line break, if it has one."""
    call = CALL.get()
    if call is None:
        return b""
    call.origin = (host, port)
    return b"traceparent: %b\r\n" % call.traceparent
