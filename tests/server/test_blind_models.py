"""Pictures for a model of text alone: refused, rerouted, described, never lost unseen."""

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from tests.conftest import FAST
from tests.server.test_chat_proxy import data_url
from tests.server.test_keys_and_money import row
from tests.support.claims import answered, recorded, refused
from tests.support.films import pdf
from tests.support.service import Reply, Service, picture, text
from tests.support.upstream import Asked, Upstream
from tests.unit.media.sample_pictures import encode, halves

from visus.accounts.database import open_database
from visus.accounts.keys import KeyBook, Terms
from visus.accounts.limits import NO_LIMITS, Limits
from visus.core.question import Blind

PNG = picture(data_url(encode(halves(), "PNG")))
DOCUMENT = {"type": "file", "file": {"file_data": base64.b64encode(pdf()).decode()}}
ROWS = """
[[providers]]
name = "berlin"
dialect = "openai"
base_url = "http://127.0.0.1:{port}/berlin/v1"
country = "DE"
[[providers]]
name = "dallas"
dialect = "openai"
base_url = "http://127.0.0.1:{port}/dallas/v1"
country = "US"
[[models]]
id = "deaf"
provider = "berlin"
upstream_id = "echo"
[[models]]
id = "eyes"
provider = "dallas"
upstream_id = "good"
input_modalities = ["text", "image"]
[[models]]
id = "eyes-that-count-nothing"
provider = "dallas"
upstream_id = "untold"
input_modalities = ["text", "image"]
[[models]]
id = "with-eyes-that-count-nothing"
provider = "berlin"
upstream_id = "echo"
fallbacks = ["eyes-that-count-nothing"]
[[models]]
id = "broken-eyes"
provider = "dallas"
upstream_id = "status_500"
input_modalities = ["text", "image"]
[[models]]
id = "with-eyes"
provider = "berlin"
upstream_id = "echo"
fallbacks = ["eyes"]
[[models]]
id = "sharp-then-deaf"
provider = "dallas"
upstream_id = "status_500"
input_modalities = ["text", "image"]
fallbacks = ["deaf"]
"""


@pytest.fixture(scope="module")
def blind(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = Service(
        tmp_path_factory.mktemp("blind"),
        FAST.replace("attempts = 1", "attempts = 2\nbackoff_s = 0.01")
        + ROWS.replace("{port}", str(upstream.port)),
    )
    running.post({"model": "eyes", "messages": turns([DOCUMENT])})  # its worker starts late
    yield running
    running.stop()


def key(service: Service, policy: Blind, limits: Limits = NO_LIMITS) -> dict[str, str]:
    book = KeyBook(open_database(service.folder / "state" / "visus.db"))
    terms = Terms(blind=policy, limits=limits)
    try:
        return {"Authorization": f"Bearer {book.create(policy, terms)[1]}"}
    finally:
        book.engine.dispose()


def turns(*contents: Any) -> list[dict[str, Any]]:
    """Turns of a user and an assistant, by turns."""
    return [
        {"role": "assistant" if place % 2 else "user", "content": content}
        for place, content in enumerate(contents)
    ]


def heard(reply: Reply) -> list[dict[str, Any]]:
    """The messages that a model got which says back what it got."""
    return json.loads(reply.json()["choices"][0]["message"]["content"])["body"]["messages"]


def asked(upstream: Upstream, since: int) -> Sequence[Asked]:
    return upstream.asked[since:]


# --- The turn that is being answered ---------------------------------------------------------


@pytest.mark.parametrize(
    "messages",
    [
        turns([text("?"), PNG]),
        turns("Hello", "Hello.", [text("?"), PNG]),
        [{"role": "user", "content": [PNG]}, {"role": "user", "content": "What is it?"}],
    ],
)
def test_a_picture_for_a_model_of_text_is_refused_with_who_could_look(
    blind: Service, upstream: Upstream, messages: Any
) -> None:
    before = len(upstream.asked)
    reply = blind.post({"model": "deaf", "messages": messages})
    place = f"messages[{len(messages) - 1}].content[1].image_url.url"
    if len(messages[0]["content"]) == 1:
        place = "messages[0].content[0].image_url.url"
    refused(blind, reply, 400, "unsupported_modality", place)
    message = reply.json()["error"]["message"]
    assert "eyes" in message
    assert "deaf" not in message.replace("sharp-then-deaf", "")
    assert asked(upstream, before) == []


def test_who_could_look_is_named_within_the_demands(blind: Service) -> None:
    body = {"model": "deaf", "messages": turns([PNG]), "visus": {"residency": "de"}}
    reply = blind.post(body)
    refused(blind, reply, 400, "unsupported_modality", "messages[0].content[0].image_url.url")
    assert "eyes" not in reply.json()["error"]["message"]


def test_a_picture_between_a_tool_call_and_its_result_is_still_being_asked_about(
    blind: Service,
) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "zoom", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": [PNG]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "done"},
    ]
    reply = blind.post({"model": "deaf", "messages": messages})
    refused(blind, reply, 400, "unsupported_modality", "messages[0].content[0].image_url.url")


def test_the_key_can_have_it_rerouted(blind: Service) -> None:
    body = {"model": "with-eyes", "messages": turns([text("?"), PNG])}
    reply = blind.post(body, **key(blind, "reroute"))
    answered(blind, reply)
    assert reply.headers["x-visus-model"] == "eyes"
    assert reply.headers["x-visus-warning"] == "'with-eyes' was asked for, 'eyes' answered"
    assert reply.json()["model"] == "eyes"


def test_rerouting_stays_within_the_demands(blind: Service, upstream: Upstream) -> None:
    before = len(upstream.asked)
    for policy in ("reroute", "describe"):
        body = {"model": "with-eyes", "messages": turns([PNG]), "visus": {"residency": "de"}}
        reply = blind.post(body, **key(blind, policy))
        assert reply.error()[:2] == (400, "residency_unavailable")
    assert asked(upstream, before) == []


def test_the_key_can_have_pictures_described_first(blind: Service, upstream: Upstream) -> None:
    before = len(upstream.asked)
    content = [text("Compare."), PNG, DOCUMENT]
    body = {"model": "with-eyes", "messages": turns(content), "visus": {"report": True}}
    reply = blind.post(body, **key(blind, "describe"))
    answered(blind, reply)
    assert reply.headers["x-visus-model"] == "with-eyes"
    parts = heard(reply)[0]["content"]
    assert [part["type"] for part in parts] == ["text"] * 3
    assert parts[1]["text"] == "[Picture, described by eyes: A red böat.]"
    assert parts[2]["text"] == "[Document, described by eyes: A red böat.]"
    assert reply.headers["x-visus-in-words"] == (
        "messages[0].content[1] described by eyes, messages[0].content[2] described by eyes"
    )
    told = reply.json()["visus"]["parts"]
    assert [(one["path"], one["kind"], one["steps"]) for one in told] == [
        ("messages[0].content[1]", "image", ["described by eyes"]),
        ("messages[0].content[2]", "file", ["described by eyes"]),
    ]
    first, second, last = asked(upstream, before)
    assert len(first.pictures() + second.pictures()) >= 2
    assert (first.body["max_tokens"], last.body["model"]) == (1000, "echo")
    attempts = recorded(blind, reply, 200)["attempts"]
    assert [one["model"] for one in attempts] == ["eyes", "eyes", "with-eyes"]


def test_descriptions_are_paid_for_where_the_model_may_then_not_be_asked(
    blind: Service, upstream: Upstream
) -> None:
    since = len(upstream.asked)
    few = key(blind, "describe", Limits(input_tokens_per_minute=2500))
    body = {"model": "deaf", "messages": turns([text("long " * 2000), PNG])}
    reply = blind.post(body, **few)
    refused(blind, reply, 429, "rate_limit_exceeded")
    assert [one.path for one in asked(upstream, since)] == ["/dallas/v1/chat/completions"]
    kept = row(blind, reply)
    assert (kept["status"], kept["input_tokens"], kept["images"]) == (429, 812, 1)


def test_a_description_whose_tokens_nobody_tells_is_paid_by_estimate(blind: Service) -> None:
    body = {"model": "with-eyes-that-count-nothing", "messages": turns([PNG])}
    reply = blind.post(body, **key(blind, "describe"))
    answered(blind, reply)
    kept = row(blind, reply)
    told = heard(reply)[0]["content"]
    assert told == "[Picture, described by eyes-that-count-nothing: A red böat.]"
    assert kept["is_estimated"]
    assert kept["output_tokens"] > 1
    assert kept["images"] == 1


def test_several_descriptions_count_together(blind: Service, upstream: Upstream) -> None:
    since = len(upstream.asked)
    few = key(blind, "describe", Limits(input_tokens_per_minute=2500))
    reply = blind.post({"model": "deaf", "messages": turns([PNG, PNG, PNG, PNG])}, **few)
    refused(blind, reply, 429, "rate_limit_exceeded")
    assert len(asked(upstream, since)) < 3


def test_where_nobody_describes_the_question_fails_clearly(blind: Service) -> None:
    body = {
        "model": "deaf",
        "messages": turns([PNG]),
        "visus": {"fallbacks": ["broken-eyes"]},
    }
    reply = blind.post(body, **key(blind, "describe"))
    refused(blind, reply, 502, "upstream_bad_response")


# --- Earlier turns ---------------------------------------------------------------------------


def test_a_picture_of_an_earlier_turn_becomes_a_note(blind: Service) -> None:
    question = turns([text("What is this?"), PNG], "A boat.", "Thanks. And 2 + 2?")
    reply = blind.post({"model": "deaf", "messages": question, "visus": {"report": True}})
    answered(blind, reply)
    first, second, last = heard(reply)
    note = "[picture from an earlier turn: not shown to this model]"
    assert first["content"] == [text("What is this?"), text(note)]
    assert (second["content"], last["content"]) == ("A boat.", "Thanks. And 2 + 2?")
    assert reply.headers["x-visus-in-words"] == "messages[0].content[1] not shown"
    (told,) = reply.json()["visus"]["parts"]
    assert (told["path"], told["before"], told["after"]) == (
        "messages[0].content[1]",
        None,
        None,
    )


def test_an_old_picture_that_cannot_be_had_any_more_stands_in_no_way(blind: Service) -> None:
    old = picture("https://gone.invalid/boat.jpg")
    reply = blind.post({"model": "deaf", "messages": turns([old], "A boat.", "2 + 2?")})
    answered(blind, reply)


def test_a_fallback_without_eyes_gets_the_note_too(blind: Service) -> None:
    question = turns([text("?"), PNG], "A boat.", "And 2 + 2?")
    reply = blind.post({"model": "sharp-then-deaf", "messages": question})
    answered(blind, reply)
    assert reply.headers["x-visus-model"] == "deaf"
    assert "not shown" in json.dumps(heard(reply))


def test_a_model_that_sees_gets_the_old_picture(blind: Service, upstream: Upstream) -> None:
    reply = blind.post({"model": "eyes", "messages": turns([PNG], "A boat.", "And 2 + 2?")})
    answered(blind, reply)
    assert "x-visus-in-words" not in reply.headers
    assert len(upstream.last("good").pictures()) == 1


# --- What it would cost ----------------------------------------------------------------------


def estimated(service: Service, body: Any, headers: dict[str, str]) -> Reply:
    return service.post(body, path="/v1/chat/completions/estimate", **headers)


def test_the_estimate_is_of_the_model_that_would_be_asked_instead(blind: Service) -> None:
    messages = turns([text("?"), PNG])
    headers = key(blind, "reroute")
    compare = {"compare": ["sharp-then-deaf", "deaf"]}
    body = {"model": "with-eyes", "messages": messages, "visus": compare}
    found = answered(blind, estimated(blind, body, headers))
    eyes = answered(blind, estimated(blind, {"model": "eyes", "messages": messages}, headers))
    assert found["models"]["with-eyes"] == eyes["models"]["eyes"] | {"answered_by": "eyes"}
    assert found["models"]["sharp-then-deaf"]["answered_by"] is None
    assert found["models"]["deaf"]["error"] is None
    assert [part["after"] for part in found["parts"]] == [
        part["after"] for part in eyes["parts"]
    ]


def test_the_estimate_keeps_to_the_demands_as_the_answer_does(blind: Service) -> None:
    body = {"model": "with-eyes", "messages": turns([PNG]), "visus": {"residency": "de"}}
    reply = estimated(blind, body, key(blind, "reroute"))
    assert reply.error()[:2] == (400, "residency_unavailable")


def test_words_alone_are_estimated_for_the_model_that_was_asked(blind: Service) -> None:
    body = {"model": "with-eyes", "messages": turns([PNG], "A boat.", "Thanks.")}
    for policy in ("refuse", "reroute", "describe"):
        reply = estimated(blind, body, key(blind, policy))
        found = answered(blind, reply)["models"]["with-eyes"]
        assert (found["answered_by"], found["error"]) == (None, None)


def test_nobody_says_what_descriptions_cost_before_they_are_written(blind: Service) -> None:
    body = {"model": "with-eyes", "messages": turns([text("?"), PNG])}
    reply = estimated(blind, body, key(blind, "describe"))
    assert reply.error()[:2] == (400, "unsupported_modality")
    assert "not known before they are written" in reply.body.decode()
