"""From a question to a prompt: every picture fetched, checked, cleaned and converted.

The steps, each cheaper than the next and each able to refuse: count, resolve (decode the data
URL, fetch, or open the file), sniff and check from the header, clean, fit (in a worker, and
only where the model cannot use the file as it is), encode, place. Nothing is decoded here;
WebP and GIF that stay as they are have a worker find out whether they can be.
What was resolved serves any number of models: `resolve` once, `fitted` for each.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias, assert_never

import msgspec
import pybase64
from msgspec.structs import replace

from visus.core.prompt import Image, Prompt
from visus.core.question import (
    Detail,
    Document,
    InlineImage,
    LinkedImage,
    MediaReference,
    MediaWishes,
    Question,
    StoredImage,
    Text,
    Video,
)
from visus.errors import (
    MediaRejected,
    TooManyImages,
    UnsupportedModality,
    UnsupportedParameter,
)
from visus.media import readying
from visus.media.attachments import Attachments
from visus.media.filling import filled, without_media
from visus.media.fitting import Fit, Fitted, unpack_frames
from visus.media.jobs import pack_job
from visus.media.readying import (
    PROVEN_BY_DECODING,
    Ready,
    Unfit,
    Unproven,
    as_it_is,
    fitting_of,
    inline_bytes,
)
from visus.media.renditions import Renditions, key_of
from visus.media.resolving import (
    Attachment,
    Key,
    Resolved,
    Resolver,
    Source,
    each,
    key_at,
    ms_since,
)
from visus.media.settings import MediaSettings
from visus.models.catalogue import Vision
from visus.workers.faults import NoWorker, WorkerFault
from visus.workers.pool import WorkerPool

WORKER_ENTRY: Final = "visus.media.image:worker"

_PROOF_SIDE_PX: Final = 8
_ATTACHED: Final = (Video, Document)
"""What becomes several pictures, or travels as it is."""

_Twins: TypeAlias = tuple[Key, Detail]
"""What the same file at the same detail has in common."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaPipeline:
    """Prepares questions. Every refusal names the place of its picture."""

    settings: MediaSettings
    resolver: Resolver
    pool: WorkerPool
    """Workers with the entry `WORKER_ENTRY`."""
    renditions: Renditions
    attachments: Attachments

    async def prepare(
        self, question: Question, *, upstream_id: str, sees: Vision | None
    ) -> Prompt:
        """The question as one model gets it.

        Args:
            question: what the caller asked.
            upstream_id: the model's name at its provider.
            sees: what the model can look at; None for a model that takes text alone.

        Raises:
            UnsupportedModality: a picture for a model that takes text alone.
            TooManyImages: before any picture is looked at.
            UnsupportedParameter: a wish that this model cannot meet.
            MediaRejected: a picture that cannot be had, or that no model should get.
        """
        references = self._references(question, sees)
        if not references:
            return without_media(question, upstream_id=upstream_id)
        if sees is not None and (ready := self._recognised(references, question, sees)):
            return filled(question, ready, upstream_id=upstream_id, sees=sees)
        resolved = await self.resolve(references, owner=question.owner)
        return await self.fitted(question, resolved, upstream_id=upstream_id, sees=sees)

    async def resolved(self, question: Question, sees: Vision | None) -> Resolved:
        """Gets and checks every file of the question, for this model and any other.

        Raises:
            ServiceError: as `prepare`; what this model refuses is refused before anything is
                had.
        """
        references = self._references(question, sees)
        return await self.resolve(references, owner=question.owner)

    async def resolve(self, references: Sequence[MediaReference], *, owner: str) -> Resolved:
        """Gets and checks every file, each once.

        Raises:
            TooManyImages: before any picture is looked at.
            MediaRejected: a picture that cannot be had, or that no model should get.
        """
        self._check_count(references, self.settings.max_images)
        return await self.resolver.resolve(references, owner=owner)

    async def fitted(
        self, question: Question, resolved: Resolved, *, upstream_id: str, sees: Vision | None
    ) -> Prompt:
        """The question as one model gets it, from resolved pictures; see `prepare`."""
        if not resolved.references:
            return without_media(question, upstream_id=upstream_id)
        vision = self._check(resolved.references, sees, question.media)
        ready = await self._all_within(resolved, vision, question)
        self._check_sent(ready, vision)
        return filled(question, ready, upstream_id=upstream_id, sees=vision)

    async def thumbnail(self, image: Image, *, side_px: int) -> bytes:
        """A PNG of a prepared picture, no side longer than `side_px`; made in a worker.

        Raises:
            MediaRejected: it cannot be decoded.
        """
        job = pack_job(
            pybase64.b64decode(image.base64),
            Fit(
                formats=("image/png",),
                max_side_px=side_px,
                source_max_pixels=self.settings.max_pixels,
            ),
        )
        try:
            return _unpacked(await self._decoded(job))[0].data
        except MediaRejected as refusal:
            raise refusal.at(image.param) from refusal

    # --- What can be refused at once ---------------------------------------------------------

    def _references(self, question: Question, sees: Vision | None) -> Sequence[MediaReference]:
        references = [
            part for turn in question.turns for part in turn.parts if not isinstance(part, Text)
        ]
        if references:
            self._check(references, sees, question.media)
        return references

    def _check(
        self, references: Sequence[MediaReference], sees: Vision | None, wishes: MediaWishes
    ) -> Vision:
        if sees is None:
            raise UnsupportedModality(
                "This model does not take images.", param=references[0].param
            )
        if wishes.max_tokens_per_image is not None and sees.tokens is None:
            raise UnsupportedParameter(
                "Nobody knows what an image costs on this model.",
                param="visus.max_tokens_per_image",
            )
        self._check_count(references, self._most_images(sees))
        return sees

    def _most_images(self, sees: Vision) -> int:
        limit = self.settings.max_images
        return min(limit, sees.max_images or limit)

    @staticmethod
    def _check_count(references: Sequence[MediaReference], most: int) -> None:
        if len(references) > most:
            raise TooManyImages(
                f"The request has {len(references)} images; at most {most} are allowed.",
                param="messages",
            )

    def _check_sent(self, ready: Sequence[Ready], sees: Vision) -> None:
        """Frames and pages count too."""
        most = self._most_images(sees)
        count = sum(isinstance(sent, Image) for one in ready for sent in one.report.images)
        if count > most:
            raise TooManyImages(
                f"With all frames the request has {count} images; at most {most} are allowed.",
                param="visus.frames",
            )

    # --- Fitting one picture -----------------------------------------------------------------

    def _recognised(
        self, references: Sequence[MediaReference], question: Question, sees: Vision
    ) -> Sequence[Ready] | None:
        """All of them, where each was in an earlier request and fits this model as it is.

        The short way for what every turn of a conversation sends again; None for the long one.
        """
        ready: list[Ready] = []
        for wanted in references:
            source = self.resolver.recognised(wanted, owner=question.owner)
            if source is None or isinstance(wanted, _ATTACHED):
                return None
            fitting = fitting_of(source, sees, wanted, question.media)
            sent = as_it_is(source, wanted, fitting, question.media)
            if sent is None or source.found.media_type in PROVEN_BY_DECODING:
                return None
            ready.append(sent)
        most = sees.max_inline_bytes
        if most is not None and inline_bytes(ready) > most:
            return None
        for one in ready:
            self.resolver.steps.read.took(one.report.ms / 1000, one.report.bytes_in)
        return ready

    async def _all_within(
        self, resolved: Resolved, sees: Vision, question: Question
    ) -> Sequence[Ready]:
        """All fitted; where they are too large together, none larger than its share."""
        ready = await self._all_fitted(resolved, sees, question)
        most = sees.max_inline_bytes
        if most is None or sees.max_upload_bytes or inline_bytes(ready) <= most:
            return ready
        sent = sum(len(one.report.images) for one in ready)
        ready = await self._all_fitted(resolved, _with_share(sees, most // sent), question)
        if inline_bytes(ready) > most:
            raise MediaRejected(
                f"All media together are larger than the {most} bytes that this model's"
                " server takes in one request.",
                param="messages",
            )
        return ready

    async def _all_fitted(
        self, resolved: Resolved, sees: Vision, question: Question
    ) -> Sequence[Ready]:
        references = resolved.references
        twins = [_twins(index, wanted) for index, wanted in enumerate(references)]
        most = self._share(references, sees)
        ready: dict[_Twins, Ready] = {}
        unfit: dict[_Twins, Unfit | Unproven | _Attached] = {}
        for index, key in enumerate(twins):
            if key in ready or key in unfit:
                continue
            begun = _begun(resolved, index, sees, question, most=most)
            if isinstance(begun, Ready):
                ready[key] = begun
            else:
                unfit[key] = begun
        if unfit:
            ready |= await each(
                unfit, self._made, resolved.deadline_s, at_once=self.settings.max_at_once
            )
        return [
            ready[key].at(wanted.param) for key, wanted in zip(twins, references, strict=True)
        ]

    def _share(self, references: Sequence[MediaReference], sees: Vision) -> int:
        """How many pictures each video or document may become."""
        most = self._most_images(sees)
        attached = sum(isinstance(one, _ATTACHED) for one in references)
        return max(1, (most - len(references) + attached) // attached) if attached else most

    async def _made(self, item: "Unfit | Unproven | _Attached") -> Ready:
        match item:
            case Unfit():
                return await self._made_over(item)
            case Unproven():
                return await self._proven(item)
            case _Attached():
                return await self._shown(item)
            case _:
                assert_never(item)

    async def _shown(self, item: "_Attached") -> Ready:
        began_s = time.monotonic()
        shown = await self.attachments.shown(
            item.attachment,
            item.wanted,
            item.sees,
            max_pictures=item.most,
            wishes=item.wishes,
        )
        return readying.shown(item.attachment, item.wanted, shown, ms=ms_since(began_s))

    async def _made_over(self, unfit: Unfit) -> Ready:
        began_s = time.monotonic()
        param = unfit.picture.param
        job = pack_job(unfit.data, self._fit(unfit))
        try:
            frames, was_kept = await self.renditions.get(
                key_of(unfit.owner, job), lambda: self._decoded(job), _unpacked
            )
        except MediaRejected as refusal:
            raise refusal.at(param) from refusal
        ready = readying.made_over(unfit, frames, began_s=began_s)
        if not was_kept:
            made_ms = ready.report.ms - unfit.source.ms
            size = sum(len(frame.data) for frame in frames)
            self.resolver.steps.make.took(made_ms / 1000, size)
        return replace(ready, report=replace(ready.report, was_kept=was_kept))

    async def _proven(self, unproven: Unproven) -> Ready:
        """The picture as it is, if a worker can decode it; what it shows then is kept tiny."""
        tiny = Fit(
            formats=("image/png",),
            max_side_px=_PROOF_SIDE_PX,
            source_max_pixels=self.settings.max_pixels,
        )
        job = pack_job(unproven.source.clean, tiny)
        try:
            await self.renditions.get(
                key_of(unproven.owner, job), lambda: self._decoded(job), _unpacked
            )
        except MediaRejected as refusal:
            raise refusal.at(unproven.picture.param) from refusal
        return unproven.ready

    async def _decoded(self, job: bytes) -> bytes:
        try:
            return await self.pool.call(job)
        except NoWorker:
            raise
        except WorkerFault as fault:
            message = "The image could not be decoded."
            raise MediaRejected(message, detail=fault.detail) from fault

    def _fit(self, unfit: Unfit) -> Fit:
        fitting = unfit.fitting
        if not fitting.formats:
            raise MediaRejected(
                "This model cannot take an image like this.", param=unfit.picture.param
            )
        return Fit(
            formats=fitting.formats,
            max_width_px=fitting.width_px,
            max_height_px=fitting.height_px,
            max_bytes=fitting.max_bytes,
            frames=unfit.frames,
            background=self.settings.background,
            orientation=unfit.source.found.orientation,
            source_max_pixels=self.settings.max_pixels,
            source_max_frames=self.settings.max_frames,
            source_max_frames_pixels=self.settings.max_frames_pixels,
        )


class _Attached(NamedTuple):
    """A video or a document that this model gets as pictures."""

    attachment: Attachment
    wanted: Video | Document
    sees: Vision
    most: int
    """Pictures."""
    wishes: MediaWishes


def _twins(index: int, wanted: MediaReference) -> _Twins:
    detail = "auto" if isinstance(wanted, _ATTACHED) else wanted.detail
    return key_at(index, wanted), detail


def _begun(
    resolved: Resolved, index: int, sees: Vision, question: Question, *, most: int
) -> "Ready | Unfit | Unproven | _Attached":
    """What a model gets for a reference, or the work that has to be done first."""
    source, wanted, wishes = resolved.source(index), resolved.references[index], question.media
    match source, wanted:
        case Attachment(), Video() | Document():
            return _Attached(source, wanted, sees, most, wishes)
        case Source(), InlineImage() | LinkedImage() | StoredImage():
            fitting = fitting_of(source, sees, wanted, wishes)
            sent = as_it_is(source, wanted, fitting, wishes)
            if sent is None:
                return Unfit(source, wanted, fitting, wishes.frames, question.owner, sees)
            if source.found.media_type in PROVEN_BY_DECODING:
                return Unproven(sent, source, wanted, question.owner)
            return sent
        case _:
            raise TypeError("a reference to a file of another kind")


def _with_share(sees: Vision, share: int) -> Vision:
    """The same limits for media of which none may have more than `share` bytes in base64."""
    max_bytes = max(1, share // 4 * 3)
    return msgspec.structs.replace(
        sees, max_bytes=min(sees.max_bytes or max_bytes, max_bytes), max_inline_bytes=share
    )


def _unpacked(result: bytes) -> Sequence[Fitted]:
    try:
        return unpack_frames(result)
    except msgspec.MsgspecError as fault:
        raise MediaRejected("The image could not be decoded.", detail=str(fault)) from fault
