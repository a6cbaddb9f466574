"""Mixed questions of which a third meets a fault: everybody hears one clear thing.

`make soak` asks 1,000 of them, the suite `FIXED`.
"""

import json
import random
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest
from tests.conftest import FAST
from tests.server.test_routing import Plan
from tests.soak.test_soak import encoded, settle, state
from tests.support.claims import answered, children, text_of
from tests.support.rows import TWO, TWO_HOUSES, at_ports
from tests.support.service import Reply, Service, picture, text
from tests.support.upstream import Upstream

FIXED, WHOLE = 200, 1000
CLIENTS = 6
FAULTY = 0.3
OPEN_S = 0.5
MOST_TIMES = 2.0
"""The p99 of healthy questions among faults, of what it is without any."""
WORDS = "A red böat."
FAULTS = [
    "status_500",
    "status_503",
    "status_529",
    "status_504",
    "status_429",
    "status_401",
    "status_410",
    "closes_at_once",
    "short_body",
    "not_json",
    "error_in_200",
    "no_http",
]
STREAM_FAULTS = [*FAULTS, "cut_without_finish", "error_in_stream", "reset_mid_stream"]
CLEAR = {404, 429, 502, 503, 504}
ROWS = """
[routing]
attempts = 3
backoff_s = 0.01
max_wait_s = 0.05
breaker = { failures = 6, ratio = 0.6, window_s = 1, open_s = {open_s} }
[[models]]
id = "chained"
provider = "berlin"
upstream_id = "plan"
input_modalities = ["text", "image"]
fallbacks = ["two"]
"""


@pytest.fixture
def faulty(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    rows = ROWS.replace("{open_s}", str(OPEN_S))
    rows += at_ports(TWO_HOUSES + TWO, {"port": upstream.port})
    running = Service(tmp_path_factory.mktemp("faulty"), FAST.partition("[routing]")[0] + rows)
    yield running
    running.stop()


class Asked(NamedTuple):
    """A question, what was planned for it, and what came of it."""

    plan: Plan
    reply: Reply
    outcome: str
    took_s: float

    @property
    def is_healthy(self) -> bool:
        """Whether it met no fault at all."""
        return self.outcome == "answered" and sum(self.plan.asked.values()) == 1


def steps(dice: random.Random, *, stream: bool, faulty: float) -> str:
    """What a place does with one question, attempt by attempt, a share of them `faulty`."""
    faults = STREAM_FAULTS if stream else FAULTS
    each = [dice.choice(faults) if dice.random() < faulty else "good" for _ in range(3)]
    return " ".join(each)


def ask_one(service: Service, number: int, image: str, *, faulty: float = FAULTY) -> Asked:
    dice = random.Random(number)  # noqa: S311 -- repeatable, not secret
    stream = dice.random() < 0.5
    berlin, paris = (steps(dice, stream=stream, faulty=faulty) for _ in range(2))
    plan = Plan(berlin=berlin, paris=paris)
    content: Any = [text("?"), picture(image)] if dice.random() < 0.3 else "Hello"
    model = dice.choice(["one", "two", "chained"])
    began_s = time.monotonic()
    reply = service.post(plan.ask(model, content, stream=stream))
    return Asked(plan, reply, heard(reply), time.monotonic() - began_s)


def heard(reply: Reply) -> str:
    """What the client heard: an answer, or the code of one error; anything else fails."""
    if reply.status != 200:
        status, code, _ = reply.error()
        assert status in CLEAR, reply.body
        return code
    if not reply.headers["content-type"].startswith("text/event-stream"):
        assert reply.json()["choices"][0]["message"]["content"] == WORDS
        return "answered"
    *chunks, last = reply.events()
    if last == "[DONE]":
        assert text_of(chunks) == WORDS
        return "answered"
    assert set(last) == {"error", "detail"}
    return f"broke off: {last['error']['code']}"


def records(service: Service) -> dict[str, list[dict[str, Any]]]:
    """The attempts of each request, by its id."""
    lines = [json.loads(line) for line in service.log().splitlines()]
    return {line["request"]: line["attempts"] for line in lines if "attempts" in line}


@pytest.mark.timeout(600)
def test_of_many_questions_with_faults_each_hears_one_clear_thing(
    faulty: Service, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    count = WHOLE if request.config.getoption("--soak-secs") else FIXED
    image = encoded("PNG")
    with ThreadPoolExecutor(CLIENTS) as threads:
        for _ in range(2):  # every thread and connection is made
            list(threads.map(lambda _: faulty.post(good("two")), range(2 * CLIENTS)))
        before, processes = state(faulty), children(faulty)
        calm = list(threads.map(lambda n: ask_one(faulty, n, image, faulty=0), range(count)))
        asked = list(threads.map(lambda n: ask_one(faulty, n, image), range(count)))
    found = Counter(one.outcome for one in asked)
    with capsys.disabled():
        if count == WHOLE:
            print(dict(found))  # noqa: T201 -- the result of long work
    assert all(one.is_healthy for one in calm)
    assert found["answered"] > count / 2
    assert len(found) > 3
    check_attempts(faulty, asked)
    recovered(faulty)
    assert children(faulty) == processes
    now = settle(faulty, before)
    assert now[0] <= before[0] + 2 * CLIENTS
    assert now[1] <= before[1] + CLIENTS
    check_places(faulty)
    if count == WHOLE:  # a percentile of fewer says nothing
        told, times = compared(calm, asked)
        with capsys.disabled():
            print(told)  # noqa: T201 -- the result of long work
        assert times <= MOST_TIMES


def compared(calm: list[Asked], stormy: list[Asked]) -> tuple[str, float]:
    """How long healthy questions take, without faults and among them, and how much longer."""
    healthy = [one for one in stormy if one.is_healthy]
    there, here = ([one.took_s * 1000 for one in each] for each in (calm, healthy))
    p99s = [statistics.quantiles(each, n=100)[98] for each in (there, here)]
    times = p99s[1] / p99s[0]
    told = (
        f"healthy questions: p99 {p99s[0]:.1f} ms without faults ({len(there)}), "
        f"{p99s[1]:.1f} ms among them ({len(here)}), {times:.2f} times"
    )
    return told, times


def good(model: str) -> dict[str, Any]:
    return Plan(berlin="good", paris="good").ask(model)


def check_attempts(service: Service, asked: list[Asked]) -> None:
    """The record of each request names as many attempts as its places were asked."""
    attempts = records(service)
    for one in asked:
        told = attempts[one.reply.headers["x-request-id"]]
        assert Counter(each["provider"] for each in told) == one.plan.asked, told
        assert len(told) <= 3
        outcomes = [each["outcome"] for each in told]
        assert outcomes.count("answered") == (one.reply.status == 200)
        assert "answered" not in outcomes[:-1]


def recovered(service: Service) -> None:
    """The breaker opens when a server fails for good, and closes when it is back."""
    time.sleep(1.1)  # until what was counted in the storm is forgotten
    codes = {service.post(Plan(berlin="status_500").ask("one")).error()[1] for _ in range(12)}
    assert codes >= {"overloaded"}
    time.sleep(OPEN_S * 1.2)
    for _ in range(3):
        answered(service, service.post(good("one")))
    for model in ("two", "chained"):  # what the storm opened closes too
        answered(service, service.post(good(model)))


def check_places(service: Service) -> None:
    """No deployment is still thought to be busy: both get the same share of a burst."""
    time.sleep(OPEN_S * 1.2)
    for _ in range(6):
        answered(service, service.post(good("two")))
    plans = [Plan(berlin="late", paris="late") for _ in range(6)]
    with ThreadPoolExecutor(6) as threads:
        replies = list(threads.map(lambda plan: service.post(plan.ask("two")), plans))
    share = Counter(one.headers["x-visus-provider"] for one in replies)
    assert share == {"berlin": 3, "paris": 3}
