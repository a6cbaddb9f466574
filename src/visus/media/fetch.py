"""Fetches pictures, videos and documents from URLs that callers name.

Every hop is parsed, checked and connected anew; redirects are followed by hand; no credentials,
cookies or retries. Whatever goes wrong out there is told to the caller in one neutral sentence,
so that nobody can probe a network through us; the reason goes to our log, without any address.
What the bytes are is decided elsewhere.
"""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from visus.errors import ImageUrlRejected, MediaTooLarge
from visus.media.fetch_slots import FetchSlots
from visus.media.guard import ExchangeFailed
from visus.media.lazy_outbound import FAULTS, LazyOutbound, reason
from visus.media.settings import MediaSettings
from visus.media.urls import (
    NEUTRAL_MESSAGE,
    MediaUrl,
    parse_media_url,
    redirect_target,
)

if TYPE_CHECKING:
    from visus.media.outbound import Answer

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_OK: Final = 200
_REQUEST_HEADERS: Final[dict[str, str]] = {
    "User-Agent": "visus",
    "Accept": "image/jpeg,image/png,image/webp,image/gif,*/*;q=0.1",
    "Accept-Encoding": "identity",
}


@dataclass(frozen=True, slots=True)
class FetchedMedia:
    """What an origin sent, complete and not empty."""

    data: bytes
    declared_type: str | None
    """The origin's `Content-Type`: a claim, not a fact."""


@dataclass(frozen=True, slots=True)
class _Redirect:
    location: str


class Fetcher:
    """Fetches pictures for callers.

    At most `max_fetches` are under way at once, and `max_fetches_per_host` from one host.
    """

    def __init__(self, settings: MediaSettings, outbound: LazyOutbound) -> None:
        self._settings = settings
        self._outbound = outbound
        self._slots = FetchSlots(settings.max_fetches, each=settings.max_fetches_per_host)

    async def fetch(
        self, url: str, *, param: str, max_bytes: int | None = None
    ) -> FetchedMedia:
        """Get the file at `url`.

        Args:
            url: as the caller wrote it.
            param: where it stands in the request.
            max_bytes: of the file; None for that of the settings, which is for pictures.

        Raises:
            ImageUrlRejected: malformed, refused, unreachable, too slow, or not a 200 with
                bytes.
            MediaTooLarge: more than `max_bytes`.
        """
        target = parse_media_url(url, self._settings, param)
        most = max_bytes or self._settings.max_bytes
        try:
            return await self._follow(target, most)
        except _TooLarge as fault:
            raise MediaTooLarge(
                f"The file is larger than {most} bytes.", param=param
            ) from fault
        except FAULTS as fault:
            raise ImageUrlRejected(
                NEUTRAL_MESSAGE, param=param, detail=reason(fault)
            ) from fault

    async def _follow(self, url: MediaUrl, max_bytes: int) -> FetchedMedia:
        async with asyncio.timeout(self._settings.turn_s) as deadline:
            async with self._slots.at(url.host.name):
                deadline.reschedule(asyncio.get_running_loop().time() + self._settings.total_s)
                answer = await self._hop(url, max_bytes)
            for _ in range(self._settings.max_redirects):
                if isinstance(answer, FetchedMedia):
                    return answer
                url = redirect_target(url, answer.location, self._settings)
                async with self._slots.at(url.host.name):
                    answer = await self._hop(url, max_bytes)
        if isinstance(answer, FetchedMedia):
            return answer
        raise ExchangeFailed("too many redirects")

    async def _hop(self, url: MediaUrl, max_bytes: int) -> FetchedMedia | _Redirect:
        answer = await self._ask(url)
        try:
            if answer.status in _REDIRECTS:
                return _Redirect(_only(answer, "Location"))
            self._check_head(answer, max_bytes)
            data = await self._read(answer, max_bytes)
        finally:
            answer.close()
        if not data:
            raise ExchangeFailed("empty answer")
        return FetchedMedia(data, next(iter(answer.values("Content-Type")), None))

    async def _ask(self, url: MediaUrl) -> "Answer":
        """Send the request and wait for the answer's headers."""
        client = await self._outbound.opened()
        async with asyncio.timeout(self._settings.connect_s + self._settings.first_byte_s):
            return await client.ask("GET", url, _REQUEST_HEADERS)

    def _check_head(self, answer: "Answer", max_bytes: int) -> None:
        if answer.status != _OK:
            raise ExchangeFailed(f"status {answer.status}")
        if not _all_in(answer, "Content-Encoding", {"", "identity"}):
            raise ExchangeFailed("content encoding")
        if not _all_in(answer, "Transfer-Encoding", {"chunked"}):
            raise ExchangeFailed("transfer encoding")
        if (answer.declared_bytes or 0) > max_bytes:
            raise _TooLarge

    async def _read(self, answer: "Answer", max_bytes: int) -> bytes:
        chunks: list[bytes] = []
        size_bytes = 0
        while True:
            async with asyncio.timeout(self._settings.idle_s):
                chunk = await answer.read_some()
            if not chunk:
                return b"".join(chunks)
            size_bytes += len(chunk)
            if size_bytes > max_bytes:
                raise _TooLarge
            chunks.append(chunk)


class _TooLarge(Exception):
    """More bytes than we take."""


def _all_in(answer: "Answer", header: str, allowed: set[str]) -> bool:
    values = answer.values(header)
    return all(value.strip().lower() in allowed for value in values)


def _only(answer: "Answer", header: str) -> str:
    values = answer.values(header)
    if len(values) != 1:
        raise ExchangeFailed(f"{len(values)} {header} headers")
    return values[0]
