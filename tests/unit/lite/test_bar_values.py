"""The figures at the ends of bars: read again where missing, left out where they contradict."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from visus.local.lite.barvalues import with_values
from visus.local.lite.evidence import Bar, Box
from visus.local.lite.ocr import Reader, models_folder

VALUES = (1200, 2650, 3400, 1850)


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with ThreadPoolExecutor(2) as pool:
        yield Reader(models_folder(), pool=pool)


def chart() -> tuple[Image.Image, list[Bar]]:
    """Four bars with their figures above, and the bars as perception gives them."""
    picture = Image.new("RGB", (900, 620), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(22)
    bars: list[Bar] = []
    for place, value in enumerate(VALUES):
        left, top = 120 + 180 * place, 520 - value / 9
        pen.rectangle([left, top, left + 110, 520], fill=(70, 130, 180))
        pen.text((left + 55, top - 28), str(value), font=font, fill="black", anchor="ma")
        box = Box(left, top, left + 110, 520)
        bars.append(Bar(f"Q{place + 1}", str(value), "blue", box, 520 - top))
    return picture, bars


def printed(picture: Image.Image, bars: list[Bar], reader: Reader) -> list[str]:
    pixels = np.asarray(picture, dtype=np.uint8)
    return [bar.printed for bar in with_values(pixels, bars, reader)]


def changed(bars: list[Bar], place: int, figure: str) -> list[Bar]:
    bar = bars[place]
    other = Bar(bar.label, figure, bar.colour, bar.box, bar.length_px)
    return [other if each is bar else each for each in bars]


@pytest.mark.parametrize("figure", ["", "850"])
def test_a_missing_or_clipped_figure_is_read_again(reader: Reader, figure: str) -> None:
    picture, bars = chart()
    assert printed(picture, changed(bars, 3, figure), reader) == [str(v) for v in VALUES]


def test_a_figure_that_contradicts_its_bar_is_left_out(reader: Reader) -> None:
    picture, bars = chart()
    ImageDraw.Draw(picture).rectangle([660, 250, 800, 312], fill="white")
    assert printed(picture, changed(bars, 3, "850"), reader) == ["1200", "2650", "3400", ""]


def test_bars_without_figures_stay_without(reader: Reader) -> None:
    _, bars = chart()
    bare = [Bar(bar.label, "", bar.colour, bar.box, bar.length_px) for bar in bars]
    assert printed(Image.new("RGB", (900, 620), "white"), bare, reader) == [""] * 4
