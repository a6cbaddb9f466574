"""How this process gives memory back.

The models ask for blocks of all sizes and free them at once. Whatever comes fresh from the
system is cleared page by page before it is used, which took a sixth of the time of a page of
text; kept for later in one heap for each thread, it would take half of the memory more. So what
a strip of text needs is kept, in two heaps, and only the largest blocks go back at once.
"""

import ctypes
from typing import Final

from visus.units import MIB

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8
_LARGE_BLOCK_BYTES: Final = 16 * MIB
"""The reader's answer to a strip of usual length is just smaller."""
_KEPT_BYTES: Final = 128 * MIB
"""What may stay unused at the end of a heap."""
_ARENAS: Final = 2


def give_back_large_blocks() -> bool:
    """Set the allocator of this process so; False where the C library has no such setting."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    wanted = (
        (_MMAP_THRESHOLD, _LARGE_BLOCK_BYTES),
        (_TRIM_THRESHOLD, _KEPT_BYTES),
        (_ARENA_MAX, _ARENAS),
    )
    done = [mallopt(what, value) for what, value in wanted]
    return all(done)
