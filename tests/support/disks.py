"""A small disk that can be full: in memory or, where none can be mounted, a limit.

The limit is what the system lets a process write into any file: none, while the disk is full.
"""

import resource
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.support.service import Service

SIZE_BYTES = 8 * 2**20


@contextmanager
def small_disk(folder: Path) -> Generator[bool]:
    """A disk at `folder`, which is made; False where it is an ordinary folder."""
    folder.mkdir()
    done = subprocess.run(  # noqa: S603 -- a program of the system
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE_BYTES},mode=0700", "visus-test", folder],  # noqa: S607 -- a program of the system
        capture_output=True,
        check=False,
    )
    try:
        yield done.returncode == 0
    finally:
        if done.returncode == 0:
            subprocess.run(["umount", folder], check=True)  # noqa: S603, S607 -- the same


@contextmanager
def full(folder: Path, service: Service, *, is_disk: bool) -> Generator[None]:
    """Nothing more can be written there; not even what would need a few bytes."""
    if not is_disk:
        pid, whole = service.process.pid, resource.RLIM_INFINITY
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, whole))
        try:
            yield
        finally:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (whole, whole))
        return
    filler = folder / "filler"
    is_over = threading.Event()
    keeper = threading.Thread(target=_keep_full, args=(filler, is_over))
    keeper.start()
    try:
        yield
    finally:
        is_over.set()
        keeper.join()
        filler.unlink()


def _keep_full(filler: Path, is_over: threading.Event) -> None:
    """Takes what there is, and what others give back, until it is over."""
    with filler.open("ab", buffering=0) as file:
        while not is_over.is_set():
            try:
                file.write(bytes(4096))
            except OSError:
                is_over.wait(0.005)
