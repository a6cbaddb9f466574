"""The ledger's sums as callers ask for them and read them: JSON or CSV."""

import csv
import io
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

import msgspec

from visus.accounts.tables import SUMS
from visus.accounts.usage import BUCKET_NAMES, GROUP_NAMES, Bucket, Group, UsageQuery, UsageRow
from visus.errors import InvalidValue
from visus.wire.plain import one_of, parameters_of

DAYS: Final = 30
"""How far back sums go by default."""
FORMATS: Final = ("json", "csv")


class UsageSum(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One sum: of an hour, a day or all, and of one value of each group."""

    start: int | None = None
    """Seconds since 1970."""
    project: str | None = None
    key: str | None = None
    model: str | None = None
    provider: str | None = None
    region: str | None = None
    requests: int
    failed: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    image_tokens: int
    video_tokens: int
    document_tokens: int
    images: int
    cost_micros: int


class UsageReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was used between two moments."""

    object: str = "list"
    start: int
    """Seconds since 1970."""
    end: int
    currency: str
    """Of `cost_micros`, which are millionths of it."""
    data: list[UsageSum]


def wanted(query: bytes, *, project_id: str | None) -> tuple[UsageQuery, str, list[str]]:
    """The sums that a query string asks for, their format, and its unknown parameters.

    `start` and `end` are seconds since 1970 or days, `2026-11-01`; an end that is a day is
    counted in. `bucket` is `hour`, `day` or `all`, `group_by` a list with commas.

    Raises:
        InvalidValue: a parameter may not have its value.
    """
    given = parameters_of(query)
    now_s = int(time.time())
    until_s = moment(given.pop("end", None), now_s + 1, "end", is_end=True)
    since_s = moment(given.pop("start", None), until_s - DAYS * 86_400, "start", is_end=False)
    if since_s >= until_s:
        raise InvalidValue("It ends before it starts.", param="end")
    bucket: Bucket = one_of(BUCKET_NAMES, given.pop("bucket", "day"), "bucket")
    format_ = one_of(FORMATS, given.pop("format", "json"), "format")
    groups = groups_of(given.pop("group_by", ""))
    if project_id is None:
        project_id = given.pop("project", None)
        if project_id is not None and "\0" in project_id:
            raise InvalidValue("This is not the id of a project.", param="project")
    return UsageQuery(since_s, until_s, bucket, groups, project_id), format_, list(given)


def groups_of(text: str, param: str = "group_by") -> Sequence[Group]:
    """`project,model`, each name once.

    Raises:
        InvalidValue: a name that is none.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    return list(dict.fromkeys(one_of(GROUP_NAMES, name, param) for name in names))


def moment(text: str | None, default_s: int, param: str, *, is_end: bool) -> int:
    """Seconds since 1970 of a moment or a day as it is written.

    Raises:
        InvalidValue: it is neither.
    """
    if text is None:
        return default_s
    if text.isascii() and text.isdigit() and len(text) <= len("9999999999"):
        return int(text)
    try:
        day = date.fromisoformat(text)
        day = day + timedelta(days=1) if is_end else day
        return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    except (ValueError, OverflowError) as fault:
        message = "This is neither a day like 2026-11-01 nor seconds since 1970."
        raise InvalidValue(message, param=param) from fault


def as_json(rows: Sequence[UsageRow], asked: UsageQuery, currency: str) -> bytes:
    """The sums as a JSON object."""
    data = [_sum(row) for row in rows]
    report = UsageReport(start=asked.since_s, end=asked.until_s, currency=currency, data=data)
    return msgspec.json.encode(report)


def as_csv(rows: Sequence[UsageRow], asked: UsageQuery, currency: str) -> bytes:
    """The sums as CSV (RFC 4180), with a line of names first."""
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(["start", *asked.groups, *SUMS, "currency"])
    lines.writerows(_cells(rows, currency))
    return text.getvalue().encode()


def _cells(rows: Sequence[UsageRow], currency: str) -> Iterator[list[object]]:
    for row in rows:
        start = (
            "" if row.start_s is None else datetime.fromtimestamp(row.start_s, UTC).isoformat()
        )
        yield [start, *map(_inert, row.groups.values()), *row.sums.values(), currency]


def _inert(text: str) -> str:
    """A name that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def _sum(row: UsageRow) -> UsageSum:
    groups = {str(group): value for group, value in row.groups.items()}
    return msgspec.convert({"start": row.start_s, **groups, **row.sums}, UsageSum)
