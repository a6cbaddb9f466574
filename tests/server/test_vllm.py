"""vLLM behind the service: a server as strict as the real one, and its faults.

`tests/vllm` asks the real one.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai import OpenAI
from tests.conftest import FAST
from tests.server.test_authentication import _run
from tests.server.test_chat_proxy import data_url
from tests.support.claims import answered, broke_off, refused, text_of
from tests.support.films import film, video
from tests.support.openai_family import VLLM_BEHAVIOURS, VllmServer
from tests.support.service import Service, ask, picture, text
from tests.unit.media.sample_pictures import encode, halves

both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])

QWEN = "Qwen3-VL-30B-A3B-Instruct-FP8"
CONFIG = """
[[providers]]
name = "rack"
dialect = "openai"
base_url = "http://127.0.0.1:{trusting}/v1"
api_key_env = "SCRIPTED_KEY"
options = { media_uuid = true, trusts_mm_kwargs = true }
[[providers]]
name = "wary"
dialect = "openai"
base_url = "http://127.0.0.1:{wary}/v1"
api_key_env = "SCRIPTED_KEY"
[[providers]]
name = "lost"
dialect = "openai"
base_url = "http://127.0.0.1:{wary}/v2"
api_key_env = "SCRIPTED_KEY"
[[providers]]
name = "keyless"
dialect = "openai"
base_url = "http://127.0.0.1:{wary}/v1"
[[models]]
id = "unnamed"
provider = "wary"
upstream_id = "sees"
input_modalities = ["text", "image"]
[[models]]
id = "unserved"
provider = "wary"
[[models]]
id = "lost"
provider = "lost"
upstream_id = "good"
[[models]]
id = "keyless"
provider = "keyless"
upstream_id = "good"
"""
ROW = """
[[models]]
id = "{name}"
provider = "rack"
input_modalities = ["text", "image"]
[models.vision]
max_images = 4
video = true
video_sampling = ["fps"]
video_tokens = { formula = "qwen-video" }
"""


@pytest.fixture(scope="module")
def wary() -> Iterator[VllmServer]:
    """A server that takes no processor arguments of a request."""
    with VllmServer() as running:
        yield running


@pytest.fixture(scope="module")
def trusting() -> Iterator[VllmServer]:
    """A server with `--trust-request-mm-kwargs`."""
    with VllmServer(trusts_mm_kwargs=True) as running:
        yield running


@pytest.fixture(scope="module")
def rack(
    wary: VllmServer, trusting: VllmServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    config = CONFIG.replace("{trusting}", str(trusting.port)).replace("{wary}", str(wary.port))
    running = Service(
        tmp_path_factory.mktemp("rack"),
        FAST + config + "".join(ROW.replace("{name}", name) for name in VLLM_BEHAVIOURS),
        SCRIPTED_KEY=wary.key,
        T_CLOUD_BASE_URL=f"http://127.0.0.1:{wary.port}/v1",
        T_CLOUD_API_KEY=wary.key,
    )
    answered(running, running.post(ask("good", [video(film(seconds=1))])))  # its worker stays
    yield running
    running.stop()


def still(colour: str = "RGB", width: int = 64) -> dict[str, Any]:
    return picture(data_url(encode(halves(width, 48, colour), "PNG")))


def seen(reply: Any) -> list[str]:
    """What the server looked at."""
    return json.loads(reply.json()["choices"][0]["message"]["content"])


def parts_of(server: VllmServer, model: str) -> list[dict[str, Any]]:
    return server.last(model).body["messages"][-1]["content"]


# --- Names for media -------------------------------------------------------------------------


def test_a_medium_has_one_name_for_its_owner_and_its_bytes(
    rack: Service, trusting: VllmServer
) -> None:
    def named(content: list[Any]) -> list[str]:
        answered(rack, rack.post(ask("sees", content)))
        return [one["uuid"] for one in parts_of(trusting, "sees") if "uuid" in one]

    first, second = named([still(), text("and"), still(width=80)])
    assert first != second
    assert len(first) == 40
    assert named([still(width=80), still(), video(film(seconds=1))])[:2] == [second, first]
    assert len(set(named([still(), video(film(seconds=1)), still()]))) == 2


def test_nobody_is_shown_what_was_kept_for_another_picture_or_another_caller(
    rack: Service, trusting: VllmServer
) -> None:
    """The server trusts a name: one that a caller could choose would answer about old bytes."""
    mine, yours = still(width=96), still(width=112)
    before = seen(rack.post(ask("sees", [mine | {"uuid": "chosen"}])))
    after = seen(rack.post(ask("sees", [yours | {"uuid": "chosen"}])))
    assert before != after
    assert "chosen" not in json.dumps(trusting.last("sees").body)


def test_two_owners_of_a_picture_have_two_names_for_it(
    rack: Service, trusting: VllmServer
) -> None:
    answered(rack, rack.post(ask("sees", [still()])))
    (mine,) = parts_of(trusting, "sees")
    other = _run(rack, "keys", "create", "another").stdout.strip()
    reply = rack.post(ask("sees", [still()]), Authorization=f"Bearer {other}")
    assert reply.status == 200
    (theirs,) = parts_of(trusting, "sees")
    assert mine["image_url"] == theirs["image_url"]
    assert mine["uuid"] != theirs["uuid"]


def test_names_outlive_the_process(rack: Service, trusting: VllmServer, tmp_path: Any) -> None:
    answered(rack, rack.post(ask("sees", [still()])))
    (before,) = parts_of(trusting, "sees")
    config = (rack.folder / "config.toml").read_text()
    again = Service(rack.folder, config, SCRIPTED_KEY=trusting.key)
    try:
        answered(again, again.post(ask("sees", [still()])))
    finally:
        again.stop()
    (after,) = parts_of(trusting, "sees")
    assert before["uuid"] == after["uuid"]


def test_a_server_that_keeps_nothing_gets_no_names(rack: Service, wary: VllmServer) -> None:
    answered(rack, rack.post(ask("unnamed", [still()])))
    (part,) = parts_of(wary, "sees")
    assert part.keys() == {"type", "image_url"}


# --- Videos ----------------------------------------------------------------------------------


def test_a_video_goes_as_it_is_and_its_rate_in_the_processors_arguments(
    rack: Service, trusting: VllmServer
) -> None:
    clip = film(seconds=2)
    answered(rack, rack.post(ask("sees", [video(clip, fps=4)])))
    body = trusting.last("sees").body
    assert body["media_io_kwargs"] == {"video": {"fps": 4}}
    assert body["mm_processor_kwargs"] == {"fps": 4}
    (part,) = parts_of(trusting, "sees")
    assert part["type"] == "video_url"
    assert part["video_url"].keys() == {"url"}


def test_films_that_want_different_rates_do_not_go_to_a_server_with_one(rack: Service) -> None:
    clips = [video(film(seconds=1), fps=fps) for fps in (2, 4)]
    reply = rack.post(ask("sees", clips))
    place = "messages[0].content[1].video_url"
    refused(rack, reply, 400, "unsupported_parameter", f"{place}.url")


def test_a_wish_that_the_server_does_not_heed_makes_frames(
    rack: Service, trusting: VllmServer
) -> None:
    clip = video(film(seconds=4), start=1, max_frames=2)
    answered(rack, rack.post(ask("sees", [clip])))
    assert "mm_processor_kwargs" not in trusting.last("sees").body
    kinds = [one["type"] for one in parts_of(trusting, "sees")]
    assert kinds.count("image_url") == 2
    assert "video_url" not in kinds


def test_the_shipped_qwen_sees_films_whole_and_asks_no_server_for_its_trust(
    rack: Service, wary: VllmServer
) -> None:
    answered(rack, rack.post(ask(QWEN, [video(film(seconds=2))])))
    assert [one["type"] for one in parts_of(wary, QWEN)] == ["video_url"]
    answered(rack, rack.post(ask(QWEN, [video(film(seconds=2), fps=1)])))
    body = wary.last(QWEN).body
    assert "mm_processor_kwargs" not in body
    assert {one["type"] for one in parts_of(wary, QWEN)} == {"text", "image_url"}


# --- Answers ---------------------------------------------------------------------------------


@both_ways
@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_thoughts_come_out_under_one_name(
    rack: Service,
    stream: bool,  # noqa: FBT001
    name: str,
) -> None:
    reply = rack.post(ask("thinks", user=name, stream=stream))
    answered(rack, reply)
    if stream:
        deltas = [one["choices"][0]["delta"] for one in reply.events()[:-1]]
        thought = "".join(one.get("reasoning_content", "") for one in deltas)
        assert (thought, text_of(reply.events())) == ("Hmm.", "Yes.")
    else:
        message = reply.json()["choices"][0]["message"]
        assert (message["reasoning_content"], message["content"]) == ("Hmm.", "Yes.")


def test_a_call_that_was_demanded_by_name_finishes_as_openai_has_it(rack: Service) -> None:
    """With `stop`: OpenAI's finish reason of a named call, too, and its own client takes it."""
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    with OpenAI(base_url=rack.url, api_key=rack.key, max_retries=0) as client:
        answer = client.chat.completions.create(
            model="calls_the_named",
            messages=[{"role": "user", "content": "Look."}],
            tools=[tool],  # type: ignore[list-item]
            tool_choice={"type": "function", "function": {"name": "look"}},
        )
    (choice,) = answer.choices
    assert choice.finish_reason == "stop"
    assert [call.function.name for call in choice.message.tool_calls or ()] == ["look"]  # type: ignore[union-attr]


# --- Faults ----------------------------------------------------------------------------------

PLACE = "messages[0].content[0].image_url.url"


@both_ways
@pytest.mark.parametrize(
    ("model", "status", "code", "param"),
    [
        ("too_long", 400, "context_length_exceeded", "messages"),
        ("too_long_old", 400, "context_length_exceeded", "messages"),
        ("broken_picture", 400, "invalid_image", PLACE),
        ("fetched_404", 400, "invalid_value", None),
        ("engine_dead", 502, "upstream_bad_response", None),
        ("engine_dead_old", 502, "upstream_bad_response", None),
        ("busy", 502, "upstream_bad_response", None),
        ("unserved", 404, "model_not_found", "model"),
        ("lost", 502, "upstream_bad_response", None),
        ("keyless", 502, "upstream_auth_failed", None),
        ("silent", 504, "upstream_timeout", None),
        ("closes_at_once", 502, "upstream_bad_response", None),
        ("gzip_bomb", 502, "upstream_bad_response", None),
        ("short_body", 502, "upstream_bad_response", None),
    ],
)
def test_old_and_new_refusals_of_vllm_become_ours(  # noqa: PLR0913, PLR0917 -- a row of the table
    rack: Service,
    stream: bool,  # noqa: FBT001
    model: str,
    status: int,
    code: str,
    param: str | None,
) -> None:
    content = [still()] if model in VLLM_BEHAVIOURS else "PROMPT-CANARY"
    refused(rack, rack.post(ask(model, content, stream=stream)), status, code, param)


@pytest.mark.parametrize(
    ("model", "code"),
    [
        ("dies_in_stream", "upstream_bad_response"),
        ("cut_without_finish", "upstream_bad_response"),
        ("done_without_finish", "upstream_bad_response"),
        ("reset_mid_stream", "upstream_bad_response"),
        ("malformed_event", "upstream_bad_response"),
        ("stalls", "upstream_timeout"),
        ("finish_then_fault", "upstream_bad_response"),
    ],
)
def test_a_stream_of_vllm_that_breaks_ends_with_an_error(
    rack: Service, model: str, code: str
) -> None:
    assert broke_off(rack, rack.post(ask(model, stream=True)), code) == "Once "


def test_more_pictures_than_the_server_takes_are_refused_before_it_is_asked(
    rack: Service, trusting: VllmServer
) -> None:
    answered(rack, rack.post(ask("sees", [still()] * 4)))
    before = len(trusting.asked)
    refused(rack, rack.post(ask("sees", [still()] * 5)), 400, "too_many_images", "messages")
    assert len(trusting.asked) == before
