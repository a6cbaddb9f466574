"""What a model gets for one picture: the file itself, or a converted one, and a report.

Nothing is decoded here: `Unfit` is the work for a worker, `made_over` reads its result.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import pybase64
from msgspec.structs import replace

from visus.core.prompt import Image, PartReport, PromptPart
from visus.core.question import Document, ImageReference, MediaWishes, Text, Video
from visus.errors import ServiceError
from visus.media.attachments import Shown
from visus.media.exif import is_on_its_side
from visus.media.fit import Fitting, Picture, fit, image_tokens
from visus.media.fitting import Fitted
from visus.media.resolving import Attachment, Source, ms_since
from visus.media.survey import Survey
from visus.models.catalogue import Vision


class Ready(msgspec.Struct, frozen=True):
    """What a model gets for one reference: a picture, or several with lines around them."""

    parts: Sequence[PromptPart]
    report: PartReport

    def at(self, param: str) -> "Ready":
        """The same for another place."""
        if self.report.images[0].param == param:
            return self
        images = [replace(image, param=param) for image in self.report.images]
        moved = iter(images)
        parts = [part if isinstance(part, Text) else next(moved) for part in self.parts]
        return Ready(parts, replace(self.report, path=_path(param), images=images))


class Unfit(NamedTuple):
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


class Unproven(NamedTuple):
    """A picture that may travel as it is once a worker has decoded all of it."""

    ready: Ready
    source: Source
    picture: ImageReference
    owner: str


PROVEN_BY_DECODING: Final = frozenset({"image/webp", "image/gif"})
"""Formats whose walk says nothing of their coded data."""


def fitting_of(
    source: Source, sees: Vision, picture: ImageReference, wishes: MediaWishes
) -> Fitting:
    """What the model should get of a picture.

    Raises:
        ServiceError: at its place; the model cannot have it as it is wished for.
    """
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


def as_it_is(
    source: Source, picture: ImageReference, fitting: Fitting, wishes: MediaWishes
) -> Ready | None:
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
    return Ready((image,), report)


def made_over(unfit: Unfit, frames: Sequence[Fitted], *, began_s: float) -> Ready:
    """What a worker made of a picture, which `began_s`, by `time.monotonic`."""
    images = [
        Image(
            frame.media_type,
            frame.width_px,
            frame.height_px,
            pybase64.b64encode(frame.data),
            unfit.fitting.detail,
            unfit.picture.param,
            _caption(frame, unfit.source.found) if len(frames) > 1 else "",
        )
        for frame in frames
    ]
    report = _report(
        unfit.source,
        images,
        steps=_steps(unfit, images[0]),
        tokens=image_tokens(images, unfit.sees),
        ms=unfit.source.ms + ms_since(began_s),
    )
    return Ready(_captioned(images), report)


def shown(attachment: Attachment, wanted: Video | Document, what: Shown, *, ms: float) -> Ready:
    """What became of a video or a document, which took `ms`."""
    report = PartReport(
        path=_path(wanted.param),
        kind="file" if attachment.video is None else "video",
        declared=attachment.declared,
        found=attachment.video or "application/pdf",
        bytes_in=len(attachment.data),
        width_in_px=what.width_px,
        height_in_px=what.height_px,
        frames_in=what.frames,
        images=what.images,
        steps=what.steps,
        tokens=what.tokens,
        ms=ms,
        was_kept=what.was_kept,
    )
    return Ready(what.parts, report)


def inline_bytes(ready: Sequence[Ready]) -> int:
    """How large all of it is, as it stands in a request."""
    return sum(len(sent.base64) for one in ready for sent in one.report.images)


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


def _steps(unfit: Unfit, first: Image) -> Sequence[str]:
    found = unfit.source.found
    steps = ["decoded"]
    if found.obstacle is not None and found.obstacle != "animation":
        steps.append(_OBSTACLES[found.obstacle])
    if unfit.frames == 1:
        steps += _first_of(found)
    elif found.frames > 1:
        steps.append("pages taken" if found.is_paged else "frames taken from the animation")
    if first.width_px * first.height_px < found.width_px * found.height_px:
        steps.append("resized")
    steps.append(f"encoded as {first.media_type}")
    return steps


def _first_of(found: Survey) -> Sequence[str]:
    if found.frames == 1:
        return ()
    return (f"first of {found.frames} {'pages' if found.is_paged else 'frames'}",)
