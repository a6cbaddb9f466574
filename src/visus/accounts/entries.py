"""What is written into the ledger, and how: SQL that SQLite and PostgreSQL both understand.

A record is *held* before a model is asked and *settled* exactly once: one that has ended is
left alone, and the sums by hours and months change in the same transaction. Entries come in
batches, and all rows of a batch are one statement: with one for each row, the lock of the
interpreter would be passed to and fro for each, and waited for each time.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, Final, Literal, NamedTuple, TypeAlias, TypeVar

import msgspec
import sqlalchemy as sql
from msgspec.structs import astuple

from visus.accounts import tables
from visus.accounts.clock import MS
from visus.accounts.tables import SUMS
from visus.core.endings import CLIENT_CLOSED

HOUR_S: Final = 3600


class Hold(msgspec.Struct, frozen=True, array_like=True, tag="hold", gc=False):
    """A question that is about to be asked."""

    record_id: str
    began_ms: int
    """Milliseconds since 1970."""
    lease_until_ms: int
    node: str
    """The process that is to settle it."""
    key_id: str
    project_id: str
    model: str
    held_micros: int
    """What it may cost, where its project has a budget; else 0."""
    budget_micros: int | None


class Settlement(msgspec.Struct, frozen=True, array_like=True, tag="settle", gc=False):
    """What became of it."""

    record_id: str
    began_ms: int
    ended_ms: int
    key_id: str
    project_id: str
    held_micros: int
    model: str
    """That which answered, or the last that was asked."""
    provider: str
    region: str
    status: int
    """The HTTP status; 499 where the client went away."""
    attempts: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    image_tokens: int
    video_tokens: int
    document_tokens: int
    images: int
    is_estimated: bool
    """Whether the tokens are an estimate, since the model's server reported none."""
    cost_micros: int


Entry: TypeAlias = Hold | Settlement
State: TypeAlias = Literal["held", "given up", "settled"]
"""The state of a record. One that was given up too early, since a clock jumped or its answer
took longer than its lease, is still settled at its end."""
_Row = TypeVar("_Row")

_GROUP: Final = ("hour", "project_id", "key_id", "model", "provider", "region")
_OF_A_SUM: Final = attrgetter(*SUMS[2:])
_by_record: Final = attrgetter("record_id")
_FAILED_FROM: Final = 400
_ROWS_AT_ONCE: Final = (100, 10, 1)
"""Only so many, so that there are few statements: each is compiled once and then kept, and a
kept one of 500 rows has half a megabyte."""
_COLUMN: Final = {
    "record_id": "id",
    "began_ms": "began_at",
    "ended_ms": "ended_at",
    "lease_until_ms": "lease_until",
}
_HELD: Final = [field for field in Hold.__struct_fields__ if field != "budget_micros"]
_SETTLED: Final = Settlement.__struct_fields__
_KEPT: Final = frozenset({"record_id", "began_ms", "key_id", "project_id", "held_micros"})
"""What stays as it was held."""


def _column(field: str) -> str:
    return _COLUMN.get(field, field)


def _sets(columns: Iterable[str]) -> str:
    return ", ".join(f"{column} = excluded.{column}" for column in columns)


_IF_NEW: Final = "ON CONFLICT (id) DO NOTHING"
_UNLESS_ENDED: Final = (
    "ON CONFLICT (id) DO UPDATE SET lease_until = NULL, "
    + _sets(_column(field) for field in _SETTLED if field not in _KEPT)
    + " WHERE usage_records.lease_until IS NOT NULL OR usage_records.provider IS NULL"
)
_ADD_HOURS: Final = f"ON CONFLICT ({', '.join(_GROUP)}) DO UPDATE SET " + ", ".join(
    f"{name} = usage_hours.{name} + excluded.{name}" for name in SUMS
)
_ADD_MONTHS: Final = (
    "ON CONFLICT (project_id, month) DO UPDATE SET "
    "spent_micros = budgets.spent_micros + excluded.spent_micros, "
    "held_micros = budgets.held_micros + excluded.held_micros"
)
_MONEY: Final = ("project_id", "month", "spent_micros", "held_micros")


class Batch(NamedTuple):
    """Entries that are written together."""

    name: str
    """Under which they are written once and never again."""
    entries: Sequence[Entry]


def write(connection: sql.Connection, batch: Batch) -> None:
    """Writes a batch, unless it has been written before."""
    if claim(connection, batch.name):
        write_all(connection, batch.entries)


def claim(connection: sql.Connection, name: str) -> bool:
    """Writes the name of a batch; whether it has not been written before."""
    known = tables.ledger_batches
    there = sql.select(known.c.name).where(known.c.name == name)
    if connection.execute(there).first() is not None:
        return False
    values = {"name": name, "written_at": int(time.time())}
    connection.execute(sql.insert(known).values(values))
    return True


def write_all(connection: sql.Connection, some: Sequence[Entry]) -> None:
    """Writes entries, whichever batch they are of."""
    ended = {one.record_id: one for one in some if isinstance(one, Settlement)}
    settled = sorted(ended.values(), key=_by_record)
    held = [one for one in some if isinstance(one, Hold) and one.record_id not in ended]
    _put(connection, "usage_records", _HELD, [astuple(one)[:-1] for one in held], _IF_NEW)
    money = [(one.project_id, one.began_ms, 0, -one.held_micros) for one in held]
    _add_money(connection, [one for one in money if one[-1]])
    _settle(connection, settled)


def _settle(connection: sql.Connection, settled: Sequence[Settlement]) -> None:
    before = _states(connection, [one.record_id for one in settled])
    valid = [one for one in settled if before.get(one.record_id) != "settled"]
    columns = ("node", *_SETTLED)
    _put(
        connection,
        "usage_records",
        columns,
        [("", *astuple(one)) for one in valid],
        _UNLESS_ENDED,
    )
    _put(connection, "usage_hours", (*_GROUP, *SUMS), _by_hours(valid), _ADD_HOURS)
    # Only what is written as held has money of its own to give back.
    _add_money(
        connection,
        [
            (
                one.project_id,
                one.began_ms,
                one.cost_micros,
                one.held_micros if before.get(one.record_id) == "held" else 0,
            )
            for one in valid
        ],
    )


def _states(connection: sql.Connection, record_ids: Sequence[str]) -> Mapping[str, State]:
    """What has become of those that are written already."""
    found: dict[str, State] = {}
    # SQLite locks the whole database, and knows no such words.
    lock = "" if connection.dialect.name == "sqlite" else " FOR UPDATE"
    for some in _cut(record_ids):
        marks = _marks(connection, len(some))
        wanted = f"SELECT id, lease_until, provider FROM usage_records WHERE id IN {marks}"  # noqa: S608 -- marks only
        rows = connection.exec_driver_sql(wanted + lock, tuple(some))
        found |= {row.id: _state(row.lease_until, row.provider) for row in rows}
    return found


def _state(lease_until: int | None, provider: str | None) -> State:
    if lease_until is not None:
        return "held"
    return "given up" if provider is None else "settled"


def hold_money(connection: sql.Connection, one: Hold) -> bool:
    """Enters a hold at once; whether its project's budget has room for it."""
    month = month_of(one.began_ms)
    _put(connection, "budgets", _MONEY, [(one.project_id, month, 0, 0)], _ADD_MONTHS)
    table = tables.budgets
    total = table.c.spent_micros + table.c.held_micros + one.held_micros
    change = (
        sql.update(table)
        .where(
            table.c.project_id == one.project_id,
            table.c.month == month,
            total <= one.budget_micros,
        )
        .values(held_micros=table.c.held_micros + one.held_micros)
    )
    if not connection.execute(change).rowcount:
        return False
    _put(connection, "usage_records", _HELD, [astuple(one)[:-1]], _IF_NEW)
    return True


def release_leases(connection: sql.Connection, *, now_ms: int) -> int:
    """Settles records whose lease is over, at no cost."""
    return _release(connection, tables.usage_records.c.lease_until < now_ms, now_ms)


def release_nodes(connection: sql.Connection, nodes: Sequence[str], *, now_ms: int) -> int:
    """Ends records of processes that have died."""
    table = tables.usage_records
    wanted = table.c.lease_until.is_not(None) & table.c.node.in_(nodes)
    return _release(connection, wanted, now_ms)


def _release(connection: sql.Connection, wanted: sql.ColumnElement[bool], now_ms: int) -> int:
    table = tables.usage_records
    ends = {
        "lease_until": None,
        "ended_at": now_ms,
        "status": CLIENT_CLOSED,
        "is_estimated": True,
    }
    change = sql.update(table).where(wanted).values(ends)
    columns = (table.c.project_id, table.c.began_at, table.c.held_micros)
    lost = connection.execute(change.returning(*columns)).all()
    money = [(row.project_id, row.began_at, 0, row.held_micros) for row in lost]
    _add_money(connection, [one for one in money if one[-1]])
    return len(lost)


def forget_batches(connection: sql.Connection, *, before_s: int) -> None:
    """Forgets the names of batches that were written so long ago that none can come again."""
    known = tables.ledger_batches
    connection.execute(sql.delete(known).where(known.c.written_at < before_s))


def month_of(ms: int) -> str:
    """The calendar month in UTC, `2026-11`."""
    return time.strftime("%Y-%m", time.gmtime(ms // MS))


def _put(
    connection: sql.Connection,
    table: str,
    fields: Sequence[str],
    rows: Sequence[Sequence[object]],
    or_else: str,
) -> None:
    """Inserts rows, many to a statement; `or_else`: what becomes of those that are there."""
    one_row = _marks(connection, len(fields))
    names = ", ".join(map(_column, fields))
    into = f"INSERT INTO {table} ({names}) VALUES "  # noqa: S608 -- names of ours
    for some in _cut(rows):
        statement = f"{into}{', '.join([one_row] * len(some))} {or_else}"
        values: tuple[Any, ...] = tuple(chain.from_iterable(some))
        connection.exec_driver_sql(statement, values)


def _cut(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    """All of them, so many at a time as make one statement."""
    start = 0
    for size in _ROWS_AT_ONCE:
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size


def _marks(connection: sql.Connection, count: int) -> str:
    """Where so many values go: `(?, ?)`."""
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    return f"({', '.join([mark] * count)})"


def _by_hours(settled: Sequence[Settlement]) -> list[tuple[object, ...]]:
    groups: dict[tuple[object, ...], list[Settlement]] = defaultdict(list)
    for one in settled:
        hour = one.began_ms // MS // HOUR_S * HOUR_S
        groups[hour, one.project_id, one.key_id, one.model, one.provider, one.region].append(
            one
        )
    # In one order for all, or two processes would wait for each other's rows for ever.
    return [(*group, *_sums(some)) for group, some in sorted(groups.items(), key=_by_group)]


def _sums(settled: Sequence[Settlement]) -> list[int]:
    """What `SUMS` names, of all of them."""
    failed = sum([one.status >= _FAILED_FROM for one in settled])
    columns = zip(*map(_OF_A_SUM, settled), strict=True)
    return [len(settled), failed, *map(sum, columns)]


def _by_group(sums: tuple[tuple[object, ...], object]) -> list[str]:
    return list(map(str, sums[0]))


def _add_money(connection: sql.Connection, money: Iterable[tuple[str, int, int, int]]) -> None:
    """Adds what was spent and takes away what was held, by projects and months."""
    sums: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0])
    for project_id, began_ms, spent, held in money:
        row = sums[project_id, began_ms // MS // HOUR_S]
        row[0] += spent
        row[1] -= held
    rows = [
        (project_id, month_of(hour * HOUR_S * MS), spent, held)
        for (project_id, hour), (spent, held) in sorted(sums.items())
    ]
    for one in rows:  # one of each month, but around midnight of its last day
        _put(connection, "budgets", _MONEY, [one], _ADD_MONTHS)
