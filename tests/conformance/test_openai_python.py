"""The stock Python client against the embedded model and against a scripted upstream."""

import base64
import io
import json
from collections.abc import Iterator

import httpx
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from PIL import Image, ImageDraw, ImageFont
from pydantic import BaseModel
from tests.support.service import Service, picture, text

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@pytest.fixture
def seeing(eyes: Service) -> Iterator[OpenAI]:
    with OpenAI(base_url=eyes.url, api_key=eyes.key, max_retries=0) as client:
        yield client


@pytest.fixture
def scripted(service: Service) -> Iterator[OpenAI]:
    with OpenAI(base_url=service.url, api_key=service.key, max_retries=0) as client:
        yield client


def data_url(image: Image.Image) -> str:
    """A drawn picture as clients send it."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def plain(colour: str) -> str:
    return data_url(Image.new("RGB", (200, 160), colour))


def invoice() -> str:
    """An invoice with known values."""
    page = Image.new("RGB", (900, 700), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(30)
    lines = ("INVOICE", "Invoice number: 20417", "Date: 14.03.2026", "", "Paper    12.50",
             "Ink    30.00", "", "Total: 42.50 EUR")  # fmt: skip
    for row, line in enumerate(lines):
        pen.text((60, 50 + 70 * row), line, fill="black", font=font)
    return data_url(page)


def asked(question: str, *urls: str) -> list[dict[str, object]]:
    return [{"role": "user", "content": [text(question), *map(picture, urls)]}]


# --- The embedded model ----------------------------------------------------------------------


@pytest.mark.timeout(60)  # the first picture waits until the models are loaded
def test_a_plain_answer_is_a_string_with_usage(seeing: OpenAI) -> None:
    messages = asked("Which colour is this?", plain("red"))
    answer = seeing.chat.completions.create(model="visus-lite", messages=messages)
    choice = answer.choices[0]
    assert answer.object == "chat.completion"
    assert answer.model == "visus-lite"
    assert choice.message.role == "assistant"
    assert choice.finish_reason == "stop"
    assert "red" in (choice.message.content or "").lower()
    assert answer.usage
    assert (
        answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    )
    assert answer.usage.completion_tokens > 0


@pytest.mark.timeout(60)
def test_a_stream_says_what_the_plain_answer_says(seeing: OpenAI) -> None:
    messages = asked("Which colour is this?", plain("blue"))
    whole = seeing.chat.completions.create(model="visus-lite", messages=messages)
    with seeing.chat.completions.create(
        model="visus-lite",
        messages=messages,
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        *chunks, last = list(stream)
    assert chunks[0].choices[0].delta.role == "assistant"
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert said == whole.choices[0].message.content
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert (last.choices, last.usage) == ([], whole.usage)
    assert len({chunk.id for chunk in chunks}) == 1


@pytest.mark.timeout(60)
async def test_the_async_client_streams_the_same(eyes: Service) -> None:
    messages = asked("Which colour is this?", plain("green"))
    async with AsyncOpenAI(base_url=eyes.url, api_key=eyes.key, max_retries=0) as client:
        whole = await client.chat.completions.create(model="visus-lite", messages=messages)
        stream = await client.chat.completions.create(
            model="visus-lite", messages=messages, stream=True
        )
        said = [chunk.choices[0].delta.content or "" async for chunk in stream]
    assert "".join(said) == whole.choices[0].message.content
    assert "green" in "".join(said).lower()


@pytest.mark.timeout(60)
def test_two_pictures_are_both_seen(seeing: OpenAI) -> None:
    messages = asked("Which colours are these pictures?", plain("red"), plain("blue"))
    answer = seeing.chat.completions.create(model="visus-lite", messages=messages)
    said = (answer.choices[0].message.content or "").lower()
    assert "red" in said
    assert "blue" in said


@pytest.mark.timeout(60)
def test_a_follow_up_is_about_the_earlier_picture(seeing: OpenAI) -> None:
    messages = [
        {"role": "system", "content": "You look at pictures."},
        *asked("What is the total?", invoice()),
    ]
    first = seeing.chat.completions.create(model="visus-lite", messages=messages)
    assert "42.50" in (first.choices[0].message.content or "")
    messages += [
        first.choices[0].message.model_dump(exclude_none=True),
        {"role": "user", "content": "And what is the invoice number?"},
    ]
    second = seeing.chat.completions.create(model="visus-lite", messages=messages)
    assert "20417" in (second.choices[0].message.content or "")


class Invoice(BaseModel):
    invoice_number: str
    total: float


@pytest.mark.timeout(60)
def test_a_flat_schema_is_filled_from_an_invoice(seeing: OpenAI) -> None:
    answer = seeing.chat.completions.parse(
        model="visus-lite",
        messages=asked("Read this invoice.", invoice()),
        response_format=Invoice,
    )
    assert answer.choices[0].message.parsed == Invoice(invoice_number="20417", total=42.5)


def test_the_models_are_listed_and_one_is_retrieved(seeing: OpenAI) -> None:
    listed = list(seeing.models.list())
    assert [model.id for model in listed] == ["visus-lite"]
    assert seeing.models.retrieve("visus-lite") == listed[0]
    assert listed[0].object == "model"


def test_raw_headers_name_the_request_and_who_answered(seeing: OpenAI) -> None:
    raw = seeing.chat.completions.with_raw_response.create(
        model="visus-lite",
        messages=[{"role": "user", "content": "Hello"}],
        extra_body={"sparkle": 1},
    )
    assert raw.headers["x-request-id"].startswith("req_")
    assert raw.headers["x-visus-provider"] == "visus"
    assert raw.headers["x-visus-region"] == "local"
    assert raw.headers["x-visus-ignored"] == "sparkle"
    assert raw.parse().choices[0].message.content


# --- Errors ----------------------------------------------------------------------------------


def test_a_wrong_key_is_an_authentication_error(service: Service) -> None:
    with (
        OpenAI(base_url=service.url, api_key="wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        client.models.list()
    assert caught.value.code == "invalid_api_key"
    assert caught.value.request_id


@pytest.mark.parametrize(
    ("model", "kind", "code"),
    [
        ("nobody", openai.NotFoundError, "model_not_found"),
        ("status_429", openai.RateLimitError, "rate_limit_exceeded"),
        ("status_500", openai.InternalServerError, "upstream_bad_response"),
        ("status_401", openai.InternalServerError, "upstream_auth_failed"),
        ("status_400_context", openai.BadRequestError, "context_length_exceeded"),
    ],
)
def test_a_refusal_is_the_right_exception(
    scripted: OpenAI, model: str, kind: type[openai.APIStatusError], code: str
) -> None:
    with pytest.raises(kind) as caught:
        scripted.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "Hello"}]
        )
    assert caught.value.code == code


def test_a_refusal_names_the_place(scripted: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        scripted.chat.completions.create(
            model="good", messages=asked("What?", "http://127.0.0.1/x.png")
        )
    assert caught.value.code == "invalid_image_url"
    assert caught.value.param == "messages[0].content[1].image_url.url"


def test_a_cut_stream_raises(scripted: OpenAI) -> None:
    stream = scripted.chat.completions.create(
        model="cut_without_finish",
        messages=[{"role": "user", "content": "Hello"}],
        stream=True,
    )
    said: list[str] = []
    with stream, pytest.raises(openai.APIError) as caught:
        said += [chunk.choices[0].delta.content or "" for chunk in stream]
    assert caught.value.code == "upstream_bad_response"


def test_a_server_that_is_not_there_is_a_connection_error() -> None:
    with (
        OpenAI(base_url="http://127.0.0.1:9/v1", api_key="k", max_retries=0) as client,
        pytest.raises(openai.APIConnectionError),
    ):
        client.models.list()


# --- A scripted upstream ---------------------------------------------------------------------


def test_a_tool_is_called_and_its_result_used(scripted: OpenAI) -> None:
    messages: list[dict[str, object]] = [{"role": "user", "content": "Weather in Köln?"}]
    first = scripted.chat.completions.create(model="tools", messages=messages, tools=[TOOL])
    assert first.choices[0].finish_reason == "tool_calls"
    call = (first.choices[0].message.tool_calls or [])[0]
    assert json.loads(call.function.arguments) == {"city": "Köln"}
    messages += [
        first.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "rain"},
    ]
    second = scripted.chat.completions.create(model="tools", messages=messages, tools=[TOOL])
    assert second.choices[0].message.content == "The tool says rain."


def test_a_streamed_tool_call_comes_together(scripted: OpenAI) -> None:
    with scripted.chat.completions.stream(
        model="tools", messages=[{"role": "user", "content": "Weather in Köln?"}], tools=[TOOL]
    ) as stream:
        final = stream.get_final_completion()
    call = (final.choices[0].message.tool_calls or [])[0]
    assert (call.id, call.function.name) == ("call_1", "weather")
    assert json.loads(call.function.arguments) == {"city": "Köln"}


def test_a_schema_reaches_the_upstream_as_the_client_wrote_it(scripted: OpenAI) -> None:
    answer = scripted.chat.completions.create(
        model="echo",
        messages=[{"role": "user", "content": "Read this."}],
        response_format={
            "type": "json_schema",
            "json_schema": {
                "name": "Invoice",
                "strict": True,
                "schema": Invoice.model_json_schema(),
            },
        },
    )
    body = json.loads(answer.choices[0].message.content or "")["body"]
    assert body["response_format"]["json_schema"]["schema"] == Invoice.model_json_schema()


def test_pictures_in_every_role_arrive_in_order(scripted: OpenAI) -> None:
    messages = [
        {"role": "system", "content": [text("Look."), picture(plain("red"))]},
        *asked("And this?", plain("blue"), plain("green")),
    ]
    answer = scripted.chat.completions.create(model="echo", messages=messages)
    assert len(set(json.loads(answer.choices[0].message.content or "")["hashes"])) == 3


def test_a_client_timeout_is_a_timeout(service: Service) -> None:
    with (
        OpenAI(
            base_url=service.url, api_key=service.key, max_retries=0,
            timeout=httpx.Timeout(0.3),
        ) as client,
        pytest.raises(openai.APITimeoutError),
    ):  # fmt: skip
        client.chat.completions.create(
            model="silent", messages=[{"role": "user", "content": "Hello"}]
        )
