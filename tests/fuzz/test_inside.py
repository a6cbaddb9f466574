"""Whatever the catalogue, the demands and the faults: nobody outside receives a byte.

Six providers in six places, each a socket that counts what it gets. Every example is another
catalogue over them (deployments, fallbacks, successors, models that see or do not), another
question with other demands, and another fault in each place.
"""

import asyncio
import base64
import json
import threading
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st
from tests.unit.media.sample_pictures import encode, halves

from visus import config
from visus.core.places import Demand
from visus.core.question import Blind, InlineImage, Question, Text, Turn
from visus.errors import ServiceError
from visus.flow.billing import Tab
from visus.server.parts import Parts, all_parts

Made = TypeVar("Made")


class Place(NamedTuple):
    name: str
    region: str
    country: str | None
    meets: frozenset[str]
    """The demands that this place meets, written down by hand."""


PLACES = (
    Place("here", "local", None, frozenset({"local", "eu", "de", "fr", "us"})),
    Place("berlin", "eu-de", "DE", frozenset({"eu", "de"})),
    Place("paris", "eu-fr", "FR", frozenset({"eu", "fr"})),
    Place("somewhere", "eu", None, frozenset({"eu"})),
    Place("dallas", "us-south", "US", frozenset({"us"})),
    Place("anywhere", "global", None, frozenset()),
)
NAMES = [place.name for place in PLACES]
MODELS = ["a", "b", "c", "d"]
FAULTS = ["good", "stream", "500", "503", "429", "404", "401", "400", "close", "cut", "noise"]
PNG = b"data:image/png;base64," + base64.b64encode(encode(halves(), "PNG"))


class Counting:
    """A model's server that counts bytes and does what it is told."""

    def __init__(self) -> None:
        self.bytes = self.uploads = 0
        self.fault = "good"
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(2**20):
                self.bytes += len(data)
                self.uploads += data.startswith(b"POST /upload/")
                if self.fault == "close":
                    break
                if data.endswith(b"}"):
                    writer.write(answer(self.fault))
                if self.fault in {"cut", "noise"}:
                    break
        except ConnectionError:
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


def answer(fault: str) -> bytes:
    said = {"choices": [{"message": {"content": "Yes."}, "finish_reason": "stop"}]}
    if fault == "noise":
        return b"SSH-2.0-x\r\n"
    if fault in {"stream", "cut"}:
        delta = {"choices": [{"delta": {"content": "Yes."}, "finish_reason": "stop"}]}
        event = f"data: {json.dumps(delta)}\n\n".encode() + b"data: [DONE]\n\n"
        size = len(event) + (9 if fault == "cut" else 0)
        head = (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n"
        )
        return head % size + event[: 20 if fault == "cut" else None]
    status = int(fault) if fault.isdigit() else 200
    error = {"error": {"message": "The model is gone", "code": "model_not_found"}}
    body = json.dumps(said if status == 200 else error).encode()
    head = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % (status, len(body)) + body


class World:
    """The parts of the service and six servers, in a loop of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers = {name: Counting() for name in NAMES}
        self.loop = asyncio.new_event_loop()
        self.over = asyncio.Event()
        self.up = threading.Event()
        self.parts: Parts
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(self._run(),))
        self.thread.start()
        assert self.up.wait(30)

    async def _run(self) -> None:
        listening = [
            await asyncio.start_server(one.serve, "127.0.0.1", 0)
            for one in self.servers.values()
        ]
        for one, server in zip(self.servers.values(), listening, strict=True):
            one.port = server.sockets[0].getsockname()[1]
        async with all_parts(self.configuration([]), own_ports=frozenset()) as self.parts:
            self.up.set()
            await self.over.wait()
        for server in listening:
            server.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.wait(left, timeout=5) if left else None  # each ends with its connection
        await asyncio.sleep(0.05)

    def configuration(self, models: Sequence[str]) -> config.Configuration:
        rows = "".join(
            f'[[providers]]\nname = "{place.name}"\nregion = "{place.region}"\n'
            + (f'country = "{place.country}"\n' if place.country else "")
            + f'base_url = "http://127.0.0.1:{self.servers[place.name].port}/v1"\n'
            + (GEMINI if place.name in SPEAKING_GEMINI else 'dialect = "openai"\n')
            for place in PLACES
        )
        file = self.folder / "visus.toml"
        file.write_text(SETTINGS + rows + "".join(models))
        return config.load(file, {})

    def do(self, work: Coroutine[Any, Any, Made]) -> Made:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(25)

    async def ask(self, configuration: config.Configuration, question: Question) -> None:
        await self.parts.live_catalogue.adopt(configuration)
        try:
            async with self.parts.chat.answer(question, Tab()) as answering:
                async for _ in answering.events:
                    pass
        except ServiceError:
            pass

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.over.set)
        self.thread.join(20)
        self.loop.close()


SPEAKING_GEMINI = frozenset(NAMES[::2])
GEMINI = """dialect = "gemini"
[providers.options]
max_inline_bytes = 10
files = { enabled = true }
"""
"""Every picture is too large for a request to these: it is uploaded before."""
SETTINGS = """
[lite]
enabled = false
[routing]
attempts = 8
backoff_s = 0.001
max_wait_s = 0.01
breaker = { failures = 3, open_s = 0.01 }
[upstream]
first_byte_timeout_s = 2
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"))
    yield made
    made.close()


def some(names: Sequence[str], *, most: int) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(names), max_size=most, unique=True)


@st.composite
def rows(draw: st.DrawFn) -> list[str]:
    """The four models as rows of a catalogue."""
    made: list[str] = []
    for name in MODELS:
        others = [one for one in MODELS if one != name]
        modalities = draw(st.sampled_from(['["text"]', '["text", "image"]']))
        row = f'[[models]]\nid = "{name}"\ninput_modalities = {modalities}\n'
        row += f"fallbacks = {json.dumps(draw(some(others, most=3)))}\n"
        row += f'successor = "{draw(st.sampled_from(others))}"\n'
        row += f"follow_successor = {draw(st.sampled_from(['true', 'false']))}\n"
        row += draw(st.sampled_from(["", 'lifecycle_stage = "retired"\n']))
        for provider in draw(some(NAMES, most=3)) or ["dallas"]:
            row += f'[[models.deployments]]\nprovider = "{provider}"\n'
        made.append(row)
    return made


demands = st.builds(
    Demand,
    st.just("x"),
    some(["local", "eu", "de", "fr", "us"], most=2),
    some(NAMES, most=4),
    some(NAMES, most=2),
)


@pytest.mark.timeout(120)
@given(
    models=rows(),
    within=st.lists(demands, min_size=1, max_size=2),
    asked=st.sampled_from(MODELS),
    fallbacks=st.none() | some(MODELS, most=3),
    blind=st.sampled_from(["refuse", "reroute", "describe"]),
    sees=st.booleans(),
    streamed=st.booleans(),
    faults=st.lists(st.sampled_from(FAULTS), min_size=len(NAMES), max_size=len(NAMES)),
)
@hypothesis_settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_nobody_outside_receives_a_byte(  # noqa: PLR0913, PLR0917 -- one part of the world each
    world: World,
    models: list[str],
    within: list[Demand],
    asked: str,
    fallbacks: list[str] | None,
    blind: Blind,
    sees: bool,  # noqa: FBT001
    streamed: bool,  # noqa: FBT001
    faults: list[str],
) -> None:
    parts = [Text("?"), InlineImage(memoryview(PNG), "messages[0].content[1].image_url.url")]
    turn = Turn("user", parts if sees else parts[:1], "messages[0]")
    question = Question(
        asked, [turn], streamed=streamed, within=within, fallbacks=fallbacks, blind=blind
    )
    for server, fault in zip(world.servers.values(), faults, strict=True):
        server.bytes, server.fault = 0, fault
    world.do(world.ask(world.configuration(models), question))
    for place in PLACES:
        if not all(_is_met(demand, place) for demand in within):
            assert world.servers[place.name].bytes == 0, place.name


def _is_met(demand: Demand, place: Place) -> bool:
    return (
        (not demand.places or not place.meets.isdisjoint(demand.places))
        and (not demand.only or place.name in demand.only)
        and place.name not in demand.never
    )


def test_without_demands_every_place_is_reached(world: World) -> None:
    """The servers do count, uploads beside a question too."""
    parts = [Text("?"), InlineImage(memoryview(PNG), "messages[0].content[1].image_url.url")]
    for place in PLACES:
        row = f'[[models]]\nid = "a"\nprovider = "{place.name}"\n'
        row += 'input_modalities = ["text", "image"]\n'
        server = world.servers[place.name]
        server.bytes, server.uploads, server.fault = 0, 0, "good"
        question = Question("a", [Turn("user", parts, "messages[0]")])
        world.do(world.ask(world.configuration([row]), question))
        assert server.bytes > 0, place.name
        assert bool(server.uploads) == (place.name in SPEAKING_GEMINI), place.name
