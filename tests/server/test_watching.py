"""What operators see, who may see it, and that nothing of a question is in it."""

import base64
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from tests.conftest import FAST, upstream_config
from tests.support.claims import answered, children
from tests.support.collector import Collector
from tests.support.service import ROOT, Reply, Service, ask, picture, text
from tests.support.upstream import Upstream
from tests.unit.media.sample_pictures import turned

CANARY = "CANARY-7f3a9"
INVENTED = "nobody-has-this"
"""As a model and in a path: those are in the log, but in no label."""
TERMS = "[limits.models.in-germany]\nrequests_per_minute = 1\n"
PDF = "application/pdf"
INTERNAL = {"le", "instance", "job"}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


@pytest.fixture(scope="module")
def watched(
    upstream: Upstream, collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("watched")
    temporary = folder / "tmp"
    temporary.mkdir()
    running = Service(
        folder,
        upstream_config(upstream.port, FAST, TERMS, "[telemetry]\nsend_every_s = 0.05\n"),
        SCRIPTED_KEY="sk-upstream",
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=collector.url,
        TMPDIR=str(temporary),
    )
    yield running
    running.stop()


@pytest.fixture(scope="module")
def boss(watched: Service) -> str:
    """The key of an administrator."""
    where = ["--config", watched.folder / "config.toml", "--state", watched.folder / "state"]
    words = ["admin", "keys", "create", "boss", "--admin", *map(str, where)]
    done = subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-m", "visus", *words], capture_output=True, text=True, check=True,
        cwd=ROOT,
    )  # fmt: skip
    return done.stdout.strip()


def scraped(service: Service) -> dict[str, Metric]:
    """Every family, by the name that its samples or, for a histogram, itself has."""
    reply = service.request("GET", "/metrics", None, {})
    assert reply.status == 200, reply.body
    assert reply.headers["content-type"].startswith("text/plain; version=")
    found = text_string_to_metric_families(reply.body.decode())
    return {one.name + ("_total" if one.type == "counter" else ""): one for one in found}


def value(service: Service, name: str, suffix: str = "", **labels: str) -> float:
    """The sum of the samples that have these labels."""
    return sum(
        sample.value
        for sample in scraped(service)[name].samples
        if sample.name == name + suffix and labels.items() <= sample.labels.items()
    )


def by_admin(service: Service, boss: str, path: str) -> Reply:
    return service.request("GET", path, None, {"Authorization": f"Bearer {boss}"})


# --- What is counted -------------------------------------------------------------------------


def test_a_question_is_counted_by_model_provider_and_status(watched: Service) -> None:
    labels = {
        "gen_ai_operation_name": "chat",
        "gen_ai_request_model": "good",
        "gen_ai_provider_name": "scripted",
    }
    ok = labels | {"status_class": "2xx"}
    names = (
        "gen_ai_server_request_duration_seconds",
        "gen_ai_server_time_to_first_token_seconds",
    )
    before = [value(watched, name, "_count", **ok) for name in names]
    for stream in (False, True):
        answered(watched, watched.post(ask("good", stream=stream)))
    assert [value(watched, name, "_count", **ok) for name in names] == [
        count + 2 for count in before
    ]
    tokens = labels | {"modality": "text"}
    name = "gen_ai_client_token_usage"
    assert value(watched, name, "_sum", gen_ai_token_type="input", **tokens) > 0
    assert value(watched, name, "_sum", gen_ai_token_type="output", **tokens) > 0


def test_failures_count_as_what_they_were_also_in_a_stream(watched: Service) -> None:
    name = "gen_ai_server_request_duration_seconds"
    for model in ("status_500", "reset_mid_stream"):
        labels = {
            "gen_ai_request_model": model,
            "status_class": "5xx",
            "error_type": "upstream_bad_response",
        }
        before = value(watched, name, "_count", **labels)
        watched.post(ask(model, stream=True))
        assert value(watched, name, "_count", **labels) == before + 1
    attempts = scraped(watched)["visus_attempts_total"].samples
    outcomes = {one.labels["outcome"] for one in attempts}
    assert {"answered", "upstream_bad_response"} <= outcomes


def test_a_name_that_a_caller_invented_is_in_no_label(watched: Service) -> None:
    watched.post(ask(INVENTED))
    watched.get(f"/v1/{INVENTED}")
    watched.get(f"/v1/models/{INVENTED}")
    watched.request("PROPFIND", f"/{INVENTED}", None, {})
    name = "gen_ai_server_request_duration_seconds"
    assert value(watched, name, "_count", gen_ai_request_model="unknown") >= 1
    requests = "visus_http_requests_total"
    assert value(watched, requests, route="unknown", status="401", method="unknown") >= 1
    assert value(watched, requests, route="/v1/models/{model_id:path}", status="404") >= 1
    assert INVENTED not in watched.request("GET", "/metrics", None, {}).body.decode()


def test_a_limit_that_is_reached_is_counted(watched: Service) -> None:
    before = value(watched, "visus_rate_limited_total")
    statuses = [watched.post(ask("in-germany")).status for _ in range(3)]
    assert statuses.count(429) >= 2
    counted = value(watched, "visus_rate_limited_total") - before
    assert counted == statuses.count(429)


def test_pictures_are_counted_by_step_and_modality(watched: Service) -> None:
    url = "data:image/jpeg;base64," + base64.b64encode(turned(6)).decode()
    before = value(watched, "visus_media_steps_total", step="make")
    answered(watched, watched.post(ask("good", [text("What?"), picture(url)])))
    assert value(watched, "visus_media_steps_total", step="make") == before + 1
    for step in ("read", "make"):
        assert value(watched, "visus_media_bytes_total", step=step) > 0
        assert value(watched, "visus_media_seconds_total", step=step) > 0


def test_a_worker_that_dies_is_counted(watched: Service) -> None:
    assert value(watched, "visus_workers", pool="decoders") == 2
    before = value(watched, "visus_worker_restarts_total", pool="decoders")
    (victim,) = Path(f"/proc/{watched.process.pid}/task/{watched.process.pid}/children"
                     ).read_text().split()[:1]  # fmt: skip
    subprocess.run(["/bin/kill", "-9", victim], check=True)  # noqa: S603 -- a child of our own
    end_s = time.monotonic() + 5
    while value(watched, "visus_worker_restarts_total", pool="decoders") == before:
        assert time.monotonic() < end_s
        time.sleep(0.05)


# --- Who may see it --------------------------------------------------------------------------


def test_metrics_are_for_the_addresses_of_the_settings_or_the_key_of_an_administrator(
    watched: Service, boss: str, upstream: Upstream, tmp_path: Path
) -> None:
    assert b"visus_build" in by_admin(watched, boss, "/admin/metrics").body
    assert watched.get("/admin/metrics").error() == (403, "admin_only", None)
    assert watched.request("GET", "/admin/metrics", None, {}).status == 401
    for header in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"):
        reply = watched.request("GET", "/metrics", None, {header: "127.0.0.1"})
        assert reply.error() == (404, "unknown_url", None)
    elsewhere = Service(
        tmp_path,
        upstream_config(upstream.port, FAST, '[metrics]\nnetworks = ["10.0.0.0/8"]'),
        SCRIPTED_KEY="sk-upstream",
    )
    try:
        assert elsewhere.request("GET", "/metrics", None, {}).status == 404
    finally:
        elsewhere.stop()


def test_the_status_says_how_the_service_is_doing(watched: Service, boss: str) -> None:
    reply = by_admin(watched, boss, "/admin/status")
    assert reply.status == 200, reply.body
    status = reply.json()
    assert status["database"] == {"kind": "sqlite", "answers": True}
    assert status["ledger"]["fault"] is None
    assert status["ledger"]["refused_files"] == 0
    assert status["uptime_s"] > 0
    assert (status["in_flight"], status["draining"]) == (1, False)
    assert status["connections"] >= 1
    pools = {one["name"]: one for one in status["pools"]}
    assert pools["decoders"]["size"] + pools["decoders"]["restarts"] >= 2
    models = {one["id"]: one for one in status["models"]}
    assert models["good"]["is_ready"]
    assert models["good"]["deployments"][0]["provider"] == "scripted"
    assert status["limits"]["models"]["in-germany"]["requests_per_minute"] == 1
    assert watched.get("/admin/status").status == 403


# --- What is written about it ----------------------------------------------------------------


def test_every_metric_is_documented_with_its_labels_and_no_other(watched: Service) -> None:
    page = (ROOT / "docs/how-to/watch-it.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|([^|]*)\|", page, re.MULTILINE)
    told = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    watched.post(ask("good"))
    watched.post(ask("in-germany"))
    watched.post(ask("in-germany"))
    found = {
        name: (one.type, {label for s in one.samples for label in s.labels} - INTERNAL)
        for name, one in scraped(watched).items()
    }
    assert told == found


def test_the_dashboard_asks_for_metrics_and_labels_that_there_are(watched: Service) -> None:
    watched.post(ask("good"))
    board = json.loads((ROOT / "deploy/grafana/visus.json").read_text())
    assert board["uid"] == "visus"
    variables = {one["name"]: one for one in board["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    families = scraped(watched).values()
    samples = {sample.name for one in families for sample in one.samples}
    # A counter that has not counted yet has no sample.
    samples |= {one.name + "_total" for one in families if one.type == "counter"}
    expressions = [one["expr"] for panel in board["panels"] for one in panel["targets"]]
    asked = {
        name
        for expression in [*expressions, variables["job"]["query"]["query"]]
        for name in re.findall(r"\b(?:gen_ai|visus|process)_\w+(?=\{|, job\))", expression)
    }
    assert len(asked) > 15
    assert asked <= samples
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


# --- The canary ------------------------------------------------------------------------------


def test_nothing_of_a_question_is_kept_logged_told_or_shown(
    watched: Service, boss: str, collector: Collector
) -> None:
    for stream in (False, True):
        for body in _questions(stream=stream):
            watched.post(body)
    for route in ("/v1/chat/completions/estimate", "/v2/chat/completions"):
        for body in _questions(stream=False):
            watched.post(body, path=route)
    watched.post(f'{{"model": "good", "messages": "{CANARY}'.encode())
    file_id = watched.upload(CANARY.encode())
    watched.get(f"/v1/files/{file_id}/content")
    watched.request(
        "DELETE", f"/v1/files/{file_id}", None, {"Authorization": f"Bearer {watched.key}"}
    )
    watched.get("/v1/usage")
    foreign = {"traceparent": CANARY, "tracestate": f"us={CANARY}", "baggage": f"us={CANARY}"}
    for stream in (False, True):
        watched.post(ask("good", CANARY, stream=stream), **foreign)
    for path in ("/admin/keys", "/admin/usage"):
        by_admin(watched, boss, path)
    watched.post({"name": 7, "canary": CANARY}, path="/admin/projects",
                 Authorization=f"Bearer {boss}")  # fmt: skip
    _through_every_route(watched, boss)
    time.sleep(1)
    shown = [by_admin(watched, boss, path).body for path in ("/admin/metrics", "/admin/status")]
    shown.append(watched.request("GET", "/metrics", None, {}).body)
    marks = (CANARY.encode(), base64.b64encode(b"xx" + CANARY.encode())[4:-4])
    assert not [one for one in shown if any(mark in one for mark in marks)]
    kept = [path for path in watched.folder.rglob("*") if path.is_file()]
    assert any(path.name == "visus.db" for path in kept)
    assert watched.log_path in kept
    found = [path for path in kept if any(mark in path.read_bytes() for mark in marks)]
    assert found == []
    expected = {"POST /v1/chat/completions", "chat good", "media read", "media make"}
    end_s = time.monotonic() + 15
    while not expected <= {one.name for one in collector.spans}:
        assert time.monotonic() < end_s, sorted(
            {one.name for one in collector.spans if "media" in one.name}
        )
        time.sleep(0.05)
    secrets = (*marks, b"sk-upstream", watched.key.encode(), boss.encode())
    assert not [one for one in collector.bodies if any(secret in one for secret in secrets)]


def _through_every_route(service: Service, boss: str) -> None:
    """With the mark in the query, in headers and in a body that is refused or ignored."""
    paths = service.request("GET", "/openapi.json", None, {}).json()["paths"]
    assert len(paths) > 40
    body = json.dumps({"messages": CANARY, "canary": CANARY}).encode()
    for path, operations in paths.items():
        key = boss if path.startswith("/admin") else service.key
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        headers |= {"Prefer": f"respond-async, {CANARY}", "X-Canary": CANARY}
        where = re.sub(r"\{[^}]+\}", "none", path) + f"?start={CANARY}&{CANARY}=1"
        for method in {one.upper() for one in operations} & {"GET", "POST", "PATCH", "DELETE"}:
            reply = service.request(
                method, where, None if method == "GET" else body, dict(headers)
            )
            assert reply.status < 500, (method, where, reply.body)


def test_no_process_leaves_a_dump_of_its_memory(upstream: Upstream, tmp_path: Path) -> None:
    running = Service(
        tmp_path,
        upstream_config(upstream.port, FAST),
        under=("sh", "-c", 'ulimit -S -c "$(ulimit -H -c)"; exec "$@"', "sh"),
        SCRIPTED_KEY="sk-upstream",
    )
    try:
        for pid in (running.process.pid, *children(running)):
            limits = Path(f"/proc/{pid}/limits").read_text()
            (line,) = re.findall(r"^Max core file size +(\d+|unlimited)", limits, re.MULTILINE)
            assert line in {"0", "1"}
    finally:
        running.stop()


def _questions(*, stream: bool) -> Iterator[dict[str, Any]]:
    """With the mark in every place that a caller can write to, answered and not."""
    png = turned(8) + CANARY.encode()
    url = "data:image/jpeg;base64," + base64.b64encode(png).decode()
    function = {"name": "look", "description": CANARY, "parameters": {"title": CANARY}}
    call = {"id": "call_1", "type": "function",
            "function": {"name": "look", "arguments": json.dumps({"at": CANARY})}}  # fmt: skip
    turns = [
        {"role": "user", "content": [text(CANARY), picture(url)]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": CANARY},
        {"role": "user", "content": CANARY},
    ]
    more: dict[str, Any] = {
        "stream": stream,
        "tools": [{"type": "function", "function": function}],
    }
    for model in ("parrot", "good", "status_500", "status_400_field", "blind"):
        yield {"model": model, "messages": turns, "user": CANARY, **more}
    broken = "data:image/png;base64," + base64.b64encode(CANARY.encode()).decode()
    yield ask("good", [text(CANARY), picture(broken)], user=CANARY, stream=stream)
    yield ask("good", [picture(f"http://127.0.0.1/{CANARY}.png")], stream=stream)
    paper = {"filename": f"{CANARY}.pdf", "file_data": broken.replace("image/png", PDF)}
    yield ask("good", [text(CANARY), {"type": "file", "file": paper}], stream=stream)
    yield ask("good", CANARY, stream=stream, tools=[{"type": CANARY}])
    yield ask("good", CANARY, stream=stream, temperature=CANARY)
    yield ask("parrot", CANARY, stream=stream, response_format={"type": CANARY})
