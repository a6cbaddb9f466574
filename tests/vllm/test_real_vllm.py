"""The stock client asks a real vLLM through the service: `make test-vllm`.

Its model has random weights: what it says is gibberish, and no test reads it.
"""

import json
import time
from io import BytesIO
from typing import Any

import pytest
from openai import APIError, APIStatusError, OpenAI
from PIL import Image
from tests.server.test_chat_proxy import data_url
from tests.support.claims import refused
from tests.support.films import film, video
from tests.support.service import Service, ask, picture, text
from tests.vllm.engine import NAME, Engine

EYES = "eyes"
AROUND = 2
"""Tokens that begin and end a picture."""
ESTIMATE = "/v1/chat/completions/estimate"


def still(width: int, height: int, shade: int = 120, **more: Any) -> dict[str, Any]:
    sink = BytesIO()
    Image.new("RGB", (width, height), (shade, 30, 90)).save(sink, "PNG")
    return picture(data_url(sink.getvalue()), **more)


def counted(client: OpenAI, content: Any, **more: Any) -> int:
    """Tokens of a prompt, as the server counts them."""
    asked = ask(EYES, content, max_tokens=1, **more)
    used = client.chat.completions.create(**asked).usage
    assert used is not None
    return int(used.prompt_tokens)


def estimated(visus: Service, content: Any) -> int:
    """Tokens of the media, as our formulas count them."""
    reply = visus.post(ask(EYES, content), path=ESTIMATE)
    return int(sum(part["tokens"] for part in reply.json()["parts"]))


@pytest.fixture(scope="module")
def words(client: OpenAI) -> int:
    """What the text of every question here costs."""
    return counted(client, [text("x")])


# --- Counting --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "tokens"),
    [
        ((64, 64), 64),
        ((256, 256), 64),
        ((512, 512), 256),
        ((1000, 700), 682),
        ((1024, 1024), 1024),
        ((100, 1600), 150),
        ((1920, 1080), 2040),
    ],
)
def test_a_picture_costs_what_we_estimate(
    client: OpenAI, visus: Service, words: int, size: tuple[int, int], tokens: int
) -> None:
    content = [text("x"), still(*size)]
    assert estimated(visus, content) == tokens
    assert counted(client, content) - words == tokens + AROUND


def test_several_pictures_cost_their_sum(client: OpenAI, visus: Service, words: int) -> None:
    content = [text("x"), still(512, 512), still(64, 64, 20), still(320, 640)]
    expected = estimated(visus, content) + 3 * AROUND
    assert counted(client, content) - words == expected


def test_low_detail_is_cheap_though_the_server_does_not_know_it(
    client: OpenAI, visus: Service, words: int
) -> None:
    content = [text("x"), still(1024, 1024, detail="low")]
    cost = counted(client, content) - words
    assert cost == estimated(visus, content) + AROUND
    assert cost <= 256 + AROUND


def test_a_picture_in_a_tools_result_is_looked_at(client: OpenAI, words: int) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    messages: list[Any] = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": [text("y"), still(512, 512)]},
    ]
    answer = client.chat.completions.create(model=EYES, messages=messages, max_tokens=1)
    assert answer.usage is not None
    assert answer.usage.prompt_tokens - words > 256


def test_a_film_goes_as_it_is_and_costs_about_what_we_estimate(
    client: OpenAI, visus: Service, words: int
) -> None:
    clip = film(seconds=3, size=(320, 240))
    content = [text("x"), video(clip)]
    cost = counted(client, content) - words
    assert cost == pytest.approx(estimated(visus, content), rel=0.2)


def test_a_film_is_looked_at_as_often_as_the_caller_says(client: OpenAI, words: int) -> None:
    clip = film(seconds=8, size=(160, 120))
    once, twice, often = (
        counted(client, [text("x"), video(clip, fps=fps)]) - words for fps in (1, 2, 4)
    )
    assert counted(client, [text("x"), video(clip)]) - words == twice
    assert once == pytest.approx(twice / 2, rel=0.1)
    assert often == pytest.approx(twice * 2, rel=0.1)


def test_a_film_in_pieces_goes_as_frames(client: OpenAI, words: int) -> None:
    clip = video(film(seconds=4, size=(160, 120)), start=1, end=3, max_frames=2)
    assert counted(client, [text("x"), clip]) - words > 2 * 64


def test_a_picture_that_was_seen_is_found_again(client: OpenAI, engine: Engine) -> None:
    fresh = still(352, 352, 201)
    counted(client, [text("x"), fresh])
    before = engine.measured("mm_cache_hits_total")
    counted(client, [text("other words"), fresh])
    assert engine.measured("mm_cache_hits_total") > before


def test_a_name_that_a_caller_gives_does_not_bring_back_another_picture(
    client: OpenAI, words: int
) -> None:
    small, large = still(64, 64, 77), still(512, 512, 78)
    for content, tokens in ((small, 64), (large, 256)):
        cost = counted(client, [text("x"), content | {"uuid": "chosen"}]) - words
        assert cost == tokens + AROUND


# --- Answers ---------------------------------------------------------------------------------


def test_a_stream_ends_with_a_reason_and_its_usage(client: OpenAI) -> None:
    asked = ask(EYES, [text("Say something."), still(64, 64)], max_tokens=12)
    chunks = list(
        client.chat.completions.create(
            **asked, stream=True, stream_options={"include_usage": True}, logprobs=True
        )
    )
    reasons = [c.choices[0].finish_reason for c in chunks if c.choices]
    assert [one for one in reasons if one] in (["length"], ["stop"])
    assert chunks[-1].choices == []
    assert 0 < chunks[-1].usage.completion_tokens <= 12
    assert any(c.choices and c.choices[0].logprobs for c in chunks)


TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "count",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"many": {"type": "boolean"}},
            "required": ["many"],
            "additionalProperties": False,
        },
    },
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("choice", "reason"),
    [("required", "tool_calls"), ({"type": "function", "function": {"name": "count"}}, "stop")],
    ids=["required", "named"],
)
def test_a_tool_is_called_by_demand(
    client: OpenAI,
    engine: Engine,
    stream: bool,  # noqa: FBT001
    choice: Any,
    reason: str,
) -> None:
    demand = {"tools": [TOOL], "tool_choice": choice, "parallel_tool_calls": False}
    asked = ask(EYES, "Count.", max_tokens=80, logit_bias=engine.white_space(), **demand)
    if stream:
        name, arguments, last = "", "", None
        for chunk in client.chat.completions.create(**asked, stream=True):
            for one in chunk.choices:
                last = one.finish_reason or last
                for call in one.delta.tool_calls or ():
                    name += call.function.name or ""
                    arguments += call.function.arguments or ""
    else:
        (one,) = client.chat.completions.create(**asked).choices
        (call,) = one.message.tool_calls or ()
        name, arguments, last = call.function.name, call.function.arguments, one.finish_reason
    assert name == "count"
    assert json.loads(arguments)["many"] in {True, False}
    assert last == reason


def test_an_answer_keeps_to_a_schema(client: OpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"colour": {"enum": ["red", "green"]}, "dark": {"type": "boolean"}},
        "required": ["colour", "dark"],
        "additionalProperties": False,
    }
    wanted = {"name": "seen", "schema": schema, "strict": True}
    asked = ask(EYES, [text("Which colour?"), still(64, 64)], max_tokens=100)
    (one,) = client.chat.completions.create(
        **asked, response_format={"type": "json_schema", "json_schema": wanted}
    ).choices
    said = json.loads(one.message.content)
    assert said["colour"] in {"red", "green"}
    assert isinstance(said["dark"], bool)


def test_two_answers_and_a_seed(client: OpenAI) -> None:
    asked = ask(EYES, "Say something.", max_tokens=6, n=2, seed=5, temperature=0.9)
    first, again = (client.chat.completions.create(**asked) for _ in range(2))
    assert [one.index for one in first.choices] == [0, 1]
    said = [[one.message.content for one in answer.choices] for answer in (first, again)]
    assert said[0] == said[1]


# --- Faults ----------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("model", "status", "code"),
    [
        ("unserved", 404, "model_not_found"),
        ("wrong-key", 502, "upstream_auth_failed"),
        ("wrong-route", 502, "upstream_bad_response"),
    ],
)
def test_what_the_operator_got_wrong(
    visus: Service,
    stream: bool,  # noqa: FBT001
    model: str,
    status: int,
    code: str,
) -> None:
    param = "model" if status == 404 else None
    refused(visus, visus.post(ask(model, max_tokens=1, stream=stream)), status, code, param)


def test_a_prompt_that_is_too_long_says_so(client: OpenAI) -> None:
    with pytest.raises(APIStatusError) as refusal:
        client.chat.completions.create(**ask(EYES, "word " * 20_000, max_tokens=1))
    assert (refusal.value.status_code, refusal.value.code) == (400, "context_length_exceeded")


def test_more_pictures_than_it_takes_are_its_refusal_in_our_words(visus: Service) -> None:
    reply = visus.post(ask(EYES, [still(64, 64, shade) for shade in range(5)], max_tokens=1))
    refused(visus, reply, 400, "invalid_image", "messages")
    assert NAME not in reply.body.decode()


def test_a_caller_who_hangs_up_ends_the_work(client: OpenAI, engine: Engine) -> None:
    with client.chat.completions.create(
        **ask(EYES, "Go on for ever.", max_tokens=12_000, extra_body=None), stream=True
    ) as stream:
        for place, _ in enumerate(stream):
            if place == 3:
                assert engine.measured("num_requests_running") == 1
                break
    end_s = time.monotonic() + 10
    while engine.measured("num_requests_running") and time.monotonic() < end_s:
        time.sleep(0.05)
    assert engine.measured("num_requests_running") == 0
    assert engine.process.poll() is None


def test_it_is_healthy_after_all_that(client: OpenAI, engine: Engine) -> None:
    try:
        assert counted(client, [text("x")]) > 0
    except APIError as fault:
        pytest.fail(f"{fault}: {engine.process.poll()}")
