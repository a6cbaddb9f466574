"""What the stock Python client has on top of a request: parsing, helpers, raw answers."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel
from tests.conformance.test_openai_python import plain
from tests.support.service import Service, picture, text

pytestmark = [
    # Theirs: a parsed answer is another type than the field was declared with.
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning"),
]
QUESTION: list[Any] = [{"role": "user", "content": "The boat is named 'Lotte', 12 m long."}]


class Boat(BaseModel):
    """A boat."""

    name: str
    length_m: int


LOTTE = Boat(name="Lotte", length_m=12)
BOAT_TOOL = openai.pydantic_function_tool(Boat, name="launch", description="Launches a boat.")


@pytest.fixture
def client(ruled: Service) -> Iterator[OpenAI]:
    with OpenAI(base_url=ruled.url, api_key=ruled.key, max_retries=0) as made:
        yield made


@pytest.fixture
async def other(ruled: Service) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=ruled.url, api_key=ruled.key, max_retries=0) as made:
        yield made


models = pytest.mark.parametrize("model", ["rules", "unruly"])


# --- Parsing ---------------------------------------------------------------------------------


@models
def test_an_answer_is_parsed(client: OpenAI, model: str) -> None:
    answer = client.chat.completions.parse(model=model, messages=QUESTION, response_format=Boat)
    assert answer.choices[0].message.parsed == LOTTE


@models
async def test_the_async_client_parses_too(other: AsyncOpenAI, model: str) -> None:
    answer = await other.chat.completions.parse(
        model=model, messages=QUESTION, response_format=Boat
    )
    assert answer.choices[0].message.parsed == LOTTE


def test_the_arguments_of_a_call_are_parsed(client: OpenAI) -> None:
    answer = client.chat.completions.parse(model="rules", messages=QUESTION, tools=[BOAT_TOOL])
    (call,) = answer.choices[0].message.tool_calls or ()
    assert call.function.parsed_arguments == LOTTE


def test_an_answer_that_was_cut_short_is_told_as_such(client: OpenAI) -> None:
    with pytest.raises(openai.LengthFinishReasonError) as caught:
        client.chat.completions.parse(
            model="unruly", messages=QUESTION, response_format=Boat, max_tokens=1
        )
    assert caught.value.completion.usage


# --- Streams with events ---------------------------------------------------------------------


def kinds(events: list[Any]) -> list[str]:
    """The types of events, each but once in a row, without the chunks themselves."""
    found: list[str] = []
    for event in events:
        if event.type != "chunk" and found[-1:] != [event.type]:
            found.append(event.type)
    return found


def test_a_stream_has_the_events_of_its_text(client: OpenAI) -> None:
    with client.chat.completions.stream(model="rules", messages=QUESTION) as stream:
        events = list(stream)
        final = stream.get_final_completion()
    assert kinds(events) == ["content.delta", "content.done"]
    deltas = [event.delta for event in events if event.type == "content.delta"]
    assert len(deltas) > 3
    assert "".join(deltas) == events[-1].content == final.choices[0].message.content


@models
def test_a_stream_is_parsed_as_it_comes(client: OpenAI, model: str) -> None:
    with client.chat.completions.stream(
        model=model, messages=QUESTION, response_format=Boat,
        stream_options={"include_usage": True},
    ) as stream:  # fmt: skip
        events = list(stream)
        final = stream.get_final_completion()
    (done,) = [event for event in events if event.type == "content.done"]
    assert done.parsed == final.choices[0].message.parsed == LOTTE
    assert final.usage
    assert final.usage.total_tokens > 0


def test_a_stream_has_the_events_of_its_calls(client: OpenAI) -> None:
    with client.chat.completions.stream(
        model="rules", messages=QUESTION, tools=[BOAT_TOOL]
    ) as stream:
        events = list(stream)
        final = stream.get_final_completion()
    delta, done = (f"tool_calls.function.arguments.{word}" for word in ("delta", "done"))
    assert [kind for kind in kinds(events) if kind.startswith("tool")] == [delta, done]
    (last,) = [event for event in events if event.type == done]
    assert (last.name, last.parsed_arguments) == ("launch", LOTTE)
    (call,) = final.choices[0].message.tool_calls or ()
    assert call.function.parsed_arguments == LOTTE
    assert final.choices[0].finish_reason == "tool_calls"


async def test_the_async_client_has_the_same_events(other: AsyncOpenAI) -> None:
    async with other.chat.completions.stream(model="rules", messages=QUESTION) as stream:
        events = [event async for event in stream]
    assert kinds(events) == ["content.delta", "content.done"]


def test_a_whole_round_with_a_tool_and_its_picture(client: OpenAI) -> None:
    messages = [*QUESTION]
    first = client.chat.completions.parse(model="rules", messages=messages, tools=[BOAT_TOOL])
    message = first.choices[0].message
    (call,) = message.tool_calls or ()
    seen = [text("Launched."), picture(plain("blue"))]
    messages += [message, {"role": "tool", "tool_call_id": call.id, "content": seen}]
    second = client.chat.completions.parse(model="rules", messages=messages, tools=[BOAT_TOOL])
    assert (second.choices[0].message.content or "").startswith("There are 1 pictures")


# --- Raw answers -----------------------------------------------------------------------------


def test_raw_answers_have_headers_and_can_be_parsed(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="rules", messages=QUESTION)
    assert raw.status_code == 200
    assert raw.headers["x-request-id"] == raw.request_id
    parsed = raw.parse()
    assert parsed.model == "rules"
    assert parsed.id == f"chatcmpl-{(raw.request_id or '')[4:]}"


def test_a_raw_parse_is_parsed(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.parse(
        model="rules", messages=QUESTION, response_format=Boat
    )
    assert raw.parse().choices[0].message.parsed == LOTTE


def test_an_answer_is_read_as_it_arrives(client: OpenAI) -> None:
    with client.chat.completions.with_streaming_response.create(
        model="rules", messages=QUESTION, stream=True
    ) as raw:
        assert raw.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in raw.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    assert all(line.startswith("data: ") for line in lines)


def test_options_of_ours_travel_in_the_extra_body(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="rules",
        messages=[{"role": "user", "content": [text("Hello"), picture(plain("red"))]}],
        extra_body={"visus": {"report": True}},
        extra_headers={"X-Visus-Report": "1"},
        timeout=20,
    )
    (part,) = (answer.model_extra or {})["visus"]["parts"]
    assert part["path"] == "messages[0].content[1]"


def test_usage_tells_what_was_thought_and_what_was_kept(client: OpenAI) -> None:
    ask = {"model": "rules", "messages": QUESTION, "reasoning_effort": "low"}
    client.chat.completions.create(**ask)
    answer = client.chat.completions.create(**ask)
    assert answer.usage
    assert answer.usage.completion_tokens_details
    assert answer.usage.completion_tokens_details.reasoning_tokens
    assert answer.usage.prompt_tokens_details
    assert answer.usage.prompt_tokens_details.cached_tokens
    assert (answer.choices[0].message.model_extra or {})["reasoning_content"]


@pytest.mark.parametrize(
    ("field", "value"), [("functions", [{"name": "f"}]), ("function_call", "auto")]
)
def test_what_is_not_taken_is_told_by_name(client: OpenAI, field: str, value: object) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model="rules", messages=QUESTION, extra_body={field: value}
        )
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", field)
