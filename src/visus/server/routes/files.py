"""`/v1/files`: upload, list, look up, get back, delete."""

from dataclasses import dataclass

from visus.config import ServerSettings
from visus.media.library import Library
from visus.media.shelf import FilesSettings
from visus.server.exchange import Exchange, headers_with
from visus.server.uploads import UploadBody
from visus.server.watch import Watch
from visus.wire import files
from visus.wire.multipart import boundary_of
from visus.wire.upload import UploadForm

DOWNLOAD = (
    (b"content-type", b"application/octet-stream"),
    (b"content-disposition", b"attachment"),
    (b"content-security-policy", b"sandbox; default-src 'none'"),
)
"""Whatever a file holds, a browser only saves it."""


def _wanted_id(exchange: Exchange) -> str:
    return exchange.path_params["file_id"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadRoute:
    """Takes a file, piece by piece, to the disk."""

    library: Library
    limits: FilesSettings
    settings: ServerSettings

    async def __call__(self, exchange: Exchange) -> None:
        """Serves one upload."""
        form = UploadForm(boundary_of(exchange.header(b"content-type")))
        body = UploadBody(
            exchange,
            max_file_bytes=self.limits.max_bytes,
            patience_s=self.settings.body_timeout_s,
            min_bytes_per_s=self.limits.min_bytes_per_s,
        )
        async with self.library.receive(owner=exchange.owner) as arrival:
            while (data := await body.next()) is not None:
                for piece in form.feed(data):
                    await arrival.append(piece)
            file = await arrival.keep(form.finish())
        exchange.record.file, exchange.record.body_bytes = file.file_id, body.size_bytes
        await exchange.finish(200, files.file_body(file), headers=headers_with(form.ignored))


@dataclass(frozen=True, slots=True)
class FilesRoute:
    """The caller's files."""

    library: Library

    async def __call__(self, exchange: Exchange) -> None:
        """Sends one page of the list."""
        wanted, ignored = files.wanted_page(exchange.request.query)
        page = await self.library.page(wanted, owner=exchange.owner)
        await exchange.finish(200, files.page_body(page), headers=headers_with(ignored))


@dataclass(frozen=True, slots=True)
class FileRoute:
    """One file, without its content."""

    library: Library

    async def __call__(self, exchange: Exchange) -> None:
        """Sends what is known of it."""
        file = await self.library.find(_wanted_id(exchange), owner=exchange.owner)
        await exchange.finish(200, files.file_body(file))


@dataclass(frozen=True, slots=True)
class FileContentRoute:
    """The content of a file, as it was sent."""

    library: Library
    watch: Watch

    async def __call__(self, exchange: Exchange) -> None:
        """Sends it, piece by piece.

        Raises:
            HungUp: the client went away, or stopped reading.
        """
        file = await self.library.find(_wanted_id(exchange), owner=exchange.owner)
        with exchange.ended_by_hang_up(), self.watch.over_body(exchange):
            async with self.library.reading(file) as pieces:
                await exchange.start(200, DOWNLOAD, length=file.size_bytes)
                if exchange.method != "HEAD":
                    async for piece in pieces:
                        await exchange.write(piece, more=True)
                await exchange.write(b"", more=False)


@dataclass(frozen=True, slots=True)
class DeleteFileRoute:
    """Deletes a file."""

    library: Library

    async def __call__(self, exchange: Exchange) -> None:
        """Says that it is gone."""
        file_id = _wanted_id(exchange)
        await self.library.remove(file_id, owner=exchange.owner)
        await exchange.finish(200, files.deleted_body(file_id))
