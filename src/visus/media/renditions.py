"""A cache of what workers made; concurrent requests for the same result share one job.

What is kept are their results as they came, bounded in bytes; what was not asked for longest
goes first. A key has to hold whatever the result depends on, and whose file it is: nobody
learns from a quick answer that somebody else sent the same one.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Generic, NamedTuple, TypeVar

import anyio

_Made = TypeVar("_Made")


class Rendition(NamedTuple, Generic[_Made]):
    """What was made of a file."""

    made: _Made
    was_kept: bool
    """Whether it came from the cache, or from a job under way."""


class _Flight:
    """Work under way."""

    def __init__(self) -> None:
        self.landed = anyio.Event()
        self.result: bytes | None = None
        self.error: Exception | None = None


class Renditions:
    """At most `max_bytes` of results; with 0 nothing is kept."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()
        self._flights: dict[bytes, _Flight] = {}

    async def get(
        self,
        key: bytes,
        make: Callable[[], Awaitable[bytes]],
        read: Callable[[bytes], _Made],
    ) -> Rendition[_Made]:
        """The cached result of `key`, or that of `make`, as `read` reads it.

        Callers that come while it is being made wait for it, and get its error too. If the
        first caller is cancelled, the next one starts again. A result that cannot be read is
        not cached.

        Raises:
            Exception: what `make` or `read` raises.
        """
        while True:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
                return Rendition(read(kept), was_kept=True)
            flight = self._flights.get(key)
            if flight is None:
                return Rendition(await self._made(key, make, read), was_kept=False)
            await flight.landed.wait()
            if flight.error is not None:
                raise flight.error
            if flight.result is not None:
                return Rendition(read(flight.result), was_kept=True)

    async def _made(
        self,
        key: bytes,
        make: Callable[[], Awaitable[bytes]],
        read: Callable[[bytes], _Made],
    ) -> _Made:
        flight = self._flights[key] = _Flight()
        try:
            result = await make()
            made = read(result)
            flight.result = result
        except Exception as fault:
            flight.error = fault
            raise
        finally:
            del self._flights[key]
            flight.landed.set()
        self._keep(key, result)
        return made

    def _keep(self, key: bytes, result: bytes) -> None:
        if len(result) > self._max_bytes:
            return
        self._kept[key] = result
        self._bytes += len(result)
        while self._bytes > self._max_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= len(oldest)


def key_of(owner: str, job: bytes) -> bytes:
    """The key of a job for the workers: the file, all that is wanted of it, and whose it is."""
    return sha256(owner.encode() + b"\0" + sha256(job).digest()).digest()
