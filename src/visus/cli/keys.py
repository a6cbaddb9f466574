"""`visus keys`."""

import argparse
import time

from rich.table import Table

from visus.accounts.keys import Key, KeyBook, Terms
from visus.cli.admin import day, revoke_key, shown
from visus.cli.configured import configuration
from visus.cli.tables import show
from visus.server.state import open_book


def run(options: argparse.Namespace) -> int:
    """Makes, lists or revokes keys."""
    book = open_book(configuration(options))
    match options.action:
        case "create":
            return _create(book, options)
        case "revoke":
            return revoke_key(book, options)
        case _:
            return _list(book)


def _create(book: KeyBook, options: argparse.Namespace) -> int:
    terms = Terms(residency=options.residency, blind=options.blind)
    return shown(*book.create(options.name, terms))


def _list(book: KeyBook) -> int:
    table = Table("id", "name", "ends in", "made", "stays in", "state")
    for key in book.known():
        made = day(key.created_at)
        table.add_row(key.key_id, key.name, f"…{key.hint}", made, _places(key), _state(key))
    show(table)
    return 0


def _places(key: Key) -> str:
    return " or ".join(place for demand in key.within for place in demand.places)


def _state(key: Key) -> str:
    if key.revoked_at is not None:
        return f"revoked {day(key.revoked_at)}"
    return key.state(time.time())
