"""Letters and figures that look alike, told apart by their width in a code."""

import pytest

from visus.local.lite.lookalikes import told_apart
from visus.local.lite.spacing import Glyph


def _read(text: str, widths: dict[int, float | None], *, confidence: float = 0.99) -> str:
    glyphs = [Glyph(letter, 0.0, confidence) for letter in text]
    measured = [widths.get(place, 10.0) for place in range(len(text))]
    return "".join(glyph.text for glyph in told_apart(glyphs, measured))


@pytest.mark.parametrize(
    ("width", "read"), [(11.7, "P0289866"), (11.8, "PO289866"), (16.4, "PO289866")]
)
def test_a_zero_as_wide_as_a_capital_is_a_letter(width: float, read: str) -> None:
    assert _read("P0289866", {1: width}) == read


def test_a_zero_too_wide_for_one_glyph_stays() -> None:
    assert _read("P0289866", {1: 16.5}) == "P0289866"


def test_a_zero_that_cannot_be_measured_stays() -> None:
    assert _read("P0289866", {1: None}) == "P0289866"


def test_an_unmarked_zero_of_an_order_in_type_of_one_width_is_a_letter() -> None:
    assert _read("Your order: P0289866", {3: 8.0, 13: 10.5}) == "Your order: PO289866"


def test_a_marked_zero_in_type_of_one_width_stays() -> None:
    assert _read("Your order: P0289866", {3: 8.0, 13: None}) == "Your order: P0289866"


def test_an_unmarked_zero_after_another_letter_stays() -> None:
    assert _read("Your order: K0289866", {3: 8.0, 13: 10.5}) == "Your order: K0289866"


def test_an_unmarked_zero_beside_narrow_letters_stays() -> None:
    widths: dict[int, float | None] = {3: 5.0, 6: 5.0, 9: 5.0, 10: 5.0, 13: 10.5}
    assert _read("Your order: P0289866", widths) == "Your order: P0289866"


def test_a_figure_between_letters_of_a_beginning_is_a_letter() -> None:
    assert _read("IN0V-12345", {}) == "INOV-12345"


def test_a_zero_before_several_letters_is_one() -> None:
    assert _read("0RD641365", {}) == "ORD641365"
    assert _read("0R641365", {}) == "0R641365"


def test_a_wide_five_is_a_letter_only_where_the_reading_was_unsure() -> None:
    assert _read("R5289866", {1: 12.0}) == "R5289866"
    assert _read("R5289866", {1: 12.0}, confidence=0.6) == "RS289866"
