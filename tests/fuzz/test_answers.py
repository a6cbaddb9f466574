"""Answers of servers with any value in any place: an answer or one error, no fault of ours."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from visus.core.events import Batch
from visus.core.prompt import Prompt
from visus.core.question import Options
from visus.errors import ServiceError
from visus.providers import gemini_answer, openai_answer
from visus.wire.answer import ChunkWriter, Envelope, Fold

ENVELOPE = Envelope("chatcmpl-1", "m", 1)
PROMPT = Prompt("up", [], Options(), streamed=True, within=())
VALUES: list[Any] = [
    None, 0, -1, 10**20, 1.5, True, "", "x", "\ud800", "ü", [], {}, [None], [{}], {"a": 1},
]  # fmt: skip
CALL = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOKEN = {"token": "a", "logprob": -1, "bytes": None, "top_logprobs": []}
FILTERED = {"hate": {"filtered": False, "severity": "safe"}}
USAGE = {"prompt_tokens": 8, "completion_tokens": 3, "prompt_tokens_details": {}}


def of(delta: Any, **more: Any) -> dict[str, Any]:
    return {"model": "up", "choices": [{"index": 0, "delta": delta, **more}]}


OPENAI = [
    of({"role": "assistant", "content": "a"}, logprobs={"content": [TOKEN]}),
    of({"content": "b"}),
    of({"reasoning_content": "c", "tool_calls": [CALL]}),
    of({}, finish_reason="stop", content_filter_results=FILTERED),
    {"choices": [], "usage": USAGE, "prompt_filter_results": [{"prompt_index": 0}]},
]
PARTS = [
    {"text": "a", "thought": True, "thoughtSignature": "c2ln"},
    {"functionCall": {"name": "f", "args": {"a": 1}, "id": "q"}},
]
GEMINI = [
    {"candidates": [{"content": {"parts": [{"text": "b"}]}, "index": 0}], "modelVersion": "g"},
    {
        "candidates": [{"content": {"parts": PARTS}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 8, "promptTokensDetails": [{"tokenCount": 8}]},
    },
]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a value: what holds it, and its name there."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for name, one in list(inside):
        yield value, name
        if isinstance(one, dict | list):
            yield from places(one)


def written(event: Any, random: Random) -> bytes:
    """The event, mostly as it is, else with something else in a place of it."""
    event = json.loads(json.dumps(event))
    if random.random() < 0.4:
        holder, name = random.choice(list(places(event)))
        holder[name] = random.choice(VALUES)
    data = json.dumps(event, ensure_ascii=False).encode("utf-8", "surrogatepass")
    if random.random() < 0.1:
        place = random.randrange(len(data))
        data = data[:place] + bytes([random.randrange(256)]) + data[place + 1 :]
    return data


def batches_of(translator: Any, payloads: list[bytes], random: Random) -> Iterator[Batch]:
    while payloads and not translator.is_done:
        count = random.randint(1, 5)
        batch, failure = translator.events(payloads[:count])
        payloads = payloads[count:]
        yield batch
        if failure is not None:
            raise failure
    if not translator.is_done:
        yield translator.end()


@pytest.mark.parametrize("dialect", ["openai", "gemini"])
@settings(deadline=None, max_examples=1500)
@given(random=st.randoms(use_true_random=True))
def test_any_answer_is_an_answer_or_an_error(dialect: str, random: Random) -> None:
    events = OPENAI if dialect == "openai" else GEMINI
    payloads = [written(event, random) for event in events]
    reading = openai_answer if dialect == "openai" else gemini_answer
    writer, fold = ChunkWriter(ENVELOPE, include_usage=True), Fold(ENVELOPE)
    sent = b""
    try:
        for batch in batches_of(reading.Translator(PROMPT), payloads, random):
            sent += writer.frames(batch)
            fold.add(batch)
    except ServiceError:
        chunks = [json.loads(one[6:]) for one in sent.decode().split("\n\n")[:-1]]
        assert not any(one["finish_reason"] for chunk in chunks for one in chunk["choices"])
        return
    assert (sent + writer.closing()).decode().endswith("data: [DONE]\n\n")
    assert all(one["finish_reason"] for one in json.loads(fold.body())["choices"])
