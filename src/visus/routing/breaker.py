"""A circuit breaker: stops asking what fails too often, and probes whether it recovered.

Closed: everything passes. Open: nothing does, for `open_s`. Half open: one question passes, and
its outcome closes or opens it again. Counting begins with a failure and lasts `window_s`, so a
server that never fails costs nothing.
"""

from visus.routing.settings import BreakerSettings


class Breaker:
    """Of one deployment. Times are those of one monotonic clock, in seconds."""

    __slots__ = (
        "_failed",
        "_is_probed",
        "_open_until_s",
        "_settings",
        "_since_s",
        "_succeeded",
        "is_open",
    )

    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings
        self._failed = self._succeeded = 0
        self._since_s = 0.0
        self._open_until_s: float | None = None
        self._is_probed = False
        self.is_open = False
        """Whether it lets nothing through, or one probe at most."""

    def wait_s(self, now_s: float) -> float:
        """How long to leave the deployment alone; 0 where a question may pass now."""
        if self._open_until_s is None:
            return 0.0
        left_s = self._open_until_s - now_s
        if left_s > 0:
            return left_s
        return self._settings.open_s if self._is_probed else 0.0

    def begin(self) -> bool:
        """A question passes; whether it is the probe."""
        if self._open_until_s is None:
            return False
        self._is_probed = True
        return True

    def succeeded(self) -> None:
        """An answer came, of whichever question."""
        if self._open_until_s is not None:
            self._open_until_s, self._is_probed, self._failed = None, False, 0
            self.is_open = False
        elif self._failed:
            self._succeeded += 1

    def failed(self, now_s: float) -> None:
        """None came."""
        settings = self._settings
        if self._open_until_s is not None:
            if self._is_probed:
                self._open_until_s, self._is_probed = now_s + settings.open_s, False
            return
        if not self._failed or now_s - self._since_s > settings.window_s:
            self._failed = self._succeeded = 0
            self._since_s = now_s
        self._failed += 1
        share = self._failed / (self._failed + self._succeeded)
        if settings.failures and self._failed >= settings.failures and share >= settings.ratio:
            self._open_until_s = now_s + settings.open_s
            self.is_open = True

    def left(self, *, was_probe: bool) -> None:
        """The caller left before the outcome was known."""
        if was_probe:
            self._is_probed = False
