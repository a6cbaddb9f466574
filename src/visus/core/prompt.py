"""What a model gets: the question with every picture fetched, checked and fitted.

`Image` and `MediaFile` are different classes from the references of `question` on purpose: an
unchecked file cannot reach a provider by mistake.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from visus.core.places import Demand
from visus.core.question import Detail, InWords, MediaKind, Options, Role, Text, ToolCall
from visus.core.tokens import Size

ImageType: TypeAlias = Literal[
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/gif",
    "image/bmp",
    "image/tiff",
    "image/avif",
    "image/heic",
]
"""Formats that are read; which of them a model takes is in the catalogue."""


class Image(msgspec.Struct, frozen=True, gc=False):
    """A checked picture: a whole file of a known type, without metadata or trailing bytes."""

    media_type: ImageType
    width_px: int
    height_px: int
    base64: bytes | memoryview
    """The file in standard base64, ASCII; often a view of the request's own bytes."""
    detail: Detail
    param: str
    """Where it stood in the request: `messages[0].content[1].image_url.url`."""
    caption: str = ""
    """Its label among several pictures of one part: `Frame at 0.50 s`, `Page 2 of 3`."""


class Sampling(NamedTuple):
    """Which of a video's frames the model is to look at; None: as it does by itself."""

    fps: float | None = None
    start_s: float | None = None
    end_s: float | None = None
    max_frames: int | None = None

    def named(self) -> Mapping[str, float]:
        """Those that there are, by the names that callers and servers have for them."""
        wishes = {
            "fps": self.fps,
            "start": self.start_s,
            "end": self.end_s,
            "max_frames": self.max_frames,
        }
        return {name: value for name, value in wishes.items() if value is not None}


class MediaFile(msgspec.Struct, frozen=True):
    """A checked video or PDF, for a model that takes it as it is."""

    media_type: str
    width_px: int
    height_px: int
    """Of the video as it is shown; 0 for a document."""
    base64: bytes | memoryview
    """The file in standard base64, ASCII; often a view of the request's own bytes."""
    param: str
    filename: str | None = None
    """As the caller calls it; documents only."""
    sampling: Sampling = Sampling()
    """Videos only."""
    detail: Detail = "auto"


SentMedia: TypeAlias = Image | MediaFile
PromptPart: TypeAlias = Text | SentMedia


class PromptTurn(msgspec.Struct, frozen=True):
    """One message, ready for a model."""

    role: Role
    parts: Sequence[PromptPart]
    name: str | None = None
    tool_calls: Sequence[ToolCall] = ()
    tool_call_id: str | None = None


class PartReport(msgspec.Struct, frozen=True):
    """What became of one picture, video or document on its way to a model."""

    path: str
    """The part: `messages[0].content[1]`."""
    kind: MediaKind
    declared: str | None
    """The declared media type, if any."""
    found: str
    """The media type of its bytes."""
    bytes_in: int
    width_in_px: int
    height_in_px: int
    """As stored; see `survey`."""
    frames_in: int
    """Pictures in an animation, or pages; 1 for an ordinary picture."""
    images: Sequence[SentMedia]
    """What the model got: pictures, or the file itself."""
    steps: Sequence[str]
    """What was done, in order and in words; nothing where the bytes went through unchanged."""
    tokens: int | None
    """What the model's formula says; None without a formula."""
    ms: float
    """From the first look until it was ready, waiting for a worker included."""
    was_kept: bool = False
    """Whether it had been made before, for the same caller."""
    is_on_its_side: bool = False
    """Whether it is shown with width and height swapped."""

    @property
    def shown(self) -> Size:
        """Its size in pixels as it is shown: upright, whatever way it is stored."""
        stored = Size(self.width_in_px, self.height_in_px)
        return Size(*stored[::-1]) if self.is_on_its_side else stored


class Prompt(msgspec.Struct, frozen=True):
    """One question, ready for one model."""

    upstream_id: str
    """The model's name at its provider."""
    turns: Sequence[PromptTurn]
    options: Options
    streamed: bool
    within: Sequence[Demand]
    """Where it may go; passed on to the transport, which enforces it."""
    reports: Sequence[PartReport] = ()
    """Of each picture, in the order of the request."""
    owner: str = ""
    """Whose question it is, so that nothing made of it is shared with others; never sent."""
    in_words: Sequence[InWords] = ()
    """Media in whose place there is text."""
