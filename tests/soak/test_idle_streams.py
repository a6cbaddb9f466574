"""Many streams that have begun and say nothing: what they cost, and that they end well."""

import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import upstream_config
from tests.support.claims import answered, children, rss_mb
from tests.support.raw import connected, request_bytes
from tests.support.service import Service, ask
from tests.support.upstream import Upstream

STREAMS = 500
MOST_MB = 250
MOST_MB_A_STREAM = 0.15
SILENT_S = 8
HEARTBEAT_S = 1
BEATS = f"[lite]\nenabled = false\n[server]\nheartbeat_s = {HEARTBEAT_S}\n"


@pytest.fixture
def idle(upstream: Upstream, tmp_path: Path) -> Iterator[Service]:
    """A service as it comes, but for a heartbeat that a test can see."""
    config = upstream_config(upstream.port, BEATS)
    running = Service(tmp_path, config, SCRIPTED_KEY="sk-upstream")
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def room_for_both_ends() -> None:
    """Callers and the model's server are in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * STREAMS
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


def pss_mb(service: Service) -> float:
    """Of the service and everything below it; what several share is counted once."""
    total = 0
    for pid in (service.process.pid, *children(service)):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def text_so_far(line: socket.socket) -> bytes:
    return line.recv(1 << 16)


@pytest.mark.timeout(120)
def test_five_hundred_idle_streams_take_little_memory_and_end_well(idle: Service) -> None:
    answered(idle, idle.post(ask("good", stream=True)))
    before_mb = rss_mb(idle)
    question = request_bytes(idle, ask("waits", user=str(SILENT_S), stream=True))
    began_s = time.monotonic()
    lines = [connected(idle, question) for _ in range(STREAMS)]
    try:
        assert {line.recv(12) for line in lines} == {b"HTTP/1.1 200"}
        assert time.monotonic() - began_s < SILENT_S
        time.sleep(2 * HEARTBEAT_S)
        now_mb, all_mb = rss_mb(idle), pss_mb(idle)
        assert all_mb < MOST_MB
        assert (now_mb - before_mb) / STREAMS < MOST_MB_A_STREAM
        assert b": keep-alive\n\n" in text_so_far(lines[0])
        began_s = time.monotonic()
        answered(idle, idle.post(ask("good")))
        assert time.monotonic() - began_s < 1
        for line in lines:
            said = b""
            while not said.endswith(b"0\r\n\r\n"):
                more = text_so_far(line)
                assert more
                said += more
            assert b"data: [DONE]" in said
    finally:
        for line in lines:
            line.close()
