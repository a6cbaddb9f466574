"""How a row of the catalogue says what text, pictures and videos cost its model.

Each formula of `visus.core` by its name, with its numbers as data. The defaults are those of
the model that the formula was published for; docs/explanation/counting.md has the sources.
"""

from functools import lru_cache
from typing import Annotated, TypeAlias

import msgspec

from visus.core.text_tokens import TextRule
from visus.core.tokens import (
    BoxedPatches,
    FixedTokens,
    GeminiTiles,
    ImageRule,
    OpenAIPatches,
    OpenAITiles,
    QwenPixels,
)
from visus.core.video_tokens import GeminiVideo, QwenVideo, VideoRule

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]
SidePx: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=65_536)]


class Formula(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    tag_field="formula",
):
    """A formula by its name."""


class OpenAITilesRow(Formula, frozen=True, tag="openai-tiles"):
    """A base, and more for each begun tile of the picture as the model shrinks it."""

    base: Count = 85
    """Tokens of any picture; at low detail all that it costs."""
    per_tile: Count = 170
    """Tokens of one tile."""
    tile_px: SidePx = 512
    """The side of a tile."""
    box_px: SidePx = 2048
    """The square into which the model shrinks a picture first."""
    short_side_px: SidePx = 768
    """What it shrinks the short side to then."""
    low_side_px: SidePx = 512
    """The square into which it shrinks a picture at low detail."""

    @property
    def rule(self) -> ImageRule:
        """What `core` computes with."""
        return OpenAITiles(**msgspec.structs.asdict(self))


class OpenAIPatchesRow(Formula, frozen=True, tag="openai-patches"):
    """One count for each begun patch, times a factor; a picture with too many is shrunk."""

    patch_px: SidePx = 32
    """The side of a patch."""
    max_patches: Count = 1536
    """More make the model shrink the picture."""
    percent: Count = 100
    """Hundredths of a token that a patch costs: 162 for gpt-4.1-mini, 246 for gpt-4.1-nano, 172
    for o4-mini."""
    low_side_px: SidePx = 512
    """The square into which a picture is shrunk at low detail."""

    @property
    def rule(self) -> ImageRule:
        """What `core` computes with."""
        return OpenAIPatches(**msgspec.structs.asdict(self))


class GeminiTilesRow(Formula, frozen=True, tag="gemini-tiles"):
    """Gemini 2.5: so many tokens for each begun tile, whose side follows the short side."""

    per_tile: Count = 258
    """Tokens of one tile."""
    whole_side_px: SidePx = 384
    """A picture with no longer side is one tile; at low detail every picture becomes one."""
    min_tile_px: SidePx = 256
    """The least side of a tile."""
    max_tile_px: SidePx = 768
    """The greatest side of a tile."""

    @property
    def rule(self) -> ImageRule:
        """What `core` computes with."""
        return GeminiTiles(**msgspec.structs.asdict(self))


class FixedRow(Formula, frozen=True, tag="fixed"):
    """Every picture costs the same: Gemini 3 (1120, low 280) and many older open models."""

    high: Count
    """Tokens of a picture."""
    low: Count
    """Tokens of a picture at low detail."""

    @property
    def rule(self) -> ImageRule:
        """What `core` computes with."""
        return FixedTokens(**msgspec.structs.asdict(self))


class QwenPixelsRow(Formula, frozen=True, tag="qwen-pixels"):
    """Qwen-VL: a token for each square of the picture as the model scales it."""

    side_px: SidePx = 32
    """The side of a square: 32 for Qwen3-VL, 28 for Qwen2-VL and Qwen2.5-VL."""
    min_tokens: Count = 64
    """Fewer make the model enlarge the picture."""
    max_tokens: Annotated[int, msgspec.Meta(ge=256, le=1_000_000)] = 16_384
    """More make it shrink the picture."""
    low_tokens: Annotated[int, msgspec.Meta(ge=256, le=1_000_000)] = 256
    """What a picture costs at most at low detail, which these models do not know themselves:
    the file is shrunk."""

    @property
    def rule(self) -> ImageRule:
        """What `core` computes with."""
        return QwenPixels(**msgspec.structs.asdict(self))


class BoxedPatchesRow(Formula, frozen=True, tag="boxed-patches"):
    """A token for each begun patch of the picture inside a box; nothing is shrunk for it."""

    patch_px: SidePx = 32
    """The side of a patch."""
    box_px: SidePx = 1024
    """The square to which a larger picture is reduced for counting."""

    @property
    def rule(self) -> ImageRule:
        """What `core` computes with."""
        return BoxedPatches(**msgspec.structs.asdict(self))


ImageTokens: TypeAlias = (
    OpenAITilesRow
    | OpenAIPatchesRow
    | GeminiTilesRow
    | FixedRow
    | QwenPixelsRow
    | BoxedPatchesRow
)


class GeminiVideoRow(Formula, frozen=True, tag="gemini-video"):
    """Gemini: so many tokens for each frame, and for each second of sound."""

    per_frame: Count = 258
    """Tokens of one frame."""
    per_frame_low: Count = 66
    """Tokens of one frame at low detail."""
    per_second_of_sound: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 32
    """Tokens of one second of sound."""
    frames_per_second: Annotated[int, msgspec.Meta(ge=1, le=60)] = 1
    """Frames a second that the model looks at by default."""

    @property
    def rule(self) -> VideoRule:
        """What `core` computes with."""
        return GeminiVideo(**msgspec.structs.asdict(self))


class QwenVideoRow(Formula, frozen=True, tag="qwen-video"):
    """Qwen3-VL: a token for each square of each pair of frames."""

    side_px: SidePx = 32
    """The side of a square."""
    frames_per_second: Annotated[int, msgspec.Meta(ge=1, le=60)] = 2
    """Frames a second that the model looks at by default."""
    min_frames: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 4
    """Of a short video it looks at so many."""
    max_frames: Annotated[int, msgspec.Meta(ge=2, le=10_000)] = 768
    """Of a long video it looks at so many."""
    min_volume_px: Count = 4_096
    """Fewer pixels in all frames together make the model enlarge them."""
    max_volume_px: Annotated[int, msgspec.Meta(ge=1_000_000)] = 25_165_824
    """More make it shrink them."""

    @property
    def rule(self) -> VideoRule:
        """What `core` computes with."""
        return QwenVideo(**msgspec.structs.asdict(self))


VideoTokens: TypeAlias = GeminiVideoRow | QwenVideoRow


class TextTokens(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What text probably costs: an estimate that real answers correct."""

    bytes_per_100_tokens: Annotated[int, msgspec.Meta(ge=50, le=2_000)] = 400
    """The length of a hundred tokens of text in UTF-8, in bytes."""
    per_turn: Annotated[int, msgspec.Meta(ge=0, le=100)] = 4
    """Tokens around each turn."""
    per_request: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 3
    """Tokens around all turns together."""

    @property
    def rule(self) -> TextRule:
        """What `core` computes with."""
        return _text_rule(self)


@lru_cache(maxsize=1024)
def _text_rule(row: TextTokens) -> TextRule:
    return TextRule(**msgspec.structs.asdict(row))
