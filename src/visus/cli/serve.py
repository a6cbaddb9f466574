"""`visus serve`."""

import argparse
import gc
import os
import resource
import signal
import socket
import sys
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Final

import anyio

from visus import telemetry
from visus.accounts.keys import KeyBook, digest, new_secret
from visus.accounts.locks import locked
from visus.accounts.schema import StateRefused
from visus.cli import crew
from visus.cli.configured import configuration
from visus.config import Configuration
from visus.errors import InvalidValue
from visus.server import app
from visus.server.state import FIRST_KEY, open_book

CURL: Final = """\
curl {url}/chat/completions -H "Authorization: Bearer {key}" \
-H "Content-Type: application/json" \
-d '{{"model": "{model}", "messages": [{{"role": "user", "content": "What can you do?"}}]}}'"""


def run(options: argparse.Namespace) -> int:
    """Serves until SIGINT or SIGTERM."""
    _leave_no_core_dump()
    chosen = configuration(options)
    telemetry.set_up()
    book = open_book(chosen)
    key = first_key(book, Path(chosen.settings.state.dir) / FIRST_KEY)
    listener = _listener(options, chosen)
    if listener is None:
        return 1
    is_one_of_several = options.listener is not None
    if is_one_of_several:
        crew.end_with_it()
    elif chosen.settings.server.workers > 1:
        book.close()
        return crew.run(options, chosen.settings.server, listener)
    _ignore_signals()
    _collect_garbage_less_often()

    async def serve() -> None:
        await app.serve(
            chosen,
            listener=listener,
            book=book,
            announce=_say_ready if options.quiet else partial(_announce, chosen, key),
            reread=lambda: configuration(options),
            is_one_of_several=is_one_of_several,
        )

    try:
        anyio.run(serve, backend="asyncio", backend_options={"use_uvloop": True})
    finally:
        book.close()
    return 0


def _leave_no_core_dump() -> None:
    """Keeps the memory of a process that crashes, with questions and keys, off the disk.

    One byte is too small for a file; and unlike 0 it also keeps the dump from a program that
    the system has for them (core(5), `core_pattern` with a pipe).
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    if hard:
        resource.setrlimit(resource.RLIMIT_CORE, (1, 1))


def _listener(options: argparse.Namespace, chosen: Configuration) -> socket.socket | None:
    """The socket that this process was started with, or a new one; None: said why not."""
    try:
        if options.listener is not None:
            return socket.socket(fileno=options.listener)
        return app.listen(chosen)
    except OSError as fault:
        server = chosen.settings.server
        print(f"Cannot listen on {server.host} port {server.port}: {fault}", file=sys.stderr)
        return None


def _ignore_signals() -> None:
    """Leaves SIGINT, SIGTERM and SIGHUP to the running server.

    uvicorn stops on the first two and raises them again afterwards, when the rest of the
    service still has to be closed: that must not end the process.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _do_nothing)


def _collect_garbage_less_often() -> None:
    """Exempts everything that was loaded at start from the cyclic garbage collector.

    At its defaults it took a sixth of the time of a request with a picture. Requests leave few
    cycles behind, so it may come by less often.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    """A handler in place of the default one, which would end the process."""


def first_key(book: KeyBook, path: Path) -> str | None:
    """The key of a new installation: made once, kept in a file that only its owner reads.

    None where the file is gone and there are other keys, or where its key was revoked.

    Raises:
        StateRefused: the file cannot be read or written, or holds no key.
        StorageUnavailable: the database has just gone away.
    """
    with locked(book.engine, "first key"):
        return _first_key(book, path)


def _first_key(book: KeyBook, path: Path) -> str | None:
    try:
        secret = _kept(path)
        if secret is None:
            if book.known():
                return None
            secret = new_secret()
            _keep(secret, path)
        known = book.find(digest(secret)) or book.admit("first key", secret)
    except (OSError, UnicodeDecodeError, InvalidValue) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "it holds no key"
        raise StateRefused(
            f"The first key in {path} cannot be used: {reason}. Put it back, or remove the "
            "file and make a key with 'visus keys create NAME'."
        ) from fault
    return secret if known.revoked_at is None else None


def _kept(path: Path) -> str | None:
    return path.read_text("ascii").strip() if path.exists() else None


def _keep(secret: str, path: Path) -> None:
    """Whole or not at all: a crash leaves no half of a key."""
    part = path.with_suffix(".part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with os.fdopen(os.open(part, flags, 0o600), "w") as file:
        file.write(secret + "\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _announce(chosen: Configuration, key: str | None, running: app.Running) -> None:
    host = chosen.settings.server.host
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 -- compared, not bound
    url = f"http://{reachable}:{running.port}/v1"
    models = [model.id for model, _ in running.parts.upstreams.ready()]
    print(f"export OPENAI_BASE_URL={url}")
    print(
        f"export OPENAI_API_KEY={key or ''}"
        if key
        else "# no first key: visus keys create NAME"
    )
    print(f"# models ready: {', '.join(models) or 'none'}")
    if key and models:
        print("# try:")
        print(CURL.format(url=url, key=key, model=models[0]))
    _say_ready(running)


def _say_ready(_running: app.Running) -> None:
    print("ready", flush=True)
