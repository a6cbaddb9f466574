"""The whole material of one seed in a folder of its own, with a contact sheet to look at."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps

from eval import extraction, pages, pictures
from eval.items import Item, save
from eval.sheet import check_fonts

PARTS: Final[dict[str, Callable[[int, Path], list[Item]]]] = {
    "ocr": pages.make,
    "extract": extraction.make,
    "codes": pictures.codes,
    "colours": pictures.colours,
    "shapes": pictures.shapes,
    "photos": pictures.photos,
    "charts": pictures.charts,
    "others": pictures.others,
}
THUMB_PX: Final = 240
ACROSS: Final = 12


def make(seed: int, folder: Path, parts: Sequence[str]) -> list[Item]:
    """Draw the parts of a seed into `folder`, which is emptied first."""
    check_fonts()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    items = [
        item for name, draw in PARTS.items() if name in parts for item in draw(seed, folder)
    ]
    save(items, folder)
    return items


def contact_sheet(items: Sequence[Item], folder: Path) -> Path:
    """Every picture, small, in one file."""
    names = list(dict.fromkeys(name for item in items for name in item.pictures))
    rows = -(-len(names) // ACROSS)
    sheet = Image.new("RGB", (ACROSS * THUMB_PX, rows * THUMB_PX), (90, 90, 96))
    for place, name in enumerate(names):
        with Image.open(folder / name) as opened:
            small = ImageOps.exif_transpose(opened).convert("RGB")
        small.thumbnail((THUMB_PX - 8, THUMB_PX - 8))
        sheet.paste(small, (place % ACROSS * THUMB_PX + 4, place // ACROSS * THUMB_PX + 4))
    path = folder / "contact.png"
    sheet.save(path)
    return path
