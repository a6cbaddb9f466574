"""Rate limits: of a key, of its project, and of its project on one model.

`LocalLimiter` counts in this process; `shared_limiter` has the other `Limiter`, which counts
for all replicas together. Nothing is counted for a request that is refused.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Final, Literal, Protocol, TypeAlias

import msgspec
from typing_extensions import override

from visus.accounts.keys import Key
from visus.accounts.limits import (
    MAX_RETRY_AFTER_S,
    NO_LIMITS,
    Limits,
    Meter,
    Standing,
    Window,
    tighter,
)
from visus.accounts.redis_address import redis_address
from visus.errors import ConcurrencyExceeded, RateLimited, TooLargeForLimit

UNLESS_SAID: Final = Limits(
    requests_per_minute=1_000_000,
    input_tokens_per_minute=1_000_000_000,
    output_tokens_per_minute=1_000_000_000,
    concurrent_requests=1_000,
)
"""The default limits of a key: more than one process can do, so that the headers are true and a
runaway loop ends somewhere."""
MAX_METERS: Final = 100_000
"""The least recently seen idle ones are forgotten beyond that."""
Subject: TypeAlias = tuple[str, ...]


class LimitsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Default limits for keys and projects that have none of their own."""

    key: Limits = NO_LIMITS
    """For each key. What is left out: 1000000 requests, 1000000000 input and as many output
    tokens a minute, 1000 requests at the same time."""
    project: Limits = NO_LIMITS
    """For all keys of a project together."""
    models: dict[str, Limits] = {}
    """For all keys of a project together on one model, by its id."""
    assumed_output_tokens: int = 1024
    """How many tokens an answer counts as until it is complete, where its request has no
    `max_tokens`."""
    assumed_image_tokens: int = 1000
    """How many tokens a picture counts as until the model's server reports its usage, where the
    model has no formula."""
    redis: str = ""
    """`redis://:password@host:6379/0`, or `rediss://` for TLS: where replicas count together.
    Special characters of the password are written as in every URL: `%40` for `@`. Empty:
    each process counts by itself."""
    redis_ca_file: str = ""
    """A PEM file of certificate authorities to trust for `rediss://`. Empty: the system's."""
    when_redis_is_lost: Literal["local", "refuse"] = "local"
    """While Redis does not answer, each replica counts by itself (`local`: a caller may use the
    limit once per replica), or questions are refused with 503 (`refuse`)."""
    redis_timeout_s: Annotated[float, msgspec.Meta(ge=0.01, le=10)] = 0.2
    """How long Redis may take to answer; then it counts as lost until it answers again. That is
    tried once a second, and no question waits for it."""
    redis_lease_s: Annotated[float, msgspec.Meta(ge=1, le=600)] = 15.0
    """How long after a replica's death its requests still count as under way."""

    def __post_init__(self) -> None:
        if self.redis:
            redis_address(self.redis)

    @override
    def __repr__(self) -> str:
        """Without the password that stands in a URL."""
        shown = str(redis_address(self.redis)) if self.redis else ""
        return f"LimitsSettings(key={self.key}, project={self.project}, redis={shown!r})"


class Standings(msgspec.Struct, frozen=True):
    """The values of `x-ratelimit-*`."""

    requests: Standing | None = None
    tokens: Standing | None = None


class Admission(Protocol):
    """A request under way, as the limits count it. It must end with `leave`."""

    async def enter(self) -> None:
        """Counts the request, if it may be served now.

        Raises:
            RateLimited: there were too many in the last minute.
            ConcurrencyExceeded: there are too many at the moment.
            StorageUnavailable: the shared limits cannot be reached.
        """
        ...

    async def count(self, inputs: int, outputs: int) -> None:
        """Counts the tokens of what it is going to cost; again for another model, in its place.

        Raises:
            RateLimited: it does not fit now.
            TooLargeForLimit: it never will.
            StorageUnavailable: the shared limits cannot be reached.
        """
        ...

    def correct(self, inputs: int, outputs: int) -> None:
        """Puts what was really used in the place of what was counted."""
        ...

    def standings(self) -> Standings:
        """How the caller stands now, also where it was not let in."""
        ...

    def leave(self) -> None:
        """The request is over; a second call does nothing, nor does one before `enter`."""
        ...


class Limiter(Protocol):
    """Says who may ask now."""

    def asking(self, key: Key, model: str) -> Admission:
        """For a request of this key for that model, which has not been let in yet."""
        ...

    def standings(self, key: Key) -> Standings:
        """How this key stands that asks no model now, as far as that is known here."""
        ...

    async def look(self, key: Key) -> Standings:
        """The same, also where others have to be asked."""
        ...


Limited: TypeAlias = tuple[Subject, Limits, Limits]
"""Somebody who has limits, what the key, the project or the settings say of them, and what
holds where these say nothing. Made for every question, so no named tuple, which costs more."""


def limited(
    settings: LimitsSettings, of_key: Limits, key: Key, model: str | None
) -> list[Limited]:
    """Who is counted for a request of `key`; `of_key` holds where the key says nothing."""
    found: list[Limited] = [((key.key_id,), key.limits, of_key)]
    of_project = key.project_limits
    if of_project is None:
        of_project = settings.project
    if of_project != NO_LIMITS:
        found.append(((key.project_id, ""), of_project, NO_LIMITS))
    if model is not None and (of_model := settings.models.get(model)) is not None:
        found.append(((key.project_id, "", model), of_model, NO_LIMITS))
    return found


class LocalAdmission(msgspec.Struct, eq=False):
    """A request that is counted in this process."""

    meters: Sequence[Meter]
    """Up to date when it is made."""
    clock: Callable[[], float]
    inputs: int = 0
    outputs: int = 0
    """Tokens counted so far."""
    counted_s: float = 0.0
    """When they were first counted."""
    is_in: bool = False

    async def enter(self) -> None:
        """See `Admission`."""
        now_s = self.clock()
        for meter in self.meters:
            most = meter.limits.concurrent_requests
            if most is not None and meter.in_flight >= most:
                raise too_many_at_once(most)
            requests = meter.requests
            if requests is not None and requests.used >= requests.limit:
                raise too_many_requests(requests.limit, requests.wait_s(1, now_s))
        for meter in self.meters:
            meter.in_flight += 1
            if meter.requests is not None:
                meter.requests.add(1, now_s)
        self.is_in = True

    async def count(self, inputs: int, outputs: int) -> None:
        """See `Admission`."""
        now_s = self._now_s()
        more = (inputs - self.inputs, outputs - self.outputs)
        for meter in self.meters:
            window = meter.inputs
            if window is not None and window.used + more[0] > window.limit:
                _check_tokens(window, inputs, more[0], now_s, "input tokens")
            window = meter.outputs
            if window is not None and window.used + more[1] > window.limit:
                _check_tokens(window, outputs, more[1], now_s, "output tokens")
        if not self.counted_s:
            self.counted_s = now_s
        self._correct(*more, now_s)

    def correct(self, inputs: int, outputs: int) -> None:
        """See `Admission`."""
        self._correct(inputs - self.inputs, outputs - self.outputs, self._now_s())

    def standings(self) -> Standings:
        """See `Admission`."""
        return _standings(self.meters, self._now_s())

    def leave(self) -> None:
        """See `Admission`."""
        if self.is_in:
            self.is_in = False
            for meter in self.meters:
                meter.in_flight -= 1

    def _now_s(self) -> float:
        """The time, to which every meter is brought."""
        now_s = self.clock()
        second = int(now_s)
        for meter in self.meters:
            if meter.second != second:
                meter.at(now_s)
        return now_s

    def _correct(self, inputs: int, outputs: int, now_s: float) -> None:
        self.inputs += inputs
        self.outputs += outputs
        for meter in self.meters:
            if inputs and meter.inputs is not None:
                meter.inputs.correct(inputs, self.counted_s, now_s)
            if outputs and meter.outputs is not None:
                meter.outputs.correct(outputs, self.counted_s, now_s)


class LocalLimiter:
    """Counts, in this process."""

    def __init__(
        self, settings: LimitsSettings, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` gives monotonic seconds."""
        self.settings = settings
        self._clock = clock
        self._of_key = settings.key.over(UNLESS_SAID)
        self._meters: OrderedDict[Subject, Meter] = OrderedDict()

    def __len__(self) -> int:
        return len(self._meters)

    def asking(self, key: Key, model: str | None) -> LocalAdmission:
        """See `Limiter`."""
        return LocalAdmission(self._of(key, model, self._clock()), self._clock)

    def standings(self, key: Key) -> Standings:
        """See `Limiter`."""
        now_s = self._clock()
        return _standings(self._of(key, None, now_s), now_s)

    async def look(self, key: Key) -> Standings:
        """See `Limiter`."""
        return self.standings(key)

    def _of(self, key: Key, model: str | None, now_s: float) -> list[Meter]:
        return [
            self._meter(subject, said, now_s, usual)
            for subject, said, usual in limited(self.settings, self._of_key, key, model)
        ]

    def _meter(self, subject: Subject, said: Limits, now_s: float, usual: Limits) -> Meter:
        meter = self._meters.get(subject)
        if meter is None:
            meter = self._meters[subject] = Meter(said.over(usual), said=said)
            self._forget_idle(now_s)
        elif meter.said is not said and meter.said != said:
            meter.adopt(said.over(usual), said=said)
        if meter.second != int(now_s):
            meter.at(now_s)
            self._meters.move_to_end(subject)
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
    requests: Window | None = None
    tokens: Window | None = None
    for meter in meters:
        requests = meter.requests if requests is None else tighter(requests, meter.requests)
        fewer = tighter(meter.inputs, meter.outputs)
        tokens = fewer if tokens is None else tighter(tokens, fewer)
    return Standings(
        None if requests is None else requests.standing(now_s),
        None if tokens is None else tokens.standing(now_s),
    )


def _first(meters: Iterable[Subject], count: int) -> list[Subject]:
    return [subject for subject, _ in zip(meters, range(count), strict=False)]


def _check_tokens(window: Window, whole: int, more: int, now_s: float, what: str) -> None:
    if more > 0:  # what takes nothing is not refused, however much was counted before
        raise too_many_tokens(whole, window.limit, what, window.wait_s(more, now_s))


def too_many_at_once(most: int) -> ConcurrencyExceeded:
    """The error where another request has to end first."""
    message = f"There are {most} requests under way already, which is the limit."
    return ConcurrencyExceeded(message, retry_after_s=1)


def too_many_requests(most: int, wait_s: float) -> RateLimited:
    """The error where there is no room before `wait_s`."""
    message = f"The limit of {most} requests a minute is reached."
    return RateLimited(message, retry_after_s=_seconds(wait_s))


def too_many_tokens(whole: int, most: int, what: str, wait_s: float) -> RateLimited:
    """The error for a request of `whole` tokens that do not fit before `wait_s`, or never."""
    if whole > most:
        message = f"The request counts {whole} {what}, the limit is {most} a minute."
        return TooLargeForLimit(message)
    message = f"The limit of {most} {what} a minute is reached."
    return RateLimited(message, retry_after_s=_seconds(wait_s))


def _seconds(wait_s: float) -> int:
    """What `Retry-After` says: whole seconds, never none."""
    return min(MAX_RETRY_AFTER_S, max(1, math.ceil(wait_s)))
