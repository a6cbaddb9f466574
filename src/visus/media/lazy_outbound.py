"""Opens `outbound`, the client for callers' URLs, on first use.

The HTTP client behind it takes 8 MB and a tenth of a second to load, which a service that
fetches nothing does without.
"""

import ssl
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import anyio
import anyio.to_thread

from visus.media.addresses import AddressPolicy
from visus.media.guard import (
    ExchangeFailed,
    Lookup,
    SystemLookup,
    check_origin,
    trusted_authorities,
)
from visus.media.settings import MediaSettings
from visus.media.urls import MediaUrl, UrlRefused

if TYPE_CHECKING:
    from visus.media.outbound import OutboundClient

FAULTS: Final = (ExchangeFailed, UrlRefused, TimeoutError)
"""What a request to the outside can end in."""


class LazyOutbound:
    """Opens the client once. Entered and exited with the service."""

    def __init__(
        self,
        settings: MediaSettings,
        *,
        policy: AddressPolicy,
        threads: int,
        lookup: Lookup | None = None,
    ) -> None:
        """Names are looked up by the system, in so many `threads`, where `lookup` is None."""
        self._settings = settings
        self._policy = policy
        self._lookup = lookup
        self._threads = threads
        self._stack = AsyncExitStack()
        self._opening = anyio.Lock()
        self._client: OutboundClient | None = None

    async def __aenter__(self) -> Self:
        if self._lookup is None:
            lookup = SystemLookup(threads=self._threads)
            self._stack.callback(lookup.close)
            self._lookup = lookup
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client = self._lookup = None
        await self._stack.aclose()

    def check(self, url: MediaUrl) -> None:
        """Refuses what can be refused before the client is opened.

        Raises:
            ExchangeFailed: requests to `url` are not sent.
        """
        check_origin(url, self._policy)

    async def opened(self) -> "OutboundClient":
        """The client, open."""
        if self._client is not None:
            return self._client
        async with self._opening:
            if self._client is None:
                kind, tls = await anyio.to_thread.run_sync(_load, self._settings.ca_file)
                if self._lookup is None:
                    raise RuntimeError("it is used before it is entered")
                self._client = kind(
                    self._settings, policy=self._policy, lookup=self._lookup, tls=tls
                )
                self._stack.push_async_callback(self._client.aclose)
            return self._client


def _load(ca_file: str | None) -> "tuple[type[OutboundClient], ssl.SSLContext]":
    from visus.media.outbound import OutboundClient  # noqa: PLC0415 -- as said above

    return OutboundClient, trusted_authorities(ca_file)


def reason(fault: BaseException) -> str:
    """The reason, without host or address."""
    is_ours = isinstance(fault, (ExchangeFailed, UrlRefused))
    return str(fault) if is_ours else type(fault).__name__
