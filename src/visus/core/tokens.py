"""How many tokens a picture costs: the formulas by name, in integers.

Each rule is data (its numbers stand in the catalogue) with three questions: how many tokens a
size costs, the largest size of which the model looks at every pixel, and the largest size that
costs at most so many tokens. Nothing here knows a model, a file or a price.

Where a vendor's own code works with floating point, the exact value is taken; sizes are never
enlarged and never fall under one pixel.
"""

from bisect import bisect_right
from dataclasses import dataclass
from math import isqrt
from typing import Final, NamedTuple, Protocol

from visus.core.question import Detail

_PERCENT: Final = 100


class Size(NamedTuple):
    """Width and height in pixels, each at least 1."""

    width_px: int
    height_px: int


class ImageRule(Protocol):
    """What one model's pictures cost."""

    def count(self, size: Size, detail: Detail) -> int:
        """Tokens of a picture of this size."""
        ...

    def seen(self, size: Size, detail: Detail) -> Size:
        """The size at which the model looks at it, where that is smaller; else `size`.

        Sending this instead of `size` costs the same and changes nothing for the model.
        """
        ...

    def within(self, size: Size, *, max_tokens: int) -> Size | None:
        """The largest size of this shape that costs `max_tokens` or less at high detail.

        None where no size does.
        """
        ...


def boxed(size: Size, side_px: int) -> Size:
    """`size` shrunk into a square, rounded up to whole pixels."""
    longest = max(size)
    return size if longest <= side_px else _scaled(size, side_px, longest)


def at_most(size: Size, max_pixels: int) -> Size:
    """`size` shrunk to so many pixels or fewer, rounded down to whole pixels."""
    width_px, height_px = size
    if width_px * height_px <= max_pixels:
        return size
    shrunk = Size(
        max(1, isqrt(max_pixels * width_px // height_px)),
        max(1, isqrt(max_pixels * height_px // width_px)),
    )
    return Size(min(shrunk.width_px, max_pixels), min(shrunk.height_px, max_pixels))


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAITiles:
    """OpenAI's tiles: a base, and so many tokens for each begun tile of the shrunk picture.

    The picture is shrunk into a square box, then until its short side is `short_side_px`. At
    low detail it is shrunk into a square of `low_side_px` and costs the base alone.
    """

    base: int
    per_tile: int
    tile_px: int
    box_px: int
    short_side_px: int
    low_side_px: int

    def count(self, size: Size, detail: Detail) -> int:
        """See `ImageRule`."""
        return self.base if detail == "low" else self._at_high(self.seen(size, detail))

    def seen(self, size: Size, detail: Detail) -> Size:
        """See `ImageRule`."""
        if detail == "low":
            return boxed(size, self.low_side_px)
        longest, shortest = max(size), min(size)
        if longest > self.box_px and shortest * self.box_px <= self.short_side_px * longest:
            return _scaled(size, self.box_px, longest)
        if shortest > self.short_side_px:
            return _scaled(size, self.short_side_px, shortest)
        return size

    def within(self, size: Size, *, max_tokens: int) -> Size | None:
        """See `ImageRule`."""
        if max_tokens < self.base + self.per_tile:
            return None
        seen = self.seen(size, "high")
        longest = max(seen)
        side_px = bisect_right(
            range(1, longest + 1),
            max_tokens,
            key=lambda side_px: self._at_high(_scaled(seen, side_px, longest)),
        )
        return _scaled(seen, side_px, longest)

    def _at_high(self, seen: Size) -> int:
        return self.base + self.per_tile * _cells(seen, self.tile_px)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIPatches:
    """OpenAI's patches: `percent` hundredths of a token for each begun patch.

    With more than `max_patches` the picture is shrunk in two steps: until its area is that of
    `max_patches`, then until the side that is further above a whole number of patches has one.
    """

    patch_px: int
    max_patches: int
    percent: int
    low_side_px: int

    def count(self, size: Size, detail: Detail) -> int:
        """See `ImageRule`."""
        patches = _cells(self.seen(size, detail), self.patch_px)
        return _divided_up(patches * self.percent, _PERCENT)

    def seen(self, size: Size, detail: Detail) -> Size:
        """See `ImageRule`."""
        if detail == "low":
            size = boxed(size, self.low_side_px)
        return self._capped(size, self.max_patches)

    def within(self, size: Size, *, max_tokens: int) -> Size | None:
        """See `ImageRule`."""
        patches = min(self.max_patches, max_tokens * _PERCENT // self.percent)
        return self._capped(size, patches) if patches else None

    def _capped(self, size: Size, max_patches: int) -> Size:
        if _cells(size, self.patch_px) <= max_patches:
            return size
        width_px, height_px = size
        across = min(max_patches, isqrt(max_patches * width_px // height_px))
        down = min(max_patches, isqrt(max_patches * height_px // width_px))
        if across and (across * height_px <= down * width_px or not down):
            return _scaled(size, across * self.patch_px, width_px)
        return _scaled(size, down * self.patch_px, height_px)


@dataclass(frozen=True, slots=True, kw_only=True)
class GeminiTiles:
    """Gemini 2.5: so many tokens for each begun tile, and one tile for a small picture.

    A tile's side is two thirds of the picture's short side, within bounds; a picture with no
    side over `whole_side_px` is one tile. That is also what low detail makes of every picture:
    the file is shrunk, since a request has one resolution for all of its pictures.
    """

    per_tile: int
    whole_side_px: int
    min_tile_px: int
    max_tile_px: int

    def count(self, size: Size, detail: Detail) -> int:
        """See `ImageRule`."""
        return self.per_tile * self._tiles(self.seen(size, detail))

    def seen(self, size: Size, detail: Detail) -> Size:
        """See `ImageRule`."""
        return boxed(size, self.whole_side_px) if detail == "low" else size

    def within(self, size: Size, *, max_tokens: int) -> Size | None:
        """See `ImageRule`."""
        most = max_tokens // self.per_tile
        if not most:
            return None
        if self._tiles(size) <= most:
            return size
        return self._with_full_tiles(size, most) or self._with_growing_tiles(size, most)

    def _with_full_tiles(self, size: Size, most: int) -> Size | None:
        """Over this short side all tiles have their full size: the smaller, the fewer."""
        least = _divided_up(self.max_tile_px * 3, 2)
        sides = range(least, min(size) + 1)
        found = bisect_right(sides, most, key=lambda side: self._tiles(_short(size, side)))
        return _short(size, sides[found - 1]) if found else None

    def _with_growing_tiles(self, size: Size, most: int) -> Size:
        """Below it tiles grow with the picture, and the count jumps: every side is tried."""
        largest = min(*size, _divided_up(self.max_tile_px * 3, 2))
        sizes = (_short(size, side) for side in range(largest, 0, -1))
        found = (each for each in sizes if self._tiles(each) <= most)
        return next(found, boxed(size, self.whole_side_px))

    def _tiles(self, size: Size) -> int:
        if max(size) <= self.whole_side_px:
            return 1
        side_px = min(max(min(size) * 2 // 3, self.min_tile_px), self.max_tile_px)
        return _cells(size, side_px)


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedTokens:
    """The same for every size: Gemini 3 and most of the older open models."""

    high: int
    low: int

    def count(self, size: Size, detail: Detail) -> int:
        """See `ImageRule`."""
        del size
        return self.low if detail == "low" else self.high

    def seen(self, size: Size, detail: Detail) -> Size:
        """See `ImageRule`. What the model makes of it is not published."""
        del detail
        return size

    def within(self, size: Size, *, max_tokens: int) -> Size | None:
        """See `ImageRule`."""
        return size if self.high <= max_tokens else None


@dataclass(frozen=True, slots=True, kw_only=True)
class QwenPixels:
    """Qwen-VL: a token for each square of the picture, scaled to whole squares.

    Both sides are rounded to whole squares (halves to even). Over `max_tokens` the picture is
    shrunk, under `min_tokens` enlarged, both by the model itself. Low detail is ours: such a
    picture is shrunk until it costs at most `low_tokens`.
    """

    side_px: int
    min_tokens: int
    max_tokens: int
    low_tokens: int

    def count(self, size: Size, detail: Detail) -> int:
        """See `ImageRule`."""
        across, down = self._grid(self.seen(size, detail))
        return across * down

    def seen(self, size: Size, detail: Detail) -> Size:
        """See `ImageRule`."""
        if detail == "low" and (small := self.within(size, max_tokens=self.low_tokens)):
            return small
        if self._rounded(size) <= self.max_tokens:
            return size
        across, down = self._grid(size)
        target = Size(across * self.side_px, down * self.side_px)
        return target if target.width_px <= size[0] and target.height_px <= size[1] else size

    def looks_at(self, size: Size, detail: Detail) -> Size:
        """The size to which the model itself brings a picture, smaller or larger."""
        across, down = self._grid(self.seen(size, detail))
        return Size(across * self.side_px, down * self.side_px)

    def within(self, size: Size, *, max_tokens: int) -> Size | None:
        """See `ImageRule`."""
        size = self.seen(size, "high")
        if self._tokens(size) <= max_tokens:
            return size
        longest = max(size)
        side_px = bisect_right(
            range(1, longest + 1),
            max_tokens,
            key=lambda side_px: self._rounded(_scaled(size, side_px, longest)),
        )
        largest = _scaled(size, max(1, side_px), longest)
        return largest if self._tokens(largest) <= max_tokens else None

    def _tokens(self, size: Size) -> int:
        across, down = self._grid(size)
        return across * down

    def _rounded(self, size: Size) -> int:
        return rounded(size.width_px, self.side_px) * rounded(size.height_px, self.side_px)

    def _grid(self, size: Size) -> tuple[int, int]:
        width_px, height_px = size
        tokens = self._rounded(size)
        if tokens > self.max_tokens:
            return _floored(size, self.max_tokens)
        if tokens < self.min_tokens:
            return (
                root_up(self.min_tokens * width_px, height_px),
                root_up(self.min_tokens * height_px, width_px),
            )
        return rounded(width_px, self.side_px), rounded(height_px, self.side_px)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxedPatches:
    """A token for each begun patch of the picture as it would be inside a square box.

    The box is for counting alone: the model looks at the whole picture.
    """

    patch_px: int
    box_px: int

    def count(self, size: Size, detail: Detail) -> int:
        """See `ImageRule`."""
        del detail
        return _cells(boxed(size, self.box_px), self.patch_px)

    def seen(self, size: Size, detail: Detail) -> Size:
        """See `ImageRule`."""
        del detail
        return size

    def within(self, size: Size, *, max_tokens: int) -> Size | None:
        """See `ImageRule`."""
        if max_tokens < 1:
            return None
        if self.count(size, "high") <= max_tokens:
            return size
        longest = max(size)
        side_px = bisect_right(
            range(1, min(longest, self.box_px) + 1),
            max_tokens,
            key=lambda side_px: _cells(_scaled(size, side_px, longest), self.patch_px),
        )
        return _scaled(size, side_px, longest)


# --- Arithmetic ------------------------------------------------------------------------------


def rounded(number: int, unit: int) -> int:
    """`number / unit` to the nearest whole number, halves to even."""
    whole, rest = divmod(number, unit)
    return whole + (2 * rest > unit or (2 * rest == unit and whole % 2 == 1))


def root_up(numerator: int, denominator: int) -> int:
    """The square root of a fraction, rounded up."""
    root = isqrt(numerator // denominator)
    return root if root * root * denominator >= numerator else root + 1


def _divided_up(number: int, unit: int) -> int:
    return -(-number // unit)


def _scaled(size: Size, numerator: int, denominator: int) -> Size:
    """`size` times a fraction of at most 1, rounded up."""
    return Size(
        _divided_up(size.width_px * numerator, denominator),
        _divided_up(size.height_px * numerator, denominator),
    )


def _short(size: Size, side_px: int) -> Size:
    """`size` shrunk until its short side is `side_px`."""
    return _scaled(size, side_px, min(size))


def _cells(size: Size, side_px: int) -> int:
    """Begun squares of that side."""
    return _divided_up(size.width_px, side_px) * _divided_up(size.height_px, side_px)


def _floored(size: Size, max_tokens: int) -> tuple[int, int]:
    """Squares across and down, together `max_tokens` at most, each at least 1."""
    width_px, height_px = size
    return (
        max(1, isqrt(max_tokens * width_px // height_px)),
        max(1, isqrt(max_tokens * height_px // width_px)),
    )
