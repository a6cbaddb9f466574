"""Where in the caller's picture a box is: from the numbers that a model writes to pixels.

Models write boxes in one of three ways: in thousandths of the picture's sides with the
vertical axis first (Gemini: `[y0, x0, y1, x1]`), the same with the horizontal axis first
(Qwen3-VL), or in pixels of the picture as the model itself resized it (Qwen2.5-VL). Nothing
here knows a model, a file or a text.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from visus.core.question import Detail
from visus.core.tokens import Size

LooksAt: TypeAlias = Callable[[Size, Detail], Size]
"""The size at which a model looks at a picture that was sent at some size."""


class BoxConvention(NamedTuple):
    """How one model writes boxes."""

    y_first: bool = False
    """Whether the vertical axis comes first."""
    steps: int | None = None
    """What stands for the whole of either side; None: pixels of the resized picture."""
    looks_at: LooksAt = lambda size, _: size
    """How the model resizes; without meaning where there are `steps`."""

    def scale(self, picture: Size, *, sent: Size, detail: Detail) -> "Scale":
        """How the numbers become pixels of `picture`, of which the model got `sent`."""
        if self.steps is not None:
            return Scale(picture, Size(self.steps, self.steps), y_first=self.y_first)
        return Scale(picture, self.looks_at(sent, detail), y_first=self.y_first)


class Scale(NamedTuple):
    """From a model's numbers to pixels of one picture."""

    picture: Size
    """In pixels, as it is shown."""
    whole: Size
    """The numbers that the model writes for the right and the lower edge."""
    y_first: bool

    def pixels(self, numbers: Sequence[float]) -> Sequence[int]:
        """Corners `x, y, x, y, ...` in whole pixels, 0 to the picture's width or height.

        Args:
            numbers: two for each corner, in the model's order and units.
        """
        placed: list[int] = []
        for first, second in zip(numbers[::2], numbers[1::2], strict=True):
            x, y = (second, first) if self.y_first else (first, second)
            placed.append(_placed(x, self.picture.width_px, self.whole.width_px))
            placed.append(_placed(y, self.picture.height_px, self.whole.height_px))
        return placed


def _placed(number: float, side_px: int, whole: int) -> int:
    return min(side_px, max(0, int(number * side_px / whole + 0.5)))
