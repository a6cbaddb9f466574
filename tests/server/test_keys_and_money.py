"""Accounts as a platform team meets them: keys, limits, money and the ledger."""

import base64
import csv
import io
import json
import os
import re
import secrets
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import openai
import pytest
from tests.conftest import FAST, upstream_config
from tests.support.claims import answered, refused
from tests.support.raw import connected, request_bytes
from tests.support.service import ROOT, Reply, Service, ask, picture, text
from tests.support.upstream import Upstream, delta
from tests.unit.media.sample_pictures import encode, halves

PRICED = """
[limits.models.able]
requests_per_minute = 2
[ledger]
write_every_s = 0.05
sweep_s = 0.2
lease_s = 1.5
rates = { USD = 500_000 }
[[models]]
id = "dear"
provider = "scripted"
upstream_id = "good"
aliases = ["costly"]
input_modalities = ["text", "image"]
price = { input_micros = 2_000_000, output_micros = 10_000_000, currency = "USD" }
[[models]]
id = "leads-away"
provider = "closed"
fallbacks = ["dear", "good"]
[[providers]]
name = "closed"
dialect = "openai"
base_url = "http://127.0.0.1:9/v1"
"""
PATIENT = FAST.replace("attempts = 1", "attempts = 3")
USED = (812, 3)
"""Tokens that the upstream tells of each answer."""
COST = (812 * 2 + 3 * 10) // 2
"""In millionths of a euro: so many of a dollar, of which each is worth half a euro."""


@pytest.fixture(scope="module")
def billed(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service with prices, and a ledger that is quick."""
    running = Service(
        tmp_path_factory.mktemp("billed"),
        upstream_config(upstream.port, PATIENT, PRICED),
        SCRIPTED_KEY="sk-upstream",
    )
    yield running
    running.stop()


def visus(service: Service, *words: str, **environment: str) -> str:
    """What the command line prints."""
    command = [sys.executable, "-m", "visus", *words]
    where = ["--config", service.folder / "config.toml", "--state", service.folder / "state"]
    done = subprocess.run(  # noqa: S603 -- our own program
        [*command, *map(str, where)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def boss(billed: Service) -> str:
    """The key of an administrator."""
    return visus(billed, "admin", "keys", "create", "boss", "--admin")


def call(service: Service, secret: str, method: str, path: str, body: Any = None) -> Reply:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    return service.request(method, path, data, headers)


def made(service: Service, boss: str, thing: str, **body: Any) -> dict[str, Any]:
    reply = call(service, boss, "POST", f"/admin/{thing}", {"name": "x", **body})
    assert reply.status == 200, reply.body
    return reply.json()


def question(service: Service, secret: str, model: str = "good", **more: Any) -> Reply:
    return call(service, secret, "POST", "/v1/chat/completions", ask(model, **more))


def eventually(look: Any, wanted: Any, *, patience_s: float = 20) -> None:
    end_s = time.monotonic() + patience_s
    while (found := look()) != wanted and time.monotonic() < end_s:
        time.sleep(0.02)
    assert found == wanted


def rows(service: Service, request_id: str) -> list[dict[str, Any]]:
    """What the ledger holds of a request, once it is settled."""
    with closing(sqlite3.connect(service.folder / "state" / "visus.db")) as database:
        database.row_factory = sqlite3.Row
        query = "SELECT * FROM usage_records WHERE id = ? AND lease_until IS NULL"
        return [dict(row) for row in database.execute(query, [request_id])]


def row(service: Service, reply: Reply) -> dict[str, Any]:
    request_id = reply.headers["x-request-id"]
    eventually(lambda: len(rows(service, request_id)), 1)
    return rows(service, request_id)[0]


IMPLAUSIBLE = [
    {"prompt_tokens": -812, "completion_tokens": 3},
    {"prompt_tokens": 812, "completion_tokens": -1},
    {"prompt_tokens": 10**30, "completion_tokens": 3},
    {"prompt_tokens": 2**63 - 1, "completion_tokens": 2**63 - 1},
    {"prompt_tokens": 812, "completion_tokens": 10**9 + 1},
    {"prompt_tokens": "812", "completion_tokens": "3"},
    {"prompt_tokens": 8.5, "completion_tokens": 3.0},
    {"prompt_tokens": None, "completion_tokens": None},
    {},
    [812, 3],
    "many",
]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("usage", IMPLAUSIBLE, ids=str)
def test_what_nobody_can_have_counted_is_estimated_and_stands_in_nobody_s_way(
    billed: Service, stream: bool, usage: object  # noqa: FBT001
) -> None:  # fmt: skip
    wish = {"include_usage": True} if stream else None
    asked = ask("counts", user=json.dumps(usage), stream=stream, stream_options=wish)
    reply = billed.post(asked)
    answered(billed, reply)
    told = reply.events()[-2]["usage"] if stream else reply.json()["usage"]
    entry = row(billed, reply)
    assert entry["is_estimated"]
    assert told["prompt_tokens"] == entry["input_tokens"]
    assert told["completion_tokens"] == entry["output_tokens"]
    assert 0 < entry["input_tokens"] < 100
    assert 0 < entry["output_tokens"] < 100
    plain = billed.post(ask("good"))
    answered(billed, plain)
    assert row(billed, plain)["input_tokens"] == USED[0]


def test_a_detail_that_nobody_can_have_counted_is_none(billed: Service) -> None:
    details = {"prompt_tokens_details": {"cached_tokens": -1}}
    usage = {"prompt_tokens": 8, "completion_tokens": 3, **details}
    reply = billed.post(ask("counts", user=json.dumps(usage)))
    answered(billed, reply)
    entry = row(billed, reply)
    assert (entry["input_tokens"], entry["output_tokens"], entry["cached_tokens"]) == (8, 3, 0)
    assert not entry["is_estimated"]


def test_the_most_that_can_have_been_counted_is_written_down(
    billed: Service, boss: str
) -> None:
    key = made(billed, boss, "keys")  # whose minute it fills
    usage = {"prompt_tokens": 10**9, "completion_tokens": 10**9}
    reply = question(billed, key["secret"], "counts", user=json.dumps(usage))
    answered(billed, reply)
    entry = row(billed, reply)
    assert (entry["input_tokens"], entry["output_tokens"]) == (10**9, 10**9)


# --- Administrators --------------------------------------------------------------------------


def test_what_a_question_would_cost_is_told_of_the_models_of_the_key_alone(
    billed: Service, boss: str
) -> None:
    key = made(billed, boss, "keys", models=["good"])
    path = "/v1/chat/completions/estimate"

    def told(model: str, *compare: str) -> Reply:
        body = ask(model, visus={"compare": list(compare)})
        return call(billed, key["secret"], "POST", path, body)

    assert set(answered(billed, told("good", "good"))["models"]) == {"good"}
    refused(billed, told("dear"), 403, "model_not_allowed", "model")
    refused(billed, told("costly"), 403, "model_not_allowed", "model")
    refused(billed, told("good", "good", "dear"), 403, "model_not_allowed", "visus.compare[1]")
    assert "dear" in answered(billed, billed.post(ask("dear"), path=path))["models"]


def test_an_organisation_has_projects_and_they_have_keys(billed: Service, boss: str) -> None:
    company = made(billed, boss, "organisations", name="Acme")
    project = made(billed, boss, "projects", organisation=company["id"], residency=["DE"])
    key = made(billed, boss, "keys", project=project["id"], models=["good", "in-germany"])
    assert project["organisation"] == company["id"]
    assert (key["project"], key["state"], key["models"]) == (
        project["id"], "valid", ["good", "in-germany"],
    )  # fmt: skip
    listed = call(billed, boss, "GET", "/admin/keys").json()["data"]
    (found,) = [one for one in listed if one["id"] == key["id"]]
    assert found == key | {"secret": None}
    # The project's place holds for the key, and the key's models for all that it can see.
    reply = question(billed, key["secret"])
    refused(billed, reply, 400, "residency_unavailable", "model")
    answered(billed, question(billed, key["secret"], "in-germany"))
    seen = call(billed, key["secret"], "GET", "/v1/models").json()["data"]
    assert [one["id"] for one in seen] == ["in-germany"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/admin/keys"), ("POST", "/admin/keys"), ("GET", "/admin/usage")],
)
def test_the_routes_of_administrators_are_theirs_alone(
    billed: Service, method: str, path: str
) -> None:
    refused(billed, call(billed, billed.key, method, path), 403, "admin_only")
    refused(billed, call(billed, "sk-admin-wrong", method, path), 401, "invalid_api_key")


def test_an_administrator_asks_no_models(billed: Service, boss: str) -> None:
    refused(billed, question(billed, boss), 403, "admin_only")


def test_elsewhere_there_are_no_such_routes(upstream: Upstream, tmp_path: Path) -> None:
    config = FAST + '[admin]\nnetworks = ["10.0.0.0/8"]\n'
    service = Service(tmp_path, upstream_config(upstream.port, config), SCRIPTED_KEY="sk-x")
    try:
        secret = visus(service, "admin", "keys", "create", "boss", "--admin")
        refused(service, call(service, secret, "GET", "/admin/keys"), 404, "unknown_url")
        refused(service, call(service, service.key, "GET", "/admin/keys"), 404, "unknown_url")
    finally:
        service.stop()


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("keys", {}, (400, "missing_required_parameter", "name")),
        ("keys/key_0/rotate", {}, (404, "not_found", None)),
        *(
            (path, {"name": "x"} | body, (400, "invalid_value", param))
            for path, body, param in (
                ("keys", {"colour": "red"}, "colour"),
                ("keys", {"name": ""}, "name"),
                ("keys", {"name": "a\0b"}, "name"),
                ("keys", {"models": ["godo"]}, "models[0]"),
                ("keys", {"residency": ["mars"]}, "residency"),
                ("keys", {"project": "proj_0"}, "project"),
                ("keys", {"limits": {"requests_per_minute": 0}}, "limits.requests_per_minute"),
                ("keys", {"expires_at": -1}, "expires_at"),
                ("projects", {"organisation": "org_0"}, "organisation"),
                ("projects", {"monthly_budget_micros": -1}, "monthly_budget_micros"),
            )
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    billed: Service,
    boss: str,
    path: str,
    body: dict[str, Any],
    error: tuple[int, str, str | None],
) -> None:
    refused(billed, call(billed, boss, "POST", f"/admin/{path}", body), *error)


# --- Keys ------------------------------------------------------------------------------------


def test_a_key_asks_its_models_only_by_whatever_way(billed: Service, boss: str) -> None:
    secret = made(billed, boss, "keys", models=["good", "leads-away"])["secret"]
    answered(billed, question(billed, secret))
    for model in ("dear", "costly"):
        refused(billed, question(billed, secret, model), 403, "model_not_allowed", "model")
    reply = question(billed, secret, visus={"fallbacks": ["dear"]})
    refused(billed, reply, 403, "model_not_allowed", "visus.fallbacks[0]")
    reply = question(billed, secret, "leads-away")
    assert answered(billed, reply)
    assert reply.headers["x-visus-model"] == "good"


@pytest.mark.parametrize("thing", ["keys", "projects"])
def test_a_key_or_project_asks_its_providers_only_by_whatever_way(
    billed: Service, boss: str, thing: str
) -> None:
    bound = made(billed, boss, thing, providers=["german", "closed"])
    assert bound["providers"] == ["closed", "german"]
    secret = bound.get("secret") or made(billed, boss, "keys", project=bound["id"])["secret"]
    answered(billed, question(billed, secret, "in-germany"))
    for more in ({}, {"visus": {"providers": ["scripted"]}}):
        reply = question(billed, secret, **more)
        refused(billed, reply, 400, "residency_unavailable", "model")
    reply = question(billed, secret, "leads-away")  # its fallbacks are elsewhere
    refused(billed, reply, 502, "upstream_unreachable")
    listed = call(billed, secret, "GET", "/v1/models").json()["data"]
    assert {one["id"] for one in listed} == {"in-germany", "leads-away"}
    path = f"/admin/{thing}/{bound['id']}"
    for providers, status in (([], 400), (None, 200)):
        changed = call(billed, boss, "PATCH", path, {"providers": providers})
        assert changed.json()["providers"] == providers
        eventually(lambda: question(billed, secret, "in-germany").status, status)
    answered(billed, question(billed, secret))
    wrong = call(billed, boss, "PATCH", path, {"providers": ["german", "belgian"]})
    refused(billed, wrong, 400, "invalid_value", "providers[1]")


def test_a_key_ends_when_its_time_is_over(billed: Service, boss: str) -> None:
    key = made(billed, boss, "keys", expires_at=int(time.time()) + 2)
    answered(billed, question(billed, key["secret"]))
    eventually(lambda: question(billed, key["secret"]).status, 401)
    assert call(billed, boss, "GET", f"/admin/keys/{key['id']}").json()["state"] == "expired"


def test_a_key_that_is_replaced_is_valid_for_a_while(billed: Service, boss: str) -> None:
    terms = {"models": ["good"], "providers": ["scripted"]}
    old = made(billed, boss, "keys", **terms)
    path = f"/admin/keys/{old['id']}/rotate"
    new = call(billed, boss, "POST", path, {"overlap_s": 60}).json()
    assert terms.items() <= new.items()
    assert new["project"] == old["project"]
    for secret in (old["secret"], new["secret"]):
        answered(billed, question(billed, secret))
    newest = call(billed, boss, "POST", f"/admin/keys/{new['id']}/rotate", {"overlap_s": 0})
    eventually(lambda: question(billed, new["secret"]).status, 401, patience_s=1)
    answered(billed, question(billed, newest.json()["secret"]))
    again = call(billed, boss, "POST", f"/admin/keys/{new['id']}/rotate", {})
    refused(billed, again, 409, "conflict")


def test_a_key_that_is_revoked_is_refused_within_a_second(billed: Service, boss: str) -> None:
    key = made(billed, boss, "keys")
    answered(billed, question(billed, key["secret"]))
    reply = call(billed, boss, "DELETE", f"/admin/keys/{key['id']}")
    assert reply.json()["state"] == "revoked"
    eventually(lambda: question(billed, key["secret"]).status, 401, patience_s=1)
    change = call(billed, boss, "PATCH", f"/admin/keys/{key['id']}", {"models": None})
    refused(billed, change, 409, "conflict")


def test_a_project_that_is_archived_ends_all_its_keys(billed: Service, boss: str) -> None:
    project = made(billed, boss, "projects")["id"]
    keys = [made(billed, boss, "keys", project=project)["secret"] for _ in range(2)]
    for secret in keys:
        answered(billed, question(billed, secret))
    call(billed, boss, "POST", f"/admin/projects/{project}/archive")
    for secret in keys:
        eventually(lambda secret=secret: question(billed, secret).status, 401, patience_s=1)


def test_keys_of_one_project_share_its_files_and_no_others(billed: Service, boss: str) -> None:
    project = made(billed, boss, "projects")["id"]
    one, two = (made(billed, boss, "keys", project=project)["secret"] for _ in range(2))
    stranger = made(billed, boss, "keys")["secret"]
    with openai.OpenAI(base_url=billed.url, api_key=one) as client:
        file_id = client.files.create(file=("a.txt", b"abc"), purpose="user_data").id
    assert call(billed, two, "GET", f"/v1/files/{file_id}/content").body == b"abc"
    reply = call(billed, stranger, "GET", f"/v1/files/{file_id}")
    refused(billed, reply, 404, "file_not_found")


# --- Limits ----------------------------------------------------------------------------------


def test_as_many_as_the_limit_says_and_the_answers_count_down(
    billed: Service, boss: str
) -> None:
    secret = made(billed, boss, "keys", limits={"requests_per_minute": 3})["secret"]
    left = []
    for _ in range(3):
        reply = question(billed, secret)
        answered(billed, reply)
        assert reply.headers["x-ratelimit-limit-requests"] == "3"
        left.append(reply.headers["x-ratelimit-remaining-requests"])
    assert left == ["2", "1", "0"]
    reply = question(billed, secret)
    refused(billed, reply, 429, "rate_limit_exceeded")
    assert 1 <= int(reply.headers["retry-after"]) <= 61
    assert reply.headers["x-ratelimit-remaining-requests"] == "0"
    assert reply.json()["error"]["type"] == "rate_limit_error"
    # Whatever asks no model is not counted, and told all the same.
    seen = call(billed, secret, "GET", "/v1/models")
    assert (seen.status, seen.headers["x-ratelimit-remaining-requests"]) == (200, "0")


def test_of_many_at_once_no_more_than_the_limit_pass(billed: Service, boss: str) -> None:
    secret = made(billed, boss, "keys", limits={"requests_per_minute": 10})["secret"]
    with ThreadPoolExecutor(20) as threads:
        replies = list(threads.map(lambda _: question(billed, secret), range(40)))
    assert sorted(reply.status for reply in replies) == [200] * 10 + [429] * 30


def test_a_project_is_limited_on_one_model(billed: Service, boss: str) -> None:
    project = made(billed, boss, "projects")["id"]
    keys = [made(billed, boss, "keys", project=project)["secret"] for _ in range(2)]
    for secret in keys:
        answered(billed, question(billed, secret, "able"))
    refused(billed, question(billed, keys[0], "able"), 429, "rate_limit_exceeded")
    answered(billed, question(billed, keys[0]))


def test_requests_at_the_same_time_are_limited(billed: Service, boss: str) -> None:
    secret = made(billed, boss, "keys", limits={"concurrent_requests": 2})["secret"]
    with ThreadPoolExecutor(5) as threads:
        replies = list(threads.map(lambda _: question(billed, secret, "late"), range(5)))
    assert sorted(reply.status for reply in replies) == [200, 200, 429, 429, 429]
    (one, *_) = [reply for reply in replies if reply.status == 429]
    refused(billed, one, 429, "concurrency_exceeded")
    answered(billed, question(billed, secret))


def test_tokens_are_limited_by_the_estimate_and_corrected(billed: Service, boss: str) -> None:
    limits = {"output_tokens_per_minute": 150}
    secret = made(billed, boss, "keys", limits=limits)["secret"]
    for _ in range(3):  # each counts with 100 until its answer is there, and with 3 then
        reply = question(billed, secret, max_tokens=100)
        answered(billed, reply)
    assert reply.headers["x-ratelimit-limit-tokens"] == "150"
    assert reply.headers["x-ratelimit-remaining-tokens"] == str(150 - 3 * USED[1])
    refused(billed, question(billed, secret, max_tokens=145), 429, "rate_limit_exceeded")
    never = question(billed, secret, max_tokens=1000)
    refused(billed, never, 429, "rate_limit_exceeded")
    assert never.headers["x-should-retry"] == "false"
    assert "retry-after" not in never.headers


def test_other_limits_hold_from_the_next_moment_on(billed: Service, boss: str) -> None:
    key = made(billed, boss, "keys", limits={"requests_per_minute": 1})
    answered(billed, question(billed, key["secret"]))
    refused(billed, question(billed, key["secret"]), 429, "rate_limit_exceeded")
    path = f"/admin/keys/{key['id']}"
    changed = call(billed, boss, "PATCH", path, {"limits": {"requests_per_minute": 9}})
    assert changed.json()["limits"]["requests_per_minute"] == 9
    eventually(lambda: question(billed, key["secret"]).status, 200, patience_s=1)


# --- Money -----------------------------------------------------------------------------------


def test_an_answer_costs_what_its_model_costs(billed: Service) -> None:
    for stream in (False, True):
        reply = question(billed, billed.key, "dear", stream=stream)
        answered(billed, reply)
        found = row(billed, reply)
        assert (found["status"], found["attempts"]) == (200, 1)
        assert (found["input_tokens"], found["output_tokens"]) == USED
        assert found["cost_micros"] == COST
        assert not found["is_estimated"]


def test_a_budget_covers_what_it_covers_and_not_more(billed: Service, boss: str) -> None:
    project = made(billed, boss, "projects", monthly_budget_micros=3000)
    secret = made(billed, boss, "keys", project=project["id"])["secret"]
    statuses = [question(billed, secret, "dear", max_tokens=50).status for _ in range(20)]
    paid = statuses.count(200)
    # Each holds a little more than 250 beforehand, and costs 827 afterwards.
    assert statuses == [200] * paid + [429] * (20 - paid)
    assert paid == 4
    reply = question(billed, secret, "dear", max_tokens=50)
    refused(billed, reply, 429, "insufficient_quota")
    assert reply.json()["error"]["type"] == "insufficient_quota"
    assert reply.headers["x-should-retry"] == "false"
    path = f"/admin/projects/{project['id']}"
    eventually(lambda: call(billed, boss, "GET", path).json()["held_micros"], 0)
    assert call(billed, boss, "GET", path).json()["spent_micros"] == COST * paid
    answered(billed, question(billed, secret))  # of a model that costs nothing


def test_parallel_requests_do_not_overspend(billed: Service, boss: str) -> None:
    project = made(billed, boss, "projects", monthly_budget_micros=1000)
    secret = made(billed, boss, "keys", project=project["id"])["secret"]
    with ThreadPoolExecutor(10) as threads:
        work = lambda _: question(billed, secret, "dear", max_tokens=90)  # noqa: E731
        replies = list(threads.map(work, range(30)))
    paid = [reply.status for reply in replies].count(200)
    path = f"/admin/projects/{project['id']}"
    eventually(lambda: call(billed, boss, "GET", path).json()["held_micros"], 0)
    assert call(billed, boss, "GET", path).json()["spent_micros"] == COST * paid
    assert 1 <= paid <= 1000 // 450  # each holds at least 450


# --- The ledger ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "status", "tokens"),
    [
        ("status_500", 502, (0, 0)),
        ("cut_without_finish", 502, None),
        ("closed", 502, (0, 0)),
    ],
)
def test_what_failed_is_in_the_ledger_too(
    billed: Service, model: str, status: int, tokens: tuple[int, int] | None
) -> None:
    asked = "leads-away" if model == "closed" else model
    more: dict[str, Any] = {"visus": {"fallbacks": []}} if model == "closed" else {}
    reply = question(billed, billed.key, asked, stream=True, **more)
    found = row(billed, reply)
    assert found["status"] == status
    if tokens is None:
        assert found["is_estimated"]
        assert found["output_tokens"] > 0
    else:
        assert (found["input_tokens"], found["output_tokens"], found["cost_micros"]) == (
            0,
            0,
            0,
        )


def test_what_was_refused_before_is_not(billed: Service) -> None:
    for reply in (
        question(billed, billed.key, "no-such-model"),
        question(billed, billed.key, temperature=9),
    ):
        assert reply.status in {400, 404}
        time.sleep(0.2)
        assert rows(billed, reply.headers["x-request-id"]) == []


def test_who_hangs_up_pays_for_what_was_heard(billed: Service, upstream: Upstream) -> None:
    user = secrets.token_hex(8)
    data = request_bytes(billed, ask("paced", user=user, stream=True))
    with connected(billed, data) as line:
        heard = b""
        while b"content" not in heard:
            heard += line.recv(4096)
        request_id = heard.partition(b"x-request-id: ")[2].partition(b"\r\n")[0].decode()
    eventually(lambda: len(rows(billed, request_id)), 1)
    (found,) = rows(billed, request_id)
    assert (found["status"], found["is_estimated"]) == (499, 1)
    assert found["input_tokens"] > 0


CALLS = [{"index": 0, "id": "c1", "function": {"name": "f" * 20, "arguments": "x" * 380}}]
WRITTEN: list[dict[str, Any]] = [
    {"content": "ö" * 200},
    {"reasoning_content": "x" * 400},
    {"refusal": "x" * 400},
    {"tool_calls": CALLS},
]
"""Deltas of 400 bytes each."""


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("said", WRITTEN, ids=lambda said: next(iter(said)))
def test_all_that_a_model_writes_is_counted_where_its_server_does_not(
    billed: Service, said: dict[str, Any], *, stream: bool
) -> None:
    script = json.dumps([delta(**said), delta(finish="stop"), "data: [DONE]\n\n"])
    reply = billed.post(ask("dictated", user=script, stream=stream))
    answered(billed, reply)
    found = row(billed, reply)
    assert found["is_estimated"]
    assert 80 <= found["output_tokens"] <= 200


def test_usage_is_told_to_the_project_and_to_administrators(billed: Service, boss: str) -> None:
    project = made(billed, boss, "projects")["id"]
    secret = made(billed, boss, "keys", project=project)["secret"]
    for model in ("dear", "dear", "good"):
        row(billed, question(billed, secret, model))
    mine = call(billed, secret, "GET", "/v1/usage?group_by=model&bucket=all").json()
    assert [(one["model"], one["requests"], one["cost_micros"]) for one in mine["data"]] == [
        ("dear", 2, 2 * COST),
        ("good", 1, 0),
    ]
    assert mine["currency"] == "EUR"
    table = call(billed, secret, "GET", "/v2/usage?group_by=model,key&format=csv")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    lines = list(csv.DictReader(io.StringIO(table.body.decode())))
    assert [line["requests"] for line in lines] == ["2", "1"]
    path = f"/admin/usage?project={project}&bucket=hour&group_by=project"
    (everything,) = call(billed, boss, "GET", path).json()["data"]
    assert (everything["project"], everything["requests"]) == (project, 3)
    stranger = call(billed, billed.key, "GET", f"/v1/usage?project={project}&bucket=all")
    assert stranger.headers["x-visus-ignored"] == "project"
    assert stranger.json() != mine
    shown = json.loads(visus(billed, "usage", "--project", project, "--format", "json"))
    assert sum(one["requests"] for one in shown["data"]) == 3
    seen = visus(billed, "usage", "--project", project, "--by", "project,key,model")
    (line,) = [line for line in seen.splitlines() if "dear" in line]  # whole, however wide
    assert project in line
    assert "…" not in line


def test_usage_is_told_by_modality(billed: Service, boss: str) -> None:
    project = made(billed, boss, "projects")["id"]
    secret = made(billed, boss, "keys", project=project)["secret"]
    content = [
        text("?"),
        picture("data:image/png;base64," + base64.b64encode(encode(halves(), "PNG")).decode()),
    ]
    body = {"model": "good", "messages": [{"role": "user", "content": content}]}
    settled = row(billed, call(billed, secret, "POST", "/v1/chat/completions", body))
    # The server tells of fewer tokens than one picture was thought to have.
    assert (settled["image_tokens"], settled["input_tokens"]) == (USED[0], USED[0])
    about = ("usage", "--project", project, "--bucket", "all")
    seen = visus(billed, *about, "--by", "model, modality")
    cells = [re.findall(r"[\w█▉▊▋▌▍▎▏]+", line) for line in seen.splitlines()]
    told = {line[1]: line[2:] for line in cells if line[:1] == ["good"]}
    assert told["text"][:2] == ["0", str(USED[1])]
    assert told["image"][:2] == [str(USED[0]), "0"]
    assert "█" * 24 in seen  # the longest bar
    words = [
        "usage",
        "--by",
        "modality",
        "--format",
        "csv",
        "--state",
        str(billed.folder / "state"),
    ]
    done = subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-m", "visus", *words], capture_output=True, text=True, check=False,
        cwd=ROOT,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert "(--by)" in done.stderr


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("start=yesterday", "start"),
        ("end=2026-13-01", "end"),
        ("start=2026-11-02&end=2026-11-01", "end"),
        ("bucket=week", "bucket"),
        ("group_by=colour", "group_by"),
        ("format=xml", "format"),
    ],
)
def test_what_cannot_be_summed_is_refused(billed: Service, query: str, param: str) -> None:
    reply = billed.get(f"/v1/usage?{query}")
    refused(billed, reply, 400, "invalid_value", param)


def test_no_word_and_no_picture_is_in_the_ledger(billed: Service) -> None:
    row(
        billed,
        question(billed, billed.key, content="PROMPT-CANARY", user="PROMPT-CANARY"),
    )
    state = billed.folder / "state"
    for path in (state / "visus.db", state / "visus.db-wal", *state.glob("ledger/*")):
        assert b"PROMPT-CANARY" not in path.read_bytes()


def test_while_the_database_takes_nothing_its_entries_wait(billed: Service, boss: str) -> None:
    project = made(billed, boss, "projects", monthly_budget_micros=10**9)["id"]
    paying = made(billed, boss, "keys", project=project)["secret"]
    answered(billed, question(billed, paying))
    with closing(sqlite3.connect(billed.folder / "state" / "visus.db")) as database:
        database.execute("BEGIN EXCLUSIVE")
        replies = [question(billed, billed.key) for _ in range(3)]
        money = question(billed, paying, "dear")
        database.rollback()
    for reply in replies:
        answered(billed, reply)
        assert row(billed, reply)["status"] == 200
    refused(billed, money, 503, "storage_unavailable")
    answered(billed, question(billed, paying, "dear"))


def test_a_process_that_is_killed_loses_nothing_that_was_told(
    upstream: Upstream, tmp_path: Path
) -> None:
    config = upstream_config(upstream.port, FAST, PRICED.replace("0.05", "30"))
    service = Service(tmp_path, config, SCRIPTED_KEY="sk-upstream")
    told = [question(service, service.key) for _ in range(5)]
    data = request_bytes(service, ask("paced", stream=True))
    with connected(service, data) as line:
        assert line.recv(100)
        assert rows(service, told[0].headers["x-request-id"]) == []
        service.stop(signal.SIGKILL)
    service = Service(tmp_path, config, SCRIPTED_KEY="sk-upstream")
    try:
        assert [row(service, reply)["status"] for reply in told] == [200] * 5
        with closing(sqlite3.connect(tmp_path / "state" / "visus.db")) as database:
            left = "SELECT count(*) FROM usage_records WHERE lease_until IS NOT NULL"
            assert database.execute(left).fetchone() == (0,)
            given_up = "SELECT count(*) FROM usage_records WHERE status = 499"
            assert database.execute(given_up).fetchone() == (1,)
        assert not list((tmp_path / "state" / "ledger").glob("*.entries"))
        answered(service, question(service, service.key))
    finally:
        service.stop()
