"""Replicas that share a database and a Redis server: one set of limits, no password told."""

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.conftest import FAST, upstream_config
from tests.server.test_keys_and_money import (
    COST,
    PRICED,
    call,
    eventually,
    made,
    question,
    visus,
)
from tests.support.claims import answered, refused
from tests.support.postgres import Postgres
from tests.support.redis import IN_A_URL, PASSWORD, RedisProcess
from tests.support.service import ROOT, Reply, Service, ask
from tests.support.upstream import Upstream

LEASE_S = 3.0
PATIENCE_S = 2.0
"""How long a replica waits for Redis before it takes it for lost; a busy machine is slower than
the default."""
UNLIMITED = "[ledger]" + PRICED.partition("[ledger]")[2]
REFUSING = 'when_redis_is_lost = "refuse"'
Start = Callable[..., Service]


@pytest.fixture(scope="module")
def own_redis() -> Iterator[RedisProcess]:
    """A server that these tests alone may stop."""
    server = RedisProcess()
    yield server
    server.close()


@pytest.fixture(scope="module")
def start(
    own_redis: RedisProcess,
    postgres: Postgres,
    upstream: Upstream,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Start]:
    """Starts replicas; they and all that they said are looked at in the end."""
    database = f'[accounts]\ndatabase = "{postgres.url(postgres.database())}"\n'
    limits = (
        f"[limits]\nredis_lease_s = {LEASE_S}\nredis_timeout_s = {PATIENCE_S}\n"
        f'redis = "{own_redis.url()}"\n'
    )
    running: list[Service] = []

    def started(more: str = "") -> Service:
        config = [FAST.replace("[accounts]\n", database), limits + more, UNLIMITED]
        service = Service(
            tmp_path_factory.mktemp("replica"),
            upstream_config(upstream.port, *config),
            SCRIPTED_KEY="sk-upstream",
        )
        running.append(service)
        service.key = running[0].key  # the first key is made once
        return service

    yield started
    for service in running:
        service.stop()
        for text in (service.log(), service.said):
            assert PASSWORD[:4] not in text
            assert "r%40di" not in text
            assert "Traceback" not in text


@pytest.fixture(scope="module")
def replicas(start: Start) -> tuple[Service, Service]:
    return start(), start()


@pytest.fixture(scope="module")
def boss(replicas: tuple[Service, Service]) -> str:
    """The key of an administrator."""
    return visus(replicas[0], "admin", "keys", "create", "boss", "--admin")


def asked(service: Service, key: dict[str, Any], model: str = "good", **more: Any) -> Reply:
    return question(service, key["secret"], model, **more)


def at_once(replicas: tuple[Service, Service], key: dict[str, Any], count: int) -> list[Reply]:
    """So many questions at the same time, to both in turn."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda n: asked(replicas[n % 2], key), range(count)))


@pytest.mark.parametrize("password", [IN_A_URL, "wrong-hush"])
def test_a_doctor_says_whether_it_can_be_used(
    own_redis: RedisProcess, tmp_path: Path, password: str
) -> None:
    (tmp_path / "config.toml").write_text(
        f'[lite]\nenabled = false\n[limits]\nredis = "{own_redis.url(password=password)}"\n'
    )
    words = ["doctor", "--config", tmp_path / "config.toml", "--state", tmp_path / "state"]
    done = subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-m", "visus", *map(str, words)],
        capture_output=True, text=True, check=False, cwd=ROOT, env={"COLUMNS": "200"},
    )  # fmt: skip
    assert done.stderr == ""
    assert password not in done.stdout
    assert PASSWORD[:4] not in done.stdout
    said = f"redis://127.0.0.1:{own_redis.port}/"
    (line,) = [one for one in done.stdout.splitlines() if "shared limits" in one]
    assert said in line
    assert ("ready" in line, "broken" in line) == (password == IN_A_URL, password != IN_A_URL)
    assert done.returncode == int(password != IN_A_URL)


def test_a_limit_holds_for_both_together(replicas: tuple[Service, Service], boss: str) -> None:
    key = made(replicas[0], boss, "keys", limits={"requests_per_minute": 12})
    for place, service in enumerate(replicas * 2):
        reply = asked(service, key)
        answered(service, reply)
        assert reply.headers["x-ratelimit-remaining-requests"] == str(11 - place)
    replies = at_once(replicas, key, 40)
    statuses = Counter(reply.status for reply in replies)
    assert set(statuses) == {200, 429}
    assert 8 <= statuses[200] <= 10
    for service, reply in zip(replicas * 20, replies, strict=True):
        if reply.status == 429:
            refused(service, reply, 429, "rate_limit_exceeded")
            assert 1 <= int(reply.headers["retry-after"]) <= 61
            assert reply.headers["x-ratelimit-limit-requests"] == "12"
            assert reply.headers["x-ratelimit-remaining-requests"] == "0"


def test_an_answer_that_asks_no_model_tells_what_is_left_with_all(
    replicas: tuple[Service, Service], boss: str
) -> None:
    one, other = replicas
    key = made(one, boss, "keys", limits={"requests_per_minute": 5})
    for place in range(3):
        listed = call(other, key["secret"], "GET", "/v1/models")
        assert listed.headers["x-ratelimit-limit-requests"] == "5"
        assert listed.headers["x-ratelimit-remaining-requests"] == str(5 - place)
        answered(one, asked(one, key))
    for reply in (
        call(other, key["secret"], "GET", "/v1/nowhere"),
        call(other, key["secret"], "POST", "/v1/chat/completions", {"model": "good"}),
        question(other, key["secret"], "unknown-model"),
    ):
        assert reply.status in {400, 404}
    assert reply.headers["x-ratelimit-remaining-requests"] in {"1", "2"}
    listed = call(other, key["secret"], "POST", "/v1/chat/completions", {"model": "good"})
    assert listed.headers["x-ratelimit-limit-requests"] == "5"
    assert "x-ratelimit-limit-requests" not in call(one, boss, "GET", "/admin/keys").headers


def test_tokens_are_counted_for_both_together(
    replicas: tuple[Service, Service], boss: str
) -> None:
    key = made(replicas[0], boss, "keys", limits={"input_tokens_per_minute": 3000})

    def left() -> str:
        listed = call(replicas[0], key["secret"], "GET", "/v1/models")
        return listed.headers["x-ratelimit-remaining-tokens"]

    # Each turns out to cost 812, although it was thought to cost fewer; the others hear of it
    # when it leaves, which is after its answer.
    for count in range(1, 5):
        answered(replicas[count % 2], asked(replicas[count % 2], key))
        eventually(left, str(max(0, 3000 - count * 812)))
    for service in replicas:
        refused(service, asked(service, key), 429, "rate_limit_exceeded")


def test_a_key_that_one_revokes_the_other_refuses(
    replicas: tuple[Service, Service], boss: str
) -> None:
    one, _ = replicas
    key = made(one, boss, "keys")
    for service in replicas:
        answered(service, asked(service, key))
    assert call(one, boss, "DELETE", f"/admin/keys/{key['id']}").status == 200
    time.sleep(1)  # whatever is asked from then on is refused, however busy the machine is
    for service in replicas:
        assert asked(service, key).status == 401


def test_places_are_shared_and_come_back_from_the_dead(
    start: Start, replicas: tuple[Service, Service], boss: str, upstream: Upstream
) -> None:
    def is_under_way(user: str) -> bool:
        return any(one.body.get("user") == user for one in list(upstream.asked))

    living, dying = replicas[0], start()
    key = made(living, boss, "keys", limits={"concurrent_requests": 1})
    with ThreadPoolExecutor(1) as pool:
        ends = pool.submit(asked, dying, key, "silent", user="ends")
        eventually(lambda: is_under_way("ends"), wanted=True)
        refused(living, asked(living, key), 429, "concurrency_exceeded")
        assert ends.result(20).status == 504
        eventually(lambda: asked(living, key).status, 200, patience_s=LEASE_S / 2)

        breaks = pool.submit(asked, dying, key, "silent", user="breaks")
        eventually(lambda: is_under_way("breaks"), wanted=True)
        dying.process.send_signal(signal.SIGKILL)
        dying.process.wait(10)
        assert isinstance(breaks.exception(10), OSError)
    began_s = time.monotonic()
    assert asked(living, key).status == 429
    eventually(lambda: asked(living, key).status, 200)
    assert time.monotonic() - began_s < LEASE_S + 5


def test_without_redis_each_counts_by_itself_until_it_is_back(
    own_redis: RedisProcess, replicas: tuple[Service, Service], boss: str
) -> None:
    key = made(replicas[0], boss, "keys", limits={"requests_per_minute": 5})
    for service in replicas:
        answered(service, asked(service, key))
    before = [events(service) for service in replicas]
    with own_redis.away():
        statuses = [Counter(asked(one, key).status for _ in range(8)) for one in replicas]
        assert statuses == [{200: 5, 429: 3}] * 2
        assert max(timed(replicas[0], key) for _ in range(5)) < PATIENCE_S
    until_found(*replicas)
    for service, old in zip(replicas, before, strict=True):
        assert events(service)[len(old) :] == ["redis is lost", "redis answers again"]
    fresh = made(replicas[0], boss, "keys", limits={"requests_per_minute": 4})
    assert Counter(reply.status for reply in at_once(replicas, fresh, 10))[200] == 4


def timed(service: Service, key: dict[str, Any]) -> float:
    began_s = time.monotonic()
    asked(service, key)
    return time.monotonic() - began_s


def until_found(*services: Service) -> None:
    """Waits until none of them misses Redis."""
    for service in services:
        eventually(lambda one=service: events(one)[-1:] == ["redis is lost"], wanted=False)


def events(service: Service) -> list[str]:
    """What the log says of Redis."""
    lines = service.log().splitlines()
    return [line.split('"event":"')[1].split('"')[0] for line in lines if '"redis ' in line]


def test_without_redis_none_is_served_where_that_is_wanted(
    own_redis: RedisProcess, start: Start, replicas: tuple[Service, Service], boss: str
) -> None:
    strict = start(REFUSING)
    key = made(strict, boss, "keys")
    answered(strict, asked(strict, key))
    with own_redis.frozen():
        for _ in range(3):
            reply = asked(strict, key)
            refused(strict, reply, 503, "storage_unavailable")
            assert reply.headers["retry-after"] == "1"
        assert timed(strict, key) < PATIENCE_S
        assert call(strict, key["secret"], "GET", "/v1/models").status == 200
    eventually(lambda: asked(strict, key).status, 200)
    until_found(strict, *replicas)


def test_a_budget_is_not_overspent_by_both_together(
    replicas: tuple[Service, Service], boss: str
) -> None:
    budget = 5000
    project = made(replicas[0], boss, "projects", monthly_budget_micros=budget)
    key = made(replicas[0], boss, "keys", project=project["id"])
    with ThreadPoolExecutor(20) as pool:
        replies = list(
            pool.map(lambda n: asked(replicas[n % 2], key, "dear", max_tokens=160), range(40))
        )
    statuses = Counter(reply.status for reply in replies)
    assert set(statuses) == {200, 429}
    path = f"/admin/projects/{project['id']}"
    eventually(lambda: call(replicas[1], boss, "GET", path).json()["held_micros"], 0)
    spent = call(replicas[1], boss, "GET", path).json()["spent_micros"]
    assert spent == COST * statuses[200]
    # Each holds a little more than 800 beforehand, and costs 827 afterwards.
    assert budget - COST < spent <= budget + 6 * 27


# --- TLS -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RedisProcess, Path]]:
    """A server that speaks TLS, and the certificate of the authority that vouches for it."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    server = RedisProcess(certificate=issued.private_key_and_cert_chain_pem.bytes())
    yield server, path
    server.close()


def doctor(folder: Path, limits: str) -> "subprocess.CompletedProcess[str]":
    (folder / "config.toml").write_text(f"[lite]\nenabled = false\n[limits]\n{limits}")
    words = ["doctor", "--config", folder / "config.toml", "--state", folder / "state"]
    return subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-m", "visus", *map(str, words)],
        capture_output=True, text=True, check=False, cwd=ROOT, env={"COLUMNS": "200"},
    )  # fmt: skip


def test_a_server_is_spoken_to_by_tls_if_its_authority_is_trusted(
    certified: tuple[RedisProcess, Path], upstream: Upstream, tmp_path: Path
) -> None:
    server, authority = certified
    url = server.url()
    assert url.startswith("rediss://")
    limits = f'redis = "{url}"\nredis_ca_file = "{authority}"\nredis_timeout_s = {PATIENCE_S}\n'
    assert "ready" in doctor(tmp_path, limits).stdout
    config = upstream_config(upstream.port, FAST, f"[limits]\n{limits}{REFUSING}\n")
    service = Service(tmp_path, config, SCRIPTED_KEY="sk-upstream")
    try:
        for left in ("999999", "999998"):
            reply = service.post(ask("good"))
            answered(service, reply)
            assert reply.headers["x-ratelimit-remaining-requests"] == left
        assert "redis is lost" not in service.log()
    finally:
        service.stop()


def test_a_server_that_nobody_vouches_for_is_not_asked(
    certified: tuple[RedisProcess, Path], tmp_path: Path
) -> None:
    server, _ = certified
    url, stranger = server.url(), tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(stranger)
    for limits in (
        f'redis = "{url}"\n',
        f'redis = "{url}"\nredis_ca_file = "{stranger}"\n',
        f'redis = "{url.replace("rediss", "redis", 1)}"\n',
        f'redis = "{url}"\nredis_ca_file = "{tmp_path / "none.pem"}"\n',
    ):
        done = doctor(tmp_path, limits)
        (line,) = [one for one in done.stdout.splitlines() if "shared limits" in one]
        assert "broken" in line
        assert PASSWORD[:4] not in done.stdout
        assert done.returncode == 1
