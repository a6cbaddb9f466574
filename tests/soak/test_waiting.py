"""What needs many connections or many seconds: readers who take nothing, upstreams that dawdle.

`make soak` runs the numbers of the defaults; the suite runs smaller ones of the same shape.
"""

import socket
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from tests.conftest import upstream_config
from tests.support.claims import answered, broke_off, open_files, recorded, rss_mb, text_of
from tests.support.raw import connected, request_bytes, reset
from tests.support.service import Service, ask
from tests.support.upstream import Upstream


class Scale(NamedTuple):
    """How long and how many."""

    heartbeat_s: float
    idle_s: float
    in_time_s: float
    """Between two words, and just soon enough."""
    late_s: float
    readers: int


WHOLE = Scale(15, 60, 59, 61, readers=200)
FIXED = Scale(0.5, 3, 1.6, 6, readers=40)
MOST_MB_A_READER = 1.25
"""A mebibyte of buffers, and what is known of the request."""
WORDS = ("one ", "two ", "three")


@pytest.fixture(scope="module")
def scale(request: pytest.FixtureRequest) -> Scale:
    return WHOLE if request.config.getoption("--soak-secs") else FIXED


@pytest.fixture(scope="module")
def patient(
    upstream: Upstream, scale: Scale, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service of its own; at whole scale its deadlines are the defaults."""
    deadlines = "[lite]\nenabled = false\n"
    if scale is FIXED:
        deadlines += f"[server]\nheartbeat_s = {scale.heartbeat_s}\n"
        deadlines += f"[upstream]\nidle_timeout_s = {scale.idle_s}\n"
    running = Service(
        tmp_path_factory.mktemp("patient"),
        upstream_config(upstream.port, deadlines),
        SCRIPTED_KEY="sk-upstream",
    )
    yield running
    running.stop()


@pytest.mark.timeout(0)
def test_words_that_come_just_in_time_arrive_among_signs_of_life(
    patient: Service, scale: Scale
) -> None:
    reply = patient.post(ask("waits", user=str(scale.in_time_s), stream=True))
    recorded(patient, reply, 200)
    *chunks, done = reply.events()
    assert (text_of(chunks), done) == ("".join(WORDS), "[DONE]")
    least = (len(WORDS) - 1) * (int(scale.in_time_s / scale.heartbeat_s) - 1)
    assert reply.body.count(b": keep-alive\n\n") >= least


@pytest.mark.timeout(0)
def test_a_word_that_comes_too_late_ends_the_stream_with_its_reason(
    patient: Service, scale: Scale
) -> None:
    began_s = time.monotonic()
    reply = patient.post(ask("waits", user=str(scale.late_s), stream=True))
    assert broke_off(patient, reply, "upstream_timeout") == "one "
    assert time.monotonic() - began_s >= scale.idle_s
    assert reply.body.count(b": keep-alive\n\n") >= int(scale.idle_s / scale.heartbeat_s) - 1


@pytest.mark.timeout(0)
def test_readers_who_take_nothing_cost_little_and_nobody_else(
    patient: Service, scale: Scale
) -> None:
    answered(patient, patient.post(ask("good")))
    before_mb, before_files = rss_mb(patient), open_files(patient)
    flood = request_bytes(patient, ask("flood", stream=True))
    lines: list[socket.socket] = []
    try:
        for _ in range(scale.readers):
            lines.append(connected(patient, flood, receive_bytes=2048))
            assert lines[-1].recv(12) == b"HTTP/1.1 200"
        for _ in range(10):
            answered(patient, patient.post(ask("good")))
            answered(patient, patient.post(ask("good", stream=True)))
            assert patient.request("GET", "/health", None, {}).status == 200
        assert rss_mb(patient) - before_mb < scale.readers * MOST_MB_A_READER
        assert (
            open_files(patient) > before_files + scale.readers
        )  # and one to the upstream each
    finally:
        for line in lines:
            reset(line)
    until_at_most(patient, before_files + 10)


def until_at_most(service: Service, files: int) -> None:
    end_s = time.monotonic() + 20
    while open_files(service) > files:
        assert time.monotonic() < end_s
        time.sleep(0.05)
