"""Usage: sums of settled records, by time and by groups such as project or model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

import sqlalchemy as sql

from visus.accounts import tables
from visus.accounts.clock import MS
from visus.accounts.entries import HOUR_S, month_of
from visus.accounts.faults import storage_faults
from visus.accounts.tables import SUMS

Bucket: TypeAlias = Literal["hour", "day", "all"]
Group: TypeAlias = Literal["project", "key", "model", "provider", "region"]
GROUPS: Final[Mapping[Group, str]] = {
    "project": "project_id",
    "key": "key_id",
    "model": "model",
    "provider": "provider",
    "region": "region",
}
"""The groups of sums, and their columns."""
GROUP_NAMES: Final = tuple(GROUPS)
BUCKET_NAMES: Final[tuple[Bucket, ...]] = ("hour", "day", "all")
BUCKETS: Final[Mapping[Bucket, int]] = {"hour": HOUR_S, "day": 24 * HOUR_S}
"""In seconds; days are those of UTC."""
MAX_ROWS: Final = 10_000


class UsageQuery(NamedTuple):
    """Which sums are wanted."""

    since_s: int
    """Seconds since 1970; the hour that it falls into counts whole."""
    until_s: int
    """The first second that is not wanted."""
    bucket: Bucket = "day"
    groups: Sequence[Group] = ()
    project_id: str | None = None
    """None: of all projects."""


class UsageRow(NamedTuple):
    """One sum."""

    start_s: int | None
    """The first second of its hour or day; None where all is one sum."""
    groups: Mapping[Group, str]
    sums: Mapping[str, int]
    """By the names of `tables.SUMS`."""


class Spending(NamedTuple):
    """How a project stands with its money this month."""

    month: str
    spent_micros: int
    held_micros: int


@dataclass(frozen=True, slots=True)
class UsageBook:
    """Reads the ledger's sums. Blocking: call it off the event loop."""

    engine: sql.Engine

    def sums(self, wanted: UsageQuery) -> Sequence[UsageRow]:
        """At most `MAX_ROWS` sums, in order of time and then of their groups."""
        table = tables.usage_hours
        columns = [table.c[GROUPS[group]] for group in wanted.groups]
        seconds = BUCKETS.get(wanted.bucket)
        starts = [] if seconds is None else [(table.c.hour - table.c.hour % seconds)]
        query = (
            sql.select(
                *[start.label("start") for start in starts],
                *columns,
                *(
                    sql.func.coalesce(sql.func.sum(table.c[name]), 0).label(name)
                    for name in SUMS
                ),
            )
            .where(table.c.hour >= wanted.since_s - wanted.since_s % HOUR_S)
            .where(table.c.hour < wanted.until_s)
            .group_by(*starts, *columns)
            .order_by(*starts, *columns)
            .limit(MAX_ROWS)
        )
        if wanted.project_id is not None:
            query = query.where(table.c.project_id == wanted.project_id)
        with storage_faults(), self.engine.connect() as connection:
            found = connection.execute(query).mappings().all()
        return [
            UsageRow(
                int(row["start"]) if starts else None,
                {group: str(row[GROUPS[group]]) for group in wanted.groups},
                {name: int(row[name]) for name in SUMS},
            )
            for row in found
            if row["requests"]
        ]

    def spending(self, project_id: str, *, now_s: float) -> Spending:
        """What a project has spent in the month of `now_s`, and what is held for it."""
        month = month_of(int(now_s * MS))
        table = tables.budgets
        query = sql.select(table).where(
            table.c.project_id == project_id, table.c.month == month
        )
        with storage_faults(), self.engine.connect() as connection:
            row = connection.execute(query).first()
        return Spending(month, 0, 0) if row is None else Spending(*row[1:])
