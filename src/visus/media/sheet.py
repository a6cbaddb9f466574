"""Several pictures on one sheet, each above a few words.

Only pictures that a worker of ours has just made come here: no foreign file is decoded.
"""

import math
from collections.abc import Sequence
from io import BytesIO
from typing import Final, NamedTuple

from PIL import Image as Pillow, ImageDraw, ImageFont

_ALONE_PX: Final = 1536
_TOGETHER_PX: Final = 384
_MARGIN_PX: Final = 12
_LINE_PX: Final = 18
_LINES: Final = 2
_MAX_ACROSS: Final = 8
_LONGEST_LINE: Final = 46
"""Characters: about as wide as a small picture."""
_PAPER: Final = "#f4f4f4"
_INK: Final = "#202020"


class Tile(NamedTuple):
    """One picture and what stands under it, in at most two lines."""

    file: bytes
    caption: str


def tile_side_px(count: int) -> int:
    """How large each of `count` pictures may be: a single one nearly as it is."""
    return _ALONE_PX if count == 1 else _TOGETHER_PX


def sheet(tiles: Sequence[Tile]) -> bytes:
    """A PNG with all tiles, in rows, in their order; empty without any tile."""
    pictures = [Pillow.open(BytesIO(tile.file)).convert("RGB") for tile in tiles]
    if not pictures:
        return b""
    across = min(_MAX_ACROSS, math.ceil(math.sqrt(len(pictures))))
    down = math.ceil(len(pictures) / across)
    font = ImageFont.load_default(_LINE_PX - 4)
    captions = [_shortened(tile.caption) for tile in tiles]
    words = [font.getlength(line) for text in captions for line in text.split("\n")]
    widest = math.ceil(max(*words, *(picture.width for picture in pictures)))
    cell_width = widest + _MARGIN_PX
    cell_height = max(one.height for one in pictures) + _LINES * _LINE_PX + _MARGIN_PX
    paper = Pillow.new(
        "RGB", (across * cell_width + _MARGIN_PX, down * cell_height + _MARGIN_PX), _PAPER
    )
    pen = ImageDraw.Draw(paper)
    for index, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        x = _MARGIN_PX + index % across * cell_width
        y = _MARGIN_PX + index // across * cell_height
        paper.paste(picture, (x, y))
        pen.multiline_text((x, y + picture.height + 2), caption, fill=_INK, font=font)
    done = BytesIO()
    paper.save(done, "PNG")
    return done.getvalue()


def _shortened(caption: str) -> str:
    """At most as wide as a small picture, the end of a long name kept."""
    lines = caption.split("\n")[:_LINES]
    return "\n".join(
        f"…{line[1 - _LONGEST_LINE :]}" if len(line) > _LONGEST_LINE else line for line in lines
    )
