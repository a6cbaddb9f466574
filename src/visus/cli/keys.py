"""`visus keys`."""

import argparse
import sys
import time

from rich.console import Console
from rich.table import Table

from visus.accounts.keys import Key, KeyBook, Terms
from visus.cli.configured import configuration
from visus.server.state import open_book


def run(options: argparse.Namespace) -> int:
    """Makes, lists or revokes keys."""
    book = open_book(configuration(options))
    match options.action:
        case "create":
            return _create(book, options)
        case "revoke":
            return _revoke(book, options.key_id)
        case _:
            return _list(book)


def _create(book: KeyBook, options: argparse.Namespace) -> int:
    terms = Terms(residency=options.residency, blind=options.blind)
    key, secret = book.create(options.name, terms)
    print(f"{key.key_id}: keep the key, it is not shown again.", file=sys.stderr)
    print(secret)
    return 0


def _revoke(book: KeyBook, key_id: str) -> int:
    if book.revoke(key_id):
        print(f"{key_id} is revoked.")
        return 0
    print(f"There is no valid key {key_id!r}.", file=sys.stderr)
    return 1


def _list(book: KeyBook) -> int:
    table = Table("id", "name", "ends in", "made", "stays in", "state")
    for key in book.known():
        made = _day(key.created_at)
        table.add_row(key.key_id, key.name, f"…{key.hint}", made, _places(key), _state(key))
    Console().print(table)
    return 0


def _places(key: Key) -> str:
    return " or ".join(place for demand in key.within for place in demand.places)


def _state(key: Key) -> str:
    if key.revoked_at is not None:
        return f"revoked {_day(key.revoked_at)}"
    return key.state(time.time())


def _day(seconds: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))
