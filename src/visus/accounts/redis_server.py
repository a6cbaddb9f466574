"""A Redis server that counts for all replicas: one script, asked with a deadline.

Once it has failed to answer it is lost, and nobody waits for it any more until it has been
found again. Which clock it counts by stands in `counting.lua`.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Final, Literal, NamedTuple, TypeAlias

import anyio
import msgspec
from redis.asyncio import Redis
from redis.asyncio.connection import BlockingConnectionPool, Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError

from visus.accounts.redis_address import RedisAddress

SCRIPT: Final = files("visus.accounts").joinpath("counting.lua").read_bytes()
DIGEST: Final = hashlib.sha1(SCRIPT).hexdigest()  # noqa: S324 -- Redis names scripts so
CLOCK: Final = "visus:clock"
MAX_CONNECTIONS: Final = 20
_MS: Final = 1000

Verb: TypeAlias = Literal["enter", "count", "leave", "renew"]
log: Final = logging.getLogger("visus")


class Said(NamedTuple):
    """What the script answers."""

    now_ms: int
    refusing: int = 0
    """Which of the subjects refuses, from 1; 0: none does."""
    kind: int = 0
    """What it has no room for: 1 requests, 2 inputs, 3 outputs, 4 places."""
    wait_ms: int = 0
    """Until there is room."""
    counted: tuple[int, ...] = ()
    """Of each subject three times how much, and the last second: requests, inputs, outputs."""


class SharedClock:
    """The time that all replicas share: the last answer of Redis, plus what has passed since.

    It follows the monotonic clock of the replica that is furthest, so that neither a wall clock
    that jumps nor machines that disagree let more through.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ahead_ms: int | None = None
        """Of the clock here."""

    def ms(self) -> int:
        """Milliseconds; -1 before the first answer."""
        return -1 if self._ahead_ms is None else self._own_ms() + self._ahead_ms

    def heard(self, now_ms: int) -> None:
        """Somebody is further. What the answer took on its way is only ever too little."""
        ahead_ms = now_ms - self._own_ms()
        if self._ahead_ms is None or ahead_ms > self._ahead_ms:
            self._ahead_ms = ahead_ms

    def _own_ms(self) -> int:
        return round(self._clock() * _MS)


class RedisServer:
    """Asks the script."""

    def __init__(
        self,
        address: RedisAddress,
        *,
        timeout_s: float,
        lease_s: float,
        ca_file: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = address
        self.clock = SharedClock(clock)
        self.is_lost = False
        self.lost = anyio.Event()
        """Is set when that happens, and another one when it is over."""
        self._timeout_s = timeout_s
        self._lease_ms = round(lease_s * _MS)
        self._pool = _pool(address, timeout_s, ca_file)
        self._client = Redis(connection_pool=self._pool)

    async def ask(
        self, verb: Verb, keys: Sequence[str], arguments: Sequence[str | int]
    ) -> Said | None:
        """What the script says; None: the server is lost, and may or may not have counted."""
        return None if self.is_lost else await self.try_to_ask(verb, keys, arguments)

    async def tick(self) -> bool:
        """Sets the shared clock; says whether the server answers."""
        if await self.try_to_ask("renew", (), ()) is not None:
            return True
        await self._pool.disconnect(inuse_connections=False)
        return False

    def found(self) -> None:
        """It is lost no longer."""
        if self.is_lost:
            self.is_lost, self.lost = False, anyio.Event()
            log.warning("redis answers again", extra={"fields": {"redis": self.address.shown}})

    async def trouble(self) -> str | None:
        """Why it cannot be used; None: it can."""
        try:
            await self._hear("renew", (), ())
        except Exception as fault:  # noqa: BLE001 -- whatever it is: it is told
            return _words(fault)
        return None

    async def aclose(self) -> None:
        """Closes every connection."""
        await self._pool.disconnect()

    async def try_to_ask(
        self, verb: Verb, keys: Sequence[str], arguments: Sequence[str | int]
    ) -> Said | None:
        """As `ask`, also while it is lost."""
        try:
            return await self._hear(verb, keys, arguments)
        except Exception as fault:  # noqa: BLE001 -- whatever it is: what follows is the same
            self._lose(fault)
            return None

    async def _hear(
        self, verb: Verb, keys: Sequence[str], arguments: Sequence[str | int]
    ) -> Said:
        given = (verb, self.clock.ms(), self._lease_ms, *arguments)
        with anyio.fail_after(self._timeout_s):
            numbers = await self._run(len(keys) + 1, CLOCK, *keys, *given)
        self.clock.heard(numbers[0])
        return Said(*numbers)

    async def _run(self, *words: str | int) -> tuple[int, int, int, int, tuple[int, ...]]:
        try:
            answer = await self._client.execute_command("EVALSHA", DIGEST, *words)
        except NoScriptError:
            answer = await self._client.execute_command("EVAL", SCRIPT, *words)
        return msgspec.convert(answer, tuple[int, int, int, int, tuple[int, ...]])

    def _lose(self, fault: Exception) -> None:
        if self.is_lost:
            return
        self.is_lost = True
        self.lost.set()
        fields = {"redis": self.address.shown, "detail": _words(fault)}
        log.warning("redis is lost", extra={"fields": fields})


def _words(fault: Exception) -> str:
    said = str(fault).partition("\n")[0] or "no answer in time"
    return f"{type(fault).__name__}: {said}"


def _pool(address: RedisAddress, timeout_s: float, ca_file: str) -> BlockingConnectionPool:
    """Connections that never try anything twice: a request would be counted twice."""
    encryption = {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
    if ca_file:
        encryption["ssl_ca_certs"] = ca_file
    return BlockingConnectionPool(
        max_connections=MAX_CONNECTIONS,
        timeout=timeout_s,
        connection_class=SSLConnection if address.is_encrypted else Connection,
        host=address.host,
        port=address.port,
        db=address.number,
        username=address.user,
        password=address.password,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        socket_connect_timeout=timeout_s,
        socket_timeout=None,
        **(encryption if address.is_encrypted else {}),
    )
