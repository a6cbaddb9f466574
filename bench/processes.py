"""What a process tree has cost so far, read from /proc."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
GONE = (OSError, AttributeError, IndexError)
"""What reading /proc raises when the process ends meanwhile."""


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds by the two clocks of the kernel.

    `ticks_s` keeps what ended threads used but steps by a tick (10 ms); `sched_s` counts
    nanoseconds but forgets threads that have ended.
    """

    ticks_s: float
    sched_s: float

    def since(self, earlier: "Spent") -> "Spent":
        """The difference; a process that ended in between cannot make it negative."""
        return Spent(
            max(self.ticks_s - earlier.ticks_s, 0.0), max(self.sched_s - earlier.sched_s, 0.0)
        )


def tree(pid: int) -> list[int]:
    """The process and everything that it started."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(*GONE):
                children[int(_stat(int(entry.name))[1])].append(int(entry.name))
    found, waiting = list[int](), [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += children[found[-1]]
    return found


def spent(pids: Iterable[int]) -> Spent:
    """CPU that these processes have used."""
    ticks, nanoseconds = 0, 0
    for pid in pids:
        with suppress(*GONE):
            fields = _stat(pid)
            ticks += int(fields[11]) + int(fields[12])
        with suppress(*GONE):
            for task in Path(f"/proc/{pid}/task").iterdir():
                nanoseconds += int((task / "schedstat").read_text().split()[0])
    return Spent(ticks / TICKS_A_SECOND, nanoseconds / 1e9)


def core_busy_s(core: int) -> float:
    """Seconds that a core has worked, for whomever, since the machine started."""
    lines = Path("/proc/stat").read_text().splitlines()
    fields = next(line.split() for line in lines if line.startswith(f"cpu{core} "))
    ticks = [int(field) for field in fields[1:]]
    idle, waiting = ticks[3], ticks[4]
    return (sum(ticks[:8]) - idle - waiting) / TICKS_A_SECOND


def forget_peak(pids: Iterable[int]) -> None:
    """Let the peak of resident memory start again from what is resident now."""
    for pid in pids:
        with suppress(*GONE):
            Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_rss_mb(pids: Iterable[int]) -> float:
    """The sum of the peaks of resident memory since `forget_peak`."""
    return _status_mb(pids, "VmHWM")


def rss_mb(pids: Iterable[int]) -> float:
    """Resident memory now; pages that processes share count once for each."""
    return _status_mb(pids, "VmRSS")


def pss_mb(pids: Iterable[int]) -> float:
    """Resident memory now; a page that several processes share counts once in all."""
    kib = 0
    for pid in pids:
        with suppress(*GONE):
            match = re.search(r"Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text())
            kib += int(match[1]) if match else 0
    return kib * 1024 / 1e6


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; the name may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def _status_mb(pids: Iterable[int], field: str) -> float:
    kib = 0
    for pid in pids:
        with suppress(*GONE):
            status = Path(f"/proc/{pid}/status").read_text()
            match = re.search(rf"{field}:\s+(\d+)", status)
            kib += int(match[1]) if match else 0
    return kib * 1024 / 1e6
