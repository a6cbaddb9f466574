"""The Gemini API behind the service: a server as strict as the real one, and its faults."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from openai import BadRequestError, OpenAI
from tests.conftest import FAST
from tests.server.test_chat_proxy import data_url
from tests.support.claims import answered, broke_off, refused, text_of
from tests.support.gemini_upstream import (
    BEHAVIOURS,
    IMAGES,
    SIGNATURE,
    SKIP,
    WORDS,
    GeminiServer,
)
from tests.support.service import Service, ask, picture, text
from tests.support.upstream import Upstream
from tests.unit.media.sample_pictures import encode, halves

both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])

CONFIG = """
[[providers]]
name = "studio"
dialect = "gemini"
base_url = "http://127.0.0.1:{port}/v1beta"
api_key_env = "SCRIPTED_KEY"
api_key_header = "x-goog-api-key"
[providers.options]
thinking = { medium = 9000 }
[[providers]]
name = "gemini-3"
dialect = "gemini"
base_url = "http://127.0.0.1:{port}/v1beta"
api_key_env = "SCRIPTED_KEY"
api_key_header = "x-goog-api-key"
[providers.options]
thinking = { by = "level" }
wants_signatures = true
[[models]]
id = "by-gemini-3"
provider = "gemini-3"
upstream_id = "good"
[[models]]
id = "tools-that-see"
provider = "gemini-3"
upstream_id = "tools"
input_modalities = ["text", "image"]
vision = { image_roles = ["user", "tool"] }
[[providers]]
name = "another"
dialect = "openai"
base_url = "http://127.0.0.1:{other}/v1"
[[models]]
id = "elsewhere"
provider = "another"
upstream_id = "good"
[[providers]]
name = "vertex"
dialect = "gemini"
base_url = "http://127.0.0.1:{port}/v1/projects/p1/locations/europe-west4/publishers/google"
api_key_env = "SCRIPTED_TOKEN"
region = "europe-west4"
country = "NL"
[[providers]]
name = "keyless"
dialect = "gemini"
base_url = "http://127.0.0.1:{port}/v1beta"
[[models]]
id = "by-vertex"
provider = "vertex"
upstream_id = "good"
[[models]]
id = "without-key"
provider = "keyless"
upstream_id = "good"
[[models]]
id = "unserved"
provider = "studio"
upstream_id = "gemini-0"
"""
MODEL = """
[[models]]
id = "{name}"
provider = "studio"
input_modalities = ["text", "image"]
[models.vision]
formats = ["image/jpeg", "image/png", "image/webp", "image/heic"]
image_roles = ["user", "assistant"]
"""


@pytest.fixture(scope="session")
def gemini(
    house: GeminiServer, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The service before both houses, with a model for each behaviour."""
    own = "gemini-2.5-flash"
    rows = "".join(MODEL.replace("{name}", name) for name in BEHAVIOURS if name != own)
    google = (
        '[[providers]]\nname = "google"\ndialect = "gemini"\napi_key_env = "SCRIPTED_KEY"\n'
        f'api_key_header = "x-goog-api-key"\nbase_url = "http://127.0.0.1:{house.port}/v1beta"\n'
    )
    running = Service(
        tmp_path_factory.mktemp("gemini"),
        FAST
        + CONFIG.replace("{port}", str(house.port)).replace("{other}", str(upstream.port))
        + google
        + rows,
        SCRIPTED_KEY=house.key,
        SCRIPTED_TOKEN=house.token,
    )
    yield running
    running.stop()


@pytest.fixture
def client(gemini: Service) -> Iterator[OpenAI]:
    with OpenAI(base_url=gemini.url, api_key=gemini.key, max_retries=0) as made:
        yield made


def still(form: str = "PNG", **more: Any) -> dict[str, Any]:
    return picture(data_url(encode(halves(), form)), **more)


def contents(house: GeminiServer, model: str) -> list[dict[str, Any]]:
    return house.last(model).body["contents"]


def config(house: GeminiServer, model: str) -> dict[str, Any]:
    return house.last(model).body.get("generationConfig", {})


# --- Text and pictures -----------------------------------------------------------------------


@both_ways
def test_a_question_with_a_picture_is_answered(
    gemini: Service, house: GeminiServer, *, stream: bool
) -> None:
    parts = [text("What is this?"), still()]
    reply = gemini.post(ask("good", parts, stream=stream))
    answer = answered(gemini, reply)
    if stream:
        assert text_of(reply.events()) == "".join(WORDS)
        finishes = [one["choices"][0]["finish_reason"] for one in reply.events()[:-1]]
        assert finishes == [None] * (len(finishes) - 1) + ["stop"]
    else:
        assert answer["choices"][0]["message"]["content"] == "".join(WORDS)
        assert answer["choices"][0]["finish_reason"] == "stop"
    (content,) = contents(house, "good")
    assert content["role"] == "user"
    first, second = content["parts"]
    assert first == {"text": "What is this?"}
    assert second["inlineData"]["mimeType"] == "image/png"
    assert second["inlineData"]["data"] == still()["image_url"]["url"].partition(",")[2]
    asked = house.last("good")
    assert asked.path.endswith(
        ":streamGenerateContent?alt=sse" if stream else "generateContent"
    )
    assert asked.headers["x-goog-api-key"] == house.key
    assert asked.body.keys() == {"contents"}


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "HEIF", "GIF", "AVIF", "BMP", "TIFF"])
def test_a_picture_arrives_in_a_form_that_the_server_reads(
    gemini: Service, house: GeminiServer, form: str
) -> None:
    answered(gemini, gemini.post(ask("good", [still(form)])))
    (content,) = contents(house, "good")
    sent = content["parts"][0]["inlineData"]["mimeType"]
    assert sent in ({f"image/{form.lower()}"} if form in {"JPEG", "WEBP"} else IMAGES)


def test_a_picture_with_a_wrong_label_travels_under_its_own(
    gemini: Service, house: GeminiServer
) -> None:
    url = data_url(encode(halves(), "JPEG")).replace("image/png", "image/jpg")
    answered(gemini, gemini.post(ask("good", [picture(url)])))
    assert contents(house, "good")[0]["parts"][0]["inlineData"]["mimeType"] == "image/jpeg"


def test_several_turns_and_instructions_arrive_where_they_belong(
    client: OpenAI, house: GeminiServer
) -> None:
    answer = client.chat.completions.create(
        model="good",
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Hi."},
            {"role": "assistant", "content": "How are you?"},
            {"role": "developer", "content": "Be kind."},
            {"role": "user", "content": ""},
            {"role": "user", "content": [text("Look:"), still()]},  # type: ignore[list-item]
        ],
    )
    assert answer.choices[0].message.content == "".join(WORDS)
    body = house.last("good").body
    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]}
    said = [
        (one["role"], [part.get("text") for part in one["parts"]]) for one in body["contents"]
    ]
    assert said == [
        ("user", ["Hello"]),
        ("model", ["Hi.", "How are you?"]),
        ("user", ["Look:", None]),
    ]


@both_ways
def test_an_answer_of_another_model_is_reported(gemini: Service, *, stream: bool) -> None:
    reply = gemini.post(ask("another", stream=stream))
    answered(gemini, reply)
    assert reply.headers["x-visus-model"] == "gemini-3-flash"
    assert "'another' answered as 'gemini-3-flash'" in reply.headers["x-visus-warning"]


def test_signs_of_life_are_no_answer(gemini: Service) -> None:
    reply = gemini.post(ask("only_signs_of_life", stream=True))
    refused(gemini, reply, 504, "upstream_timeout")


def test_instructions_alone_are_said_by_the_user(gemini: Service, house: GeminiServer) -> None:
    body = {"model": "good", "messages": [{"role": "system", "content": "Sing."}]}
    answered(gemini, gemini.post(body))
    assert house.last("good").body == {
        "contents": [{"role": "user", "parts": [{"text": "Sing."}]}]
    }


def test_nothing_at_all_is_refused_before_the_server_is_asked(
    gemini: Service, house: GeminiServer
) -> None:
    before = len(house.asked)
    reply = gemini.post(ask("good", ""))
    refused(gemini, reply, 400, "invalid_value", "messages")
    assert len(house.asked) == before


def test_a_picture_in_a_role_that_the_server_has_none_in_moves_to_the_user(
    gemini: Service, house: GeminiServer
) -> None:
    body = {
        "model": "good",
        "messages": [
            {"role": "system", "content": [text("Mind:"), still()]},
            {"role": "user", "content": "?"},
        ],
    }
    answered(gemini, gemini.post(body))
    asked = house.last("good").body
    assert all("text" in part for part in asked["systemInstruction"]["parts"])
    assert "inlineData" in asked["contents"][0]["parts"][1]


@pytest.mark.parametrize(
    ("details", "resolution"),
    [
        (["low", "low"], "MEDIA_RESOLUTION_LOW"),
        (["high", "high"], "MEDIA_RESOLUTION_HIGH"),
        (["low", "high"], None),
        (["auto", "auto"], None),
    ],
)
def test_pictures_that_agree_on_a_detail_get_it(
    gemini: Service, house: GeminiServer, details: list[str], resolution: str | None
) -> None:
    answered(gemini, gemini.post(ask("good", [still(detail=one) for one in details])))
    assert config(house, "good").get("mediaResolution") == resolution


def test_vertex_is_asked_under_its_own_address_with_a_token(
    gemini: Service, house: GeminiServer
) -> None:
    reply = gemini.post({**ask("by-vertex"), "visus": {"residency": "eu"}})
    answered(gemini, reply)
    assert reply.headers["x-visus-region"] == "europe-west4"
    asked = house.last("good")
    assert asked.path == (
        "/v1/projects/p1/locations/europe-west4/publishers/google/models/good:generateContent"
    )
    assert asked.headers["authorization"] == f"Bearer {house.token}"
    assert "x-goog-api-key" not in asked.headers


def test_no_key_is_our_own_fault(gemini: Service) -> None:
    refused(gemini, gemini.post(ask("without-key")), 502, "upstream_auth_failed")


def test_a_model_that_is_not_served_is_not_found(gemini: Service) -> None:
    refused(gemini, gemini.post(ask("unserved")), 404, "model_not_found", "model")


def test_the_shipped_model_speaks_the_dialect(client: OpenAI, house: GeminiServer) -> None:
    parts: Any = [text("What is in this image?"), still()]
    answer = client.chat.completions.create(
        model="gemini-2.5-flash",
        messages=[{"role": "user", "content": parts}],
        max_tokens=1024,
    )
    assert answer.choices[0].message.content == "".join(WORDS)
    assert config(house, "gemini-2.5-flash") == {"maxOutputTokens": 1024}


# --- What it answers -------------------------------------------------------------------------


@both_ways
def test_what_it_counted_arrives(gemini: Service, *, stream: bool) -> None:
    more: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
    reply = gemini.post(ask("good", **(more if stream else {})))
    answer = answered(gemini, reply)
    usage = reply.events()[-2]["usage"] if stream else answer["usage"]
    assert usage["prompt_tokens"] == 812
    assert usage["completion_tokens"] == 43
    assert usage["total_tokens"] == 855
    assert usage["prompt_tokens_details"] == {
        "cached_tokens": 300,
        "text_tokens": 38,
        "image_tokens": 774,
    }
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 40


def test_thoughts_arrive_as_reasoning(client: OpenAI, house: GeminiServer) -> None:
    answer = client.chat.completions.create(
        model="thinks", messages=[{"role": "user", "content": "?"}], reasoning_effort="low"
    )
    message = answer.choices[0].message
    assert message.content == "Yes."
    assert message.model_extra == {"reasoning_content": "Hmm. A boat?"} | (
        message.model_extra or {}
    )
    thinking = {"thinkingBudget": 1024, "includeThoughts": True}
    assert config(house, "thinks") == {"thinkingConfig": thinking}
    chunks = client.chat.completions.create(
        model="thinks", messages=[{"role": "user", "content": "?"}], stream=True
    )
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    thoughts = [(one.model_extra or {}).get("reasoning_content") for one in deltas]
    assert [one for one in thoughts if one] == ["Hmm. ", "A boat?"]
    assert "".join(one.content or "" for one in deltas) == "Yes."
    assert "thinkingConfig" not in config(house, "thinks")


@both_ways
def test_several_answers_keep_apart(
    gemini: Service, house: GeminiServer, *, stream: bool
) -> None:
    reply = gemini.post(ask("two_choices", n=2, stream=stream))
    answer = answered(gemini, reply)
    assert config(house, "two_choices") == {"candidateCount": 2}
    if stream:
        found = [text_of(reply.events(), index) for index in (0, 1)]
    else:
        found = [one["message"]["content"] for one in answer["choices"]]
    assert found == ["answer 0", "answer 1"]


def test_log_probabilities_arrive_in_openais_form(client: OpenAI, house: GeminiServer) -> None:
    answer = client.chat.completions.create(
        model="likely",
        messages=[{"role": "user", "content": "?"}],
        logprobs=True,
        top_logprobs=2,
    )
    assert config(house, "likely") == {"responseLogprobs": True, "logprobs": 2}
    logprobs = answer.choices[0].logprobs
    assert logprobs
    assert logprobs.content
    (token,) = logprobs.content
    assert (token.token, token.logprob, token.bytes) == ("bö", -0.25, list("bö".encode()))
    assert [(one.token, one.logprob) for one in token.top_logprobs] == [
        ("bö", -0.25),
        ("sea", -1.5),
    ]


@both_ways
@pytest.mark.parametrize(
    ("model", "reason", "words"),
    [
        ("ends_length", "length", "Once "),
        ("ends_thinking", "length", ""),
        ("ends_safety", "content_filter", "Once "),
        ("ends_recitation", "content_filter", ""),
        ("ends_spii", "content_filter", "Once "),
    ],
)
def test_an_answer_says_why_it_ended(
    gemini: Service, model: str, reason: str, words: str, *, stream: bool
) -> None:
    reply = gemini.post(ask(model, stream=stream))
    answer = answered(gemini, reply)
    if stream:
        chunks = reply.events()[:-1]
        assert text_of(chunks) == words
        assert chunks[-1]["choices"][0]["finish_reason"] == reason
    else:
        (choice,) = answer["choices"]
        assert (choice["finish_reason"], choice["message"]["content"] or "") == (reason, words)


@both_ways
def test_a_blocked_prompt_is_refused(gemini: Service, *, stream: bool) -> None:
    reply = gemini.post(ask("blocked", stream=stream))
    record = refused(gemini, reply, 400, "content_filter", "messages")
    assert record["detail"] == "PROHIBITED_CONTENT"


# --- Faults ----------------------------------------------------------------------------------


@both_ways
@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("status_400_key", (502, "upstream_auth_failed", None)),
        ("status_400_country", (502, "upstream_auth_failed", None)),
        ("status_400_context", (400, "context_length_exceeded", "messages")),
        ("status_400_field", (400, "invalid_value", "temperature")),
        ("status_401", (502, "upstream_auth_failed", None)),
        ("status_403", (502, "upstream_auth_failed", None)),
        ("status_404", (404, "model_not_found", "model")),
        ("status_410", (404, "model_not_found", "model")),
        ("status_413", (413, "request_too_large", None)),
        ("status_499", (502, "upstream_bad_response", None)),
        ("status_500", (502, "upstream_bad_response", None)),
        ("status_503", (502, "upstream_bad_response", None)),
        ("status_504", (504, "upstream_timeout", None)),
        ("silent", (504, "upstream_timeout", None)),
        ("not_json", (502, "upstream_bad_response", None)),
        ("no_candidates", (502, "upstream_bad_response", None)),
        ("draws", (502, "upstream_bad_response", None)),
        ("ends_malformed_call", (502, "upstream_bad_response", None)),
        ("error_in_200", (502, "upstream_bad_response", None)),
        ("closes_at_once", (502, "upstream_bad_response", None)),
        ("short_body", (502, "upstream_bad_response", None)),
        ("no_http", (502, "upstream_bad_response", None)),
        ("huge_body", (502, "upstream_bad_response", None)),
        ("gzip_bomb", (502, "upstream_bad_response", None)),
        ("redirects", (502, "upstream_bad_response", None)),
    ],
)
def test_every_refusal_and_fault_has_a_meaning(
    gemini: Service, model: str, told: tuple[int, str, str | None], *, stream: bool
) -> None:
    refused(gemini, gemini.post(ask(model, stream=stream)), *told)


def test_a_refused_picture_is_named(gemini: Service) -> None:
    reply = gemini.post(ask("status_400_image", [text("?"), still()]))
    where = "messages[0].content[1].image_url.url"
    refused(gemini, reply, 400, "invalid_image", where)


@pytest.mark.parametrize(
    ("model", "wait"),
    [
        ("status_429", "2"),
        ("status_429_in_list", "2"),
        ("status_429_day", "120"),
        ("status_429_garbage", "1"),
        ("status_429_bare", "1"),
        ("status_429_header", "2"),
    ],
)
def test_a_limit_says_when_to_come_back(gemini: Service, model: str, wait: str) -> None:
    reply = gemini.post(ask(model))
    refused(gemini, reply, 429, "rate_limit_exceeded")
    assert reply.headers["retry-after"] == wait


@pytest.mark.parametrize(
    ("model", "code", "words"),
    [
        ("cut_without_finish", "upstream_bad_response", "Once "),
        ("reset_mid_stream", "upstream_bad_response", "Once "),
        ("malformed_event", "upstream_bad_response", "Once "),
        ("two_objects_in_a_line", "upstream_bad_response", "Once "),
        ("error_in_stream", "upstream_bad_response", "Once "),
        ("huge_event", "upstream_bad_response", "Once "),
        ("ends_other", "upstream_bad_response", "Once "),
        ("ends_unheard", "upstream_bad_response", "Once "),
        ("stalls", "upstream_timeout", "Once "),
    ],
)
def test_a_stream_that_breaks_says_so(
    gemini: Service, model: str, code: str, words: str
) -> None:
    assert broke_off(gemini, gemini.post(ask(model, stream=True)), code) == words


@pytest.mark.parametrize("model", ["sliced", "odd_framing"])
def test_a_stream_may_be_framed_in_any_way(gemini: Service, model: str) -> None:
    reply = gemini.post(ask(model, stream=True))
    answered(gemini, reply)
    assert text_of(reply.events()) == "".join(WORDS)


@both_ways
def test_null_is_as_good_as_nothing(gemini: Service, *, stream: bool) -> None:
    wish = {"stream_options": {"include_usage": True}} if stream else {}
    reply = gemini.post(ask("nulls", stream=stream, **wish))
    answered(gemini, reply)
    if stream:
        assert text_of(reply.events()) == "Yes."
        assert reply.events()[-2]["usage"]["prompt_tokens"] == 812
    else:
        message = reply.json()["choices"][0]["message"]
        assert message["content"] == "Yes."
        assert message["tool_calls"][0]["function"] == {"name": "look", "arguments": "{}"}
        assert reply.json()["usage"]["prompt_tokens"] == 812


def test_a_slow_stream_is_kept_alive(gemini: Service) -> None:
    reply = gemini.post(ask("drips", stream=True))
    answered(gemini, reply)
    assert text_of(reply.events()) == "one two three"
    assert b": keep-alive" in reply.body


@both_ways
def test_what_comes_behind_the_end_is_not_passed_on(gemini: Service, *, stream: bool) -> None:
    reply = gemini.post(ask("chatters_after_finish", stream=True))
    answered(gemini, reply)
    assert text_of(reply.events()) == "Yes."
    assert b"MORE" not in reply.body


@pytest.mark.parametrize("model", ["says_close", "closes_while_idle"])
def test_a_connection_may_end_between_two_questions(gemini: Service, model: str) -> None:
    for _ in range(3):
        answer = answered(gemini, gemini.post(ask(model)))
        assert answer["choices"][0]["message"]["content"] == "Yes."
        time.sleep(0.1)


def test_hanging_up_ends_the_work_upstream(client: OpenAI, house: GeminiServer) -> None:
    stream = client.chat.completions.create(
        model="paced", messages=[{"role": "user", "content": "?"}], stream=True
    )
    next(iter(stream))
    stream.close()
    assert house.last("paced").closed.wait(3)


# --- Tools -----------------------------------------------------------------------------------

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather.",
        "parameters": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {"city": {"type": "string", "minLength": 1, "default": "Köln"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
PHOTO = {"type": "function", "function": {"name": "photo"}}


def called(message: Any) -> dict[str, Any]:
    """The message of an answer as a client sends it back."""
    return message.model_dump(exclude_none=True)


def gave(call: Any, content: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call.id, "content": content}


def streamed(client: OpenAI, **asked: Any) -> dict[str, Any]:
    """The message that the chunks of a stream add up to."""
    with client.chat.completions.stream(**asked) as events:
        for _ in events:
            pass
        message = events.get_final_completion().choices[0].message
    found = message.model_dump(exclude_none=True, exclude={"parsed"})
    for call in found["tool_calls"]:
        call.pop("index", None)
        call["function"].pop("parsed_arguments", None)
    return found


@both_ways
@pytest.mark.parametrize("model", ["tools", "tools-that-see"])
def test_tools_are_called_over_several_rounds_with_pictures_in_what_they_give(
    client: OpenAI, house: GeminiServer, model: str, *, stream: bool
) -> None:
    """The server refuses a call without its signature, and results that fit no calls."""
    asked: dict[str, Any] = {"model": model, "tools": [WEATHER, PHOTO]}
    talk: list[Any] = [{"role": "user", "content": "How is it there?"}]

    def answer() -> Any:
        if stream:
            return streamed(client, messages=talk, **asked)
        made = client.chat.completions.create(messages=talk, **asked)
        assert made.choices[0].finish_reason == "tool_calls"
        return called(made.choices[0].message)

    talk.append(answer())
    assert talk[-1]["content"] == "Let me look. "
    first, second = talk[-1]["tool_calls"]
    arguments = [json.loads(one["function"]["arguments"]) for one in (first, second)]
    assert arguments == [{"city": "Köln"}, {"city": "Bonn"}]
    assert first["id"] != second["id"]
    talk += [  # in another order than they were called
        {"role": "tool", "tool_call_id": second["id"], "content": '{"rain": true}'},
        {"role": "tool", "tool_call_id": first["id"], "content": "Sun."},
    ]
    talk.append(answer())
    (photo,) = talk[-1]["tool_calls"]
    assert photo["function"] == {"name": "photo", "arguments": "{}"}
    talk.append(
        {"role": "tool", "tool_call_id": photo["id"], "content": [text("Here:"), still()]}
    )
    done = client.chat.completions.create(messages=talk, **asked)
    assert done.choices[0].finish_reason == "stop"
    contents = house.last("tools").body["contents"]
    results = [part["functionResponse"] for part in contents[2]["parts"]]
    assert [one["response"] for one in results] == [{"output": "Sun."}, {"rain": True}]
    if model == "tools":
        moved = contents[5]["parts"]
        assert contents[4]["parts"][0]["functionResponse"]["name"] == "photo"
        assert moved[0]["text"].endswith(f"(tool call {photo['id'][:29]}):")
        assert moved[1]["inlineData"]["mimeType"] == "image/png"
    else:
        (result,) = (part["functionResponse"] for part in contents[4]["parts"])
        assert result["parts"][0]["inlineData"]["mimeType"] == "image/png"
        assert result["response"] == {"output": "Here:"}


def test_a_signature_beside_the_text_goes_back_there(
    client: OpenAI, house: GeminiServer
) -> None:
    talk: list[Any] = [{"role": "user", "content": "How is it there?"}]
    asked: dict[str, Any] = {"model": "old_tools", "tools": [WEATHER]}
    made = client.chat.completions.create(messages=talk, **asked).choices[0].message
    talk += [called(made), gave((made.tool_calls or [])[0], "Sun.")]
    done = client.chat.completions.create(messages=talk, **asked)
    assert done.choices[0].message.content == "Done."
    said, call = contents(house, "old_tools")[1]["parts"]
    assert said == {"text": "One moment.", "thoughtSignature": SIGNATURE}
    assert call == {"functionCall": {"name": "weather", "args": {"city": "Köln"}}}


FOREIGN = [
    {"role": "user", "content": "How is it there?"},
    {
        "role": "assistant",
        "tool_calls": [
            {
                "id": "call_of_another_model",
                "type": "function",
                "function": {"name": "weather", "arguments": '{"city": "Köln"}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "call_of_another_model", "content": "Sun."},
]


def test_a_call_of_another_model_is_marked_where_that_is_wanted(
    gemini: Service, house: GeminiServer
) -> None:
    body = {"messages": FOREIGN, "tools": [WEATHER]}
    refused(gemini, gemini.post({"model": "good", **body}), 400, "invalid_value")
    answered(gemini, gemini.post({"model": "by-gemini-3", **body}))
    (call,) = contents(house, "good")[1]["parts"]
    assert call["thoughtSignature"] == SKIP


def test_other_servers_get_the_short_id(
    gemini: Service, client: OpenAI, upstream: Upstream
) -> None:
    asked: dict[str, Any] = {"tools": [WEATHER, PHOTO]}
    talk: list[Any] = [{"role": "user", "content": "How is it there?"}]
    made = client.chat.completions.create(model="tools", messages=talk, **asked)
    talk.append(called(made.choices[0].message))
    calls = made.choices[0].message.tool_calls or []
    assert len(calls[0].id) > len(SIGNATURE)
    talk += [gave(one, "Sun.") for one in calls]
    client.chat.completions.create(model="elsewhere", messages=talk, **asked)
    _, answer, *results = upstream.last("good").body["messages"]
    ids = [one["id"] for one in answer["tool_calls"]]
    assert ids == [one["tool_call_id"] for one in results] == [one.id[:29] for one in calls]


@pytest.mark.parametrize(
    ("changed", "param"),
    [
        (lambda talk: talk[1]["tool_calls"][0].update(id="x"), "messages[2].tool_call_id"),
        (lambda talk: talk.pop(), "messages"),
        (lambda talk: talk.append(dict(talk[-1])), "messages"),
        (lambda talk: talk.insert(2, {"role": "user", "content": "Well?"}), "messages"),
        (
            lambda talk: talk[1]["tool_calls"][0]["function"].update(arguments="[1]"),
            "messages",
        ),
    ],
)
def test_calls_and_results_that_do_not_fit_are_refused_here(
    gemini: Service, house: GeminiServer, changed: Any, param: str
) -> None:
    talk = json.loads(json.dumps(FOREIGN))
    changed(talk)
    before = len(house.asked)
    reply = gemini.post({"model": "by-gemini-3", "messages": talk, "tools": [WEATHER]})
    refused(gemini, reply, 400, "invalid_value", param)
    assert len(house.asked) == before


def test_an_id_that_was_cut_is_refused(gemini: Service, client: OpenAI) -> None:
    talk: list[Any] = [{"role": "user", "content": "?"}]
    tools: Any = [WEATHER]
    made = client.chat.completions.create(model="old_tools", messages=talk, tools=tools)
    call = called(made.choices[0].message)
    call["tool_calls"][0]["id"] = call["tool_calls"][0]["id"][:-8]
    result = {"role": "tool", "tool_call_id": call["tool_calls"][0]["id"], "content": "Sun."}
    reply = gemini.post({"model": "old_tools", "messages": [*talk, call, result]})
    refused(gemini, reply, 400, "invalid_value", "messages")


@both_ways
def test_one_call_at_a_time_is_one_call(
    gemini: Service, house: GeminiServer, *, stream: bool
) -> None:
    body = ask("tools", tools=[WEATHER, PHOTO], parallel_tool_calls=False, stream=stream)
    reply = gemini.post(body)
    answer = answered(gemini, reply)
    if stream:
        deltas = [one["choices"][0]["delta"] for one in reply.events()[:-1]]
        calls = [call for one in deltas for call in one.get("tool_calls") or ()]
        assert {call["index"] for call in calls} == {0}
    else:
        calls = answer["choices"][0]["message"]["tool_calls"]
    arguments = "".join(one["function"]["arguments"] for one in calls)
    assert json.loads(arguments) == {"city": "Köln"}


@pytest.mark.parametrize(
    ("choice", "strict", "calling"),
    [
        ("auto", False, None),
        ("auto", True, {"mode": "VALIDATED"}),
        ("none", False, {"mode": "NONE"}),
        ("required", False, {"mode": "ANY"}),
        (
            {"type": "function", "function": {"name": "photo"}},
            False,
            {"mode": "ANY", "allowedFunctionNames": ["photo"]},
        ),
    ],
)
def test_a_choice_of_tools_arrives(
    gemini: Service, house: GeminiServer, choice: Any, calling: Any, *, strict: bool
) -> None:
    photo = {"type": "function", "function": {"name": "photo", "strict": strict}}
    answered(gemini, gemini.post(ask("good", tools=[WEATHER, photo], tool_choice=choice)))
    body = house.last("good").body
    assert body.get("toolConfig", {}).get("functionCallingConfig") == calling
    declared, plain = body["tools"][0]["functionDeclarations"]
    assert plain == {"name": "photo"}
    assert declared["description"] == "Tells the weather."
    city = {"type": "string", "description": "minLength: 1"}
    assert declared["parametersJsonSchema"]["properties"] == {"city": city}


def test_a_function_whose_name_the_server_would_refuse_is_refused_here(
    gemini: Service,
) -> None:
    tools = [PHOTO, {"type": "function", "function": {"name": "2d"}}]
    reply = gemini.post(ask("good", tools=tools))
    refused(gemini, reply, 400, "invalid_value", "tools[1].function.name")


# --- Forms and options -----------------------------------------------------------------------


def test_a_schema_arrives_in_the_keywords_that_the_server_knows(
    client: OpenAI, house: GeminiServer
) -> None:
    schema = {
        "type": "object",
        "properties": {
            "kind": {"const": "boat"},
            "size": {"$ref": "#/definitions/size"},
            "mast": {"type": ["integer", "null"], "minimum": 0},
        },
        "definitions": {"size": {"enum": ["small", "large"], "type": "string"}},
        "required": ["kind"],
        "additionalProperties": False,
    }
    wanted: Any = {"name": "boat", "schema": schema, "strict": True, "description": "A boat."}
    client.chat.completions.create(
        model="good",
        messages=[{"role": "user", "content": "?"}],
        response_format={"type": "json_schema", "json_schema": wanted},
    )
    assert config(house, "good") == {
        "responseMimeType": "application/json",
        "responseJsonSchema": {
            "type": "object",
            "description": "A boat.",
            "properties": {
                "kind": {"enum": ["boat"], "type": "string"},
                "size": {"$ref": "#/$defs/size"},
                "mast": {"type": ["integer", "null"], "minimum": 0},
            },
            "$defs": {"size": {"enum": ["small", "large"], "type": "string"}},
            "required": ["kind"],
            "additionalProperties": False,
        },
    }


def test_a_keyword_that_the_server_would_pass_over_is_refused_by_its_place(
    client: OpenAI, house: GeminiServer
) -> None:
    schema = {"type": "object", "properties": {"id": {"type": "string", "pattern": "^[a-z]+$"}}}
    before = len(house.asked)
    with pytest.raises(BadRequestError) as refused:
        client.chat.completions.create(
            model="good",
            messages=[{"role": "user", "content": "?"}],
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "it", "schema": schema},
            },
        )
    assert refused.value.code == "unsupported_parameter"
    where = "response_format.json_schema.schema.properties.id.pattern"
    assert refused.value.param == where
    assert len(house.asked) == before


@pytest.mark.parametrize(
    ("option", "most", "more"),
    [
        ("seed", 2**31 - 1, 2**31),
        ("stop", list("abcde"), list("abcdef")),
        ("n", 8, 9),
    ],
)
def test_a_bound_of_the_server_is_told_by_name(
    gemini: Service, option: str, most: Any, more: Any
) -> None:
    answered(gemini, gemini.post(ask("good", **{option: most})))
    reply = gemini.post(ask("good", **{option: more}))
    refused(gemini, reply, 400, "invalid_value", option)


@pytest.mark.parametrize(
    ("effort", "budget", "level"),
    [
        ("none", {"thinkingBudget": 0, "includeThoughts": False}, None),
        ("minimal", {"thinkingBudget": 1024, "includeThoughts": True}, "MINIMAL"),
        ("medium", {"thinkingBudget": 9000, "includeThoughts": True}, "MEDIUM"),
        ("xhigh", {"thinkingBudget": 24_576, "includeThoughts": True}, "HIGH"),
        ("max", {"thinkingBudget": 24_576, "includeThoughts": True}, "HIGH"),
    ],
)
def test_effort_is_a_budget_or_a_level(
    gemini: Service, house: GeminiServer, effort: str, budget: Any, level: str | None
) -> None:
    answered(gemini, gemini.post(ask("good", reasoning_effort=effort)))
    assert config(house, "good") == {"thinkingConfig": budget}
    reply = gemini.post(ask("by-gemini-3", reasoning_effort=effort))
    if level is None:
        refused(gemini, reply, 400, "invalid_value", "reasoning_effort")
        return
    answered(gemini, reply)
    thinking = {"thinkingLevel": level, "includeThoughts": True}
    assert config(house, "good") == {"thinkingConfig": thinking}
