"""How many tokens a video costs where a model takes it whole: the formulas, in integers.

Where it travels as single frames instead, each of them is a picture and costs what
`core.tokens` says.
"""

from dataclasses import dataclass
from math import isqrt
from typing import Final, NamedTuple, Protocol

from visus.core.question import Detail
from visus.core.tokens import root_up, rounded

_MS: Final = 1000
_PAIR: Final = 2
"""Frames that Qwen3-VL joins into one."""


class Clip(NamedTuple):
    """A stretch of a video."""

    width_px: int
    height_px: int
    duration_ms: int
    frames: int | None = None
    """How many are looked at, 1 or more; None: the model's own number."""
    has_sound: bool = True


class VideoRule(Protocol):
    """What one model's videos cost."""

    def frames(self, clip: Clip) -> int:
        """How many frames the model looks at."""
        ...

    def count(self, clip: Clip, detail: Detail) -> int:
        """Tokens of the clip."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GeminiVideo:
    """Gemini: so many tokens for each frame, and for each second of sound."""

    per_frame: int
    per_frame_low: int
    per_second_of_sound: int
    frames_per_second: int

    def frames(self, clip: Clip) -> int:
        """See `VideoRule`: each begun interval has one."""
        if clip.frames is not None:
            return clip.frames
        return max(1, -(-clip.duration_ms * self.frames_per_second // _MS))

    def count(self, clip: Clip, detail: Detail) -> int:
        """See `VideoRule`."""
        per_frame = self.per_frame_low if detail == "low" else self.per_frame
        sound = -(-clip.duration_ms * self.per_second_of_sound // _MS) if clip.has_sound else 0
        return self.frames(clip) * per_frame + sound


@dataclass(frozen=True, slots=True, kw_only=True)
class QwenVideo:
    """Qwen3-VL: a token for each square of each pair of frames, scaled to whole squares.

    All frames together have between `min_volume_px` and `max_volume_px` pixels: the model
    shrinks or enlarges them until they do. Without sound. The timestamps that its server writes
    between the frames are text and are not counted here.
    """

    side_px: int
    frames_per_second: int
    min_frames: int
    max_frames: int
    min_volume_px: int
    max_volume_px: int

    def frames(self, clip: Clip) -> int:
        """See `VideoRule`: always an even number."""
        wanted = clip.frames
        if wanted is None:
            wanted = max(self.min_frames, clip.duration_ms * self.frames_per_second // _MS)
        wanted = min(wanted, self.max_frames)
        return wanted + wanted % _PAIR

    def count(self, clip: Clip, detail: Detail) -> int:
        """See `VideoRule`. It has no levels of detail."""
        del detail
        frames = self.frames(clip)
        across, down = self._grid(*self._enlarged(clip), frames)
        return frames // _PAIR * across * down

    def _enlarged(self, clip: Clip) -> tuple[int, int]:
        """Both sides at least one square."""
        shortest = min(clip.width_px, clip.height_px)
        if shortest >= self.side_px:
            return clip.width_px, clip.height_px
        return (
            clip.width_px * self.side_px // shortest,
            clip.height_px * self.side_px // shortest,
        )

    def _grid(self, width_px: int, height_px: int, frames: int) -> tuple[int, int]:
        side_px = self.side_px
        across, down = rounded(width_px, side_px), rounded(height_px, side_px)
        volume_px = frames * across * down * side_px**2
        if volume_px > self.max_volume_px:
            most = self.max_volume_px
            across = isqrt(most * width_px // (frames * height_px)) // side_px
            down = isqrt(most * height_px // (frames * width_px)) // side_px
            return max(1, across), max(1, down)
        if volume_px < self.min_volume_px:
            least, square = self.min_volume_px, frames * side_px**2
            return (
                root_up(least * width_px, square * height_px),
                root_up(least * height_px, square * width_px),
            )
        return across, down
