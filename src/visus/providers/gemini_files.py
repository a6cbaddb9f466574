"""Files that are too large for a request: uploaded beside it, used by their address, deleted.

An upload belongs to the bytes and to whose question they came with: the same file of the same
caller is uploaded once, and nobody is served from what somebody else sent. Every upload is
deleted: a while after the last question that used it, or when the service ends.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Annotated, Final, TypeAlias, TypeVar
from urllib.parse import urlsplit

import anyio
import msgspec
import pybase64

from visus.core.places import Demand
from visus.core.prompt import Image, MediaFile, Prompt, SentMedia
from visus.errors import (
    FileTooLarge,
    InvalidFile,
    InvalidVideo,
    MediaRejected,
    ServiceError,
    UpstreamBadResponse,
    UpstreamFailed,
    UpstreamTimedOut,
)
from visus.providers import gemini_faults
from visus.providers.gemini_request import media_type
from visus.providers.transport import Body, Endpoint, Reply, Transport

log: Final = logging.getLogger("visus")
Reach: TypeAlias = Callable[[str, str, Mapping[str, str]], Endpoint]
"""From a method, a URL and headers to an endpoint that carries our key."""
EXPIRY_MARGIN: Final = timedelta(minutes=10)
"""A file that is deleted sooner is uploaded again."""
CLOSING_S: Final = 5.0
"""How long the end of the service waits for uploads to be deleted."""
_encode: Final = msgspec.json.Encoder().encode
_Told = TypeVar("_Told")


class FilesOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The Files API of a row."""

    enabled: bool = False
    """Whether there is one: AI Studio has it, Vertex AI does not."""
    deadline_s: Annotated[float, msgspec.Meta(gt=0)] = 120.0
    """How long uploading all files of a question may take, until they are ready; then 504."""
    poll_s: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    """How often an upload that is not ready yet is polled."""
    keep_s: Annotated[float, msgspec.Meta(ge=0, le=169_200)] = 300.0
    """How long an upload is kept for further questions of the same owner with the same file; 0
    deletes it after the answer. The API itself deletes files after 48 hours."""


class RemoteFile(msgspec.Struct, rename="camel"):
    """A file as the API describes it."""

    name: str = ""
    uri: str = ""
    state: str = "STATE_UNSPECIFIED"
    expiration_time: datetime | None = None


class Uploaded(msgspec.Struct):
    """What the end of an upload is answered with."""

    file: RemoteFile


_uploaded: Final = msgspec.json.Decoder(Uploaded).decode
_remote: Final = msgspec.json.Decoder(RemoteFile).decode


def too_large(
    prompt: Prompt, *, max_inline_bytes: int, max_file_bytes: int | None
) -> Sequence[SentMedia]:
    """The media that have to be left out for the others to fit, largest first; mostly none.

    Raises:
        FileTooLarge: one is larger than the API takes a file at all.
    """
    if not prompt.reports:
        return ()
    media = [one for report in prompt.reports for one in report.images]
    total = 0
    for one in media:
        total += len(one.base64)
        if max_file_bytes is not None and len(one.base64) * 3 // 4 > max_file_bytes:
            message = f"This model's server takes no file of more than {max_file_bytes} bytes."
            raise FileTooLarge(message, param=one.param)
    if total <= max_inline_bytes:
        return ()
    found: list[SentMedia] = []
    for one in sorted(media, key=lambda one: len(one.base64), reverse=True):
        if total <= max_inline_bytes:
            break
        found.append(one)
        total -= len(one.base64)
    return found


@dataclass(slots=True, eq=False)
class _Place:
    """Where an upload is, will be, or was."""

    key: bytes
    within: Sequence[Demand]
    lock: anyio.Lock = field(default_factory=anyio.Lock)
    """Held during an upload."""
    file: RemoteFile | None = None
    old: list[RemoteFile] = field(default_factory=list[RemoteFile])
    """Files before this one that a question may still be reading."""
    users: int = 0
    retires: asyncio.TimerHandle | None = None

    @property
    def is_ready(self) -> bool:
        """Whether its file can be used for a while."""
        if self.file is None or self.file.state != "ACTIVE":
            return False
        ends = self.file.expiration_time
        return ends is None or ends - datetime.now(UTC) > EXPIRY_MARGIN


@dataclass(slots=True)
class Loan:
    """Uploads that a question uses, until it gives them back."""

    files: "GeminiFiles"
    uris: dict[str, str] = field(default_factory=dict[str, str])
    """By the `param` of each medium."""
    places: list[_Place] = field(default_factory=list[_Place])
    reused: list[_Place] = field(default_factory=list[_Place])
    """Those that were there before."""

    def give_back(self) -> None:
        """The question has been answered, or is not asked any more."""
        places, self.places = self.places, []
        for place in places:
            self.files.left(place)

    def distrust(self, refusal: ServiceError, status: int) -> ServiceError:
        """The error for a refused question: a file that was there before may be gone."""
        if not self.reused or status not in {403, 404}:
            return refusal
        for place in self.reused:
            self.files.drop(place)
        message = "The provider no longer has a file that was uploaded before."
        return UpstreamFailed(message, detail=refusal.detail)


@dataclass(slots=True, kw_only=True)
class GeminiFiles:
    """The uploads of one row."""

    options: FilesOptions
    base_url: str
    reach: Reach
    transport: Transport
    _places: dict[bytes, _Place] = field(default_factory=dict[bytes, _Place], init=False)
    _deletions: set[asyncio.Task[None]] = field(
        default_factory=set[asyncio.Task[None]], init=False
    )

    async def lend(self, media: Sequence[SentMedia], prompt: Prompt) -> Loan:
        """Has each of `media` uploaded and ready.

        Raises:
            UpstreamTimedOut: not within the deadline.
            InvalidVideo, InvalidFile, MediaRejected: the API cannot read it.
            ServiceError: a fault of the transport, or a refusal.
        """
        loan = Loan(self)
        try:
            with anyio.fail_after(self.options.deadline_s):
                for medium in media:
                    await self._lend_one(loan, medium, prompt)
        except TimeoutError as fault:
            loan.give_back()
            message = "The provider did not have an uploaded file ready in time."
            raise UpstreamTimedOut(message) from fault
        except BaseException:
            loan.give_back()
            raise
        return loan

    def left(self, place: _Place) -> None:
        """One who used it does no more."""
        place.users -= 1
        if not place.users:
            loop = asyncio.get_running_loop()
            place.retires = loop.call_later(self.options.keep_s, self._retire, place)

    def drop(self, place: _Place) -> None:
        """Its file is not to be used again."""
        files, place.old = place.old, []
        if place.file is not None:
            files.append(place.file)
            place.file = None
        for file in files:
            self._begin_deletion(file, place)

    async def aclose(self) -> None:
        """Deletes every upload that is left, as far as that can be done in a moment."""
        for place in list(self._places.values()):
            self._retire(place)
        if self._deletions:
            await asyncio.wait(self._deletions, timeout=CLOSING_S)

    async def _lend_one(self, loan: Loan, medium: SentMedia, prompt: Prompt) -> None:
        key = await asyncio.to_thread(_key, medium, prompt.owner)
        place = self._places.setdefault(key, _Place(key, prompt.within))
        place.users += 1
        loan.places.append(place)
        if place.retires is not None:
            place.retires.cancel()
        async with place.lock:
            if place.is_ready:
                loan.reused.append(place)
            else:
                await self._upload(place, medium, prompt)
        if place.file is not None:
            loan.uris[medium.param] = place.file.uri

    # --- The protocol ------------------------------------------------------------------------

    async def _upload(self, place: _Place, medium: SentMedia, prompt: Prompt) -> None:
        """Uploads in one piece. The name is ours, so that a broken upload can be deleted."""
        self._replace(place)
        data = await asyncio.to_thread(pybase64.b64decode, medium.base64)
        kind = media_type(medium)
        place.file = RemoteFile(name=f"files/visus-{secrets.token_hex(12)}")
        start = self.reach(
            "POST",
            _upload_url(self.base_url),
            {
                "X-Goog-Upload-Protocol": "resumable",
                "X-Goog-Upload-Command": "start",
                "X-Goog-Upload-Header-Content-Length": str(len(data)),
                "X-Goog-Upload-Header-Content-Type": kind,
            },
        )
        named = [_encode({"file": {"name": place.file.name}})]
        begun, _ = await self._asked(start, named, prompt)
        finish = self.reach(
            "POST",
            self._checked(begun.headers.get("x-goog-upload-url", "")),
            {
                "X-Goog-Upload-Offset": "0",
                "X-Goog-Upload-Command": "upload, finalize",
                "Content-Type": kind,
            },
        )
        _, said = await self._asked(finish, [data], prompt)
        place.file = await self._ready(_read(_uploaded, said).file, medium, prompt)

    async def _ready(self, file: RemoteFile, medium: SentMedia, prompt: Prompt) -> RemoteFile:
        """The file once it can be used."""
        look = self.reach("GET", f"{self.base_url}/{file.name}", {})
        while file.state != "ACTIVE":
            if file.state == "FAILED":
                raise _unreadable(medium)
            await anyio.sleep(self.options.poll_s)
            _, said = await self._asked(look, [], prompt)
            file = _read(_remote, said)
        return file

    async def _asked(
        self, endpoint: Endpoint, body: Body, prompt: Prompt
    ) -> tuple[Reply, bytes]:
        reply = await self.transport.send(endpoint, body, prompt.within)
        try:
            said = await reply.read()
        finally:
            reply.close()
        if reply.status != 200:  # noqa: PLR2004 -- HTTP's OK
            raise gemini_faults.refusal(reply.status, said, reply.headers, prompt)
        return reply, said

    def _checked(self, url: str) -> str:
        """The address that an upload goes on at: where we were, or nowhere."""
        if urlsplit(url)[:2] != urlsplit(self.base_url)[:2]:
            message = "The provider sent an upload to another server."
            raise UpstreamBadResponse(message, detail=urlsplit(url).netloc[:200])
        return url

    # --- The end of an upload ----------------------------------------------------------------

    def _replace(self, place: _Place) -> None:
        """Makes room for another file; the old one is deleted once no question uses it."""
        if place.users > 1 and place.file is not None and place.file.state == "ACTIVE":
            place.old.append(place.file)
            place.file = None
        else:
            self.drop(place)

    def _retire(self, place: _Place) -> None:
        if place.retires is not None:
            place.retires.cancel()
        if self._places.get(place.key) is place:
            del self._places[place.key]
        self.drop(place)

    def _begin_deletion(self, file: RemoteFile, place: _Place) -> None:
        task = asyncio.ensure_future(self._delete(file.name, place.within))
        self._deletions.add(task)
        task.add_done_callback(self._deletions.discard)

    async def _delete(self, name: str, within: Sequence[Demand]) -> None:
        endpoint = self.reach("DELETE", f"{self.base_url}/{name}", {})
        try:
            reply = await self.transport.send(endpoint, [], within)
            try:
                await reply.read()
            finally:
                reply.close()
        except ServiceError as fault:
            fields = {"file": name, "code": fault.code, "detail": fault.detail}
            log.warning("a file was left at its provider", extra={"fields": fields})


def _key(medium: SentMedia, owner: str) -> bytes:
    """Of the bytes, what they are called, and whose they are."""
    whose = blake2b(owner.encode(), digest_size=32).digest()
    hashed = blake2b(medium.media_type.encode() + b"\0", key=whose, digest_size=20)
    hashed.update(medium.base64)
    return hashed.digest()


def _upload_url(base_url: str) -> str:
    """The API has a path of its own for uploads."""
    url = urlsplit(base_url)
    return url._replace(path=f"/upload{url.path}/files").geturl()


def _read(decode: Callable[[bytes], _Told], said: bytes) -> _Told:
    try:
        return decode(said)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        message = "The provider told of an uploaded file in a way that cannot be read."
        raise UpstreamBadResponse(message, detail=str(fault)[:200]) from fault


def _unreadable(medium: SentMedia) -> ServiceError:
    message = "The provider could not read this file."
    match medium:
        case Image(param=param):
            return MediaRejected(message, param=param)
        case MediaFile(media_type="application/pdf", param=param):
            return InvalidFile(message, param=param)
        case MediaFile(param=param):
            return InvalidVideo(message, param=param)
