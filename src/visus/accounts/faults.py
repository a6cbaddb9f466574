"""Translates faults of the database's library into our errors."""

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from visus.errors import StorageUnavailable


@contextmanager
def storage_faults(*, passing: tuple[type[Exception], ...] = ()) -> Generator[None]:
    """Turns the library's exceptions into ours, but for those of `passing`."""
    try:
        yield
    except passing:
        raise
    except SQLAlchemyError as fault:
        raise StorageUnavailable(
            "The database does not answer.", detail=reason(fault), retry_after_s=5
        ) from fault


def reason(fault: SQLAlchemyError) -> str:
    """What went wrong, in a line; the lines below it may tell what stands in a row."""
    said = str(fault.__cause__ or "").strip()
    return said.partition("\n")[0] or type(fault).__name__
