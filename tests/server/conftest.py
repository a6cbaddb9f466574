"""Around every test here: the service is left as it was found, and its log holds no secret."""

import time
from collections.abc import Iterator

import pytest
from tests.conftest import FAST, upstream_config
from tests.support.claims import NEVER_LOGGED, children, healthy
from tests.support.gemini_upstream import GeminiServer
from tests.support.ports import PICTURE_PORTS
from tests.support.service import Service
from tests.support.upstream import Upstream

FIXTURES = (
    "service",
    "tight",
    "lite",
    "opened",
    "shelf",
    "failing",
    "counted",
    "billed",
    "federated",
    "matrix",
    "moving",
    "native",
    "azure",
    "rack",
    "preset",
    "choosy",
    "warm",
    "pointing",
    "formal",
    "polyglot",
    "routed",
    "gemini",
    "lending",
    "tidy",
    "broken",
    "storing",
    "blind",
    "lasting",
    "watched",
    "renewed",
    "admitting",
    "drawing",
    "queueing",
    "batching",
    "narrow",
    "traced",
    "telling",
    "holding",
)
"""Every fixture that is a running service."""


@pytest.fixture(autouse=True)
def untroubled(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each service that the test used is healthy afterwards, with no process more or less."""
    used = [one for one in FIXTURES if one in request.fixturenames]
    services: list[Service] = [request.getfixturevalue(one) for one in used]
    before = [len(children(one)) for one in services]
    yield
    for service, count in zip(services, before, strict=True):
        healthy(service)
        end_s = time.monotonic() + 2
        while len(children(service)) != count and time.monotonic() < end_s:
            time.sleep(0.02)
        assert len(children(service)) == count
        log = service.log()
        assert not [secret for secret in NEVER_LOGGED if secret in log]


@pytest.fixture(scope="session")
def house() -> Iterator[GeminiServer]:
    """A server of the Gemini API."""
    with GeminiServer() as running:
        yield running


TIGHT = """
[server]
max_body_bytes = 20_000
header_timeout_s = 0.7
body_timeout_s = 3
body_patience_s = 0.8
min_body_bytes_per_s = 1000
write_timeout_s = 1
[chat]
max_messages = 3
allow_recursive_schemas = true
[media]
max_images = 2
[upstream]
connect_timeout_s = 1
pool_timeout_s = 0.3
first_byte_timeout_s = 4
max_connections = 2
[routing]
attempts = 1
breaker = { failures = 0 }
[lite]
enabled = false
[[providers]]
name = "closed"
dialect = "openai"
base_url = "http://127.0.0.1:9/v1"
[[models]]
id = "refused"
provider = "closed"
[[providers]]
name = "unnamed"
dialect = "openai"
base_url = "http://no-such-host.invalid/v1"
[[models]]
id = "unnamed"
provider = "unnamed"
[[providers]]
name = "plain"
dialect = "openai"
base_url = "https://127.0.0.1:{port}/v1"
[[models]]
id = "no-tls"
provider = "plain"
[[providers]]
name = "keyless"
dialect = "openai"
base_url = "https://127.0.0.1:9/v1"
api_key_env = "KEY_THAT_IS_NOT_SET"
[[models]]
id = "keyless"
provider = "keyless"
"""


@pytest.fixture(scope="session")
def tight(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service with bounds that a test can reach, and providers that cannot be had."""
    running = Service(
        tmp_path_factory.mktemp("tight"),
        upstream_config(upstream.port, TIGHT.replace("{port}", str(upstream.port))),
        SCRIPTED_KEY="sk-upstream",
    )
    yield running
    running.stop()


@pytest.fixture(scope="session")
def opened(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service with pictures on loopback admitted, under a name of their own."""
    media = """
[media]
admit_networks = ["127.0.0.1/32"]
ports = [80, 443, {ports}]
hosts = {"pics.test" = "127.0.0.1"}
first_byte_s = 0.6
idle_s = 0.6
total_s = 1.5
connect_s = 0.6
"""
    ports = ", ".join(str(port) for port in PICTURE_PORTS)
    running = Service(
        tmp_path_factory.mktemp("opened"),
        upstream_config(upstream.port, FAST, media.replace("{ports}", ports)),
        SCRIPTED_KEY="sk-upstream",
    )
    yield running
    running.stop()
