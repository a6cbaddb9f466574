"""A real vLLM and the service in front of it, for the tests here: `make test-vllm`.

Without `--real-vllm FOLDER` nothing here is collected: it takes two minutes and 3 GB of memory.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI
from tests.support.service import Service
from tests.vllm.engine import KEY, NAME, Engine

CONFIG = """
[lite]
enabled = false
[upstream]
first_byte_timeout_s = 100
idle_timeout_s = 60
[routing]
attempts = 1
[[providers]]
name = "t-cloud"
dialect = "openai"
base_url = "http://127.0.0.1:{port}/v1"
api_key_env = "T_CLOUD_API_KEY"
country = "DE"
options = { media_uuid = true, trusts_mm_kwargs = true }
[[providers]]
name = "wrong-key"
dialect = "openai"
base_url = "http://127.0.0.1:{port}/v1"
api_key_env = "WRONG_KEY"
[[providers]]
name = "wrong-route"
dialect = "openai"
base_url = "http://127.0.0.1:{port}/v7"
api_key_env = "T_CLOUD_API_KEY"
[[models]]
id = "eyes"
provider = "t-cloud"
upstream_id = "{name}"
input_modalities = ["text", "image", "video"]
max_sequence_length = 16384
[models.vision]
image_roles = ["system", "developer", "user", "assistant", "tool"]
max_pixels = 16_777_216
max_aspect = 200
video = true
video_sampling = ["fps"]
tokens = { formula = "qwen-pixels" }
video_tokens = { formula = "qwen-video" }
[[models]]
id = "unserved"
provider = "t-cloud"
[[models]]
id = "wrong-key"
provider = "wrong-key"
upstream_id = "{name}"
[[models]]
id = "wrong-route"
provider = "wrong-route"
upstream_id = "{name}"
"""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    is_test = collection_path.name.startswith("test_")
    return True if is_test and not config.getoption("--real-vllm") else None


@pytest.fixture(scope="session")
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    folder = Path(request.config.getoption("--real-vllm")).resolve()
    running = Engine(folder, tmp_path_factory.mktemp("engine") / "log.txt")
    print("\nvLLM is starting; one to two minutes ...", file=sys.__stderr__, flush=True)
    running.wait_until_up()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def visus(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    config = CONFIG.replace("{port}", str(engine.port)).replace("{name}", NAME)
    running = Service(
        tmp_path_factory.mktemp("visus"), config, T_CLOUD_API_KEY=KEY, WRONG_KEY="sk-other"
    )
    yield running
    running.stop()


@pytest.fixture(scope="session")
def client(visus: Service) -> Iterator[OpenAI]:
    with OpenAI(base_url=visus.url, api_key=visus.key, max_retries=0, timeout=120) as made:
        yield made
