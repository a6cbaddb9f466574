"""Posts webhooks to URLs that callers name; only the answer's status is read.

No redirect is followed, whoever it leads to; the answer's body is left unread. Where it may go
is decided as for fetches, by settings of its own.
"""

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple

from visus.errors import InvalidValue
from visus.media.guard import ExchangeFailed
from visus.media.lazy_outbound import FAULTS, LazyOutbound, reason
from visus.media.settings import MediaSettings, WebhookSettings
from visus.media.urls import MediaUrl, UrlRefused, read_url

REFUSED_MESSAGE: Final = (
    "A webhook is told at an https:// URL of a public host, without a user name, at a port "
    "that is open here."
)
"""The message of every refusal, so that it does not reveal what is in our network."""
_HEADERS: Final[dict[str, str]] = {
    "User-Agent": "visus",
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
}


class Receiver(NamedTuple):
    """Somewhere to send to."""

    url: str
    """In canonical form."""
    origin: str
    """Its host and port."""


class NotSent(Exception):
    """It was not delivered. The text is for our log and holds no host and no address."""


class Poster:
    """Sends what it is given, once."""

    def __init__(
        self, settings: WebhookSettings, limits: MediaSettings, outbound: LazyOutbound
    ) -> None:
        """`limits` are the settings of `outbound`."""
        self._settings = settings
        self._limits = limits
        self._outbound = outbound

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
        read = read_url(url, self._limits)
        if read.scheme != "https" and not self._settings.allow_http:
            raise UrlRefused("not https")
        self._outbound.check(read)
        return read

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """The status of the answer.

        Raises:
            NotSent: refused, unreachable, too slow, or no HTTP.
        """
        try:
            async with asyncio.timeout(self._settings.total_s):
                client = await self._outbound.opened()
                answer = await client.ask(
                    "POST", self._read(url), {**_HEADERS, **headers}, body
                )
        except FAULTS as fault:
            raise NotSent(reason(fault)) from fault
        answer.close()
        return answer.status
