"""The calls that users are shown, as they are shown, against servers like the real ones.

A picture from the internet and a picture of one's own; with Python, Node and curl; under both
bases. Only the two variables that every client reads say where the service is.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conformance.conftest import PHOTOS
from tests.conformance.internet import PictureHost
from tests.support.openai_family import AzureServer, OpenAIServer, VllmServer, pictures
from tests.support.service import Service

QWEN, GPT = "Qwen3-VL-30B-A3B-Instruct-FP8", "gpt-4.1"
LINK = "https://images.unsplash.com/photo-1517849845537-4d257902454a?w=400"

PYTHON_LINK = """
from openai import OpenAI

client = OpenAI()
response = client.chat.completions.create(
    model="{model}",
    messages=[
        {{
            "role": "user",
            "content": [
                {{"type": "text", "text": "What is in this image?"}},
                {{"type": "image_url", "image_url": {{"url": "{link}"}}}},
            ],
        }}
    ],
    max_tokens=1024,
)
print(response.choices[0].message.content)
"""
PYTHON_FILE = """
import base64

from openai import OpenAI

client = OpenAI()


def encode_image(image_path):
    with open(image_path, "rb") as image_file:
        return base64.b64encode(image_file.read()).decode("utf-8")


base64_image = encode_image("image.jpg")
response = client.chat.completions.create(
    model="{model}",
    messages=[
        {{
            "role": "user",
            "content": [
                {{"type": "text", "text": "What is in this image?"}},
                {{
                    "type": "image_url",
                    "image_url": {{"url": f"data:image/jpeg;base64,{{base64_image}}"}},
                }},
            ],
        }}
    ],
    max_tokens=1000,
)
print(response.choices[0].message.content)
"""
NODE_FILE = """
import fs from "fs";
import OpenAI from "openai";

const openai = new OpenAI();
const image = fs.readFileSync("{folder}/image.jpg").toString("base64");
const response = await openai.chat.completions.create({{
  model: "{model}",
  messages: [
    {{
      role: "user",
      content: [
        {{ type: "text", text: "What is in this image?" }},
        {{ type: "image_url", image_url: {{ url: `data:image/jpeg;base64,${{image}}` }} }},
      ],
    }},
  ],
  max_tokens: 1000,
}});
console.log(response.choices[0].message.content);
"""
CURL_LINK = """
curl -s "$OPENAI_BASE_URL/chat/completions" \\
  -H "Authorization: Bearer $OPENAI_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{{
    "model": "{model}",
    "messages": [
      {{
        "role": "user",
        "content": [
          {{"type": "text", "text": "What is in this image?"}},
          {{"type": "image_url", "image_url": {{"url": "{link}"}}}}
        ]
      }}
    ],
    "max_tokens": 1024
  }}'
"""


@pytest.fixture(scope="module")
def sweden() -> Iterator[AzureServer]:
    with AzureServer() as running:
        yield running


@pytest.fixture(scope="module")
def germany() -> Iterator[VllmServer]:
    with VllmServer() as running:
        yield running


@pytest.fixture(scope="module")
def shipped(
    internet: PictureHost,
    sweden: AzureServer,
    germany: VllmServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    """The service with the models that it ships with, and no row of its own."""
    running = Service(
        tmp_path_factory.mktemp("shipped"),
        "[lite]\nenabled = false\n",
        T_CLOUD_BASE_URL=f"http://127.0.0.1:{germany.port}/v1",
        T_CLOUD_API_KEY=germany.key,
        AZURE_OPENAI_BASE_URL=f"http://127.0.0.1:{sweden.port}/openai/v1",
        AZURE_OPENAI_API_KEY=sweden.key,
        **internet.settings(),
    )
    yield running
    running.stop()


@pytest.fixture(params=["/v1", "/v2"])
def environment(request: pytest.FixtureRequest, shipped: Service) -> dict[str, str]:
    base = shipped.url.removesuffix("/v1") + request.param
    return dict(os.environ) | {"OPENAI_BASE_URL": base, "OPENAI_API_KEY": shipped.key}


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with a picture in it."""
    from PIL import Image  # noqa: PLC0415 -- a photograph as JPEG, once

    Image.open(PHOTOS / "chelsea.png").convert("RGB").save(tmp_path / "image.jpg")
    return tmp_path


def said(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(  # noqa: S603 -- what users type
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.strip()


@pytest.mark.parametrize("model", [QWEN, GPT])
@pytest.mark.parametrize("script", [PYTHON_FILE, PYTHON_LINK], ids=["file", "link"])
def test_python(  # noqa: PLR0913, PLR0917 -- servers behind two models
    here: Path,
    environment: dict[str, str],
    germany: VllmServer,
    sweden: AzureServer,
    script: str,
    model: str,
) -> None:
    (here / "call.py").write_text(script.format(model=model, link=LINK))
    assert said([sys.executable, "call.py"], here, environment) == "A red böat."
    server: OpenAIServer = germany if model == QWEN else sweden
    (sent,) = pictures(server.asked[-1].body)
    assert sent.url.startswith(("data:image/jpeg;base64,", "data:image/png;base64,"))
    assert server.asked[-1].body["max_tokens"] in {1000, 1024}


@pytest.mark.timeout(180)  # the first run installs the client
@pytest.mark.parametrize("model", [QWEN, GPT])
def test_node(here: Path, environment: dict[str, str], node_modules: Path, model: str) -> None:
    script = node_modules / f"call-{os.getpid()}.mjs"
    script.write_text(NODE_FILE.format(model=model, folder=here))
    try:
        assert said(["node", script.name], node_modules, environment) == "A red böat."
    finally:
        script.unlink()


@pytest.mark.parametrize("model", [QWEN, GPT])
def test_curl(here: Path, environment: dict[str, str], model: str) -> None:
    told = said(["bash", "-c", CURL_LINK.format(model=model, link=LINK)], here, environment)
    assert json.loads(told)["choices"][0]["message"]["content"] == "A red böat."
