"""What a faulty upstream looks like from outside (threats.md, 7.9), streamed and not."""

import concurrent.futures
import json
import socket
import time
from typing import Any

import pytest
from tests.server.test_chat_proxy import data_url
from tests.support.claims import answered, broke_off, recorded, refused, rss_mb, text_of
from tests.support.service import Service, ask, picture
from tests.support.upstream import Upstream, delta
from tests.unit.media.sample_pictures import encode, halves

both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
PICTURE = [picture(data_url(encode(halves(), "PNG")))]
PLACE = "messages[0].content[0].image_url.url"

REFUSALS = [
    ("status_401", 502, "upstream_auth_failed", None),
    ("status_403", 502, "upstream_auth_failed", None),
    ("status_404_model", 404, "model_not_found", "model"),
    ("status_404_page", 502, "upstream_bad_response", None),
    ("status_410", 404, "model_not_found", "model"),
    ("status_413", 413, "request_too_large", None),
    ("status_429", 429, "rate_limit_exceeded", None),
    ("status_429_compressed", 429, "rate_limit_exceeded", None),
    ("status_400_context", 400, "context_length_exceeded", "messages"),
    ("status_400_field", 400, "invalid_value", "temperature"),
    ("status_422", 400, "invalid_value", None),
    ("status_400_long", 400, "invalid_value", None),  # nobody reads a megabyte of words
    ("status_500", 502, "upstream_bad_response", None),
    ("status_503", 502, "upstream_bad_response", None),
    ("status_504", 504, "upstream_timeout", None),
    ("status_529", 502, "upstream_bad_response", None),
    ("gzip_bomb", 502, "upstream_bad_response", None),
    ("not_json", 502, "upstream_bad_response", None),
    ("no_choices", 502, "upstream_bad_response", None),
    ("error_in_200", 502, "upstream_bad_response", None),
    ("closes_at_once", 502, "upstream_bad_response", None),
    ("floods_head", 502, "upstream_bad_response", None),
    ("floods_trailer", 502, "upstream_bad_response", None),
    ("short_body", 502, "upstream_bad_response", None),
    ("no_http", 502, "upstream_bad_response", None),
    ("says_done_at_once", 502, "upstream_bad_response", None),
    ("silent", 504, "upstream_timeout", None),
]


@both_ways
@pytest.mark.parametrize(("model", "status", "code", "param"), REFUSALS)
def test_a_refusal_upstream_becomes_ours(  # noqa: PLR0913, PLR0917 -- a row of the table
    service: Service,
    upstream: Upstream,
    stream: bool,  # noqa: FBT001
    model: str,
    status: int,
    code: str,
    param: str | None,
) -> None:
    before = _times_asked(upstream, model)
    reply = service.post(ask(model, "PROMPT-CANARY", stream=stream))
    refused(service, reply, status, code, param)
    assert _times_asked(upstream, model) == before + 1  # nothing is asked twice


@pytest.mark.parametrize(
    ("model", "code"),
    [
        ("status_400_image", "invalid_image"),
        ("status_500_no_images", "unsupported_modality"),
        ("status_422", "invalid_value"),
    ],
)
def test_a_refusal_about_the_picture_names_the_picture(
    service: Service, model: str, code: str
) -> None:
    reply = service.post(ask(model, PICTURE))
    refused(service, reply, 400, code, None if code == "invalid_value" else PLACE)


def test_two_pictures_leave_open_which_was_meant(service: Service) -> None:
    reply = service.post(ask("status_400_image", PICTURE * 2))
    refused(service, reply, 400, "invalid_image", "messages")


@pytest.mark.parametrize(
    ("model", "wait_s"),
    [
        ("status_429", "2"),
        ("status_429_day", "120"),
        ("status_429_garbage", "1"),
        ("status_429_negative", "1"),
        ("status_429_date", "120"),
        ("status_429_no_year", "1"),
    ],
)
def test_retry_after_is_passed_on_within_bounds(
    service: Service, model: str, wait_s: str
) -> None:
    reply = service.post(ask(model))
    refused(service, reply, 429, "rate_limit_exceeded")
    assert reply.headers["retry-after"] == wait_s
    assert reply.json()["error"]["type"] == "rate_limit_error"


@both_ways
@pytest.mark.parametrize("model", ["refused", "unnamed", "no-tls"])
def test_an_upstream_that_cannot_be_reached(
    tight: Service, stream: bool, model: str  # noqa: FBT001
) -> None:  # fmt: skip
    began_s = time.monotonic()
    reply = tight.post(ask(model, stream=stream))
    refused(tight, reply, 502, "upstream_unreachable")
    assert "127.0.0.1" not in reply.body.decode()
    assert "invalid" not in reply.json()["detail"]
    assert time.monotonic() - began_s < 4


BREAKS = [
    ("cut_without_finish", "upstream_bad_response"),
    ("done_without_finish", "upstream_bad_response"),
    ("malformed_event", "upstream_bad_response"),
    ("two_objects_in_a_line", "upstream_bad_response"),
    ("error_in_stream", "upstream_bad_response"),
    ("huge_event", "upstream_bad_response"),
    ("finish_then_fault", "upstream_bad_response"),
    ("stalls", "upstream_timeout"),
]


@pytest.mark.parametrize(("model", "code"), BREAKS)
def test_a_stream_that_breaks_off_says_so(service: Service, model: str, code: str) -> None:
    reply = service.post(ask(model, "PROMPT-CANARY", stream=True))
    assert broke_off(service, reply, code) == "Once "
    assert b"[DONE]" not in reply.body


@pytest.mark.parametrize(("model", "code"), BREAKS)
def test_a_whole_answer_from_a_broken_stream_is_an_error(
    service: Service, model: str, code: str
) -> None:
    status = 504 if code == "upstream_timeout" else 502
    refused(service, service.post(ask(model, "PROMPT-CANARY")), status, code)


@pytest.mark.parametrize(
    "fault", [{"error": {"message": "CANARY", "code": 500}}, "data: {garbage\n\n"], ids=str
)
def test_an_answer_that_breaks_off_behind_its_finish_does_not_look_finished(
    service: Service, fault: object
) -> None:
    script = [delta("Once "), delta(finish="stop"), fault]
    reply = service.post(ask("dictated", user=json.dumps(script), stream=True))
    assert broke_off(service, reply, "upstream_bad_response") == "Once "


def test_a_reset_mid_stream_is_an_error_in_any_case(service: Service) -> None:
    reply = service.post(ask("reset_mid_stream", stream=True))
    # The reset may overtake the first word.
    if reply.status == 200:
        assert reply.events()[-1]["error"]["type"] == "upstream_error"
        assert b"[DONE]" not in reply.body
        recorded(service, reply, 200)
    else:
        assert reply.error()[0] == 502
        recorded(service, reply, 502)


@both_ways
@pytest.mark.parametrize("model", ["sliced", "odd_framing"])
def test_odd_framing_changes_nothing(
    service: Service, stream: bool, model: str  # noqa: FBT001
) -> None:  # fmt: skip
    reply = service.post(ask(model, stream=stream))
    plain = service.post(ask("good", stream=stream))
    answered(service, reply)
    if stream:
        assert [_told(one) for one in reply.events()] == [_told(one) for one in plain.events()]
    else:
        assert reply.json()["choices"] == plain.json()["choices"]


def test_nothing_behind_done_is_read_and_one_finish_counts(service: Service) -> None:
    reply = service.post(ask("chatters_after_done", stream=True))
    answered(service, reply)
    events = reply.events()
    assert text_of(events) == "Yes."
    reasons = [one["choices"][0]["finish_reason"] for one in events[:-1]]
    assert [one for one in reasons if one] == ["stop"]


def test_a_choice_without_its_end_is_no_whole_answer(service: Service) -> None:
    reply = service.post(ask("leaves_a_choice", n=2, stream=True))
    assert reply.events()[-1]["error"]["code"] == "upstream_bad_response"
    recorded(service, reply, 200)
    refused(service, service.post(ask("leaves_a_choice", n=2)), 502, "upstream_bad_response")


@both_ways
@pytest.mark.parametrize("logprobs", [5, "many", [], {"content": "none"}])
def test_log_probabilities_of_another_shape_are_refused(
    service: Service, stream: bool, logprobs: object  # noqa: FBT001
) -> None:  # fmt: skip
    asked = ask("odd_logprobs", user=json.dumps(logprobs), logprobs=True, stream=stream)
    refused(service, service.post(asked), 502, "upstream_bad_response")


def test_one_id_and_one_model_go_outwards(service: Service) -> None:
    asked = ask("changes_its_name", stream=True, stream_options={"include_usage": True})
    reply = service.post(asked)
    answered(service, reply)
    events = reply.events()[:-1]
    assert len({one["id"] for one in events}) == 1
    assert {one["model"] for one in events} == {"changes_its_name"}
    assert events[-1]["usage"]["prompt_tokens"] == 812  # which stood before the end
    assert events[-1]["choices"] == []
    assert service.records(reply.headers["x-request-id"])[0]["prompt_tokens"] == 812
    assert text_of(events) == "A red böat."


def test_a_slow_stream_is_kept_alive_and_comes_to_its_end(service: Service) -> None:
    reply = service.post(ask("drips", stream=True))
    answered(service, reply)
    assert text_of(reply.events()) == "one two three"
    assert reply.body.count(b": keep-alive\n\n") >= 2


@both_ways
def test_a_gigabyte_of_answer_is_not_taken(service: Service, stream: bool) -> None:  # noqa: FBT001
    before = rss_mb(service, "VmHWM")
    refused(
        service, service.post(ask("huge_body", stream=stream)), 502, "upstream_bad_response"
    )
    assert rss_mb(service, "VmHWM") - before < 120


@both_ways
def test_a_redirect_is_not_followed(service: Service, stream: bool) -> None:  # noqa: FBT001
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        target = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/v1/chat/completions"
        reply = service.post(ask("redirect", user=target, stream=stream))
        refused(service, reply, 502, "upstream_bad_response")
        elsewhere.settimeout(0.2)
        with pytest.raises(TimeoutError):
            elsewhere.accept()


@pytest.mark.parametrize("model", ["says_close", "closes_while_idle"])
def test_connections_that_the_upstream_closes_are_no_fault(
    service: Service, upstream: Upstream, model: str
) -> None:
    before = _times_asked(upstream, model)
    for _ in range(4):
        answered(service, service.post(ask(model)))
        time.sleep(0.1)
    assert _times_asked(upstream, model) == before + 4


def test_waiting_for_a_connection_has_a_deadline_of_its_own(tight: Service) -> None:
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        held = [threads.submit(tight.post, ask("silent")) for _ in range(2)]
        time.sleep(0.3)
        began_s = time.monotonic()
        reply = tight.post(ask("good"))
        assert time.monotonic() - began_s < 1
        refused(tight, reply, 503, "overloaded")
        assert 1 <= int(reply.headers["retry-after"]) <= 120
        for one in held:
            refused(tight, one.result(), 504, "upstream_timeout")
    answered(tight, tight.post(ask("good")))


def _told(event: object) -> object:
    if not isinstance(event, dict):
        return event
    return [(one["delta"], one["finish_reason"]) for one in event["choices"]]


def test_signs_of_life_are_no_answer(service: Service) -> None:
    before = time.monotonic()
    reply = service.post(ask("only_signs_of_life", stream=True))
    refused(service, reply, 504, "upstream_timeout")
    assert 2 <= time.monotonic() - before < 10  # seconds; the setting is 2


def _times_asked(upstream: Upstream, model: str) -> int:
    return sum(one.body.get("model") == model for one in upstream.asked)


def _called(*pieces: dict[str, Any]) -> dict[str, Any]:
    return delta(tool_calls=list(pieces))


def _piece(arguments: object, call_id: str | None, name: str | None, **more: Any) -> Any:
    function = {"name": name, "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function, **more}


TWO = [("f", '{"x":1}'), ("g", '{"y":2}')]
ODD_CALLS = {
    "without an index": [
        _called(_piece(TWO[0][1], "a", "f")),
        _called(_piece(TWO[1][1], "b", "g")),
    ],
    "all of index 0": [
        _called(_piece(TWO[0][1], "a", "f", index=0), _piece(TWO[1][1], "b", "g", index=0)),
    ],
    "all of index 0, one after the other": [
        _called(_piece(TWO[0][1], "a", "f", index=0)),
        _called(_piece(TWO[1][1], "b", "g", index=0)),
    ],
    "without index or id": [
        _called(_piece(TWO[0][1], None, "f")),
        _called(_piece(TWO[1][1], None, "g")),
    ],
    "id and name in every piece": [
        _called(_piece(piece, call_id, name, index=place))
        for place, (call_id, (name, arguments)) in enumerate(zip("ab", TWO, strict=True))
        for piece in (arguments[:3], arguments[3:])
    ],
    "empty ids and names": [
        _called(_piece("", "a", "f", index=0)),
        _called(_piece(TWO[0][1], "", "", index=0)),
        _called(_piece("", "b", "g", index=1)),
        _called(_piece(TWO[1][1], "", "", index=1)),
    ],
    "another id in every piece": [
        _called(_piece("", "a", "f", index=0)),
        _called(_piece(TWO[0][1], "a2", None, index=0)),
        _called(_piece("", "b", "g", index=1)),
        _called(_piece(TWO[1][1], "b2", None, index=1)),
    ],
    "no function at first": [
        _called({"index": 0, "id": "a", "function": None}),
        _called(_piece(TWO[0][1], None, "f", index=0)),
        _called(_piece(TWO[1][1], "b", "g", index=1)),
    ],
    "arguments as objects": [
        _called(_piece({"x": 1}, "a", "f", index=-3), _piece({"y": 2}, "b", "g", index=7)),
    ],
}


@both_ways
@pytest.mark.parametrize("script", ODD_CALLS.values(), ids=ODD_CALLS)
def test_calls_are_told_apart_however_a_server_numbers_them(
    service: Service, script: list[Any], *, stream: bool
) -> None:
    told = json.dumps([*script, delta(finish="tool_calls"), "data: [DONE]\n\n"])
    tools = [{"type": "function", "function": {"name": name}} for name in "fg"]
    reply = service.post(ask("dictated", user=told, tools=tools, stream=stream))
    answered(service, reply)
    if not stream:
        calls = reply.json()["choices"][0]["message"]["tool_calls"]
    else:
        calls = [{"id": "", "function": {"name": "", "arguments": ""}} for _ in TWO]
        for event in reply.events()[:-1]:  # put together as the official SDKs do
            for piece in event["choices"][0]["delta"].get("tool_calls", ()):
                call = calls[piece["index"]]
                call["id"] += piece.get("id", "")
                call["function"]["name"] += piece["function"].get("name", "")
                call["function"]["arguments"] += piece["function"]["arguments"]
    assert [tuple(call["function"].values()) for call in calls] == TWO
    first, second = (call["id"] for call in calls)
    assert (first, second) == ("a", "b") or (
        first.startswith("call_") and second.startswith("call_") and first != second
    )


def _words(written: str) -> str:
    return f'data: {{"choices":[{{"index":null,"delta":{{"content":{written}}}}}]}}\n\n'


@both_ways
@pytest.mark.parametrize(
    ("written", "text"),
    [
        (r'"a\ud83d" ', "a\ufffd"),
        (r'"\ude00b\\ud83d\ud83d\ude00"', "\ufffdb\\ud83d\U0001f600"),
        ('"a\xffb"', "a\ufffdb"),
        ('[{"type":"text","text":"a"},{"type":"text","text":null}]', "a"),
    ],
)
def test_a_broken_character_does_not_cost_the_answer(
    service: Service, written: str, text: str, *, stream: bool
) -> None:
    script = json.dumps([_words(written), delta(finish="stop"), "data: [DONE] \n\n"])
    reply = service.post(ask("dictated", user=script, stream=stream))
    answered(service, reply)
    found = (
        text_of(reply.events()) if stream else reply.json()["choices"][0]["message"]["content"]
    )
    assert found == text


ODD_BYTES = [
    '"model":"o\xed"',
    '"x":"\xff"',
    '"choices":[{"index":0,"delta":{},"logprobs":{"content":[{"token":"\xff"}]}}]',
    '"choices":[{"index":0,"delta":{"tool_calls":[{"function":{"arguments":{"a":"\xff"}}}]}}]',
]


@both_ways
@pytest.mark.parametrize("field", ODD_BYTES)
def test_no_byte_that_is_no_utf_8_is_passed_on_or_a_fault_of_ours(
    service: Service, field: str, *, stream: bool
) -> None:
    words = '"choices":[{"index":0,"delta":{"content":"a"}}]'
    first = f"data: {{{field}{'' if 'choices' in field else ',' + words}}}\n\n"
    script = json.dumps([first, delta("b", finish="stop"), "data: [DONE]\n\n"])
    reply = service.post(ask("dictated", user=script, stream=stream))
    answered(service, reply)
    assert reply.events() if stream else reply.json()


def test_details_of_the_usage_that_cannot_be_read_cost_no_more_than_themselves(
    service: Service,
) -> None:
    usage = {"prompt_tokens": 70, "completion_tokens": 7, "prompt_tokens_details": []}
    script = json.dumps([delta("a", finish="stop"), {"choices": [], "usage": usage}])
    reply = service.post(ask("dictated", user=script))
    answered(service, reply)
    told = reply.json()["usage"]
    assert (told["prompt_tokens"], told["completion_tokens"]) == (70, 7)
