"""How fast, and how much memory: a photo, a page against tesseract, a refusal against a 401.

Every timed picture differs from the others in a few pixels, so that no cache can answer.
"""

import base64
import os
import shutil
import statistics
import struct
import subprocess
import tempfile
import time
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import httpx
import skimage.data
from PIL import Image

from eval import words
from eval.dice import Dice
from eval.report import Figure
from eval.service import Service, peak_mb
from eval.sheet import blank

REPEATS: Final = 3
REFUSALS: Final = 30
PHOTO_BOUND_S: Final = 1.0
PAGE_RATIO: Final = 2.0
REFUSAL_RATIO: Final = 3.0
WORKER_MB: Final = 1000
FRONT_MB: Final = 90
LINES: Final = 45


def measure(service: Service, model: str, seed: int) -> list[Figure]:
    """Every speed figure, and memory when the service is ours to look at."""
    headers = {"authorization": f"Bearer {service.api_key}"}
    with httpx.Client(base_url=service.base_url, headers=headers, timeout=120.0) as client:
        dice = Dice(seed, "speed")
        _answered(client, model, _photo(dice))
        photos = [_answered(client, model, _photo(dice)) for _ in range(REPEATS)]
        made = [
            Figure(
                name="photo of 1024 px",
                value=statistics.median(photos),
                unit="s",
                at_most=PHOTO_BOUND_S,
            ),
            *_pages(client, model, dice),
            _refusals(client, model),
        ]
    return made + (_memory(service.pid) if service.pid else [])


def _png(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _photo(dice: Dice) -> bytes:
    image = Image.fromarray(skimage.data.chelsea()).resize((1024, 681))
    image.putpixel((dice.between(0, 1023), dice.between(0, 680)), (dice.between(0, 255), 0, 0))
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def _page(dice: Dice) -> bytes:
    sheet = blank((1240, 1754), dice, face="Liberation Serif", size_px=23)
    text = words.paragraph(dice, "de", 80)
    for place, line in enumerate(sheet.wrapped(text, 1000)[:LINES]):
        sheet.say((120, 90 + place * 35), line)
    return _png(sheet.image)


def _body(model: str, file: bytes, media_type: str, question: str) -> dict[str, Any]:
    url = f"data:{media_type};base64,{base64.b64encode(file).decode('ascii')}"
    parts = [
        {"type": "text", "text": question},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    return {"model": model, "messages": [{"role": "user", "content": parts}]}


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _answered(client: httpx.Client, model: str, file: bytes) -> float:
    kind = "image/png" if file.startswith(b"\x89PNG") else "image/jpeg"
    question = "What does it say?" if kind == "image/png" else "What is in this image?"
    body = _body(model, file, kind, question)
    return _timed(lambda: client.post("/chat/completions", json=body).raise_for_status())


def _pages(client: httpx.Client, model: str, dice: Dice) -> list[Figure]:
    """Ours and tesseract's time in turns, on the same pages."""
    ours: list[float] = []
    theirs: list[float] = []
    tesseract = shutil.which("tesseract")
    for _ in range(REPEATS):
        page = _page(dice)
        ours.append(_answered(client, model, page))
        if tesseract:
            theirs.append(_tesseract(tesseract, page))
    made = [Figure(name=f"A4 page of {LINES} lines", value=statistics.median(ours), unit="s")]
    if theirs:
        other = statistics.median(theirs)
        made += [
            Figure(name="the same page, tesseract, one thread", value=other, unit="s"),
            Figure(
                name="page: times tesseract",
                value=statistics.median(ours) / other,
                at_most=PAGE_RATIO,
            ),
        ]
    return made


def _tesseract(program: str, page: bytes) -> float:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.png"
        path.write_bytes(page)
        command = [program, str(path), "stdout", "-l", "deu"]
        surroundings = {**os.environ, "OMP_THREAD_LIMIT": "1"}  # noqa: TID251 - tesseract's own

        def run() -> None:
            subprocess.run(command, env=surroundings, check=True, capture_output=True)

        return _timed(run)


def vast_png() -> bytes:
    """A tiny file whose header promises 30,000 by 30,000 pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + checksum

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    content = zlib.compress(bytes(1000))
    chunks = (chunk(b"IHDR", header), chunk(b"IDAT", content), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _refusals(client: httpx.Client, model: str) -> Figure:
    """A refusal from the header alone, against a 401 for the same body."""
    body = _body(model, vast_png(), "image/png", "What is in this image?")
    stranger = {"authorization": "Bearer wrong"}

    def refused(expected: int, headers: dict[str, str]) -> float:
        times: list[float] = []
        for _ in range(REFUSALS):
            began = time.perf_counter()
            answer = client.post("/chat/completions", json=body, headers=headers)
            times.append(time.perf_counter() - began)
            if answer.status_code != expected:
                return float("inf")
        return statistics.median(times)

    known = refused(401, stranger)
    return Figure(
        name="header-only refusal: times a 401",
        value=refused(400, {}) / known,
        at_most=REFUSAL_RATIO,
    )


def _memory(pid: int) -> list[Figure]:
    peaks = peak_mb(pid)
    made = [
        Figure(
            name="front process, peak", value=peaks.pop(pid, 0.0), unit="MB", at_most=FRONT_MB
        )
    ]
    if peaks:
        worst = max(peaks.values())
        made.append(
            Figure(name="largest worker, peak", value=worst, unit="MB", at_most=WORKER_MB)
        )
    return made
