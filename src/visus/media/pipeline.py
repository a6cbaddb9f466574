"""From a question to a prompt: every picture found, checked, cleaned and fitted to the model.

The steps, each cheaper than the next and each able to refuse: count, resolve (decode the data
URL, fetch, or open the file), sniff and check from the header, clean, fit (in a worker, and
only where the model cannot use the file as it is), encode, place. Nothing is decoded here.
What was resolved serves any number of models: `resolve` once, `fitted` for each.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import msgspec
import pybase64

from visus.core.prompt import Image, PartReport, Prompt, PromptPart, PromptTurn
from visus.core.question import (
    Detail,
    Document,
    ImageReference,
    MediaReference,
    MediaWishes,
    Question,
    Text,
    Video,
)
from visus.errors import (
    MediaRejected,
    ServiceError,
    TooManyImages,
    UnsupportedModality,
    UnsupportedParameter,
)
from visus.media.attachments import Attachments
from visus.media.exif import is_on_its_side
from visus.media.fit import Fitting, Picture, fit, image_tokens
from visus.media.fitting import Fit, Fitted, unpack_frames
from visus.media.jobs import pack_job
from visus.media.placing import placed
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
from visus.media.survey import Survey
from visus.models.catalogue import Vision
from visus.workers.faults import NoWorker, WorkerFault
from visus.workers.pool import WorkerPool

WORKER_ENTRY: Final = "visus.media.image:worker"

_ATTACHED: Final = (Video, Document)
"""What becomes several pictures, or travels as it is."""

_Twins: TypeAlias = tuple[Key, Detail]
"""What the same file at the same detail has in common."""


class _Ready(NamedTuple):
    """What a model gets for one reference: a picture, or several with lines around them."""

    parts: Sequence[PromptPart]
    report: PartReport

    def at(self, param: str) -> "_Ready":
        """The same for another place."""
        if self.report.images[0].param == param:
            return self
        images = [image._replace(param=param) for image in self.report.images]
        moved = iter(images)
        parts = [part if isinstance(part, Text) else next(moved) for part in self.parts]
        return _Ready(parts, self.report._replace(path=_path(param), images=images))


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
            upstream_id: the model's name in its provider's mouth.
            sees: what the model can look at; None for a model that takes text alone.

        Raises:
            UnsupportedModality: a picture for a model that takes text alone.
            TooManyImages: before any picture is looked at.
            UnsupportedParameter: a wish that this model cannot meet.
            MediaRejected: a picture that cannot be had, or that no model should get.
        """
        references = self._references(question, sees)
        if not references:
            return _prompt(question, upstream_id, _filled(question, ()), ())
        if sees is not None and (ready := self._recognised(references, question, sees)):
            return _placed(question, ready, upstream_id, sees)
        resolved = await self.resolve(references, owner=question.owner)
        return await self.fitted(question, resolved, upstream_id=upstream_id, sees=sees)

    async def resolved(self, question: Question, sees: Vision | None) -> Resolved:
        """Has and checks every file of the question, for this model and any other.

        Raises:
            ServiceError: as `prepare`; what this model refuses is refused before anything is
                had.
        """
        references = self._references(question, sees)
        return await self.resolve(references, owner=question.owner)

    async def resolve(self, references: Sequence[MediaReference], *, owner: str) -> Resolved:
        """Has and checks every file, each once.

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
            return _prompt(question, upstream_id, _filled(question, ()), ())
        vision = self._check(resolved.references, sees, question.media)
        ready = await self._all_within(resolved, vision, question)
        self._check_sent(ready, vision)
        return _placed(question, ready, upstream_id, vision)

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

    def _check_sent(self, ready: Sequence[_Ready], sees: Vision) -> None:
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
    ) -> Sequence[_Ready] | None:
        """All of them, where each was in an earlier request and fits this model as it is.

        The short way for what every turn of a conversation sends again; None for the long one.
        """
        ready: list[_Ready] = []
        for wanted in references:
            source = self.resolver.recognised(wanted, owner=question.owner)
            if source is None or isinstance(wanted, _ATTACHED):
                return None
            fitting = _fitting(source, sees, wanted, question.media)
            if (sent := _as_it_is(source, wanted, fitting, question.media)) is None:
                return None
            ready.append(sent)
        most = sees.max_inline_bytes
        if most is not None and _inline_bytes(ready) > most:
            return None
        for one in ready:
            self.resolver.steps.read.took(one.report.ms / 1000, one.report.bytes_in)
        return ready

    async def _all_within(
        self, resolved: Resolved, sees: Vision, question: Question
    ) -> Sequence[_Ready]:
        """All fitted; where they are too large together, none larger than its share."""
        ready = await self._all_fitted(resolved, sees, question)
        most = sees.max_inline_bytes
        if most is None or sees.max_upload_bytes or _inline_bytes(ready) <= most:
            return ready
        sent = sum(len(one.report.images) for one in ready)
        ready = await self._all_fitted(resolved, _with_share(sees, most // sent), question)
        if _inline_bytes(ready) > most:
            raise MediaRejected(
                f"All media together are larger than the {most} bytes that this model's"
                " server takes in one request.",
                param="messages",
            )
        return ready

    async def _all_fitted(
        self, resolved: Resolved, sees: Vision, question: Question
    ) -> Sequence[_Ready]:
        wishes, owner = question.media, question.owner
        keys: list[_Twins] = [
            (
                key_at(place, wanted),
                "auto" if isinstance(wanted, _ATTACHED) else wanted.detail,
            )
            for place, wanted in enumerate(resolved.references)
        ]
        ready: dict[_Twins, _Ready] = {}
        unfit: dict[_Twins, _Unfit | _Attached] = {}
        most = self._share(resolved.references, sees)
        for place, (key, wanted) in enumerate(zip(keys, resolved.references, strict=True)):
            if key in ready or key in unfit:
                continue
            source = resolved.source(place)
            if isinstance(source, Attachment):
                if isinstance(wanted, _ATTACHED):
                    unfit[key] = _Attached(source, wanted, sees, most, wishes)
                continue
            if isinstance(wanted, _ATTACHED):
                continue
            fitting = _fitting(source, sees, wanted, wishes)
            if (sent := _as_it_is(source, wanted, fitting, wishes)) is not None:
                ready[key] = sent
            else:
                unfit[key] = _Unfit(source, wanted, fitting, wishes.frames, owner, sees)
        if unfit:
            ready |= await each(
                unfit, self._made, resolved.deadline_s, at_once=self.settings.max_at_once
            )
        return [
            ready[key].at(wanted.param)
            for key, wanted in zip(keys, resolved.references, strict=True)
        ]

    def _share(self, references: Sequence[MediaReference], sees: Vision) -> int:
        """How many pictures each video or document may become."""
        most = self._most_images(sees)
        attached = sum(isinstance(one, _ATTACHED) for one in references)
        return max(1, (most - len(references) + attached) // attached) if attached else most

    async def _made(self, item: "_Unfit | _Attached") -> _Ready:
        return await (self._made_over(item) if isinstance(item, _Unfit) else self._shown(item))

    async def _shown(self, item: "_Attached") -> _Ready:
        began_s = time.monotonic()
        shown = await self.attachments.shown(
            item.attachment,
            item.wanted,
            item.sees,
            most=item.most,
            wishes=item.wishes,
        )
        attachment = item.attachment
        report = PartReport(
            path=_path(item.wanted.param),
            kind="file" if attachment.video is None else "video",
            declared=attachment.declared,
            found=attachment.video or "application/pdf",
            bytes_in=len(attachment.data),
            width_in_px=shown.width_px,
            height_in_px=shown.height_px,
            frames_in=shown.frames,
            images=shown.images,
            steps=shown.steps,
            tokens=shown.tokens,
            ms=ms_since(began_s),
            was_kept=shown.was_kept,
        )
        return _Ready(shown.parts, report)

    async def _made_over(self, unfit: "_Unfit") -> _Ready:
        began_s = time.monotonic()
        param = unfit.picture.param
        job = pack_job(unfit.data, self._fit(unfit))
        try:
            frames, was_kept = await self.renditions.get(
                key_of(unfit.owner, job), lambda: self._decoded(job), _unpacked
            )
        except MediaRejected as refusal:
            raise refusal.at(param) from refusal
        detail = unfit.fitting.detail
        images = [
            Image(
                frame.media_type,
                frame.width_px,
                frame.height_px,
                pybase64.b64encode(frame.data),
                detail,
                param,
                _caption(frame, unfit.source.found) if len(frames) > 1 else "",
            )
            for frame in frames
        ]
        made_ms = ms_since(began_s)
        if not was_kept:
            size = sum(len(frame.data) for frame in frames)
            self.resolver.steps.make.took(made_ms / 1000, size)
        report = _report(
            unfit.source,
            images,
            steps=_steps(unfit, images[0]),
            tokens=image_tokens(images, unfit.sees),
            ms=unfit.source.ms + made_ms,
        )
        return _Ready(_captioned(images), report._replace(was_kept=was_kept))

    async def _decoded(self, job: bytes) -> bytes:
        try:
            return await self.pool.call(job)
        except NoWorker:
            raise
        except WorkerFault as fault:
            message = "The image could not be decoded."
            raise MediaRejected(message, detail=fault.detail) from fault

    def _fit(self, unfit: "_Unfit") -> Fit:
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


class _Unfit(NamedTuple):
    """A checked file that this model cannot use as it is."""

    source: Source
    picture: ImageReference
    fitting: Fitting
    frames: int
    """How many of its frames are wanted."""
    owner: str
    sees: Vision

    @property
    def data(self) -> bytes:
        """What the worker gets: an animated PNG loses its animation in cleaning."""
        return self.source.data if self.frames > 1 else self.source.clean


def _fitting(
    source: Source, sees: Vision, picture: ImageReference, wishes: MediaWishes
) -> Fitting:
    found = source.found
    sides = found.width_px, found.height_px
    width_px, height_px = sides[::-1] if is_on_its_side(found.orientation) else sides
    try:
        return fit(
            Picture(found.media_type, width_px, height_px, source.clean_bytes),
            sees,
            detail=picture.detail,
            max_tokens_per_image=wishes.max_tokens_per_image,
        )
    except ServiceError as refusal:
        raise refusal.at(picture.param) from refusal


def _as_it_is(
    source: Source, picture: ImageReference, fitting: Fitting, wishes: MediaWishes
) -> _Ready | None:
    """The file itself, the caller's own base64 where nothing was cut out.

    None where it does not fit the model, or does not show all that is wanted as it should be.
    """
    found = source.found
    is_whole = found.obstacle is None and min(found.frames, wishes.frames) == 1
    if not (fitting.as_it_is and is_whole):
        return None
    base64 = source.base64 if found.cleaned is None else None
    if base64 is None:
        base64 = memoryview(pybase64.b64encode(source.clean))
    image = Image(
        found.media_type,
        found.width_px,
        found.height_px,
        base64,
        fitting.detail,
        picture.param,
    )
    steps = () if found.cleaned is None else ("metadata removed", *_first_of(found))
    report = _report(source, (image,), steps=steps, tokens=fitting.tokens, ms=source.ms)
    return _Ready((image,), report)


def _inline_bytes(ready: Sequence[_Ready]) -> int:
    return sum(len(sent.base64) for one in ready for sent in one.report.images)


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


# --- Words -----------------------------------------------------------------------------------


def _captioned(images: Sequence[Image]) -> Sequence[PromptPart]:
    """Each picture, behind a line where several need telling apart."""
    parts: list[PromptPart] = []
    for image in images:
        parts += [Text(f"{image.caption}:"), image] if image.caption else [image]
    return parts


def _caption(frame: Fitted, found: Survey) -> str:
    if frame.page is not None:
        return f"Page {frame.page} of {found.frames}"
    return "" if frame.time_s is None else f"Frame at {frame.time_s:.2f} s"


_OBSTACLES: Final = {
    "format": "converted",
    "cmyk": "colours for printing converted to sRGB",
    "profile": "colour profile converted to sRGB",
    "depth": "reduced to 8 bits",
    "orientation": "turned upright",
}


def _steps(unfit: _Unfit, first: Image) -> Sequence[str]:
    found = unfit.source.found
    steps = ["decoded"]
    is_animation = found.frames > 1 and not found.is_paged
    if found.obstacle is not None and found.obstacle != "animation":
        steps.append(_OBSTACLES[found.obstacle])
    elif is_animation and unfit.frames > 1:
        steps.append("frames taken from the animation")
    if unfit.frames == 1:
        steps += _first_of(found)
    if first.width_px * first.height_px < found.width_px * found.height_px:
        steps.append("resized")
    steps.append(f"encoded as {first.media_type}")
    return steps


def _first_of(found: Survey) -> Sequence[str]:
    if found.frames == 1:
        return ()
    return (f"first of {found.frames} {'pages' if found.is_paged else 'frames'}",)


def _prompt(
    question: Question,
    upstream_id: str,
    turns: Sequence[PromptTurn],
    reports: Sequence[PartReport],
) -> Prompt:
    return Prompt(
        upstream_id,
        turns,
        question.options,
        question.streamed,
        question.within,
        reports,
        question.owner,
        question.in_words,
    )


def _placed(
    question: Question, ready: Sequence[_Ready], upstream_id: str, sees: Vision
) -> Prompt:
    """The question with what the model gets, in the turns in which it takes it."""
    turns, moved = placed(_filled(question, ready), sees.image_roles)
    reports = [one.report for one in ready]
    if moved:
        reports = [
            report._replace(steps=(*report.steps, "moved into the next user turn"))
            if report.images[0].param in moved
            else report
            for report in reports
        ]
    return _prompt(question, upstream_id, turns, reports)


def _filled(question: Question, ready: Sequence[_Ready]) -> Sequence[PromptTurn]:
    """The turns with each reference replaced by what was made of it."""
    pictures = iter(ready)
    return [
        PromptTurn(
            turn.role,
            [
                filled
                for part in turn.parts
                for filled in ((part,) if isinstance(part, Text) else next(pictures).parts)
            ],
            turn.name,
            turn.tool_calls,
            turn.tool_call_id,
        )
        for turn in question.turns
    ]


def _report(
    source: Source,
    images: Sequence[Image],
    *,
    steps: Sequence[str],
    tokens: int | None,
    ms: float,
) -> PartReport:
    found = source.found
    return PartReport(
        path=_path(images[0].param),
        kind="image",
        declared=source.declared,
        found=found.media_type,
        bytes_in=source.size_bytes,
        width_in_px=found.width_px,
        height_in_px=found.height_px,
        frames_in=found.frames,
        images=images,
        steps=steps,
        tokens=tokens,
        ms=ms,
        is_on_its_side=is_on_its_side(found.orientation),
    )


def _path(param: str) -> str:
    """The part in which `param` stands."""
    return param[: param.rindex("]") + 1] if "]" in param else param
