"""The catalogue is read again on SIGHUP, and no question under way notices."""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import FAST
from tests.support.claims import answered, children, refused, text_of
from tests.support.service import Reply, Service, ask, picture
from tests.support.upstream import Upstream

ROWS = """
[[providers]]
name = "up"
dialect = "openai"
base_url = "http://127.0.0.1:{port}/v1"
[[models]]
id = "fifty_words"
provider = "up"
[[models]]
id = "good"
provider = "up"
price = {{ input_micros = 1, output_micros = 1 }}
"""
MORE = """
[[providers]]
name = "other"
dialect = "openai"
base_url = "http://127.0.0.1:{port}/v1"
country = "DE"
[[models]]
id = "new"
upstream_id = "good"
provider = "other"
"""


@pytest.fixture
def renewed(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    rows = FAST + ROWS.format(port=upstream.port)
    running = Service(tmp_path_factory.mktemp("renewed"), rows)
    yield running
    running.stop()


def rewrite(service: Service, config: str) -> None:
    (service.folder / "config.toml").write_text(config)
    service.process.send_signal(signal.SIGHUP)


def wait_for(is_so: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < end_s
        time.sleep(0.02)


def told(service: Service, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in service.log().splitlines()]
    return [line for line in lines if line["event"] == event]


def models(service: Service) -> dict[str, Any]:
    found = service.get("/v1/models").json()["data"]
    return {one["id"]: one["meta_data"] for one in found}


class Busy:
    """Asks one thing after the other until it is told to stop."""

    def __init__(self, service: Service, model: str, *, stream: bool) -> None:
        self.replies: list[Reply] = []
        self.is_over = threading.Event()
        self.body = ask(model, stream=stream)
        self.service = service
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        while not self.is_over.is_set():
            self.replies.append(self.service.post(self.body))

    def end(self) -> list[Reply]:
        self.is_over.set()
        self.thread.join()
        return self.replies


def test_models_come_change_and_go_and_no_question_is_dropped(
    renewed: Service, upstream: Upstream
) -> None:
    refused(renewed, renewed.post(ask("new")), 404, "model_not_found", "model")
    busy = [Busy(renewed, "good", stream=False), Busy(renewed, "fifty_words", stream=True)]
    time.sleep(0.3)
    more = (
        (ROWS + MORE).format(port=upstream.port).replace("input_micros = 1", "input_micros = 7")
    )
    rewrite(renewed, FAST + more)
    wait_for(lambda: "new" in models(renewed))
    assert models(renewed)["good"]["price"]["input_micros"] == 7
    reply = renewed.post(ask("new"), **{"X-Visus-Residency": "de"})
    answered(renewed, reply)
    fewer = (
        more.partition('[[models]]\nid = "fifty_words"')[0] + MORE.partition("[[models]]")[0]
    )
    fewer = fewer.format(port=upstream.port) + '[[models]]\nid = "good"\nprovider = "other"\n'
    rewrite(renewed, FAST + fewer)
    wait_for(lambda: set(models(renewed)) == {"good"})
    assert models(renewed)["good"]["provider"] == "other"
    plain, streamed = (one.end() for one in busy)
    assert {one.status for one in plain} == {200}
    assert len(plain) > 5
    # Streams that were under way when their model went came to their end.
    done = [one for one in streamed if one.status == 200]
    assert done
    assert {text_of(one.events()) for one in done} == {"word " * 50}
    assert {one.error()[:2] for one in streamed if one.status != 200} <= {
        (404, "model_not_found")
    }
    assert len(told(renewed, "the catalogue was read again")) == 2


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ("[[models]]\nid = 7\n", ":"),
        ('[[models]]\nid = "x"\nprovider = "nobody"\n', "nobody"),
        ("[[models]\n", "TOML"),
        ('[[providers]]\nname = "p"\ndialect = "klingon"\n', "klingon"),
    ],
)
def test_a_faulty_file_is_told_and_the_old_catalogue_stays(
    renewed: Service, upstream: Upstream, rows: str, why: str
) -> None:
    rewrite(renewed, FAST + ROWS.format(port=upstream.port) + rows)
    wait_for(lambda: bool(told(renewed, "the catalogue stays as it was")))
    (line,) = told(renewed, "the catalogue stays as it was")
    assert why in line["detail"] or "config.toml" in line["detail"]
    answered(renewed, renewed.post(ask("good")))
    rewrite(renewed, FAST + (ROWS + MORE).format(port=upstream.port))
    wait_for(lambda: "new" in models(renewed))


@pytest.fixture
def admitting(
    upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Fetches pictures from the upstream's own address, which is nobody's upstream yet."""
    running = Service(tmp_path_factory.mktemp("admitting"), away(upstream))
    yield running
    running.stop()


def away(upstream: Upstream) -> str:
    media = f'[media]\nadmit_networks = ["127.0.0.1/32"]\nports = [{upstream.port}]\n'
    model = '[[models]]\nid = "eyes"\nprovider = "up"\ninput_modalities = ["text", "image"]\n'
    return FAST + media + ROWS.format(port=9) + model


def test_a_provider_that_came_later_is_no_place_to_fetch_pictures_from(
    admitting: Service, upstream: Upstream
) -> None:
    """Threats.md, U24."""
    body = ask("eyes", [picture(f"http://127.0.0.1:{upstream.port}/boat.png")])
    before = upstream.connections
    assert admitting.post(body).error()[1] == "invalid_image_url"
    assert upstream.connections == before + 1  # it went there, and it was no picture
    rewrite(admitting, away(upstream) + MORE.format(port=upstream.port))
    wait_for(lambda: "new" in models(admitting))
    assert admitting.post(body).error()[1] == "invalid_image_url"
    assert upstream.connections == before + 1


def test_the_processes_of_a_provider_that_goes_go_too(
    upstream: Upstream, tmp_path: Path
) -> None:
    rows = ROWS.format(port=upstream.port)
    off, on = f"[lite]\nenabled = false\n{rows}", f"[lite]\nenabled = true\n{rows}"
    running = Service(tmp_path, on)
    try:
        wait_for(lambda: "visus-lite" in models(running))
        with_it = len(children(running))
        rewrite(running, off)
        wait_for(lambda: "visus-lite" not in models(running))
        wait_for(lambda: len(children(running)) < with_it)
        answered(running, running.post(ask("good")))
        rewrite(running, on)
        wait_for(lambda: len(children(running)) == with_it)
        answered(running, running.post(ask("visus-lite")))
    finally:
        assert running.stop() == 0
