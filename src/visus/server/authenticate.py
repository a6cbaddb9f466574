"""Authentication: every path needs a key, except those of a short list."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

import anyio.to_thread

from visus.accounts.keys import MAX_KEY_CHARS, Key, KeyBook, digest
from visus.errors import InvalidApiKey
from visus.server.exchange import Exchange
from visus.server.identity_tokens import MAX_TOKEN_CHARS, IdentityTokens, looks_like_one
from visus.server.wrong_keys import WrongKeys

OPEN_PATHS: Final = frozenset(
    {"/health", "/health/live", "/health/ready", "/metrics", "/openapi.json", "/docs"}
)
"""What may be read without a key; `/metrics` looks at the address instead."""
MAX_REMEMBERED: Final = 10_000
"""Keys; the one not looked up for longest is forgotten first."""
_PEPPER: Final = secrets.token_bytes(32)
"""Makes the hashes of headers worthless to whoever reads them in this memory."""
_NEVER_S: Final = 1 << 62
_NOBODY: Final = (None, 0.0)


class Authenticator:
    """Knows keys by digest, and remembers valid ones for a moment, by a hash of what was shown.

    A revoked key is refused at the latest when that moment is over. Unknown keys are not
    remembered, so that nobody can fill the memory with them.
    """

    def __init__(
        self,
        book: KeyBook,
        *,
        remember_s: float,
        wrong_keys: WrongKeys,
        tokens: IdentityTokens | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`tokens` verifies bearer tokens that are not our keys; None: they are refused.

        `clock_s` gives monotonic seconds.
        """
        self._book = book
        self._tokens = tokens
        self._wrong_keys = wrong_keys
        self._remember_s = remember_s
        self._clock_s = clock_s
        self._remembered: OrderedDict[bytes, tuple[Key, float]] = OrderedDict()

    async def identify(self, exchange: Exchange) -> Key:
        """The caller's key.

        Raises:
            InvalidApiKey: none, malformed, unknown, or no longer valid.
            RateLimited: the same, too often from this address.
        """
        shown = exchange.header(b"authorization")
        if shown is None:
            raise InvalidApiKey(
                "You did not give an API key: send 'Authorization: Bearer <key>'.",
            )
        mark = blake2b(shown, key=_PEPPER).digest()
        key, since_s = self._remembered.get(mark, _NOBODY)
        is_fresh = key is not None and self._clock_s() - since_s < self._remember_s
        if key is not None and is_fresh and (key.expires_at or _NEVER_S) > time.time():
            return key
        key = await self._found(exchange, shown)
        if key is None or key.state(time.time()) != "valid":
            self._remembered.pop(mark, None)
            raise self._wrong(exchange)
        self._remember(mark, key)
        return key

    async def _found(self, exchange: Exchange, shown: bytes) -> Key | None:
        bearer = _bearer(shown)
        is_token = self._tokens is not None and bearer is not None and looks_like_one(bearer)
        if bearer is None or len(bearer) > (MAX_TOKEN_CHARS if is_token else MAX_KEY_CHARS):
            return None
        if self._tokens is None or not is_token:
            return await anyio.to_thread.run_sync(self._book.find, digest(bearer))
        try:
            return await self._tokens.key(bearer)
        except InvalidApiKey as refusal:
            self._wrong_keys.count(exchange.client)
            raise InvalidApiKey(refusal.message) from refusal

    def _wrong(self, exchange: Exchange) -> InvalidApiKey:
        self._wrong_keys.count(exchange.client)
        return InvalidApiKey("The API key is not valid.")

    def _remember(self, mark: bytes, key: Key) -> None:
        self._remembered[mark] = (key, self._clock_s())
        self._remembered.move_to_end(mark)
        if len(self._remembered) > MAX_REMEMBERED:
            self._remembered.popitem(last=False)


def _bearer(shown: bytes) -> str | None:
    """What follows the scheme; None where that cannot be one of our keys."""
    scheme, _, secret = shown.partition(b" ")
    secret = secret.strip()
    if scheme.lower() != b"bearer" or not secret.isascii():
        return None
    return secret.decode("ascii")
