"""Sliding-window limits: requests and tokens a minute, and requests at the same time.

Pure counting, no clock of its own and no I/O. A minute is any sixty seconds: what was counted
leaves a window sixty seconds after the end of the second in which it was counted, so that never
more than the limit falls into any minute.
"""

from collections import deque
from typing import Annotated, Final, TypeAlias

import msgspec

WINDOW_S: Final = 60
MAX_RETRY_AFTER_S: Final = 120
"""Clients of OpenAI's give up where they are told to wait longer."""

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=10**12)]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Limits of a key or a project; unset: no limit."""

    requests_per_minute: Count | None = None
    """Questions to models a minute; other requests do not count."""
    input_tokens_per_minute: Count | None = None
    """Text and pictures together; counted by our estimate until the model's server reports its
    usage."""
    output_tokens_per_minute: Count | None = None
    """Counted as `max_tokens`, or `[limits] assumed_output_tokens`, until the answer is
    complete."""
    concurrent_requests: Count | None = None
    """At the same time."""

    def over(self, other: "Limits") -> "Limits":
        """These limits, and where there is none that of `other`."""
        return Limits(
            *(
                theirs if own is None else own
                for own, theirs in zip(
                    msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True
                )
            )
        )


NO_LIMITS: Final = Limits()


class Standing(msgspec.Struct, frozen=True):
    """How a caller stands with one kind of limit, where it is tightest."""

    limit: int
    remaining: int
    reset_s: float
    """Until all of it is free again, if nothing more is asked."""


class Window:
    """What was counted in the last minute, by seconds."""

    __slots__ = ("_seconds", "limit", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._seconds: deque[list[int]] = deque()
        """Of each second in which anything was counted: which one, and how much."""

    def at(self, now_s: float) -> None:
        """Forgets what is older than a minute."""
        seconds = self._seconds
        oldest = int(now_s) - WINDOW_S
        while seconds and seconds[0][0] < oldest:
            self.used -= seconds.popleft()[1]

    def correct(self, amount: int, counted_s: float, now_s: float) -> None:
        """Counts so much more than was counted at `counted_s`, or less where it is negative.

        Less is only counted where the rest still is: what has left the window takes nothing
        with it of what came later.
        """
        second = int(counted_s)
        for one in reversed(self._seconds):  # nearly always the last
            if one[0] == second:
                one[1] += amount
                self.used += amount
                return
        if amount > 0:
            self.add(amount, now_s)

    def add(self, amount: int, now_s: float) -> None:
        """Counts `amount` now."""
        second = int(now_s)
        self.used += amount
        if self._seconds and self._seconds[-1][0] == second:
            self._seconds[-1][1] += amount
        else:
            self._seconds.append([second, amount])

    def wait_s(self, amount: int, now_s: float) -> float:
        """How long until `amount` fits; a whole window where it is more than the limit."""
        over = self.used + amount - self.limit
        for second, counted in self._seconds:
            if over <= 0:
                break
            over -= counted
            if over <= 0:
                return max(0.0, second + WINDOW_S + 1 - now_s)
        return 0.0 if over <= 0 else float(WINDOW_S)

    def standing(self, now_s: float) -> Standing:
        """The current state of these limits."""
        left, reset_s = self.limit - self.used, 0.0
        if self._seconds:
            reset_s = self._seconds[-1][0] + WINDOW_S + 1 - now_s
        # A correction may have gone over the limit.
        return Standing(self.limit, max(0, left), reset_s if reset_s > 0 else 0.0)


class Meter:
    """All that is counted of one subject: a key, a project, or a project on one model."""

    __slots__ = ("in_flight", "inputs", "limits", "outputs", "requests", "said", "second")

    def __init__(self, limits: Limits, *, said: Limits | None = None) -> None:
        """`said` is what `limits` were made of, to notice a change."""
        self.limits = limits
        self.said = said
        self.in_flight = 0
        self.second = -1
        """In which all windows were up to date last; they change from second to second."""
        self.requests = _window(limits.requests_per_minute)
        self.inputs = _window(limits.input_tokens_per_minute)
        self.outputs = _window(limits.output_tokens_per_minute)

    def adopt(self, limits: Limits, *, said: Limits | None = None) -> None:
        """Other limits from now on; what was counted stays counted where it still matters."""
        self.limits, self.said = limits, said
        self.requests = _changed(self.requests, limits.requests_per_minute)
        self.inputs = _changed(self.inputs, limits.input_tokens_per_minute)
        self.outputs = _changed(self.outputs, limits.output_tokens_per_minute)

    def at(self, now_s: float) -> None:
        """Brings every window up to date."""
        second = int(now_s)
        if second == self.second:
            return
        self.second = second
        for window in (self.requests, self.inputs, self.outputs):
            if window is not None:
                window.at(now_s)

    @property
    def is_idle(self) -> bool:
        """Whether nothing of the last minute is left to remember, as of the last `at`."""
        windows = (self.requests, self.inputs, self.outputs)
        return not self.in_flight and not any(it is not None and it.used for it in windows)


def tighter(one: Window | None, other: Window | None) -> Window | None:
    """Of two windows the one that will refuse first."""
    if one is None or other is None:
        return one or other
    return one if one.limit - one.used <= other.limit - other.used else other


def _window(limit: int | None) -> Window | None:
    return None if limit is None else Window(limit)


def _changed(window: Window | None, limit: int | None) -> Window | None:
    if limit is None:
        return None
    if window is None:
        return Window(limit)
    window.limit = limit
    return window
