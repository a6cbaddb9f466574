"""Who is asked, how often, and what the caller hears: retries, deployments, fallbacks."""

import base64
import http.server
import json
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.conftest import FAST
from tests.server.test_chat_proxy import data_url
from tests.support.claims import answered, broke_off, recorded, refused
from tests.support.raw import connected, request_bytes
from tests.support.rows import TWO, TWO_HOUSES, at_ports
from tests.support.service import Reply, Service, ask, picture
from tests.support.upstream import Upstream, planned
from tests.unit.media.sample_pictures import encode, halves

both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])

ROWS = """
[[providers]]
name = "nowhere"
dialect = "openai"
base_url = "http://127.0.0.1:9/v1"
region = "eu-de"
country = "DE"
[[providers]]
name = "unset"
dialect = "openai"
base_url_env = "NOBODY_SETS_THIS"
[[models]]
id = "chained"
provider = "berlin"
upstream_id = "plan"
input_modalities = ["text", "image"]
fallbacks = ["french"]
[[models]]
id = "french"
provider = "paris"
upstream_id = "plan"
input_modalities = ["text", "image"]
[models.vision]
formats = ["image/png"]
max_images = 1
[[models]]
id = "unreachable"
provider = "nowhere"
fallbacks = ["french"]
[[models]]
id = "unset"
provider = "unset"
fallbacks = ["french"]
[[models]]
id = "wide"
fallbacks = ["one", "french"]
[[models.deployments]]
provider = "nowhere"
[[models.deployments]]
provider = "paris"
upstream_id = "plan"
[[models]]
id = "lonely"
provider = "nowhere"
[[models]]
id = "half-set"
[[models.deployments]]
provider = "unset"
[[models.deployments]]
provider = "paris"
upstream_id = "plan"
"""


def config(upstream: Upstream, routing: str) -> str:
    twos = "".join(TWO.replace('"two"', f'"{name}"') for name in ("two", "even", "spared"))
    rows = at_ports(TWO_HOUSES + twos + ROWS, {"port": upstream.port})
    return FAST.partition("[routing]")[0] + routing + rows


class Site(http.server.ThreadingHTTPServer):
    """A web site with one picture, which counts how often it is fetched."""

    def __init__(self) -> None:
        self.fetched = 0
        super().__init__(("127.0.0.1", 0), _Page)


class _Page(http.server.BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.server.fetched += 1
        body = encode(halves(), "JPEG")
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture(scope="module")
def routed(
    upstream: Upstream, site: Site, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Three attempts, short waits, and nobody is ever left alone."""
    media = f"""
[media]
admit_networks = ["127.0.0.1/32"]
ports = [{site.server_port}]
"""
    routing = """
[routing]
attempts = 3
backoff_s = 0.02
max_wait_s = 2.5
breaker = { failures = 0 }
"""
    running = Service(tmp_path_factory.mktemp("routed"), config(upstream, routing + media))
    yield running
    running.stop()


class Plan:
    """What each place does with one question, and how often it was asked."""

    def __init__(self, **places: str) -> None:
        self.id = secrets.token_hex(8)
        self.places = {place: steps.split() for place, steps in places.items()}

    def ask(self, model: str, content: Any = "Hello", **more: Any) -> dict[str, Any]:
        user = json.dumps({"id": self.id, **self.places})
        return ask(model, content, user=user, **more)

    @property
    def asked(self) -> dict[str, int]:
        counts = {place: planned(place, self.id) for place in self.places}
        return {place: count for place, count in counts.items() if count}


def outcomes(service: Service, reply: Reply) -> Sequence[tuple[str, str, str]]:
    """The attempts of the record: model, provider, outcome."""
    attempts = recorded(service, reply, reply.status)["attempts"]
    return [(one["model"], one["provider"], one["outcome"]) for one in attempts]


# --- The same server again -------------------------------------------------------------------


@both_ways
@pytest.mark.parametrize(
    "step", ["status_500", "status_503", "status_529", "status_504", "error_in_200"]
)
def test_a_server_that_says_it_failed_is_asked_again(
    routed: Service, stream: bool, step: str  # noqa: FBT001
) -> None:  # fmt: skip
    plan = Plan(berlin=f"{step} good")
    reply = routed.post(plan.ask("one", stream=stream))
    answered(routed, reply)
    assert plan.asked == {"berlin": 2}
    first, second = outcomes(routed, reply)
    assert first[:2] == ("one", "berlin")
    assert first[2] in {"upstream_bad_response", "upstream_timeout"}
    assert second == ("one", "berlin", "answered")


def test_a_limit_upstream_is_waited_for_where_it_is_short(routed: Service) -> None:
    plan = Plan(berlin="status_429 good")
    began_s = time.monotonic()
    answered(routed, routed.post(plan.ask("one")))
    assert time.monotonic() - began_s >= 2  # its Retry-After
    assert plan.asked == {"berlin": 2}


def test_a_limit_upstream_is_passed_on_where_it_is_long(routed: Service) -> None:
    plan = Plan(berlin="status_429_day good")
    reply = routed.post(plan.ask("one"))
    refused(routed, reply, 429, "rate_limit_exceeded")
    assert reply.headers["retry-after"] == "120"
    assert plan.asked == {"berlin": 1}


def test_the_budget_of_attempts_ends_it(routed: Service) -> None:
    plan = Plan(berlin="status_500")
    reply = routed.post(plan.ask("one"))
    refused(routed, reply, 502, "upstream_bad_response")
    assert plan.asked == {"berlin": 3}
    assert len(outcomes(routed, reply)) == 3


def test_no_connection_is_tried_again_and_then_told(routed: Service) -> None:
    reply = routed.post(ask("lonely"))
    refused(routed, reply, 502, "upstream_unreachable")
    assert outcomes(routed, reply) == [("lonely", "nowhere", "upstream_unreachable")] * 3


@both_ways
@pytest.mark.parametrize(
    ("step", "code"),
    [
        ("closes_at_once", "upstream_bad_response"),
        ("short_body", "upstream_bad_response"),
        ("not_json", "upstream_bad_response"),
        ("status_401", "upstream_auth_failed"),
        ("silent", "upstream_timeout"),
    ],
)
def test_what_may_have_been_worked_on_is_not_asked_again_of_the_same_server(
    routed: Service, stream: bool, step: str, code: str  # noqa: FBT001
) -> None:  # fmt: skip
    plan = Plan(berlin=f"{step} good")
    reply = routed.post(plan.ask("one", stream=stream))
    assert reply.error()[1] == code
    assert plan.asked == {"berlin": 1}


@pytest.mark.parametrize("step", ["status_400_field", "status_400_context", "status_413"])
def test_a_refusal_of_the_question_itself_is_told_at_once(routed: Service, step: str) -> None:
    plan = Plan(berlin=step, paris="good")
    assert routed.post(plan.ask("chained")).error()[0] in {400, 413}
    assert plan.asked == {"berlin": 1}


@pytest.mark.parametrize("step", ["cut_without_finish", "error_in_stream", "malformed_event"])
def test_nothing_is_asked_again_after_the_first_word(routed: Service, step: str) -> None:
    plan = Plan(berlin=step, paris="good")
    reply = routed.post(plan.ask("chained", stream=True))
    assert broke_off(routed, reply, "upstream_bad_response") == "Once "
    assert plan.asked == {"berlin": 1}


# --- Several deployments ---------------------------------------------------------------------


@both_ways
@pytest.mark.parametrize("step", ["status_503", "status_429_day", "status_401", "silent"])
def test_another_deployment_answers_for_one_that_fails(
    routed: Service, stream: bool, step: str  # noqa: FBT001
) -> None:  # fmt: skip
    for plan in (Plan(berlin=step, paris="good"), Plan(paris=step, berlin="good")):
        reply = routed.post(plan.ask("two", stream=stream))
        answered(routed, reply)
        assert max(plan.asked.values()) == 1
        assert reply.headers["x-visus-model"] == "two"
        assert outcomes(routed, reply)[-1][1] == reply.headers["x-visus-provider"]


def test_another_deployment_answers_for_one_that_only_seems_to_be_alive(
    routed: Service,
) -> None:
    for plan in (
        Plan(berlin="only_signs_of_life", paris="good"),
        Plan(paris="only_signs_of_life", berlin="good"),
    ):
        reply = routed.post(plan.ask("two", stream=True))
        answered(routed, reply)
        assert max(plan.asked.values()) == 1


def test_questions_go_to_the_deployment_that_has_less_to_do(routed: Service) -> None:
    plans = [Plan(berlin="late", paris="late") for _ in range(10)]
    with ThreadPoolExecutor(10) as threads:
        replies = list(threads.map(lambda plan: routed.post(plan.ask("even")), plans))
    providers = [answered(routed, one) and one.headers["x-visus-provider"] for one in replies]
    assert (providers.count("berlin"), providers.count("paris")) == (5, 5)


def test_a_deployment_that_asked_to_be_spared_is_spared(routed: Service) -> None:
    for _ in range(2):  # whichever is asked first, both have been
        answered(routed, routed.post(Plan(berlin="status_429_day", paris="good").ask("spared")))
    for _ in range(4):
        plan = Plan(berlin="good", paris="good")
        answered(routed, routed.post(plan.ask("spared")))
        assert plan.asked == {"paris": 1}


def test_a_deployment_that_is_not_set_up_is_passed_over(routed: Service) -> None:
    reply = routed.post(Plan(paris="good").ask("half-set"))
    answered(routed, reply)
    assert reply.headers["x-visus-provider"] == "paris"
    row = routed.get("/v1/models/half-set").json()["meta_data"]
    assert row["deployments"] == [{"provider": "paris", "region": "eu-fr", "country": "FR"}]
    assert row["provider"] == "paris"


def test_a_deployment_that_was_not_asked_yet_comes_before_any_fallback(routed: Service) -> None:
    for _ in range(2):  # each of the two is picked first once
        reply = routed.post(Plan(paris="good").ask("wide"))
        answered(routed, reply)
        assert reply.headers["x-visus-model"] == "wide"
    plan = Plan(berlin="good", paris="status_500 good")
    reply = routed.post(plan.ask("wide"))
    answered(routed, reply)
    assert plan.asked == {"berlin": 1, "paris": 1}  # one attempt is kept back in any case
    assert reply.headers["x-visus-model"] == "one"


# --- Fallbacks -------------------------------------------------------------------------------


@both_ways
def test_the_fallback_answers_and_says_so(
    routed: Service, stream: bool  # noqa: FBT001
) -> None:  # fmt: skip
    plan = Plan(berlin="status_503", paris="good")
    reply = routed.post(plan.ask("chained", stream=stream))
    answered(routed, reply)
    assert plan.asked == {"berlin": 2, "paris": 1}  # one attempt is kept back for it
    assert reply.headers["x-visus-provider"] == "paris"
    assert reply.headers["x-visus-region"] == "eu-fr"
    assert reply.headers["x-visus-model"] == "french"
    said = reply.events()[0] if stream else reply.json()
    assert said["model"] == "french"


@pytest.mark.parametrize("model", ["unreachable", "unset"])
def test_a_model_that_cannot_be_had_falls_back(routed: Service, model: str) -> None:
    plan = Plan(paris="good")
    reply = routed.post(plan.ask(model))
    answered(routed, reply)
    assert reply.headers["x-visus-model"] == "french"


def test_where_nobody_answers_the_asked_model_s_failure_is_told(routed: Service) -> None:
    plan = Plan(berlin="status_504", paris="status_500")
    refused(routed, routed.post(plan.ask("chained")), 504, "upstream_timeout")
    plan = Plan(paris="status_500")
    refused(routed, routed.post(plan.ask("unset")), 502, "upstream_bad_response")


def test_a_caller_names_fallbacks_of_their_own_or_none(routed: Service) -> None:
    plan = Plan(berlin="status_503", paris="good")
    reply = routed.post(plan.ask("one", visus={"fallbacks": ["lonely", "french"]}))
    answered(routed, reply)
    assert reply.headers["x-visus-model"] == "french"
    plan = Plan(berlin="status_503", paris="good")
    reply = routed.post(plan.ask("chained", visus={"fallbacks": []}))
    refused(routed, reply, 502, "upstream_bad_response")
    assert plan.asked == {"berlin": 3}
    reply = routed.post(plan.ask("one", visus={"fallbacks": ["french", "nobody"]}))
    refused(routed, reply, 404, "model_not_found", "visus.fallbacks[1]")


def test_a_fallback_stays_within_the_demands(routed: Service) -> None:
    plan = Plan(berlin="status_503", paris="good")
    reply = routed.post(plan.ask("chained", visus={"residency": "de"}))
    refused(routed, reply, 502, "upstream_bad_response")
    assert plan.asked == {"berlin": 2}
    plan = Plan(berlin="good", paris="good")
    reply = routed.post(plan.ask("chained", visus={"residency": "fr"}))
    answered(routed, reply)
    assert plan.asked == {"paris": 1}
    reply = routed.post(plan.ask("chained", visus={"residency": "local"}))
    refused(routed, reply, 400, "residency_unavailable", "visus.residency")


def test_a_picture_is_made_ready_anew_for_the_fallback(
    routed: Service, upstream: Upstream
) -> None:
    plan = Plan(berlin="status_503", paris="echo")
    jpeg = base64.b64encode(encode(halves(), "JPEG")).decode()
    body = plan.ask("chained", [picture(f"data:image/jpeg;base64,{jpeg}")])
    answered(routed, routed.post(body))
    sent = [one for one in upstream.asked if one.body.get("user") == body["user"]]
    assert [one.pictures()[0][:4] for one in sent] == [b"\xff\xd8\xff\xe0"] * 2 + [b"\x89PNG"]


def test_a_picture_is_fetched_once_however_often_the_question_is_asked(
    routed: Service, site: Site
) -> None:
    before = site.fetched
    plan = Plan(berlin="status_503", paris="echo")
    url = f"http://127.0.0.1:{site.server_port}/photo.jpg"
    answered(routed, routed.post(plan.ask("chained", [picture(url)])))
    assert plan.asked == {"berlin": 2, "paris": 1}
    assert site.fetched == before + 1


def test_a_fallback_that_cannot_use_the_question_is_passed_over(routed: Service) -> None:
    plan = Plan(berlin="status_503", paris="good")
    url = data_url(encode(halves(), "PNG"))
    reply = routed.post(plan.ask("chained", [picture(url), picture(url)]))
    refused(routed, reply, 502, "upstream_bad_response")
    assert plan.asked == {"berlin": 2}


def test_hanging_up_ends_the_waiting_too(routed: Service) -> None:
    plan = Plan(berlin="status_429")
    line = connected(routed, request_bytes(routed, plan.ask("one")))
    time.sleep(0.5)
    line.close()
    time.sleep(2.5)
    assert plan.asked == {"berlin": 1}


# --- Left alone ------------------------------------------------------------------------------


@pytest.fixture
def broken(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One attempt for each question; two failures, and a server is left alone for a second."""
    routing = """
[routing]
attempts = 2
backoff_s = 0.01
breaker = { failures = 2, open_s = 1 }
"""
    running = Service(tmp_path_factory.mktemp("broken"), config(upstream, routing))
    yield running
    running.stop()


def test_a_server_that_failed_too_often_is_left_alone_and_found_to_have_recovered(
    broken: Service,
) -> None:
    """Threats.md, P19: open, fast failure, half-open probe, closed."""
    plan = Plan(berlin="status_500 status_500 status_500 good")
    refused(broken, broken.post(plan.ask("one")), 502, "upstream_bad_response")
    reply = broken.post(plan.ask("one"))
    record = refused(broken, reply, 503, "overloaded")
    assert record["attempts"] == []
    assert reply.headers["retry-after"] in {"1", "2"}
    assert plan.asked == {"berlin": 2}
    time.sleep(1.1)
    refused(broken, broken.post(plan.ask("one")), 502, "upstream_bad_response")  # the probe
    refused(broken, broken.post(plan.ask("one")), 503, "overloaded")
    assert plan.asked == {"berlin": 3}
    time.sleep(1.1)
    for _ in range(3):
        answered(broken, broken.post(plan.ask("one")))
    assert plan.asked == {"berlin": 6}
    lines = [json.loads(line) for line in broken.log().splitlines()]
    told = [line for line in lines if line["event"].startswith("deployment ")]
    assert [line["event"] for line in told] == [
        "deployment left alone",
        "deployment answers again",
    ]
    assert {(line["provider"], line["upstream_id"]) for line in told} == {("berlin", "plan")}
    assert told[0]["code"] == "upstream_bad_response"


def test_while_one_is_left_alone_another_answers(broken: Service) -> None:
    refused(
        broken, broken.post(Plan(berlin="status_500").ask("one")), 502, "upstream_bad_response"
    )
    plan = Plan(berlin="status_500", paris="good")
    for _ in range(4):
        answered(broken, broken.post(plan.ask("chained")))
    assert plan.asked["paris"] == 4
    assert plan.asked["berlin"] == 2  # "chained" is a deployment of its own


def test_streams_that_break_off_count(broken: Service) -> None:
    plan = Plan(berlin="cut_without_finish")
    for _ in range(2):
        broke_off(broken, broken.post(plan.ask("one", stream=True)), "upstream_bad_response")
    refused(broken, broken.post(plan.ask("one", stream=True)), 503, "overloaded")
