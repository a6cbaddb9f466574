"""Killed again and again under load: the ledger is what clients were told.

`make soak` kills the service 200 times, the suite `FIXED` times.
"""

import http.client
import json
import os
import random
import signal
import sqlite3
import statistics
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import FAST, upstream_config
from tests.server.test_keys_and_money import COST, PRICED, USED, call, made, visus
from tests.support.claims import children
from tests.support.service import Service, ask
from tests.support.upstream import Upstream

FIXED, WHOLE = 5, 200
CLIENTS = 4
LONGEST_START_S = 2.0
"""In the median in the suite, where other tests run beside this one; always in `make soak`."""
EVEN = 0.5
DRAW = random.Random(5)  # noqa: S311 -- no secret
MODELS = ("dear", "good", "paced")
QUICK = PRICED.replace("write_every_s = 0.05", "write_every_s = 0.1")


@dataclass
class Told:
    """What clients have been told to the end."""

    answers: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    """By the request's id, the model and the project that asked it."""
    strange: list[str] = field(default_factory=list[str])
    """Whatever is neither a whole answer nor a connection that broke."""


def one(service: Service, secret: str, project: str, told: Told) -> None:
    """Asks a question, and notes its answer if it came whole."""
    model, stream = DRAW.choice(MODELS), DRAW.random() < EVEN
    data = json.dumps(ask(model, stream=stream, max_tokens=20)).encode()
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    try:
        reply = service.request("POST", "/v1/chat/completions", data, headers)
    except (OSError, http.client.HTTPException):
        return
    if reply.status != 200 or (stream and reply.events()[-1] != "[DONE]"):
        told.strange.append(f"{reply.status} {reply.body[:200]!r}")
        return
    told.answers[reply.headers["x-request-id"]] = (model, project)


def loaded(service: Service, keys: list[tuple[str, str]], told: Told, seconds: float) -> None:
    """Asks from several sides, and kills the service in the middle."""
    is_over = threading.Event()

    def work(number: int) -> None:
        secret, project = keys[number % len(keys)]
        while not is_over.is_set():
            one(service, secret, project, told)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    service.process.send_signal(signal.SIGKILL)
    service.stop()
    is_over.set()
    for thread in threads:
        thread.join()


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has buried yet does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def query(folder: Path, words: str) -> list[Any]:
    with closing(sqlite3.connect(folder / "state" / "visus.db")) as database:
        return database.execute(words).fetchall()


def check(folder: Path, told: Told, project: str) -> None:
    """Everything that was told is in the ledger once, and nothing is held any more."""
    rows = {
        row[0]: row[1:]
        for row in query(
            folder,
            "SELECT id, status, model, project_id, input_tokens, output_tokens, cost_micros, "
            "provider, lease_until FROM usage_records",
        )
    }
    for request_id, (model, asker) in told.answers.items():
        status, asked, payer, inputs, outputs, cost, _, lease = rows[request_id]
        assert (status, asked, payer, lease) == (200, model, asker, None)
        if model != "paced":
            assert (inputs, outputs) == USED
            assert cost == (COST if model == "dear" else 0)
    assert all(row[-1] is None for row in rows.values())
    hours = query(
        folder,
        "SELECT coalesce(sum(requests), 0), coalesce(sum(cost_micros), 0) FROM usage_hours",
    )[0]
    settled = [row for row in rows.values() if row[6] is not None]  # not given up
    assert hours == (len(settled), sum(row[5] for row in settled))
    spent = sum(row[5] for row in rows.values() if row[2] == project)
    money = query(folder, "SELECT project_id, spent_micros, held_micros FROM budgets")
    assert sum(row[1] for row in money if row[0] == project) == spent
    assert not any(row[2] for row in money)


@pytest.mark.timeout(3600)
def test_a_ledger_that_survives_every_death_is_what_clients_were_told(
    upstream: Upstream,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kills = WHOLE if request.config.getoption("--soak-secs") else FIXED
    config = upstream_config(upstream.port, FAST, QUICK)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    given = {"SCRIPTED_KEY": "sk-upstream", "TMPDIR": str(temporary)}
    told, starts_s = Told(), list[float]()
    service = Service(tmp_path, config, **given)
    try:
        boss = visus(service, "admin", "keys", "create", "boss", "--admin")
        project = made(service, boss, "projects", monthly_budget_micros=10**9)["id"]
        paying = made(service, boss, "keys", project=project)["secret"]
        free = next(
            one["project"]
            for one in call(service, boss, "GET", "/admin/keys").json()["data"]
            if one["name"] == "first key"
        )
        keys = [(service.key, free), (paying, project)]
        for kill in range(kills):
            before = children(service)
            loaded(service, keys, told, DRAW.uniform(0.05, 0.6))
            began_s = time.monotonic()
            service = Service(tmp_path, config, **given)
            starts_s.append(time.monotonic() - began_s)
            check(tmp_path, told, project)
            assert not [pid for pid in before if is_alive(pid)]
            if kill % 20 == 0 or kill == kills - 1:
                with capsys.disabled():
                    print(  # noqa: T201 -- long work shows progress
                        f"{kill + 1:4} kills {len(told.answers):6} answers, "
                        f"longest start {max(starts_s):.2f} s"
                    )
    finally:
        service.stop()
    check(tmp_path, told, project)
    assert os.listdir(tmp_path / "state" / "ledger") == []  # noqa: PTH208 -- names are enough
    assert list(temporary.iterdir()) == []
    assert (max if kills == WHOLE else statistics.median)(starts_s) < LONGEST_START_S
    assert told.strange == []
    assert len(told.answers) > kills
