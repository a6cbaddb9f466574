"""Processes that do not start: said once, shown by the doctor, and no model that hangs."""

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import upstream_config
from tests.support.claims import healthy
from tests.support.films import url_of
from tests.support.service import ROOT, Service, ask, picture, text
from tests.support.upstream import Upstream
from tests.unit.media.sample_pictures import encode, halves, turned

STARVED = """
[lite.workers]
address_space_bytes = 67_108_864
start_attempts = 2
[decoders]
start_deadline_s = 0.02
start_attempts = 2
"""
"""Too little memory for the one, too little time for the other."""


def listed(service: Service) -> set[str]:
    return {one["id"] for one in service.get("/v1/models").json()["data"]}


@pytest.fixture(scope="module")
def starved(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service with too little memory for its workers."""
    config = upstream_config(upstream.port, STARVED)
    running = Service(tmp_path_factory.mktemp("starved"), config, SCRIPTED_KEY="sk-upstream")
    end_s = time.monotonic() + 15
    while "visus-lite" in listed(running) and time.monotonic() < end_s:
        time.sleep(0.05)
    yield running
    running.stop()


def test_a_model_whose_process_does_not_start_is_not_listed(starved: Service) -> None:
    assert "good" in listed(starved)
    assert "visus-lite" not in listed(starved)
    assert starved.get("/v1/models/visus-lite").status == 404
    healthy(starved)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_asking_it_is_503_at_once_and_the_reason_stays_inside(
    starved: Service, stream: bool  # noqa: FBT001 -- both ways of asking
) -> None:  # fmt: skip
    began_s = time.monotonic()
    reply = starved.post(ask("visus-lite", stream=stream))
    assert time.monotonic() - began_s < 1
    assert reply.error() == (503, "worker_unavailable", "model")
    assert reply.headers["x-should-retry"] == "false"
    (record,) = starved.records(reply.headers["x-request-id"])
    assert record["detail"]
    assert record["detail"] not in reply.json()["detail"]


def test_the_reason_is_logged_once_for_each_pool(starved: Service) -> None:
    time.sleep(1)  # it goes on trying meanwhile
    records = [json.loads(one) for one in starved.log().splitlines()]
    said = [one for one in records if one["event"] == "worker ended by itself"]
    assert sorted({one["pool"] for one in said}) == ["decoders", "visus-lite"]
    assert all(one["reason"] for one in said)
    assert len({(one["pool"], one["reason"]) for one in said}) == len(said)


def test_a_picture_that_only_a_worker_can_read_is_503_too(starved: Service) -> None:
    url = "data:image/jpeg;base64," + base64.b64encode(turned(6)).decode()
    reply = starved.post(ask("good", [text("What?"), picture(url)]))
    assert reply.error()[:2] == (503, "worker_unavailable")


def test_the_doctor_says_why_and_how_to_mend_it(starved: Service) -> None:
    done = subprocess.run(  # noqa: S603 -- our own program
        [
            *(sys.executable, "-m", "visus", "doctor"),
            *("--config", str(starved.folder / "config.toml")),
            *("--state", str(starved.folder / "state")),
        ],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=25,
        env={**os.environ, "COLUMNS": "500"},
    )  # fmt: skip
    assert done.returncode == 1
    lines = [line for line in done.stdout.splitlines() if "broken" in line]
    assert len(lines) == 2
    assert all("make serve" in line for line in lines)
    assert "Traceback" not in done.stderr


def test_the_model_inside_has_the_time_that_the_settings_give_it(tmp_path: Path) -> None:
    service = Service(tmp_path, "[lite.workers]\ndeadline_s = 0.01\n")
    try:
        seen = picture(url_of(encode(halves(200, 200), "PNG"), "image/png"))
        reply = service.post(ask("visus-lite", [text("What does it say?"), seen]))
        assert reply.error()[:2] == (504, "upstream_timeout")
    finally:
        service.stop()
