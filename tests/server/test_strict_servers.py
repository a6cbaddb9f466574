"""The servers that stand for OpenAI, Azure and vLLM refuse what the real ones refuse."""

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.server.test_chat_proxy import data_url
from tests.support.films import film, video
from tests.support.openai_family import AzureServer, OpenAIServer, VllmServer
from tests.support.service import ask, picture
from tests.unit.media.sample_pictures import animation, encode, halves

V1 = "/v1/chat/completions"
DEPLOYED = "/openai/deployments/gpt-4.1/chat/completions"
CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, OpenAIServer]]:
    with OpenAIServer() as openai, AzureServer() as azure, VllmServer() as vllm:
        yield {"openai": openai, "azure": azure, "vllm": vllm}


def still(form: str = "PNG", label: str = "image/png") -> dict[str, Any]:
    return picture(data_url(encode(halves(), form)).replace("image/png", label, 1))


def of_a_tool(part: dict[str, Any]) -> dict[str, Any]:
    messages = [
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": [part]},
    ]
    return {"model": "gpt-4.1", "messages": messages}


def told(server: OpenAIServer, path: str, body: Any, **headers: str) -> tuple[int, str]:
    """Status and body."""
    given = {"Content-Type": "application/json", "Authorization": f"Bearer {server.key}"}
    given |= {"api-key": server.key} | {k.replace("_", "-"): v for k, v in headers.items()}
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        line.request("POST", path, json.dumps(body), given)
        answer = line.getresponse()
        return answer.status, answer.read().decode()
    finally:
        line.close()


REFUSED = [
    ("openai", V1, of_a_tool(still()), 400, "only allowed for messages with role"),
    ("openai", V1, ask("gpt-4.1", [still("BMP", "image/bmp")]), 400, "unsupported image"),
    ("openai", V1, ask("gpt-4.1", [still("PNG", "image/jpeg")]), 400, "unsupported image"),
    ("openai", V1, ask("gpt-4.1", [still("PNG", "image/jpg")]), 400, "unsupported image"),
    (
        "openai", V1,
        ask("gpt-4.1", [picture(data_url(animation("GIF")).replace("png", "gif", 1))]),
        400, "unsupported image",
    ),
    ("openai", V1, ask("gpt-4.1", [picture("data:image/png;base64,@@@")]), 400, "base64"),
    ("openai", V1, ask("gpt-4.1", frobnicate=1), 400, "frobnicate"),
    ("openai", V1, ask("gpt-4.1", [video(film(seconds=1))]), 400, "video_url"),
    ("openai", V1, ask("gpt-4.1", tools=[], tool_choice="auto"), 400, "'tool_choice'"),
    ("openai", V1, ask("gpt-4.1", parallel_tool_calls=True), 400, "'parallel_tool_calls'"),
    ("openai", V1, ask("gpt-4.1", top_logprobs=1), 400, "'top_logprobs'"),
    (
        "openai", V1, ask("gpt-4.1", max_tokens=5, max_completion_tokens=5),
        400, "invalid_parameter_combination",
    ),
    ("vllm", V1, ask("good", tool_choice="auto"), 400, "`tools` must be set"),
    ("vllm", V1, ask("good", top_logprobs=1), 400, "`logprobs` must be set"),
    ("openai", V1, ask("gpt-5-of-nobody"), 404, "does not exist"),
    ("openai", "/v1/nothing", ask("gpt-4.1"), 404, "Invalid URL"),
    ("azure", DEPLOYED, ask("gpt-4.1"), 404, "Resource not found"),
    ("azure", f"{DEPLOYED}?api-version=2020-01-01", ask("gpt-4.1"), 404, "Resource not found"),
    (
        "azure", "/openai/deployments/none/chat/completions?api-version=2024-10-21",
        ask("gpt-4.1"), 404, "DeploymentNotFound",
    ),
    ("azure", "/openai/v1/chat/completions", ask("gpt-4.1", [still()] * 11), 400, "Max is 10"),
    ("azure", "/openai/v1/chat/completions", of_a_tool(still()), 400, "role"),
    ("vllm", V1, ask("good", [picture("http://127.0.0.1:9/a.png")]), 400, "allowed domains"),
    ("vllm", V1, ask("good", [still()] * 5), 400, "At most 4 image"),
    ("vllm", V1, ask("good", mm_processor_kwargs={"fps": 1}), 400, "trust-request-mm-kwargs"),
    ("vllm", V1, ask("nobody"), 404, "does not exist"),
    ("vllm", "/v7/chat/completions", ask("good"), 404, '{"detail": "Not Found"}'),
]  # fmt: skip


@pytest.mark.parametrize(("name", "path", "body", "status", "words"), REFUSED)
def test_what_the_real_one_refuses_is_refused(  # noqa: PLR0913, PLR0917 -- a row of the table
    servers: dict[str, OpenAIServer], name: str, path: str, body: Any, status: int, words: str
) -> None:
    answer, text = told(servers[name], path, body)
    assert answer == status
    assert words in text


@pytest.mark.parametrize("name", ["openai", "azure", "vllm"])
def test_a_wrong_key_is_refused(servers: dict[str, OpenAIServer], name: str) -> None:
    path = "/openai/v1/chat/completions" if name == "azure" else V1
    wrong = {"Authorization": "Bearer sk-wrong", "api_key": "sk-wrong"}
    assert told(servers[name], path, ask("good"), **wrong)[0] == 401


def test_what_they_take_is_answered(servers: dict[str, OpenAIServer]) -> None:
    assert told(servers["openai"], V1, ask("gpt-4.1", [still()]))[0] == 200
    path = f"{DEPLOYED}?api-version=2024-10-21"
    assert told(servers["azure"], path, ask("gpt-4.1", [still()] * 10))[0] == 200
    assert told(servers["vllm"], V1, ask("good", [video(film(seconds=1))]))[0] == 200
