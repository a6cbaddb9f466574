# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# (PyAV's `to_image` has no types)
"""Looking at a video: its facts, and pictures of some moments. Runs in workers, nowhere else.

Blocking, and fed with bytes that want to hurt: `workers.pool` runs `worker` in a process
without network or secrets. FFmpeg gets the bytes from memory, is told which container they are,
and may open nothing else: no playlist, no reference to another file, no protocol.

The packets are listed first and decoded later, so that durations, rates and times are those of
the frames that are there, whatever a header claims; only what leads to a wanted frame is
decoded.
"""

import math
import os
import struct
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any, Final, NamedTuple

import av
import msgspec
from av import logging as av_logging
from av.container import InputContainer
from av.error import InvalidDataError
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Discard, Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from visus.errors import InvalidVideo, VideoTooLong
from visus.media import matroska_metadata, mp4_metadata
from visus.media.cleaning import Blank, Uncleanable
from visus.media.fitting import Fitted
from visus.media.jobs import unpack_job
from visus.media.sampling import (
    Bounds,
    DecodedVideo,
    Frame,
    Task,
    VideoType,
    Wish,
    pack_video,
)
from visus.media.still import Box, encode, size_within
from visus.units import MEGAPIXEL

_DEMUXERS: Final[dict[VideoType, str]] = {
    "video/mp4": "mov,mp4,m4a,3gp,3g2,mj2",
    "video/quicktime": "mov,mp4,m4a,3gp,3g2,mj2",
    "video/webm": "matroska,webm",
    "video/x-matroska": "matroska,webm",
}
_DECODERS: Final = frozenset({
    "av1", "h263", "h264", "hevc", "libdav1d", "mjpeg", "mpeg1video", "mpeg2video", "mpeg4",
    "prores", "theora", "vp8", "vp9",
})  # fmt: skip
"""Of the hundreds that FFmpeg has."""
_TURNS: Final = {
    (0, 1, -1, 0): Image.Transpose.ROTATE_270,
    (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (0, -1, 1, 0): Image.Transpose.ROTATE_90,
    (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (1, 0, 0, -1): Image.Transpose.FLIP_TOP_BOTTOM,
    (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
}
"""What makes a frame upright, by the signs of its display matrix (a, b, c, d)."""
_SWAPPING: Final = frozenset({
    Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSPOSE, Image.Transpose.TRANSVERSE,
})  # fmt: skip
_MATRIX: Final = struct.Struct("=9i")
_WIDEST_PIXEL: Final = 2.5
"""Pixels further from square than this are taken for a mistake."""
_AFFORDABLE_PIXELS: Final = 2_500 * MEGAPIXEL
"""When more would have to be decoded, moments move to key frames near them."""
_EARLY_S: Final = 0.02
"""A frame may be ahead of its moment by this much: 30 frames are rarely a whole second."""
_INTERPOLATION: Final = "BICUBIC"
_HALF: Final = 1 << 15
"""In a display matrix, where 1 is 1 << 16."""
_BROKEN: Final = "The video is broken or incomplete."


class _Shot(NamedTuple):
    """One coded frame: when it is shown, in units of the stream, and if it stands alone."""

    pts: int
    is_key: bool


class _Reel(NamedTuple):
    """All coded frames in the order in which they are shown."""

    shots: list[_Shot]
    end_pts: int
    unit_s: Fraction

    def seconds(self, pts: int) -> float:
        return round(float((pts - self.shots[0].pts) * self.unit_s), 3)

    @property
    def duration_s(self) -> float:
        return self.seconds(self.end_pts)

    @property
    def fps(self) -> float:
        shots = self.shots
        span_s = float((shots[-1].pts - shots[0].pts) * self.unit_s)
        return round((len(shots) - 1) / span_s, 3) if span_s > 0 else 0.0


class _Clock:
    """Ends the work from inside, so that a slow video does not cost a worker."""

    def __init__(self, seconds: float) -> None:
        self._end_s = time.monotonic() + seconds

    def check(self) -> None:
        if time.monotonic() > self._end_s:
            raise InvalidVideo("The video takes too long to decode.")


class _Memory:
    """A file that FFmpeg may read and that is nowhere but in memory; nothing is copied."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = memoryview(data)
        self._place = 0

    def read(self, size: int) -> bytes:
        chunk = bytes(self._data[self._place : self._place + size])
        self._place += len(chunk)
        return chunk

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: len(self._data)}
        self._place = max(0, base[whence] + offset)
        return self._place

    def tell(self) -> int:
        return self._place


def watch(data: bytes | memoryview, task: Task) -> DecodedVideo:
    """The facts of a video, and the pictures that `task` wishes for.

    The moments are `1 / fps` apart, or further where there would be too many. Of each comes
    what the video shows then, with the time at which that appeared; a frame that is still shown
    at the next moment is given once.

    Raises:
        InvalidVideo: no video, or one that cannot be decoded within the bounds.
        VideoTooLong: longer than the bound, or of more coded frames.
    """
    try:
        with _opened(data, task) as container:
            video = _watched(container, task)
        if task.wish is not None:
            return video
        return msgspec.structs.replace(video, blanks=_blanks(data, task.media_type))
    except (InvalidVideo, MemoryError):
        raise
    except Exception as fault:
        raise InvalidVideo(_BROKEN, detail=f"{type(fault).__name__}: {fault}") from fault


def _blanks(data: bytes | memoryview, media_type: VideoType) -> tuple[Blank, ...] | None:
    is_boxes = media_type in {"video/mp4", "video/quicktime"}
    find = mp4_metadata.blanks if is_boxes else matroska_metadata.blanks
    try:
        return tuple(find(memoryview(data)))
    except Uncleanable:
        return None


def _watched(container: InputContainer, task: Task) -> DecodedVideo:
    clock = _Clock(task.bounds.decode_s)
    stream = _picture_stream(container, task.bounds)
    reel = _listed(container, stream, task.bounds, clock)
    wanted = [reel.shots[0].pts]
    if task.wish is not None:
        wanted = _affordable(reel, _wanted(reel, task.wish), stream)
    video: DecodedVideo | None = None
    frames: list[Frame] = []
    room = task.bounds.max_result_bytes
    for shown in _decoded(container, stream, reel, wanted, clock):
        upright = _upright(shown, stream, task.bounds)
        video = video or _facts(task, reel, stream, upright)
        if task.wish is not None:
            frames.append(Frame(reel.seconds(upright.pts), upright.fitted(task.wish)))
            room -= len(frames[-1].picture.data)
        if room < 0:
            raise InvalidVideo("The frames asked for are too large together.")
    if video is None:
        raise InvalidVideo("The video has no frame that can be decoded.")
    return msgspec.structs.replace(video, frames=tuple(frames))


def _facts(task: Task, reel: _Reel, stream: VideoStream, first: "_Upright") -> DecodedVideo:
    return DecodedVideo(
        task.media_type,
        reel.duration_s,
        first.width,
        first.height,
        stream.codec_context.codec.canonical_name,
        reel.fps,
        has_sound=bool(stream.container.streams.audio),
    )


# --- The container ---------------------------------------------------------------------------


def _opened(data: bytes | memoryview, task: Task) -> InputContainer:
    return av.open(
        _Memory(data),
        "r",
        format=_DEMUXERS[task.media_type],
        options={"max_pixels": str(task.bounds.max_pixels)},
        container_options={
            "codec_whitelist": ",".join(sorted(_DECODERS)),
            "protocol_whitelist": "none",
            "enable_drefs": "0",
            "use_absolute_path": "0",
        },
        metadata_errors="replace",
        io_open=_refuse_to_open,
    )


def _refuse_to_open(url: str, flags: int, options: dict[str, str]) -> object:
    del url, flags, options
    raise PermissionError("a video may not name other files")


def _picture_stream(container: InputContainer, bounds: Bounds) -> VideoStream:
    """The first moving picture; all other streams are thrown away unread."""
    streams = [one for one in container.streams.video if not _is_cover(one)]
    if not streams:
        raise InvalidVideo("The file has no picture track.")
    chosen = streams[0]
    for other in container.streams:
        if other is not chosen:
            other.discard = Discard.all
    context = chosen.codec_context
    if context.codec.name not in _DECODERS:
        raise InvalidVideo(
            "The video's codec is not supported; H.264, HEVC, VP8, VP9, AV1 and MPEG-4 are.",
            detail=context.codec.name,
        )
    if context.width * context.height > bounds.max_pixels:
        raise InvalidVideo(f"A frame of the video has more than {bounds.max_pixels} pixels.")
    return chosen


def _is_cover(stream: VideoStream) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)


def _listed(
    container: InputContainer, stream: VideoStream, bounds: Bounds, clock: _Clock
) -> _Reel:
    """Every coded frame, without decoding one."""
    shots: list[_Shot] = []
    end_pts: int | None = None
    for packet in container.demux(stream):
        pts = packet.dts if packet.pts is None else packet.pts
        if pts is None or packet.size == 0 or packet.is_discard:
            continue
        shots.append(_Shot(pts, packet.is_keyframe))
        if end_pts is None or pts >= end_pts:
            end_pts = pts
        end_pts = max(end_pts, pts + max(0, packet.duration or 0))
        if len(shots) > bounds.max_coded_frames:
            raise VideoTooLong(f"The video has more than {bounds.max_coded_frames} frames.")
        clock.check()
    if end_pts is None or stream.time_base is None:
        raise InvalidVideo("The video has no frames.")
    reel = _Reel(sorted(shots), end_pts, stream.time_base)
    if reel.duration_s > bounds.max_duration_s:
        raise VideoTooLong(f"The video is longer than {bounds.max_duration_s:g} seconds.")
    return reel


# --- Which frames ----------------------------------------------------------------------------


def _wanted(reel: _Reel, wish: Wish) -> list[int]:
    """When the frames appear that are shown at the moments wished for, each once."""
    duration_s = reel.duration_s
    end_s = duration_s if wish.end_s is None else min(wish.end_s, duration_s)
    if wish.start_s and wish.start_s >= duration_s:
        raise InvalidVideo(f"The video is {duration_s:g} seconds long and ends before `start`.")
    if wish.end_s is not None and wish.end_s <= wish.start_s:
        raise InvalidVideo("`end` must come after `start`.")
    span_s = end_s - wish.start_s
    count = max(1, math.ceil(min(float(wish.max_frames), span_s * wish.fps - _EARLY_S)))
    step_s = span_s / count if span_s * wish.fps > wish.max_frames else 1 / wish.fps
    shown: dict[int, None] = {}
    starts = [shot.pts for shot in reel.shots]
    for number in range(count):
        moment_s = wish.start_s + number * step_s + _EARLY_S
        place = bisect_right(starts, starts[0] + moment_s / reel.unit_s) - 1
        shown[starts[max(0, place)]] = None
    return list(shown)


def _affordable(reel: _Reel, wanted: list[int], stream: VideoStream) -> list[int]:
    """`wanted`, or key frames near them where the way to them would be too long.

    A moment moves by less than half the distance to the next one.
    """
    pixels = stream.codec_context.width * stream.codec_context.height
    starts, keys = [shot.pts for shot in reel.shots], _keys(reel)
    work, done = 0, -1
    for pts in wanted:
        last = bisect_left(starts, pts)
        first = max(done + 1, bisect_left(starts, _key_before(keys, pts)))
        work, done = work + last - first + 1, last
    if work * pixels <= _AFFORDABLE_PIXELS or len(wanted) == 1:
        return wanted
    half_step = (wanted[-1] - wanted[0]) / (len(wanted) - 1) / 2
    nearest = {pts: _nearest(keys, pts) for pts in wanted}
    moved = {k if abs(k - pts) < half_step else pts for pts, k in nearest.items()}
    return sorted(moved)


def _nearest(keys: Sequence[int], pts: int) -> int:
    return min(keys, key=lambda key: abs(key - pts))


def _keys(reel: _Reel) -> list[int]:
    """Where decoding can start."""
    return [shot.pts for shot in reel.shots if shot.is_key] or [reel.shots[0].pts]


def _key_before(keys: Sequence[int], pts: int) -> int:
    return keys[max(0, bisect_right(keys, pts) - 1)]


# --- Decoding --------------------------------------------------------------------------------


def _decoded(
    container: InputContainer,
    stream: VideoStream,
    reel: _Reel,
    wanted: Sequence[int],
    clock: _Clock,
) -> Iterator[VideoFrame]:
    """The frames that appear at `wanted`, in order; in place of a lost one the next."""
    keys, open_wishes = _keys(reel), list(reversed(wanted))
    while open_wishes:
        container.seek(_key_before(keys, open_wishes[-1]), stream=stream)
        for frame in _played(container, stream, frozenset(wanted), clock):
            pts = frame.pts or 0
            if pts < open_wishes[-1]:
                continue
            yield frame
            while open_wishes and open_wishes[-1] <= pts:
                open_wishes.pop()
            if not open_wishes or _key_before(keys, open_wishes[-1]) > pts:
                break
        else:
            return


def _played(
    container: InputContainer, stream: VideoStream, wanted: frozenset[int], clock: _Clock
) -> Iterator[VideoFrame]:
    """Frames from here on; those neither wanted nor needed for others may be left out."""
    context = stream.codec_context
    for packet in container.demux(stream):
        clock.check()
        context.skip_frame = "DEFAULT" if packet.pts in wanted else "NONREF"
        try:
            frames = packet.decode()
        except InvalidDataError:
            continue  # a damaged frame is left out, as every player does
        yield from frames


class _Upright(NamedTuple):
    """A decoded frame, and how it is shown."""

    frame: VideoFrame
    turn: Image.Transpose | None
    width: int
    height: int

    @property
    def pts(self) -> int:
        return self.frame.pts or 0

    def fitted(self, wish: Wish) -> Fitted:
        box = Box(wish.max_width_px, wish.max_height_px, wish.max_pixels)
        width, height = size_within(self.width, self.height, box)
        if self.turn in _SWAPPING:
            width, height = height, width
        picture: Image.Image = self.frame.to_image(  # type: ignore[no-untyped-call]
            width=width, height=height, interpolation=_INTERPOLATION, threads=1
        )
        if self.turn is not None:
            picture = picture.transpose(self.turn)
        fitted = encode(picture, wish.formats, max_bytes=wish.max_bytes)
        if fitted is None:
            raise InvalidVideo("The frames cannot be made small enough for this model.")
        return fitted


def _upright(frame: VideoFrame, stream: VideoStream, bounds: Bounds) -> _Upright:
    if frame.width * frame.height > bounds.max_pixels:
        raise InvalidVideo(f"A frame of the video has more than {bounds.max_pixels} pixels.")
    ratio = float(stream.sample_aspect_ratio or 1)
    is_sane = 1 / _WIDEST_PIXEL <= ratio <= _WIDEST_PIXEL
    width = max(1, round(frame.width * ratio)) if is_sane else frame.width
    turn = _turn(frame)
    if turn in _SWAPPING:
        return _Upright(frame, turn, frame.height, width)
    return _Upright(frame, turn, width, frame.height)


def _turn(frame: VideoFrame) -> Image.Transpose | None:
    known: Any = frame.side_data  # its stubs know it by string alone
    try:
        matrix = bytes(known[SideDataType.DISPLAYMATRIX])
    except KeyError:
        return None
    if len(matrix) != _MATRIX.size:
        return None
    a, b, _, c, d, *_ = _MATRIX.unpack(matrix)
    signs = tuple((value > _HALF) - (value < -_HALF) for value in (a, b, c, d))
    return _TURNS.get(signs)


# --- Across the process boundary -------------------------------------------------------------


def worker() -> Callable[[bytes], bytes]:
    """The entry for `workers.pool`: prepares FFmpeg and returns the handler."""
    av_logging.set_level(None)
    _warm_up()
    return _handle


def _handle(job: bytes) -> bytes:
    data, task = unpack_job(job, Task)
    return pack_video(watch(data, task))


def _warm_up() -> None:
    """Load the scaler and the encoder of pictures now, while files may still be opened."""
    frame = VideoFrame(32, 32, "yuv420p")
    picture = frame.to_image(  # type: ignore[no-untyped-call]
        width=16, height=16, interpolation=_INTERPOLATION, threads=1
    )
    encode(picture, ("image/jpeg",), max_bytes=None)
    encode(picture, ("image/png",), max_bytes=None)
