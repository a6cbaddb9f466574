"""What a pool of workers may use, and how long it waits for them."""

from typing import Annotated

import msgspec

from visus.units import MIB


class WorkerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The bounds of one pool. Every bound holds for each worker by itself."""

    count: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    """How many workers; each does one job at a time."""
    max_waiting: Annotated[int, msgspec.Meta(ge=0)] = 256
    """Jobs that may wait for a free worker; one more is refused as overloaded."""
    memory_bytes: Annotated[int, msgspec.Meta(ge=32 * MIB)] = 1024 * MIB
    """Resident memory; a worker seen over it is killed (looked at ten times a second)."""
    address_space_bytes: Annotated[int, msgspec.Meta(ge=64 * MIB)] | None = None
    """Virtual memory, a hard limit of the kernel; unset: no limit, for libraries that reserve
    much of it."""
    deadline_s: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    """The longest that one job may run once a worker has it."""
    cancel_grace_s: Annotated[float, msgspec.Meta(gt=0)] = 2.0
    """How long a job whose caller left may go on, where it can be told to stop."""
    start_deadline_s: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    """The longest from the start of the process until it is ready."""
    start_attempts: Annotated[int, msgspec.Meta(ge=1)] = 3
    """After so many failed starts in a row, waiting callers get an error."""
    threads: Annotated[int, msgspec.Meta(ge=1, le=256)] = 1
    """Threads for libraries that start their own (OpenMP, BLAS)."""
    nice: Annotated[int, msgspec.Meta(ge=0, le=19)] = 5
    """The niceness of a worker, so that the serving process goes first."""
    max_open_files: Annotated[int, msgspec.Meta(ge=16)] = 256
    """Open files, sockets and pipes."""
    max_message_bytes: Annotated[int, msgspec.Meta(ge=1024)] = 100 * MIB
    """The largest job and the largest result."""
    import_path: tuple[str, ...] = ()
    """Extra folders to import the entry from, before the installed packages."""
