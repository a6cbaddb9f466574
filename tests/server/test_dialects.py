"""A dialect of somebody else's package, installed beside Visus as packages are."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.test_keys_and_money import eventually
from tests.support.service import Reply, Service, ask

PARROT = """
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import msgspec

from visus.core.events import Answer, Batch, Finished, TextDelta
from visus.core.prompt import Prompt
from visus.core.question import Text
from visus.providers.base import Provider
from visus.routing.dialects import Dialect, Given


class ParrotOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    greeting: str
    farewell: str


class Parrot:
    def __init__(self, greeting: str, folder: Path) -> None:
        self.greeting = greeting
        self.folder = folder

    def open(self, prompt: Prompt) -> Answer:
        return self._answer(prompt)

    @asynccontextmanager
    async def _answer(self, prompt: Prompt) -> AsyncGenerator[AsyncIterator[Batch], None]:
        parts = [part for turn in prompt.turns for part in turn.parts]
        said = [part.text for part in parts if isinstance(part, Text)]
        if "Slowly" in said:
            (self.folder / "begun").write_text("")
            while not (self.folder / "go on").exists():
                await anyio.sleep(0.02)
        yield self._batches(f"{self.greeting}: {' '.join(said)}")

    async def _batches(self, text: str) -> AsyncGenerator[Batch, None]:
        yield (TextDelta(text), Finished("stop"))


async def make(given: Given[ParrotOptions]) -> Provider:
    given.until_closed.callback(Path(given.options.farewell).write_text, "closed")
    return Parrot(given.options.greeting, Path(given.options.farewell).parent)


parrot = Dialect(make=make, options=ParrotOptions, is_remote=False)
"""

CONFIG = """
[lite]
enabled = false
[[providers]]
name = "cage"
dialect = "{dialect}"
region = "local"
[providers.options]
{options}
[[models]]
id = "polly"
provider = "cage"
"""


def installed(folder: Path, entries: str) -> None:
    """The package and its metadata, as an installer leaves them."""
    (folder / "parrot.py").write_text(PARROT)
    (folder / "broken.py").write_text("import no_such_module")
    metadata = folder / "parrot-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: parrot\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[visus.providers]\n{entries}\n")


ENTRIES = """
parrot = parrot:parrot
broken = broken:dialect
plain = parrot:make
openai = parrot:parrot
"""


@pytest.fixture
def parrot(tmp_path: Path) -> Iterator[Service]:
    installed(tmp_path, "parrot = parrot:parrot")
    options = f'greeting = "Ahoy"\nfarewell = "{tmp_path}/farewell"'
    config = CONFIG.format(dialect="parrot", options=options)
    running = Service(tmp_path, config, PYTHONPATH=str(tmp_path))
    yield running
    running.stop()


def test_a_dialect_of_another_package_answers_and_is_closed_with_the_service(
    parrot: Service,
) -> None:
    reply = parrot.post(ask("polly", "Good day"))
    assert reply.json()["choices"][0]["message"]["content"] == "Ahoy: Good day"
    assert reply.headers["x-visus-provider"] == "cage"
    entry = parrot.get("/v1/models/polly").json()
    assert entry["meta_data"]["is_externally_hosted"] is False
    assert not (parrot.folder / "farewell").exists()
    parrot.stop()
    assert (parrot.folder / "farewell").read_text() == "closed"


def test_a_row_that_goes_is_closed_when_the_last_question_that_knew_it_has_ended(
    parrot: Service,
) -> None:
    farewell = parrot.folder / "farewell"
    slow = threading.Thread(target=lambda: told.append(parrot.post(ask("polly", "Slowly"))))
    told: list[Reply] = []
    slow.start()
    eventually((parrot.folder / "begun").exists, wanted=True)
    (parrot.folder / "config.toml").write_text("[lite]\nenabled = false\n")
    parrot.process.send_signal(signal.SIGHUP)
    eventually(lambda: parrot.get("/v1/models").json()["data"], [])
    assert not farewell.exists()
    (parrot.folder / "go on").write_text("")
    slow.join()
    assert told[0].json()["choices"][0]["message"]["content"] == "Ahoy: Slowly"
    eventually(farewell.exists, wanted=True)


@pytest.mark.parametrize(
    ("dialect", "options", "reason"),
    [
        ("parrot", "greeting = 1", "providers[0].options.greeting: Expected `str`, got `int`"),
        ("parrot", 'greeting = "x"', "missing required field `farewell`"),
        ("parrot", "volume = 11", "unknown key 'volume'"),
        ("broken", "", "the dialect 'broken' (broken:dialect) cannot be loaded"),
        ("plain", "", "parrot:make is no visus.routing.dialects.Dialect"),
        ("openai", "", "several packages bring a dialect 'openai'"),
        (
            "latin",
            "",
            "no dialect 'latin'; known: broken, gemini, gguf, lite, openai, parrot, plain",
        ),
    ],
)
def test_a_dialect_that_cannot_be_had_is_refused_before_the_start(
    tmp_path: Path, dialect: str, options: str, reason: str
) -> None:
    entries = ENTRIES if dialect == "openai" else ENTRIES.replace("openai = parrot:parrot", "")
    installed(tmp_path, textwrap.dedent(entries))
    config = CONFIG.format(dialect=dialect, options=options)
    (tmp_path / "visus.toml").write_text(config)
    command = [sys.executable, "-m", "visus", "models", "--config", tmp_path / "visus.toml"]
    path = {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, env=os.environ | path, capture_output=True, text=True)  # noqa: S603, PLW1510 -- our own program, which is to fail
    assert (done.returncode, done.stdout) == (1, "")
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
