"""`/health`, `/health/live`, `/openapi.json` and `/docs`: fixed answers without a key."""

from collections.abc import Callable
from dataclasses import dataclass

from visus.server.exchange import JSON, Exchange

HTML = (b"content-type", b"text/html; charset=utf-8")
INERT = (
    b"content-security-policy",
    b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
)


@dataclass(frozen=True, slots=True)
class FixedRoute:
    """An answer that never changes while the server runs."""

    make: Callable[[], bytes]
    """Called for every request, so that nothing is made before the first one."""
    headers: tuple[tuple[bytes, bytes], ...] = (JSON,)

    async def __call__(self, exchange: Exchange) -> None:
        """Sends it."""
        await exchange.finish(200, self.make(), headers=self.headers)


HEALTH = FixedRoute(lambda: b'{"status":"ok"}')
