"""Traces: what a collector of OpenTelemetry is told, and what it can do to a service."""

import base64
import json
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
from tests.conftest import FAST, upstream_config
from tests.server.test_batches import line, started
from tests.server.test_chat_proxy import data_url
from tests.server.test_queue import LATER
from tests.support.claims import answered, broke_off, refused
from tests.support.collector import Collector
from tests.support.films import document, film, pdf, video
from tests.support.rows import TWO_HOUSES, at_ports
from tests.support.service import ROOT, Service, ask, picture, text
from tests.support.upstream import Upstream
from tests.unit.media.sample_pictures import turned

from visus.config import ConfigRefused, load

TRACED = """
[telemetry]
send_every_s = 0.05
timeout_s = 1
flush_s = 1
"""
MORE = """
[limits.models.in-germany]
requests_per_minute = 1
[queue]
look_every_s = 0.2
[[models]]
id = "chained"
provider = "berlin"
upstream_id = "plan"
fallbacks = ["french"]
[[models]]
id = "french"
provider = "paris"
upstream_id = "plan"
"""
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@contextmanager
def serving(
    folder: Path, upstream: Upstream, collector: Collector, settings: str = TRACED, **more: str
) -> Iterator[Service]:
    rows = at_ports(TWO_HOUSES + MORE, {"port": upstream.port})
    fast = FAST.replace("attempts = 1", "attempts = 3\nbackoff_s = 0.01")
    config = upstream_config(upstream.port, fast, settings, rows)
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}"}
    running = Service(folder, config, SCRIPTED_KEY="sk-upstream", **environment | more)
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


@pytest.fixture(scope="module")
def traced(
    upstream: Upstream, collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("traced")
    sees = {"VISUS_ROUTING__BLIND": "describe", "VISUS_ROUTING__SEEING": "good"}
    with serving(folder, upstream, collector, **sees) as running:
        for part in (video(film()), document(pdf())):  # their workers stay
            answered(running, running.post(ask("good", [part])))
        yield running


# --- What is told of a question --------------------------------------------------------------


@both_ways
def test_a_question_is_one_server_span_with_a_client_span_for_its_attempt(
    traced: Service, collector: Collector, upstream: Upstream, *, stream: bool
) -> None:
    began_ns = time.time_ns()
    with openai.OpenAI(base_url=traced.url, api_key=traced.key, max_retries=0) as client:
        asked = client.chat.completions.with_raw_response.create(
            model="good",
            messages=[{"role": "user", "content": "Hello"}],
            stream=stream,
        )
        if stream:
            list(asked.parse())
    server, (call,) = collector.of_request(asked.headers["x-request-id"])
    assert (server.name, server.kind) == ("POST /v1/chat/completions", "SERVER")
    assert (call.name, call.kind) == ("chat good", "CLIENT")
    assert server.parent_id == ""
    assert call.trace_id == server.trace_id
    assert server.resource["service.name"] == "visus"
    told = server.attributes
    assert told.pop("visus.key.id").startswith("key_")
    assert told.pop("visus.project.id").startswith("proj_")
    assert 0 < told.pop("visus.first_word_s") <= server.seconds
    assert told == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "http.route": "/v1/chat/completions",
        "url.scheme": "http",
        "url.path": "/v1/chat/completions",
        "gen_ai.request.model": "good",
        "visus.request.id": asked.headers["x-request-id"],
        "visus.attempts": 1,
    }
    told = call.attributes
    assert 0 < told.pop("gen_ai.response.time_to_first_chunk") <= call.seconds
    assert told.pop("gen_ai.usage.input_tokens") > 0
    assert told.pop("gen_ai.usage.output_tokens") > 0
    assert told == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "scripted",
        "gen_ai.request.model": "good",
        "gen_ai.response.model": "good",
        "gen_ai.response.finish_reasons": ["stop"],
        "server.address": "127.0.0.1",
        "server.port": upstream.port,
        "visus.upstream.model": "good",
    }
    assert not server.is_error
    assert not call.is_error
    assert began_ns <= server.span.start_time_unix_nano <= call.span.start_time_unix_nano
    assert call.span.end_time_unix_nano <= server.span.end_time_unix_nano <= time.time_ns()


@both_ways
def test_the_trace_of_a_caller_goes_on_here_and_at_the_models_server(
    traced: Service, collector: Collector, upstream: Upstream, *, stream: bool
) -> None:
    reply = traced.post(ask("good", stream=stream), traceparent=PARENT)
    answered(traced, reply)
    server, (call,) = collector.of_request(reply.headers["x-request-id"])
    assert (server.trace_id, server.parent_id) == (TRACE, SPAN)
    told = upstream.last("good").headers["traceparent"]
    assert told == f"00-{TRACE}-{call.span_id}-01"


@pytest.mark.parametrize(
    "header",
    [
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}",
        "CANARY",
    ],
)
def test_a_parent_in_no_known_form_is_no_parent(
    traced: Service, collector: Collector, header: str
) -> None:
    reply = traced.post(ask("good"), traceparent=header)
    server, _ = collector.of_request(reply.headers["x-request-id"])
    assert server.parent_id == ""
    assert server.trace_id != TRACE


def test_a_caller_whose_trace_is_not_kept_is_not_told_of_but_stays_one_trace(
    traced: Service, collector: Collector, upstream: Upstream
) -> None:
    mute = "1" * 32
    answered(traced, traced.post(ask("good"), traceparent=f"00-{mute}-{SPAN}-00"))
    told = upstream.last("good").headers["traceparent"]
    assert told.startswith(f"00-{mute}-")
    assert told.endswith("-00")
    later = traced.post(ask("good"))
    collector.of_request(later.headers["x-request-id"])
    assert mute not in {one.trace_id for one in collector.spans}


def test_every_attempt_is_a_span_with_what_went_wrong(
    traced: Service, collector: Collector, upstream: Upstream
) -> None:
    plan = {"id": secrets.token_hex(8), "berlin": ["status_503"], "paris": ["good"]}
    reply = traced.post(ask("chained", user=json.dumps(plan)))
    answered(traced, reply)
    server, calls = collector.of_request(reply.headers["x-request-id"])
    (record,) = traced.records(reply.headers["x-request-id"])
    assert [one.attributes.get("error.type", "answered") for one in calls] == [
        one["outcome"] for one in record["attempts"]
    ]
    assert len(calls) > 1
    assert [one.is_error for one in calls] == [True] * (len(calls) - 1) + [False]
    assert {one.attributes["gen_ai.provider.name"] for one in calls} == {"berlin", "paris"}
    assert server.attributes["visus.attempts"] == len(calls)
    assert "gen_ai.response.model" not in calls[0].attributes
    parents = [
        one.headers["traceparent"].split("-")[2] for one in upstream.asked[-len(calls) :]
    ]
    assert parents == [one.span_id for one in calls]


def test_an_error_is_told_by_its_code(traced: Service, collector: Collector) -> None:
    reply = traced.post(ask("status_500"))
    refused(traced, reply, 502, "upstream_bad_response")
    server, calls = collector.of_request(reply.headers["x-request-id"])
    assert server.is_error
    assert server.attributes["error.type"] == "upstream_bad_response"
    assert server.attributes["http.response.status_code"] == 502
    assert {one.attributes["error.type"] for one in calls} == {"upstream_bad_response"}


def test_a_mistake_of_the_callers_is_no_error_of_ours(
    traced: Service, collector: Collector
) -> None:
    reply = traced.post(ask("nobody-has-this"))
    server, calls = collector.of_request(reply.headers["x-request-id"])
    assert not calls
    assert not server.is_error
    assert server.attributes["error.type"] == "model_not_found"
    assert "gen_ai.request.model" not in server.attributes


def test_a_stream_that_breaks_off_is_an_error_in_both_spans(
    traced: Service, collector: Collector
) -> None:
    reply = traced.post(ask("reset_mid_stream", stream=True))
    broke_off(traced, reply, "upstream_bad_response")
    server, calls = collector.of_request(reply.headers["x-request-id"])
    assert server.is_error
    assert server.attributes["http.response.status_code"] == 200
    assert calls[-1].is_error
    assert calls[-1].attributes["error.type"] == "upstream_bad_response"
    assert calls[-1].attributes["gen_ai.response.time_to_first_chunk"] > 0


def test_a_caller_who_hangs_up_is_told_of(traced: Service, collector: Collector) -> None:
    def is_hung_up(name: str) -> int:
        return sum(one.name == name and _gave_up(one.attributes) for one in collector.spans)

    before = is_hung_up("chat silent")
    with (
        openai.OpenAI(base_url=traced.url, api_key=traced.key, max_retries=0) as client,
        pytest.raises(openai.APITimeoutError),
    ):
        client.chat.completions.create(
            model="silent", messages=[{"role": "user", "content": "?"}], timeout=0.3
        )
    collector.until(
        lambda it: it.name == "chat silent" and _gave_up(it.attributes), count=before + 1
    )
    (server,) = [
        one
        for one in collector.spans
        if one.kind == "SERVER" and one.attributes.get("gen_ai.request.model") == "silent"
    ]
    assert _gave_up(server.attributes)
    assert "http.response.status_code" not in server.attributes
    assert not server.is_error


def _gave_up(attributes: dict[str, object]) -> bool:
    return attributes.get("error.type") == "abandoned"


def test_a_picture_has_a_span_for_each_step(traced: Service, collector: Collector) -> None:
    url = "data:image/jpeg;base64," + base64.b64encode(turned(6)).decode()
    reply = traced.post(ask("good", [text("What?"), picture(url)]))
    answered(traced, reply)
    server, below = collector.of_request(reply.headers["x-request-id"])
    assert [one.name for one in below] == ["media read", "media make", "chat good"]
    assert {one.kind for one in below[:2]} == {"INTERNAL"}
    for one in below[:2]:
        assert one.attributes.keys() == {"visus.media.step", "visus.media.bytes"}
        assert one.attributes["visus.media.bytes"] > 0
        assert server.span.start_time_unix_nano <= one.span.start_time_unix_nano
    assert below[1].seconds > 0


@pytest.mark.parametrize(
    ("part", "step"), [(video(film(seconds=3)), "cut"), (document(pdf(("One", "Two"))), "draw")]
)
def test_so_has_a_video_and_a_document(
    traced: Service, collector: Collector, part: dict[str, Any], step: str
) -> None:
    reply = traced.post(ask("good", [part]))
    answered(traced, reply)
    _, below = collector.of_request(reply.headers["x-request-id"])
    assert {one.name for one in below} >= {f"media {step}", "chat good"}


def test_questions_at_the_same_time_within_one_are_told_apart(
    traced: Service, collector: Collector, upstream: Upstream
) -> None:
    before = len(upstream.asked)
    pictures = [picture(data_url(turned(number))) for number in (1, 2, 3, 4)]
    reply = traced.post(ask("blind", [text("Which?"), *pictures]))
    answered(traced, reply)
    _, below = collector.of_request(reply.headers["x-request-id"])
    calls = [one for one in below if one.kind == "CLIENT"]
    assert [one.name for one in calls] == ["chat good"] * 4 + ["chat blind"]
    told = [one.headers["traceparent"].split("-")[2] for one in upstream.asked[before:]]
    assert sorted(told) == sorted(one.span_id for one in calls)


def test_names_that_a_model_gives_itself_are_told_only_if_they_are_names(
    traced: Service, collector: Collector
) -> None:
    for named, told in (("org/model-7b:q4", "org/model-7b:q4"), ("A secret!", None)):
        reply = traced.post(ask("names_itself", user=named))
        _, (call,) = collector.of_request(reply.headers["x-request-id"])
        assert call.attributes["gen_ai.response.model"] == (told or "names_itself")


# --- Who has a trace -------------------------------------------------------------------------


def test_strangers_join_no_trace_and_probes_have_none(
    traced: Service, collector: Collector
) -> None:
    foreign = "2" * 32
    headers = {"traceparent": f"00-{foreign}-{SPAN}-01"}
    for path in ("/health", "/health/ready", "/metrics"):
        traced.request("GET", path, None, headers)
    reply = traced.request("GET", "/v1/models/anything", None, headers)
    assert reply.status == 401
    server, _ = collector.of_request(reply.headers["x-request-id"])
    assert server.name == "GET"
    assert server.parent_id == ""
    assert server.attributes["error.type"] == "invalid_api_key"
    assert foreign not in {one.trace_id for one in collector.spans}
    names = {one.name for one in collector.spans}
    assert not names & {"GET /health", "GET /health/ready", "GET /metrics"}


def test_a_path_that_a_caller_chose_is_not_told(traced: Service, collector: Collector) -> None:
    reply = traced.get("/v1/models/CANARY-path")
    server, _ = collector.of_request(reply.headers["x-request-id"])
    assert server.name == "GET /v1/models/{model_id:path}"
    assert "url.path" not in server.attributes


def test_a_job_has_a_trace_of_its_own_that_names_the_request_that_made_it(
    traced: Service, collector: Collector
) -> None:
    reply = traced.post(
        ask("good"), path="/queue/chat/completions", traceparent=PARENT, **LATER
    )
    assert reply.status == 202
    job_id = reply.json()["id"]
    (job,) = collector.until(lambda it: it.attributes.get("visus.job.id") == job_id)
    server, _ = collector.of_request(reply.headers["x-request-id"])
    assert (job.name, job.kind) == ("job /v2/chat/completions", "CONSUMER")
    assert job.trace_id != server.trace_id
    (link,) = job.span.links
    assert (link.trace_id.hex(), link.span_id.hex()) == (TRACE, server.span_id)
    (call,) = [one for one in collector.spans if one.parent_id == job.span_id]
    assert call.name == "chat good"
    assert "traceparent" not in json.dumps(traced.get(f"/queue/jobs/{job_id}").json())


def test_the_lines_of_a_batch_name_the_request_that_made_it(
    traced: Service, collector: Collector
) -> None:
    with openai.OpenAI(base_url=traced.url, api_key=traced.key, max_retries=0) as client:
        batch = started(client, *(line(str(n), ask("good")) for n in range(2)))
    lines = collector.until(
        lambda it: it.attributes.get("visus.batch.id") == batch.id, count=2, patience_s=10
    )
    (made,) = collector.until(lambda it: it.name == "POST /v1/batches")
    for one in lines:
        (link,) = one.span.links
        assert (link.trace_id.hex(), link.span_id.hex()) == (made.trace_id, made.span_id)
    assert len({made.trace_id, *(one.trace_id for one in lines)}) == 3


# --- The collector ---------------------------------------------------------------------------


def test_what_waits_is_sent_when_the_service_stops(
    upstream: Upstream, collector: Collector, tmp_path: Path
) -> None:
    slow = TRACED.replace("0.05", "60")
    with serving(tmp_path, upstream, collector, slow, OTEL_SERVICE_NAME="eyes") as service:
        reply = service.post(ask("good"))
        answered(service, reply)
        request_id = reply.headers["x-request-id"]
        assert request_id not in _requests(collector)
        assert service.stop() == 0
    server, calls = collector.of_request(request_id)
    assert server.resource["service.name"] == "eyes"
    assert len(calls) == 1


def _requests(collector: Collector) -> set[object]:
    return {one.attributes.get("visus.request.id") for one in collector.spans}


def test_headers_come_from_the_variable_that_the_settings_name(
    upstream: Upstream, collector: Collector, tmp_path: Path
) -> None:
    settings = (
        TRACED + f'headers_env = "COLLECTOR_HEADERS"\ntraces_url = "{collector.url}/own"\n'
    )
    headers = "Authorization=Basic%20c2VjcmV0LWNhbmFyeQ==, x-scope=us"
    with serving(tmp_path, upstream, collector, settings, COLLECTOR_HEADERS=headers) as service:
        answered(service, service.post(ask("good")))
        assert service.stop() == 0
        assert "c2VjcmV0LWNhbmFyeQ" not in service.log()
    path, sent = collector.paths[-1], collector.headers[-1]
    assert path == "/v1/traces/own"
    assert sent["authorization"] == "Basic c2VjcmV0LWNhbmFyeQ=="
    assert sent["x-scope"] == "us"


@pytest.mark.parametrize(
    ("settings", "environment", "why"),
    [
        ('traces_url = "collector:4318"', {}, "telemetry.traces_url"),
        ("sample = 1.01", {}, "sample"),
        ("sample = -0.01", {}, "sample"),
        ("", {"OTEL_EXPORTER_OTLP_HEADERS": "SECRET"}, "OTEL_EXPORTER_OTLP_HEADERS"),
        ("", {"OTEL_EXPORTER_OTLP_HEADERS": "a=SECRET%0d%0ac"}, "OTEL_EXPORTER_OTLP_HEADERS"),
    ],
)
def test_what_cannot_be_used_refuses_the_start(
    tmp_path: Path, settings: str, environment: dict[str, str], why: str
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(TRACED + settings)
    collector = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
    with pytest.raises(ConfigRefused, match=why) as refusal:
        load(path, collector | environment)
    assert "SECRET" not in str(refusal.value)


def test_a_share_of_the_traces_is_sent_and_those_of_callers_who_want_theirs(
    upstream: Upstream, collector: Collector, tmp_path: Path
) -> None:
    with serving(tmp_path, upstream, collector, TRACED + "sample = 0.5") as service:
        asked = {service.get("/v1/models").headers["x-request-id"] for _ in range(60)}
        wanted = service.get("/v1/models", traceparent=PARENT).headers["x-request-id"]
        assert service.stop() == 0
    told = asked & _requests(collector)
    assert 10 < len(told) < 50
    assert wanted in _requests(collector)


@pytest.mark.parametrize("fault", ["away", "hangs", "answers 500", "answers 503", "redirects"])
def test_a_collector_that_fails_costs_the_spans_and_nothing_else(
    upstream: Upstream, tmp_path: Path, fault: str
) -> None:
    with Collector() as broken:
        broken.hangs_s = 30 if fault == "hangs" else 0
        broken.status = {"answers 500": 500, "answers 503": 503, "redirects": 302}.get(
            fault, 200
        )
        few = TRACED + "max_waiting_spans = 100\n"
        if fault == "away":
            few += 'traces_url = "http://127.0.0.1:9/v1/traces"\n'
        with serving(tmp_path, upstream, broken, few) as service:
            for _ in range(120):
                began_s = time.monotonic()
                answered(service, service.post(ask("good")))
                assert time.monotonic() - began_s < 1
            end_s = time.monotonic() + 5
            while not (lost := _outcomes(service))["failed"] and time.monotonic() < end_s:
                time.sleep(0.1)
            assert lost["sent"] == 0
            assert lost["failed"] > 0
            if fault == "hangs":
                assert lost["dropped"] > 0
            began_s = time.monotonic()
            assert service.stop() == 0
            assert time.monotonic() - began_s < 3.5
        log = [json.loads(line) for line in service.log().splitlines()]
        told = [one for one in log if one["event"] == "traces cannot be sent"]
        statuses = {"answers 500": 500, "answers 503": 503, "redirects": 302}
        assert [one["status"] for one in told] == [statuses.get(fault)]
        others = {one["event"] for one in log} - {"request", "the last traces were not sent"}
        assert others == {"traces cannot be sent"}


def test_the_end_does_not_wait_for_a_collector_that_hangs(
    upstream: Upstream, tmp_path: Path
) -> None:
    patient = "[telemetry]\nsend_every_s = 60\ntimeout_s = 20\nflush_s = 0.5\n"
    with Collector() as broken:
        broken.hangs_s = 30
        with serving(tmp_path, upstream, broken, patient) as service:
            answered(service, service.post(ask("good")))
            began_s = time.monotonic()
            assert service.stop() == 0
            assert 0.5 < time.monotonic() - began_s < 3
    (told,) = [
        json.loads(line)
        for line in service.log().splitlines()
        if "the last traces were not sent" in line
    ]
    assert told["spans"] == 2


def test_a_collector_that_recovers_is_told_of(upstream: Upstream, tmp_path: Path) -> None:
    expected = list[str]()
    with Collector() as moody, serving(tmp_path, upstream, moody) as service:
        for status, event in (
            (500, "traces cannot be sent"), (200, "traces are sent again"),
        ) * 2:  # fmt: skip
            moody.status = status
            expected.append(event)
            service.get("/v1/models")
            end_s = time.monotonic() + 5
            while len(_told(service)) < len(expected) and time.monotonic() < end_s:
                time.sleep(0.02)
            assert _told(service) == expected


def _told(service: Service) -> list[str]:
    lines = service.log().splitlines()
    events = [json.loads(line)["event"] for line in lines]
    return [one for one in events if one.startswith("traces")]


def _outcomes(service: Service) -> dict[str, float]:
    page = service.request("GET", "/metrics", None, {}).body.decode().splitlines()
    name = "visus_trace_spans_total"
    return {
        line.partition('"')[2].partition('"')[0]: float(line.rpartition(" ")[2])
        for line in page
        if line.startswith(name)
    }


def test_every_process_of_several_tells_of_its_own(
    upstream: Upstream, collector: Collector, tmp_path: Path
) -> None:
    with serving(tmp_path, upstream, collector, VISUS_SERVER__WORKERS="2") as service:
        asked: set[object] = set()
        for _ in range(40):
            asked.add(service.get("/v1/models").headers["x-request-id"])
        assert service.stop() == 0
    assert asked <= _requests(collector)
    told = [one for one in collector.spans if one.attributes.get("visus.request.id") in asked]
    assert len({one.resource["service.instance.id"] for one in told}) == 2


IMPORTS = {"PYTHONPROFILEIMPORTTIME": "1"}


def test_without_a_collector_nothing_of_it_is_even_read(
    upstream: Upstream, collector: Collector, tmp_path: Path
) -> None:
    for name, environment in {
        "nowhere": {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        "disabled": {"OTEL_SDK_DISABLED": "true"},
        "none": {"OTEL_TRACES_EXPORTER": "none"},
        "grpc": {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
    }.items():
        folder = tmp_path / name
        folder.mkdir()
        with serving(folder, upstream, collector, TRACED, **IMPORTS | environment) as service:
            answered(service, service.post(ask("good"), traceparent=PARENT))
            assert "traceparent" not in upstream.last("good").headers
            assert "opentelemetry" not in service.log()
    folder = tmp_path / "on"
    folder.mkdir()
    with serving(folder, upstream, collector, TRACED, **IMPORTS) as service:
        assert "opentelemetry" in service.log()


def test_every_attribute_that_is_told_is_documented(
    traced: Service, collector: Collector
) -> None:
    page = (ROOT / "docs/how-to/watch-it.md").read_text().partition("## Traces")[2]
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    told = {name for line in rows for name in re.findall(r"`([\w.]+)`", line) if "." in name}
    url = "data:image/jpeg;base64," + base64.b64encode(turned(3)).decode()
    for body in (ask("good", [picture(url)]), ask("status_500"), ask("nobody-has-this")):
        collector.of_request(traced.post(body).headers["x-request-id"])
    seen = {name for one in collector.spans for name in one.attributes}
    assert seen <= told
    assert len(seen) > 20
