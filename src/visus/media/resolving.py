"""From references to checked files: decodes, fetches or opens the media of a question.

Inline media are decoded, links are fetched, uploads are opened; each file once, however often
it is referred to. This does not depend on the model: the result serves any number of models.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol, TypeAlias, TypeVar

import anyio
import anyio.lowlevel
import msgspec
import pybase64

from visus.core.question import (
    Document,
    InlineImage,
    LinkedImage,
    MediaReference,
    StoredImage,
    Video,
)
from visus.errors import (
    Base64Rejected,
    FileNotFound,
    FileTooLarge,
    FileUrlRejected,
    ImageUrlRejected,
    InvalidFile,
    InvalidVideo,
    MediaRejected,
    MediaTooLarge,
    ServiceError,
    UnsupportedFileType,
    VideoUrlRejected,
)
from visus.media import data_url, sampling
from visus.media.fetch import FetchedMedia
from visus.media.known import Known, KnownPictures
from visus.media.library import StoredFile
from visus.media.pdf_type import check_pdf
from visus.media.settings import MediaSettings
from visus.media.steps import Steps
from visus.media.survey import Survey, check_head, survey
from visus.media.video_type import video_type

_PEEK_BYTES: Final = 3072
_PEEK_FROM: Final = 128 * 1024
"""Shorter payloads are decoded at once: looking first would cost more."""

Key: TypeAlias = int | str
"""The index of a reference, or what several references to one file have in common."""
_AnyKey = TypeVar("_AnyKey")
_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


class Origin(Protocol):
    """Where linked files come from: `media.fetch.Fetcher`."""

    async def fetch(
        self, url: str, *, param: str, max_bytes: int | None = None
    ) -> FetchedMedia:
        """The complete file behind `url`."""
        ...


class FileSource(Protocol):
    """Where uploaded files are: `media.library.Library`."""

    async def open(
        self, file_id: str, *, owner: str, max_bytes: int, param: str | None = None
    ) -> StoredFile:
        """The owner's file with its content."""
        ...


class Source(msgspec.Struct, frozen=True, gc=False):
    """A checked picture file, not yet converted for a model."""

    decoded: bytes | None
    """As it came; None for a known picture, of which there is only the base64."""
    base64: memoryview | None
    """The same in base64, where the caller sent it so."""
    size_bytes: int
    """Of the file as it came."""
    found: Survey
    declared: str | None
    """The declared media type."""
    ms: float
    """How long it took to get."""

    @property
    def data(self) -> bytes:
        """The file as it came."""
        if self.decoded is None:
            return pybase64.b64decode(self.base64 or b"", validate=True)
        return self.decoded

    @property
    def clean(self) -> bytes:
        """The file without metadata and trailing bytes."""
        return self.data if self.found.cleaned is None else self.found.cleaned

    @property
    def clean_bytes(self) -> int:
        """How large that is."""
        cleaned = self.found.cleaned
        return self.size_bytes if cleaned is None else len(cleaned)


class Attachment(NamedTuple):
    """A file whose first bytes are those of a video or a PDF."""

    data: bytes
    base64: memoryview | None
    """The same in base64, where the caller sent it so."""
    declared: str | None
    """The declared media type."""
    video: sampling.VideoType | None
    """None for a document."""
    owner: str
    """Its owner; what is made of it is cached for this owner only."""


class _File(NamedTuple):
    """A file that is not checked yet."""

    data: bytes
    base64: memoryview | None
    declared: str | None


class Resolved(msgspec.Struct, frozen=True):
    """Every picture of a question, in order."""

    references: Sequence[MediaReference]
    sources: Mapping[Key, Source | Attachment]
    deadline_s: float
    """When everything has to be ready, by `time.monotonic`."""

    def source(self, index: int) -> Source | Attachment:
        """The file of one reference."""
        return self.sources[key_at(index, self.references[index])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolver:
    """Gets files. Every refusal names the place of its reference."""

    settings: MediaSettings
    fetcher: Origin
    files: FileSource | None
    """None where there are no uploads."""
    known: KnownPictures
    steps: Steps = field(default_factory=Steps)

    async def resolve(self, references: Sequence[MediaReference], *, owner: str) -> Resolved:
        """Gets and checks every file, each once: first inline pictures, then the rest.

        Raises:
            MediaRejected: a picture that cannot be had, or that no model should get.
        """
        deadline_s = time.monotonic() + self.settings.prepare_s
        sources: dict[Key, Source | Attachment] = {}
        waiting: dict[Key, LinkedImage | StoredImage | Video | Document] = {}
        for index, picture in enumerate(references):
            if not isinstance(picture, InlineImage):
                waiting.setdefault(key_at(index, picture), picture)
                continue
            if index:
                await anyio.lowlevel.checkpoint()
            source = sources[index] = self._inline(picture, owner)
            self.steps.read.took(source.ms / 1000, source.size_bytes)

        async def get(
            wanted: LinkedImage | StoredImage | Video | Document,
        ) -> Source | Attachment:
            if isinstance(wanted, Video | Document):
                return await self._attachment(wanted, owner)
            return await self._picture(wanted, owner)

        if waiting:
            sources |= await each(waiting, get, deadline_s, at_once=self.settings.max_at_once)
        return Resolved(references, sources, deadline_s)

    def recognised(self, picture: MediaReference, *, owner: str) -> Source | None:
        """A picture inside the request that was checked before; None for any other.

        It is not counted among the `steps` yet.
        """
        if not isinstance(picture, InlineImage):
            return None
        began_s = time.monotonic()
        try:
            base64, declared = data_url.payload(picture.data_url)
        except ServiceError as refusal:
            raise refusal.at(picture.param) from refusal
        known = self.known.find(self.known.mark(base64, owner=owner))
        if known is None:
            return None
        return Source(None, base64, *known, declared, ms_since(began_s))

    def _inline(self, picture: InlineImage, owner: str) -> Source:
        began_s = time.monotonic()
        try:
            base64, declared = data_url.payload(picture.data_url)
            mark = self.known.mark(base64, owner=owner)
            if (known := self.known.find(mark)) is not None:
                return Source(None, base64, *known, declared, ms_since(began_s))
            if len(base64) > _PEEK_FROM and (head := data_url.peek(base64, _PEEK_BYTES)):
                check_head(head, self.settings)
            file = data_url.decode(base64, max_bytes=self.settings.max_bytes)
            known = Known(len(file.data), survey(file.data, self.settings))
        except ServiceError as refusal:
            raise refusal.at(picture.param) from refusal
        if file.base64 is base64:  # else white space was taken out of it
            self.known.remember(mark, known)
        return Source(file.data, file.base64, *known, declared, ms_since(began_s))

    async def _picture(self, picture: LinkedImage | StoredImage, owner: str) -> Source:
        began_s = time.monotonic()
        file = await self._elsewhere(picture, owner, self.settings.max_bytes)
        mark = self.known.mark(memoryview(file.data), owner=owner)
        if (known := self.known.find(mark)) is None:
            try:
                known = Known(len(file.data), survey(file.data, self.settings))
            except ServiceError as refusal:
                raise refusal.at(picture.param) from refusal
            self.known.remember(mark, known)
        return Source(file.data, None, *known, file.declared, ms_since(began_s))

    async def _attachment(self, wanted: Video | Document, owner: str) -> Attachment:
        """A video or a document, checked by its first bytes."""
        try:
            data, base64, declared = await self._attached(wanted, owner)
            if isinstance(wanted, Video):
                return Attachment(data, base64, declared, video_type(data), owner)
            check_pdf(data)
        except ServiceError as refusal:
            raise refusal.at(refusal.param or wanted.param) from refusal
        return Attachment(data, base64, declared, None, owner)

    async def _attached(self, wanted: Video | Document, owner: str) -> _File:
        is_video = isinstance(wanted, Video)
        limits = self.settings.video if is_video else self.settings.documents
        if isinstance(wanted.source, InlineImage):
            return _inline(
                wanted.source.data_url, is_video=is_video, max_bytes=limits.max_bytes
            )
        try:
            return await self._elsewhere(wanted.source, owner, limits.max_bytes)
        except ImageUrlRejected as refusal:
            kind = VideoUrlRejected if is_video else FileUrlRejected
            raise kind(refusal.message, param=refusal.param, detail=refusal.detail) from refusal
        except MediaTooLarge as refusal:
            raise FileTooLarge(refusal.message, param=wanted.param) from refusal

    async def _elsewhere(
        self, source: LinkedImage | StoredImage, owner: str, max_bytes: int
    ) -> _File:
        """What is not in the request: fetched, or opened."""
        began_s = time.monotonic()
        if isinstance(source, LinkedImage):
            got = await self.fetcher.fetch(source.url, param=source.param, max_bytes=max_bytes)
            self.steps.fetch.took(time.monotonic() - began_s, len(got.data))
            return _File(got.data, None, got.declared_type)
        if self.files is None:
            raise FileNotFound("There is no such file.", param=source.param)
        file = await self.files.open(
            source.file_id, owner=owner, max_bytes=max_bytes, param=source.param
        )
        self.steps.open.took(time.monotonic() - began_s, len(file.data))
        return _File(file.data, None, file.content_type)


def _labelled_as_no_video() -> InvalidVideo:
    return InvalidVideo("The data URL is labelled as something that is no video.")


def _labelled_as_no_pdf() -> UnsupportedFileType:
    message = "The data URL is not labelled as a PDF, which is the one type taken here."
    return UnsupportedFileType(message)


def _inline(url: memoryview, *, is_video: bool, max_bytes: int) -> _File:
    label = b"video/" if is_video else b"application/pdf"
    wrong = _labelled_as_no_video if is_video else _labelled_as_no_pdf
    try:
        base64, declared = data_url.payload(url, label, wrong=wrong)
        file = data_url.decode(base64, max_bytes=max_bytes)
        return _File(file.data, file.base64, declared)
    except Base64Rejected:
        raise
    except MediaTooLarge as refusal:
        raise FileTooLarge(refusal.message) from refusal
    except MediaRejected as refusal:
        kind = InvalidVideo if is_video else InvalidFile
        raise kind(refusal.message) from refusal


async def each(
    items: Mapping[_AnyKey, _Item],
    work: Callable[[_Item], Awaitable[_Made]],
    deadline_s: float,
    *,
    at_once: int,
) -> dict[_AnyKey, _Made]:
    """Does the work, `at_once` at a time; the first refusal ends the others.

    Raises:
        ServiceError: that refusal.
        MediaRejected: `deadline_s`, by `time.monotonic`, has passed.
    """
    made: dict[_AnyKey, _Made] = {}
    with anyio.move_on_after(deadline_s - time.monotonic()) as deadline:
        if len(items) > 1:
            await _together(items, work, made, at_once)
        else:  # a task of its own costs more than many a fetch
            for key, item in items.items():
                made[key] = await work(item)
    if deadline.cancelled_caught:
        raise MediaRejected("The images were not ready in time.", param="messages")
    return made


async def _together(
    items: Mapping[_AnyKey, _Item],
    work: Callable[[_Item], Awaitable[_Made]],
    made: dict[_AnyKey, _Made],
    at_once: int,
) -> None:
    """Fills `made`; raises the first refusal alone, as it is."""
    refusals: list[ServiceError] = []
    turns = anyio.Semaphore(at_once)

    async def finish(key: _AnyKey, item: _Item) -> None:
        try:
            async with turns:
                made[key] = await work(item)
        except ServiceError as refusal:
            refusals.append(refusal)
            tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        for key, item in items.items():
            tasks.start_soon(finish, key, item)
    if refusals:
        raise refusals[0]


def key_at(index: int, wanted: MediaReference) -> Key:
    """What a reference has in common with others to the same file; else its index."""
    if isinstance(wanted, LinkedImage):
        return f"url {wanted.url}"
    return f"file {wanted.file_id}" if isinstance(wanted, StoredImage) else index


def ms_since(began_s: float) -> float:
    """Milliseconds since then, by `time.monotonic`."""
    return (time.monotonic() - began_s) * 1000
