"""What the servers of others that the tests start have in common."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path


def until_ready(
    server: "subprocess.Popen[bytes]",
    is_ready: Callable[[], bool],
    *,
    log: Path,
    patience_s: float,
) -> None:
    """Waits until a server answers; what it said stands in the failure of one that does not."""
    end_s = time.monotonic() + patience_s
    while not is_ready():
        said = log.read_text()
        assert server.poll() is None, said
        assert time.monotonic() < end_s, said
        time.sleep(0.03)
