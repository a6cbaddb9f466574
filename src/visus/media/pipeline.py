"""From a question to a prompt: every picture found, checked, cleaned and fitted to the model.

The steps, each cheaper than the next and each able to refuse: count, resolve (decode the data
URL, or fetch), sniff and check from the header, clean, fit (in a worker, and only where the
model cannot use the file as it is), encode. Nothing is decoded here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import anyio
import anyio.lowlevel
import msgspec
import pybase64

from visus.core.prompt import Image, ImageType, Prompt, PromptPart, PromptTurn
from visus.core.question import (
    ImageReference,
    InlineImage,
    LinkedImage,
    Question,
    QuestionPart,
    Text,
)
from visus.errors import MediaRejected, ServiceError, TooManyImages, UnsupportedModality
from visus.media import data_url
from visus.media.fetch import FetchedMedia
from visus.media.fitting import Fit, Fitted, pack_job, unpack_fitted
from visus.media.settings import MediaSettings
from visus.media.survey import Survey, check_head, survey
from visus.models.catalogue import Vision
from visus.workers.faults import NoWorker, WorkerFault
from visus.workers.pool import WorkerPool

WORKER_ENTRY: Final = "visus.media.image:worker"
_PEEK_BYTES: Final = 3072
_PEEK_FROM: Final = 128 * 1024
"""Shorter payloads are decoded at once: looking first would cost more."""
_MADE_HERE: Final[tuple[ImageType, ...]] = ("image/jpeg", "image/png")


class PictureSource(Protocol):
    """Where linked pictures come from: `media.fetch.Fetcher`."""

    async def fetch(self, url: str, *, param: str) -> FetchedMedia:
        """The complete file behind `url`, or `ImageUrlRejected` at `param`."""
        ...


class _Ready(NamedTuple):
    """A picture that a model can use; the first fields of `Image`."""

    media_type: ImageType
    width_px: int
    height_px: int
    base64: bytes | memoryview


class _Unfit(NamedTuple):
    """A checked and cleaned file that this model cannot use as it is."""

    data: bytes
    orientation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaPipeline:
    """Prepares questions. Every refusal names the place of its picture."""

    settings: MediaSettings
    fetcher: PictureSource
    pool: WorkerPool
    """Workers with the entry `WORKER_ENTRY`."""

    async def prepare(
        self, question: Question, *, upstream_id: str, sees: Vision | None
    ) -> Prompt:
        """The question as one model gets it.

        Args:
            question: what the caller asked.
            upstream_id: the model's name in its provider's mouth.
            sees: what the model can look at; None for a model that takes text alone.

        Raises:
            UnsupportedModality: a picture for a model that takes text alone.
            TooManyImages: before any picture is looked at.
            MediaRejected: a picture that cannot be had, or that no model should get.
        """
        pictures = [
            part for turn in question.turns for part in turn.parts if not isinstance(part, Text)
        ]
        images: Iterator[Image] = iter(())
        if pictures:
            vision = self._counted(pictures, sees)
            images = iter(await self._prepared(pictures, vision))
        turns = [
            PromptTurn(
                turn.role,
                _replaced(turn.parts, images),
                turn.name,
                turn.tool_calls,
                turn.tool_call_id,
            )
            for turn in question.turns
        ]
        return Prompt(upstream_id, turns, question.options, question.streamed)

    def _counted(self, pictures: Sequence[ImageReference], sees: Vision | None) -> Vision:
        if sees is None:
            raise UnsupportedModality(
                "This model does not take images.", param=pictures[0].param
            )
        most = min(self.settings.max_images, sees.max_images or self.settings.max_images)
        if len(pictures) > most:
            raise TooManyImages(
                f"The request has {len(pictures)} images; at most {most} are allowed.",
                param="messages",
            )
        return sees

    async def _prepared(self, pictures: Sequence[ImageReference], sees: Vision) -> list[Image]:
        """All pictures in their order: first what needs no waiting, then the rest."""
        ready: dict[str | int, _Ready] = {}
        waiting: dict[str | int, LinkedImage | tuple[_Unfit, str]] = {}
        for place, picture in enumerate(pictures):
            if isinstance(picture, LinkedImage):
                waiting.setdefault(picture.url, picture)
                continue
            if place:
                await anyio.lowlevel.checkpoint()
            match self._inline(picture, sees):
                case _Unfit() as unfit:
                    waiting[place] = unfit, picture.param
                case as_it_is:
                    ready[place] = as_it_is
        if waiting:
            ready |= await self._awaited(waiting, sees)
        return [
            Image(
                *ready[picture.url if isinstance(picture, LinkedImage) else place],
                picture.detail,
                picture.param,
            )
            for place, picture in enumerate(pictures)
        ]

    async def _awaited(
        self, waiting: Mapping[str | int, LinkedImage | tuple[_Unfit, str]], sees: Vision
    ) -> dict[str | int, _Ready]:
        """Fetch and fit, a few at a time; the first refusal ends the others."""
        ready: dict[str | int, _Ready] = {}
        refusals: list[ServiceError] = []
        turns = anyio.Semaphore(self.settings.max_at_once)

        async def finish(key: str | int, item: LinkedImage | tuple[_Unfit, str]) -> None:
            try:
                async with turns:
                    ready[key] = await self._finished(item, sees)
            except ServiceError as refusal:
                refusals.append(refusal)
                tasks.cancel_scope.cancel()

        with anyio.move_on_after(self.settings.prepare_s) as deadline:
            async with anyio.create_task_group() as tasks:
                for key, item in waiting.items():
                    tasks.start_soon(finish, key, item)
        if refusals:
            raise refusals[0]
        if deadline.cancelled_caught:
            raise MediaRejected("The images were not ready in time.", param="messages")
        return ready

    async def _finished(self, item: LinkedImage | tuple[_Unfit, str], sees: Vision) -> _Ready:
        match item:
            case LinkedImage():
                return await self._linked(item, sees)
            case unfit, param:
                return await self._fitted(unfit, sees, param=param)

    # --- One picture -------------------------------------------------------------------------

    def _inline(self, picture: InlineImage, sees: Vision) -> _Ready | _Unfit:
        try:
            base64 = data_url.payload(picture.data_url)
            if len(base64) > _PEEK_FROM and (head := data_url.peek(base64, _PEEK_BYTES)):
                check_head(head, self.settings)
            file = data_url.decode(base64, max_bytes=self.settings.max_bytes)
            return self._checked(file.data, file.base64, sees)
        except ServiceError as refusal:
            raise refusal.at(picture.param) from refusal

    async def _linked(self, picture: LinkedImage, sees: Vision) -> _Ready:
        fetched = await self.fetcher.fetch(picture.url, param=picture.param)
        try:
            checked = self._checked(fetched.data, None, sees)
        except ServiceError as refusal:
            raise refusal.at(picture.param) from refusal
        if isinstance(checked, _Unfit):
            return await self._fitted(checked, sees, param=picture.param)
        return checked

    def _checked(self, data: bytes, base64: memoryview | None, sees: Vision) -> _Ready | _Unfit:
        """Sniff, check and clean; the caller's own base64 is kept where nothing changes."""
        found = survey(data, self.settings)
        clean = data if found.cleaned is None else found.cleaned
        if _must_be_fitted(found, len(clean), sees):
            return _Unfit(clean, found.orientation)
        if base64 is None or found.cleaned is not None:
            base64 = memoryview(pybase64.b64encode(clean))
        return _Ready(found.media_type, found.width_px, found.height_px, base64)

    async def _fitted(self, unfit: _Unfit, sees: Vision, *, param: str) -> _Ready:
        fit = Fit(
            formats=tuple(kind for kind in _MADE_HERE if kind in sees.formats),
            max_pixels=sees.max_pixels,
            max_bytes=sees.max_bytes,
            background=self.settings.background,
            orientation=unfit.orientation,
            source_max_pixels=self.settings.max_pixels,
            source_max_frames=self.settings.max_frames,
            source_max_frames_pixels=self.settings.max_frames_pixels,
        )
        if not fit.formats:
            raise MediaRejected("This model cannot take an image like this.", param=param)
        try:
            fitted = _unpacked(await self.pool.call(pack_job(unfit.data, fit)))
        except NoWorker:
            raise
        except WorkerFault as fault:
            raise MediaRejected(
                "The image could not be decoded.", param=param, detail=fault.detail
            ) from fault
        except MediaRejected as refusal:
            raise refusal.at(param) from refusal
        return _Ready(
            fitted.media_type,
            fitted.width_px,
            fitted.height_px,
            pybase64.b64encode(fitted.data),
        )


def _must_be_fitted(found: Survey, size: int, sees: Vision) -> bool:
    return (
        found.obstacle is not None
        or found.media_type not in sees.formats
        or (sees.max_bytes is not None and size > sees.max_bytes)
        or (sees.max_pixels is not None and found.width_px * found.height_px > sees.max_pixels)
    )


def _unpacked(result: bytes) -> Fitted:
    try:
        return unpack_fitted(result)
    except msgspec.MsgspecError as fault:
        raise MediaRejected("The image could not be decoded.", detail=str(fault)) from fault


def _replaced(parts: Sequence[QuestionPart], images: Iterator[Image]) -> Sequence[PromptPart]:
    """The parts with each reference replaced by its image."""
    return [part if isinstance(part, Text) else next(images) for part in parts]
