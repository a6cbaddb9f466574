"""`visus serve --workers N`: several processes on one socket."""

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.conftest import FAST, upstream_config
from tests.server.test_keys_and_money import eventually
from tests.soak.test_kills import is_alive
from tests.support.claims import answered, children
from tests.support.service import Reply, Service, ask
from tests.support.upstream import Upstream

TWO = FAST.replace("[server]", "[server]\nworkers = 2") + "[ledger]\nwrite_every_s = 0.05\n"


@pytest.fixture
def pair(upstream: Upstream, tmp_path: Path) -> Iterator[Service]:
    running = Service(tmp_path, upstream_config(upstream.port, TWO), SCRIPTED_KEY="sk-upstream")
    yield running
    running.stop()


def members(service: Service) -> set[int]:
    """The processes that answer."""
    path = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children")
    return {int(pid) for pid in path.read_text().split() if is_alive(int(pid))}


def settled(service: Service) -> int:
    with closing(sqlite3.connect(service.folder / "state" / "visus.db")) as database:
        query = "SELECT count(*) FROM usage_records WHERE status = 200"
        found: int = database.execute(query).fetchone()[0]
        return found


class Load:
    """Asks all the time, each question on a connection of its own."""

    def __init__(self, service: Service) -> None:
        self.replies: list[Reply] = []
        self.faults: list[str] = []
        self._service = service
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(4)]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        while not self._is_over.is_set():
            try:
                self.replies.append(self._service.post(ask("good")))
            except OSError as fault:
                self.faults.append(repr(fault))

    def end(self) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()


def test_all_of_them_answer_and_end_together(pair: Service) -> None:
    assert len(members(pair)) == 2
    load = Load(pair)
    time.sleep(1)
    load.end()
    for reply in load.replies:
        answered(pair, reply)
    assert not load.faults
    eventually(lambda: settled(pair), len(load.replies))
    everybody = children(pair)
    assert pair.stop() == 0
    eventually(lambda: [pid for pid in everybody if is_alive(pid)], [])


@pytest.mark.timeout(120)
def test_one_that_dies_is_replaced(pair: Service) -> None:
    (first, *_) = before = sorted(members(pair))
    os.kill(first, signal.SIGKILL)
    eventually(lambda: len(members(pair) - {first}), 2, patience_s=30)
    assert members(pair) != set(before)
    answered(pair, pair.post(ask("good")))


@pytest.mark.timeout(120)
def test_all_are_replaced_under_load_and_nobody_notices(pair: Service) -> None:
    before = members(pair)
    load = Load(pair)
    pair.process.send_signal(signal.SIGUSR2)
    eventually(
        lambda: len(members(pair) - before) == 2 and not members(pair) & before,
        True,
        patience_s=60,
    )
    load.end()
    assert not load.faults
    assert {reply.status for reply in load.replies} == {200}
    assert len(load.replies) > 10
    eventually(lambda: settled(pair), len(load.replies))


def test_when_the_first_of_all_is_killed_nobody_is_left(pair: Service) -> None:
    everybody = children(pair)
    pair.stop(signal.SIGKILL)
    eventually(lambda: [pid for pid in everybody if is_alive(pid)], [], patience_s=20)


def test_the_end_finds_those_too_that_are_just_starting(pair: Service) -> None:
    os.kill(min(members(pair)), signal.SIGKILL)
    pair.process.send_signal(signal.SIGUSR2)
    eventually(lambda: len(members(pair)) >= 2, True, patience_s=20)
    everybody = children(pair)
    pair.stop()
    eventually(lambda: [pid for pid in everybody if is_alive(pid)], [], patience_s=20)
