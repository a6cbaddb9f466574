"""Clients that go away, stop reading or close half of the connection (threats.md, 7.10)."""

import json
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import CALM, upstream_config
from tests.support.claims import answered, open_files, rss_mb, text_of
from tests.support.raw import (
    arrived,
    connected,
    exchange,
    replies,
    request_bytes,
    reset,
    until_closed,
)
from tests.support.service import Service, ask
from tests.support.upstream import Upstream

HANG_UPS = [socket.socket.close, reset]
by_fin_and_rst = pytest.mark.parametrize("hang_up", HANG_UPS, ids=["fin", "rst"])
HangUp = Callable[[socket.socket], None]


@pytest.fixture
def unhurried(upstream: Upstream, tmp_path: Path) -> Iterator[Service]:
    """With the usual patience for an upstream, which is one thread of this process."""
    config = upstream_config(upstream.port, CALM)
    running = Service(tmp_path, config, SCRIPTED_KEY="sk-upstream")
    yield running
    running.stop()


@by_fin_and_rst
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_hanging_up_before_the_first_byte_ends_the_work_upstream(
    service: Service, upstream: Upstream, hang_up: HangUp, stream: bool  # noqa: FBT001
) -> None:  # fmt: skip
    user = secrets.token_hex(8)
    line = connected(service, request_bytes(service, ask("silent", user=user, stream=stream)))
    asked = arrived(upstream, user)
    before = len(_hung_up(service))
    hang_up(line)
    assert asked.closed.wait(1)
    assert _until(lambda: len(_hung_up(service)) == before + 1)


@by_fin_and_rst
@pytest.mark.parametrize("model", ["paced", "stalls", "flood"])
def test_hanging_up_mid_stream_ends_the_work_upstream(
    service: Service, upstream: Upstream, hang_up: HangUp, model: str
) -> None:
    user = secrets.token_hex(8)
    before = len(_hung_up(service))
    line = connected(service, request_bytes(service, ask(model, user=user, stream=True)))
    assert b"200 OK" in line.recv(1000)
    asked = arrived(upstream, user)
    hang_up(line)
    assert asked.closed.wait(1)
    assert _until(lambda: len(_hung_up(service)) == before + 1)
    assert _hung_up(service)[-1]["model"] == model


@by_fin_and_rst
def test_hanging_up_while_a_whole_answer_is_gathered_ends_the_work_upstream(
    service: Service, upstream: Upstream, hang_up: HangUp
) -> None:
    user = secrets.token_hex(8)
    line = connected(service, request_bytes(service, ask("paced", user=user)))
    asked = arrived(upstream, user)
    time.sleep(0.2)
    hang_up(line)
    assert asked.closed.wait(1)


@by_fin_and_rst
def test_hanging_up_in_the_middle_of_the_body_asks_nobody(
    service: Service, upstream: Upstream, hang_up: HangUp
) -> None:
    user = secrets.token_hex(8)
    before = len(_hung_up(service))
    whole = request_bytes(service, ask("good", user=user))
    line = connected(service, whole[:-1])
    time.sleep(0.05)
    hang_up(line)
    assert _until(lambda: len(_hung_up(service)) == before + 1)
    assert not any(asked.body.get("user") == user for asked in upstream.asked)


@pytest.mark.parametrize("model", ["good", "late", "fifty_words", "drips"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_closing_only_the_sending_side_still_gets_the_whole_answer(
    service: Service, model: str, stream: bool  # noqa: FBT001
) -> None:  # fmt: skip
    line = connected(service, request_bytes(service, ask(model, stream=stream)))
    line.shutdown(socket.SHUT_WR)
    (reply,) = replies(until_closed(line))
    line.close()
    whole = answered(service, reply)
    words = {
        "good": "A red böat.",
        "late": "At last.",
        "fifty_words": "word " * 50,
        "drips": "one two three",
    }
    said = text_of(reply.events()) if stream else whole["choices"][0]["message"]["content"]
    assert said == words[model]


def test_a_slow_reader_stops_the_upstream_and_costs_little_memory(
    service: Service, upstream: Upstream
) -> None:
    before = rss_mb(service)
    user = secrets.token_hex(8)
    data = request_bytes(service, ask("flood", user=user, stream=True))
    with connected(service, data, receive_bytes=16_384) as line:
        for _ in range(10):
            assert line.recv(1024)
            time.sleep(0.05)
        assert rss_mb(service) - before < 15
        asked = arrived(upstream, user)
        assert not asked.closed.is_set()
    assert asked.closed.wait(1)


def test_a_slow_reader_who_catches_up_gets_every_byte(service: Service) -> None:
    data = request_bytes(service, ask("flood", stream=True))
    received = bytearray()
    with connected(service, data, receive_bytes=65_536) as line:
        time.sleep(0.5)
        while b"[DONE]" not in received[-40:]:
            received += line.recv(1_000_000)
    assert received.count(b"x" * 10_000) == 2500


def test_a_reader_who_takes_nothing_is_disconnected_in_the_end(
    tight: Service, upstream: Upstream
) -> None:
    user = secrets.token_hex(8)
    data = request_bytes(tight, ask("flood", user=user, stream=True))
    with connected(tight, data, receive_bytes=4096) as line:
        assert arrived(upstream, user).closed.wait(5)
        assert b"[DONE]" not in until_closed(line)


def test_readers_who_take_nothing_leave_the_others_alone(unhurried: Service) -> None:
    before_mb, before_files = rss_mb(unhurried), open_files(unhurried)
    page = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 20
    lines = [connected(unhurried, page, receive_bytes=2048) for _ in range(180)]
    flood = request_bytes(unhurried, ask("flood", stream=True))
    lines += [connected(unhurried, flood, receive_bytes=2048) for _ in range(10)]
    try:
        for _ in range(5):
            began_s = time.monotonic()
            answered(unhurried, unhurried.post(ask("good")))
            assert time.monotonic() - began_s < 10
        assert rss_mb(unhurried) - before_mb < 100  # 190 of them; the page is 0.16 MB long
    finally:
        for line in lines:
            reset(line)
    assert _until(lambda: open_files(unhurried) <= before_files + 10)


def test_a_hundred_hang_ups_leave_nothing_open(service: Service, upstream: Upstream) -> None:
    users = [secrets.token_hex(8) for _ in range(100)]
    before = open_files(service)
    for place, user in enumerate(users):
        body = ask("paced", user=user, stream=bool(place % 2))
        line = connected(service, request_bytes(service, body))
        asked = arrived(upstream, user)
        HANG_UPS[place % 4 // 2](line)
    assert _until(lambda: all(arrived(upstream, user).closed.is_set() for user in users))
    assert _until(lambda: open_files(service) <= before + 10)
    assert asked.closed.is_set()


def test_a_hang_up_after_the_answer_is_no_fault(service: Service) -> None:
    before = len(_hung_up(service))
    data = request_bytes(service, ask("good"))
    with connected(service, data) as line:
        assert b"200 OK" in line.recv(100)
    assert b"200 OK" in exchange(service, data)
    assert len(_hung_up(service)) == before


def test_a_line_of_the_log_is_ascii_whatever_the_path_is(service: Service) -> None:
    ids: list[str] = []
    for path in ("/v1/%E2%80%A8x", "/v1/plain"):  # written together, most likely
        said = exchange(service, b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % path.encode())
        ids += [
            line.split(b": ")[1].decode()
            for line in said.splitlines()
            if line.startswith(b"x-request-id")
        ]
    (odd,), (plain,) = map(service.records, ids)
    assert (odd["path"], plain["path"]) == ("/v1/\u2028x", "/v1/plain")
    assert service.log().isascii()


def _hung_up(service: Service) -> list[dict[str, object]]:
    records = [json.loads(one) for one in service.log().splitlines()]
    return [one for one in records if one.get("status") == 499]


def _until(condition: Callable[[], bool], *, patience_s: float = 20) -> bool:
    end_s = time.monotonic() + patience_s
    while not condition() and time.monotonic() < end_s:
        time.sleep(0.02)
    return condition()
