"""Batches in the database: each line of a file is a job; the answers become files.

A batch is taken by lease, like a job: to read its lines, and to write its files at the end. In
between it only counts; it becomes due again when its last line ends.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec
import sqlalchemy as sql

from visus.accounts import tables
from visus.accounts.clock import MS, now_ms
from visus.accounts.faults import storage_faults
from visus.accounts.jobs import LINES, QueueSettings, next_place, written
from visus.accounts.locks import take_lock
from visus.accounts.webhooks import Delivery, Listener, announce, promise, promised
from visus.core.ids import new_id
from visus.errors import TooManyJobs

WINDOW_S: Final = 86_400
"""How long a batch may take."""
KNOWN_S: Final = 2_592_000
"""How long a batch that has ended is known."""
_OPEN: Final = ("queued", "in_progress")
_RUNNING: Final = ("validating", "in_progress", "finalizing", "cancelling")
_NUL: Final = "\0"
BatchState: TypeAlias = Literal[
    "validating",
    "failed",
    "in_progress",
    "finalizing",
    "completed",
    "expired",
    "cancelling",
    "cancelled",
]
_batches: Final = tables.batches.c
_jobs: Final = tables.jobs.c
_times: Final = msgspec.json.Decoder(dict[str, int]).decode


class LineError(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a batch, or with a line of it."""

    code: str
    message: str
    param: str | None = None
    line: int | None = None
    """The first is 1."""


_errors: Final = msgspec.json.Decoder(list[LineError]).decode
_words: Final = msgspec.json.Decoder(dict[str, str]).decode


class NewBatch(NamedTuple):
    """A file that is to be worked through."""

    project_id: str
    key_id: str
    endpoint: str
    input_file_id: str
    metadata: Mapping[str, str] | None
    listener: Listener | None = None
    """The webhook to call at its end."""
    traceparent: str | None = None
    """The request that made it, for the traces of its lines."""
    output_expires_after_s: int | None = None
    """How long each of its files is kept once it is written; None: the default."""


class Batch(NamedTuple):
    """A batch as it stands."""

    batch_id: str
    project_id: str
    key_id: str
    status: BatchState
    endpoint: str
    input_file_id: str
    output_file_id: str | None
    error_file_id: str | None
    metadata: Mapping[str, str] | None
    errors: Sequence[LineError]
    times: Mapping[str, int]
    """For each state that it has been in, since when; seconds since 1970."""
    created_ms: int
    expires_ms: int
    total: int
    completed: int
    failed: int
    lease: str | None
    traceparent: str | None = None
    """The request that made it."""
    output_expires_after_s: int | None = None
    webhook: Delivery | None = None
    """The state of its webhook; None: it has none."""


class NewLine(NamedTuple):
    """A request of a batch."""

    line: int
    custom_id: str
    body: bytes


class EndedLine(NamedTuple):
    """What a line came to."""

    line: int
    job_id: str
    custom_id: str
    status: str
    status_code: int | None
    request_id: str | None
    result: bytes | None


@dataclass(frozen=True, slots=True)
class BatchBook:
    """Every batch, in the database. Blocking: call it off the event loop."""

    engine: sql.Engine
    settings: QueueSettings

    # --- For owners --------------------------------------------------------------------------

    def create(self, new: NewBatch) -> Batch:
        """Stores a batch, to be read soon.

        Raises:
            TooManyJobs: its project has too many batches that have not ended.
        """
        now = now_ms()
        row = _new_row(new, now)
        count = sql.select(sql.func.count()).where(
            _batches.project_id == new.project_id, _batches.status.in_(_RUNNING)
        )
        most = self.settings.max_batches_per_project
        with storage_faults(), self.engine.begin() as connection:
            take_lock(connection, f"batches of {new.project_id}")
            connection.execute(sql.insert(tables.batches).values(row))
            if connection.execute(count).scalar_one() > most:
                message = f"At most {most} of your batches may be under way."
                raise TooManyJobs(message, retry_after_s=60)
            if new.listener is not None:
                promise(
                    connection,
                    new.listener,
                    subject_id=str(row["id"]),
                    project_id=new.project_id,
                    known_until_ms=now + (WINDOW_S + KNOWN_S) * MS,
                )
            query = sql.select(tables.batches).where(_batches.id == row["id"])
            return _told(connection, [_batch(connection.execute(query).one())])[0]

    def get(self, batch_id: str, *, project_id: str) -> Batch | None:
        """The project's batch; None where it has none of this id."""
        if _NUL in batch_id:
            return None
        query = sql.select(tables.batches).where(*_owned(batch_id, project_id))
        with storage_faults(), self.engine.connect() as connection:
            row = connection.execute(query).first()
            return None if row is None else _told(connection, [_batch(row)])[0]

    def page(
        self, *, project_id: str, after: str | None, limit: int
    ) -> tuple[Sequence[Batch], bool]:
        """Some of the project's batches, newest first, and whether there are more."""
        query = sql.select(tables.batches).where(_batches.project_id == project_id)
        if after is not None:
            query = query.where(_batches.id < after.replace(_NUL, ""))
        query = query.order_by(_batches.id.desc()).limit(limit + 1)
        with storage_faults(), self.engine.connect() as connection:
            found = [_batch(row) for row in connection.execute(query)]
            return _told(connection, found[:limit]), len(found) > limit

    def cancel(self, batch_id: str, *, project_id: str) -> Batch | None:
        """Ends the project's batch unless it is about to end; None where there is none."""
        if _NUL in batch_id:
            return None
        now = now_ms()
        wanted = (
            *_owned(batch_id, project_id),
            _batches.status.in_(("validating", "in_progress")),
        )
        with storage_faults(), self.engine.begin() as connection:
            change = (
                sql.update(tables.batches)
                .where(*wanted)
                .values(status="cancelling", due_at=now, lease=None)
            )
            if connection.execute(change).rowcount == 1:
                query = sql.select(_batches.times).where(_batches.id == batch_id)
                times = connection.execute(query).scalar_one()
                stamped = (
                    sql.update(tables.batches)
                    .where(_batches.id == batch_id)
                    .values(times=_stamped(times, "cancelling"))
                )
                connection.execute(stamped)
                connection.execute(_end_lines(batch_id, "cancelled"))
        return self.get(batch_id, project_id=project_id)

    # --- For those who work ------------------------------------------------------------------

    def take(self) -> Batch | None:
        """A batch whose lines are to be read, or whose files are to be written."""
        now = now_ms()
        due = sql.select(_batches.id).where(_batches.due_at <= now).order_by(_batches.due_at)
        with storage_faults(), self.engine.connect() as connection:
            if connection.execute(due.limit(1)).first() is None:
                return None
        one = due.limit(1).with_for_update(skip_locked=True).cte("due")
        change = (
            sql.update(tables.batches)
            .where(_batches.id.in_(sql.select(one.prefix_with("MATERIALIZED").c.id)))
            .values(lease=secrets.token_hex(18), due_at=now + self._lease_ms)
            .returning(tables.batches)
        )
        with storage_faults(), self.engine.begin() as connection:
            rows = connection.execute(change).all()
        return _batch(rows[0]) if rows else None

    @property
    def _lease_ms(self) -> int:
        return int(self.settings.lease_s * MS)

    def renew(self, lease: str) -> bool:
        """Makes the lease last anew; False where it is lost."""
        return self._change(lease, {"due_at": now_ms() + self._lease_ms})

    def put_back(self, lease: str, *, wait_s: float) -> None:
        """Gives up the lease: after `wait_s`, any process may take the batch."""
        self._change(lease, {"due_at": now_ms() + int(wait_s * MS), "lease": None})

    def _change(self, lease: str, values: Mapping[str, object]) -> bool:
        change = sql.update(tables.batches).where(_batches.lease == lease).values(**values)
        with storage_faults(), self.engine.begin() as connection:
            return connection.execute(change).rowcount == 1

    def forget_lines(self, batch: Batch) -> bool:
        """Removes lines that another process began to read; False where the lease is lost."""
        with storage_faults(), self.engine.begin() as connection:
            if not self._still_held(connection, batch):
                return False
            connection.execute(sql.delete(tables.jobs).where(_jobs.batch_id == batch.batch_id))
            return True

    def add_lines(self, batch: Batch, lines: Sequence[NewLine]) -> bool:
        """Stores lines, which are not due yet; False where the lease is lost."""
        now = now_ms()
        headers = [("traceparent", batch.traceparent)] if batch.traceparent else []
        rows = [
            {
                "id": new_id("job_"),
                "project_id": batch.project_id,
                "key_id": batch.key_id,
                "route": batch.endpoint,
                "status": "queued",
                "created_at": now,
                "expires_at": batch.expires_ms,
                "priority": LINES,
                "batch_id": batch.batch_id,
                "line": one.line,
                "custom_id": one.custom_id,
                "request_bytes": len(one.body),
                "request_headers": written(headers),
                "request": one.body,
            }
            for one in lines
        ]
        with storage_faults(), self.engine.begin() as connection:
            if not self._still_held(connection, batch):
                return False
            connection.execute(sql.insert(tables.jobs), rows)
            return True

    def _still_held(self, connection: sql.Connection, batch: Batch) -> bool:
        change = (
            sql.update(tables.batches)
            .where(_batches.lease == batch.lease)
            .values(due_at=now_ms() + self._lease_ms)
        )
        return connection.execute(change).rowcount == 1

    def start(self, batch: Batch, total: int) -> bool:
        """Lets the lines be taken; False where the lease is lost."""
        change = (
            sql.update(tables.batches)
            .where(_batches.lease == batch.lease)
            .values(
                status="in_progress",
                total=total,
                due_at=batch.expires_ms,
                lease=None,
                times=_stamped(_json(batch.times), "in_progress"),
            )
        )
        lines = sql.update(tables.jobs).where(_jobs.batch_id == batch.batch_id)
        with storage_faults(), self.engine.begin() as connection:
            if connection.execute(change).rowcount != 1:
                return False
            place = next_place(connection, batch.project_id, batch.key_id, first=LINES)
            connection.execute(lines.values(due_at=now_ms(), priority=place + _jobs.line - 1))
            return True

    def stamp(self, batch: Batch, state: BatchState) -> Batch | None:
        """Takes note that it is in this state from now on; None where the lease is lost."""
        times = _stamped(_json(batch.times), state)
        if not self._change(str(batch.lease), {"times": times}):
            return None
        return batch._replace(times=_times(times))

    def end_lines(self, batch: Batch, status: str) -> None:
        """Ends every line that has not ended."""
        with storage_faults(), self.engine.begin() as connection:
            if self._still_held(connection, batch):
                connection.execute(_end_lines(batch.batch_id, status))

    def lines(self, batch: Batch, after: int, limit: int) -> Sequence[EndedLine]:
        """What the next lines came to, in their order."""
        names = ("line", "id", "custom_id", "status", "status_code", "request_id", "result")
        query = (
            sql.select(*[_jobs[name] for name in names])
            .where(_jobs.batch_id == batch.batch_id, _jobs.line > after)
            .order_by(_jobs.line)
            .limit(limit)
        )
        with storage_faults(), self.engine.connect() as connection:
            return [EndedLine(*row) for row in connection.execute(query)]

    def end(
        self,
        batch: Batch,
        status: BatchState,
        *,
        files: tuple[str | None, str | None] = (None, None),
        failed: int | None = None,
        errors: Sequence[LineError] = (),
    ) -> bool:
        """Ends a batch and removes its lines; False where the lease is lost.

        Args:
            batch: as it was taken.
            status: the last one.
            files: of what was answered, and of what was not.
            failed: how many lines were not; None: as was counted.
            errors: why nothing was done.
        """
        change = (
            sql.update(tables.batches)
            .where(_batches.lease == batch.lease)
            .values(
                status=status,
                due_at=None,
                lease=None,
                output_file_id=files[0],
                error_file_id=files[1],
                failed=_batches.failed if failed is None else failed,
                errors=_json(errors) if errors else None,
                times=_stamped(_json(batch.times), status),
            )
        )
        with storage_faults(), self.engine.begin() as connection:
            if connection.execute(change).rowcount != 1:
                return False
            connection.execute(sql.delete(tables.jobs).where(_jobs.batch_id == batch.batch_id))
            announce(connection, [batch.batch_id], f"batch.{status}")
            return True

    def sweep(self) -> int:
        """Forgets batches that ended long ago, and says how many."""
        old = now_ms() - KNOWN_S * MS
        change = sql.delete(tables.batches).where(
            _batches.expires_at <= old, _batches.due_at.is_(None)
        )
        with storage_faults(), self.engine.begin() as connection:
            return connection.execute(change).rowcount


def _new_row(new: NewBatch, now: int) -> dict[str, object]:
    return {
        "id": new_id("batch_"),
        "project_id": new.project_id,
        "key_id": new.key_id,
        "status": "validating",
        "endpoint": new.endpoint,
        "input_file_id": new.input_file_id,
        "metadata": None if new.metadata is None else _json(new.metadata),
        "times": "{}",
        "created_at": now,
        "expires_at": now + WINDOW_S * MS,
        "due_at": now,
        "traceparent": new.traceparent,
        "output_expires_after_s": new.output_expires_after_s,
    }


def _told(connection: sql.Connection, batches: Sequence[Batch]) -> Sequence[Batch]:
    """The same, with how telling of them goes."""
    found = promised(connection, [one.batch_id for one in batches])
    return [one._replace(webhook=found.get(one.batch_id)) for one in batches]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _stamped(times: str, status: str) -> str:
    return _json(_times(times) | {status: now_ms() // MS})


def _owned(batch_id: str, project_id: str) -> tuple[sql.ColumnElement[bool], ...]:
    return (_batches.id == batch_id, _batches.project_id == project_id)


def _end_lines(batch_id: str, status: str) -> sql.Update:
    ended = {"status": status, "due_at": None, "lease": None, "request": None}
    return (
        sql.update(tables.jobs)
        .where(_jobs.batch_id == batch_id, _jobs.status.in_(_OPEN))
        .values(**ended, ended_at=now_ms())
    )


def _batch(row: sql.Row[tuple[object, ...]]) -> Batch:
    return Batch(
        row.id,
        row.project_id,
        row.key_id,
        row.status,
        row.endpoint,
        row.input_file_id,
        row.output_file_id,
        row.error_file_id,
        None if row.metadata is None else _words(row.metadata),
        () if row.errors is None else _errors(row.errors),
        _times(row.times),
        row.created_at,
        row.expires_at,
        row.total,
        row.completed,
        row.failed,
        row.lease,
        row.traceparent,
        row.output_expires_after_s,
    )
