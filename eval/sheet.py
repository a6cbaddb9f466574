"""Paper to draw on: fonts from the system, and a record of every word that was printed."""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeAlias

from PIL import Image, ImageDraw, ImageFont

from eval.dice import Dice

Colour: TypeAlias = tuple[int, int, int]
Font: TypeAlias = ImageFont.FreeTypeFont

FONT_ROOT: Final = Path("/usr/share/fonts/truetype")
DEBIAN_PACKAGES: Final = "fonts-dejavu-core fonts-liberation fonts-freefont-ttf"
FACES: Final = {
    "DejaVu Sans": ("dejavu/DejaVuSans.ttf", "dejavu/DejaVuSans-Bold.ttf"),
    "DejaVu Serif": ("dejavu/DejaVuSerif.ttf", "dejavu/DejaVuSerif-Bold.ttf"),
    "Liberation Sans": (
        "liberation/LiberationSans-Regular.ttf",
        "liberation/LiberationSans-Bold.ttf",
    ),
    "Liberation Serif": (
        "liberation/LiberationSerif-Regular.ttf",
        "liberation/LiberationSerif-Bold.ttf",
    ),
    "Liberation Mono": (
        "liberation/LiberationMono-Regular.ttf",
        "liberation/LiberationMono-Bold.ttf",
    ),
    "FreeSans": ("freefont/FreeSans.ttf", "freefont/FreeSansBold.ttf"),
    "FreeSerif": ("freefont/FreeSerif.ttf", "freefont/FreeSerifBold.ttf"),
}
INK: Final[Colour] = (20, 20, 24)


class FontsMissing(Exception):
    """The fonts that every seed is drawn with are not installed."""


def check_fonts(root: Path = FONT_ROOT) -> None:
    """Raise `FontsMissing`, naming the Debian packages, unless every face is there."""
    wanted = [root / path for paths in FACES.values() for path in paths]
    absent = [path.name for path in wanted if not path.is_file()]
    if absent:
        raise FontsMissing(
            f"fonts are missing ({', '.join(absent)}); install the Debian packages"
            f" {DEBIAN_PACKAGES}"
        )


@lru_cache(maxsize=256)
def font(face: str, size_px: int, *, bold: bool = False) -> Font:
    """One of `FACES` at a size in pixels of the em."""
    return ImageFont.truetype(str(FONT_ROOT / FACES[face][int(bold)]), size_px)


@dataclass(slots=True)
class Sheet:
    """A picture in the making. `printed` is all that can be read on it, in drawing order."""

    image: Image.Image
    face: str
    size_px: int
    ink: Colour = INK
    printed: list[str] = field(default_factory=list)

    @property
    def draw(self) -> ImageDraw.ImageDraw:
        """The pen."""
        return ImageDraw.Draw(self.image)

    def font(self, *, scale: float = 1.0, bold: bool = False) -> Font:
        """The sheet's face at its size, or at a multiple of it."""
        return font(self.face, round(self.size_px * scale), bold=bold)

    def say(
        self,
        place: tuple[float, float],
        text: str,
        *,
        style: Font | None = None,
        ink: Colour | None = None,
        anchor: str = "la",
    ) -> int:
        """Print one run of text; returns the y under it with a little air."""
        style = style or self.font()
        self.draw.text(place, text, font=style, fill=ink or self.ink, anchor=anchor)
        self.printed.append(text)
        return round(place[1] + style.size * 1.45)

    def width(self, text: str, style: Font | None = None) -> int:
        """How wide the text would be, in pixels."""
        return round((style or self.font()).getlength(text))

    def rule(self, y: float, left: float, right: float, *, ink: Colour | None = None) -> None:
        """A horizontal line."""
        self.draw.line([(left, y), (right, y)], fill=ink or self.ink, width=2)

    def wrapped(self, text: str, width_px: int, style: Font | None = None) -> list[str]:
        """The text in lines no wider than `width_px`; words stay whole."""
        lines: list[str] = []
        for word in text.split():
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and self.width(longer, style) <= width_px:
                lines[-1] = longer
            else:
                lines.append(word)
        return lines

    def cropped(self, bottom: float) -> Image.Image:
        """The picture down to `bottom` and no further."""
        return self.image.crop((0, 0, self.image.width, min(self.image.height, round(bottom))))


def blank(size: tuple[int, int], dice: Dice, *, face: str = "", size_px: int = 22) -> Sheet:
    """White or nearly white paper with a drawn face."""
    ground = dice.pick([(255, 255, 255), (255, 255, 255), (252, 251, 246), (247, 249, 252)])
    return Sheet(Image.new("RGB", size, ground), face or dice.pick(list(FACES)), size_px)
