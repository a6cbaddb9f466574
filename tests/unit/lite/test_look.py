"""The eyes as a whole, on pictures whose content is known."""

import io

import numpy as np
import pytest
import skimage.data
import zxingcpp
from hypothesis import given, settings, strategies as st
from PIL import Image, ImageDraw, ImageFont

from visus.errors import MediaRejected
from visus.local.lite.decode import decoded
from visus.local.lite.evidence import Evidence
from visus.local.lite.look import Eyes

LINES = ["The total of 1,249.50 is due on Monday.", "IBAN DE89 3704 0044 0532 0130 00"]


@pytest.fixture(scope="module")
def eyes() -> Eyes:
    return Eyes()


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def page(lines: list[str]) -> Image.Image:
    image = Image.new("RGB", (700, 260), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(24)
    for number, line in enumerate(lines):
        draw.text((40, 40 + 50 * number), line, font=font, fill="black")
    return image


def texts(evidence: Evidence) -> list[str]:
    return [line.text for line in evidence.lines]


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_text_is_read_however_the_page_is_turned(eyes: Eyes, turn: int) -> None:
    evidence = eyes.look(png(page(LINES).rotate(turn, expand=True)))
    assert texts(evidence) == LINES
    assert evidence.turned_deg == turn


def test_text_is_read_light_on_dark_and_pale(eyes: Eyes) -> None:
    dark_on_light = np.asarray(page(LINES))
    pale = (255 - (255 - dark_on_light.astype(int)) * 0.3).astype(np.uint8)
    assert texts(eyes.look(png(Image.fromarray(255 - dark_on_light)))) == LINES
    assert texts(eyes.look(png(Image.fromarray(pale)))) == LINES


def test_the_same_file_gives_the_same_evidence(eyes: Eyes) -> None:
    file = png(page(LINES))
    assert eyes.look(file) == eyes.look(file)


@pytest.mark.parametrize(
    ("photo", "name"),
    [("coffee", "espresso"), ("chelsea", "Egyptian cat"), ("camera", "tripod")],
)
def test_a_photo_is_named(eyes: Eyes, photo: str, name: str) -> None:
    evidence = eyes.look(png(Image.fromarray(getattr(skimage.data, photo)())))
    assert evidence.labels[0].name_en == name
    assert evidence.photo


def test_codes_are_read_exactly(eyes: Eyes) -> None:
    code = zxingcpp.create_barcode("https://example.org/ä?b=1", zxingcpp.BarcodeFormat.QRCode)
    image = Image.new("RGB", (500, 400), "white")
    image.paste(Image.fromarray(np.asarray(code.to_image(scale=5))), (60, 60))
    evidence = eyes.look(png(image))
    assert [code.text for code in evidence.codes] == ["https://example.org/ä?b=1"]
    assert evidence.shapes == []


def test_bars_come_in_order_with_label_and_value(eyes: Eyes) -> None:
    image = Image.new("RGB", (700, 400), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(22)
    for number, (label, value) in enumerate([("Nord", 40), ("Ost", 90), ("West", 65)]):
        left = 100 + 200 * number
        draw.rectangle((left, 340 - 3 * value, left + 100, 339), fill="blue")
        draw.text((left + 25, 345), label, font=font, fill="black")
        draw.text((left + 35, 310 - 3 * value), str(value), font=font, fill="black")
    bars = eyes.look(png(image)).bars
    assert [(bar.label, bar.printed) for bar in bars] == [
        ("Nord", "40"),
        ("Ost", "90"),
        ("West", "65"),
    ]


def test_a_blank_picture_has_a_colour_and_no_claims(eyes: Eyes) -> None:
    evidence = eyes.look(png(Image.new("RGB", (200, 100), (0, 0, 255))))
    assert [colour.name for colour in evidence.colours] == ["blue"]
    assert (evidence.lines, evidence.labels, evidence.shapes) == ([], [], [])


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_get_past_decoding_as_anything_but_a_rejection(file: bytes) -> None:
    with pytest.raises(MediaRejected, match="cannot be decoded"):
        decoded(file)


def test_transparency_is_laid_over_white() -> None:
    assert decoded(png(Image.new("RGBA", (4, 4), (0, 0, 0, 0)))).min() == 255


def test_a_heading_close_above_a_ruled_table_is_read(eyes: Eyes) -> None:
    image = Image.new("RGB", (800, 420), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(26)
    draw.text((60, 30), "Sales by region", font=font, fill="black")
    for row, names in enumerate((("Region", "First"), ("North", "412"), ("South", "297"))):
        for column, name in enumerate(names):
            left, top = 60 + 300 * column, 90 + 60 * row
            draw.rectangle([left, top, left + 300, top + 60], outline="black", width=2)
            draw.text((left + 16, top + 16), name, font=font, fill="black")
    assert texts(eyes.look(png(image)))[0] == "Sales by region"


def test_frames_of_a_form_are_no_bars(eyes: Eyes) -> None:
    image = Image.new("RGB", (800, 420), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(26)
    for column, (name, value) in enumerate((("Surname", "Baker"), ("Postcode", "87435"))):
        draw.text((60 + 360 * column, 80), name, font=font, fill="black")
        draw.rectangle([60 + 360 * column, 116, 360 + 360 * column, 170], outline="grey")
        draw.text((76 + 360 * column, 126), value, font=font, fill="black")
    assert eyes.look(png(image)).bars == []


def test_a_row_of_circles_is_not_read_as_letters(eyes: Eyes) -> None:
    image = Image.new("RGB", (480, 320), "white")
    draw = ImageDraw.Draw(image)
    for middle in (90, 160, 230):
        draw.ellipse([middle - 20, 80, middle + 20, 120], outline=(200, 30, 40), width=5)
    seen = eyes.look(png(image))
    assert texts(seen) == []
    assert [shape.kind for shape in seen.shapes] == ["circle"] * 3
