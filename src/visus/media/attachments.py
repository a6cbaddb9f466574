"""Videos and PDFs: sent as files to models that take them, as pictures to all others.

A video becomes frames, each under a line with its time; a PDF becomes a picture of each page,
followed by the text of its text layer. Nothing is left out silently: a document with more pages
than the model takes pictures is refused, unless the caller chose pages. A worker opens every
file first, also one that is sent as it is: its length or page count is then known, and a file
that cannot be opened is refused here. A video is sent without its metadata; a PDF is not
changed. The report says why a file was not sent as it is.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec
import pybase64

from visus.core.prompt import (
    Image,
    ImageType,
    MediaFile,
    PromptPart,
    Sampling,
    SentMedia,
)
from visus.core.question import (
    Detail,
    Document,
    MediaWishes,
    PageRange,
    Text,
    Video,
)
from visus.core.tokens import Size, boxed
from visus.core.video_tokens import Clip, VideoRule
from visus.errors import (
    InvalidFile,
    InvalidValue,
    InvalidVideo,
    ServiceError,
    TooManyImages,
)
from visus.media import paging, sampling
from visus.media.cleaning import Blank, cleaned
from visus.media.fit import Fitting, Picture, fit, image_tokens
from visus.media.fitting import Fitted
from visus.media.jobs import pack_job
from visus.media.renditions import Rendition, Renditions, key_of
from visus.media.resolving import Attachment
from visus.media.settings import MediaSettings
from visus.media.steps import Step, Steps
from visus.models.catalogue import Vision
from visus.workers.faults import NoWorker, WorkerFault
from visus.workers.pool import WorkerPool

VIDEO_ENTRY: Final = "visus.media.video:worker"
DOCUMENT_ENTRY: Final = "visus.media.document:worker"
_MADE_HERE: Final[tuple[ImageType, ...]] = ("image/jpeg", "image/png")


class Shown(NamedTuple):
    """An attachment as a model gets it."""

    parts: Sequence[PromptPart]
    """Pictures and the lines around them, or the file."""
    images: Sequence[SentMedia]
    tokens: int | None
    """By the model's formula."""
    width_px: int
    """Of the video's frames, or of the first page as drawn."""
    height_px: int
    frames: int
    """Of the video, about; or pages of the document."""
    steps: Sequence[str]
    was_kept: bool
    """Whether the pictures had been made before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachments:
    """Turns attachments into pictures, in workers."""

    settings: MediaSettings
    videos: WorkerPool
    """Workers with the entry `VIDEO_ENTRY`."""
    documents: WorkerPool
    """Workers with the entry `DOCUMENT_ENTRY`."""
    renditions: Renditions
    steps: Steps = field(default_factory=Steps)

    async def shown(
        self,
        attachment: Attachment,
        wanted: Video | Document,
        sees: Vision,
        *,
        max_pictures: int,
        wishes: MediaWishes,
    ) -> Shown:
        """The attachment as the model that `sees` gets it.

        The file itself, where the model takes it and can honour every wish; otherwise at most
        `max_pictures`, each within the model's bounds. A caller who limits tokens or chooses
        pages always gets pictures: neither can be had of a whole file.

        Raises:
            InvalidVideo, VideoTooLong, InvalidFile, EncryptedFile: it cannot be shown.
            InvalidValue: a page wanted is not there.
            TooManyImages: a document with more pages, or more of them wanted.
        """
        formats: tuple[ImageType, ...] = tuple(
            kind for kind in _MADE_HERE if kind in sees.formats
        )
        budget = _Budget(formats, sees, wishes.max_tokens_per_image, max_pictures)
        why = _why_pictures(sees, attachment, wanted, wishes)
        try:
            if isinstance(wanted, Video):
                return await self._video(attachment, wanted, budget, why)
            if why is None:
                return await self._pdf_file(attachment, wanted, sees)
            return await self._pdf_pages(attachment, wanted, budget, wishes.pages, why=why)
        except NoWorker:
            raise
        except WorkerFault as fault:
            kind = InvalidVideo if isinstance(wanted, Video) else InvalidFile
            message = "The file could not be decoded."
            raise kind(message, param=wanted.param, detail=fault.detail) from fault
        except ServiceError as refusal:
            raise refusal.at(refusal.param or wanted.param) from refusal

    async def _video(
        self, attachment: Attachment, wanted: Video, budget: "_Budget", why: str | None
    ) -> Shown:
        if why is None:
            return await self._video_file(attachment, wanted, budget)
        return await self._video_frames(attachment, wanted, budget, why=why)

    # --- As it is ----------------------------------------------------------------------------

    async def _video_file(
        self, attachment: Attachment, wanted: Video, budget: "_Budget"
    ) -> Shown:
        """The file without its metadata; as frames where the metadata cannot be removed."""
        video, was_kept = await self._decoded(attachment, None)
        if video.blanks is None:
            why = "its metadata cannot be removed"
            return await self._video_frames(attachment, wanted, budget, why=why)
        if wanted.start_s >= video.duration_s:
            raise InvalidVideo(f"The video ends after {video.duration_s:.2f} seconds.")
        file = MediaFile(
            video.media_type,
            video.width_px,
            video.height_px,
            _cleaned(attachment, video.blanks),
            wanted.param,
            sampling=_sampling(wanted),
        )
        tokens = None
        if budget.sees.video_tokens is not None:
            rule = budget.sees.video_tokens.rule
            tokens = rule.count(_clip(video, wanted, rule), file.detail)
        return Shown(
            parts=(file,),
            images=(file,),
            tokens=tokens,
            width_px=video.width_px,
            height_px=video.height_px,
            frames=max(1, round(video.fps * video.duration_s)),
            steps=("metadata removed",) if video.blanks else (),
            was_kept=was_kept,
        )

    async def _pdf_file(self, attachment: Attachment, wanted: Document, sees: Vision) -> Shown:
        facts, was_kept = await self._rendered(attachment, None)
        file = MediaFile(
            "application/pdf",
            0,
            0,
            _base64(attachment),
            wanted.param,
            filename=wanted.filename,
        )
        each = sees.pdf_page_tokens
        tokens = None if each is None else each * facts.page_count
        return Shown(
            parts=(file,),
            images=(file,),
            tokens=tokens,
            width_px=0,
            height_px=0,
            frames=facts.page_count,
            steps=(),
            was_kept=was_kept,
        )

    # --- As pictures -------------------------------------------------------------------------

    async def _video_frames(
        self, attachment: Attachment, wanted: Video, budget: "_Budget", *, why: str
    ) -> Shown:
        """Its frames as pictures; the report says `why` the file itself was not sent."""
        facts, _ = await self._decoded(attachment, None)
        fitting, box = self._frames_fitted(facts, budget)
        video, was_kept = await self._decoded(attachment, self._wish(wanted, budget, box))
        if not video.frames:
            raise InvalidVideo("The video has no frame that can be decoded.")
        images = [
            _image(
                frame.picture,
                wanted.param,
                f"Frame at {frame.time_s:.2f} s",
                detail=fitting.detail,
            )
            for frame in video.frames
        ]
        frames = f"{len(images)} frame{'s' if len(images) > 1 else ''}"
        said = f"A video of {video.duration_s:.2f} s, shown as {frames}."
        return Shown(
            parts=[Text(said), *(part for image in images for part in _captioned(image))],
            images=images,
            tokens=image_tokens(images, budget.sees),
            width_px=video.width_px,
            height_px=video.height_px,
            frames=max(len(images), round(video.fps * video.duration_s)),
            steps=[
                f"not sent as it is: {why}",
                "decoded",
                f"{frames} taken",
                f"encoded as {images[0].media_type}",
            ],
            was_kept=was_kept,
        )

    def _frames_fitted(
        self, facts: sampling.DecodedVideo, budget: "_Budget"
    ) -> tuple[Fitting, Size]:
        """What the model should get of each frame, and the box that all of them fit into."""
        side = self.settings.video.frame_side_px
        largest = boxed(Size(facts.width_px, facts.height_px), side)
        fitting = budget.fitting(largest)
        target = Size(fitting.width_px, fitting.height_px)
        # Later frames may be larger than the first.
        return fitting, Size(side, side) if target == largest else target

    def _wish(self, wanted: Video, budget: "_Budget", box: Size) -> sampling.Wish:
        limits = self.settings.video
        most = min(wanted.max_frames or limits.default_frames, limits.max_frames)
        return sampling.Wish(
            fps=min(wanted.fps or 1.0, limits.max_fps),
            start_s=wanted.start_s,
            end_s=wanted.end_s,
            max_frames=min(most, budget.max_pictures),
            formats=budget.formats,
            max_width_px=box.width_px,
            max_height_px=box.height_px,
            max_pixels=budget.sees.max_pixels,
            max_bytes=budget.sees.max_bytes,
        )

    async def _decoded(
        self, attachment: Attachment, wish: sampling.Wish | None
    ) -> Rendition[sampling.DecodedVideo]:
        """The video with the frames wished for; without a `wish`, its properties alone."""
        if attachment.video is None:
            raise InvalidVideo("The file is no video.")
        bounds = sampling.bounds_of(self.settings.video)
        task = sampling.Task(attachment.video, bounds, wish)
        job = pack_job(attachment.data, task)
        key = key_of(attachment.owner, job)
        try:
            return await self.renditions.get(
                key, lambda: _run(self.videos, self.steps.cut, job), sampling.unpack_video
            )
        except msgspec.MsgspecError as fault:
            raise InvalidVideo("The video could not be decoded.", detail=str(fault)) from fault

    async def _pdf_pages(
        self,
        attachment: Attachment,
        wanted: Document,
        budget: "_Budget",
        chosen: Sequence[PageRange],
        *,
        why: str,
    ) -> Shown:
        """Its pages as pictures; the report says `why` the file itself was not sent."""
        facts, _ = await self._rendered(
            attachment, None, chosen, measured_pages=budget.max_pictures
        )
        numbers = paging.numbers_of(facts.page_count, chosen)
        _check_pages(numbers, chosen, facts.page_count, max_pictures=budget.max_pictures)
        fittings = [budget.fitting(Size(*size)) for size in facts.sizes]
        wish = paging.Wish(
            numbers=numbers,
            sizes=tuple((each.width_px, each.height_px) for each in fittings),
            formats=budget.formats,
            max_bytes=budget.sees.max_bytes,
        )
        document, was_kept = await self._rendered(attachment, wish)
        images = _page_images(document, fittings, wanted.param)
        has_text = any(page.text.strip() for page in document.pages)
        return Shown(
            parts=_with_texts(document.pages, images),
            images=images,
            tokens=image_tokens(images, budget.sees),
            width_px=images[0].width_px,
            height_px=images[0].height_px,
            frames=document.page_count,
            steps=[
                f"not sent as it is: {why}",
                f"{len(images)} of {document.page_count} pages drawn",
                *(["text layer added"] if has_text else ()),
                f"encoded as {images[0].media_type}",
            ],
            was_kept=was_kept,
        )

    async def _rendered(
        self,
        attachment: Attachment,
        wish: paging.Wish | None,
        chosen: Sequence[PageRange] = (),
        *,
        measured_pages: int = 0,
    ) -> Rendition[paging.OpenedDocument]:
        """The pages wished for; without a `wish`, the page count and sizes of those chosen."""
        task = paging.Task(
            paging.bounds_of(self.settings.documents), wish, tuple(chosen), measured_pages
        )
        job = pack_job(attachment.data, task)
        key = key_of(attachment.owner, job)
        try:
            return await self.renditions.get(
                key, lambda: _run(self.documents, self.steps.draw, job), paging.unpack_document
            )
        except msgspec.MsgspecError as fault:
            raise InvalidFile("The document could not be read.", detail=str(fault)) from fault


async def _run(pool: WorkerPool, step: Step, job: bytes) -> bytes:
    """Has a worker do `job`, and counts how long it took."""
    began_s = time.monotonic()
    made = await pool.call(job)
    step.took(time.monotonic() - began_s, len(made))
    return made


class _Budget(NamedTuple):
    """The pictures of an attachment that a model can use."""

    formats: tuple[ImageType, ...]
    sees: Vision
    max_tokens: int | None
    """Of each picture."""
    max_pictures: int

    def fitting(self, size: Size) -> Fitting:
        """What the model should get of a frame or a page of that size."""
        picture = Picture("image/jpeg", *size, size_bytes=0)
        return fit(picture, self.sees, detail="auto", max_tokens_per_image=self.max_tokens)


def _check_pages(
    numbers: Sequence[int], chosen: Sequence[PageRange], page_count: int, *, max_pictures: int
) -> None:
    """Refuses a choice that begins behind the end, and more pages than there is room for."""
    for absent in (one.first for one in chosen if one.first > page_count):
        raise InvalidValue(
            f"The document has {page_count} pages: there is no page {absent}.",
            param="visus.pages",
        )
    if len(numbers) > max_pictures:
        wanted = "" if len(numbers) == page_count else f", of which {len(numbers)} are wanted"
        raise TooManyImages(
            f"The document has {page_count} pages{wanted}; at most {max_pictures} images are "
            "left for it in this request to this model. Choose pages with 'visus.pages', as in"
            f" '1-{max_pictures}'."
        )


def _why_pictures(
    sees: Vision, attachment: Attachment, wanted: Video | Document, wishes: MediaWishes
) -> str | None:
    """Why the file does not go to the model's server as it is; None where it does."""
    if isinstance(wanted, Video):
        why = _why_no_video_file(sees, attachment, wanted)
    else:
        why = _why_no_pdf_file(sees, wishes)
    if why is None and wishes.max_tokens_per_image is not None:
        return "max_tokens_per_image bounds pictures alone"
    size_bytes = len(attachment.data)
    encoded_bytes = -(-size_bytes // 3) * 4
    is_inline = sees.max_inline_bytes is None or encoded_bytes <= sees.max_inline_bytes
    if why is None and not is_inline and size_bytes > (sees.max_upload_bytes or 0):
        return "it is too large for the model's server"
    return why


def _why_no_pdf_file(sees: Vision, wishes: MediaWishes) -> str | None:
    if not sees.pdf:
        return "the model takes no PDF"
    return "pages were chosen" if wishes.pages else None


def _why_no_video_file(sees: Vision, attachment: Attachment, wanted: Video) -> str | None:
    if not sees.video:
        return "the model takes no video"
    if attachment.video not in sees.video_formats:
        return f"the model takes no {attachment.video}"
    unheeded = ", ".join(_unheeded(sees, _sampling(wanted)))
    return f"the model's server would not heed {unheeded}" if unheeded else None


def _unheeded(sees: Vision, wishes: Sampling) -> Sequence[str]:
    """The wishes that the model's server would not heed."""
    named = wishes.named()
    if isinstance(sees.video_sampling, bool):
        return () if sees.video_sampling else list(named)
    return [name for name in named if name not in sees.video_sampling]


def _sampling(wanted: Video) -> Sampling:
    return Sampling(wanted.fps, wanted.start_s or None, wanted.end_s, wanted.max_frames)


def _clip(video: sampling.DecodedVideo, wanted: Video, rule: VideoRule) -> Clip:
    """What the model looks at, as `core.video_tokens` counts it."""
    end_s = video.duration_s if wanted.end_s is None else min(wanted.end_s, video.duration_s)
    duration_s = max(0.0, end_s - wanted.start_s)
    frames = None if wanted.fps is None else max(1, round(duration_s * wanted.fps))
    milliseconds = round(duration_s * 1000)
    clip = Clip(video.width_px, video.height_px, milliseconds, frames, video.has_sound)
    if wanted.max_frames is None:
        return clip
    return clip._replace(frames=min(rule.frames(clip), wanted.max_frames))


def _cleaned(attachment: Attachment, blanks: Sequence[Blank]) -> bytes | memoryview:
    """The file in base64, with these stretches overwritten."""
    if not blanks:
        return _base64(attachment)
    try:
        return pybase64.b64encode(cleaned(attachment.data, blanks))
    except ValueError as fault:
        raise InvalidVideo("The video could not be decoded.", detail=str(fault)) from fault


def _base64(attachment: Attachment) -> bytes | memoryview:
    """The file in base64: as the caller sent it, where they did."""
    if attachment.base64 is not None:
        return attachment.base64
    return pybase64.b64encode(attachment.data)


def _captioned(image: Image) -> Sequence[PromptPart]:
    return Text(f"{image.caption}:"), image


def _page_images(
    document: paging.OpenedDocument, fittings: Sequence[Fitting], param: str
) -> Sequence[Image]:
    return [
        _image(
            page.picture,
            param,
            f"Page {page.number} of {document.page_count}",
            detail=fitting.detail,
        )
        for page, fitting in zip(document.pages, fittings, strict=True)
    ]


def _with_texts(pages: Sequence[paging.Page], images: Sequence[Image]) -> Sequence[PromptPart]:
    """Each page's picture, followed by the text of its text layer, if any."""
    parts: list[PromptPart] = []
    for page, image in zip(pages, images, strict=True):
        parts += _captioned(image)
        if text := page.text.strip():
            parts.append(Text(f"Text of page {page.number}:\n{text}"))
    return parts


def _image(picture: Fitted, param: str, caption: str, *, detail: Detail) -> Image:
    return Image(
        picture.media_type,
        picture.width_px,
        picture.height_px,
        pybase64.b64encode(picture.data),
        detail,
        param,
        caption,
    )
