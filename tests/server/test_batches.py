"""Batches as the stock client of OpenAI's uses them."""

import json
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types import Batch
from tests.server.test_keys_and_money import call, eventually, made, visus
from tests.server.test_queue import QUEUE, VARIABLE, asked_of, serving
from tests.support.claims import refused
from tests.support.clocks import Clock
from tests.support.postgres import Postgres
from tests.support.service import Service, ask
from tests.support.upstream import Upstream

ENDPOINT = "/v1/chat/completions"
DAY_S = 86_400
DONE = {"completed", "failed", "cancelled", "expired"}


@pytest.fixture(scope="module")
def batching(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service with short leases."""
    config = QUEUE + "max_batch_lines = 200\nmax_batches_per_project = 3\n"
    with serving(tmp_path_factory.mktemp("batching"), upstream, config) as running:
        yield running


@pytest.fixture(scope="module")
def boss(batching: Service) -> str:
    return visus(batching, "admin", "keys", "create", "boss", "--admin")


@pytest.fixture
def client(batching: Service) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=batching.url, api_key=batching.key, max_retries=0) as made_here:
        yield made_here


def line(custom_id: str, body: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"custom_id": custom_id, "method": "POST", "url": ENDPOINT, "body": body} | more


def file_of(*lines: dict[str, Any] | str) -> bytes:
    written = [one if isinstance(one, str) else json.dumps(one) for one in lines]
    return "\n".join(written).encode()


def started(client: openai.OpenAI, *lines: dict[str, Any] | str, **more: Any) -> Batch:
    file = client.files.create(file=("in.jsonl", file_of(*lines)), purpose="batch")
    return client.batches.create(
        input_file_id=file.id, endpoint=ENDPOINT, completion_window="24h", **more
    )


def ended(client: openai.OpenAI, batch: Batch, *, patience_s: float = 15) -> Batch:
    end_s = time.monotonic() + patience_s
    while (now := client.batches.retrieve(batch.id)).status not in DONE:
        assert time.monotonic() < end_s, now
        time.sleep(0.05)
    return now


def lines_of(client: openai.OpenAI, file_id: str | None) -> list[dict[str, Any]]:
    assert file_id is not None
    return [json.loads(one) for one in client.files.content(file_id).text.splitlines()]


def counts(batch: Batch) -> tuple[int, int, int]:
    assert batch.request_counts is not None
    return (
        batch.request_counts.total,
        batch.request_counts.completed,
        batch.request_counts.failed,
    )


# --- Whole -----------------------------------------------------------------------------------


def test_a_batch_from_its_file_to_its_files(client: openai.OpenAI, batching: Service) -> None:
    metadata = {"nightly": "yes"}
    lines = [line(f"good-{number}", ask("good")) for number in range(20)]
    lines += [line("wrong", ask("good", temperature=9)), line("broken", ask("status_500"))]
    batch = started(client, *lines, metadata=metadata)
    assert (batch.object, batch.status, batch.endpoint) == ("batch", "validating", ENDPOINT)
    assert (batch.metadata, batch.completion_window) == (metadata, "24h")
    batch = ended(client, batch)
    assert (batch.status, counts(batch), batch.errors) == ("completed", (22, 20, 2), None)
    moments = (batch.created_at, batch.in_progress_at, batch.finalizing_at, batch.completed_at)
    assert list(moments) == sorted(one for one in moments if one is not None)
    assert batch.expires_at == batch.created_at + 86_400
    good = lines_of(client, batch.output_file_id)
    assert [one["custom_id"] for one in good] == [f"good-{number}" for number in range(20)]
    for one in good:
        assert one["id"].startswith("batch_req_")
        assert (one["error"], one["response"]["status_code"]) == (None, 200)
        assert one["response"]["request_id"].startswith("req_")
        assert one["response"]["body"]["choices"][0]["message"]["content"]
    bad = {one["custom_id"]: one["response"] for one in lines_of(client, batch.error_file_id)}
    assert [one["status_code"] for one in bad.values()] == [400, 502]
    assert bad["wrong"]["body"]["error"]["param"] == "temperature"
    for file_id in (batch.output_file_id, batch.error_file_id):
        assert file_id is not None
        file = client.files.retrieve(file_id)
        assert (file.purpose, file.expires_at) == (
            "batch_output",
            file.created_at + 2_592_000,
        )


@pytest.mark.parametrize("seconds", [3600, 2_592_000])
def test_its_files_are_kept_as_long_as_it_says(client: openai.OpenAI, seconds: int) -> None:
    lines = [line("good", ask("good")), line("wrong", ask("good", temperature=9))]
    expiry = {"anchor": "created_at", "seconds": seconds}
    batch = ended(client, started(client, *lines, output_expires_after=expiry))
    for file_id in (batch.output_file_id, batch.error_file_id):
        assert file_id is not None
        file = client.files.retrieve(file_id)
        assert file.expires_at == file.created_at + seconds


def test_its_counts_move_while_it_runs(client: openai.OpenAI) -> None:
    batch = started(client, *(line(str(number), ask("late")) for number in range(8)))
    seen = set()
    while (now := client.batches.retrieve(batch.id)).status not in DONE:
        seen.add(counts(now)[1])
        time.sleep(0.05)
    assert counts(now) == (8, 8, 0)
    assert len(seen) >= 2


@pytest.mark.parametrize(
    ("lines", "errors"),
    [
        (
            (line("a", ask("good")), "{not json", line("a", ask("good"))),
            [("invalid_json_line", 2, None), ("duplicate_custom_id", 3, "custom_id")],
        ),
        (("", "  "), [("empty_file", None, None)]),
        (
            (line("a", {}, method="GET"), line("b", {}, url="/v1/embeddings")),
            [("invalid_method", 1, "method"), ("mismatched_url", 2, "url")],
        ),
        (('{"custom_id": "a"}',), [("missing_required_parameter", 1, "method")]),
        ((line("", {}),), [("invalid_value", 1, "custom_id")]),
        ((line("a\0b", ask("good")),), [("invalid_value", 1, "custom_id")]),
        (
            (line("a", ask("good", stream=True)),),
            [("unsupported_parameter", 1, "body.stream")],
        ),
        (
            [line(str(number), {}) for number in range(201)],
            [("too_many_requests", 201, None)],
        ),
    ],
)
def test_a_file_with_a_wrong_line_is_refused_by_its_number(
    client: openai.OpenAI,
    upstream: Upstream,
    lines: Any,
    errors: list[tuple[str, int | None, str | None]],
) -> None:
    before = len(upstream.asked)
    batch = ended(client, started(client, *lines))
    assert (batch.status, counts(batch)) == ("failed", (0, 0, 0))
    assert batch.errors is not None
    assert batch.errors.data is not None
    found = [(one.code, one.line, one.param) for one in batch.errors.data]
    assert found == errors
    assert all(one.message for one in batch.errors.data)
    assert (batch.output_file_id, batch.error_file_id) == (None, None)
    assert batch.failed_at is not None
    assert len(upstream.asked) == before


@pytest.mark.parametrize(
    ("change", "status", "code", "param"),
    [
        ({"input_file_id": "file-x"}, 404, "file_not_found", "input_file_id"),
        ({"endpoint": "/v1/embeddings"}, 400, "invalid_value", "endpoint"),
        ({"completion_window": "1h"}, 400, "invalid_value", "completion_window"),
        ({"metadata": {"a": 1}}, 400, "invalid_value", "metadata"),
        ({"metadata": {"k" * 65: "v"}}, 400, "invalid_value", "metadata"),
        *(
            (
                {"output_expires_after": {"anchor": anchor, "seconds": seconds}},
                400,
                "invalid_value",
                f"output_expires_after.{field}",
            )
            for anchor, seconds, field in (
                ("created_at", 3599, "seconds"),
                ("created_at", 2_592_001, "seconds"),
                ("last_active_at", 3600, "anchor"),
            )
        ),
        (
            {"output_expires_after": {"anchor": "created_at"}},
            400,
            "missing_required_parameter",
            "output_expires_after.seconds",
        ),
    ],
)
def test_what_cannot_be_a_batch_is_refused(
    batching: Service, change: dict[str, Any], status: int, code: str, param: str
) -> None:
    body = {"input_file_id": "file-x", "endpoint": ENDPOINT, "completion_window": "24h"}
    refused(batching, batching.post(body | change, path="/v1/batches"), status, code, param)


def test_a_file_for_something_else_is_not_taken(batching: Service) -> None:
    file_id = batching.upload(file_of(line("a", ask("good"))))
    body = {"input_file_id": file_id, "endpoint": ENDPOINT, "completion_window": "24h"}
    reply = batching.post(body, path="/v2/batches")
    refused(batching, reply, 400, "invalid_value", "input_file_id")


# --- Whose, and how many ---------------------------------------------------------------------


def test_batches_are_their_projects_and_listed_newest_first(
    batching: Service, boss: str
) -> None:
    one, stranger = (made(batching, boss, "keys")["secret"] for _ in range(2))
    with openai.OpenAI(base_url=batching.url, api_key=one) as client:
        batches = [ended(client, started(client, line("a", ask("good")))) for _ in range(5)]
        page = client.batches.list(limit=2)
        assert [it.id for it in page.data] == [it.id for it in batches[:2:-1]]
        assert page.has_more
        assert [it.id for it in client.batches.list(limit=2)] == [
            it.id for it in reversed(batches)
        ]
    with openai.OpenAI(base_url=batching.url, api_key=stranger) as other:
        assert list(other.batches.list()) == []
        file_id = batches[0].output_file_id
        assert file_id is not None
        with pytest.raises(openai.NotFoundError):
            other.files.content(file_id)
    for method, tail in (("GET", ""), ("POST", "/cancel")):
        path = f"/v1/batches/{batches[0].id}{tail}"
        reply = call(batching, stranger, method, path)
        refused(batching, reply, 404, "batch_not_found")
    refused(batching, batching.get("/v1/batches?limit=0"), 400, "invalid_value", "limit")
    refused(batching, batching.get("/v1/batches?after=x"), 400, "invalid_value", "after")


def test_so_many_at_once_and_not_more(batching: Service, boss: str) -> None:
    secret = made(batching, boss, "keys")["secret"]
    with openai.OpenAI(base_url=batching.url, api_key=secret, max_retries=0) as client:
        batches = [started(client, line("a", ask("late"))) for _ in range(3)]
        with pytest.raises(openai.RateLimitError, match="At most 3"):
            started(client, line("a", ask("late")))
        for batch in batches:
            assert ended(client, batch).status == "completed"


# --- Ends ------------------------------------------------------------------------------------


def test_a_batch_that_is_cancelled_keeps_what_was_answered(
    client: openai.OpenAI, upstream: Upstream
) -> None:
    mark = secrets.token_hex(8)
    lines = [line(str(number), ask("late", mark)) for number in range(40)]
    batch = started(client, *lines)
    eventually(lambda: counts(client.batches.retrieve(batch.id))[1] >= 4, wanted=True)
    assert client.batches.cancel(batch.id).status in {"cancelling", "cancelled"}
    batch = ended(client, batch)
    assert batch.status == "cancelled"
    assert batch.cancelled_at is not None
    good = lines_of(client, batch.output_file_id)
    assert len(good) == counts(batch)[1] >= 4
    rest = lines_of(client, batch.error_file_id)
    assert len(good) + len(rest) == 40
    assert {one["error"]["code"] for one in rest} == {"batch_cancelled"}
    asked = asked_of(upstream, mark)
    time.sleep(1.5)
    assert asked_of(upstream, mark) == asked < 20
    with pytest.raises(openai.ConflictError):
        client.batches.cancel(ended(client, started(client, line("a", ask("good")))).id)


def test_a_batch_that_expires_keeps_what_was_answered(
    upstream: Upstream, tmp_path: Path
) -> None:
    clock, config = Clock(tmp_path), QUEUE + "workers = 1\n"
    mark = secrets.token_hex(8)
    with (
        serving(tmp_path, upstream, config, **clock.environment) as service,
        openai.OpenAI(base_url=service.url, api_key=service.key, max_retries=0) as client,
    ):
        lines = [line(str(number), ask("late", mark)) for number in range(30)]
        batch = started(client, *lines)
        eventually(
            lambda: counts(client.batches.retrieve(batch.id))[1] >= 3,
            wanted=True,
            patience_s=20,
        )
        clock.jump(DAY_S - 60)
        time.sleep(1.5)
        assert client.batches.retrieve(batch.id).status == "in_progress"
        clock.jump(DAY_S + 60)
        batch = ended(client, batch)
        assert batch.status == "expired"
        assert batch.expired_at is not None
        assert batch.expires_at is not None
        assert batch.expired_at >= batch.expires_at
        good = lines_of(client, batch.output_file_id)
        assert len(good) == counts(batch)[1] >= 3
        assert {one["response"]["status_code"] for one in good} == {200}
        rest = lines_of(client, batch.error_file_id)
        assert {one["error"]["code"] for one in rest} == {"batch_expired"}
        assert {one["response"] for one in rest} == {None}
        known = sorted(int(one["custom_id"]) for one in [*good, *rest])
        assert known == list(range(30))
        assert counts(batch) == (30, len(good), len(rest))
        asked = asked_of(upstream, mark)
        time.sleep(1.5)
        assert asked_of(upstream, mark) == asked < 30


def test_answers_that_are_larger_than_any_upload_may_be_are_kept(
    upstream: Upstream, tmp_path: Path
) -> None:
    narrow = QUEUE + "[files]\nmax_bytes = 3000\nmax_owner_bytes = 4000\nmax_owner_files = 1\n"
    with serving(tmp_path, upstream, narrow) as service:
        client = openai.OpenAI(base_url=service.url, api_key=service.key, max_retries=0)
        with client:
            batch = started(client, *(line(str(n), ask("good")) for n in range(15)))
            batch = ended(client, batch)
            assert batch.status == "completed"
            answers = lines_of(client, batch.output_file_id)
            assert len(answers) == 15
            assert sum(len(json.dumps(one)) for one in answers) > 4000
            with pytest.raises(openai.APIStatusError) as caught:  # there is no room for more
                client.files.create(file=("x.jsonl", b"{}"), purpose="batch")
            assert caught.value.code == "file_too_large"
            for file_id in (batch.input_file_id, str(batch.output_file_id)):
                client.files.delete(file_id)
            client.files.create(file=("x.jsonl", b"{}"), purpose="batch")


def test_no_line_of_a_batch_is_a_job_of_anybodys(
    client: openai.OpenAI, batching: Service
) -> None:
    batch = ended(client, started(client, line("a", ask("good"))))
    (good,) = lines_of(client, batch.output_file_id)
    job_id = good["id"].replace("batch_req_", "job_")
    refused(batching, batching.get(f"/queue/jobs/{job_id}"), 404, "job_not_found")


# --- Crashes ---------------------------------------------------------------------------------


def half_way(service: Service, upstream: Upstream) -> tuple[str, Batch]:
    """A batch of which some lines are answered when the process is killed."""
    mark = secrets.token_hex(8)
    with openai.OpenAI(base_url=service.url, api_key=service.key) as client:
        batch = started(client, *(line(str(number), ask("late", mark)) for number in range(16)))
        eventually(lambda: counts(client.batches.retrieve(batch.id))[1] >= 4, wanted=True)
    service.stop(signal.SIGKILL)
    return mark, batch


def whole(service: Service, upstream: Upstream, mark: str, batch: Batch) -> None:
    with openai.OpenAI(base_url=service.url, api_key=service.key) as client:
        batch = ended(client, batch, patience_s=25)
        assert (batch.status, counts(batch)) == ("completed", (16, 16, 0))
        good = lines_of(client, batch.output_file_id)
        assert [one["custom_id"] for one in good] == [str(number) for number in range(16)]
        asked = asked_of(upstream, mark)
        assert asked <= 16 + 4  # those that were under way
        time.sleep(2)
        assert asked_of(upstream, mark) == asked
        assert client.batches.retrieve(batch.id) == batch


def test_a_file_that_is_deleted_before_it_is_read_is_the_one_fault_named(
    upstream: Upstream, tmp_path: Path
) -> None:
    with (
        serving(tmp_path, upstream, "[queue]\nworkers = 0\n") as service,
        openai.OpenAI(base_url=service.url, api_key=service.key) as client,
    ):
        batch = started(client, line("1", ask("good")))
        client.files.delete(batch.input_file_id)
    with (
        serving(tmp_path, upstream, QUEUE) as service,
        openai.OpenAI(base_url=service.url, api_key=service.key) as client,
    ):
        failed = ended(client, batch)
    assert failed.status == "failed"
    assert failed.errors is not None
    assert [one.code for one in failed.errors.data or []] == ["file_not_found"]


def test_a_batch_outlives_its_process(upstream: Upstream, tmp_path: Path) -> None:
    with serving(tmp_path, upstream, QUEUE) as service:
        mark, batch = half_way(service, upstream)
    with serving(tmp_path, upstream, QUEUE) as service:
        whole(service, upstream, mark, batch)


def test_another_replica_ends_a_batch(
    postgres: Postgres, upstream: Upstream, tmp_path: Path
) -> None:
    url = postgres.url(postgres.database())
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
    (other / "state").symlink_to(one / "state")
    with ExitStack() as stack:
        first = stack.enter_context(serving(one, upstream, QUEUE, **{VARIABLE: url}))
        second = stack.enter_context(serving(other, upstream, QUEUE, **{VARIABLE: url}))
        mark, batch = half_way(first, upstream)
        whole(second, upstream, mark, batch)
