"""Answers that have the form that was asked for, whatever the model's server knows of forms."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.conftest import FAST
from tests.server.test_keys_and_money import row
from tests.support.claims import answered, broke_off, refused, text_of
from tests.support.service import Service, ask
from tests.support.upstream import Upstream

SCHEMA = {
    "type": "object",
    "properties": {"total": {"type": "number"}, "paid": {"type": "boolean"}},
    "required": ["total"],
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "invoice", "schema": SCHEMA}}
OBJECT = {"type": "json_object"}
GOOD = '{"total": 42.5}'
WRONG = '{"total": "SECRET"}'


@pytest.fixture(scope="module")
def formal(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with a model for each thing that a server can know of forms."""
    models = "".join(
        f'[[models]]\nid = "{ability}"\nprovider = "scripted"\nupstream_id = "by_turns"\n'
        f'structured_output = "{ability}"\n'
        for ability in ("native", "json-object", "none")
    )
    config = f"""{FAST}
[answers.workers]
deadline_s = 1
[[providers]]
name = "scripted"
dialect = "openai"
base_url = "http://127.0.0.1:{upstream.port}/v1"
{models}
[[models]]
id = "calling"
provider = "scripted"
upstream_id = "tools"
structured_output = "none"
"""
    running = Service(tmp_path_factory.mktemp("formal"), config)
    try:
        # The checker begins with the first answer that is to be checked, and stays.
        answered(running, running.post(asked("none", GOOD)))
        yield running
    finally:
        running.stop()


def asked(model: str, *answers: str, **more: Any) -> dict[str, Any]:
    """A question that will be answered like this, turn by turn."""
    return ask(model, json.dumps(answers), **{"response_format": FORMAT, **more})


def said(body: dict[str, Any]) -> str:
    return body["choices"][0]["message"]["content"]


def sent(upstream: Upstream, count: int = 1) -> list[dict[str, Any]]:
    """The bodies of the last questions to the upstream."""
    return [one.body for one in upstream.asked if one.body.get("model") == "by_turns"][-count:]


# --- What the server is asked ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("ability", "wanted", "told"),
    [
        ("native", FORMAT, FORMAT),
        ("native", OBJECT, OBJECT),
        ("json-object", FORMAT, OBJECT),
        ("json-object", OBJECT, OBJECT),
        ("none", FORMAT, None),
        ("none", OBJECT, None),
    ],
)
def test_a_server_is_told_what_it_knows_and_the_rest_in_words(
    formal: Service,
    upstream: Upstream,
    ability: str,
    wanted: dict[str, Any],
    told: dict[str, Any] | None,
) -> None:
    body = asked(ability, GOOD, response_format=wanted)
    assert said(answered(formal, formal.post(body))) == GOOD
    (got,) = sent(upstream)
    assert got.get("response_format") == told
    question, is_in_words = got["messages"][-1]["content"], told != wanted
    assert ("JSON and nothing else" in question) == is_in_words
    assert (json.dumps(SCHEMA) in question) == (is_in_words and wanted == FORMAT)


def test_the_words_stand_behind_the_last_user_turn_and_its_pictures(
    formal: Service, upstream: Upstream
) -> None:
    body = asked("none", GOOD, "unused", "unused")
    body["messages"] += [
        {"role": "assistant", "content": "Hm."},
        {"role": "user", "content": [{"type": "text", "text": "One."},
                                     {"type": "text", "text": "Two."}]},
    ]  # fmt: skip
    body["messages"][0]["content"] = json.dumps(["unused", GOOD])
    answered(formal, formal.post(body))
    (got,) = sent(upstream)
    one, two = got["messages"][-1]["content"]
    assert one == {"type": "text", "text": "One."}
    assert two["text"].startswith("Two.\n\nAnswer with JSON")


# --- What is checked -------------------------------------------------------------------------


@pytest.mark.parametrize("ability", ["json-object", "none"])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_wrong_answer_is_repaired_once(
    formal: Service, upstream: Upstream, ability: str, *, streamed: bool
) -> None:
    reply = formal.post(asked(ability, WRONG, GOOD, "unused", stream=streamed))
    body = answered(formal, reply)
    assert (text_of(reply.events()[:-1]) if streamed else said(body)) == GOOD
    first, second = sent(upstream, 2)
    assert second["messages"][: len(first["messages"])] == first["messages"]
    wrong, complaint = second["messages"][-2:]
    assert wrong == {"role": "assistant", "content": WRONG}
    assert "At /total (type)" in complaint["content"]


def test_both_answers_are_paid_for(formal: Service) -> None:
    body = answered(formal, formal.post(asked("none", WRONG, GOOD)))
    assert body["usage"]["prompt_tokens"] == 2 * 812
    assert body["usage"]["completion_tokens"] == 2 * 3
    body = asked("none", WRONG, GOOD, stream=True, stream_options={"include_usage": True})
    assert formal.post(body).events()[-2]["usage"]["total_tokens"] == 2 * 815


def test_an_answer_that_stays_wrong_is_no_answer(formal: Service, upstream: Upstream) -> None:
    before = len(upstream.asked)
    record = refused(
        formal, formal.post(asked("none", WRONG, WRONG, GOOD)), 502, "upstream_invalid_output"
    )
    assert len(upstream.asked) == before + 2
    assert record["detail"] == "type"
    assert "SECRET" not in formal.log()


def test_a_stream_that_stays_wrong_ends_with_an_error_and_without_a_word(
    formal: Service,
) -> None:
    reply = formal.post(asked("none", WRONG, WRONG, stream=True))
    assert broke_off(formal, reply, "upstream_invalid_output") == ""


@pytest.mark.parametrize("streamed", [False, True])
def test_answers_that_stay_wrong_are_paid_for(formal: Service, *, streamed: bool) -> None:
    reply = formal.post(asked("none", WRONG, WRONG, stream=streamed))
    kept = row(formal, reply)
    assert (kept["status"], kept["model"]) == (502, "none")
    assert (kept["input_tokens"], kept["output_tokens"]) == (2 * 812, 2 * 3)
    assert not kept["is_estimated"]


@pytest.mark.parametrize("streamed", [False, True])
def test_answers_that_stay_wrong_and_that_nobody_counted_are_paid_for_by_estimate(
    formal: Service, *, streamed: bool
) -> None:
    once, twice = (
        row(formal, formal.post(asked("none", first, WRONG, "UNCOUNTED", stream=streamed)))
        for first in (GOOD, WRONG)
    )
    assert (once["status"], twice["status"]) == (200, 502)
    assert once["is_estimated"]
    assert twice["is_estimated"]
    assert abs(twice["input_tokens"] - 2 * once["input_tokens"]) < 10
    assert twice["output_tokens"] > once["output_tokens"] > 0


def test_a_wrong_answer_is_paid_for_though_its_repair_fails(formal: Service) -> None:
    reply = formal.post(asked("none", "UNCOUNTED"))
    refused(formal, reply, 502, "upstream_invalid_output")
    kept = row(formal, reply)
    assert kept["is_estimated"]
    assert kept["input_tokens"] > 0


def test_a_stream_that_is_held_back_says_that_it_lives(formal: Service) -> None:
    long = json.dumps({"total": 1, "why": "x" * 120})
    reply = formal.post(asked("none", long, stream=True))
    assert b": keep-alive" in reply.body
    assert text_of(reply.events()[:-1]) == long


@pytest.mark.parametrize("fence", ["```json\n{}\n```", "```\n{}```", "  ```json\n{}\n```\n"])
def test_a_fence_around_the_json_is_taken_off(formal: Service, fence: str) -> None:
    body = answered(formal, formal.post(asked("none", fence.replace("{}", GOOD))))
    assert said(body) == GOOD


@pytest.mark.parametrize(
    ("answer", "is_right"), [(GOOD, True), ("[1]", False), ("Sure!", False), ("", False)]
)
def test_a_json_object_is_checked_too(formal: Service, answer: str, *, is_right: bool) -> None:
    reply = formal.post(asked("none", answer, answer, response_format=OBJECT))
    assert reply.status == (200 if is_right else 502)


def test_an_answer_that_was_cut_short_is_given_as_it_is(formal: Service) -> None:
    body = answered(formal, formal.post(asked("none", 'CUT {"total": 4')))
    assert said(body) == 'CUT {"total": 4'
    assert body["choices"][0]["finish_reason"] == "length"


def test_a_call_of_a_tool_has_no_form(formal: Service) -> None:
    tool = {"type": "function", "function": {"name": "weather"}}
    body = answered(formal, formal.post(ask("calling", response_format=FORMAT, tools=[tool])))
    assert body["choices"][0]["finish_reason"] == "tool_calls"


# --- What the caller may choose --------------------------------------------------------------


def test_a_server_that_knows_forms_is_believed(formal: Service, upstream: Upstream) -> None:
    before = len(upstream.asked)
    assert said(answered(formal, formal.post(asked("native", WRONG)))) == WRONG
    assert len(upstream.asked) == before + 1


def test_one_that_is_not_to_be_believed_is_checked(formal: Service, upstream: Upstream) -> None:
    body = asked("native", WRONG, GOOD, visus={"validate": True})
    assert said(answered(formal, formal.post(body))) == GOOD
    assert sent(upstream)[0]["response_format"] == FORMAT


def test_who_wants_no_check_gets_what_comes(formal: Service) -> None:
    body = asked("none", WRONG, visus={"validate": False}, stream=True)
    assert text_of(formal.post(body).events()[:-1]) == WRONG


@pytest.mark.parametrize(("option", "value"), [("n", 2), ("logprobs", True)])
def test_what_cannot_stand_beside_a_check_is_refused_by_name(
    formal: Service, option: str, value: object
) -> None:
    refusal = formal.post(asked("none", GOOD, **{option: value}))
    refused(formal, refusal, 400, "unsupported_parameter", option)
    answered(formal, formal.post(asked("native", GOOD, **{option: value})))


# --- Schemas that want to hurt ---------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_another_model_in_a_checked_answer_is_reported(
    formal: Service, stream: bool  # noqa: FBT001
) -> None:  # fmt: skip
    reply = formal.post(asked("none", WRONG, GOOD, user="another-model", stream=stream))
    answered(formal, reply)
    assert reply.headers["x-visus-model"] == "another-model"
    assert "'none' answered as 'another-model'" in reply.headers["x-visus-warning"]


@pytest.mark.parametrize("schema", [{"type": "nothing"}, {"required": 3}])
def test_what_is_no_schema_is_refused_before_the_model_is_asked(
    formal: Service, upstream: Upstream, schema: dict[str, Any]
) -> None:
    before = len(upstream.asked)
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    reply = formal.post(asked("none", GOOD, response_format=form))
    refused(formal, reply, 400, "invalid_value", "response_format.json_schema.schema")
    assert len(upstream.asked) == before


@pytest.mark.timeout(60)
def test_a_schema_that_takes_for_ever_costs_its_caller_an_error(formal: Service) -> None:
    doubling: dict[str, Any] = {"d0": {"type": "object"}}
    for level in range(1, 40):
        doubling[f"d{level}"] = {"allOf": [{"$ref": f"#/$defs/d{level - 1}"}] * 2}
    schema = {"$defs": doubling, "$ref": "#/$defs/d39"}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    reply = formal.post(asked("none", GOOD, response_format=form))
    refused(formal, reply, 400, "invalid_value", "response_format.json_schema.schema")
    end_s = time.monotonic() + 20
    while formal.post(asked("none", GOOD)).status != 200:
        assert time.monotonic() < end_s
