"""The calls that users are shown, as they are shown, against servers like the real ones.

A picture from the internet and a picture of one's own; with Python, Node and curl; under both
bases. Only the two variables that every client reads say where the service is.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.conftest import PHOTOS
from tests.conformance.internet import PictureHost
from tests.support.gemini_upstream import GeminiServer
from tests.support.openai_family import AzureServer, VllmServer, pictures
from tests.support.service import Service
from tests.support.upstream import Upstream

QWEN, GPT, GEMINI = "Qwen3-VL-30B-A3B-Instruct-FP8", "gpt-4.1", "gemini-2.5-flash"
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


GOOGLE = """
[lite]
enabled = false
[[providers]]
name = "google"
dialect = "gemini"
base_url = "http://127.0.0.1:{port}/v1beta"
api_key_env = "GEMINI_API_KEY"
api_key_header = "x-goog-api-key"
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
def nowhere() -> Iterator[GeminiServer]:
    """AI Studio, which runs in no place that anybody could name."""
    with GeminiServer() as running:
        yield running


@pytest.fixture(scope="module")
def clouds(
    sweden: AzureServer, germany: VllmServer, nowhere: GeminiServer
) -> Mapping[str, Upstream]:
    """Who runs each model."""
    return {QWEN: germany, GPT: sweden, GEMINI: nowhere}


@pytest.fixture(scope="module")
def shipped(
    internet: PictureHost,
    sweden: AzureServer,
    germany: VllmServer,
    nowhere: GeminiServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    """The service with the models that it ships with; Google's address alone is another."""
    running = Service(
        tmp_path_factory.mktemp("shipped"),
        GOOGLE.replace("{port}", str(nowhere.port)),
        GEMINI_API_KEY=nowhere.key,
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


def sent(body: dict[str, Any]) -> tuple[str, int]:
    """The type of the one picture in a request, and how long its answer may be."""
    if "contents" in body:
        (content,) = body["contents"]
        _, part = content["parts"]
        return part["inlineData"]["mimeType"], body["generationConfig"]["maxOutputTokens"]
    (picture,) = pictures(body)
    kind = picture.url.removeprefix("data:").partition(";base64,")[0]
    return kind, body["max_tokens"]


@pytest.mark.parametrize("model", [QWEN, GPT, GEMINI])
@pytest.mark.parametrize("script", [PYTHON_FILE, PYTHON_LINK], ids=["file", "link"])
def test_python(
    here: Path,
    environment: dict[str, str],
    clouds: Mapping[str, Upstream],
    script: str,
    model: str,
) -> None:
    (here / "call.py").write_text(script.format(model=model, link=LINK))
    assert said([sys.executable, "call.py"], here, environment) == "A red böat."
    kind, most = sent(clouds[model].asked[-1].body)
    assert kind == ("image/jpeg" if script == PYTHON_FILE else "image/png")
    assert most == (1000 if script == PYTHON_FILE else 1024)


@pytest.mark.timeout(180)  # the first run installs the client
@pytest.mark.parametrize("model", [QWEN, GPT, GEMINI])
def test_node(here: Path, environment: dict[str, str], node_modules: Path, model: str) -> None:
    script = node_modules / f"call-{os.getpid()}.mjs"
    script.write_text(NODE_FILE.format(model=model, folder=here))
    try:
        assert said(["node", script.name], node_modules, environment) == "A red böat."
    finally:
        script.unlink()


@pytest.mark.parametrize("model", [QWEN, GPT, GEMINI])
def test_curl(here: Path, environment: dict[str, str], model: str) -> None:
    told = said(["bash", "-c", CURL_LINK.format(model=model, link=LINK)], here, environment)
    assert json.loads(told)["choices"][0]["message"]["content"] == "A red böat."
