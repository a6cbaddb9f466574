"""Too many connections, and too many wrong keys: who gets in, and how the others know."""

import http.client
import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.conftest import upstream_config
from tests.support.claims import answered
from tests.support.raw import connected, request_bytes, reset
from tests.support.service import Service, ask
from tests.support.upstream import Upstream

from visus.errors import RateLimited
from visus.server.wrong_keys import MAX_ADDRESSES, WrongKeys

CONNECTIONS = 3
WRONG_KEYS = 5
NARROW = f"""
[lite]
enabled = false
[server]
max_connections = {CONNECTIONS}
[accounts]
wrong_keys_per_minute = {WRONG_KEYS}
"""


@pytest.fixture
def narrow(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that takes few connections and few wrong keys."""
    running = Service(
        tmp_path_factory.mktemp("narrow"),
        upstream_config(upstream.port, NARROW),
        SCRIPTED_KEY="sk-upstream",
    )
    yield running
    running.stop()


def get(service: Service, path: str, **headers: str) -> tuple[int, str | None, dict[str, str]]:
    """Status, error code and headers of a request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=5)
    try:
        connection.request("GET", path, headers=headers)
        reply = connection.getresponse()
        found = {name.lower(): value for name, value in reply.getheaders()}
        body = json.loads(reply.read())
        return reply.status, body.get("error", {}).get("code"), found
    finally:
        connection.close()


def held(service: Service, count: int) -> list[http.client.HTTPConnection]:
    """Connections that were answered and stay open."""
    connections = [
        http.client.HTTPConnection("127.0.0.1", service.port, timeout=5) for _ in range(count)
    ]
    for connection in connections:
        connection.request("GET", "/health")
        assert connection.getresponse().read()
    return connections


def settled(service: Service) -> None:
    """Waits until the service has noticed that the others are gone."""
    end_s = time.monotonic() + 5
    while get(service, "/health")[0] != 200:
        assert time.monotonic() < end_s
        time.sleep(0.02)


@pytest.mark.parametrize("others", [CONNECTIONS - 2, CONNECTIONS - 1, CONNECTIONS])
def test_one_connection_too_many_is_told_so_in_the_shape_of_all_errors(
    narrow: Service, others: int
) -> None:
    settled(narrow)
    connections = held(narrow, others)
    status, code, headers = get(narrow, "/health")
    if others < CONNECTIONS:
        assert status == 200
    else:
        assert (status, code) == (503, "overloaded")
        assert headers["retry-after"] == "1"
        assert headers["connection"] == "close"
    for connection in connections:
        connection.close()
    settled(narrow)
    assert narrow.records(headers["x-request-id"])


def models(service: Service, key: str) -> tuple[int, str | None, dict[str, str]]:
    return get(service, "/v1/models", Authorization=f"Bearer {key}")


def test_after_so_many_wrong_keys_their_address_is_told_to_wait(narrow: Service) -> None:
    found = [models(narrow, f"sk-wrong-{number}")[:2] for number in range(WRONG_KEYS)]
    assert found == [(401, "invalid_api_key")] * WRONG_KEYS
    status, code, headers = models(narrow, "sk-wrong-again")
    assert (status, code) == (429, "rate_limit_exceeded")
    assert 1 <= int(headers["retry-after"]) <= 60 / WRONG_KEYS
    # What others did there is no matter to a valid key.
    assert models(narrow, narrow.key)[0] == 200
    answered(narrow, narrow.post(ask("good")))


def spent(keys: WrongKeys, client: str) -> int:
    """How many wrong keys an address may still send."""
    for number in range(1000):
        try:
            keys.count(client)
        except RateLimited:
            return number
    raise AssertionError("no bound")


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:2:3::4", "2001:db8:1:2:ffff::1", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
    ],
)
def test_an_address_is_what_one_client_has(one: str, other: str, *, is_same: bool) -> None:
    keys = WrongKeys(7)
    assert spent(keys, one) == 7
    assert spent(keys, other) == (0 if is_same else 7)


def test_waiting_as_long_as_told_is_enough() -> None:
    keys = WrongKeys(120)
    assert spent(keys, "192.0.2.1") == 120
    with pytest.raises(RateLimited) as caught:
        keys.count("192.0.2.1")
    assert caught.value.retry_after_s == 1
    time.sleep(1)
    keys.count("192.0.2.1")


def test_addresses_are_forgotten_and_nobody_fills_the_memory() -> None:
    keys = WrongKeys(1)
    for number in range(MAX_ADDRESSES + 50):
        keys.count(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(keys) == MAX_ADDRESSES
    with pytest.raises(RateLimited):
        keys.count(f"10.0.{MAX_ADDRESSES >> 8}.{MAX_ADDRESSES & 255}")
    keys.count("10.0.0.0")


def test_without_a_bound_nothing_is_counted() -> None:
    keys = WrongKeys(0)
    for _ in range(1000):
        keys.count("192.0.2.1")
    assert len(keys) == 0


# --- Few descriptors -------------------------------------------------------------------------

DESCRIPTORS = 64


@pytest.fixture
def cramped(upstream: Upstream, tmp_path: Path) -> Iterator[Service]:
    """A service that may have few files open, and connections are files."""
    limit = f"--nofile={DESCRIPTORS}:{DESCRIPTORS}"
    config = upstream_config(upstream.port, "[lite]\nenabled = false\n")
    running = Service(tmp_path, config, under=["prlimit", limit], SCRIPTED_KEY="sk-up")
    yield running
    running.stop()


def test_with_few_descriptors_callers_are_answered_or_told_and_nobody_is_dropped(
    cramped: Service,
) -> None:
    for _ in range(2):
        lines = [
            connected(cramped, request_bytes(cramped, ask("paced", stream=True)))
            for _ in range(DESCRIPTORS // 2)
        ]
        statuses = Counter(line.recv(12) for line in lines)
        assert set(statuses) == {b"HTTP/1.1 200", b"HTTP/1.1 503"}
        assert statuses[b"HTTP/1.1 200"] >= 4
        for line in lines:
            reset(line)
        settled(cramped)
        answered(cramped, cramped.post(ask("good")))
    log = [json.loads(line) for line in cramped.log().splitlines()]
    (told,) = [line for line in log if line["event"] == "few descriptors"]
    assert told["descriptors"] == DESCRIPTORS
    # Callers who come again and again, more than fit, and the database opens what it needs.
    with ThreadPoolExecutor(DESCRIPTORS // 4) as pool:
        asked = list(pool.map(lambda _: cramped.post(ask("good")), range(10 * DESCRIPTORS)))
    codes = {reply.error()[:2] for reply in asked if reply.status != 200}
    assert codes <= {(503, "overloaded"), (503, "storage_unavailable")}
    assert 200 in {reply.status for reply in asked}
    settled(cramped)
    answered(cramped, cramped.post(ask("good")))
    assert not [line for line in log if line["event"] == "fault"]
