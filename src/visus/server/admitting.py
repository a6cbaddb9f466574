"""Who is let in, how far, and on whose account: limits and the ledger, as HTTP needs them."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import ceil

from visus.accounts.keys import Key
from visus.accounts.ledger import Bill, Ledger
from visus.accounts.limiter import Limiter, LimitsSettings, LocalLimiter, Standings
from visus.accounts.limits import Standing
from visus.server.exchange import Exchange
from visus.server.request import Header


@dataclass(frozen=True, slots=True)
class Accounts:
    """Everything that counts callers."""

    limiter: Limiter
    ledger: Ledger

    async def open_bill(self, exchange: Exchange) -> Bill:
        """The account of one question; whoever opens it lets its admission leave in the end.

        Raises:
            RateLimited: the key, or its project, has to wait.
            StorageUnavailable: nobody can say whether it has.
        """
        key = exchange.key
        admission = self.limiter.asking(key, exchange.model or "")
        exchange.standing = lambda: _headers(admission.standings())
        await admission.enter()
        return Bill(self.ledger, key, exchange.request_id, admission)

    def headers(self, key: Key) -> list[Header]:
        """`x-ratelimit-*`: where the caller stands, of several limits with the tightest."""
        return _headers(self.limiter.standings(key))

    async def look(self, exchange: Exchange) -> None:
        """Finds out the same for a request that asks no model, where others count it too."""
        if exchange.standing is None and exchange.caller is not None:
            headers = _headers(await self.limiter.look(exchange.caller))
            exchange.standing = lambda: headers

    @property
    def knows_alone(self) -> bool:
        """Whether nobody has to be asked how a caller stands."""
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


def _headers(standings: Standings) -> list[Header]:
    requests, tokens = standings
    headers: list[Header] = []
    if requests is not None:
        headers += _told(b"requests", requests)
    if tokens is not None:
        headers += _told(b"tokens", tokens)
    return headers


def _told(what: bytes, standing: Standing) -> list[Header]:
    limit, remaining, reset_s = standing
    return [
        (b"x-ratelimit-limit-" + what, b"%d" % limit),
        (b"x-ratelimit-remaining-" + what, b"%d" % remaining),
        (b"x-ratelimit-reset-" + what, b"%ds" % ceil(reset_s)),
    ]
