"""Webhooks in the database: receivers, deliveries, and the secrets that sign them.

A webhook is stored together with its job, and becomes due in the transaction that ends the job:
so none is lost, whichever process dies when. It is taken by lease, as jobs are. One whose lease
ran out may have been delivered already: it is sent again, under the same id.
"""

import base64
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

import sqlalchemy as sql

from visus.accounts import tables
from visus.accounts.clock import MS, now_ms
from visus.accounts.faults import storage_faults
from visus.accounts.locks import take_lock
from visus.accounts.projects import admit_project
from visus.core.ids import new_id
from visus.wire.webhooks import SECRET_PREFIX

SECRET_BYTES: Final = 32
_DOUBLINGS: Final = 2
"""Of a wait, until the next."""
_SWEPT_AT_ONCE: Final = 1000
_deliveries: Final = tables.deliveries.c
_secrets: Final = tables.webhook_secrets.c
DeliveryState: TypeAlias = Literal["waiting", "pending", "delivered", "failed"]
"""`waiting`: for the end of the job or batch; `pending`: to be sent."""


class Listener(NamedTuple):
    """The receiver of a webhook."""

    url: str
    origin: str
    """Host and port, to tell one receiver from another."""


class DeliveryRules(NamedTuple):
    """How often and how soon a webhook is sent again."""

    max_attempts: int
    first_wait_ms: int
    max_wait_ms: int
    lease_ms: int

    def wait_ms(self, attempts: int) -> int:
        """How long to wait after so many attempts."""
        steps = min(attempts - 1, self.max_wait_ms.bit_length())
        return min(self.max_wait_ms, self.first_wait_ms << _DOUBLINGS * steps)


class Delivery(NamedTuple):
    """The state of a webhook, as its owner sees it."""

    url: str
    status: DeliveryState
    attempts: int
    status_code: int | None
    """What was answered the last time; None: nothing."""
    fault: str | None
    """Why the last attempt was none."""
    due_ms: int | None
    """When it is to be sent (again)."""
    ended_ms: int | None


class Due(NamedTuple):
    """A webhook that is due, under lease."""

    event_id: str
    subject_id: str
    """The job, or the batch."""
    project_id: str
    url: str
    origin: str
    event: str
    """Like `job.completed`."""
    happened_ms: int
    attempts: int
    """This one counts."""
    lease: str


class Miss(NamedTuple):
    """A failed attempt."""

    fault: str
    status_code: int | None = None
    is_final: bool = False
    """Whether another attempt would be in vain."""


# --- Within the transactions of jobs and batches ---------------------------------------------


def promise(
    connection: sql.Connection,
    listener: Listener,
    *,
    subject_id: str,
    project_id: str,
    known_until_ms: int,
) -> None:
    """Stores a webhook for the end of this job or batch."""
    row = {
        "id": new_id("evt_"),
        "subject_id": subject_id,
        "project_id": project_id,
        "url": listener.url,
        "origin": listener.origin,
        "status": "waiting",
        "known_until": known_until_ms,
    }
    connection.execute(sql.insert(tables.deliveries).values(row))


def announce(connection: sql.Connection, subject_ids: Collection[str], event: str) -> None:
    """Makes the webhooks of these due; those that are due already stay so."""
    now = now_ms()
    change = (
        sql.update(tables.deliveries)
        .where(_deliveries.subject_id.in_(subject_ids), _deliveries.status == "waiting")
        .values(status="pending", event=event, happened_at=now, due_at=now)
    )
    connection.execute(change)


def promised(
    connection: sql.Connection, subject_ids: Collection[str]
) -> Mapping[str, Delivery]:
    """The states of the webhooks of these jobs or batches."""
    query = sql.select(_deliveries.subject_id, *_SHOWN).where(
        _deliveries.subject_id.in_(subject_ids)
    )
    return {row.subject_id: _delivery(row) for row in connection.execute(query)}


def _delivery(row: sql.Row[tuple[object, ...]]) -> Delivery:
    return Delivery(
        row.url,
        row.status,
        row.attempts,
        row.status_code,
        row.fault,
        row.due_at,
        row.ended_at,
    )


_SHOWN: Final = [
    _deliveries[name]
    for name in (
        "url",
        "status",
        "attempts",
        "status_code",
        "fault",
        "due_at",
        "ended_at",
    )
]


# --- For those who tell ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DeliveryBook:
    """Webhooks in the database. Blocking: call it off the event loop."""

    engine: sql.Engine
    rules: DeliveryRules

    def take(self, *, resting: Collection[str] = ()) -> Due | None:
        """What is due first, with a lease; None where nothing is.

        That of origins in `resting` is left alone.
        """
        now = now_ms()
        wanted = [_deliveries.due_at <= now]
        if resting:
            wanted.append(_deliveries.origin.not_in(resting))
        due = sql.select(_deliveries.id).where(*wanted).order_by(_deliveries.due_at).limit(1)
        with storage_faults(), self.engine.connect() as connection:
            if connection.execute(due).first() is None:
                return None
        one = due.with_for_update(skip_locked=True).cte("due").prefix_with("MATERIALIZED")
        change = (
            sql.update(tables.deliveries)
            .where(_deliveries.id.in_(sql.select(one.c.id)))
            .values(
                lease=secrets.token_hex(18),
                due_at=now + self.rules.lease_ms,
                attempts=_deliveries.attempts + 1,
            )
            .returning(*_TAKEN)
        )
        with storage_faults(), self.engine.begin() as connection:
            row = connection.execute(change).first()
        return None if row is None else Due(*row)

    def delivered(self, due: Due, status_code: int) -> bool:
        """Records the delivery; False, and nothing is written, where the lease is lost."""
        values = {"status": "delivered", "status_code": status_code, "fault": None}
        return self._write(due, _over() | values)

    def missed(self, due: Due, miss: Miss) -> bool:
        """Records a failed attempt; whether it will be repeated."""
        values: dict[str, object] = {"status_code": miss.status_code, "fault": miss.fault}
        if miss.is_final or due.attempts >= self.rules.max_attempts:
            self._write(due, values | _over() | {"status": "failed"})
            return False
        due_at = now_ms() + self.rules.wait_ms(due.attempts)
        self._write(due, values | {"due_at": due_at, "lease": None})
        return True

    def put_back(self, due: Due) -> None:
        """Gives up the lease: any process may send it now."""
        self._write(due, {"due_at": now_ms(), "lease": None})

    def _write(self, due: Due, values: Mapping[str, object]) -> bool:
        change = (
            sql.update(tables.deliveries)
            .where(_deliveries.id == due.event_id, _deliveries.lease == due.lease)
            .values(values)
        )
        with storage_faults(), self.engine.begin() as connection:
            return connection.execute(change).rowcount == 1

    def pending(self) -> int:
        """How many webhooks are to be sent."""
        query = sql.select(sql.func.count()).where(_deliveries.due_at.is_not(None))
        with storage_faults(), self.engine.connect() as connection:
            return connection.execute(query).scalar_one()

    def sweep(self) -> int:
        """Forgets what has ended and whose job or batch is forgotten; at most a thousand."""
        old = (
            sql.select(_deliveries.id)
            .where(_deliveries.known_until <= now_ms(), _deliveries.ended_at.is_not(None))
            .limit(_SWEPT_AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        change = sql.delete(tables.deliveries).where(_deliveries.id.in_(old))
        with storage_faults(), self.engine.begin() as connection:
            return connection.execute(change).rowcount


_TAKEN: Final = [
    _deliveries[name]
    for name in (
        "id",
        "subject_id",
        "project_id",
        "url",
        "origin",
        "event",
        "happened_at",
        "attempts",
        "lease",
    )
]


def _over() -> dict[str, object]:
    return {"due_at": None, "lease": None, "ended_at": now_ms()}


# --- Secrets ---------------------------------------------------------------------------------


class WebhookSecret(NamedTuple):
    """A secret without the secret itself."""

    secret_id: str
    project_id: str
    hint: str
    """Its last four characters, to tell it by."""
    created_at: int
    """Seconds since 1970."""
    expires_at: int | None
    """When it signs no more; None: it is the newest."""


@dataclass(frozen=True, slots=True)
class WebhookSecrets:
    """What receivers know a project's webhooks by, in the database. Blocking.

    Nothing but the secret itself can sign, so it stands in the database as it is.
    """

    engine: sql.Engine

    def create(self, project_id: str, *, overlap_s: int) -> tuple[WebhookSecret, str]:
        """A new secret, which cannot be shown again; the previous one signs `overlap_s` longer.

        Those before that one sign no more: never more than two do.

        Raises:
            InvalidValue: there is no such project.
        """
        secret = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
        of_project = _secrets.project_id == project_id
        with storage_faults(), self.engine.begin() as connection:
            take_lock(connection, f"webhook secrets of {project_id}")
            admit_project(connection, project_id, name="")
            # Only now: ids have to sort in the order in which the lock was held.
            secret_id, now_s = new_id("whs_"), now_ms() // MS
            newest = (of_project, _secrets.expires_at.is_(None))
            older = (of_project, _secrets.expires_at > now_s)
            for wanted, ends in ((older, now_s), (newest, now_s + overlap_s)):
                change = sql.update(tables.webhook_secrets).where(*wanted)
                connection.execute(change.values(expires_at=ends))
            row = {
                "id": secret_id,
                "project_id": project_id,
                "secret": secret,
                "created_at": now_s,
            }
            connection.execute(sql.insert(tables.webhook_secrets).values(row))
        return WebhookSecret(secret_id, project_id, secret[-4:], now_s, None), secret

    def known(self, project_id: str) -> Sequence[WebhookSecret]:
        """Every secret of a project, oldest first, also those that sign no more."""
        query = (
            sql.select(tables.webhook_secrets)
            .where(_secrets.project_id == project_id)
            .order_by(_secrets.id)
        )
        with storage_faults(), self.engine.connect() as connection:
            return [
                WebhookSecret(
                    row.id, row.project_id, row.secret[-4:], row.created_at, row.expires_at
                )
                for row in connection.execute(query)
            ]

    def signing(self, project_id: str) -> Sequence[str]:
        """The secrets that sign now, the newest first."""
        query = (
            sql.select(_secrets.secret)
            .where(
                _secrets.project_id == project_id,
                sql.or_(_secrets.expires_at.is_(None), _secrets.expires_at > now_ms() // MS),
            )
            .order_by(_secrets.id.desc())
        )
        with storage_faults(), self.engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def revoke(self, secret_id: str, *, project_id: str) -> bool:
        """Has a secret sign no more; False where the project has none of this id that does."""
        now_s = now_ms() // MS
        change = (
            sql.update(tables.webhook_secrets)
            .where(
                _secrets.id == secret_id,
                _secrets.project_id == project_id,
                sql.or_(_secrets.expires_at.is_(None), _secrets.expires_at > now_s),
            )
            .values(expires_at=now_s)
        )
        with storage_faults(), self.engine.begin() as connection:
            return connection.execute(change).rowcount == 1
