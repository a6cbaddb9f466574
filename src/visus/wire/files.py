"""Files on the wire: list queries, and files as JSON."""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from visus.core.files import FilePage, FileRecord, WantedPage
from visus.errors import InvalidValue
from visus.wire.plain import one_of, parameters_of, whole_number

MAX_LIMIT: Final = 10_000
FILE_ID: Final = re.compile(r"file-[0-9a-f]{32}")


class FileObject(msgspec.Struct, frozen=True, kw_only=True):
    """A file as clients see it."""

    id: str
    object: str = "file"
    bytes: int
    created_at: int
    expires_at: int | None
    filename: str
    purpose: str
    status: str = "processed"


class FileList(msgspec.Struct, frozen=True, kw_only=True):
    """One page of files."""

    object: str = "list"
    data: Sequence[FileObject]
    first_id: str | None
    last_id: str | None
    has_more: bool


class DeletedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is gone."""

    id: str
    object: str = "file"
    deleted: bool = True


# --- Lists -----------------------------------------------------------------------------------


def wanted_page(query: bytes) -> tuple[WantedPage, list[str]]:
    """The page that a query string asks for, and its unknown parameters.

    Raises:
        InvalidValue: a parameter may not have its value.
    """
    given = parameters_of(query)
    after, limit, order = given.pop("after", None), given.pop("limit", None), "desc"
    purpose = given.pop("purpose", None)
    if "order" in given:
        order = one_of(("asc", "desc"), given.pop("order"), "order")
    if after is not None and not FILE_ID.fullmatch(after):
        raise InvalidValue("This is not the id of a file.", param="after")
    wanted = WantedPage(
        after=after,
        limit=MAX_LIMIT
        if limit is None
        else whole_number(limit, range(1, MAX_LIMIT + 1), "limit"),
        newest_first=order == "desc",
        purpose=purpose,
    )
    return wanted, list(given)


# --- Answers ---------------------------------------------------------------------------------


def file_body(file: FileRecord) -> bytes:
    """The JSON of one file."""
    return msgspec.json.encode(_shown(file))


def page_body(page: FilePage) -> bytes:
    """The JSON of a list."""
    shown = [_shown(file) for file in page.files]
    return msgspec.json.encode(
        FileList(
            data=shown,
            first_id=shown[0].id if shown else None,
            last_id=shown[-1].id if shown else None,
            has_more=page.has_more,
        )
    )


def deleted_body(file_id: str) -> bytes:
    """The answer to a deletion, as JSON."""
    return msgspec.json.encode(DeletedFile(id=file_id))


def _shown(file: FileRecord) -> FileObject:
    return FileObject(
        id=file.file_id,
        bytes=file.size_bytes,
        created_at=file.created_at,
        expires_at=file.expires_at,
        filename=file.filename,
        purpose=file.purpose,
    )
