"""What an installation keeps: keys, in its database, and files, on its disk."""

from pathlib import Path

from visus.accounts.database import open_database, place
from visus.accounts.files import FileBook, OwnerLimits
from visus.accounts.keys import KeyBook
from visus.accounts.schema import StateRefused
from visus.config import Configuration
from visus.media.library import Library
from visus.media.shelf import Shelf

FIRST_KEY = "first-key"
"""The file in `[state] dir` that holds the key of a new installation."""
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


def open_library(configuration: Configuration, book: KeyBook) -> Library:
    """The uploaded files of this installation, in the database of its keys."""
    settings = configuration.settings.files
    limits = OwnerLimits(max_bytes=settings.max_owner_bytes, max_files=settings.max_owner_files)
    folder = Path(configuration.settings.state.dir) / FILES
    return Library(Shelf(folder, FileBook(book.engine, limits), settings))
