"""Sends through the one door to the outside: a few bytes, and only the answer's status is read.

No redirect is followed, whoever it leads to; the answer's body is left unread. Where it may go
is decided as for fetches, by settings of its own.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final, NamedTuple, Self

import aiohttp
from aiohttp import hdrs

from visus.errors import InvalidValue
from visus.media.addresses import AddressPolicy
from visus.media.connect import Lookup, SystemLookup, guarded_connector
from visus.media.door import (
    FAULTS,
    ExchangeFailed,
    as_asked,
    check_origin,
    door_session,
    reason,
)
from visus.media.settings import MediaSettings, WebhookSettings
from visus.media.urls import MediaUrl, UrlRefused, read_url

REFUSED_MESSAGE: Final = (
    "A webhook is told at an https:// URL of a public host, without a user name, at a port "
    "that is open here."
)
"""For every refusal, so that nobody learns from it what is where."""
_HEADERS: Final[dict[str, str]] = {
    hdrs.USER_AGENT: "visus",
    hdrs.ACCEPT: "*/*",
    hdrs.ACCEPT_ENCODING: "identity",
    hdrs.CONTENT_TYPE: "application/json",
}


class Receiver(NamedTuple):
    """Somewhere to send to."""

    url: str
    """In canonical form."""
    origin: str
    """Its host and port."""


class NotSent(Exception):
    """Nobody has answered; the text is for our log and holds no host and no address."""


class Poster:
    """Sends what it is given, once. Entered once, where the service is put together."""

    def __init__(
        self,
        settings: WebhookSettings,
        media: MediaSettings,
        *,
        policy: AddressPolicy,
        lookup: Lookup | None = None,
    ) -> None:
        self._settings = settings
        self._door = settings.door(media)
        self._policy = policy
        self._lookup = lookup
        self._stack = AsyncExitStack()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        lookup = self._lookup
        if lookup is None:
            lookup = SystemLookup(threads=max(1, self._settings.workers))
            self._stack.callback(lookup.close)
        connector = guarded_connector(self._door, policy=self._policy, lookup=lookup)
        session = door_session(self._door, connector, _HEADERS)
        self._session = await self._stack.enter_async_context(session)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._session = None
        await self._stack.aclose()

    def receiver(self, url: str, *, param: str) -> Receiver:
        """Who is at a URL, as far as the URL alone says whether we may send there.

        Raises:
            InvalidValue: at `param`; we may not.
        """
        try:
            read = self._read(url)
        except (UrlRefused, ExchangeFailed) as fault:
            raise InvalidValue(REFUSED_MESSAGE, param=param, detail=str(fault)) from fault
        return Receiver(str(read), f"{read.host}:{read.port}")

    def _read(self, url: str) -> MediaUrl:
        read = read_url(url, self._door)
        if read.scheme != "https" and not self._settings.allow_http:
            raise UrlRefused("not https")
        check_origin(read, self._policy)
        return read

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """The status of the answer.

        Raises:
            NotSent: refused, unreachable, too slow, or no HTTP.
        """
        try:
            async with asyncio.timeout(self._settings.total_s):
                return await self._ask(self._read(url), body, headers)
        except FAULTS as fault:
            raise NotSent(reason(fault)) from fault

    async def _ask(self, url: MediaUrl, body: bytes, headers: Mapping[str, str]) -> int:
        if self._session is None:
            raise RuntimeError("the poster has not been entered")
        answer = await self._session.post(
            as_asked(url),
            data=body,
            headers=headers,
            allow_redirects=False,
            proxy=self._door.proxy,
        )
        answer.close()
        return answer.status
