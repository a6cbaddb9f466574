"""What an installation stores: its database, the ledger's spool, and uploaded files."""

import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from visus.accounts.batches import BatchBook
from visus.accounts.database import open_database, place
from visus.accounts.files import FileBook, OwnerLimits
from visus.accounts.jobs import JobBook
from visus.accounts.journal import Journal
from visus.accounts.keys import KeyBook
from visus.accounts.ledger import Ledger
from visus.accounts.schema import StateRefused
from visus.config import Configuration
from visus.errors import ServiceError
from visus.media.library import Library
from visus.media.shelf import Shelf
from visus.server.admitting import Accounts, open_limiter
from visus.telemetry import event

FIRST_KEY = "first-key"
"""The file in `[state] dir` that holds the key of a new installation."""
LEDGER: Final = "ledger"
"""The folder in `[state] dir` that holds the ledger's entries on their way to the database."""
FILES = "files"
"""The folder in `[state] dir` that holds uploaded files."""


def open_book(configuration: Configuration) -> KeyBook:
    """The keys of this installation; its folder is made where there is none.

    Raises:
        StateRefused: see `accounts.database.open_database`; or there is no such folder.
    """
    folder = Path(configuration.settings.state.dir)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as fault:
        raise StateRefused(f"The folder {folder} cannot be made: {fault.strerror}.") from fault
    is_new = not any((folder / name).exists() for name in (FIRST_KEY, FILES))
    accounts = configuration.settings.accounts
    where = place(accounts, folder)
    return KeyBook(open_database(where, is_new=is_new, settings=accounts.postgresql))


@dataclass(frozen=True, slots=True)
class State:
    """All of it, open."""

    book: KeyBook
    library: Library
    accounts: Accounts
    jobs: JobBook
    batches: BatchBook


@asynccontextmanager
async def open_state(configuration: Configuration, book: KeyBook) -> AsyncGenerator[State]:
    """Opens what the server keeps; what the ledger still has to write is written at the end.

    Raises:
        StateRefused: the folder of the ledger's entries is none that can be used.
    """
    settings = configuration.settings
    journal = Journal(
        book.engine,
        Path(settings.state.dir) / LEDGER,
        secrets.token_hex(8),
        every_s=settings.ledger.write_every_s,
        insists=settings.ledger.when_unavailable == "refuse",
    )
    ledger = Ledger(journal, settings.ledger)
    try:
        await anyio.to_thread.run_sync(journal.recover)
    except OSError as fault:
        raise StateRefused(
            f"The folder {journal.folder} cannot be used: {fault.strerror}."
        ) from fault
    try:
        async with open_limiter(settings.limits) as limiter:
            yield State(
                book,
                _library(configuration, book),
                Accounts(limiter, ledger),
                JobBook(book.engine, settings.queue),
                BatchBook(book.engine, settings.queue),
            )
    finally:
        try:
            await anyio.to_thread.run_sync(journal.close)
        except ServiceError as fault:
            event("the ledger's last entries wait for the next start", {"detail": fault.detail})


def _library(configuration: Configuration, book: KeyBook) -> Library:
    settings = configuration.settings.files
    limits = OwnerLimits(max_bytes=settings.max_owner_bytes, max_files=settings.max_owner_files)
    folder = Path(configuration.settings.state.dir) / FILES
    return Library(Shelf(folder, FileBook(book.engine, limits), settings))
