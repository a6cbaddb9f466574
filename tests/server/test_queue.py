"""Requests that are answered later: durable, each to one end, and their owner's alone."""

import json
import secrets
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import FAST, upstream_config
from tests.server.test_keys_and_money import call, eventually, made, visus
from tests.support.claims import answered, refused
from tests.support.postgres import Postgres
from tests.support.service import Reply, Service, ask
from tests.support.upstream import Upstream

QUEUE = """
[queue]
lease_s = 1
look_every_s = 0.2
max_jobs_per_project = 20
"""
NARROW = """
[queue]
workers = 1
keep_s = 2
lease_s = 1
look_every_s = 0.2
max_jobs_per_project = 2
max_losses = 1
"""
LATER = {"Prefer": "respond-async"}
PATHS = (
    "/queue/v1/chat/completions",
    "/queue/v2/chat/completions",
    "/queue/chat/completions",
)
ENDED = {"completed", "failed", "cancelled", "expired"}
VARIABLE = "VISUS_ACCOUNTS__DATABASE"


@contextmanager
def serving(folder: Path, upstream: Upstream, config: str, **more: str) -> Iterator[Service]:
    service = Service(
        folder, upstream_config(upstream.port, FAST, config), SCRIPTED_KEY="sk-up", **more
    )
    try:
        yield service
    finally:
        service.stop()


@pytest.fixture(scope="module")
def queueing(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service with short leases."""
    with serving(tmp_path_factory.mktemp("queueing"), upstream, QUEUE) as running:
        yield running


@pytest.fixture
def narrow(upstream: Upstream, tmp_path: Path) -> Iterator[Service]:
    """The service with one worker, and jobs that expire after two seconds."""
    with serving(tmp_path, upstream, NARROW) as running:
        yield running


@pytest.fixture(scope="module")
def boss(queueing: Service) -> str:
    return visus(queueing, "admin", "keys", "create", "boss", "--admin")


def later(service: Service, body: dict[str, Any], path: str = PATHS[2], **more: str) -> str:
    """The id of a job that was taken."""
    reply = service.post(body, path=path, **LATER, **more)
    assert reply.status == 202, reply.body
    job = reply.json()
    assert reply.headers["location"] == job["url"] == f"/queue/jobs/{job['id']}"
    assert reply.headers["preference-applied"] == "respond-async"
    assert (job["object"], job["status"], job["result"]) == ("job", "queued", None)
    assert job["id"].startswith("job_")
    return job["id"]


def ended(service: Service, job_id: str, *, patience_s: float = 20) -> dict[str, Any]:
    """The job, once it has ended."""
    end_s = time.monotonic() + patience_s
    while (job := state(service, job_id))["status"] not in ENDED:
        assert time.monotonic() < end_s, job
        time.sleep(0.02)
    return job


def state(service: Service, job_id: str) -> dict[str, Any]:
    reply = service.get(f"/queue/jobs/{job_id}")
    assert reply.status == 200, reply.body
    return reply.json()


def without_ids(body: dict[str, Any]) -> dict[str, Any]:
    return body | {"id": "", "created": 0}


def asked_of(upstream: Upstream, mark: str) -> int:
    """How often the model was asked this."""
    return sum(mark in json.dumps(one.body) for one in list(upstream.asked))


def marked(model: str = "good", **more: Any) -> tuple[str, dict[str, Any]]:
    """A question that can be told from all others."""
    mark = f"PROMPT-CANARY-{secrets.token_hex(8)}"
    return mark, ask(model, mark, **more)


# --- At once ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
def test_who_waits_gets_the_ordinary_answer(queueing: Service, path: str) -> None:
    ordinary = queueing.post(ask("good"))
    reply = queueing.post(ask("good"), path=path)
    assert without_ids(answered(queueing, reply)) == without_ids(ordinary.json())
    unlike = {"x-request-id", "date", "x-ratelimit-remaining-requests"}
    for headers in (reply.headers, ordinary.headers):
        for name in unlike:
            headers.pop(name, None)
    assert set(reply.headers) == set(ordinary.headers)
    stream = queueing.post(ask("good", stream=True), path=path)
    answered(queueing, stream)
    for body, error in (
        (ask("good", temperature=9), (400, "invalid_value", "temperature")),
        (ask("nobody"), (404, "model_not_found", "model")),
        (ask("status_500"), (502, "upstream_bad_response", None)),
    ):
        refused(queueing, queueing.post(body, path=path), *error)


def test_files_go_up_here_too(queueing: Service) -> None:
    edge = {"Content-Type": "multipart/form-data; boundary=edge"}
    form = (
        b'--edge\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n'
        b'--edge\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nabc'
        b"\r\n--edge--\r\n"
    )
    reply = queueing.post(form, path="/queue/files", **edge, **LATER)
    assert answered(queueing, reply)["object"] == "file"
    assert "preference-applied" not in reply.headers


@pytest.mark.parametrize("prefix", ["/queue", "/queue/v1", "/queue/v2"])
def test_batches_are_made_and_cancelled_here_too(queueing: Service, prefix: str) -> None:
    body = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
    reply = queueing.post(body | {"input_file_id": "file-x"}, path=f"{prefix}/batches", **LATER)
    refused(queueing, reply, 404, "file_not_found", "input_file_id")
    reply = queueing.post({}, path=f"{prefix}/batches/batch_x/cancel", **LATER)
    refused(queueing, reply, 404, "batch_not_found")


# --- Later -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
def test_an_answer_that_comes_later_is_the_ordinary_one(queueing: Service, path: str) -> None:
    before_s = int(time.time())
    job = ended(queueing, later(queueing, ask("good"), path))
    assert job["status"] == "completed"
    assert without_ids(job["result"]) == without_ids(queueing.post(ask("good")).json())
    assert job["error"] is None
    assert job["response"]["status_code"] == 200
    assert job["response"]["headers"]["x-visus-provider"] == "scripted"
    assert before_s <= job["created_at"] <= job["started_at"] <= job["ended_at"]
    assert job["expires_at"] == job["created_at"] + 86_400
    (record,) = queueing.records(job["response"]["request_id"])
    assert (record["event"], record["job"], record["status"]) == ("job", job["id"], 200)


def test_an_estimate_may_come_later_too(queueing: Service) -> None:
    path = "/queue/v1/chat/completions/estimate"
    job = ended(queueing, later(queueing, ask("good"), path))
    assert job["result"] == answered(queueing, queueing.post(ask("good"), path=path))


def test_the_job_is_started_at_once_and_not_at_the_next_look(queueing: Service) -> None:
    began_s = time.monotonic()
    for _ in range(5):
        ended(queueing, later(queueing, ask("good")))
    assert time.monotonic() - began_s < 5 * 0.2


def test_an_error_is_the_ordinary_one(queueing: Service) -> None:
    job = ended(queueing, later(queueing, ask("status_500")))
    ordinary = queueing.post(ask("status_500"))
    assert (job["status"], job["result"]) == ("failed", None)
    assert job["error"] == ordinary.json()["error"]
    assert job["response"]["status_code"] == ordinary.status == 502


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (ask("good", stream=True), (400, "unsupported_parameter", "stream")),
        (ask("good", temperature=9), (400, "invalid_value", "temperature")),
        ({"model": "good"}, (400, "missing_required_parameter", "messages")),
        (ask("nobody"), (404, "model_not_found", "model")),
        (
            ask("good", visus={"residency": "mars"}),
            (400, "invalid_value", "visus.residency"),
        ),
    ],
)
def test_what_cannot_be_answered_is_not_taken(
    queueing: Service, body: dict[str, Any], error: tuple[int, str, str]
) -> None:
    refused(queueing, queueing.post(body, path=PATHS[0], **LATER), *error)


def test_a_demand_in_a_header_holds_later_too(queueing: Service) -> None:
    job_id = later(queueing, ask("in-germany"), **{"X-Visus-Residency": "de"})
    job = ended(queueing, job_id)
    assert (job["status"], job["response"]["headers"]["x-visus-provider"]) == (
        "completed",
        "german",
    )


@pytest.mark.parametrize(
    ("value", "is_taken"),
    [
        ("respond-async", True),
        ("return=minimal, Respond-Async; wait=10", True),
        ("wait=100", False),
        ("respond-asynchronously", False),
    ],
)
def test_the_preference_is_understood_as_written(
    queueing: Service, value: str, *, is_taken: bool
) -> None:
    reply = queueing.post(ask("good"), path=PATHS[1], Prefer=value)
    assert reply.status == (202 if is_taken else 200)


# --- Whose -----------------------------------------------------------------------------------


def test_a_job_is_its_projects(queueing: Service, boss: str) -> None:
    job_id = later(queueing, ask("good"))
    ended(queueing, job_id)
    keys = call(queueing, boss, "GET", "/admin/keys").json()["data"]
    project = next(one["project"] for one in keys if one["ends_in"] == queueing.key[-4:])
    colleague = made(queueing, boss, "keys", project=project)["secret"]
    stranger = made(queueing, boss, "keys")["secret"]
    seen = call(queueing, colleague, "GET", f"/queue/jobs/{job_id}")
    assert seen.json()["status"] == "completed"
    for path, method in (
        (f"/queue/jobs/{job_id}", "GET"),
        (f"/queue/jobs/{job_id}", "DELETE"),
        (f"/queue/jobs/{job_id}/cancel", "POST"),
        ("/queue/jobs/job_0", "GET"),
        ("/queue/jobs/job_%00", "GET"),
    ):
        reply = call(queueing, stranger, method, path)
        refused(queueing, reply, 404, "job_not_found")


def test_a_job_of_a_revoked_key_is_not_answered(
    queueing: Service, boss: str, upstream: Upstream
) -> None:
    project = made(queueing, boss, "projects")["id"]
    one, two = (made(queueing, boss, "keys", project=project) for _ in range(2))
    busy = [later(queueing, ask("waits", user="1.2")) for _ in range(4)]  # all workers
    for job_id in busy:
        path = f"/queue/jobs/{job_id}"
        eventually(lambda path=path: queueing.get(path).json()["status"], "in_progress")
    mark, body = marked()
    job_id = post_as(queueing, one["secret"], body).json()["id"]
    call(queueing, boss, "DELETE", f"/admin/keys/{one['id']}")

    def look() -> dict[str, Any]:
        return call(queueing, two["secret"], "GET", f"/queue/jobs/{job_id}").json()

    assert look()["status"] == "queued"
    eventually(lambda: look()["status"], "failed")
    assert look()["error"]["code"] == "invalid_api_key"
    assert look()["response"]["status_code"] == 401
    assert asked_of(upstream, mark) == 0
    for one_of_them in busy:
        assert ended(queueing, one_of_them)["status"] == "completed"


def post_as(service: Service, secret: str, body: Any) -> Reply:
    headers = {"Authorization": f"Bearer {secret}"}
    return service.post(body, path=PATHS[0], **headers, **LATER)


# --- Limits ----------------------------------------------------------------------------------


def test_a_job_over_a_limit_waits(queueing: Service, boss: str, upstream: Upstream) -> None:
    key = made(queueing, boss, "keys", limits={"concurrent_requests": 1})
    marks = [marked("late") for _ in range(3)]
    ids = [post_as(queueing, key["secret"], body).json()["id"] for _, body in marks]

    def states() -> list[str]:
        paths = [f"/queue/jobs/{one}" for one in ids]
        return [call(queueing, key["secret"], "GET", one).json()["status"] for one in paths]

    eventually(states, ["completed"] * 3, patience_s=12)
    assert [asked_of(upstream, mark) for mark, _ in marks] == [1, 1, 1]


def test_a_project_has_so_many_jobs_and_not_more(narrow: Service) -> None:
    body = ask("late")
    for _ in range(2):
        later(narrow, body)
    refused(narrow, narrow.post(body, path=PATHS[0], **LATER), 429, "too_many_jobs")
    answered(narrow, narrow.post(ask("good"), path=PATHS[0]))


def test_a_job_is_in_the_ledger_like_any_other(queueing: Service) -> None:
    job = ended(queueing, later(queueing, ask("good")))
    with closing(sqlite3.connect(queueing.folder / "state" / "visus.db")) as database:
        query = "SELECT status, input_tokens FROM usage_records WHERE id = ?"
        look = lambda: database.execute(query, [job["response"]["request_id"]]).fetchone()  # noqa: E731
        eventually(look, (200, 812))


# --- Ends ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "tail"), [("DELETE", ""), ("POST", "/cancel")])
def test_a_job_can_be_cancelled_while_it_waits_and_while_it_runs(
    queueing: Service, upstream: Upstream, method: str, tail: str
) -> None:
    mark, body = marked("silent")
    job_id = later(queueing, body)
    eventually(lambda: asked_of(upstream, mark), 1)
    assert state(queueing, job_id)["status"] == "in_progress"
    reply = call(queueing, queueing.key, method, f"/queue/jobs/{job_id}{tail}")
    assert reply.json()["status"] == "cancelled"
    assert upstream.last("silent").closed.wait(1)
    time.sleep(1.5)
    assert state(queueing, job_id)["status"] == "cancelled"
    assert asked_of(upstream, mark) == 1
    again = call(queueing, queueing.key, method, f"/queue/jobs/{job_id}{tail}")
    assert (again.status, again.json()["status"]) == (200, "cancelled")


def test_what_has_ended_stays_as_it_is(queueing: Service) -> None:
    job = ended(queueing, later(queueing, ask("good")))
    reply = call(queueing, queueing.key, "DELETE", f"/queue/jobs/{job['id']}")
    assert reply.json() == job


def test_a_job_expires_and_what_it_held_is_gone(narrow: Service, upstream: Upstream) -> None:
    running = later(narrow, ask("waits", user="1.4"))
    mark, body = marked("parrot")
    waiting = later(narrow, body)
    time.sleep(2.2)
    for job_id in (running, waiting):
        job = state(narrow, job_id)
        assert (job["status"], job["result"], job["error"]) == ("expired", None, None)
    assert asked_of(upstream, mark) == 0
    eventually(lambda: narrow.get(f"/queue/jobs/{waiting}").status, 404, patience_s=10)
    with closing(sqlite3.connect(narrow.folder / "state" / "visus.db")) as database:
        kept = "SELECT count(*) FROM jobs WHERE request IS NOT NULL OR result IS NOT NULL"
        assert database.execute(kept).fetchone() == (0,)


def test_a_question_is_kept_until_it_is_answered_and_no_longer(queueing: Service) -> None:
    mark, body = marked()
    job = ended(queueing, later(queueing, body))
    with closing(sqlite3.connect(queueing.folder / "state" / "visus.db")) as database:
        query = "SELECT request, result FROM jobs WHERE id = ?"
        request, result = database.execute(query, [job["id"]]).fetchone()
    assert request is None
    assert json.loads(result) == job["result"]
    assert mark not in queueing.log()


# --- Crashes ---------------------------------------------------------------------------------


def killed_half_way(service: Service, upstream: Upstream) -> tuple[str, list[str]]:
    """A mark and the ids of jobs, the first of them under way when the process is killed."""
    mark, body = marked("waits", user="1")
    ids = [later(service, body)]
    eventually(lambda: asked_of(upstream, mark), 1)
    ids += [later(service, body) for _ in range(5)]
    service.stop(signal.SIGKILL)
    return mark, ids


def all_done_once(service: Service, upstream: Upstream, mark: str, ids: list[str]) -> None:
    results = [ended(service, job_id, patience_s=20) for job_id in ids]
    assert [job["status"] for job in results] == ["completed"] * len(ids)
    content = [job["result"]["choices"][0]["message"]["content"] for job in results]
    assert content == ["one two three"] * len(ids)
    asked = asked_of(upstream, mark)
    time.sleep(2)  # two leases
    assert asked_of(upstream, mark) == asked
    assert [state(service, job_id) for job_id in ids] == results


def test_a_process_that_is_killed_loses_no_job(upstream: Upstream, tmp_path: Path) -> None:
    with serving(tmp_path, upstream, QUEUE) as service:
        mark, ids = killed_half_way(service, upstream)
    with serving(tmp_path, upstream, QUEUE) as service:
        all_done_once(service, upstream, mark, ids)


def test_a_process_that_stops_gives_its_jobs_up_at_once(
    upstream: Upstream, tmp_path: Path
) -> None:
    patient = QUEUE.replace("lease_s = 1", "lease_s = 600")
    with serving(tmp_path, upstream, patient) as service:
        mark, body = marked("waits", user="1.4")
        job_id = later(service, body)
        eventually(lambda: asked_of(upstream, mark), 1)
    with serving(tmp_path, upstream, patient) as service:
        assert ended(service, job_id)["status"] == "completed"
    assert asked_of(upstream, mark) == 2


def test_a_job_that_processes_die_of_has_failed(upstream: Upstream, tmp_path: Path) -> None:
    lasting = NARROW.replace("keep_s = 2", "keep_s = 60")
    mark, body = marked("waits", user="1.4")
    with serving(tmp_path, upstream, lasting) as service:
        job_id = later(service, body)
        eventually(lambda: asked_of(upstream, mark), 1)
        service.stop(signal.SIGKILL)
    with serving(tmp_path, upstream, lasting) as service:
        job = ended(service, job_id)
    assert (job["status"], job["error"]["code"]) == ("failed", "internal_error")
    assert asked_of(upstream, mark) == 1


@pytest.fixture
def replicas(
    postgres: Postgres, upstream: Upstream, tmp_path: Path
) -> Iterator[Callable[[int], Service]]:
    """Starts services that share one database."""
    url = postgres.url(postgres.database())
    running: list[Service] = []

    def start(number: int) -> Service:
        folder = tmp_path / str(number)
        folder.mkdir()
        config = upstream_config(upstream.port, FAST, QUEUE)
        service = Service(folder, config, SCRIPTED_KEY="sk-up", **{VARIABLE: url})
        running.append(service)
        service.key = running[0].key
        return service

    yield start
    for service in running:
        service.stop()


def test_another_replica_takes_over(
    replicas: Callable[[int], Service], upstream: Upstream
) -> None:
    one, two = replicas(1), replicas(2)
    mark, ids = killed_half_way(one, upstream)
    all_done_once(two, upstream, mark, ids)


def test_replicas_share_the_work_and_take_no_job_twice(
    replicas: Callable[[int], Service], upstream: Upstream
) -> None:
    services = [replicas(1), replicas(2)]
    marks = [marked("late") for _ in range(16)]
    ids = [later(services[place % 2], body) for place, (_, body) in enumerate(marks)]
    for job_id in ids:
        assert ended(services[1], job_id, patience_s=20)["status"] == "completed"
    assert [asked_of(upstream, mark) for mark, _ in marks] == [1] * 16
    for service in services:
        assert '"event":"job"' in service.log().replace(" ", "")


def test_a_job_of_one_replica_is_cancelled_at_the_other(
    replicas: Callable[[int], Service], upstream: Upstream
) -> None:
    one, two = replicas(1), replicas(2)
    mark, body = marked("only_signs_of_life")
    job_id = later(one, body)
    eventually(lambda: asked_of(upstream, mark), 1)
    working = next(it for it in list(upstream.asked) if mark in json.dumps(it.body))
    assert call(two, two.key, "DELETE", f"/queue/jobs/{job_id}").json()["status"] == "cancelled"
    assert call(one, one.key, "DELETE", f"/queue/jobs/{job_id}").json()["status"] == "cancelled"
    assert working.closed.wait(2)
