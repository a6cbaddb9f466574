"""More questions than places: all have their turns, and none can keep the others waiting."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.conftest import FAST, upstream_config
from tests.server.test_keys_and_money import call, eventually, made, visus
from tests.support.claims import answered, refused
from tests.support.raw import connected, request_bytes, reset
from tests.support.service import Reply, Service, ask
from tests.support.upstream import Upstream

PLACES, SEATS = 4, 8
GREEDY = 24
MANY = 40
WORK_S = 0.1
FEW = f"""
[server]
heartbeat_s = 0.4
max_questions = {PLACES}
max_waiting_questions = {SEATS}
question_patience_s = 2
"""


@pytest.fixture
def waiting(upstream: Upstream, tmp_path: Path) -> Iterator[Service]:
    """A service that answers few questions at the same time."""
    config = FAST.replace("[server]\nheartbeat_s = 0.4\n", FEW)
    running = Service(tmp_path, upstream_config(upstream.port, config), SCRIPTED_KEY="sk-up")
    yield running
    running.stop()


def work(service: Service, secret: str) -> Reply:
    """A question that takes a place for a while."""
    body = ask("waits", user=str(WORK_S / 2), stream=True)
    return call(service, secret, "POST", "/v1/chat/completions", body)


def test_a_greedy_key_keeps_nobody_waiting_for_long(waiting: Service) -> None:
    modest, is_over = visus(waiting, "keys", "create", "modest"), threading.Event()

    def greedy(_: int) -> Counter[int]:
        heard = Counter[int]()
        while not is_over.is_set():
            reply = work(waiting, waiting.key)
            heard[reply.status] += 1
            if reply.status != 200:
                refused(waiting, reply, 503, "overloaded")
                assert reply.headers["retry-after"] == "1"
                time.sleep(0.05)
        return heard

    with ThreadPoolExecutor(GREEDY) as pool:
        crowd = pool.map(greedy, range(GREEDY))
        time.sleep(4 * WORK_S)
        took_s: list[float] = []
        for _ in range(10):
            began_s = time.monotonic()
            answered(waiting, work(waiting, modest))
            took_s.append(time.monotonic() - began_s)
        is_over.set()
        heard = sum(crowd, Counter[int]())
    # Its own work, and at most the end of one of those that have a place.
    assert sorted(took_s)[len(took_s) // 2] < 4 * WORK_S
    assert heard[200] > 10
    assert heard[503] > 0
    answered(waiting, waiting.post(ask("good")))


def test_a_project_with_many_keys_has_the_turns_of_one(
    upstream: Upstream, tmp_path: Path
) -> None:
    roomy = FAST.replace("[server]\nheartbeat_s = 0.4\n", FEW).replace(
        f"max_waiting_questions = {SEATS}", f"max_waiting_questions = {2 * MANY}"
    )
    config, is_over = upstream_config(upstream.port, roomy), threading.Event()
    service = Service(tmp_path, config, SCRIPTED_KEY="sk-up")
    boss = visus(service, "admin", "keys", "create", "boss", "--admin")
    project = made(service, boss, "projects")["id"]
    keys = [made(service, boss, "keys", project=project)["secret"] for _ in range(MANY)]

    def greedy(secret: str) -> int:
        count = 0
        while not is_over.is_set():
            answered(service, work(service, secret))
            count += 1
        return count

    with ThreadPoolExecutor(MANY) as pool:
        crowd = pool.map(greedy, keys)
        time.sleep(4 * WORK_S)
        took_s: list[float] = []
        for _ in range(10):
            began_s = time.monotonic()
            answered(service, work(service, service.key))
            took_s.append(time.monotonic() - began_s)
        is_over.set()
        counts = list(crowd)
    service.stop()
    # One of forty keys by itself would wait for ten times the work.
    assert sorted(took_s)[len(took_s) // 2] < 4 * WORK_S
    assert max(counts) - min(counts) <= 2


def test_who_hangs_up_while_waiting_takes_no_place(waiting: Service) -> None:
    paced = request_bytes(waiting, ask("paced", stream=True))
    under_way = [connected(waiting, paced) for _ in range(PLACES)]
    assert [line.recv(12) for line in under_way] == [b"HTTP/1.1 200"] * PLACES
    waits = [connected(waiting, paced) for _ in range(SEATS)]
    time.sleep(0.3)
    refused(waiting, waiting.post(ask("good")), 503, "overloaded")
    assert _waiting_questions(waiting) == SEATS
    for line in waits:
        reset(line)
    eventually(lambda: _waiting_questions(waiting), 0)
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(waiting.post, ask("good"))
        time.sleep(0.3)
        assert not reply.done()
        reset(under_way[0])
        answered(waiting, reply.result())
    began_s = time.monotonic()
    reply_again = [waiting.post(ask("good")) for _ in range(3)]
    assert {one.status for one in reply_again} == {200}
    assert time.monotonic() - began_s < 2
    for line in under_way[1:]:
        reset(line)


def test_who_waits_too_long_is_told(waiting: Service) -> None:
    paced = request_bytes(waiting, ask("paced", stream=True))
    under_way = [connected(waiting, paced) for _ in range(PLACES)]
    assert [line.recv(12) for line in under_way] == [b"HTTP/1.1 200"] * PLACES
    began_s = time.monotonic()
    refused(waiting, waiting.post(ask("good")), 503, "overloaded")
    assert 1.9 < time.monotonic() - began_s < 4
    for line in under_way:
        reset(line)
    eventually(lambda: waiting.post(ask("good")).status, 200)


def _waiting_questions(service: Service) -> int:
    page = service.request("GET", "/metrics", None, {}).body.decode()
    (line,) = (one for one in page.splitlines() if one.startswith("visus_waiting_questions "))
    return int(float(line.split()[1]))
