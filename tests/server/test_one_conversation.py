"""One conversation through every dialect: all answers have one shape, and say the same."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from tests.conftest import FAST
from tests.server.test_chat_proxy import data_url
from tests.support import tiny_model
from tests.support.claims import answered
from tests.support.gemini_rules import answers_by_rules
from tests.support.gemini_upstream import GeminiServer
from tests.support.openai_family import AzureServer, OpenAIServer, VllmServer
from tests.support.rows import AZURE, GEMINI, VLLM, at_ports
from tests.support.service import Service, ask, picture, text
from tests.unit.media.sample_pictures import encode, halves

pytestmark = pytest.mark.timeout(60)  # the service waits until our own models are loaded
CONFIG = """
[[providers]]
name = "openai"
dialect = "openai"
base_url = "http://127.0.0.1:{openai}/v1"
api_key_env = "SCRIPTED_KEY"
[[providers]]
name = "vertex"
dialect = "gemini"
base_url = "http://127.0.0.1:{gemini}/v1/projects/p1/locations/europe-west4/publishers/google"
api_key_env = "VERTEX_TOKEN"
"""
MODEL = """
[[models]]
id = "{name}"
provider = "{name}"
upstream_id = "{upstream_id}"
input_modalities = ["text", "image"]
[models.vision]
image_roles = ["user"]
"""
IN_MEMORY = """
[gguf]
threads = 1
[[models]]
id = "in-memory"
provider = "gguf"
path = "{folder}/model.gguf"
projector = "{folder}/projector.gguf"
max_sequence_length = {context}
"""
OTHERS = ("vllm", "azure", "gemini", "vertex")
"""Compared with OpenAI's own."""
PHOTO = {
    "type": "function",
    "function": {
        "name": "take_photo",
        "description": "Takes a photo of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "width": {"type": "integer"}},
            "required": ["city", "width"],
        },
    },
}
ASKED = "Take a photo of 'Köln', 300 wide."
QUESTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "cut short": {"max_tokens": 3},
    "stopped": {"stop": ["words"]},
    "thinking": {"reasoning_effort": "low"},
    "calling": {"tools": [PHOTO]},
    "made to call": {"tools": [PHOTO], "tool_choice": "required"},
    "a form": {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "shot", "schema": PHOTO["function"]["parameters"]},
        }
    },
    "any object": {"response_format": {"type": "json_object"}},
}
MODERATION = {"prompt_filter_results", "content_filter_results"}
"""What Azure alone says, and is passed on as its own."""


@pytest.fixture(scope="module")
def polyglot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service before the same model on servers of every kind."""
    with ExitStack() as stack:
        house = stack.enter_context(GeminiServer())
        servers = {
            "openai": stack.enter_context(OpenAIServer()),
            "vllm": stack.enter_context(VllmServer()),
            "azure": stack.enter_context(AzureServer()),
            "gemini": house,
        }
        rows = CONFIG + VLLM + AZURE + GEMINI
        config = FAST.replace("[lite]\nenabled = false\n", "")
        config += at_ports(rows, {name: server.port for name, server in servers.items()})
        for name in ("openai", *OTHERS):
            row = MODEL.replace("{name}", name)
            config += row.replace("{upstream_id}", answers_by_rules.__name__)
        folder = tmp_path_factory.mktemp("model")
        tiny_model.write(folder)
        config += IN_MEMORY.format(folder=folder, context=tiny_model.CONTEXT)
        running = Service(
            tmp_path_factory.mktemp("polyglot"),
            config,
            SCRIPTED_KEY=OpenAIServer.key,
            GEMINI_KEY=house.key,
            VERTEX_TOKEN=house.token,
        )
        for name in ("visus-lite", "in-memory"):  # their processes begin now and stay
            answered(running, running.post(ask(name, ASKED, max_tokens=3)))
        yield running
        running.stop()


# --- Shapes ----------------------------------------------------------------------------------


def shape(value: Any) -> Any:
    """What a value is like: the names of its fields and the kinds of what they hold."""
    if isinstance(value, dict):
        return {
            name: inner if name in {"object", "role", "type", "finish_reason"} else shape(inner)
            for name, inner in value.items()
            if name not in MODERATION
        }
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__


def shapes(events: list[Any]) -> list[Any]:
    """The shapes of a stream's events, each but once in a row; none of moderation alone."""
    found: list[Any] = []
    for event in events:
        if event != "[DONE]" and event["choices"] == [] and MODERATION & set(event):
            continue
        like = event if event == "[DONE]" else shape(event)
        if found[-1:] != [like]:
            found.append(like)
    return found


def whole(events: list[Any]) -> tuple[str, str, list[tuple[str, Any]]]:
    """What a stream said, thought and called."""
    said, thought, calls = "", "", {}
    for event in events[:-1]:
        for choice in event["choices"]:
            delta = choice["delta"]
            said += delta.get("content") or ""
            thought += delta.get("reasoning_content") or ""
            for call in delta.get("tool_calls", ()):
                name, arguments = calls.get(call["index"], ("", ""))
                function = call["function"]
                calls[call["index"]] = (
                    name + function.get("name", ""),
                    arguments + function["arguments"],
                )
    return said, thought, [(name, json.loads(args)) for name, args in calls.values()]


def told(body: Any) -> tuple[str, str, list[tuple[str, Any]]]:
    """The same of a whole answer."""
    message = body["choices"][0]["message"]
    calls = [call["function"] for call in message.get("tool_calls", ())]
    return (
        message["content"] or "",
        message.get("reasoning_content", ""),
        [(call["name"], json.loads(call["arguments"])) for call in calls],
    )


# --- The conversation ------------------------------------------------------------------------


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_whole_answer_has_the_same_shape_and_words(
    polyglot: Service, question: str, name: str
) -> None:
    bodies = [
        answered(polyglot, polyglot.post(ask(model, ASKED, **QUESTIONS[question])))
        for model in ("openai", name)
    ]
    assert told(bodies[1]) == told(bodies[0])
    assert shape(bodies[1]) == shape(bodies[0])


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_stream_has_the_same_shape_and_words(
    polyglot: Service, question: str, name: str
) -> None:
    more = {"stream": True, "stream_options": {"include_usage": True}}
    streams = [
        polyglot.post(ask(model, ASKED, **QUESTIONS[question], **more)).events()
        for model in ("openai", name)
    ]
    assert whole(streams[1]) == whole(streams[0])
    assert bool(whole(streams[0])[1]) == (question == "thinking")
    assert bool(whole(streams[0])[2]) == ("call" in question)
    assert streams[0][-2]["usage"]["total_tokens"] > 0
    assert shapes(streams[1]) == shapes(streams[0])


@pytest.mark.parametrize("name", ["openai", *OTHERS])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_photo_that_a_tool_took_is_seen(
    polyglot: Service, name: str, *, streamed: bool
) -> None:
    question = ask(name, ASKED, tools=[PHOTO])
    answer = answered(polyglot, polyglot.post(question))
    (call,) = answer["choices"][0]["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"city": "Köln", "width": 300}
    photo = [text("Taken."), picture(data_url(encode(halves(), "JPEG")))]
    result = {"role": "tool", "tool_call_id": call["id"], "content": photo}
    question["messages"] += [answer["choices"][0]["message"], result]
    reply = polyglot.post({**question, "stream": streamed})
    said = whole(reply.events())[0] if streamed else told(answered(polyglot, reply))[0]
    assert re.match(r"There are 1 pictures and \d+ words\.", said)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("visus-lite", "plain"),
        ("visus-lite", "any object"),
        ("visus-lite", "cut short"),
        ("in-memory", "cut short"),  # a random model does not come to an end by itself
    ],
)
def test_models_of_ours_answer_in_the_same_shape(
    polyglot: Service, name: str, question: str, *, streamed: bool
) -> None:
    more = {"stream": True, "stream_options": {"include_usage": True}} if streamed else {}
    replies = [
        polyglot.post(ask(model, "What can you do?", **QUESTIONS[question], **more))
        for model in ("openai", name)
    ]
    if streamed:
        theirs, ours = (shapes(reply.events()) for reply in replies)
    else:
        theirs, ours = (shape(answered(polyglot, reply)) for reply in replies)
    assert ours == theirs
