"""Who may ask now: the limits of a key, of its project, and of its project on one model.

Counted in this process. Nothing is counted for a request that is refused.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

import msgspec

from visus.accounts.keys import Key
from visus.accounts.limits import (
    MAX_RETRY_AFTER_S,
    NO_LIMITS,
    Limits,
    Meter,
    Standing,
    Window,
    tightest,
)
from visus.errors import ConcurrencyExceeded, RateLimited, TooLargeForLimit

UNLESS_SAID: Final = Limits(
    requests_per_minute=1_000_000,
    input_tokens_per_minute=1_000_000_000,
    output_tokens_per_minute=1_000_000_000,
    concurrent_requests=1_000,
)
"""For a key of which nobody says anything else: more than one process can do, so that what is
told in the headers is true, and a loop gone wild ends somewhere."""
MAX_METERS: Final = 100_000
"""The least recently seen idle ones are forgotten beyond that."""
Subject: TypeAlias = tuple[str, ...]


class LimitsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What callers may ask, where their key or their project does not say."""

    key: Limits = NO_LIMITS
    """For each key. What is left out: 1000000 requests, 1000000000 input and as many output
    tokens a minute, 1000 requests at the same time."""
    project: Limits = NO_LIMITS
    """For all keys of a project together."""
    models: dict[str, Limits] = {}
    """For all keys of a project together on one model, by its id."""
    assumed_output_tokens: int = 1024
    """What an answer is counted with, until it is complete, where its request has no
    `max_tokens`."""
    assumed_image_tokens: int = 1000
    """What a picture is counted with, until its model's server has told, where the model has no
    formula."""


class Standings(NamedTuple):
    """What `x-ratelimit-*` tells."""

    requests: Standing | None
    tokens: Standing | None


@dataclass(slots=True)
class Admission:
    """A request that may be served. Whoever holds it leaves, in the end."""

    meters: Sequence[Meter]
    clock: Callable[[], float]
    inputs: int = 0
    outputs: int = 0
    """Tokens counted so far."""
    counted_s: float = 0.0
    """When they were first counted."""
    is_in: bool = field(default=True)

    def count(self, inputs: int, outputs: int) -> None:
        """Counts what the request is going to cost; again for another model, in its place.

        Raises:
            RateLimited: it does not fit now.
            TooLargeForLimit: it never will.
        """
        now_s = self.clock()
        more = (inputs - self.inputs, outputs - self.outputs)
        for meter in self.meters:
            meter.at(now_s)
            _check_tokens(meter.inputs, inputs, more[0], now_s, "input tokens")
            _check_tokens(meter.outputs, outputs, more[1], now_s, "output tokens")
        if not self.counted_s:
            self.counted_s = now_s
        self._correct(*more, now_s)

    def correct(self, inputs: int, outputs: int) -> None:
        """Puts what was really used in the place of what was counted."""
        now_s = self.clock()
        for meter in self.meters:
            meter.at(now_s)
        self._correct(inputs - self.inputs, outputs - self.outputs, now_s)

    def standings(self) -> Standings:
        """How the caller stands now."""
        now_s = self.clock()
        for meter in self.meters:
            meter.at(now_s)
        return _standings(self.meters, now_s)

    def leave(self) -> None:
        """The request is over; a second call does nothing."""
        if self.is_in:
            self.is_in = False
            for meter in self.meters:
                meter.in_flight -= 1

    def _correct(self, inputs: int, outputs: int, now_s: float) -> None:
        self.inputs += inputs
        self.outputs += outputs
        for meter in self.meters:
            if inputs and meter.inputs is not None:
                meter.inputs.correct(inputs, self.counted_s, now_s)
            if outputs and meter.outputs is not None:
                meter.outputs.correct(outputs, self.counted_s, now_s)


class Limiter:
    """Counts, in this process."""

    def __init__(
        self, settings: LimitsSettings, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` gives seconds that never go back."""
        self.settings = settings
        self._clock = clock
        self._of_key = settings.key.over(UNLESS_SAID)
        self._models: Mapping[str, Limits] = settings.models
        self._meters: OrderedDict[Subject, Meter] = OrderedDict()

    def enter(self, key: Key, model: str) -> Admission:
        """Counts a request of this key for that model, if it may be served now.

        Raises:
            RateLimited: there were too many in the last minute.
            ConcurrencyExceeded: there are too many at the moment.
        """
        now_s = self._clock()
        meters = self._of(key, model, now_s)
        for meter in meters:
            most = meter.limits.concurrent_requests
            if most is not None and meter.in_flight >= most:
                message = f"There are {most} requests under way already, which is the limit."
                raise ConcurrencyExceeded(message, retry_after_s=1)
            requests = meter.requests
            if requests is not None and requests.used >= requests.limit:
                message = f"The limit of {requests.limit} requests a minute is reached."
                raise RateLimited(message, retry_after_s=_seconds(requests.wait_s(1, now_s)))
        for meter in meters:
            meter.in_flight += 1
            if meter.requests is not None:
                meter.requests.add(1, now_s)
        return Admission(meters, self._clock)

    def standings(self, key: Key) -> Standings:
        """How this key stands that asks no model now."""
        now_s = self._clock()
        return _standings(self._of(key, None, now_s), now_s)

    def _of(self, key: Key, model: str | None, now_s: float) -> list[Meter]:
        meters = [self._meter((key.key_id,), key.limits, now_s, self._of_key)]
        of_project = key.project_limits
        if of_project is None:
            of_project = self.settings.project
        if of_project != NO_LIMITS:
            meters.append(self._meter((key.project_id, ""), of_project, now_s))
        if model is not None and (of_model := self._models.get(model)) is not None:
            meters.append(self._meter((key.project_id, "", model), of_model, now_s))
        return meters

    def _meter(
        self, subject: Subject, said: Limits, now_s: float, usual: Limits = NO_LIMITS
    ) -> Meter:
        meter = self._meters.get(subject)
        if meter is None:
            meter = self._meters[subject] = Meter(said.over(usual), said=said)
            self._forget_idle(now_s)
        elif meter.said is not said and meter.said != said:
            meter.adopt(said.over(usual), said=said)
        meter.at(now_s)
        return meter

    def _forget_idle(self, now_s: float) -> None:
        if len(self._meters) <= MAX_METERS:
            return
        for subject in _first(self._meters, MAX_METERS // 10):
            meter = self._meters[subject]
            meter.at(now_s)
            if meter.is_idle:
                del self._meters[subject]


def _standings(meters: Sequence[Meter], now_s: float) -> Standings:
    if len(meters) == 1:
        (one,) = meters
        return Standings(
            tightest((one.requests,), now_s), tightest((one.inputs, one.outputs), now_s)
        )
    tokens = [window for it in meters for window in (it.inputs, it.outputs)]
    return Standings(
        tightest([meter.requests for meter in meters], now_s), tightest(tokens, now_s)
    )


def _first(meters: Iterable[Subject], count: int) -> list[Subject]:
    return [subject for subject, _ in zip(meters, range(count), strict=False)]


def _check_tokens(
    window: Window | None, whole: int, more: int, now_s: float, what: str
) -> None:
    if window is None or more <= 0 or window.used + more <= window.limit:
        return
    if whole > window.limit:
        raise TooLargeForLimit(
            f"The request counts {whole} {what}, the limit is {window.limit} a minute."
        )
    raise RateLimited(
        f"The limit of {window.limit} {what} a minute is reached.",
        retry_after_s=_seconds(window.wait_s(more, now_s)),
    )


def _seconds(wait_s: float) -> int:
    """What `Retry-After` says: whole seconds, never none."""
    return min(MAX_RETRY_AFTER_S, max(1, math.ceil(wait_s)))
