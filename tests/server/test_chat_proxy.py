"""Chat through the service to a server of the OpenAI kind: what goes in, what comes out."""

import base64
import concurrent.futures
import hashlib
import json
import secrets
from typing import Any

import pytest
from tests.support.claims import answered, refused, text_of
from tests.support.service import Service, ask, picture, text
from tests.support.upstream import Upstream
from tests.unit.media.sample_pictures import encode, halves, noisy

USAGE = {
    "prompt_tokens": 812,
    "completion_tokens": 3,
    "total_tokens": 815,
    "prompt_tokens_details": {"cached_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0},
}
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        "strict": True,
    },
}
SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "boat",
        "strict": True,
        "schema": {"$ref": "#/$defs/a", "$defs": {"a": {"type": "object"}}},
    },
}


@pytest.mark.parametrize("prefix", ["/v1", "/v2"])
def test_a_whole_answer_has_the_shape_that_the_sdks_read(service: Service, prefix: str) -> None:
    reply = service.post(ask("good"), path=f"{prefix}/chat/completions")
    body = answered(service, reply)
    assert body.pop("id").startswith("chatcmpl-")
    assert body.pop("created") > 1_700_000_000
    message = {"role": "assistant", "content": "A red böat.", "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    assert body == {
        "object": "chat.completion", "model": "good", "choices": [choice], "usage": USAGE,
    }  # fmt: skip
    assert reply.headers["x-visus-provider"] == "scripted"
    assert reply.headers["x-visus-region"] == "global"
    assert "x-visus-ignored" not in reply.headers


@pytest.mark.parametrize("prefix", ["/v1", "/v2"])
def test_a_stream_begins_with_the_role_and_ends_with_done(
    service: Service, prefix: str
) -> None:
    reply = service.post(ask("good", stream=True), path=f"{prefix}/chat/completions")
    answered(service, reply)
    *chunks, done = reply.events()
    assert done == "[DONE]"
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert text_of(chunks) == "A red böat."
    assert [one["choices"][0]["finish_reason"] for one in chunks] == [None] * 5 + ["stop"]
    assert {(one["id"], one["model"], one["object"]) for one in chunks} == {
        (chunks[0]["id"], "good", "chat.completion.chunk")
    }
    assert not any("usage" in one for one in chunks)


def test_usage_comes_last_and_alone_where_it_was_asked_for(service: Service) -> None:
    asked = ask("good", stream=True, stream_options={"include_usage": True})
    *chunks, last, done = service.post(asked).events()
    assert (last["choices"], last["usage"], done) == ([], USAGE, "[DONE]")
    assert all(one["usage"] is None for one in chunks)


def test_the_stream_is_asked_for_usage_even_where_the_caller_does_not_want_it(
    service: Service, upstream: Upstream
) -> None:
    reply = service.post(ask("good", stream=True))
    assert service.records(reply.headers["x-request-id"])[0]["completion_tokens"] == 3
    assert upstream.last("good").body["stream_options"] == {"include_usage": True}


def test_only_our_own_key_goes_upstream(service: Service, upstream: Upstream) -> None:
    answered(service, service.post(ask("good"), Cookie="a=b", **{"x-api-key": "mine"}))
    sent = upstream.last("good").headers
    assert sent["authorization"] == "Bearer sk-upstream"
    assert set(sent) == {
        "host", "authorization", "content-type", "content-length", "user-agent",
        "accept-encoding",
    }  # fmt: skip


FIELDS = {
    "temperature": 0.5,
    "top_p": 0.25,
    "max_tokens": 7,
    "stop": ["a", "b"],
    "seed": -3,
    "n": 2,
    "presence_penalty": -2,
    "frequency_penalty": 2,
    "logprobs": True,
    "top_logprobs": 20,
    "logit_bias": {"50256": -100},
    "user": "somebody",
    "reasoning_effort": "low",
    "tools": [TOOL],
    "tool_choice": {"type": "function", "function": {"name": "weather"}},
    "parallel_tool_calls": False,
    "response_format": SCHEMA,
}
NEEDS = {
    "tool_choice": ("tools",),
    "parallel_tool_calls": ("tools",),
    "top_logprobs": ("logprobs",),
}


@pytest.mark.parametrize("field", [*FIELDS, "all at once"])
def test_a_field_arrives_upstream_as_it_was_sent(
    service: Service, upstream: Upstream, field: str
) -> None:
    needs = (*NEEDS.get(field, ()), field)
    chosen = FIELDS if field == "all at once" else {name: FIELDS[name] for name in needs}
    answered(service, service.post(ask("good", **chosen)))
    assert upstream.last("good").body == ask("good", **chosen)


@pytest.mark.parametrize(
    "more",
    [
        {"max_completion_tokens": 9},
        {"reasoning_effort": "max"},
        {"stop": ["one"]},
        {"response_format": {"type": "json_object"}},
        {"tools": [{"type": "function", "function": {"name": "bare"}}]},
        {"tools": [TOOL], "tool_choice": "required"},
        {"tools": [TOOL], "tool_choice": "none"},
    ],
    ids=str,
)
def test_another_spelling_of_a_field_arrives_too(
    service: Service, upstream: Upstream, more: dict[str, object]
) -> None:
    answered(service, service.post(ask("good", **more)))
    assert upstream.last("good").body == ask("good", **more)


def named(*names: str) -> list[dict[str, Any]]:
    """Functions as `tool_choice` names them; as `tools` too, for those without arguments."""
    return [{"type": "function", "function": {"name": name}} for name in names]


def allowed(mode: str, *names: str) -> dict[str, object]:
    """Three tools, of which those of these names may be called."""
    choice = {"mode": mode, "tools": named(*names)}
    return {
        "tools": named("one", "two", "three"),
        "tool_choice": {"type": "allowed_tools", "allowed_tools": choice},
    }


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_a_model_gets_the_tools_that_are_allowed_and_no_others(
    service: Service, upstream: Upstream, mode: str
) -> None:
    reply = service.post(ask("good", **allowed(mode, "three", "one")))
    answered(service, reply)
    assert "x-visus-ignored" not in reply.headers
    sent = ask("good", tools=named("one", "three"), tool_choice=mode)
    assert upstream.last("good").body == sent


@pytest.mark.parametrize(
    ("more", "param"),
    [
        (allowed("auto", "one", "four"), "tool_choice"),
        (allowed("auto", "one") | {"tools": None}, "tool_choice"),
        (allowed("auto"), "tool_choice.allowed_tools.tools"),
        (allowed("none", "one"), "tool_choice.allowed_tools.mode"),
    ],
    ids=str,
)
def test_tools_that_cannot_be_allowed_are_refused(
    service: Service, more: dict[str, object], param: str
) -> None:
    refused(service, service.post(ask("good", **more)), 400, "invalid_value", param)


def test_a_tool_is_called_and_its_result_answered(service: Service, upstream: Upstream) -> None:
    body = answered(service, service.post(ask("tools", tools=[TOOL])))
    choice = body["choices"][0]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("tool_calls", None)
    call = choice["message"]["tool_calls"][0]
    assert call == {
        "id": "call_1",
        "type": "function",
        "function": {"name": "weather", "arguments": '{"city": "Köln"}'},
    }
    second = ask("tools", tools=[TOOL])
    second["messages"] += [
        choice["message"],
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    ]
    body = answered(service, service.post(second))
    assert body["choices"][0]["message"]["content"] == "The tool says rain."
    sent = upstream.last("tools").body["messages"]
    assert sent[1] == {"role": "assistant", "content": None, "tool_calls": [call]}
    assert sent[2] == {"role": "tool", "content": "rain", "tool_call_id": "call_1"}


def test_a_streamed_tool_call_keeps_its_index_and_its_pieces(service: Service) -> None:
    events = service.post(ask("tools", tools=[TOOL], stream=True)).events()
    deltas = [one["choices"][0]["delta"] for one in events[:-1]]
    calls = [one["tool_calls"][0] for one in deltas if "tool_calls" in one]
    assert {call["index"] for call in calls} == {0}
    assert (calls[0]["id"], calls[0]["function"]["name"]) == ("call_1", "weather")
    arguments = "".join(call["function"]["arguments"] for call in calls)
    assert json.loads(arguments) == {"city": "Köln"}
    assert events[-2]["choices"][0]["finish_reason"] == "tool_calls"


def test_log_probabilities_stand_beside_their_words_in_a_stream(service: Service) -> None:
    token = {"token": "Seen.", "logprob": -0.25, "bytes": None, "top_logprobs": []}
    odds = {"content": [token], "refusal": None}
    body = ask("odd_logprobs", user=json.dumps(odds), logprobs=True, stream=True)
    events = service.post(body).events()
    choices = [one["choices"][0] for one in events[:-1]]
    said = [(one["delta"].get("content"), one["logprobs"]) for one in choices]
    assert said == [("", None), ("Seen.", odds), (None, None)]


@pytest.mark.parametrize("stream", [False, True])
def test_every_choice_is_told_apart(service: Service, stream: bool) -> None:  # noqa: FBT001
    reply = service.post(ask("two_choices", n=2, stream=stream))
    answered(service, reply)
    if stream:
        events = reply.events()
        texts = [text_of(events, 0), text_of(events, 1)]
        ends = [one["choices"][0] for one in events[:-1] if one["choices"][0]["finish_reason"]]
        assert [one["index"] for one in ends] == [1, 0]
    else:
        texts = [one["message"]["content"] for one in reply.json()["choices"]]
    assert texts == ["answer 0", "answer 1"]


@pytest.mark.parametrize("stream", [False, True])
def test_the_model_s_thoughts_stand_apart_from_its_answer(
    service: Service, stream: bool  # noqa: FBT001
) -> None:  # fmt: skip
    reply = service.post(ask("reasoning", stream=stream))
    answered(service, reply)
    if stream:
        deltas = [one["choices"][0]["delta"] for one in reply.events()[:-1]]
        thought = "".join(one.get("reasoning_content", "") for one in deltas)
        assert (thought, text_of(reply.events())) == ("Hmm. ", "Yes.")
    else:
        message = reply.json()["choices"][0]["message"]
        assert (message["reasoning_content"], message["content"]) == ("Hmm. ", "Yes.")


def test_several_pictures_arrive_in_order_in_every_role(
    service: Service, upstream: Upstream
) -> None:
    files = [encode(noisy(20 + place, 20), "PNG") for place in range(5)]
    urls = [data_url(file) for file in files]
    messages = [
        {"role": "system", "content": [text("Look."), picture(urls[0])]},
        {
            "role": "user",
            "content": [picture(urls[1], detail="low"), text("?"), picture(urls[2])],
        },
        {"role": "assistant", "content": [text("Two pictures.")]},
        {"role": "user", "content": [picture(urls[3]), picture(urls[4], detail="high")]},
    ]
    answered(service, service.post({"model": "good", "messages": messages}))
    asked = upstream.last("good")
    assert asked.hashes() == [hashlib.sha256(file).hexdigest() for file in files]
    kinds = [[part["type"] for part in one["content"]] for one in asked.body["messages"][::3]]
    assert kinds == [["text", "image_url"], ["image_url", "image_url"]]
    details = [
        part["image_url"].get("detail")
        for one in asked.body["messages"]
        for part in (one["content"] if isinstance(one["content"], list) else [])
        if part["type"] == "image_url"
    ]
    assert details == [None, "low", None, None, "high"]


def test_fields_that_nobody_knows_are_named_and_not_forwarded(
    service: Service, upstream: Upstream
) -> None:
    body = ask("good", [{"type": "text", "text": "Hi", "cache": 1}], top_k=5, web="x")
    reply = service.post(body)
    answered(service, reply)
    assert set(reply.headers["x-visus-ignored"].split(", ")) == {
        "messages[0].content[0].cache", "top_k", "web",
    }  # fmt: skip
    assert upstream.last("good").body == ask("good", "Hi")


def test_an_unknown_field_s_name_cannot_forge_a_header(service: Service) -> None:
    reply = service.post(ask("good", **{"a\r\nSet-Cookie: x=y": 1, "ü": 2}))
    answered(service, reply)
    assert "set-cookie" not in reply.headers
    assert len(reply.headers["x-visus-ignored"]) < 100


def test_many_unknown_fields_are_counted_where_naming_them_is_too_long(
    service: Service,
) -> None:
    reply = service.post(ask("good", **{f"f{place:03}{'x' * 200}": 1 for place in range(200)}))
    answered(service, reply)
    assert reply.headers["x-visus-ignored"].endswith("and 180 more")
    assert len(reply.headers["x-visus-ignored"]) < 2000


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("functions", [{"name": "f"}]),
        ("function_call", "auto"),
        ("audio", {"voice": "x"}),
        ("prediction", {"type": "content"}),
        ("web_search_options", {}),
        ("modalities", ["text", "audio"]),
    ],
)
def test_a_known_field_that_cannot_be_honoured_is_refused_by_name(
    service: Service, field: str, value: object
) -> None:
    reply = service.post(ask("good", **{field: value}))
    refused(service, reply, 400, "unsupported_parameter", field)


def test_an_unknown_option_of_ours_is_refused(service: Service) -> None:
    reply = service.post(ask("good", visus={"residencyy": "de"}))
    refused(service, reply, 400, "invalid_value", "visus.residencyy")


def test_sound_is_refused_with_its_place(service: Service) -> None:
    part = {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}
    reply = service.post(ask("good", [text("?"), part]))
    refused(service, reply, 400, "unsupported_modality", "messages[0].content[1]")


def test_a_model_for_text_alone_refuses_pictures(service: Service) -> None:
    answered(service, service.post(ask("blind")))
    reply = service.post(ask("blind", [picture(data_url(encode(halves(), "PNG")))]))
    refused(service, reply, 400, "unsupported_modality", "messages[0].content[0].image_url.url")


def test_a_provider_without_its_key_is_named_with_the_setting(tight: Service) -> None:
    reply = tight.post(ask("keyless"))
    refused(tight, reply, 503, "provider_not_configured", "model")
    assert reply.headers["x-should-retry"] == "false"
    assert "retry-after" not in reply.headers
    assert "KEY_THAT_IS_NOT_SET" in reply.json()["detail"]


@pytest.mark.parametrize("prefix", ["/v1", "/v2"])
def test_models_that_can_answer_are_listed(tight: Service, prefix: str) -> None:
    body = answered(tight, tight.get(f"{prefix}/models"))
    ids = [one["id"] for one in body["data"]]
    assert body["object"] == "list"
    assert "good" in ids
    assert "keyless" not in ids
    assert "visus-lite" not in ids
    one = answered(tight, tight.get(f"{prefix}/models/good"))
    assert one in body["data"]
    assert one["meta_data"]["input_modalities"] == ["text", "image"]
    refused(tight, tight.get(f"{prefix}/models/keyless"), 404, "model_not_found", "model")


def test_200_mixed_requests_at_once_get_each_its_own_answer(service: Service) -> None:
    """Threats.md, K06."""
    url = data_url(encode(halves(), "PNG"))

    def one(place: int) -> tuple[str, str]:
        nonce = secrets.token_hex(8)
        content = [text(nonce), picture(url)] if place % 3 else nonce
        reply = service.post(ask("nonce", content, stream=place % 2 == 0))
        assert reply.status == 200
        if place % 2 == 0:
            return nonce, text_of(reply.events())
        return nonce, reply.json()["choices"][0]["message"]["content"]

    with concurrent.futures.ThreadPoolExecutor(50) as threads:
        pairs = list(threads.map(one, range(200)))
    assert all(sent == got for sent, got in pairs)
    assert len({sent for sent, _ in pairs}) == 200


def test_50_streams_at_once_all_come_to_their_end(service: Service) -> None:
    """Threats.md, K01 in small: 50 words, 20 ms apart, with a picture each."""
    url = data_url(encode(noisy(200, 200), "PNG"))

    def one(_: int) -> str:
        reply = service.post(ask("fifty_words", [text("?"), picture(url)], stream=True))
        answered(service, reply)
        return text_of(reply.events())

    with concurrent.futures.ThreadPoolExecutor(50) as threads:
        said = list(threads.map(one, range(50)))
    assert said == ["word " * 50] * 50


def data_url(file: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(file).decode()}"
