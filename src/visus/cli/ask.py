"""`visus ask`: one question about pictures, answered here or by a server."""

import argparse
import re
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import anyio
from rich.console import Console

from visus.cli import USAGE
from visus.cli.configured import configuration
from visus.cli.given import are_there, is_medium, reference
from visus.config import Configuration, client_key
from visus.core.events import Batch, TextDelta
from visus.core.places import Site
from visus.core.question import Question, Text, Turn
from visus.errors import InvalidApiKey, InvalidValue, UpstreamAuthFailed, UpstreamNotFound
from visus.flow.billing import Tab
from visus.flow.chat import Answering
from visus.models.catalogue import Vision
from visus.providers.openai_dialect import OpenAIProvider
from visus.providers.transport import Endpoint, Transport
from visus.server.parts import all_parts
from visus.wire.answer import Envelope, Fold

DEFAULT_QUESTION: Final = "What is in this image?"
_FILE_NAME: Final = re.compile(
    r"\S+\.(jpe?g|png|webp|gif|bmp|tiff?|avif|hei[cf]|pdf|mp4|mov|webm|mkv)", re.IGNORECASE
)


def run(options: argparse.Namespace) -> int:
    """Asks and prints the answer."""
    chosen = configuration(options)
    *pictures, question = options.words
    if is_medium(question):
        pictures, question = options.words, DEFAULT_QUESTION
    elif not pictures and _FILE_NAME.fullmatch(question):
        pictures = [question]  # a lone name of a file that is not there, not a question
    if not are_there(pictures, command="ask"):
        return USAGE
    parts = [Text(question), *(reference(picture) for picture in pictures)]
    asked = Question(options.model, [Turn("user", parts, "question")], streamed=True)
    anyio.run(_ask, options, chosen, asked, backend_options={"use_uvloop": True})
    return 0


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
    async with all_parts(chosen, own_ports=frozenset()) as parts:
        if server is None:
            async with parts.chat.answer(asked, Tab()) as answering:
                yield _all(answering)
            return
        prompt = await parts.chat.media.prepare(asked, upstream_id=asked.model, sees=Vision())
        transport = Transport(chosen.settings.upstream)
        try:
            with _told_to_its_caller(server):
                async with _remote(server, transport, chosen).open(prompt) as events:
                    yield events
        finally:
            await transport.aclose()


@contextmanager
def _told_to_its_caller(server: str) -> Generator[None]:
    """Says what a refusal means to the one who chose the server and holds the key."""
    try:
        yield
    except UpstreamAuthFailed as fault:
        message = (
            "The server refuses the key in OPENAI_API_KEY."
            if client_key()
            else "The server wants a key: set OPENAI_API_KEY."
        )
        raise InvalidApiKey(message, detail=fault.detail) from fault
    except UpstreamNotFound as fault:
        message = f"There is no {server.rstrip('/')}/chat/completions; most end in /v1."
        raise InvalidValue(message, param="--server", detail=fault.detail) from fault


async def _all(answering: Answering) -> AsyncIterator[Batch]:
    yield answering.first
    async for batch in answering.events:
        yield batch


def _remote(server: str, transport: Transport, chosen: Configuration) -> OpenAIProvider:
    key = client_key()
    headers = {"Authorization": f"Bearer {key.reveal()}"} if key else {}
    try:
        endpoint = Endpoint.of(f"{server.rstrip('/')}/chat/completions", headers, Site(server))
    except ValueError as fault:
        raise InvalidValue(f"{fault}.", param="--server") from fault
    return OpenAIProvider(
        endpoint_of=lambda _: endpoint,
        max_event_bytes=chosen.settings.upstream.max_event_bytes,
        transport=transport,
    )
