"""A mixed load with faults, for as long as one likes: everybody is answered, nothing is kept.

`make soak` runs it whole, with its progress on the screen; the suite runs `FIXED_S` of it.
"""

import base64
import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.conftest import FAST, upstream_config
from tests.support.claims import children, open_files, rss_mb
from tests.support.films import film, pdf
from tests.support.raw import connected, request_bytes
from tests.support.service import Reply, Service, ask, picture, text
from tests.support.upstream import Upstream

FIXED_S = 20.0
CLIENTS = 4
PAUSE_S = 0.04
"""Between two requests of a client, at first."""
LOAD = 0.6
"""Of a processor, by the service and its workers: long soaks pause as much as that takes."""
MOST_PAUSE_S = 0.5
WARM_UP_S = 120.0
"""After which memory is flat; shorter runs say nothing of its slope."""
MOST_MB_A_MINUTE = 1.0
SAMPLE_S = 5.0
MIN_SAMPLES = 20
"""Fewer make no slope."""

UNFIT_PX = (1000, 750)
"""Of pictures that no model takes as they are."""
EACH = 5.0
"""Of a hundred requests, those that meet each single fault."""
FAULTS = {
    "status_500": (502, "upstream_bad_response"),
    "status_429": (429, "rate_limit_exceeded"),
    "status_401": (502, "upstream_auth_failed"),
    "not_json": (502, "upstream_bad_response"),
    "no_choices": (502, "upstream_bad_response"),
}
BROKEN_STREAMS = ("cut_without_finish", "error_in_stream", "reset_mid_stream")


def noise(kind: str, size: tuple[int, int]) -> bytes:
    """A picture that costs something."""
    pixels = np.random.default_rng(7).integers(0, 255, (*size[::-1], 3), np.uint8)
    sink = BytesIO()
    Image.fromarray(pixels).save(sink, kind)
    return sink.getvalue()


def encoded(kind: str) -> str:
    """A small one as a data URL."""
    return (
        f"data:image/{kind.lower()};base64,{base64.b64encode(noise(kind, (200, 150))).decode()}"
    )


@pytest.fixture(scope="module")
def soaked(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of its own."""
    running = Service(
        tmp_path_factory.mktemp("soaked"),
        upstream_config(upstream.port, FAST),
        SCRIPTED_KEY="sk-upstream",
    )
    yield running
    running.stop()


class Client:
    """Asks one thing after another, the same ones in every run, and counts what came of it."""

    def __init__(self, service: Service, number: int, found: Counter[str]) -> None:
        self.service = service
        self.dice = random.Random(number)  # noqa: S311 -- repeatable, not secret
        self.found = found
        self.errors: list[str] = []
        self.pause_s = PAUSE_S
        self.fits, self.unfit = encoded("PNG"), bytearray(noise("TIFF", UNFIT_PX))
        self.film = base64.b64encode(film(seconds=1, fps=4)).decode()
        self.pdf = base64.b64encode(pdf()).decode()
        self.kinds: list[tuple[float, Callable[[], None]]] = [
            (17, self.plain),
            (13, self.streamed),
            (13, self.with_a_picture),
            (5, self.with_an_unfit_picture),
            (2, self.with_a_film_or_a_document),
            (5, self.refused),
            (EACH * len(FAULTS), self.faulty),
            (EACH * len(BROKEN_STREAMS), self.broken_off),
            (EACH, self.hangs_up),
        ]

    def run(self, end_s: float) -> None:
        weights = [weight for weight, _ in self.kinds]
        while time.monotonic() < end_s and not self.errors:
            ((_, kind),) = self.dice.choices(self.kinds, weights)
            try:
                kind()
                self.found[kind.__name__] += 1
            except Exception as fault:  # noqa: BLE001 -- whatever it is, the test fails of it
                self.errors.append(f"{kind.__name__}: {type(fault).__name__}: {fault}")
            time.sleep(self.pause_s)

    def answered(self, body: dict[str, Any]) -> Reply:
        reply = self.service.post(body)
        assert reply.status == 200, reply.body
        return reply

    def plain(self) -> None:
        said = self.answered(ask("good")).json()
        assert said["choices"][0]["message"]["content"] == "A red böat."

    def streamed(self) -> None:
        assert self.answered(ask("good", stream=True)).events()[-1] == "[DONE]"

    def with_a_picture(self) -> None:
        self.answered(ask("good", [text("?"), picture(self.fits)]))

    def with_an_unfit_picture(self) -> None:
        """Never the same one, so that a worker has to make it over."""
        middle = len(self.unfit) // 2
        self.unfit[middle : middle + 8] = self.dice.randbytes(8)
        url = f"data:image/tiff;base64,{base64.b64encode(self.unfit).decode()}"
        self.answered(ask("good", [text("?"), picture(url)], stream=True))

    def with_a_film_or_a_document(self) -> None:
        part = self.dice.choice([
            {"type": "video_url", "video_url": {"url": f"data:video/mp4;base64,{self.film}"}},
            {"type": "file", "file": {"file_data": self.pdf}},
        ])  # fmt: skip
        self.answered(ask("good", [part]))

    def refused(self) -> None:
        bodies = [ask("nobody"), ask("good", [picture("data:image/png;base64,AAAA")]), b"{"]
        reply = self.service.post(self.dice.choice(bodies))
        assert reply.error()[0] in {400, 404}

    def faulty(self) -> None:
        model, (status, code) = self.dice.choice(sorted(FAULTS.items()))
        assert self.service.post(ask(model)).error()[:2] == (status, code)

    def broken_off(self) -> None:
        reply = self.answered(ask(self.dice.choice(BROKEN_STREAMS), stream=True))
        assert "error" in reply.events()[-1]

    def hangs_up(self) -> None:
        model = self.dice.choice(["silent", "paced"])
        line = connected(self.service, request_bytes(self.service, ask(model, stream=True)))
        time.sleep(0.1)
        line.close()


def settle(service: Service, before: tuple[int, int]) -> tuple[int, int]:
    """Descriptors and threads, once what hung up has been noticed."""
    end_s = time.monotonic() + 10
    while (now := state(service)) != before and time.monotonic() < end_s:
        time.sleep(0.1)
    return now


def state(service: Service) -> tuple[int, int]:
    threads = len(list(Path(f"/proc/{service.process.pid}/task").iterdir()))
    return open_files(service), threads


def busy_s(service: Service) -> float:
    """CPU time of the service and of every process below it."""
    ticks = 0
    for pid in (service.process.pid, *children(service)):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().split()[13:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def load(service: Service, seconds: float) -> float:
    """How much of a processor the service takes in the next `seconds`."""
    before_s = busy_s(service)
    time.sleep(seconds)
    return (busy_s(service) - before_s) / seconds


def slope(samples: list[tuple[float, float]]) -> float:
    """Megabytes a minute, by least squares."""
    times, sizes = np.array(samples).T
    return float(np.polyfit(times / 60, sizes, 1)[0])


@pytest.mark.timeout(0)
def test_everybody_is_answered_and_nothing_is_kept(
    soaked: Service,
    upstream: Upstream,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seconds = float(request.config.getoption("--soak-secs") or FIXED_S)
    found = Counter[str]()
    clients = [Client(soaked, number, found) for number in range(1, CLIENTS + 1)]
    warm = 4 * [kind for client in clients for _, kind in client.kinds]
    with ThreadPoolExecutor(CLIENTS) as pool:  # every worker is up, every connection made
        for done in [pool.submit(kind) for kind in warm]:
            done.result()
    time.sleep(2)
    before, processes = state(soaked), children(soaked)
    began_s = time.monotonic()
    threads = [
        threading.Thread(target=client.run, args=(began_s + seconds,)) for client in clients
    ]
    for thread in threads:
        thread.start()
    samples: list[tuple[float, float]] = []
    loads: list[float] = []
    while any(thread.is_alive() for thread in threads):
        loads.append(load(soaked, min(SAMPLE_S, seconds / 4)))
        for client in clients if seconds > FIXED_S else ():
            client.pause_s = min(MOST_PAUSE_S, client.pause_s * loads[-1] / LOAD)
        upstream.asked.clear()
        passed_s = time.monotonic() - began_s
        samples.append((passed_s, rss_mb(soaked)))
        with capsys.disabled():
            if seconds > FIXED_S:
                asked = f"{sum(found.values()):8} requests"
                print(f"{passed_s:7.0f} s {asked} {samples[-1][1]:7.1f} MB {loads[-1]:4.0%}")  # noqa: T201 -- long work shows progress
    assert not [error for client in clients for error in client.errors]
    assert set(found) == {kind.__name__ for kind in warm}
    assert children(soaked) == processes
    now = settle(soaked, before)
    # A pool may keep a connection or a thread more than it had; it may not keep one a request.
    assert now[0] <= before[0] + 2 * CLIENTS
    assert now[1] <= before[1] + CLIENTS
    records(soaked, sum(found.values()) + len(warm))
    late = [sample for sample in samples if sample[0] > WARM_UP_S]
    if len(late) >= MIN_SAMPLES:
        with capsys.disabled():
            print(f"{dict(found)}, {np.mean(loads):.0%} of a processor")  # noqa: T201 -- the result of long work
            print(f"{slope(late):+.2f} MB a minute, {before} -> {now}")  # noqa: T201 -- the same
        assert slope(late) < MOST_MB_A_MINUTE


def records(service: Service, requests: int) -> None:
    """Each request left one record."""
    lines = [json.loads(line) for line in service.log().splitlines()]
    told = [line["request"] for line in lines if line["event"] == "request"]
    assert len(told) == len(set(told)) == requests
    assert not [line for line in lines if line["event"] in {"fault", "worker ended by itself"}]
