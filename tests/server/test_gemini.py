"""The Gemini API behind the service: a server as strict as the real one, and its faults."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from openai import OpenAI
from tests.conftest import FAST
from tests.server.test_chat_proxy import data_url
from tests.support.claims import answered, broke_off, refused, text_of
from tests.support.gemini_upstream import BEHAVIOURS, IMAGES, WORDS, GeminiServer
from tests.support.service import Service, ask, picture, text
from tests.unit.media.sample_pictures import encode, halves

both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])

CONFIG = """
[[providers]]
name = "studio"
dialect = "gemini"
base_url = "http://127.0.0.1:{port}/v1beta"
api_key_env = "SCRIPTED_KEY"
api_key_header = "x-goog-api-key"
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
def gemini(house: GeminiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service before both houses, with a model for each behaviour."""
    own = "gemini-2.5-flash"
    rows = "".join(MODEL.replace("{name}", name) for name in BEHAVIOURS if name != own)
    google = (
        '[[providers]]\nname = "google"\ndialect = "gemini"\napi_key_env = "SCRIPTED_KEY"\n'
        f'api_key_header = "x-goog-api-key"\nbase_url = "http://127.0.0.1:{house.port}/v1beta"\n'
    )
    running = Service(
        tmp_path_factory.mktemp("gemini"),
        FAST + CONFIG.replace("{port}", str(house.port)) + google + rows,
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
    assert usage["prompt_tokens_details"]["cached_tokens"] == 300
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
