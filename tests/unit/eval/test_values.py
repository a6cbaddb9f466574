"""One value, many spellings."""

import pytest
from eval.values import tokens


@pytest.mark.parametrize(
    "spelling", ["1.234,56", "1,234.56", "1234.56", "1234,56", "1 234,56", "1'234.56"]
)
@pytest.mark.parametrize("frame", ["{}", "{} €", "EUR {}", "${}", "**{}**", "({})."])
def test_every_spelling_of_an_amount_is_the_same_number(spelling: str, frame: str) -> None:
    (token,) = (
        token for token in tokens(frame.format(spelling)) if token.kind in {"amount", "number"}
    )
    assert token.readings == {"1234.56"}


@pytest.mark.parametrize(
    "spelling",
    [
        "12.03.2025",
        "12.3.2025",
        "2025-03-12",
        "12. März 2025",
        "12 March 2025",
        "March 12, 2025",
        "12 Mar 2025",
        "12th of March 2025",
        "12.03.25",
        "12/03/2025",
        "12-03-2025",
    ],
)
def test_every_spelling_of_a_date_is_the_same_day(spelling: str) -> None:
    (token,) = tokens(spelling)
    assert token.kind == "date"
    assert "2025-03-12" in token.readings


def test_a_spelling_with_two_readings_keeps_both() -> None:
    (number,) = tokens("1.234")
    assert number.readings == {"1.234", "1234"}
    (date,) = tokens("03/04/2025")
    assert date.readings == {"2025-04-03", "2025-03-04"}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("DE89 3704 0044 0532 0130 00", "code"),
        ("RE-2025-0142", "code"),
        ("L24A317", "code"),
        ("2025/0142", "code"),
        ("anna@example.org", "address"),
        ("https://example.org/a?b=1", "address"),
        ("14:32", "time"),
        ("19 %", "percent"),
        ("7,5", "number"),
        ("EUR 7", "amount"),
    ],
)
def test_a_value_is_known_for_what_it_is(text: str, kind: str) -> None:
    (token,) = tokens(text)
    assert token.kind == kind


def test_a_decimal_number_is_not_a_code() -> None:
    assert [token.kind for token in tokens("1.5 kg")] == ["number", "word"]
