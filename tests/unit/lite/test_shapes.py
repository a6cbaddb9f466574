"""Figures on plain ground: counted, named and coloured."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from visus.local.lite.colours import NAMES, Palette
from visus.local.lite.evidence import Box
from visus.local.lite.shapes import Picture, find_shapes, ground_of

PALETTE = Palette()


def canvas(ground: str = "white") -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (600, 400), ground)
    return image, ImageDraw.Draw(image)


def pixels(image: Image.Image) -> Picture:
    return np.asarray(image, dtype=np.uint8)


def seen(image: Image.Image, *texts: Box) -> list[tuple[str, str]]:
    found = find_shapes(pixels(image), PALETTE, texts)
    return [(shape.kind, shape.colour) for shape in found]


@pytest.mark.parametrize("ground", ["white", "black", "yellow"])
def test_figures_are_counted_with_kind_and_colour_on_any_ground(ground: str) -> None:
    image, draw = canvas(ground)
    draw.ellipse((20, 20, 120, 120), fill="red")
    draw.rectangle((200, 30, 290, 120), fill="blue")
    draw.polygon([(350, 140), (400, 40), (450, 140)], fill="green")
    draw.rectangle((20, 250, 220, 320), fill="purple")
    assert sorted(seen(image)) == [
        ("circle", "red"),
        ("rectangle", "purple"),
        ("square", "blue"),
        ("triangle", "green"),
    ]


def test_outlines_are_figures_too() -> None:
    image, draw = canvas()
    draw.ellipse((20, 20, 160, 160), outline="red", width=5)
    draw.rectangle((250, 30, 350, 130), outline="blue", width=4)
    assert sorted(seen(image)) == [("circle", "red"), ("square", "blue")]


def test_touching_figures_of_two_colours_are_two() -> None:
    image, draw = canvas()
    draw.rectangle((100, 100, 199, 199), fill="red")
    draw.rectangle((200, 100, 299, 199), fill="blue")
    assert sorted(seen(image)) == [("square", "blue"), ("square", "red")]


def test_text_is_no_figure() -> None:
    image, draw = canvas()
    draw.rectangle((100, 100, 110, 114), fill="black")
    assert len(seen(image)) == 1
    assert seen(image, Box(90, 95, 200, 120)) == []


def test_a_picture_of_one_colour_holds_no_figure() -> None:
    image, _ = canvas("orange")
    assert seen(image) == []
    assert ground_of(pixels(image)).even


def test_noise_all_over_is_no_even_ground() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (200, 200, 3)).astype(np.uint8)
    assert not ground_of(noise).even


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((255, 0, 0), "red"),
        ((0, 128, 0), "green"),
        ((0, 0, 255), "blue"),
        ((0, 0, 128), "blue"),
        ((255, 255, 0), "yellow"),
        ((255, 165, 0), "orange"),
        ((128, 0, 128), "purple"),
        ((255, 192, 203), "pink"),
        ((139, 69, 19), "brown"),
        ((0, 0, 0), "black"),
        ((255, 255, 255), "white"),
        ((128, 128, 128), "grey"),
        ((64, 224, 208), "turquoise"),
        ((245, 245, 220), "beige"),
    ],
)
def test_a_colour_has_the_name_that_people_use(rgb: tuple[int, int, int], name: str) -> None:
    assert name in NAMES
    assert PALETTE.name(rgb) == name


def test_dominant_colours_come_largest_first_with_their_shares() -> None:
    image, draw = canvas()
    draw.rectangle((0, 0, 149, 399), fill="red")
    white, red = PALETTE.dominant(pixels(image))
    assert (white.name, red.name) == ("white", "red")
    assert red.share == pytest.approx(0.25, abs=0.02)
