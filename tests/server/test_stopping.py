"""Whether the service should be asked, and how it ends when it is told to."""

import http.client
import json
import signal
import socket
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import FAST, upstream_config
from tests.support.claims import answered, refused, text_of
from tests.support.postgres import Postgres
from tests.support.raw import connected, replies as parsed, request_bytes, until_closed
from tests.support.service import Service, ask
from tests.support.upstream import Upstream

GRACE_S = 3
STREAMS = 50


def ready(service: Service) -> tuple[int, list[str]]:
    """The status of `/health/ready`, and what it says is wrong."""
    reply = service.request("GET", "/health/ready", None, {})
    body = reply.json()
    assert body["status"] == ("ready" if reply.status == 200 else "not_ready")
    return reply.status, [one["what"] for one in body.get("reasons", [])]


def becomes(service: Service, wanted: tuple[int, list[str]], *, patience_s: float = 10) -> None:
    end_s = time.monotonic() + patience_s
    while (found := ready(service)) != wanted:
        assert time.monotonic() < end_s, found
        time.sleep(0.05)


# --- Ready -----------------------------------------------------------------------------------


def test_a_service_that_can_answer_is_ready_and_lives(service: Service) -> None:
    assert ready(service) == (200, [])
    for path in ("/health", "/health/live"):
        assert service.request("GET", path, None, {}).json() == {"status": "ok"}


def test_a_service_without_a_model_that_can_answer_is_not_ready(tmp_path: Path) -> None:
    service = Service(tmp_path, "[lite]\nenabled = false\n")
    try:
        assert ready(service) == (503, ["models"])
        assert service.request("GET", "/health/live", None, {}).status == 200
    finally:
        assert service.stop() == 0


def test_a_service_whose_decoders_do_not_start_is_not_ready(
    upstream: Upstream, tmp_path: Path
) -> None:
    starved = "[decoders]\nstart_deadline_s = 0.02\nstart_attempts = 2\n"
    config = upstream_config(upstream.port, FAST, starved)
    service = Service(tmp_path, config, SCRIPTED_KEY="sk-upstream")
    try:
        becomes(service, (503, ["workers"]))
        reply = service.request("GET", "/health/ready", None, {})
        assert "decoders" in reply.json()["reasons"][0]["message"]
        assert service.request("GET", "/health/live", None, {}).status == 200
    finally:
        assert service.stop() == 0


def test_a_service_whose_database_is_gone_or_hangs_is_not_ready_until_it_is_back(
    upstream: Upstream, tmp_path: Path
) -> None:
    postgres = Postgres()
    url = postgres.url(postgres.database())
    config = upstream_config(upstream.port, FAST)
    service = Service(
        tmp_path, config, SCRIPTED_KEY="sk-upstream", VISUS_ACCOUNTS__DATABASE=url
    )
    try:
        assert ready(service) == (200, [])
        with postgres.away():
            becomes(service, (503, ["database"]))
        becomes(service, (200, []))
        with postgres.frozen():
            began_s = time.monotonic()
            becomes(service, (503, ["database"]))
            assert service.request("GET", "/health/live", None, {}).status == 200
            assert time.monotonic() - began_s < 5
        becomes(service, (200, []))
    finally:
        assert service.stop() == 0
        postgres.close()


# --- The end ---------------------------------------------------------------------------------


@pytest.fixture
def ending(upstream: Upstream, tmp_path: Path) -> Service:
    """A service that its test ends."""
    server = f"shutdown_grace_s = {GRACE_S}\nheartbeat_s = 0.4"
    patient = FAST.partition("[upstream]")[0] + "[routing]\nattempts = 1\n"
    fast = patient.replace("heartbeat_s = 0.4", server)
    config = upstream_config(upstream.port, fast)
    return Service(tmp_path, config, SCRIPTED_KEY="sk-upstream")


def streams(service: Service, model: str, count: int) -> list[socket.socket]:
    """That many streams, all with a first word."""
    body = ask(model, stream=True)
    lines = [connected(service, request_bytes(service, body)) for _ in range(count)]
    for line in lines:
        heard = b""
        while b"data: " not in heard:
            heard = line.recv(65_536, socket.MSG_PEEK)
            assert heard
    return lines


def until(said: Callable[[], bool], *, patience_s: float = 20) -> None:
    end_s = time.monotonic() + patience_s
    while not said():
        assert time.monotonic() < end_s
        time.sleep(0.02)


def test_at_sigterm_streams_may_finish_then_end_with_an_error_and_the_new_are_refused(
    ending: Service, tmp_path: Path
) -> None:
    short = streams(ending, "fifty_words", STREAMS // 2)
    endless = streams(ending, "paced", STREAMS // 2)
    kept = http.client.HTTPConnection("127.0.0.1", ending.port, timeout=5)
    kept.request("GET", "/health")
    kept.getresponse().read()
    began_s = time.monotonic()
    ending.process.send_signal(signal.SIGTERM)

    until(lambda: ready(ending) == (503, ["draining"]), patience_s=0.5)
    assert ending.request("GET", "/health/live", None, {}).status == 200
    reply = ending.post(ask("good"))
    refused(ending, reply, 503, "shutting_down")
    assert reply.headers["connection"] == "close"
    given = {"Authorization": f"Bearer {ending.key}", "Content-Type": "application/json"}
    kept.request("POST", "/v1/chat/completions", json.dumps(ask("good")), given)
    on_old_line = kept.getresponse()
    body = json.loads(on_old_line.read())
    assert (on_old_line.status, body["error"]["code"]) == (503, "shutting_down")
    kept.close()

    for line in short:
        with line:
            (whole,) = parsed(until_closed(line))
        assert answered(ending, whole) is None
        assert text_of(whole.events()) == "word " * 50
    for line in endless:
        with line:
            (cut,) = parsed(until_closed(line))
        *words, last = cut.events()
        assert last["error"]["code"] == "shutting_down"
        assert text_of(words).startswith("word word ")
    took_s = time.monotonic() - began_s
    assert GRACE_S - 0.1 < took_s < GRACE_S + 2
    assert ending.process.wait(5) == 0
    ending.stop()
    assert outcomes(tmp_path) == {200: STREAMS // 2, 503: STREAMS // 2}


def outcomes(folder: Path) -> dict[int | None, int]:
    """What the database says became of the questions; nothing waits beside it."""
    state = folder / "state"
    assert [one.name for one in (state / "ledger").iterdir() if one.stat().st_size] == []
    database = sqlite3.connect(state / "visus.db")
    try:
        found = database.execute("SELECT status, count(*) FROM usage_records GROUP BY status")
        return dict(found.fetchall())
    finally:
        database.close()


@pytest.mark.parametrize("model", ["silent", "paced"])
def test_what_has_said_nothing_yet_is_503_when_time_is_up(ending: Service, model: str) -> None:
    with connected(ending, request_bytes(ending, ask(model))) as line:
        time.sleep(0.3)
        ending.process.send_signal(signal.SIGTERM)
        (reply,) = parsed(until_closed(line))
    assert reply.error() == (503, "shutting_down", None)
    assert ending.stop() == 0


def test_an_upload_that_is_not_through_is_503_when_time_is_up(ending: Service) -> None:
    half = request_bytes(ending, ask("good"), "Content-Length: 1000")
    with connected(ending, half) as line:
        time.sleep(0.3)
        ending.process.send_signal(signal.SIGTERM)
        (reply,) = parsed(until_closed(line))
    assert reply.error() == (503, "shutting_down", None)
    assert ending.stop() == 0


def test_a_reader_that_takes_nothing_does_not_hold_up_the_end(ending: Service) -> None:
    line = connected(
        ending, request_bytes(ending, ask("flood", stream=True)), receive_bytes=4096
    )
    with line:
        time.sleep(0.5)
        began_s = time.monotonic()
        assert ending.stop() == 0
        assert time.monotonic() - began_s < GRACE_S + 6


def test_a_service_with_nothing_to_do_ends_at_once(ending: Service) -> None:
    with connected(ending):
        began_s = time.monotonic()
        assert ending.stop() == 0
        assert time.monotonic() - began_s < 2
