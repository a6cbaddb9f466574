"""The service under evaluation: one that is running, or one started for the occasion."""

import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

READY_WITHIN_S = 90.0
STOPS_WITHIN_S = 15.0


class ServiceSilent(Exception):
    """`visus serve` did not say that it is ready."""


@dataclass(frozen=True, slots=True)
class Service:
    """Where to ask. `pid` is set when we started it and may look at its memory."""

    base_url: str
    api_key: str
    pid: int | None = None


def named(base_url: str | None, api_key: str | None) -> Service | None:
    """The service that the caller or the environment names, as stock clients read it."""
    url = base_url or os.environ.get("OPENAI_BASE_URL")  # noqa: TID251 - a client, not the service
    key = api_key or os.environ.get("OPENAI_API_KEY")  # noqa: TID251 - a client, not the service
    return Service(url, key or "none") if url else None


@contextmanager
def started(log: Path) -> Iterator[Service]:
    """`visus serve` on a free port, with a temporary folder for its state; its log is kept."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="visus-eval-") as state, log.open("w") as errors:
        command = [sys.executable, "-m", "visus", "serve", "--port", str(_free_port())]
        process = subprocess.Popen(
            command,
            cwd=state,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
        try:
            yield _announced(process)
        finally:
            _stop(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _announced(process: "subprocess.Popen[str]") -> Service:
    """Read what the service prints until it says `ready`, and keep draining afterwards."""
    lines: queue.Queue[str | None] = queue.Queue()

    def drain(stream: IO[str]) -> None:
        for line in stream:
            lines.put(line)
        lines.put(None)

    if process.stdout is None:
        raise ServiceSilent("visus serve has no output")
    threading.Thread(target=drain, args=(process.stdout,), daemon=True).start()
    said: dict[str, str] = {}
    deadline = time.monotonic() + READY_WITHIN_S
    while (left := deadline - time.monotonic()) > 0:
        try:
            line = lines.get(timeout=left)
        except queue.Empty:
            break
        if line is None:
            raise ServiceSilent("visus serve ended before it was ready")
        text = line.strip()
        if text.startswith("export ") and "=" in text:
            name, value = text.removeprefix("export ").split("=", 1)
            said[name] = value.strip("'\"")
        if text == "ready" and "OPENAI_BASE_URL" in said:
            return Service(said["OPENAI_BASE_URL"], said["OPENAI_API_KEY"], process.pid)
    raise ServiceSilent(f"visus serve was not ready within {READY_WITHIN_S:.0f} s")


def _stop(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOPS_WITHIN_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(STOPS_WITHIN_S)


def peak_mb(pid: int) -> dict[int, float]:
    """The highest resident memory so far, in MB (10^6), of a process and of all below it."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            parents[int(folder.name)] = int(fields[1])
    family = {pid}
    while grown := {child for child, parent in parents.items() if parent in family} - family:
        family |= grown
    return {member: peak for member in sorted(family) if (peak := _high_water(member)) > 0}


def _high_water(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0
