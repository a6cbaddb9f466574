"""What every test may ask for: a scripted upstream, and the service in front of it."""

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from tests.support.postgres import Postgres
from tests.support.redis import RedisProcess
from tests.support.service import Service
from tests.support.upstream import BEHAVIOURS, Upstream


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fuzz-whole", action="store_true", help="fuzz at full length")
    parser.addoption("--real-vllm", help="the folder that tests/vllm/environment.py made")
    parser.addoption("--soak-secs", help="how long the soak lasts, in seconds")


def pytest_configure(config: pytest.Config) -> None:
    """The suite draws the same examples in every run; `make fuzz` draws new ones."""
    hypothesis.settings.register_profile("fixed", derandomize=True, database=None)
    hypothesis.settings.register_profile("fresh", hypothesis.settings.get_profile("default"))
    is_fresh = config.getoption("--fuzz-whole")
    hypothesis.settings.load_profile("fresh" if is_fresh else "fixed")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server for all tests, which make databases of their own in it."""
    server = Postgres()
    yield server
    server.close()


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisProcess]:
    """A server for all tests, which have databases of their own in it."""
    server = RedisProcess()
    yield server
    server.close()


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


def upstream_config(port: int, *extra: str) -> str:
    """A configuration with one model for each behaviour of the scripted upstream."""
    models = "".join(
        f'[[models]]\nid = "{name}"\nprovider = "scripted"\n'
        'input_modalities = ["text", "image"]\n'
        for name in BEHAVIOURS
    )
    return "\n".join(
        [
            *extra,
            '[[providers]]\nname = "scripted"\ndialect = "openai"',
            'api_key_env = "SCRIPTED_KEY"',
            f'base_url = "http://127.0.0.1:{port}/v1"',
            '[[providers]]\nname = "german"\ndialect = "openai"\ncountry = "DE"',
            f'base_url = "http://127.0.0.1:{port}/v1"',
            '[[models]]\nid = "in-germany"\nprovider = "german"\nupstream_id = "good"\n',
            '[[models]]\nid = "blind"\nprovider = "scripted"\nupstream_id = "good"\n',
            models,
        ]
    )


FAST = """
[accounts]
wrong_keys_per_minute = 0
[lite]
enabled = false
[server]
heartbeat_s = 0.4
[upstream]
first_byte_timeout_s = 1.5
first_event_timeout_s = 2
idle_timeout_s = 1.5
total_timeout_s = 20
connect_timeout_s = 1
[routing]
attempts = 1
breaker = { failures = 0 }
"""
CALM = FAST.partition("[upstream]")[0] + "[routing]" + FAST.partition("[routing]")[2]
"""Models' servers may take their time: the machine may be busy."""


@pytest.fixture(scope="session")
def service(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service with the scripted upstream, short deadlines and no embedded model."""
    folder = tmp_path_factory.mktemp("service")
    running = Service(folder, upstream_config(upstream.port, FAST), SCRIPTED_KEY="sk-upstream")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def lite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service as it comes, with the embedded model."""
    running = Service(tmp_path_factory.mktemp("lite"))
    yield running
    running.stop()


@pytest.fixture
def pictures() -> Path:
    """The folder of packaged photographs."""
    import skimage  # noqa: PLC0415 -- heavy, and few tests want it

    return Path(skimage.__file__).parent / "data"
