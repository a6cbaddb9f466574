"""How many connections the process may have open, by the limit on file descriptors.

Where descriptors run out, the system drops new connections silently. So fewer connections are
served than that, and the others get an error.
"""

import os
import resource
from pathlib import Path
from typing import Final

from visus.telemetry import event

SPARE: Final = 24
"""For the database, files, workers, and connections that only get an error."""
_LEAST: Final = 4
_OPEN: Final = Path("/dev/fd")


def connections_within(wanted: int, *, of_models: int) -> int:
    """How many of the `wanted` connections may be open at once; logs if it is fewer.

    Each may come with one to a model's server, of which there are `of_models` at most. The
    limit is raised as far as the system lets us.
    """
    there = len(os.listdir(_OPEN)) + SPARE  # noqa: PTH208 -- names are enough
    limit = _raised(there + wanted + min(wanted, of_models))
    left = limit - there
    fits = left - of_models if left >= 2 * of_models else left // 2
    if fits >= wanted:
        return wanted
    fits = max(_LEAST, fits)
    event("few descriptors", {"descriptors": limit, "connections": fits})
    return fits


def _raised(wanted: int) -> int:
    """The limit, raised towards `wanted`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most
