"""Downloads models: large files, resumed, checked, moved into place.

A file that is there is whole and has its digest. Until then it is called `.part`, and the next
attempt goes on where the last one ended. Only the command line comes here, for its user.
"""

import fcntl
import os
import shutil
import ssl
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from io import BufferedRandom
from pathlib import Path
from typing import Final

import aiohttp

from visus.units import MIB

_PIECE_BYTES: Final = MIB
_MAX_REDIRECTS: Final = 5
_OK: Final = 200
_PARTIAL: Final = 206
_BEYOND_THE_END: Final = 416
_SPARE_BYTES: Final = 64 * MIB
"""What stays free on the disk."""


class PullFailed(Exception):
    """A file that could not be had; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file, and what is known of it."""

    url: str
    sha256: str | None = None
    """In hexadecimal; None: any file is accepted, and its digest returned."""
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Got:
    """A file that is there."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a download goes."""

    told: Callable[[int, int | None], None]
    """Is called with the bytes that are there and, if known, those there will be."""
    timeout_s: float
    """The longest wait for a connection, and for the next bytes."""
    ca_file: str | None
    """PEM file of certificate authorities to trust besides the system's."""


async def pull(wanted: Wanted, to: Path, terms: Terms) -> Got:
    """Has the file at `to`, in a folder that is there, whole and checked.

    Raises:
        PullFailed: it cannot be had, or is another file than was wanted.
    """
    part = to.with_name(f"{to.name}.part")
    with _held(part) as file:
        draft = _Draft(file)
        try:
            await _rest(wanted, draft, terms)
        except (aiohttp.ClientError, TimeoutError, OSError) as fault:
            raise PullFailed(f"{_reason(fault)}; run it again to go on from here") from fault
        os.fsync(file.fileno())
        got = Got(file.tell(), draft.digest.hexdigest())
    if wanted.bytes is not None and got.bytes < wanted.bytes:
        raise PullFailed("the connection ended too early; run it again to go on from here")
    if wanted.sha256 is not None and got.sha256 != wanted.sha256.lower():
        part.unlink()
        raise PullFailed(
            f"{to.name} is not the file that was wanted and was removed: its SHA-256 is "
            f"{got.sha256}, not {wanted.sha256.lower()}"
        )
    part.replace(to)
    return got


class _Draft:
    """A file that grows, and the digest of all that is in it."""

    def __init__(self, file: BufferedRandom) -> None:
        self.file = file
        self.digest = sha256()
        while piece := file.read(_PIECE_BYTES):
            self.digest.update(piece)

    def add(self, piece: bytes) -> None:
        self.file.write(piece)
        self.digest.update(piece)

    def begin_anew(self) -> None:
        self.file.seek(0)
        self.file.truncate()
        self.digest = sha256()


@contextmanager
def _held(part: Path) -> Generator[BufferedRandom, None, None]:
    """The partial file, locked."""
    part.touch()
    with part.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as fault:
            raise PullFailed("this file is being pulled by another process") from fault
        yield file


def _reason(fault: Exception) -> str:
    if isinstance(fault, aiohttp.ClientConnectorError):
        return f"Cannot connect to {fault.host} port {fault.port}: {fault.strerror}"
    return str(fault) or type(fault).__name__


async def _rest(wanted: Wanted, draft: _Draft, terms: Terms) -> None:
    """Gets what is missing."""
    if wanted.bytes is not None and draft.file.tell() > wanted.bytes:
        draft.begin_anew()
    there = draft.file.tell()
    terms.told(there, wanted.bytes)
    if there and there == wanted.bytes:
        return
    async with (
        aiohttp.ClientSession(timeout=_timeout(terms)) as session,
        session.get(
            wanted.url, headers=_headers(there), ssl=_tls(terms), max_redirects=_MAX_REDIRECTS
        ) as answer,
    ):
        if answer.status == _BEYOND_THE_END:
            return  # it is there to the end; its digest will tell
        _check(wanted, answer, there)
        if answer.status == _OK and there:  # a server that cannot go on in the middle
            draft.begin_anew()
        size = wanted.bytes or _whole_size(answer, draft.file.tell())
        _check_space(draft.file, size)
        async for piece in answer.content.iter_chunked(_PIECE_BYTES):
            draft.add(piece)
            terms.told(draft.file.tell(), size)


def _timeout(terms: Terms) -> aiohttp.ClientTimeout:
    wait_s = terms.timeout_s
    return aiohttp.ClientTimeout(total=None, sock_connect=wait_s, sock_read=wait_s)


def _tls(terms: Terms) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if terms.ca_file is not None:
        context.load_verify_locations(terms.ca_file)
    return context


def _headers(there: int) -> dict[str, str]:
    headers = {"Accept-Encoding": "identity", "User-Agent": "visus"}
    return headers | {"Range": f"bytes={there}-"} if there else headers


def _check(wanted: Wanted, answer: aiohttp.ClientResponse, there: int) -> None:
    if wanted.url.startswith("https:") and answer.url.scheme != "https":
        raise PullFailed("the server leads away from https")
    if answer.status not in {_OK, _PARTIAL}:
        raise PullFailed(f"{wanted.url}: the server answers {answer.status}")
    starts = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    if answer.status == _PARTIAL and starts != str(there):
        raise PullFailed("the server sent another part than was asked for")


def _whole_size(answer: aiohttp.ClientResponse, there: int) -> int | None:
    return None if answer.content_length is None else there + answer.content_length


def _check_space(file: BufferedRandom, size: int | None) -> None:
    missing, free = (size or 0) - file.tell(), shutil.disk_usage(file.name).free
    if missing + _SPARE_BYTES > free:
        to_come, room = missing // MIB, free // MIB
        raise PullFailed(f"{to_come:,} MiB are to come, and {room:,} MiB are free")
