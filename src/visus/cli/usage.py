"""`visus usage`: what was used, as a table and a chart, or as CSV or JSON."""

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.bar import Bar
from rich.table import Table
from rich.text import Text

from visus.accounts.usage import BUCKET_NAMES, UsageBook, UsageQuery, UsageRow
from visus.cli.configured import configuration
from visus.cli.tables import show
from visus.server import usage_report
from visus.server.state import open_book
from visus.wire.plain import one_of

MICROS = 1_000_000
BAR_CHARS = 24
MODALITIES = ("image_tokens", "video_tokens", "document_tokens")


def run(options: argparse.Namespace) -> int:
    """Prints sums of the ledger."""
    chosen = configuration(options)
    now_s = int(time.time())
    until_s = usage_report.moment(options.until, now_s + 1, "--until", is_end=True)
    since_s = usage_report.moment(
        options.since, until_s - usage_report.DAYS * 86_400, "--since", is_end=False
    )
    asked = UsageQuery(
        since_s,
        until_s,
        one_of(BUCKET_NAMES, options.bucket, "--bucket"),
        usage_report.groups_of(options.by, "--by"),
        options.project,
    )
    book = open_book(chosen)
    try:
        rows = UsageBook(book.engine).sums(asked)
    finally:
        book.close()
    currency = chosen.settings.ledger.currency
    if options.format == "table":
        _print(rows, asked, currency)
    else:
        write = usage_report.as_csv if options.format == "csv" else usage_report.as_json
        sys.stdout.buffer.write(write(rows, asked, currency))
        sys.stdout.buffer.flush()
    return 0


def _print(rows: Sequence[UsageRow], asked: UsageQuery, currency: str) -> None:
    whens = () if asked.bucket == "all" else (asked.bucket,)
    table = Table(*whens, *asked.groups)
    for name in ("requests", "failed", "input", "of it media", "output", currency):
        table.add_column(name, justify="right")
    has_cost = any(row.sums["cost_micros"] for row in rows)
    measure = "cost_micros" if has_cost else "requests"
    table.add_column(currency if has_cost else "requests")
    most = max((row.sums[measure] for row in rows), default=0)
    for row in rows:
        sums = row.sums
        table.add_row(
            *([] if row.start_s is None else [_when(row.start_s, asked)]),
            *row.groups.values(),
            str(sums["requests"]),
            str(sums["failed"]),
            str(sums["input_tokens"]),
            str(sum(sums[name] for name in MODALITIES)),
            str(sums["output_tokens"]),
            f"{sums['cost_micros'] / MICROS:.4f}",
            Bar(most, 0, sums[measure], width=BAR_CHARS) if most else Text(""),
        )
    show(table)


def _when(start_s: int, asked: UsageQuery) -> str:
    shape = "%Y-%m-%d" if asked.bucket == "day" else "%Y-%m-%d %H:00"
    return datetime.fromtimestamp(start_s, UTC).strftime(shape)
