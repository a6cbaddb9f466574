"""What was asked for later is kept until it is answered and read, and then nowhere."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from tests.conftest import FAST, upstream_config
from tests.support.claims import answered
from tests.support.service import Service, ask
from tests.support.upstream import Upstream

CANARY = "CANARY-51b7e"
BRIEF = """
[queue]
keep_s = 2
lease_s = 1
look_every_s = 0.1
"""


@pytest.fixture
def brief(upstream: Upstream, tmp_path: Path) -> Iterator[Service]:
    """The service, whose jobs expire after two seconds."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    config = upstream_config(upstream.port, FAST, BRIEF)
    running = Service(tmp_path, config, SCRIPTED_KEY="sk-up", TMPDIR=str(temporary))
    yield running
    running.stop()


def kept(folder: Path) -> list[Path]:
    """The files in which the mark stands."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if CANARY.encode() in path.read_bytes()]


def until_forgotten(folder: Path) -> None:
    end_s = time.monotonic() + 20
    while found := kept(folder):
        assert time.monotonic() < end_s, found
        time.sleep(0.2)


def test_a_job_is_in_the_database_until_it_expires_and_then_in_no_file(
    brief: Service, tmp_path: Path
) -> None:
    for model in ("parrot", "status_500", "good"):
        question = ask(model, CANARY, user=CANARY)
        later = brief.post(question, path="/queue/v1/chat/completions", Prefer="respond-async")
        assert later.status == 202, later.body
    assert any("visus.db" in path.name for path in kept(tmp_path))
    until_forgotten(tmp_path)
    answered(brief, brief.post(ask("good", "And now?")))


def test_a_batch_is_nowhere_once_its_files_are_deleted(brief: Service, tmp_path: Path) -> None:
    client = openai.OpenAI(base_url=brief.url, api_key=brief.key, max_retries=0)
    lines = [
        {
            "custom_id": f"{number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": body,
        }
        for number, body in enumerate(ask(model, CANARY) for model in ("parrot", "status_400"))
    ]
    data = "\n".join(map(json.dumps, lines)).encode()
    file = client.files.create(file=("questions.jsonl", data), purpose="batch")
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    end_s = time.monotonic() + 20
    while batch.status != "completed":
        assert time.monotonic() < end_s, batch
        time.sleep(0.1)
        batch = client.batches.retrieve(batch.id)
    for file_id in (file.id, batch.output_file_id, batch.error_file_id):
        if file_id is not None:
            client.files.delete(file_id)
    until_forgotten(tmp_path)
