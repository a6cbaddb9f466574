"""A vision-language model in this machine's memory, through the service, as its users ask it.

The model is random (`tests.support.tiny_model`), so nothing is claimed of what it says, but
everything of how it is asked, counted, stopped and lost.
"""

import base64
import io
import json
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import openai
import pytest
from openai import OpenAI
from PIL import Image
from tests.server.test_keys_and_money import eventually
from tests.support import tiny_model
from tests.support.claims import answered, broke_off, children, refused
from tests.support.films import film, video
from tests.support.service import Reply, Service, ask, picture, text

LONG_CONTEXT = 150_000
"""So long that nobody in these tests lives to see it filled."""
CONFIG = """
[gguf]
threads = 1
idle_unload_s = 120
deadline_s = 120
[lite]
enabled = false
"""
ROW = """
[[models]]
id = "{id}"
provider = "gguf"
path = "{folder}/model.gguf"
projector = "{folder}/projector.gguf"
max_sequence_length = {context}
"""


def row(model_id: str, folder: Path, context: int = tiny_model.CONTEXT) -> str:
    return ROW.format(id=model_id, folder=folder, context=context)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders with models: one that talks, one that calls, one that knows no tools."""
    folder = tmp_path_factory.mktemp("models")
    tiny_model.write(folder / "tiny")
    tiny_model.write(folder / "endless", context=LONG_CONTEXT)
    tiny_model.write(folder / "vast", context=1_000_000)
    tiny_model.write(folder / "caller", calls=True)
    tiny_model.write(folder / "toolless", tools=False)
    return folder


@pytest.fixture(scope="module")
def home(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    rows = [row(name, files / name) for name in ("tiny", "caller", "toolless")]
    rows.append(row("endless", files / "endless", LONG_CONTEXT))
    rows.append(row("absent", files / "absent"))
    running = Service(tmp_path_factory.mktemp("gguf"), CONFIG + "".join(rows))
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def client(home: Service) -> Iterator[OpenAI]:
    with OpenAI(base_url=home.url, api_key=home.key, max_retries=0) as made:
        yield made


def state(home: Service, model: str) -> str:
    found: str = home.get(f"/v1/models/{model}").json()["meta_data"]["load_state"]
    return found


def model_processes(home: Service) -> list[int]:
    return sorted(child for child in children(home) if _runs_a_model(child))


def _runs_a_model(process: int) -> bool:
    try:
        return b"visus.local.gguf.worker" in Path(f"/proc/{process}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return False


def until_gone(home: Service, process: int) -> None:
    end_s = time.monotonic() + 10
    while process in model_processes(home):
        assert time.monotonic() < end_s
        time.sleep(0.02)


def coloured(side_px: int, colour: str, form: str = "PNG") -> dict[str, Any]:
    file = io.BytesIO()
    Image.new("RGB", (side_px, side_px), colour).save(file, form)
    data = base64.b64encode(file.getvalue()).decode()
    return picture(f"data:image/{form.lower()};base64,{data}")


def asked(home: Service, *content: Any, model: str = "tiny", **more: Any) -> Reply:
    options = {"max_tokens": 12, "temperature": 0} | more
    return home.post(ask(model, list(content) or "Hello", **options))


def said(home: Service, *content: Any, **more: Any) -> tuple[str, dict[str, Any]]:
    """The text of an answer, and what it cost."""
    body = answered(home, asked(home, *content, **more))
    found: str = body["choices"][0]["message"]["content"]
    return found, body["usage"]


# --- Being asked -----------------------------------------------------------------------------


def test_the_model_is_listed_as_one_of_this_machine(home: Service) -> None:
    found = home.get("/v1/models/tiny").json()["meta_data"]
    assert found["provider"] == "gguf"
    assert found["deployment_region"] == "local"
    assert found["is_externally_hosted"] is False
    assert found["input_modalities"] == ["text", "image"]
    assert found["vision"]["formats"] == ["image/jpeg", "image/png"]


def test_a_model_is_loaded_by_the_first_who_asks(home: Service) -> None:
    reply = asked(home, model="tiny", max_tokens=1)
    answered(home, reply)
    assert state(home, "tiny") == "loaded"
    assert reply.headers["x-visus-region"] == "local"


def pooled(home: Service, name: str) -> dict[str, float]:
    """What the metrics say of one model's processes, by the metric and their state."""
    page = home.request("GET", "/metrics", None, {}).body.decode()
    pattern = rf'^(visus_work\w+){{pool="{name}"(?:,state="(\w+)")?}} ([\d.]+)$'
    found = re.findall(pattern, page, re.MULTILINE)
    return {" ".join(filter(None, (one, state))): float(value) for one, state, value in found}


def test_the_processes_of_a_model_are_counted_while_it_is_in_memory(home: Service) -> None:
    assert pooled(home, "absent") == {}
    answered(home, asked(home, model="tiny", max_tokens=1))
    counted = pooled(home, "tiny")
    assert counted.keys() == {
        "visus_workers busy",
        "visus_workers idle",
        "visus_worker_restarts_total",
    }
    assert counted["visus_workers busy"] + counted["visus_workers idle"] == 1


def test_the_library_is_never_in_the_process_that_serves(home: Service) -> None:
    answered(home, asked(home))
    (loaded,) = {
        process
        for process in model_processes(home)
        if "/xllamacpp/" in Path(f"/proc/{process}/maps").read_text()
    } & set(model_processes(home)[:1])
    assert "/xllamacpp/" in Path(f"/proc/{loaded}/maps").read_text()
    assert "/xllamacpp/" not in Path(f"/proc/{home.process.pid}/maps").read_text()


def test_a_demand_to_stay_on_this_machine_is_met(home: Service) -> None:
    body = ask("tiny", max_tokens=2)
    answered(home, home.post(body, **{"X-Visus-Residency": "local"}))


def test_a_picture_costs_the_tokens_of_its_size(home: Service) -> None:
    _, plain = said(home, text("What is it?"))
    costs = [
        said(home, text("What is it?"), coloured(side_px, "red"))[1]["prompt_tokens"]
        for side_px in (112, 224, 448)
    ]
    # a token for each 28 pixels square, and the two that stand around a picture
    assert [cost - plain["prompt_tokens"] for cost in costs] == [16 + 2, 64 + 2, 256 + 2]


def test_what_is_in_a_picture_reaches_the_model(home: Service) -> None:
    red, blue, again = (
        said(home, text("What is it?"), coloured(112, colour))[0]
        for colour in ("red", "blue", "red")
    )
    assert red == again
    assert red != blue


def test_several_pictures_and_other_formats_are_fitted(home: Service) -> None:
    _, one = said(home, coloured(112, "red"))
    _, three = said(
        home,
        coloured(112, "red"),
        coloured(112, "red", "WEBP"),
        coloured(112, "red", "JPEG"),
    )
    assert three["prompt_tokens"] - one["prompt_tokens"] == 2 * (16 + 2)


def test_a_film_is_seen_as_its_frames(home: Service) -> None:
    _, short = said(home, video(film(seconds=4), fps=0.5), model="endless")
    _, longer = said(home, video(film(seconds=4), fps=1), model="endless")
    assert longer["prompt_tokens"] > short["prompt_tokens"]


# --- What comes back -------------------------------------------------------------------------


def test_usage_is_what_was_generated(client: OpenAI) -> None:
    done = client.chat.completions.create(
        model="tiny",
        messages=[{"role": "user", "content": "Hello"}],
        max_tokens=17,
        logprobs=True,
        top_logprobs=2,
    )
    assert done.usage is not None
    assert done.usage.completion_tokens == 17
    (choice,) = done.choices
    assert choice.finish_reason == "length"
    assert choice.logprobs is not None
    assert len(choice.logprobs.content or ()) == 17
    assert "".join(one.token for one in choice.logprobs.content or ()) == choice.message.content
    assert len((choice.logprobs.content or ())[0].top_logprobs) == 2


def test_a_stream_says_the_same_as_a_whole_answer(client: OpenAI) -> None:
    question: Any = {
        "model": "tiny",
        "messages": [{"role": "user", "content": "Hello"}],
        "max_tokens": 30,
        "temperature": 0,
    }
    whole = client.chat.completions.create(**question)
    stream = client.chat.completions.create(
        **question, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    words = [one.choices[0].delta.content or "" for one in chunks if one.choices]
    assert len([word for word in words if word]) > 5
    assert "".join(words) == whole.choices[0].message.content
    assert chunks[-1].usage is not None
    assert whole.usage is not None
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens


def test_a_seed_draws_the_same_words_again_and_another_draws_others(home: Service) -> None:
    draws = [
        said(home, text("Hello"), temperature=1.0, seed=seed, max_tokens=40)[0]
        for seed in (1, 1, 2)
    ]
    assert draws[0] == draws[1] != draws[2]


def test_a_stop_word_ends_the_answer_before_it(home: Service) -> None:
    whole, _ = said(home, max_tokens=40)
    word = whole[10:13]
    body = answered(home, asked(home, max_tokens=40, stop=[word]))
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["choices"][0]["message"]["content"] == whole[: whole.index(word)]


def test_a_bias_against_letters_keeps_them_out(home: Service) -> None:
    letters = {str(ord(letter)): -100 for letter in "abcdefghijklm"}
    words, _ = said(home, max_tokens=40, temperature=1.0, logit_bias=letters)
    assert not set(words) & set("bcdfgjklm")  # some others come in tokens of two letters


SCHEMA = {
    "type": "object",
    "properties": {
        "colour": {"enum": ["red", "blue"]},
        "count": {"type": "integer", "minimum": 1, "maximum": 9},
    },
    "required": ["colour", "count"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_answer_with_a_schema_has_its_form(client: OpenAI, seed: int) -> None:
    done = client.chat.completions.create(
        model="tiny",
        messages=[{"role": "user", "content": "How many, and in which colour?"}],
        max_tokens=300,
        seed=seed,
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "seen", "schema": SCHEMA, "strict": True},
        },
    )
    found = json.loads(done.choices[0].message.content or "")
    assert set(found) == {"colour", "count"}
    assert found["colour"] in {"red", "blue"}
    assert found["count"] in range(1, 10)
    assert done.choices[0].finish_reason == "stop"


def test_an_answer_in_json_begins_as_an_object(home: Service) -> None:
    words, _ = said(home, response_format={"type": "json_object"}, max_tokens=20)
    assert words.startswith("{")


TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "look",
            "description": "Look closer.",
            "parameters": {
                "type": "object",
                "properties": {"at": {"enum": ["left", "right"]}},
                "required": ["at"],
            },
        },
    }
]


@pytest.mark.parametrize("choice", ["auto", "required"])
def test_a_tool_is_called_with_arguments_of_its_schema(client: OpenAI, choice: Any) -> None:
    stream = client.chat.completions.create(
        model="caller",
        messages=[{"role": "user", "content": "Look!"}],
        tools=TOOLS,
        tool_choice=choice,
        max_tokens=400,
        seed=1,
        stream=True,
    )
    deltas = [
        call
        for chunk in stream
        for choice in chunk.choices
        for call in choice.delta.tool_calls or ()
    ]
    assert len(deltas) > 1
    assert deltas[0].id
    assert deltas[0].function is not None
    assert deltas[0].function.name == "look"
    arguments = "".join(one.function.arguments or "" for one in deltas if one.function)
    assert json.loads(arguments)["at"] in {"left", "right"}


def test_a_call_ends_the_answer_and_its_result_goes_back(client: OpenAI) -> None:
    question: list[Any] = [{"role": "user", "content": "Look!"}]
    done = client.chat.completions.create(
        model="caller", messages=question, tools=TOOLS, tool_choice="required",
        max_tokens=400, seed=1,
    )  # fmt: skip
    (choice,) = done.choices
    assert choice.finish_reason == "tool_calls"
    (call,) = choice.message.tool_calls or ()
    question += [
        choice.message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "A cat."},
    ]
    after = client.chat.completions.create(
        model="caller", messages=question, tools=TOOLS, tool_choice="none", max_tokens=2
    )
    assert after.usage is not None
    assert done.usage is not None
    assert after.usage.prompt_tokens > done.usage.prompt_tokens + 10


# --- What is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"n": 2}, "n"),
        ({"reasoning_effort": "low"}, "reasoning_effort"),
        ({"logprobs": True, "tools": TOOLS}, "logprobs"),
    ],
)
def test_what_the_library_cannot_do_is_refused_by_name(
    home: Service, options: dict[str, Any], param: str
) -> None:
    refused(home, asked(home, **options), 400, "unsupported_parameter", param)


def test_tools_are_refused_where_the_template_has_no_place_for_them(home: Service) -> None:
    reply = asked(home, model="toolless", tools=TOOLS)
    refused(home, reply, 400, "unsupported_parameter", "tools")
    answered(home, asked(home, model="toolless"))


def test_a_question_longer_than_the_context_is_refused(home: Service) -> None:
    reply = asked(home, text("Hello " * 1000))
    refused(home, reply, 400, "context_length_exceeded", "messages")


def test_a_schema_that_cannot_be_held_to_is_refused(home: Service) -> None:
    wanted = {"name": "odd", "schema": {"type": "no such type"}}
    reply = asked(home, response_format={"type": "json_schema", "json_schema": wanted})
    assert reply.status == 400
    assert state(home, "tiny") == "loaded"


def test_a_model_whose_file_is_not_there_says_so_in_the_log_only(home: Service) -> None:
    record = refused(home, asked(home, model="absent"), 503, "worker_unavailable", "model")
    assert "absent/model.gguf: No such file" in record["detail"]


# --- Being left, and lost --------------------------------------------------------------------


def posted(home: Service, body: dict[str, Any]) -> socket.socket:
    """The connection on which a question was sent."""
    data = msgspec.json.encode(body)
    connection = socket.create_connection(("127.0.0.1", home.port), timeout=20)
    connection.sendall(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n%b"
        % (home.key.encode(), len(data), data)
    )
    return connection


def heard(connection: socket.socket, *, until: bytes, times: int = 1) -> bytes:
    """What comes until these bytes have come so often."""
    said = b""
    while said.count(until) < times:
        more = connection.recv(65536)
        assert more, said
        said += more
    return said


def begun(home: Service, model: str = "endless") -> socket.socket:
    """A stream whose first words have come."""
    connection = posted(home, ask(model, stream=True, temperature=0))
    heard(connection, until=b"data: ", times=3)
    return connection


def test_hanging_up_stops_the_model_and_keeps_it_loaded(home: Service) -> None:
    begun(home).close()
    before = model_processes(home)
    # Unstopped it would go on for 150,000 words, and this would wait behind them.
    answered(home, asked(home, model="endless", max_tokens=1))
    assert model_processes(home) == before


def test_hanging_up_in_the_middle_of_a_long_prompt_stops_it_too(home: Service) -> None:
    answered(home, asked(home, model="endless", max_tokens=1))
    before = model_processes(home)
    with posted(home, ask("endless", "Hello " * 20_000)):
        time.sleep(0.5)
    answered(home, asked(home, model="endless", max_tokens=1))
    assert model_processes(home) == before


def test_a_model_killed_in_mid_answer_costs_that_answer_alone(home: Service) -> None:
    connection = begun(home)
    answered(home, asked(home, model="tiny", max_tokens=1))
    victim = busiest(home)
    before = pooled(home, "endless")["visus_worker_restarts_total"]
    os.kill(victim, signal.SIGKILL)
    rest = heard(connection, until=b"upstream_bad_response")
    connection.close()
    assert b"was started again" in rest
    assert b"[DONE]" not in rest
    until_gone(home, victim)
    answered(home, asked(home, model="endless", max_tokens=1))
    answered(home, asked(home, model="tiny", max_tokens=1))
    assert pooled(home, "endless")["visus_worker_restarts_total"] == before + 1


def busiest(home: Service) -> int:
    """The process that computes now."""

    def ticks(process: int) -> int:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    before = {process: ticks(process) for process in model_processes(home)}
    time.sleep(0.3)
    return max(before, key=lambda process: ticks(process) - before[process])


# --- Memory ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cramped(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Room for one tiny model, for a short time and short answers."""
    small = (
        CONFIG.replace("idle_unload_s = 120", "idle_unload_s = 1")
        .replace("deadline_s = 120", "deadline_s = 1.5")
        .replace("[gguf]", "[gguf]\nmemory_bytes = 268_435_456")
    )
    rows = [row(name, files / name) for name in ("tiny", "caller")]
    rows.append(row("large", files / "vast", 1_000_000))
    rows.append(row("slow", files / "endless", 100_000))
    running = Service(tmp_path_factory.mktemp("cramped"), small + "".join(rows))
    yield running
    assert running.stop() == 0


def test_a_model_that_is_asked_for_takes_the_place_of_one_that_is_not(
    cramped: Service,
) -> None:
    for name, other in (("tiny", "caller"), ("caller", "tiny"), ("tiny", "caller")):
        answered(cramped, asked(cramped, model=name, max_tokens=1))
        assert state(cramped, other) == "unloaded"
        assert len(model_processes(cramped)) <= 1


def test_a_model_leaves_the_memory_when_nobody_asks(cramped: Service) -> None:
    answered(cramped, asked(cramped, model="tiny", max_tokens=1))
    (process,) = model_processes(cramped)
    assert pooled(cramped, "tiny")
    until_gone(cramped, process)
    assert state(cramped, "tiny") == "unloaded"
    eventually(lambda: pooled(cramped, "tiny"), {})
    assert "tiny" in [one["id"] for one in cramped.get("/v1/models").json()["data"]]
    answered(cramped, asked(cramped, model="tiny", max_tokens=1))


def test_a_model_that_needs_too_much_is_refused_before_it_is_loaded(cramped: Service) -> None:
    before = model_processes(cramped)
    reply = asked(cramped, model="large")
    refused(cramped, reply, 503, "model_too_large", "model")
    assert reply.headers["x-should-retry"] == "false"
    assert set(model_processes(cramped)) <= set(before)


def test_an_answer_that_takes_too_long_is_ended(cramped: Service) -> None:
    reply = asked(cramped, model="slow", max_tokens=90_000, stream=True)
    assert broke_off(cramped, reply, "upstream_timeout")
    answered(cramped, asked(cramped, model="slow", max_tokens=1))


def test_a_model_that_hangs_in_mid_answer_costs_its_request_a_clear_error(
    cramped: Service,
) -> None:
    with begun(cramped, model="slow") as connection:
        (process,) = model_processes(cramped)
        os.kill(process, signal.SIGSTOP)
        rest = heard(connection, until=b"upstream_timeout")
    assert b"[DONE]" not in rest
    until_gone(cramped, process)
    answered(cramped, asked(cramped, model="slow", max_tokens=1))


def test_a_model_that_hangs_before_its_first_word_is_started_and_asked_again(
    cramped: Service,
) -> None:
    answered(cramped, asked(cramped, model="slow", max_tokens=1))
    (process,) = model_processes(cramped)
    os.kill(process, signal.SIGSTOP)
    reply = asked(cramped, model="slow", max_tokens=1)
    answered(cramped, reply)
    (record,) = cramped.records(reply.headers["x-request-id"])
    assert "upstream_timeout" in str(record["attempts"])
    assert process not in model_processes(cramped)


def test_the_stock_client_is_told_what_went_wrong(client: OpenAI) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(
            model="absent", messages=[{"role": "user", "content": "Hello"}]
        )
    assert caught.value.code == "worker_unavailable"


def test_a_model_whose_row_is_gone_leaves_the_memory(files: Path, tmp_path: Path) -> None:
    rows = row("stays", files / "tiny") + row("goes", files / "caller")
    running = Service(tmp_path, CONFIG + rows)
    try:
        for name in ("stays", "goes"):
            answered(running, asked(running, model=name, max_tokens=1))
        assert len(model_processes(running)) == 2
        (tmp_path / "config.toml").write_text(CONFIG + row("stays", files / "tiny"))
        running.process.send_signal(signal.SIGHUP)
        eventually(lambda: len(model_processes(running)), 1)
        answered(running, asked(running, model="stays", max_tokens=1))
    finally:
        assert running.stop() == 0


def test_a_model_whose_row_was_added_or_changed_is_run_after_a_reload(
    files: Path, tmp_path: Path
) -> None:
    running = Service(tmp_path, CONFIG + row("first", files / "tiny"))
    try:
        answered(running, asked(running, model="first", max_tokens=1))
        (before,) = model_processes(running)
        config = tmp_path / "config.toml"
        changed = row("first", files / "caller") + row("second", files / "tiny")
        config.write_text(CONFIG + changed)
        running.process.send_signal(signal.SIGHUP)
        end_s = time.monotonic() + 10
        while asked(running, model="second", max_tokens=1).status != 200:
            assert time.monotonic() < end_s
            time.sleep(0.05)
        words, _ = said(running, model="first")
        assert "<tool_call>" in words
        assert before not in model_processes(running)
    finally:
        running.stop()
