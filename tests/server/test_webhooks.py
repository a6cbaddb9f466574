"""Ends that somebody is told of: signed, at least once, and only where that is allowed."""

import base64
import hashlib
import hmac
import json
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import openai
import pytest
from tests.server.test_batches import ENDPOINT, file_of, line, started
from tests.server.test_keys_and_money import call, eventually, made, visus
from tests.server.test_queue import LATER, PATHS, QUEUE, VARIABLE, ended, later, marked, serving
from tests.support.claims import answered, refused
from tests.support.clocks import Clock
from tests.support.postgres import Postgres
from tests.support.receiver import ELSEWHERE, Heard, Receiver
from tests.support.service import Service, ask
from tests.support.upstream import Upstream

PARAM = "visus.webhook"
MOST = 4
"""Attempts."""
SHARED_LEASE_S = 5


def hooks(*ports: int, more: str = "") -> str:
    """Settings that let webhooks go to 127.0.0.1, and nowhere else inside."""
    return f"""
{QUEUE}
[webhooks]
allow_http = true
ports = [443, {", ".join(map(str, ports))}]
admit_networks = ["127.0.0.1/32"]
max_attempts = {MOST}
first_wait_s = 0.1
max_wait_s = 0.3
connect_s = 0.6
total_s = 0.6
lease_s = 2
look_every_s = 0.1
{more}
"""


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture(scope="module")
def other() -> Iterator[Receiver]:
    """A receiver at another port."""
    with Receiver() as running:
        yield running


@pytest.fixture(scope="module")
def telling(
    receiver: Receiver,
    other: Receiver,
    upstream: Upstream,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    """The service that tells receivers on loopback."""
    media = '[media]\nhosts = { "inner.test" = "127.0.0.2" }\n'
    config = hooks(receiver.port, other.port, more=media)
    with serving(tmp_path_factory.mktemp("telling"), upstream, config) as running:
        yield running


@pytest.fixture(scope="module")
def boss(telling: Service) -> str:
    return visus(telling, "admin", "keys", "create", "boss", "--admin")


@pytest.fixture(scope="module")
def secret(telling: Service) -> str:
    """What signs the webhooks of the service's own project."""
    return secret_of(telling, telling.key)


def secret_of(service: Service, key: str) -> str:
    """A new secret for the project of a key."""
    return visus(service, "admin", "webhooks", "create", project_of(service, key))


def project_of(service: Service, key: str) -> str:
    table = visus(service, "admin", "keys", "list")
    (row,) = [row for row in table.splitlines() if f"…{key[-4:]}" in row]
    return next(word for word in row.split() if word.startswith("proj_"))


def somewhere(receiver: Receiver, answer: str = "204") -> tuple[str, str]:
    """A path that nobody else uses, and its URL."""
    path = f"/{answer}/{secrets.token_hex(8)}"
    return path, receiver.url + path


def told(
    receiver: Receiver, path: str, *, times: int = 1, patience_s: float = 20
) -> list[Heard]:
    """What the receiver heard, once it was told so many times."""
    eventually(lambda: len(receiver.at(path)) >= times, wanted=True, patience_s=patience_s)
    return receiver.at(path)


def webhook_of(service: Service, job_id: str) -> dict[str, Any]:
    return service.get(f"/queue/jobs/{job_id}").json()["webhook"]


def until(
    service: Service, job_id: str, status: str, *, patience_s: float = 20
) -> dict[str, Any]:
    """How telling of the job went, once it stands like this."""
    look = lambda: webhook_of(service, job_id)["status"]  # noqa: E731
    eventually(look, status, patience_s=patience_s)
    return webhook_of(service, job_id)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def fits(heard: Heard, secret: str) -> bool:
    """Whether one of the signatures is by this secret; worked out as the scheme is written."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    head = f"{heard.headers['webhook-id']}.{heard.headers['webhook-timestamp']}."
    found = hmac.new(key, head.encode() + heard.body, hashlib.sha256).digest()
    wanted = f"v1,{base64.b64encode(found).decode()}"
    return wanted in heard.headers["webhook-signature"].split(" ")


# --- What is told ----------------------------------------------------------------------------


def test_the_end_of_a_job_is_told_and_nothing_of_what_was_said(
    telling: Service, receiver: Receiver, secret: str
) -> None:
    path, url = somewhere(receiver)
    mark, body = marked("parrot", visus={"webhook": url})
    job_id = later(telling, body)
    assert webhook_of(telling, job_id)["url"] == url
    (heard,) = told(receiver, path)
    job = ended(telling, job_id)
    assert heard.json() == {
        "id": heard.headers["webhook-id"],
        "object": "event",
        "created_at": job["ended_at"],
        "type": "job.completed",
        "data": {"id": job_id, "status": "completed"},
    }
    assert heard.headers["webhook-id"].startswith("evt_")
    assert heard.headers["content-type"] == "application/json"
    assert heard.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert abs(int(heard.headers["webhook-timestamp"]) - heard.at_s) < 3
    assert fits(heard, secret)
    assert mark not in f"{heard.body!r}{heard.headers}"
    with openai.OpenAI(base_url=telling.url, api_key=telling.key) as client:
        client.webhooks.verify_signature(heard.body.decode(), heard.headers, secret=secret)
        with pytest.raises(openai.InvalidWebhookSignatureError):
            client.webhooks.verify_signature(
                heard.body.decode() + " ", heard.headers, secret=secret
            )
    went = until(telling, job_id, "delivered")
    assert (went["attempts"], went["last_status_code"], went["last_error"]) == (1, 204, None)
    assert went["ended_at"] >= job["ended_at"]
    time.sleep(0.5)
    assert len(receiver.at(path)) == 1
    log = telling.log()
    assert path not in log
    assert secret not in log


def test_every_end_is_told_as_what_it_was(
    telling: Service, receiver: Receiver, secret: str
) -> None:
    ends = {
        "status_500": "failed",
        "silent": "cancelled",
    }
    for model, status in ends.items():
        path, url = somewhere(receiver)
        job_id = later(telling, ask(model, visus={"webhook": url}))
        if status == "cancelled":
            assert webhook_of(telling, job_id)["status"] == "waiting"
            for _ in range(2):
                call(telling, telling.key, "DELETE", f"/queue/jobs/{job_id}")
        (heard,) = told(receiver, path)
        assert heard.json()["type"] == f"job.{status}"
        assert heard.json()["data"] == {"id": job_id, "status": status}
        assert fits(heard, secret)
        until(telling, job_id, "delivered")
        assert len(receiver.at(path)) == 1


def test_a_job_that_expired_is_told_of_too(
    receiver: Receiver, upstream: Upstream, tmp_path: Path
) -> None:
    config = hooks(receiver.port).replace("[queue]", "[queue]\nkeep_s = 3\nworkers = 1")
    with serving(tmp_path, upstream, config) as service:
        secret_of(service, service.key)
        path, url = somewhere(receiver)
        later(service, ask("waits", user="1.4"))
        later(service, ask("waits", user="1.4"))
        later(service, ask("waits", user="1.4"))
        job_id = later(service, ask("good", visus={"webhook": url}))
        (heard,) = told(receiver, path)
        assert heard.json()["type"] == "job.expired"
        assert heard.json()["data"]["id"] == job_id


def test_an_estimate_that_comes_later_is_told_of_and_no_webhook_costs_nothing(
    telling: Service, receiver: Receiver, secret: str
) -> None:
    path, url = somewhere(receiver)
    estimates = "/queue/v1/chat/completions/estimate"
    job_id = later(telling, ask("good", visus={"webhook": url}), estimates)
    (heard,) = told(receiver, path)
    assert heard.json()["data"]["id"] == job_id
    assert fits(heard, secret)
    assert "webhook" not in ended(telling, later(telling, ask("good")))


@pytest.mark.parametrize(
    ("lines", "status"),
    [((line("a", ask("good")), line("b", ask("status_500"))), "completed"), (("{",), "failed")],
)
def test_the_end_of_a_batch_is_an_event_of_the_stock_client(
    telling: Service, receiver: Receiver, secret: str, lines: Any, status: str
) -> None:
    path, url = somewhere(receiver)
    with openai.OpenAI(base_url=telling.url, api_key=telling.key, max_retries=0) as client:
        file = client.files.create(file=("in.jsonl", file_of(*lines)), purpose="batch")
        batch = client.batches.create(
            input_file_id=file.id,
            endpoint=ENDPOINT,
            completion_window="24h",
            extra_body={"visus": {"webhook": url}},
        )
        (heard,) = told(receiver, path)
        read = client.webhooks.unwrap(heard.body.decode(), heard.headers, secret=secret)
        assert (read.type, read.data.id) == (f"batch.{status}", batch.id)
        assert client.batches.retrieve(batch.id).status == status
    shown = telling.get(f"/v1/batches/{batch.id}").json()["webhook"]
    assert (shown["url"], shown["attempts"]) == (url, 1)
    listed = telling.get("/v1/batches?limit=1").json()["data"][0]["webhook"]
    assert listed["url"] == url


def test_a_batch_that_is_cancelled_or_expires_is_told_of(
    receiver: Receiver, upstream: Upstream, tmp_path: Path
) -> None:
    clock, config = (
        Clock(tmp_path),
        hooks(receiver.port, more="").replace("[webhooks]", "workers = 1\n[webhooks]", 1),
    )
    with (
        serving(tmp_path, upstream, config, **clock.environment) as service,
        openai.OpenAI(base_url=service.url, api_key=service.key, max_retries=0) as client,
    ):
        secret = secret_of(service, service.key)
        for status in ("cancelled", "expired"):
            path, url = somewhere(receiver)
            lines = [line(str(number), ask("late")) for number in range(30)]
            batch = started(client, *lines, extra_body={"visus": {"webhook": url}})
            if status == "cancelled":
                client.batches.cancel(batch.id)
            else:
                clock.jump(86_400 + 60)
            (heard,) = told(receiver, path)
            assert (heard.json()["type"], heard.json()["data"]["id"]) == (
                f"batch.{status}", batch.id,
            )  # fmt: skip
            assert fits(heard, secret)
            assert client.batches.retrieve(batch.id).status == status


# --- What is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://{here}:9/x",  # a port that is not open
        "http://user:word@{here}:{port}/x",
        "ftp://{here}/x",
        "https://localhost/x",
        "https://10.0.0.1/x",
        "https://127.0.0.2/x",
        "https://169.254.169.254/latest",
        "https://[::1]/x",
        "https://[::ffff:10.0.0.1]/x",
        "https://0x0a000001/x",
        "https://metadata.google.internal/x",
        "https://example.com/" + "x" * 2048,
        "https://exa mple.com/",
        "",
        "{upstream}",
        "{own}",
    ],
)
def test_nobody_is_told_where_we_may_not_go(
    telling: Service, receiver: Receiver, upstream: Upstream, secret: str, url: str
) -> None:
    assert secret
    before = receiver.connections
    written = (
        url.replace("{here}", "127.0.0.1")
        .replace("{port}", str(receiver.port))
        .replace("{upstream}", f"http://127.0.0.1:{upstream.port}/x")
        .replace("{own}", f"http://127.0.0.1:{telling.port}/x")
    )
    reply = telling.post(ask("good", visus={"webhook": written}), path=PATHS[0], **LATER)
    refused(telling, reply, 400, "invalid_value", PARAM)
    body = {
        "input_file_id": telling.upload(b"x"),
        "endpoint": ENDPOINT,
        "completion_window": "24h",
        "visus": {"webhook": written},
    }
    assert telling.post(body, path="/v1/batches").status == 400
    assert receiver.connections == before


def test_a_name_that_leads_inside_is_not_connected_to(
    telling: Service, receiver: Receiver, secret: str
) -> None:
    assert secret
    with Receiver("127.0.0.2", receiver.port) as inner:
        url = f"http://inner.test:{inner.port}/204/x"
        job_id = later(telling, ask("good", visus={"webhook": url}))
        went = until(telling, job_id, "failed")
        assert (went["attempts"], went["last_status_code"], went["last_error"]) == (
            MOST,
            None,
            "unreachable",
        )
        assert inner.connections == 0


def test_without_the_setting_nothing_goes_in_the_clear(service: Service) -> None:
    secret_of(service, service.key)
    for url in ("http://example.com/", "http://example.com:443/"):
        reply = service.post(ask("good", visus={"webhook": url}), path=PATHS[0], **LATER)
        refused(service, reply, 400, "invalid_value", PARAM)


def test_a_webhook_needs_a_secret_and_something_to_tell_of(
    telling: Service, receiver: Receiver, boss: str, secret: str
) -> None:
    assert secret
    _, url = somewhere(receiver)
    body = ask("good", visus={"webhook": url})
    stranger = made(telling, boss, "keys")["secret"]
    reply = telling.post(body, path=PATHS[0], **bearer(stranger), **LATER)
    refused(telling, reply, 400, "invalid_value", PARAM)
    assert "no secret" in reply.json()["detail"]
    for path in ("/v1/chat/completions", PATHS[0], "/v1/chat/completions/estimate"):
        reply = telling.post(body, path=path)
        refused(telling, reply, 400, "unsupported_parameter", PARAM)


def test_a_line_of_a_batch_has_no_webhook_of_its_own(
    telling: Service, receiver: Receiver, secret: str
) -> None:
    assert secret
    path, url = somewhere(receiver)
    with openai.OpenAI(base_url=telling.url, api_key=telling.key, max_retries=0) as client:
        lines = file_of(line("a", ask("good", visus={"webhook": url})))
        file = client.files.create(file=("in.jsonl", lines), purpose="batch")
        batch = client.batches.create(
            input_file_id=file.id, endpoint=ENDPOINT, completion_window="24h"
        )
        eventually(lambda: client.batches.retrieve(batch.id).status, "completed")
        errors = client.batches.retrieve(batch.id).error_file_id
        assert errors is not None
        (bad,) = map(json.loads, client.files.content(errors).text.splitlines())
    error = bad["response"]["body"]["error"]
    assert (error["code"], error["param"]) == ("unsupported_parameter", PARAM)
    assert receiver.at(path) == []


# --- Receivers that fail ---------------------------------------------------------------------


def test_who_does_not_hear_is_told_again_under_the_same_id(
    telling: Service, receiver: Receiver, secret: str
) -> None:
    path, url = somewhere(receiver, "500,reset,204")
    job_id = later(telling, ask("good", visus={"webhook": url}))
    heard = told(receiver, path, times=3)
    assert len({one.headers["webhook-id"] for one in heard}) == 1
    assert len({one.body for one in heard}) == 1
    assert all(fits(one, secret) for one in heard)
    waits = [after.at_s - one.at_s for one, after in pairwise(heard)]
    assert waits[0] >= 0.09
    assert waits[1] >= 0.29
    went = until(telling, job_id, "delivered")
    assert (went["attempts"], went["last_status_code"], went["last_error"]) == (3, 204, None)


@pytest.mark.parametrize(
    ("answer", "last"),
    [
        ("500", (500, "refused")),
        ("302", (302, "refused")),
        ("404", (404, "refused")),
        ("hang", (None, "unreachable")),
        ("reset", (None, "unreachable")),
        ("garbage", (None, "unreachable")),
    ],
)
def test_who_never_hears_is_given_up_and_the_job_says_so(
    telling: Service,
    receiver: Receiver,
    secret: str,
    answer: str,
    last: tuple[int | None, str],
) -> None:
    assert secret
    path, url = somewhere(receiver, answer)
    job_id = later(telling, ask("good", visus={"webhook": url}))
    ended(telling, job_id)
    seen = webhook_of(telling, job_id)
    assert seen["status"] == "pending"
    went = until(telling, job_id, "failed")
    assert went == {
        "url": url,
        "status": "failed",
        "attempts": MOST,
        "last_status_code": last[0],
        "last_error": last[1],
        "next_attempt_at": None,
        "ended_at": went["ended_at"],
    }
    time.sleep(0.6)
    assert 1 <= len(receiver.at(path)) <= MOST  # one may run out of time before it is heard
    assert receiver.at(ELSEWHERE) == []
    assert ended(telling, job_id)["status"] == "completed"


def test_an_answer_without_end_is_not_read(
    telling: Service, receiver: Receiver, secret: str
) -> None:
    assert secret
    path, url = somewhere(receiver, "endless")
    job_id = later(telling, ask("good", visus={"webhook": url}))
    assert until(telling, job_id, "delivered")["attempts"] == 1
    assert len(receiver.at(path)) == 1


def test_who_is_gone_is_not_told_again(
    telling: Service, receiver: Receiver, secret: str
) -> None:
    assert secret
    path, url = somewhere(receiver, "410")
    job_id = later(telling, ask("good", visus={"webhook": url}))
    went = until(telling, job_id, "failed")
    assert (went["attempts"], went["last_status_code"]) == (1, 410)
    assert len(receiver.at(path)) == 1


def test_who_hangs_holds_up_nobody_else(
    telling: Service, receiver: Receiver, other: Receiver, secret: str
) -> None:
    assert secret
    slow = [somewhere(receiver, "hang") for _ in range(20)]
    for _, url in slow:
        answered_later = telling.post(
            ask("good", visus={"webhook": url}), path=PATHS[0], **LATER
        )
        assert answered_later.status in {202, 429}
    eventually(lambda: sum(len(receiver.at(path)) for path, _ in slow) >= 4, wanted=True)
    path, url = somewhere(other)
    later(telling, ask("good", visus={"webhook": url}))
    told(other, path)
    assert any(len(receiver.at(path)) < MOST for path, _ in slow)
    eventually(lambda: all(receiver.at(path) for path, _ in slow), wanted=True, patience_s=25)


# --- Secrets ---------------------------------------------------------------------------------


def test_a_secret_is_replaced_with_an_overlap_and_shown_once(
    telling: Service, receiver: Receiver, boss: str
) -> None:
    project = made(telling, boss, "projects")["id"]
    key = made(telling, boss, "keys", project=project)["secret"]
    secrets_url = f"/admin/projects/{project}/webhook-secrets"

    def new(overlap_s: int) -> dict[str, Any]:
        body = {"overlap_s": overlap_s}
        return answered(telling, call(telling, boss, "POST", secrets_url, body))

    def heard_by() -> list[bool]:
        path, url = somewhere(receiver)
        body, headers = ask("good", visus={"webhook": url}), bearer(key)
        assert telling.post(body, path=PATHS[0], **headers, **LATER).status == 202
        (heard,) = told(receiver, path)
        fit = [fits(heard, one["secret"]) for one in made_here]
        assert len(heard.headers["webhook-signature"].split(" ")) == sum(fit)
        return fit

    made_here = [new(60)]
    assert heard_by() == [True]
    made_here.append(new(60))
    assert heard_by() == [True, True]
    made_here.append(new(60))
    assert heard_by() == [False, True, True]
    call(telling, boss, "DELETE", f"{secrets_url}/{made_here[1]['id']}")
    assert heard_by() == [False, False, True]
    made_here.append(new(0))
    assert heard_by() == [False, False, False, True]
    shown = answered(telling, call(telling, boss, "GET", secrets_url))["data"]
    assert [one["id"] for one in shown] == [one["id"] for one in made_here]
    assert {one["secret"] for one in shown} == {None}
    assert [one["ends_in"] for one in shown] == [one["secret"][-4:] for one in made_here]
    gone = call(telling, boss, "DELETE", f"{secrets_url}/whs_0")
    refused(telling, gone, 404, "not_found")
    nowhere = call(telling, boss, "POST", "/admin/projects/proj_0/webhook-secrets", {})
    refused(telling, nowhere, 404, "not_found")
    log = telling.log()
    assert not [one for one in made_here if one["secret"] in log]


def test_without_a_secret_left_nothing_is_sent_unsigned(
    telling: Service, receiver: Receiver, boss: str
) -> None:
    project = made(telling, boss, "projects")["id"]
    key = made(telling, boss, "keys", project=project)["secret"]
    secrets_url = f"/admin/projects/{project}/webhook-secrets"
    secret_id = call(telling, boss, "POST", secrets_url, {}).json()["id"]
    path, url = somewhere(receiver)
    body, headers = ask("silent", visus={"webhook": url}), bearer(key)
    job_id = telling.post(body, path=PATHS[0], **headers, **LATER).json()["id"]
    call(telling, boss, "DELETE", f"{secrets_url}/{secret_id}")

    def look() -> Any:
        shown = call(telling, key, "GET", f"/queue/jobs/{job_id}").json()["webhook"]
        return shown["status"], shown["last_error"]

    eventually(look, ("failed", "no_secret"))
    assert receiver.at(path) == []


def test_the_command_line_makes_lists_and_ends_secrets(telling: Service, boss: str) -> None:
    project = made(telling, boss, "projects")["id"]
    words = ("admin", "webhooks")
    secret = visus(telling, *words, "create", project)
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    table = visus(telling, *words, "list", project)
    assert f"…{secret[-4:]}" in table
    assert secret not in table
    secret_id = next(word for word in table.split() if word.startswith("whs_"))
    visus(telling, *words, "revoke", project, secret_id)
    with pytest.raises(AssertionError, match="no valid secret"):
        visus(telling, *words, "revoke", project, secret_id)
    with pytest.raises(AssertionError, match="no project"):
        visus(telling, *words, "create", "proj_0")


# --- Crashes ---------------------------------------------------------------------------------


def being_told(service: Service, receiver: Receiver) -> tuple[str, str]:
    """A job whose receiver hangs, and the path there."""
    path, url = somewhere(receiver, "hang,204")
    job_id = later(service, ask("good", visus={"webhook": url}))
    told(receiver, path)
    return job_id, path


def test_a_process_that_is_killed_while_it_tells_tells_again(
    upstream: Upstream, receiver: Receiver, tmp_path: Path
) -> None:
    config = hooks(receiver.port).replace("total_s = 0.6", "total_s = 1")
    with serving(tmp_path, upstream, config) as service:
        secret = secret_of(service, service.key)
        job_id, path = being_told(service, receiver)
        service.stop(signal.SIGKILL)
    with serving(tmp_path, upstream, config) as service:
        one, two = told(receiver, path, times=2)
        assert (one.headers["webhook-id"], one.body) == (two.headers["webhook-id"], two.body)
        assert fits(two, secret)
        assert until(service, job_id, "delivered")["attempts"] == 2


def test_a_process_that_is_killed_before_it_tells_has_told_nobody_nothing(
    upstream: Upstream, receiver: Receiver, tmp_path: Path
) -> None:
    patient = hooks(receiver.port).replace("look_every_s = 0.1", "look_every_s = 60")
    with serving(tmp_path, upstream, patient) as service:
        secret_of(service, service.key)
        path, url = somewhere(receiver)
        job_id = later(service, ask("good", visus={"webhook": url}))
        ended(service, job_id)
        assert webhook_of(service, job_id)["status"] == "pending"
        service.stop(signal.SIGKILL)
    assert receiver.at(path) == []
    with serving(tmp_path, upstream, hooks(receiver.port)) as service:
        told(receiver, path)
        until(service, job_id, "delivered")


def test_a_process_that_stops_gives_up_at_once_what_it_was_telling(
    upstream: Upstream, receiver: Receiver, tmp_path: Path
) -> None:
    config = hooks(receiver.port).replace("total_s = 0.6", "total_s = 30")
    config = config.replace("\nlease_s = 2\n", "\nlease_s = 600\n")
    with serving(tmp_path, upstream, config) as service:
        secret_of(service, service.key)
        job_id, path = being_told(service, receiver)
    with serving(tmp_path, upstream, config) as service:
        told(receiver, path, times=2)
        assert until(service, job_id, "delivered")["attempts"] == 2


@pytest.mark.parametrize("trouble", ["away", "frozen"])
def test_a_process_that_stops_without_its_database_ends_and_another_tells(
    trouble: str, upstream: Upstream, receiver: Receiver, tmp_path: Path
) -> None:
    impatient = "[accounts.postgresql]\nconnect_timeout_s = 2\nstatement_timeout_s = 0.5\n"
    config = hooks(receiver.port, more=impatient).replace("total_s = 0.6", "total_s = 4")
    config = config.replace("\nlease_s = 2\n", "\nlease_s = 8\n")
    with closing(Postgres()) as server:
        url = server.url(server.database())
        with serving(tmp_path, upstream, config, **{VARIABLE: url}) as service:
            shared_secret(service, {VARIABLE: url})
            job_id, path = being_told(service, receiver)
            with getattr(server, trouble)():
                assert service.stop() == 0
            logged = service.log()
            if trouble == "away":
                assert '"event":"a webhook waits for the end of its lease"' in logged
            assert "Traceback" not in logged
        with serving(tmp_path, upstream, config, **{VARIABLE: url}) as service:
            told(receiver, path, times=2)
            assert until(service, job_id, "delivered")["attempts"] == 2


@pytest.fixture
def shared(postgres: Postgres) -> dict[str, str]:
    """What tells a process of the database that all of a test share."""
    return {VARIABLE: postgres.url(postgres.database())}


@pytest.fixture
def replicas(
    shared: dict[str, str], upstream: Upstream, receiver: Receiver, tmp_path: Path
) -> Iterator[list[Service]]:
    """Two services that share one database."""
    patient = hooks(receiver.port).replace("_s = 0.6", "_s = 2.5")
    patient = patient.replace("\nlease_s = 2\n", f"\nlease_s = {SHARED_LEASE_S}\n")
    with ExitStack() as stack:
        running: list[Service] = []
        for name in ("one", "two"):
            folder = tmp_path / name
            folder.mkdir()
            service = serving(folder, upstream, patient, **shared)
            running.append(stack.enter_context(service))
        running[1].key = running[0].key
        yield running


def shared_secret(service: Service, shared: dict[str, str]) -> str:
    """What signs the webhooks of the service's own project, made by HTTP."""
    boss = visus(service, "admin", "keys", "create", "boss", "--admin", **shared)
    keys = call(service, boss, "GET", "/admin/keys").json()["data"]
    project = next(one["project"] for one in keys if one["ends_in"] == service.key[-4:])
    secrets_url = f"/admin/projects/{project}/webhook-secrets"
    return call(service, boss, "POST", secrets_url, {}).json()["secret"]


def test_replicas_share_the_telling_and_tell_nothing_twice(
    replicas: list[Service], receiver: Receiver, shared: dict[str, str]
) -> None:
    secret = shared_secret(replicas[0], shared)
    places = [somewhere(receiver) for _ in range(20)]
    for number, (_, url) in enumerate(places):
        later(replicas[number % 2], ask("good", visus={"webhook": url}))
    for path, _ in places:
        (heard,) = told(receiver, path)
        assert fits(heard, secret)
    time.sleep(SHARED_LEASE_S + 0.5)
    assert [len(receiver.at(path)) for path, _ in places] == [1] * 20


def test_another_replica_tells_what_one_that_died_was_telling(
    replicas: list[Service], receiver: Receiver, shared: dict[str, str]
) -> None:
    one, two = replicas
    secret = shared_secret(one, shared)
    places = [somewhere(receiver, "hang,204") for _ in range(4)]
    ids = [later(one, ask("good", visus={"webhook": url})) for _, url in places]
    for path, _ in places:
        told(receiver, path)
    one.stop(signal.SIGKILL)
    for path, _ in places:
        assert fits(told(receiver, path, times=2)[-1], secret)
    for job_id in ids:
        until(two, job_id, "delivered")
