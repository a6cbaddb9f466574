"""Which of several pictures is meant: by ground, by figures, by what is written on it."""

import pytest
from answering_pages import ask, drawn, written

from visus.local.lite.evidence import Colour, Evidence

YELLOW = Evidence(
    width_px=600,
    height_px=400,
    colours=[Colour("yellow", (250, 215, 40), 0.9), Colour("blue", (30, 60, 160), 0.1)],
    ground_colour="yellow",
)
THREE = drawn(("blue", "circle"), ("blue", "circle"), ("red", "square"))


@pytest.mark.parametrize(
    ("seen", "question", "start"),
    [
        ((YELLOW, THREE), "Which of the two pictures has a yellow background?", "Picture 1 ("),
        ((YELLOW, THREE), "Auf welchem Bild sind mehr Figuren?", "Bild 2 ("),
        ((YELLOW, THREE), "Which picture shows fewer shapes?", "Picture 1 ("),
        ((THREE, written("Invoice 12")), "Which picture is an invoice?", "Picture 2 ("),
    ],
)
def test_the_picture_that_fits_is_named(
    seen: tuple[Evidence, Evidence], question: str, start: str
) -> None:
    assert ask(question, *seen).startswith(start)


@pytest.mark.parametrize(
    "question", ["Which picture is green?", "Which of the two pictures has more circles?"]
)
def test_none_is_named_where_none_or_both_fit(question: str) -> None:
    assert ask(question, YELLOW, YELLOW).startswith("Not found")
