"""The two C programs at either end: the mock upstream and the load generator, on core 0."""

import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

MOCK_PORT = 9101
MOCK_FACES = ("9101:0:256:0", "9102:20:256:2000", "9103:0:64:0", "9104:0:2:600000000")
"""PORT:LATENCY_MS:CHUNKS:GAP_US: a burst at once; after 20 ms, 2 ms apart; pictures only; one
chunk and silence."""

LOAD_CORE = "0"
GRACE_S = 40.0
ENDLESS = 1_000_000


class Answers(msgspec.Struct, frozen=True):
    """What the load generator saw in one run; times in microseconds, `cpu` its own seconds."""

    ok: int
    non2xx: int
    err: int
    hung: int
    reconn: int
    rps: float
    p50: float
    p99: float
    min: float
    max: float
    ttfb_p50: float
    ttfb_p99: float
    ev_min: int
    ev_mean: float
    ev_max: int
    bytes_mean: float
    gap_p50: float
    gap_p99: float
    gap_max: float
    cpu: float
    answers_least: int
    answers_most: int
    events_least: int
    events_most: int
    status: dict[str, int]

    @property
    def bad(self) -> int:
        """Requests that did not end in a 2xx."""
        return self.non2xx + self.err + self.hung


class Counters(msgspec.Struct, frozen=True):
    """What the mock has seen since it started."""

    img: int
    last_body: int


@dataclass(frozen=True, slots=True)
class Target:
    """One whole HTTP request and where it goes."""

    name: str
    port: int
    path: str
    headers: dict[str, str]
    body: bytes

    def raw(self) -> bytes:
        """The bytes on the wire."""
        lines = [
            f"POST {self.path} HTTP/1.1",
            "Host: 127.0.0.1",
            "Content-Type: application/json",
            "Accept: */*",
            *(f"{name}: {value}" for name, value in self.headers.items()),
            f"Content-Length: {len(self.body)}",
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


@dataclass(frozen=True, slots=True)
class Load:
    """How hard and how long to ask."""

    clients: int
    seconds: float
    requests: int = ENDLESS
    pause_s: float = 0.0
    """How long each client rests between an answer and its next request."""


def reachable(port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
    except OSError:
        return False
    return True


def drive(target: Target, load: Load, *, work: Path) -> Answers:
    """Run the load generator once."""
    request = work / f"{target.name}.req"
    request.write_bytes(target.raw())
    numbers = (load.clients, load.requests, load.seconds, 0, "-", round(load.pause_s * 1e6))
    command = [str(work / "load"), str(target.port), str(request), *map(str, numbers)]
    run = subprocess.run(
        ["taskset", "-c", LOAD_CORE, *command],
        capture_output=True,
        check=True,
        timeout=load.seconds + GRACE_S,
    )
    return msgspec.json.decode(run.stdout, type=Answers)


def one_answer(target: Target, *, work: Path) -> Answers:
    """Ask once."""
    return drive(target, Load(clients=1, seconds=5, requests=1), work=work)


@contextmanager
def mock_upstream(*, pictures: Path, work: Path) -> Generator[int]:
    """The mock for as long as the block lasts; yields its process id."""
    if reachable(MOCK_PORT):
        raise SystemExit(f"Port {MOCK_PORT} is taken: is another benchmark running?")
    process = subprocess.Popen(
        ["taskset", "-c", LOAD_CORE, str(work / "mock"), str(pictures), *MOCK_FACES],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not reachable(MOCK_PORT):
            if process.poll() is not None:
                raise SystemExit("The mock upstream did not start.")
            time.sleep(0.01)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def counters() -> Counters:
    """Ask the mock what it has seen."""
    with socket.create_connection(("127.0.0.1", MOCK_PORT), 2) as wire:
        wire.sendall(b"GET /stats HTTP/1.1\r\nHost: mock\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: wire.recv(65536), b""))
    return msgspec.json.decode(answer.split(b"\r\n\r\n", 1)[1], type=Counters)
