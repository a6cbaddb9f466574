"""`visus ask`: one question about pictures, answered here or by a server."""

import argparse
import base64
import re
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import anyio
from rich.console import Console

from visus.cli.configured import configuration
from visus.config import Configuration, client_key
from visus.core.events import Batch, TextDelta
from visus.core.question import (
    Document,
    ImageReference,
    InlineImage,
    LinkedImage,
    MediaReference,
    Question,
    Text,
    Turn,
    Video,
)
from visus.errors import InvalidValue, InvalidVideo
from visus.media.film import video_type
from visus.media.papers import is_pdf
from visus.models.catalogue import Vision
from visus.providers.openai_dialect import OpenAIProvider
from visus.providers.transport import Endpoint, Transport
from visus.server import app
from visus.wire.answer import Envelope, Fold

USAGE: Final = 2
DEFAULT_QUESTION: Final = "What is in this image?"
_FILE_NAME: Final = re.compile(
    r"\S+\.(jpe?g|png|webp|gif|bmp|tiff?|avif|hei[cf]|pdf|mp4|mov|webm|mkv)", re.IGNORECASE
)
_VIDEOS: Final = frozenset({".mp4", ".m4v", ".mov", ".webm", ".mkv"})
_Kind: TypeAlias = type[Video] | type[Document] | None
"""None for a picture."""


def run(options: argparse.Namespace) -> int:
    """Asks and prints the answer."""
    chosen = configuration(options)
    *pictures, question = options.words
    if _is_picture(question):
        pictures, question = options.words, DEFAULT_QUESTION
    elif not pictures and _FILE_NAME.fullmatch(question):
        pictures = [question]  # a lone name of a file that is not there, not a question
    for picture in pictures:
        if picture != "-" and not _is_link(picture) and not Path(picture).is_file():
            print(f"visus ask: there is no file {picture!r}", file=sys.stderr)
            return USAGE
    parts = [Text(question), *(_reference(picture) for picture in pictures)]
    asked = Question(options.model, [Turn("user", parts, "question")], streamed=True)
    anyio.run(_ask, options, chosen, asked, backend_options={"use_uvloop": True})
    return 0


def _is_link(word: str) -> bool:
    return word.startswith(("http://", "https://"))


def _is_picture(word: str) -> bool:
    return word == "-" or _is_link(word) or (len(word) < 4096 and Path(word).is_file())  # noqa: PLR2004 -- PATH_MAX


def _reference(word: str) -> MediaReference:
    if _is_link(word):
        return _as(_ending(urlsplit(word).path), LinkedImage(word, word))
    try:
        file = sys.stdin.buffer.read() if word == "-" else Path(word).read_bytes()
    except OSError as fault:
        raise InvalidValue(f"{word}: {fault.strerror}") from fault
    # What it is, is for the bytes to say: this label claims nothing.
    url = b"data:application/octet-stream;base64," + base64.b64encode(file)
    return _as(_kind(file), InlineImage(memoryview(url), word))


def _kind(file: bytes) -> _Kind:
    if is_pdf(file):
        return Document
    try:
        video_type(file)
    except InvalidVideo:
        return None
    return Video


def _ending(path: str) -> _Kind:
    """What a link promises, which is all that there is to go by."""
    ending = Path(path).suffix.lower()
    if ending == ".pdf":
        return Document
    return Video if ending in _VIDEOS else None


def _as(kind: _Kind, source: ImageReference) -> MediaReference:
    return source if kind is None else kind(source)


async def _ask(options: argparse.Namespace, chosen: Configuration, asked: Question) -> None:
    fold = Fold(Envelope("ask", asked.model, created=int(time.time())))
    to_terminal = sys.stdout.isatty() and not options.json
    console = Console(stderr=True)
    spinner = console.status("Looking…")
    if sys.stderr.isatty():
        spinner.start()
    try:
        async with _answer(options.server, chosen, asked) as events:
            async for batch in events:
                spinner.stop()
                fold.add(batch)
                if to_terminal:
                    print(_text(batch), end="", flush=True)
    finally:
        spinner.stop()
    if options.json:
        print(fold.body().decode())
    else:
        print("" if to_terminal else fold.text())


def _text(batch: Sequence[object]) -> str:
    return "".join(event.text for event in batch if isinstance(event, TextDelta))


@asynccontextmanager
async def _answer(
    server: str | None, chosen: Configuration, asked: Question
) -> AsyncGenerator[AsyncIterator[Batch], None]:
    async with app.parts(chosen, own_ports=frozenset()) as parts:
        if server is None:
            async with parts.chat.answer(asked) as answering:
                yield answering.events
            return
        prompt = await parts.chat.media.prepare(asked, upstream_id=asked.model, sees=Vision())
        transport = Transport(chosen.settings.upstream)
        try:
            async with _remote(server, transport, chosen).open(prompt) as events:
                yield events
        finally:
            await transport.aclose()


def _remote(server: str, transport: Transport, chosen: Configuration) -> OpenAIProvider:
    key = client_key()
    headers = {"Authorization": f"Bearer {key.reveal()}"} if key else {}
    try:
        endpoint = Endpoint.of(f"{server.rstrip('/')}/chat/completions", headers)
    except ValueError as fault:
        raise InvalidValue(f"{fault}.", param="--server") from fault
    return OpenAIProvider(
        endpoint=endpoint,
        max_event_bytes=chosen.settings.upstream.max_event_bytes,
        transport=transport,
    )
