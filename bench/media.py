"""`python -m bench.media`: what large pictures cost, in CPU and in memory.

One photograph of 12 megapixels to 1024 px, by the code of our workers and by Pillow with its
draft mode, in one process in turns; then the same in a fresh process, for the memory on top.
At last one request with 50 different pictures of 20 megapixels, none of which the model can
use as it is: the peak of the memory of all processes of the service, pages that they share
counted once (PSS).
"""

import argparse
import base64
import http.client
import io
import json
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from bench import install, pictures, processes, report
from bench.peers import BENCH, Gateway, catalogue
from bench.report import Bound, Verdict
from bench.traffic import mock_upstream
from visus.media.fitting import Fit
from visus.media.image import normalise

SIDE_PX = 1024
QUALITY = 92
"""What our workers encode with."""
PHOTO = "12 MP JPEG"
REQUEST = "50 JPEGs of 20 MP"
LARGE_PX = 5472, 3648
LARGE_BYTES = 900_000
"""Of each of the 50: together they stay below the 64 MiB that a body may have."""
COUNT = 50
LOOK_EVERY_S = 0.02
ANSWER_WITHIN_S = 120.0
WANTED = Fit(max_width_px=SIDE_PX, max_height_px=SIDE_PX)
BOUNDS = (
    Bound(PHOTO, "cpu", 1.1, "Pillow"),
    Bound(PHOTO, "added_mb", 60),
    Bound(REQUEST, "pss_mb", 600),
)


@dataclass(frozen=True, slots=True)
class Row:
    """What one kind of JPEG cost: a photograph by itself, then the request with fifty."""

    kind: str
    ours_ms: float
    pillow_ms: float
    added_mb: float
    pss_before_mb: float
    pss_peak_mb: float
    request_s: float


def ours(data: bytes) -> bytes:
    """As a worker does it."""
    return normalise(data, WANTED).data


def by_pillow(data: bytes) -> bytes:
    """The quickest that Pillow has for the same resampling and quality."""
    sink = io.BytesIO()
    with Image.open(io.BytesIO(data)) as opened:
        opened.draft("RGB", (SIDE_PX, SIDE_PX))
        opened.thumbnail((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS, reducing_gap=3.0)
        opened.save(sink, "JPEG", quality=QUALITY)
    return sink.getvalue()


def cpu_ms(data: bytes, rounds: int) -> tuple[float, float]:
    """Median CPU milliseconds of ours and of Pillow, in turns in this process."""
    spent: dict[Callable[[bytes], bytes], list[float]] = {ours: [], by_pillow: []}
    for number in range(rounds + 1):
        for work, times in spent.items():
            began = time.process_time()
            work(data)
            if number:  # the first round warms both up
                times.append((time.process_time() - began) * 1000)
    return statistics.median(spent[ours]), statistics.median(spent[by_pillow])


def added_mb(data: bytes) -> float:
    """By how much this process's resident memory rises at most while one picture is fitted."""
    small = io.BytesIO()
    Image.new("RGB", (2 * SIDE_PX, 2 * SIDE_PX)).save(small, "JPEG")
    ours(small.getvalue())
    processes.forget_peak([os.getpid()])
    before = processes.rss_mb([os.getpid()])
    ours(data)
    return processes.peak_rss_mb([os.getpid()]) - before


def in_a_fresh_process(data: bytes) -> float:
    """The same in a process that has done nothing else."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
        return fresh.submit(added_mb, data).result()


def request(gateway: Gateway, files: Sequence[bytes]) -> tuple[float, float, float]:
    """PSS before, at its peak while one request with all files is answered, and its seconds."""
    body = _body(files)
    headers = {"Authorization": f"Bearer {gateway.key}", "Content-Type": "application/json"}
    before = processes.pss_mb(gateway.pids())
    peaks, is_over = [before], threading.Event()

    def look() -> None:
        while not is_over.wait(LOOK_EVERY_S):
            peaks.append(processes.pss_mb(gateway.pids()))

    watcher = threading.Thread(target=look)
    wire = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=ANSWER_WITHIN_S)
    began = time.perf_counter()
    watcher.start()
    try:
        wire.request("POST", "/v1/chat/completions", body, headers)
        answer = wire.getresponse()
        said = answer.read()
    finally:
        is_over.set()
        watcher.join()
        wire.close()
    if answer.status != http.HTTPStatus.OK:
        raise SystemExit(f"The service refused the request: {said.decode()}")
    return before, max(peaks), time.perf_counter() - began


def _body(files: Sequence[bytes]) -> bytes:
    urls = (f"data:image/jpeg;base64,{base64.b64encode(file).decode()}" for file in files)
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    turn = {"role": "user", "content": parts}
    return json.dumps({"model": "mock-small", "messages": [turn]}).encode()


def photograph(size: tuple[int, int], *, size_bytes: int) -> Image.Image:
    """Our picture of noise over waves, as it is read back from a JPEG of about that size."""
    noise = np.random.default_rng(7)
    data = pictures.nearest(pictures.photo(noise, *size), size_bytes)
    return Image.open(io.BytesIO(data))


def as_jpeg(picture: Image.Image, *, progressive: bool, quality: int) -> bytes:
    """Baseline or progressive."""
    sink = io.BytesIO()
    picture.save(sink, "JPEG", quality=quality, progressive=progressive)
    return sink.getvalue()


def different(picture: Image.Image, *, progressive: bool) -> Iterator[bytes]:
    """Fifty files that differ in a stripe and in no cost."""
    picture = picture.convert("RGB")
    for number in range(COUNT):
        place = 64 * number
        ImageDraw.Draw(picture).rectangle((place, 0, place + 63, 63), fill=(5 * number, 0, 99))
        yield as_jpeg(picture, progressive=progressive, quality=20)


def measured(gateway: Gateway, work: Path, rounds: int) -> Iterator[Row]:
    """A row for baseline and one for progressive files."""
    with Image.open(work / "img" / "4m.jpg") as opened:
        photo = opened.convert("RGB")
    large = photograph(LARGE_PX, size_bytes=LARGE_BYTES)
    for kind, progressive in (("baseline", False), ("progressive", True)):
        data = as_jpeg(photo, progressive=progressive, quality=QUALITY)
        mine, theirs = cpu_ms(data, rounds)
        added = in_a_fresh_process(data)
        files = list(different(large, progressive=progressive))
        yield Row(kind, mine, theirs, added, *request(gateway, files))


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Lines of Markdown."""
    yield "| JPEG | ours, CPU ms | Pillow | ratio | added MB | 50 of 20 MP: PSS MB | s |"
    yield "|---|" + "---:|" * 6
    for row in rows:
        yield (
            f"| {row.kind} | {row.ours_ms:.1f} | {row.pillow_ms:.1f} "
            f"| {row.ours_ms / row.pillow_ms:.2f} | {row.added_mb:.0f} "
            f"| {row.pss_before_mb:.0f} → {row.pss_peak_mb:.0f} | {row.request_s:.1f} |"
        )


def verdicts(rows: Sequence[Row]) -> list[Verdict]:
    """Every bound beside the worse of both kinds."""
    worst = (
        max(row.ours_ms / row.pillow_ms for row in rows),
        max(row.added_mb for row in rows),
        max(row.pss_peak_mb for row in rows),
    )
    return [Verdict(bound, found) for bound, found in zip(BOUNDS, worst, strict=True)]


def as_json(rows: Sequence[Row]) -> Mapping[str, Any]:
    """The same for `results.json`."""
    fields = Row.__dataclass_fields__
    figures = {
        row.kind: {name: round(getattr(row, name), 1) for name in fields if name != "kind"}
        for row in rows
    }
    return {
        "machine": report.machine(),
        "jpeg": figures,
        "verdicts": {str(one.bound): one.measured for one in verdicts(rows)},
    }


def main() -> None:
    """Both measurements."""
    parser = argparse.ArgumentParser(prog="bench.media", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="of the photograph, each")
    parser.add_argument("--work", type=Path, default=BENCH / "work")
    parser.add_argument("--results", type=Path, default=BENCH / "results.json")
    options = parser.parse_args()
    work = options.work.resolve()
    install.prepare(work, [])
    gateway = Gateway(name=report.JUDGED, peer=catalogue()[report.JUDGED], work=work)
    with ExitStack() as cleanup:
        cleanup.enter_context(mock_upstream(pictures=work / "img", work=work))
        cleanup.callback(gateway.stop)
        gateway.start()
        rows = list(measured(gateway, work, options.rounds))
    report.say([*table(rows), "", *map(str, verdicts(rows))])
    report.join(options.results, media=as_json(rows))


if __name__ == "__main__":
    main()
