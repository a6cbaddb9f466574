"""The body of an upload: taken in pieces as it comes, within a size and above a least speed.

While nobody takes a piece the connection is not read from, so an upload is never in memory
but for the piece under way.
"""

import time
from typing import Final

import anyio

from visus.errors import InvalidValue, RequestTimedOut, RequestTooLarge, UnsupportedMediaType
from visus.server.exchange import Exchange
from visus.units import KIB

FORM_BYTES: Final = 64 * KIB
"""What a form may have besides its file: boundaries, headers and the other fields."""


class UploadBody:
    """One body, piece by piece."""

    def __init__(
        self,
        exchange: Exchange,
        *,
        max_file_bytes: int,
        patience_s: float,
        min_bytes_per_s: int,
    ) -> None:
        """Looks at the headers, and takes nothing yet.

        Raises:
            UnsupportedMediaType: a compressed body.
            InvalidValue: a length that is no number.
            RequestTooLarge: by its declared length, it cannot hold a file that is taken.
        """
        self.size_bytes = 0
        """What was taken so far."""
        self._exchange = exchange
        self._max_bytes = max_file_bytes + FORM_BYTES
        self._patience_s = patience_s
        self._min_bytes_per_s = min_bytes_per_s
        self._began_s = time.monotonic()
        self._complete = False
        self._check_headers()

    def _check_headers(self) -> None:
        if self._exchange.header(b"content-encoding") not in {None, b"", b"identity"}:
            raise UnsupportedMediaType("A compressed body is not taken.")
        length = self._exchange.header(b"content-length")
        if length is None:
            return
        if not length.isdigit():
            raise InvalidValue("The Content-Length is no number.")
        if int(length[:20]) > self._max_bytes:
            raise self._too_large()

    async def next(self) -> bytes | None:
        """The next piece; None when the body is complete.

        Raises:
            RequestTooLarge: more than may come.
            RequestTimedOut: too slow.
            HungUp: the client went away.
        """
        if self._complete:
            return None
        expected_s = self._patience_s + self.size_bytes / self._min_bytes_per_s
        with anyio.move_on_after(self._began_s + expected_s - time.monotonic()):
            piece = await self._exchange.request.body.piece()
            self.size_bytes += len(piece)
            if self.size_bytes > self._max_bytes:
                raise self._too_large()
            self._complete = not piece
            return piece or None
        raise RequestTimedOut("The file did not arrive in time.")

    def _too_large(self) -> RequestTooLarge:
        return RequestTooLarge(f"The body is larger than {self._max_bytes} bytes.")
