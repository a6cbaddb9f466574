"""`visus usage`: what was used, as a table and a chart, or as CSV or JSON."""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from rich.bar import Bar
from rich.table import Table
from rich.text import Text

from visus.accounts.usage import BUCKET_NAMES, UsageBook, UsageQuery, UsageRow
from visus.cli.configured import configuration
from visus.cli.tables import show
from visus.errors import InvalidValue
from visus.server import usage_report
from visus.server.state import open_book
from visus.wire.plain import one_of

MICROS = 1_000_000
BAR_CHARS = 24
MODALITY: Final = "modality"
MODALITIES: Final = {
    "image": "image_tokens",
    "video": "video_tokens",
    "document": "document_tokens",
}
"""Of input tokens, those that are no text."""


def run(options: argparse.Namespace) -> int:
    """Prints sums of the ledger."""
    chosen = configuration(options)
    now_s = int(time.time())
    until_s = usage_report.moment(options.until, now_s + 1, "--until", is_end=True)
    since_s = usage_report.moment(
        options.since, until_s - usage_report.DAYS * 86_400, "--since", is_end=False
    )
    names = [name.strip() for name in options.by.split(",")]
    by_modality = MODALITY in names
    if by_modality and options.format != "table":
        message = "The columns of csv and json tell modalities apart in any case."
        raise InvalidValue(message, param="--by")
    asked = UsageQuery(
        since_s,
        until_s,
        one_of(BUCKET_NAMES, options.bucket, "--bucket"),
        usage_report.groups_of(",".join(name for name in names if name != MODALITY), "--by"),
        options.project,
    )
    book = open_book(chosen)
    try:
        rows = UsageBook(book.engine).sums(asked)
    finally:
        book.close()
    currency = chosen.settings.ledger.currency
    if by_modality:
        _print_modalities(rows, asked)
    elif options.format == "table":
        _print(rows, asked, currency)
    else:
        write = usage_report.as_csv if options.format == "csv" else usage_report.as_json
        sys.stdout.buffer.write(write(rows, asked, currency))
        sys.stdout.buffer.flush()
    return 0


def _print(rows: Sequence[UsageRow], asked: UsageQuery, currency: str) -> None:
    table = _table(asked)
    for name in ("requests", "failed", "input", "of it media", "output", currency):
        table.add_column(name, justify="right")
    has_cost = any(row.sums["cost_micros"] for row in rows)
    measure = "cost_micros" if has_cost else "requests"
    table.add_column(currency if has_cost else "requests")
    most = max((row.sums[measure] for row in rows), default=0)
    for row in rows:
        sums = row.sums
        table.add_row(
            *_whose(row, asked),
            str(sums["requests"]),
            str(sums["failed"]),
            str(sums["input_tokens"]),
            str(sum(sums[name] for name in MODALITIES.values())),
            str(sums["output_tokens"]),
            f"{sums['cost_micros'] / MICROS:.4f}",
            _bar(sums[measure], most),
        )
    show(table)


def _print_modalities(rows: Sequence[UsageRow], asked: UsageQuery) -> None:
    table = _table(asked)
    table.add_column(MODALITY)
    for name in ("input", "output"):
        table.add_column(name, justify="right")
    table.add_column("tokens")
    found = [(row, *one) for row in rows for one in _modalities(row.sums)]
    most = max((inputs + outputs for *_, inputs, outputs in found), default=0)
    for row, modality, inputs, outputs in found:
        bar = _bar(inputs + outputs, most)
        table.add_row(*_whose(row, asked), modality, str(inputs), str(outputs), bar)
    show(table)


def _modalities(sums: Mapping[str, int]) -> Iterator[tuple[str, int, int]]:
    """Each modality that was used, with its tokens of questions and of answers."""
    media = {name: sums[column] for name, column in MODALITIES.items() if sums[column]}
    yield "text", max(0, sums["input_tokens"] - sum(media.values())), sums["output_tokens"]
    for name, tokens in media.items():
        yield name, tokens, 0


def _table(asked: UsageQuery) -> Table:
    whens = () if asked.bucket == "all" else (asked.bucket,)
    return Table(*whens, *asked.groups)


def _whose(row: UsageRow, asked: UsageQuery) -> Sequence[str]:
    when = () if row.start_s is None else (_when(row.start_s, asked),)
    return (*when, *row.groups.values())


def _bar(value: int, most: int) -> Bar | Text:
    return Bar(most, 0, value, width=BAR_CHARS) if most else Text("")


def _when(start_s: int, asked: UsageQuery) -> str:
    shape = "%Y-%m-%d" if asked.bucket == "day" else "%Y-%m-%d %H:00"
    return datetime.fromtimestamp(start_s, UTC).strftime(shape)
