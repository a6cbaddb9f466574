"""What a service keeps its books on fails for a while: the ledger is what clients were told.

Each weather lasts as long as `make soak` says, half a minute; in the suite `FIXED_S`. Questions
come all the time, from a key whose project has a budget and from one whose has none.
"""

import http.client
import json
import os
import shutil
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.conftest import CALM, upstream_config
from tests.server.test_keys_and_money import COST, PRICED, USED, call, made, visus
from tests.server.test_storage import BOUND_BY_MODES, in_place_of, locked
from tests.support.claims import healthy
from tests.support.clocks import Clock
from tests.support.disks import full, small_disk
from tests.support.postgres import Postgres
from tests.support.service import Service, ask
from tests.support.upstream import Upstream

FIXED_S, WHOLE_S = 2.0, 30.0
CLIENTS = 8
PAUSE_S = 0.01
MOST_S = 8.0
"""For any answer, in any weather."""
IMPATIENT = """
[accounts.postgresql]
connect_timeout_s = 2
statement_timeout_s = 0.5
"""
PATIENT = PRICED.replace("lease_s = 1.5", "lease_s = 900")
"""No answer outlasts its lease."""
SET_IN_S = 12.0
"""Until all know that the database is away, for which one has to wait as long as it may."""
WELL = {
    "answered dear free",
    "answered good free",
    "answered dear paying",
    "answered good paying",
}
MONEY_REFUSED = WELL - {"answered dear paying"} | {"refused dear paying"}
ALL_REFUSED = {one.replace("answered", "refused") for one in WELL}
AWAY = (503, "storage_unavailable")
RECORDS = (
    "SELECT id, status, model, project_id, input_tokens, output_tokens, cost_micros, provider, "
    "lease_until FROM usage_records"
)
HOURS = "SELECT coalesce(sum(requests), 0), coalesce(sum(cost_micros), 0) FROM usage_hours"
MONEY = "SELECT project_id, spent_micros, held_micros FROM budgets"
Query = Callable[[str], list[Any]]


@dataclass
class Told:
    """What clients have been told, and how long they waited for it."""

    answers: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    """By the request's id, the model and the project that asked it."""
    refused: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    """The same of those that heard that the storage is unavailable."""
    strange: list[str] = field(default_factory=list[str])
    """Whatever is neither a whole answer nor a refusal in words."""
    longest_s: float = 0.0

    def hear(self, service: Service, secret: str, project: str, number: int) -> None:
        model, stream = ("dear", "good")[number % 2], number % 3 == 0
        body = json.dumps(ask(model, stream=stream, max_tokens=20)).encode()
        headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        began_s = time.monotonic()
        try:
            reply = service.request("POST", "/v1/chat/completions", body, headers)
        except (OSError, http.client.HTTPException) as fault:
            self.strange.append(repr(fault))
            return
        self.longest_s = max(self.longest_s, time.monotonic() - began_s)
        request_id = reply.headers["x-request-id"]
        if reply.status == 200 and (not stream or reply.events()[-1] == "[DONE]"):
            self.answers[request_id] = (model, project)
        elif reply.status == 503 and reply.error()[:2] == AWAY and reply.headers["retry-after"]:
            self.refused[request_id] = (model, project)
        else:
            self.strange.append(f"{reply.status} {reply.body[:200]!r}")


@dataclass
class Booked:
    """A service under load, and what is known of its callers."""

    service: Service
    query: Query
    told: Told = field(default_factory=Told)
    free: str = ""
    paying: str = ""
    keys: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def __post_init__(self) -> None:
        service = self.service
        boss = visus(service, "admin", "keys", "create", "boss", "--admin")
        self.free = made(service, boss, "projects")["id"]
        self.paying = made(service, boss, "projects", monthly_budget_micros=10**9)["id"]
        self.keys = [
            (made(service, boss, "keys", project=project)["secret"], project)
            for project in (self.free, self.paying)
        ]

    @contextmanager
    def asked(self) -> Generator[None]:
        """Questions come all the time."""
        is_over = threading.Event()

        def work(place: int) -> None:
            secret, project = self.keys[place % len(self.keys)]
            number = place
            while not is_over.is_set():
                self.told.hear(self.service, secret, project, number)
                number += 1
                time.sleep(PAUSE_S)

        threads = [threading.Thread(target=work, args=(place,)) for place in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            is_over.set()
            for thread in threads:
                thread.join()

    def heard(self) -> Counter[str]:
        """How many answers and refusals there were so far, of which model, for whom."""
        who = {self.free: "free", self.paying: "paying"}
        told = (("answered", self.told.answers), ("refused", self.told.refused))
        return Counter(
            f"{what} {model} {who[project]}"
            for what, some in told
            for model, project in list(some.values())
        )

    def during(self, seconds: float) -> set[str]:
        """What callers hear in so many seconds."""
        before = self.heard()
        time.sleep(seconds)
        return set(self.heard() - before)

    def until(self, wanted: set[str], *, within_s: float) -> None:
        """Callers hear this, without anybody's help, before the time is over."""
        end_s = time.monotonic() + within_s
        while (found := self.during(0.8)) != wanted:
            assert time.monotonic() < end_s, found

    def unsettled(self) -> set[str]:
        """Records that are not final, and answers that have none."""
        leases = {row[0]: row[-1] for row in self.query(RECORDS)}
        held = {request_id for request_id, lease in leases.items() if lease is not None}
        return held | (self.told.answers.keys() - leases.keys())

    def check(self, besides: Collection[str] = ()) -> None:
        """The ledger is what clients were told: each answer once, no refusal, nothing held.

        `besides` are the ids of other answers, which cost nothing.
        """
        assert self.told.strange == []
        end_s = time.monotonic() + 30
        while missing := self.unsettled():
            assert time.monotonic() < end_s, missing
            time.sleep(0.05)
        rows = {row[0]: row[1:] for row in self.query(RECORDS)}
        for request_id, (model, project) in self.told.answers.items():
            status, asked, payer, *used, cost, provider, _ = rows.pop(request_id)
            assert (status, asked, payer, tuple(used)) == (200, model, project, USED)
            assert (cost, provider) == (COST if model == "dear" else 0, "scripted")
        assert {request_id: row[0] for request_id, row in rows.items()} == dict.fromkeys(
            besides, 200
        )
        costs = Counter[str]()
        for model, project in self.told.answers.values():
            costs[project] += COST if model == "dear" else 0
        assert tuple(self.query(HOURS)[0]) == (
            len(self.told.answers) + len(besides), costs.total(),
        )  # fmt: skip
        money = {row[0]: row[1:] for row in self.query(MONEY)}
        assert money[self.paying] == (costs[self.paying], 0)
        assert not any(held for _, held in money.values())
        healthy(self.service)


@pytest.fixture(scope="module")
def lasts_s(request: pytest.FixtureRequest) -> float:
    return WHOLE_S if request.config.getoption("--soak-secs") else FIXED_S


# --- A database in a file --------------------------------------------------------------------


@pytest.fixture
def on_a_file(upstream: Upstream, tmp_path: Path) -> Iterator[Booked]:
    under = BOUND_BY_MODES if os.geteuid() == 0 else ()
    config = upstream_config(upstream.port, CALM, PATIENT)
    service = Service(tmp_path, config, under=under, SCRIPTED_KEY="sk-upstream")
    yield Booked(service, in_a_file(tmp_path))
    service.stop()


def in_a_file(folder: Path) -> Query:
    def query(words: str) -> list[Any]:
        with closing(sqlite3.connect(folder / "state" / "visus.db")) as database:
            return database.execute(words).fetchall()

    return query


@contextmanager
def read_only(service: Service) -> Generator[None]:
    """The file may be read, and nothing else; so it is another one, which is opened anew."""
    path = service.folder / "state" / "visus.db"
    with frozen(service, path):
        held = [path, *path.parent.glob("visus.db-*")]  # what SQLite keeps beside it
        for one in held:
            one.rename(one.with_name(f"aside-{one.name}"))
        shutil.copy(path.with_name("aside-visus.db"), path)
        reader = sqlite3.connect(path)
        reader.execute("SELECT count(*) FROM keys").fetchone()  # makes the files beside it
        path.chmod(0o400)
    try:
        yield
    finally:
        with frozen(service, path, is_written=False):
            reader.close()
            for one in held:
                one.with_name(f"aside-{one.name}").replace(one)


@contextmanager
def frozen(service: Service, path: Path, *, is_written: bool = True) -> Generator[None]:
    """The service stands still, and nothing of its database is anywhere but in the file."""
    for _ in range(100):
        service.process.send_signal(signal.SIGSTOP)
        with closing(sqlite3.connect(path, timeout=0)) as connection:
            cut = "PRAGMA wal_checkpoint(TRUNCATE)"
            if not is_written or not connection.execute(cut).fetchone()[0]:
                break
        service.process.send_signal(signal.SIGCONT)
        time.sleep(0.01)
    try:
        yield
    finally:
        service.process.send_signal(signal.SIGCONT)


@contextmanager
def gone(service: Service) -> Generator[None]:
    path = service.folder / "state" / "visus.db"
    with ExitStack() as away:
        with frozen(service, path):
            away.enter_context(in_place_of(path, None))
        yield


@contextmanager
def held(service: Service) -> Generator[None]:
    """Somebody else writes all the time."""
    with locked(service.folder / "state" / "visus.db"):
        yield


WEATHERS = {
    "held": (held, MONEY_REFUSED),
    "read-only": (read_only, MONEY_REFUSED),
    "gone": (gone, ALL_REFUSED),
}


@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", WEATHERS)
def test_a_file_that_cannot_be_written_for_a_while_loses_nothing(
    on_a_file: Booked, lasts_s: float, kind: str
) -> None:
    weather, wanted = WEATHERS[kind]
    with on_a_file.asked():
        on_a_file.until(WELL, within_s=5)
        with weather(on_a_file.service):
            on_a_file.until(wanted, within_s=SET_IN_S)
            assert on_a_file.during(lasts_s) == wanted
        on_a_file.until(WELL, within_s=8)
    assert on_a_file.told.longest_s < MOST_S
    on_a_file.check()


# --- A disk ----------------------------------------------------------------------------------


@pytest.mark.timeout(0)
def test_a_disk_that_is_full_for_a_while_loses_nothing(
    upstream: Upstream, tmp_path: Path, lasts_s: float
) -> None:
    config = upstream_config(upstream.port, CALM, PATIENT)
    with small_disk(tmp_path / "state") as is_disk, ExitStack() as stack:
        booked = Booked(
            Service(tmp_path, config, SCRIPTED_KEY="sk-upstream"), in_a_file(tmp_path)
        )
        stack.callback(booked.service.stop)
        with booked.asked():
            booked.until(WELL, within_s=5)
            with full(tmp_path / "state", booked.service, is_disk=is_disk):
                time.sleep(0.5)  # what was under way is written down where it began
                found = booked.during(lasts_s)
            booked.until(WELL, within_s=8)
        assert MONEY_REFUSED <= found <= MONEY_REFUSED | WELL
        assert booked.told.longest_s < MOST_S
        booked.check()


# --- A server --------------------------------------------------------------------------------


@pytest.fixture
def on_a_server(upstream: Upstream, tmp_path: Path) -> Iterator[tuple[Booked, Postgres]]:
    server = Postgres()
    url = server.url(server.database())
    database = f'[accounts]\ndatabase = "{url}"\n'
    config = upstream_config(
        upstream.port, CALM.replace("[accounts]\n", database), IMPATIENT, PATIENT
    )
    service = Service(tmp_path, config, SCRIPTED_KEY="sk-upstream")

    def query(words: str) -> list[Any]:
        with psycopg.connect(url) as connection:
            return connection.execute(words.encode()).fetchall()

    yield Booked(service, query), server
    service.stop()
    server.close()


@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", ["away", "frozen"])
def test_a_server_that_is_away_for_a_while_loses_nothing(
    on_a_server: tuple[Booked, Postgres], lasts_s: float, kind: str
) -> None:
    booked, server = on_a_server
    with booked.asked():
        booked.until(WELL, within_s=5)
        with server.away() if kind == "away" else server.frozen():
            booked.until(ALL_REFUSED, within_s=SET_IN_S)
            assert booked.during(lasts_s) == ALL_REFUSED
        booked.until(WELL, within_s=20)
    assert booked.told.longest_s < MOST_S
    booked.check()


# --- A clock ---------------------------------------------------------------------------------


HOUR_S = 3600


@pytest.mark.timeout(0)
@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S])
def test_a_clock_that_jumps_loses_nothing(
    upstream: Upstream, tmp_path: Path, lasts_s: float, jump_s: int
) -> None:
    """Nor does it give up what is under way, although its lease seems to be over."""
    clock = Clock(tmp_path)
    config = upstream_config(upstream.port, CALM, PATIENT)
    service = Service(tmp_path, config, SCRIPTED_KEY="sk-upstream", **clock.environment)
    try:
        booked = Booked(service, in_a_file(tmp_path))
        with booked.asked(), ThreadPoolExecutor(1) as pool:
            booked.until(WELL, within_s=5)
            slow = ask("waits", user="1", stream=True)
            secret, _ = booked.keys[1]
            reply = pool.submit(call, service, secret, "POST", "/v1/chat/completions", slow)
            time.sleep(0.5)
            clock.jump(jump_s)
            time.sleep(lasts_s)
            booked.until(WELL, within_s=5)
            clock.jump(0)
            booked.until(WELL, within_s=5)
        assert reply.result().events()[-1] == "[DONE]"
        booked.check({reply.result().headers["x-request-id"]})
    finally:
        service.stop()
