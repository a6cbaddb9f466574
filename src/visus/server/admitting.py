"""Rate limits and the ledger, as HTTP requests need them."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import ceil
from typing import Final

from visus.accounts.keys import Key
from visus.accounts.ledger import Bill, Ledger
from visus.accounts.limiter import Limiter, LimitsSettings, LocalLimiter, Standings
from visus.server.exchange import Exchange

_TOLD: Final = {
    what: b"".join(
        b"x-ratelimit-%b-%b: %b\r\n" % (name, what, form)
        for name, form in ((b"limit", b"%d"), (b"remaining", b"%d"), (b"reset", b"%ds"))
    )
    for what in (b"requests", b"tokens")
}
"""Lines of an answer's head: how much in a minute, how much of it is left, when it is whole."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """Everything that counts callers."""

    limiter: Limiter
    ledger: Ledger

    async def open_bill(self, exchange: Exchange) -> Bill:
        """The bill of one question; the caller must end with `bill.admission.leave()`.

        Raises:
            RateLimited: the key, or its project, has to wait.
            StorageUnavailable: the shared limits cannot be reached.
        """
        key = exchange.key
        admission = self.limiter.asking(key, exchange.model or "")
        exchange.standing = lambda: _told(admission.standings())
        await admission.enter()
        return Bill(self.ledger, key, exchange.request_id, admission)

    def standing(self, key: Key) -> bytes:
        """`x-ratelimit-*`: where the caller stands, of several limits with the tightest."""
        return _told(self.limiter.standings(key))

    async def look(self, exchange: Exchange) -> None:
        """Finds out the same for a request that asks no model, where others count it too."""
        if exchange.standing is None and exchange.caller is not None:
            told = _told(await self.limiter.look(exchange.caller))
            exchange.standing = lambda: told

    @property
    def knows_alone(self) -> bool:
        """Whether limits are counted in this process, so that no server has to be asked."""
        return isinstance(self.limiter, LocalLimiter)


@asynccontextmanager
async def open_limiter(settings: LimitsSettings) -> AsyncGenerator[Limiter]:
    """Counts here, or in Redis where the settings name one."""
    if not settings.redis:
        yield LocalLimiter(settings)
        return
    # Imported here because most installations have no use for it.
    from visus.accounts.shared_limiter import shared_limiter  # noqa: PLC0415

    async with shared_limiter(settings, settings.redis) as limiter:
        yield limiter


def _told(standings: Standings) -> bytes:
    requests, tokens = standings.requests, standings.tokens
    told = b""
    if requests is not None:
        numbers = (requests.limit, requests.remaining, ceil(requests.reset_s))
        told = _TOLD[b"requests"] % numbers
    if tokens is not None:
        told += _TOLD[b"tokens"] % (tokens.limit, tokens.remaining, ceil(tokens.reset_s))
    return told
