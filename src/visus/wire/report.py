"""What became of each picture, and what a question would cost, as JSON."""

import re
from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

from visus.core.events import BoxesConverted
from visus.core.prompt import Image, PartReport
from visus.core.question import InWords

Side: TypeAlias = int
MAX_NAMED: Final = 20
"""How many media are named in the answer's header; more are counted."""


class FileBefore(msgspec.Struct, frozen=True):
    """A picture as it came."""

    declared_type: str | None
    """The declared media type."""
    type: str
    """What its bytes say."""
    bytes: int
    width: Side
    """In pixels, as stored."""
    height: Side
    frames: int
    """Pictures in an animation, or pages."""


class FileAfter(msgspec.Struct, frozen=True):
    """What the model gets; the sizes are those of the first picture, 0 for a document."""

    type: str
    bytes: int
    """All of them together, before base64."""
    width: Side
    height: Side
    detail: str
    images: int
    """How many pictures the model gets; 0 where it gets the file itself."""


class ReportedPart(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the request."""

    path: str
    """Where it stands: `messages[0].content[1]`."""
    kind: str
    before: FileBefore | None
    """Null where it was not looked at."""
    after: FileAfter | None
    """Null where the model gets text in its place."""
    steps: Sequence[str]
    """What was done to it, in order; nothing where its bytes went through unchanged."""
    tokens: int | None
    """By the model's formula, uncorrected; null without one."""
    cache_hit: bool
    """Whether what the model gets had been made before."""
    ms: float
    """From the first look at it until it was ready."""


def parts(
    reports: Sequence[PartReport], in_words: Sequence[InWords] = ()
) -> list[ReportedPart]:
    """The reports in the order of the request; behind them the media given in words."""
    return [_part(report) for report in reports] + [_told(one) for one in in_words]


def _told(medium: InWords) -> ReportedPart:
    return ReportedPart(
        path=medium.path,
        kind=medium.kind,
        before=None,
        after=None,
        steps=[medium.how],
        tokens=None,
        cache_hit=False,
        ms=0.0,
    )


def in_words_header(media: Sequence[InWords]) -> str:
    """The value of `x-visus-in-words`: the first media and what became of each, in ASCII."""
    told = [f"{one.path} {one.how}" for one in media[:MAX_NAMED]]
    more = [f"and {len(media) - MAX_NAMED} more"] if len(media) > MAX_NAMED else []
    return re.sub(r"[^\x20-\x7e]", "?", ", ".join([*told, *more]))


def _part(report: PartReport) -> ReportedPart:
    first = report.images[0]
    return ReportedPart(
        path=report.path,
        kind=report.kind,
        before=FileBefore(
            report.declared,
            report.found,
            report.bytes_in,
            report.width_in_px,
            report.height_in_px,
            report.frames_in,
        ),
        after=FileAfter(
            first.media_type,
            sum(_file_bytes(image.base64) for image in report.images),
            first.width_px,
            first.height_px,
            first.detail,
            sum(isinstance(sent, Image) for sent in report.images),
        ),
        steps=report.steps,
        tokens=report.tokens,
        cache_hit=report.was_kept,
        ms=round(report.ms, 1),
    )


def _file_bytes(base64: bytes | memoryview) -> int:
    """The size of what stands in base64."""
    return len(base64) // 4 * 3 - bytes(base64[-2:]).count(b"=")


class Boxes(msgspec.Struct, frozen=True):
    """What became of the boxes in an answer."""

    unit: str
    """`pixels`, from the left upper corner of the picture as it is shown."""
    converted: int
    """Boxes and points that are in that unit now."""
    left: int
    """Those that are as the model wrote them, because they are no boxes that can be read."""
    pictures: Sequence[str]
    """Where the pictures stand that they are in."""
    width: Side | None
    """Of each of these pictures."""
    height: Side | None


def boxes(done: BoxesConverted) -> Boxes:
    """What was done, as JSON."""
    return Boxes("pixels", done.converted, done.left, done.paths, done.width_px, done.height_px)


class Calibrated(msgspec.Struct, frozen=True):
    """That an estimate was corrected by what the model's server reported before."""

    answers: int
    """From how many answers."""
    factor: float
    """By what the sum of the formulas was multiplied."""


class Refused(msgspec.Struct, frozen=True):
    """Why a model would not answer."""

    code: str
    message: str
    param: str | None


class ModelEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a question would cost on one model; null: unknown."""

    image_tokens: int | None = None
    text_tokens: int | None = None
    tokens: int | None = None
    cost_micros: int | None = None
    """For the question alone, in millionths of `currency`."""
    currency: str | None = None
    fits_context: bool | None = None
    """Whether question and answer (`max_tokens`, where given) are within its context."""
    calibration: Calibrated | None = None
    """Null where these are the numbers of the formulas."""
    answered_by: str | None = None
    """The model whose numbers these are, where it would be asked in this one's place."""
    error: Refused | None = None
    """Why there are no numbers."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `/chat/completions/estimate`."""

    object: str = "chat.completion.estimate"
    models: dict[str, ModelEstimate]
    parts: list[ReportedPart]
    """For the asked model."""
