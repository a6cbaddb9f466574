"""Jobs in the database: requests that are answered later.

A process that takes a job gets a secret lease and renews it while it works. Only the holder of
the lease can write the result: so a job ends once, also where a process was killed, or was
wrongly taken for dead.

The body of a request stands here until its job has ended, the answer until it expires.
"""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal, NamedTuple, TypeAlias

import msgspec
import sqlalchemy as sql

from visus.accounts import tables
from visus.accounts.clock import MS, now_ms
from visus.accounts.faults import storage_faults
from visus.accounts.locks import take_lock
from visus.accounts.sqlite import empty_log
from visus.accounts.webhooks import Delivery, Listener, announce, promise, promised
from visus.core.ids import new_id
from visus.errors import TooManyJobs
from visus.units import MIB

_OPEN: Final = ("queued", "in_progress")
_SWEPT_AT_ONCE: Final = 1000
_NUL: Final = "\0"
JobState: TypeAlias = Literal[
    "queued", "in_progress", "completed", "failed", "cancelled", "expired"
]
Positive: TypeAlias = Annotated[int, msgspec.Meta(gt=0)]
_headers: Final = msgspec.json.Decoder(list[tuple[str, str]]).decode
_jobs: Final = tables.jobs.c


class QueueSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Requests that are answered later.

    Their bodies are kept in the database: a question until it is answered, its answer until it
    expires.
    """

    workers: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 4
    """How many jobs one server process works on at the same time; 0 leaves them to others."""
    keep_s: Annotated[int, msgspec.Meta(ge=1, le=31_536_000)] = 86_400
    """How long a job and its answer are kept, in seconds from the request on; what is not
    answered by then has expired."""
    lease_s: Annotated[float, msgspec.Meta(ge=1, le=3600)] = 60.0
    """How long after the death of a process others take over its jobs. Leases are renewed every
    third of this."""
    look_every_s: Annotated[float, msgspec.Meta(ge=0.1, le=60)] = 1.0
    """How often a process looks for jobs that another process accepted."""
    max_losses: Positive = 5
    """After the death of so many processes that worked on it, a job fails."""
    max_jobs_per_project: Positive = 1000
    """The most unfinished jobs of one project; more are 429."""
    max_bytes_per_project: Positive = 1024 * MIB
    """The largest size of the bodies of those jobs together; more is 429."""
    max_batches_per_project: Positive = 20
    """The most unfinished batches of one project; more are 429."""
    max_batch_lines: Positive = 50_000
    """The most requests in one batch."""


class NewJob(NamedTuple):
    """A request that is to be answered later."""

    project_id: str
    key_id: str
    route: str
    """Its path, without `/queue`."""
    headers: Sequence[tuple[str, str]]
    """Those of the request that matter to its answer."""
    listener: Listener | None = None
    """The webhook to call at its end."""


class Response(NamedTuple):
    """What a job came to."""

    status: int
    body: bytes
    headers: Sequence[tuple[str, str]]
    request_id: str


class Job(NamedTuple):
    """A job as its owner sees it."""

    job_id: str
    status: JobState
    created_ms: int
    expires_ms: int
    started_ms: int | None
    ended_ms: int | None
    response: Response | None
    webhook: Delivery | None = None
    """The state of its webhook; None: it has none."""


class Taken(NamedTuple):
    """A job under lease."""

    job_id: str
    lease: str
    project_id: str
    key_id: str
    route: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    losses: int
    """How many had it before and did not come to an end."""
    batch_id: str | None


class Backlog(NamedTuple):
    """What waits or is worked on, by all processes together."""

    kind: Literal["job", "line"]
    """A line is one of a batch."""
    status: JobState
    jobs: int
    oldest_ms: int
    """How long ago the oldest of them was made."""


@dataclass(frozen=True, slots=True)
class JobBook:
    """Every job, in the database. Blocking: call it off the event loop."""

    engine: sql.Engine
    settings: QueueSettings

    # --- For owners --------------------------------------------------------------------------

    def add(self, new: NewJob, body: bytes | bytearray) -> Job:
        """Keeps a request.

        Raises:
            TooManyJobs: its project has too many.
        """
        now = now_ms()
        row = {
            "id": new_id("job_"),
            "project_id": new.project_id,
            "key_id": new.key_id,
            "route": new.route,
            "status": "queued",
            "created_at": now,
            "expires_at": now + self.settings.keep_s * MS,
            "due_at": now,
            "request_bytes": len(body),
            "request_headers": written(new.headers),
            "request": bytes(body),
        }
        job_id, expires_ms = str(row["id"]), now + self.settings.keep_s * MS
        with storage_faults(), self.engine.begin() as connection:
            take_lock(connection, f"jobs of {new.project_id}")
            place = next_place(connection, new.project_id, new.key_id, first=0)
            connection.execute(sql.insert(tables.jobs).values({**row, "priority": place}))
            self._check_room(connection, new.project_id)
            if new.listener is not None:
                promise(
                    connection,
                    new.listener,
                    subject_id=job_id,
                    project_id=new.project_id,
                    known_until_ms=expires_ms + self.settings.keep_s * MS,
                )
            webhook = promised(connection, [job_id]).get(job_id)
        return Job(job_id, "queued", now, expires_ms, None, None, None, webhook)

    def _check_room(self, connection: sql.Connection, project_id: str) -> None:
        query = sql.select(sql.func.count(), sql.func.sum(_jobs.request_bytes)).where(
            _jobs.project_id == project_id,
            _jobs.status.in_(_OPEN),
            _jobs.batch_id.is_(None),
            _jobs.expires_at > now_ms(),
        )
        count, size = connection.execute(query).one()
        most = self.settings.max_jobs_per_project
        if count > most:
            raise TooManyJobs(f"At most {most} of your jobs may wait.", retry_after_s=5)
        if size > self.settings.max_bytes_per_project:
            raise TooManyJobs("Your jobs that wait are too large together.", retry_after_s=5)

    def get(self, job_id: str, *, project_id: str) -> Job | None:
        """The project's job; None where it has none of this id."""
        if _NUL in job_id:
            return None
        query = sql.select(*_SHOWN).where(*_owned(job_id, project_id))
        with storage_faults(), self.engine.connect() as connection:
            row = connection.execute(query).first()
            webhook = promised(connection, [job_id]).get(job_id)
        return None if row is None else _job(row)._replace(webhook=webhook)

    def cancel(self, job_id: str, *, project_id: str) -> Job | None:
        """Ends the project's job, unless it has ended; None where there is none of this id."""
        if _NUL in job_id:
            return None
        change = (
            sql.update(tables.jobs)
            .where(
                *_owned(job_id, project_id),
                _jobs.status.in_(_OPEN),
                _jobs.expires_at > now_ms(),
            )
            .values(status="cancelled", **_over(now_ms()))
        )
        with storage_faults(), self.engine.begin() as connection:
            if connection.execute(change).rowcount == 1:
                announce(connection, [job_id], "job.cancelled")
        return self.get(job_id, project_id=project_id)

    # --- For those who work ------------------------------------------------------------------

    def take(self, count: int, *, resting: Collection[str] = ()) -> list[Taken]:
        """Takes at most `count` jobs that are due, with a lease for each.

        Those of keys in `resting` are left alone. Of several who take at the same time, each
        gets others.
        """
        now = now_ms()
        wanted = [_jobs.due_at <= now, _jobs.expires_at > now]
        if resting:
            wanted.append(_jobs.key_id.not_in(resting))
        with storage_faults(), self.engine.connect() as connection:
            if connection.execute(sql.select(_jobs.id).where(*wanted).limit(1)).first() is None:
                return []
        due = (
            sql.select(_jobs.id)
            .where(*wanted)
            .order_by(_jobs.priority, _jobs.due_at)
            .limit(count)
            .with_for_update(skip_locked=True)
            .cte("due")
            .prefix_with("MATERIALIZED")  # once, whatever the plan: or more than `count` go
        )
        # Each row gets bits of its own behind those of this call.
        call = secrets.token_hex(9)
        change = (
            sql.update(tables.jobs)
            .where(_jobs.id.in_(sql.select(due.c.id)))
            .values(
                losses=_jobs.losses + sql.case((_jobs.status == "in_progress", 1), else_=0),
                status="in_progress",
                started_at=sql.func.coalesce(_jobs.started_at, now),
                due_at=now + self._lease_ms,
                lease=sql.literal(call) + sql.func.substr(_jobs.id, 19),
            )
            .returning(*_TAKEN)
        )
        with storage_faults(), self.engine.begin() as connection:
            return [_taken(row) for row in connection.execute(change)]

    @property
    def _lease_ms(self) -> int:
        return int(self.settings.lease_s * MS)

    def renew(self, leases: Collection[str]) -> set[str]:
        """Makes these leases last anew; those that are still held."""
        change = (
            sql.update(tables.jobs)
            .where(_jobs.lease.in_(leases), _jobs.expires_at > now_ms())
            .values(due_at=now_ms() + self._lease_ms)
            .returning(_jobs.lease)
        )
        with storage_faults(), self.engine.begin() as connection:
            return set(connection.execute(change).scalars())

    def held(self, leases: Collection[str]) -> set[str]:
        """Which of these leases are still held: the others' jobs were cancelled, or taken."""
        query = sql.select(_jobs.lease).where(_jobs.lease.in_(leases))
        with storage_faults(), self.engine.connect() as connection:
            return set(connection.execute(query).scalars())

    def finish(self, taken: Taken, response: Response) -> bool:
        """Ends a job; False where the lease is not held any more, and nothing is written."""
        is_good = response.status < FIRST_ERROR
        status = "completed" if is_good else "failed"
        change = (
            sql.update(tables.jobs)
            .where(_jobs.lease == taken.lease, _jobs.expires_at > now_ms())
            .values(
                status=status,
                status_code=response.status,
                result=response.body,
                response_headers=written(response.headers),
                request_id=response.request_id,
                **_over(now_ms()),
            )
        )
        with storage_faults(), self.engine.begin() as connection:
            if taken.batch_id is not None:
                # Locked first, as everybody does who changes lines.
                of_batch = sql.update(tables.batches).where(
                    tables.batches.c.id == taken.batch_id
                )
                connection.execute(of_batch.values(total=tables.batches.c.total))
            if connection.execute(change).rowcount != 1:
                return False
            if taken.batch_id is None:
                announce(connection, [taken.job_id], f"job.{status}")
            else:
                connection.execute(_counted(taken.batch_id, is_good=is_good))
            return True

    def put_back(self, lease: str, *, wait_s: float) -> None:
        """Gives up the lease: after `wait_s`, any process may take the job."""
        change = (
            sql.update(tables.jobs)
            .where(_jobs.lease == lease)
            .values(status="queued", due_at=now_ms() + int(wait_s * MS), lease=None)
        )
        with storage_faults(), self.engine.begin() as connection:
            connection.execute(change)

    def backlog(self) -> Sequence[Backlog]:
        """What waits or is worked on; from an index alone, so that it may be asked often."""
        now = now_ms()
        is_line = (_jobs.priority >= LINES).label("is_line")
        query = (
            sql.select(
                is_line,
                _jobs.status,
                sql.func.count().label("jobs"),
                sql.func.min(_jobs.created_at).label("first"),
            )
            .where(_jobs.due_at.is_not(None))
            .group_by(is_line, _jobs.status)
        )
        with storage_faults(), self.engine.connect() as connection:
            return [
                Backlog(
                    "line" if row.is_line else "job",
                    row.status,
                    row.jobs,
                    max(0, now - row.first),
                )
                for row in connection.execute(query)
            ]

    def sweep(self) -> int:
        """Removes what has expired, at most a thousand at a time, and says how many.

        The bodies go at once; that there was such a job is known for as long again. What has
        gone, here or by a job's end, is in no file of SQLite's any more.
        """
        now = now_ms()
        forgotten = now - self.settings.keep_s * MS
        expired = self._some(
            _jobs.expires_at <= now, _jobs.status != "expired", _jobs.batch_id.is_(None)
        )
        bare = {"status": "expired", "result": None, "response_headers": None}
        change = (
            sql.update(tables.jobs)
            .where(_jobs.id.in_(expired))
            .values(**bare, **_over(now))
            .returning(_jobs.id)
        )
        gone = self._some(
            _jobs.expires_at <= forgotten, _jobs.status == "expired", _jobs.batch_id.is_(None)
        )
        with storage_faults(), self.engine.begin() as connection:
            ids = connection.execute(change).scalars().all()
            if ids:
                announce(connection, ids, "job.expired")
            removed = connection.execute(sql.delete(tables.jobs).where(_jobs.id.in_(gone)))
        if self.engine.dialect.name == "sqlite":
            with storage_faults():
                empty_log(self.engine)
        return len(ids) + removed.rowcount

    @staticmethod
    def _some(*wanted: sql.ColumnElement[bool]) -> sql.Select[tuple[str]]:
        query = sql.select(_jobs.id).where(*wanted).limit(_SWEPT_AT_ONCE)
        return query.with_for_update(skip_locked=True)


FIRST_ERROR: Final = 400
_SHOWN: Final = [
    _jobs[name]
    for name in (
        "id",
        "status",
        "created_at",
        "expires_at",
        "started_at",
        "ended_at",
        "status_code",
        "request_id",
        "response_headers",
        "result",
    )
]
_TAKEN: Final = [
    _jobs[name]
    for name in (
        "id",
        "lease",
        "project_id",
        "key_id",
        "route",
        "request_headers",
        "request",
        "losses",
        "batch_id",
    )
]


LINES: Final = 2**30
"""The first place of batch lines: single jobs go before them."""


def next_place(connection: sql.Connection, project_id: str, key_id: str, *, first: int) -> int:
    """The place of a key's next job: one behind its own last, or else at the front.

    Jobs are taken by their places, so by turns between keys: who has a thousand jobs has one
    in each place, and who comes with one stands beside the next of those.

    Args:
        connection: in a transaction of the project's.
        project_id: whose key it is.
        key_id: whose job it is.
        first: 0, or `LINES` for those of a batch.
    """
    bounds = (_jobs.priority >= LINES if first else _jobs.priority < LINES,)
    waits = (_jobs.due_at.is_not(None), *bounds)
    own = (_jobs.project_id == project_id, _jobs.key_id == key_id)
    front = sql.select(sql.func.min(_jobs.priority)).where(*waits).scalar_subquery()
    last = sql.select(sql.func.max(_jobs.priority)).where(*waits, *own).scalar_subquery()
    at_front, at_last = connection.execute(sql.select(front, last)).one()
    if at_front is None:
        return first
    return int(at_front) if at_last is None else int(at_last) + 1


def _owned(job_id: str, project_id: str) -> tuple[sql.ColumnElement[bool], ...]:
    return (_jobs.id == job_id, _jobs.project_id == project_id, _jobs.batch_id.is_(None))


def _over(at_ms: int) -> Mapping[str, object]:
    """What changes in every job that ends, whatever its end."""
    return {"due_at": None, "lease": None, "request": None, "ended_at": at_ms}


def _counted(batch_id: str, *, is_good: bool) -> sql.Update:
    """Counts a line of a batch that has ended; the last one makes the batch due."""
    of = tables.batches.c
    is_last = sql.and_(of.status == "in_progress", of.completed + of.failed + 1 >= of.total)
    counted = {"completed": of.completed + 1} if is_good else {"failed": of.failed + 1}
    return (
        sql.update(tables.batches)
        .where(of.id == batch_id)
        .values(
            **counted,
            status=sql.case((is_last, "finalizing"), else_=of.status),
            due_at=sql.case((is_last, now_ms()), else_=of.due_at),
        )
    )


def written(headers: Sequence[tuple[str, str]]) -> str:
    """What a column holds of headers."""
    return msgspec.json.encode(headers).decode()


def headers_of(text: str | None) -> Sequence[tuple[str, str]]:
    """The headers of such a column."""
    return () if text is None else _headers(text)


def _taken(row: sql.Row[tuple[object, ...]]) -> Taken:
    return Taken(
        row.id,
        row.lease,
        row.project_id,
        row.key_id,
        row.route,
        headers_of(row.request_headers),
        bytes(row.request),
        row.losses,
        row.batch_id,
    )


def _job(row: sql.Row[tuple[object, ...]]) -> Job:
    if row.expires_at <= now_ms():
        return Job(
            row.id, "expired", row.created_at, row.expires_at, row.started_at, None, None
        )
    response = None
    if row.status_code is not None:
        headers = headers_of(row.response_headers)
        response = Response(row.status_code, bytes(row.result), headers, row.request_id)
    return Job(
        row.id,
        row.status,
        row.created_at,
        row.expires_at,
        row.started_at,
        row.ended_at,
        response,
    )
