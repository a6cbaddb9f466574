"""Limits that replicas share: counted by one script in Redis, in one round trip each time.

A request's place is kept for `redis_lease_s` and renewed as long as the request lives, so that
the places of a replica that died come back. While Redis is lost, each replica counts by itself
or refuses, as the settings say; whichever it is, requests under way go on.
"""

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from secrets import token_hex
from typing import Final

import anyio
from anyio.abc import TaskGroup

from visus.accounts.keys import Key
from visus.accounts.limiter import (
    UNLESS_SAID,
    LimitsSettings,
    LocalAdmission,
    LocalLimiter,
    Standings,
    limited,
    too_many_at_once,
    too_many_requests,
    too_many_tokens,
)
from visus.accounts.limits import WINDOW_S, Limits, Standing
from visus.accounts.redis_address import redis_address
from visus.accounts.redis_server import RedisServer, Said, Verb
from visus.errors import RateLimited, StorageUnavailable

FIND_EVERY_S: Final = 1.0
"""How often a lost server is looked for."""
TICK_S: Final = 0.5
"""How often the shared clock is set."""
MAX_LEAVING: Final = 10_000
"""Requests that are just taking their leave; of more, the places come back with their lease."""
RENEWED_AT_ONCE: Final = 1000
REQUESTS, INPUTS, OUTPUTS = 1, 2, 3
NUMBERS: Final = 6
"""Of each subject in `Said.counted`."""
NOT_YET: Final = -1
_MS: Final = 1000


class SharedLimiter:
    """Counts, for all replicas. Made by `shared_limiter`."""

    def __init__(
        self,
        settings: LimitsSettings,
        server: RedisServer,
        tasks: TaskGroup,
        *,
        clock: Callable[[], float],
    ) -> None:
        self.settings = settings
        self.server = server
        self.of_key = settings.key.over(UNLESS_SAID)
        self.leaving = 0
        """Requests that are over, of which Redis does not know yet."""
        self._alone = LocalLimiter(settings, clock=clock)
        self._tasks = tasks
        self._under_way: dict[str, SharedAdmission] = {}
        self._names = map((token_hex(8) + ":%d").__mod__, count())

    def asking(self, key: Key, model: str) -> "SharedAdmission":
        """See `Limiter`."""
        return SharedAdmission(self, key, model, next(self._names))

    def standings(self, key: Key) -> Standings:
        """See `Limiter`: only Redis knows."""
        return self._alone.standings(key) if self.server.is_lost else Standings()

    async def look(self, key: Key) -> Standings:
        """See `Limiter`: asks Redis, and counts nothing."""
        looking = SharedAdmission(self, key, None, next(self._names))
        return await looking.look() or self._alone.standings(key)

    def alone(self, key: Key, model: str | None) -> LocalAdmission:
        """The request as this process alone counts it, while Redis is lost.

        Raises:
            StorageUnavailable: it is not to.
        """
        if self.settings.when_redis_is_lost == "refuse":
            raise StorageUnavailable(
                "The server that counts requests does not answer.", retry_after_s=1
            )
        return self._alone.asking(key, model)

    def has_entered(self, admission: "SharedAdmission") -> None:
        """Its places are renewed from now on."""
        self._under_way[admission.name] = admission

    def has_left(self, admission: "SharedAdmission") -> None:
        """Tells Redis, without waiting for it."""
        self._under_way.pop(admission.name, None)
        if not self.server.is_lost and self.leaving < MAX_LEAVING:
            self.leaving += 1
            self._tasks.start_soon(self._leave, admission)

    async def _leave(self, admission: "SharedAdmission") -> None:
        try:
            await admission.ask("leave", *admission.owed)
        finally:
            self.leaving -= 1

    async def keep(self, every_s: float) -> None:
        """Renews places every so often, and looks for a server that is lost; never ends."""
        renewed_s = anyio.current_time()
        while True:
            is_due = self.server.is_lost or anyio.current_time() - renewed_s >= every_s
            if not (await self.server.tick() and (not is_due or await self._renew())):
                await anyio.sleep(FIND_EVERY_S)
                continue
            # Found only now: whoever asks finds the places of this replica taken.
            self.server.found()
            renewed_s = anyio.current_time() if is_due else renewed_s
            with anyio.move_on_after(TICK_S):
                await self.server.lost.wait()

    async def _renew(self) -> bool:
        """Whether Redis knows now what is under way here."""
        living = list(self._under_way.values())
        held = [(place, one.name) for one in living for place in one.places]
        for start in range(0, len(held), RENEWED_AT_ONCE):
            some = held[start : start + RENEWED_AT_ONCE]
            places, names = [place for place, _ in some], [name for _, name in some]
            if await self.server.try_to_ask("renew", places, names) is None:
                return False
        for one in living:
            if one.name not in self._under_way:  # it left meanwhile, perhaps too early
                await one.ask("leave", 0, 0)
        return True


class SharedAdmission:
    """A request that is counted in Redis, or here while that is lost."""

    __slots__ = (
        "_counted_s", "_here", "_inputs", "_is_in", "_keys", "_limits", "_of", "_outputs",
        "_said", "key", "model", "name", "owed", "places",
    )  # fmt: skip

    def __init__(self, of: SharedLimiter, key: Key, model: str | None, name: str) -> None:
        self.key = key
        self.model = model
        self.name = name
        self.owed = (0, 0)
        """Tokens that are counted when it leaves, or taken back."""
        counted = limited(of.settings, of.of_key, key, model)
        self._limits = [said.over(usual) for _, said, usual in counted]
        self._keys = [
            f"visus:{what}:{'/'.join(subject)}"
            for subject, _, _ in counted
            for what in ("minute", "places")
        ]
        bounded = zip(self._keys[1::2], self._limits, strict=True)
        self.places = [key for key, it in bounded if it.concurrent_requests is not None]
        """Where its places are kept."""
        self._of = of
        self._is_in = False
        self._inputs = self._outputs = 0
        self._counted_s = NOT_YET
        self._said: Said | None = None
        self._here: LocalAdmission | None = None

    async def enter(self) -> None:
        """See `Admission`."""
        try:
            said = await self.ask("enter", 0, 0)
        except BaseException:
            self._of.has_left(self)  # whether it was counted, nobody knows
            raise
        if said is None:
            self._here = self._of.alone(self.key, self.model)
            await self._here.enter()
        else:
            self._hear(said, (0, 0))
        self._is_in = True
        self._of.has_entered(self)

    async def count(self, inputs: int, outputs: int) -> None:
        """See `Admission`."""
        if self._here is None:
            said = await self.ask("count", inputs - self._inputs, outputs - self._outputs)
            if said is not None:
                self._hear(said, (inputs, outputs))
                self._inputs, self._outputs = inputs, outputs
                if self._counted_s == NOT_YET:
                    self._counted_s = said.now_ms // _MS
                return
            # It was let in by all replicas; here its tokens alone are counted.
            self._here = self._of.alone(self.key, self.model)
        await self._here.count(inputs, outputs)

    async def look(self) -> Standings | None:
        """How its key stands, although it does not enter; None where Redis does not say."""
        self._said = await self.ask("count", 0, 0)
        return None if self._said is None else self.standings()

    def correct(self, inputs: int, outputs: int) -> None:
        """See `Admission`; the others hear of it when the request leaves."""
        if self._here is not None:
            self._here.correct(inputs, outputs)
        else:
            self.owed = (inputs - self._inputs, outputs - self._outputs)

    def standings(self) -> Standings:
        """See `Admission`: what Redis said last, and what this request owes."""
        if self._here is not None:
            return self._here.standings()
        if self._said is None:
            return Standings()
        now_s, (inputs, outputs) = self._of.server.clock.ms() / _MS, self.owed
        requests: list[Standing] = []
        tokens: list[Standing] = []
        for place, limits in enumerate(self._limits):
            found = self._said.counted[place * NUMBERS : (place + 1) * NUMBERS]
            requests += _standing(limits.requests_per_minute, found[0], found[1] - now_s)
            tokens += _standing(
                limits.input_tokens_per_minute, found[2] + inputs, found[3] - now_s
            )
            tokens += _standing(
                limits.output_tokens_per_minute, found[4] + outputs, found[5] - now_s
            )
        return Standings(_tightest(requests), _tightest(tokens))

    def leave(self) -> None:
        """See `Admission`."""
        if self._is_in:
            self._is_in = False
            if self._here is not None:
                self._here.leave()
            self._of.has_left(self)

    async def ask(self, verb: Verb, inputs: int, outputs: int) -> Said | None:
        """What Redis says to it; None: it is lost."""
        words: list[str | int] = [self.name, inputs, outputs, self._counted_s]
        for limits in self._limits:
            words += [
                _or_none(limits.requests_per_minute),
                _or_none(limits.input_tokens_per_minute),
                _or_none(limits.output_tokens_per_minute),
                _or_none(limits.concurrent_requests),
            ]
        return await self._of.server.ask(verb, self._keys, words)

    def _hear(self, said: Said, whole: tuple[int, int]) -> None:
        """Raises what the answer refuses; `whole` are the tokens that were asked for."""
        self._said = said
        if said.refusing:
            raise _refusal(said, self._limits[said.refusing - 1], whole)


def _or_none(limit: int | None) -> int:
    return -1 if limit is None else limit


def _refusal(said: Said, limits: Limits, whole: tuple[int, int]) -> RateLimited:
    wait_s = said.wait_ms / _MS
    if said.kind == REQUESTS:
        return too_many_requests(limits.requests_per_minute or 0, wait_s)
    if said.kind == INPUTS:
        most = limits.input_tokens_per_minute or 0
        return too_many_tokens(whole[0], most, "input tokens", wait_s)
    if said.kind == OUTPUTS:
        most = limits.output_tokens_per_minute or 0
        return too_many_tokens(whole[1], most, "output tokens", wait_s)
    return too_many_at_once(limits.concurrent_requests or 0)


def _standing(limit: int | None, used: int, since_s: float) -> Sequence[Standing]:
    if limit is None:
        return ()
    return (Standing(limit, max(0, limit - used), max(0.0, since_s + WINDOW_S + 1)),)


def _tightest(standings: Sequence[Standing]) -> Standing | None:
    return min(standings, key=lambda one: one.remaining, default=None)


async def trouble(settings: LimitsSettings, url: str) -> str | None:
    """Why the Redis server at `url` cannot be used; None: it can."""
    server = _server(settings, url, time.monotonic)
    try:
        return await server.trouble()
    finally:
        await server.aclose()


def _server(settings: LimitsSettings, url: str, clock: Callable[[], float]) -> RedisServer:
    return RedisServer(
        redis_address(url),
        timeout_s=settings.redis_timeout_s,
        lease_s=settings.redis_lease_s,
        ca_file=settings.redis_ca_file,
        clock=clock,
    )


@asynccontextmanager
async def shared_limiter(
    settings: LimitsSettings, url: str, *, clock: Callable[[], float] = time.monotonic
) -> AsyncGenerator[SharedLimiter]:
    """Counts with the Redis server at `url` until it is left; `clock` never goes back.

    A server that does not answer yet is found later.
    """
    server = _server(settings, url, clock)
    try:
        async with anyio.create_task_group() as tasks:
            limiter = SharedLimiter(settings, server, tasks, clock=clock)
            await server.tick()
            tasks.start_soon(limiter.keep, settings.redis_lease_s / 3)
            yield limiter
            with anyio.move_on_after(settings.redis_timeout_s):
                while limiter.leaving:  # noqa: ASYNC110 -- at the end alone, and not for long
                    await anyio.sleep(0.005)
            tasks.cancel_scope.cancel()
    finally:
        await server.aclose()
