"""What clients ask of a gateway: bodies, and the table of workloads."""

import base64
import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


class Upstream(StrEnum):
    """Which of the mock's faces a gateway has to reach."""

    AT_ONCE = "mock"
    PACED = "mock20"
    GEMINI = "gem"


class Ask(StrEnum):
    """The kinds of request."""

    TEXT = "text"
    PICTURE_80K = "img80"
    PICTURE_4M = "img4m"
    PICTURE_URL = "url80"
    PICTURES_TEN = "img10"
    STREAM = "stream"
    PICTURE_STREAM = "img80s"


@dataclass(frozen=True, slots=True)
class Workload:
    """One row of the table."""

    name: str
    ask: Ask
    upstream: Upstream
    title: str


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("W1", Ask.TEXT, Upstream.AT_ONCE, "text"),
        Workload("W2", Ask.PICTURE_80K, Upstream.AT_ONCE, "one 80 KB picture"),
        Workload("W3", Ask.PICTURE_4M, Upstream.AT_ONCE, "one 4 MB picture"),
        Workload("W4", Ask.PICTURE_URL, Upstream.AT_ONCE, "a picture by URL"),
        Workload("W5", Ask.STREAM, Upstream.AT_ONCE, "256 chunks in a burst"),
        Workload("W5p", Ask.STREAM, Upstream.PACED, "256 chunks, 2 ms apart"),
        Workload("W6", Ask.PICTURES_TEN, Upstream.AT_ONCE, "ten 200 KB pictures"),
        Workload("W7", Ask.PICTURE_80K, Upstream.GEMINI, "translated to Gemini"),
        Workload("W7s", Ask.PICTURE_STREAM, Upstream.GEMINI, "the same, streamed"),
        Workload("W1L", Ask.TEXT, Upstream.PACED, "text, upstream takes 20 ms"),
    )
}

PICTURE_URL = "http://127.0.0.1:9103/img/80k.jpg"
"""On a face of the mock that is nobody's upstream: a gateway may refuse its own upstreams."""

STREAMED = frozenset({Ask.STREAM, Ask.PICTURE_STREAM})
WHAT = {"type": "text", "text": "What is in this image? Answer in one sentence."}


def chat_body(ask: Ask, *, model: str, pictures: Path) -> bytes:
    """The body of a Chat Completions request, as a stock client would write it."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [
            {"role": "system", "content": "You are terse."},
            {"role": "user", "content": _content(ask, pictures)},
        ],
        "max_tokens": 300,
    }
    if ask in STREAMED:
        body["stream"] = True
    return json.dumps(body, separators=(",", ":")).encode()


def gemini_body(pictures: Path) -> bytes:
    """What a client of Gemini itself would send: the baseline of W7."""
    picture = {"mime_type": "image/jpeg", "data": _base64(pictures / "80k.jpg")}
    parts = [{"text": "What is in this image?"}, {"inline_data": picture}]
    body = {
        "contents": [{"role": "user", "parts": parts}],
        "generationConfig": {"maxOutputTokens": 300},
    }
    return json.dumps(body, separators=(",", ":")).encode()


def _content(ask: Ask, pictures: Path) -> str | list[dict[str, Any]]:
    match ask:
        case Ask.TEXT:
            return "Say hello in one short sentence."
        case Ask.STREAM:
            return "Tell a story."
        case Ask.PICTURE_80K | Ask.PICTURE_STREAM:
            return [WHAT, _inline(pictures / "80k.jpg")]
        case Ask.PICTURE_4M:
            return [WHAT, _inline(pictures / "4m.jpg")]
        case Ask.PICTURES_TEN:
            return [WHAT] + [_inline(pictures / "200k.jpg")] * 10
        case Ask.PICTURE_URL:
            return [WHAT, _picture(PICTURE_URL)]


def _inline(file: Path) -> dict[str, Any]:
    return _picture("data:image/jpeg;base64," + _base64(file))


def _picture(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def _base64(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()
