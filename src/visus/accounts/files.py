"""The list of uploaded files: their owners and contents.

Contents are counted by the files that name them. A content is put in place and taken away in a
transaction that holds the lock of this content, so that no file ever names a content that
another transaction is removing. Adding a file also takes the lock of the owner, so that two
files never share the last free space.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sql

from visus.accounts import tables
from visus.accounts.faults import storage_faults
from visus.accounts.locks import take_lock
from visus.core.files import FilePage, FileRecord, WantedPage
from visus.errors import FileTooLarge

MAX_PAGE_BYTES: Final = 4_000_000
"""Of one page of a list; a page of very long names ends early and says that there is more."""
_ROW_BYTES: Final = 300
_EXPIRED_AT_ONCE: Final = 1000
_NUL: Final = "\0"
"""What stands in no text, and PostgreSQL does not even ask for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerLimits:
    """What one owner may keep."""

    max_bytes: int
    """Of all contents together, equal ones counted once."""
    max_files: int


@dataclass(frozen=True, slots=True)
class FileBook:
    """Every uploaded file, in the database. Blocking: call it off the event loop."""

    engine: sql.Engine
    limits: OwnerLimits

    def add(self, file: FileRecord, *, publish: Callable[[], None]) -> None:
        """Enters a file; `publish` puts its content in place, as the last step but one.

        Raises:
            FileTooLarge: its owner has no room for it.
        """
        with storage_faults(), self.engine.begin() as connection:
            _enter(connection, file)
            self._check_room(connection, file.owner, now_s=file.created_at)
            publish()

    def add_result(self, file: FileRecord, *, publish: Callable[[], None]) -> None:
        """The same for what was made here for its owner, whether or not there is room for it.

        It counts, so that there may be no room for others then.
        """
        with storage_faults(), self.engine.begin() as connection:
            _enter(connection, file)
            publish()

    def _check_room(self, connection: sql.Connection, owner: str, *, now_s: float) -> None:
        """What has expired counts no more, whether or not it has been swept."""
        live = _live(owner, now_s)
        columns = (tables.files.c.address, tables.files.c.size_bytes)
        different = sql.select(*columns).where(*live).distinct().subquery()
        kept = sql.select(sql.func.coalesce(sql.func.sum(different.c.size_bytes), 0))
        counted = sql.select(sql.func.count()).select_from(tables.files).where(*live)
        size = connection.execute(kept).scalar_one()
        count = connection.execute(counted).scalar_one()
        if size > self.limits.max_bytes:
            raise FileTooLarge(
                f"The file does not fit into your quota of {self.limits.max_bytes} bytes for "
                "all files together.",
                param="file",
            )
        if count > self.limits.max_files:
            raise FileTooLarge(
                f"Your quota of {self.limits.max_files} files is used up.", param="file"
            )

    def find(self, file_id: str, *, owner: str, now_s: float) -> FileRecord | None:
        """The owner's file of this id, unless it has expired."""
        if _NUL in file_id:
            return None
        query = sql.select(tables.files).where(
            tables.files.c.id == file_id, *_live(owner, now_s)
        )
        with storage_faults(), self.engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else _file(row)

    def page(self, wanted: WantedPage, *, owner: str, now_s: float) -> FilePage:
        """Some of the owner's files, at most as many as wanted."""
        if _NUL in f"{wanted.purpose}{wanted.after}":
            return FilePage((), has_more=False)
        column = tables.files.c.id
        query = sql.select(tables.files).where(*_live(owner, now_s))
        query = query.order_by(column.desc() if wanted.newest_first else column.asc())
        if wanted.purpose is not None:
            query = query.where(tables.files.c.purpose == wanted.purpose)
        if wanted.after is not None:
            beyond = column < wanted.after if wanted.newest_first else column > wanted.after
            query = query.where(beyond)
        with storage_faults(), self.engine.connect() as connection:
            found = connection.execute(query.limit(wanted.limit + 1))
            return _page(map(_file, found), wanted.limit)

    def remove(self, file_id: str, *, owner: str, now_s: float) -> str | None:
        """Strikes the owner's file out, and says which content it named."""
        if _NUL in file_id:
            return None
        change = (
            sql.delete(tables.files)
            .where(tables.files.c.id == file_id, *_live(owner, now_s))
            .returning(tables.files.c.address)
        )
        with storage_faults(), self.engine.begin() as connection:
            return connection.execute(change).scalar_one_or_none()

    def expire(self, *, now_s: float) -> int:
        """Strikes out files whose time is over, at most a thousand, and says how many."""
        over = (
            sql.select(tables.files.c.id)
            .where(tables.files.c.expires_at <= now_s)
            .limit(_EXPIRED_AT_ONCE)
            .with_for_update(skip_locked=True)  # of two who sweep, each takes others
        )
        change = sql.delete(tables.files).where(tables.files.c.id.in_(over))
        with storage_faults(), self.engine.begin() as connection:
            return connection.execute(change).rowcount

    def collect(self, address: str, *, remove: Callable[[], None]) -> None:
        """Calls `remove` for a content that no file names any more."""
        named = sql.exists().where(tables.files.c.address == address)
        change = sql.delete(tables.blobs).where(tables.blobs.c.address == address, ~named)
        left = sql.select(tables.blobs.c.address).where(tables.blobs.c.address == address)
        with storage_faults(), self.engine.begin() as connection:
            take_lock(connection, address)
            # In SQLite this takes the lock for writing, whether or not it deletes.
            connection.execute(change)
            if connection.execute(left).first() is None:
                remove()

    def unnamed(self) -> list[str]:
        """Contents that no file names any more."""
        named = sql.exists().where(tables.files.c.address == tables.blobs.c.address)
        query = sql.select(tables.blobs.c.address).where(~named)
        with storage_faults(), self.engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def addresses(self) -> set[str]:
        """Every content that is kept."""
        with storage_faults(), self.engine.connect() as connection:
            return set(connection.execute(sql.select(tables.blobs.c.address)).scalars())


def _row(file: FileRecord) -> dict[str, object]:
    return {
        "id": file.file_id,
        "owner": file.owner,
        "address": file.address,
        "digest": file.digest,
        "size_bytes": file.size_bytes,
        "filename": file.filename,
        "content_type": file.content_type,
        "purpose": file.purpose,
        "created_at": file.created_at,
        "expires_at": file.expires_at,
    }


def _enter(connection: sql.Connection, file: FileRecord) -> None:
    take_lock(connection, f"files of {file.owner}")
    take_lock(connection, file.address)
    connection.execute(_new_blob(file))
    connection.execute(sql.insert(tables.files).values(_row(file)))


def _new_blob(file: FileRecord) -> sql.Insert:
    """Enters the content, unless it is there."""
    there = sql.exists().where(tables.blobs.c.address == file.address)
    columns = (tables.blobs.c.address, tables.blobs.c.owner, tables.blobs.c.size_bytes)
    values = (file.address, file.owner, file.size_bytes)
    row = sql.select(*(sql.literal(value) for value in values)).where(~there)
    return sql.insert(tables.blobs).from_select(columns, row)


def _live(owner: str, now_s: float) -> tuple[sql.ColumnElement[bool], ...]:
    expires_at = tables.files.c.expires_at
    return (tables.files.c.owner == owner, sql.or_(expires_at.is_(None), expires_at > now_s))


def _file(row: sql.Row[tuple[object, ...]]) -> FileRecord:
    return FileRecord(
        file_id=row.id,
        owner=row.owner,
        digest=row.digest,
        size_bytes=row.size_bytes,
        filename=row.filename,
        content_type=row.content_type,
        purpose=row.purpose,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


def _page(found: Iterator[FileRecord], limit: int) -> FilePage:
    files: list[FileRecord] = []
    room = MAX_PAGE_BYTES
    for file in found:
        room -= _ROW_BYTES + len(file.filename.encode())
        if files and (len(files) == limit or room < 0):
            return FilePage(files, has_more=True)
        files.append(file)
    return FilePage(files, has_more=False)
