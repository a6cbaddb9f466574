"""Jobs and results of the worker that takes frames of videos.

Known to both sides of the process boundary; the decoder itself is known to the worker alone.
"""

from typing import Annotated, Literal, TypeAlias

import msgspec

from visus.core.prompt import ImageType
from visus.media.cleaning import Blank
from visus.media.fitting import Fitted
from visus.media.settings import VideoSettings
from visus.units import MEGAPIXEL, MIB

VideoType: TypeAlias = Literal["video/mp4", "video/quicktime", "video/webm", "video/x-matroska"]
"""The containers that are read."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Which frames are wanted, and what each must be like."""

    fps: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    """Frames for each second of the video."""
    start_s: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    end_s: float | None = None
    """None for the end of the video."""
    max_frames: Annotated[int, msgspec.Meta(gt=0)] = 64
    """Where more were due, so many are spread evenly over the span."""
    formats: tuple[ImageType, ...] = ("image/jpeg", "image/png")
    """Media types that may come out, of JPEG and PNG."""
    max_width_px: int | None = None
    max_height_px: int | None = None
    max_pixels: int | None = None
    max_bytes: int | None = None
    """Of each picture."""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What a file may cost, whatever is wished for."""

    max_duration_s: float = 600.0
    max_pixels: int = 10 * MEGAPIXEL
    """Of one decoded frame."""
    max_coded_frames: int = 100_000
    decode_s: float = 25.0
    max_result_bytes: int = 96 * MIB
    """All pictures together."""


class Frame(msgspec.Struct, frozen=True):
    """What the video shows at one moment."""

    time_s: float
    """When it appears, counted from the video's first frame."""
    picture: Fitted


class DecodedVideo(msgspec.Struct, frozen=True):
    """A video that could be decoded: its facts as they are, not as its header claims."""

    media_type: VideoType
    duration_s: float
    width_px: int
    """As it is shown: turned upright, with square pixels."""
    height_px: int
    codec: str
    fps: float
    """Frames a second on average; 0 for a single frame."""
    has_sound: bool = False
    """Whether there is a track of sound, whatever is on it."""
    blanks: tuple[Blank, ...] | None = None
    """The metadata to overwrite before the file itself is sent; None where it cannot be found,
    and where frames were requested."""
    frames: tuple[Frame, ...] = ()
    """In the order of their times; none when only the facts were asked for."""


class Task(msgspec.Struct, frozen=True):
    """A job without its bytes."""

    media_type: VideoType
    bounds: Bounds
    wish: Wish | None
    """None when only the facts are wanted."""


def bounds_of(settings: VideoSettings) -> Bounds:
    """What the settings allow a file to cost."""
    return Bounds(
        max_duration_s=settings.max_duration_s,
        max_pixels=settings.max_pixels,
        max_coded_frames=settings.max_coded_frames,
        decode_s=settings.decode_s,
        max_result_bytes=settings.workers.max_message_bytes * 3 // 4,
    )


def pack_video(video: DecodedVideo) -> bytes:
    """The handler's result."""
    return msgspec.msgpack.encode(video)


def unpack_video(result: bytes) -> DecodedVideo:
    """What the handler returned."""
    return msgspec.msgpack.decode(result, type=DecodedVideo)
