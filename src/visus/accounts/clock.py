"""Times as tables store them: whole milliseconds since 1970."""

import time
from typing import Final

MS: Final = 1000
"""Of a second."""


def now_ms() -> int:
    """This moment."""
    return int(time.time() * MS)
