"""Keeps freed memory of large requests for the next ones; returns it when idle.

A body of megabytes is more than glibc's allocator keeps by default: it returns such memory to
the system at once and gets it again, zeroed page by page, for the next request, which costs a
third of relaying a 4 MB picture. Elsewhere than on glibc nothing is changed.
"""

import ctypes
from collections.abc import Callable
from typing import Final

import anyio

from visus.units import MIB

QUIET_S: Final = 2.0
"""Without the end of any request, before memory is given back."""
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
"""Names of mallopt(3)."""
_MAPPED_FROM_BYTES: Final = 32 * MIB
"""Larger blocks are still returned at once; glibc takes no higher limit."""
_KEPT_BYTES: Final = 64 * MIB
"""At the end of the heap."""


async def keep_freed_memory(ended: Callable[[], int]) -> None:
    """Keeps freed blocks from now on, and returns them after each spell of requests.

    Args:
        ended: how many requests have ended so far, also those that were broken off.
    """
    libc = ctypes.CDLL(None)
    if not (hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim")):
        return
    libc.mallopt(_MMAP_THRESHOLD, _MAPPED_FROM_BYTES)
    libc.mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
    returned = ended()
    while True:
        before = ended()
        await anyio.sleep(QUIET_S)
        if before == ended() != returned:
            returned = before
            libc.malloc_trim(0)
