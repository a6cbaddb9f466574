"""How many were bought, prices before and after a reduction, and how long something holds."""

import pytest
from answering_pages import ask, written

RECEIPT = written(
    """
    CORNER FOODS
    12 High Street

    WHOLEMEAL LOAF        2.10
    LEMONS                2.55
    3 @ 0.85
    2 x RED APPLES        1.20
    YOGHURT     4 Stk     3.16

    TOTAL                £9.01
    Points earned today: 38
    Points balance: 1,204
    """
)
FUEL = written(
    """
    TANKHOF NORD

    Super E10       38,42 1
    Preis je Liter  1,729 EUR
    Gesamt EUR      66,43
    """
)
TAG = written("LOUNGER OLIVE\nwas £129.00\n£94.50\nSize  190 x 62 cm")
SCHILD = written("Gartenliege oliv\nstatt 129,00 €\njetzt nur 94,50 €\nMaße  190 x 62 cm")
FERRY = written(
    """
    Skerra Ferry  Winter timetable
    Valid from 1 November to 31 March

    Please check in 20 minutes before departure.
    """
)
JAR = written(
    """
    MANGO CHUTNEY

    Once opened, keep chilled and eat within 6 weeks.

    Best before end: 09/2026
    """
)
VARNISH = written("HOLZLASUR\nFarbton  Nussbaum\nReichweite  ca. 30 m²\nTrockenzeit  6 Stunden")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How many lemons did they buy?", "3"),
        ("How many red apples were bought?", "2"),
        ("Wie viele Yoghurt wurden gekauft?", "4"),
    ],
)
def test_a_receipt_tells_how_many_of_an_article(question: str, answer: str) -> None:
    assert ask(question, RECEIPT).startswith(f"{answer} ")


def test_an_article_without_a_count_is_not_counted() -> None:
    assert "cannot" in ask("How many pineapples did they buy?", RECEIPT)


def test_what_was_paid_altogether_is_the_total() -> None:
    assert ask("What was paid altogether?", RECEIPT).startswith("£9.01 ")


def test_a_litre_that_was_read_as_a_figure_is_a_litre() -> None:
    assert ask("Wie viel Liter wurden getankt?", FUEL).startswith("38,42 l ")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What does the lounger cost now?", "£94.50"),
        ("What was the price before the reduction?", "£129.00"),
        ("How much did the lounger cost originally?", "£129.00"),
    ],
)
def test_a_tag_tells_the_price_before_and_after(question: str, answer: str) -> None:
    assert ask(question, TAG).startswith(f"{answer} ")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Was kostet die Liege jetzt?", "94,50 €"),
        ("Was hat die Liege vorher gekostet?", "129,00 €"),
    ],
)
def test_statt_is_the_price_before(question: str, answer: str) -> None:
    assert ask(question, SCHILD).startswith(f"{answer} ")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Until when does this timetable apply?", "31 March"),
        ("From when is the timetable valid?", "1 November"),
        ("How early before departure do I have to check in?", "20 minutes"),
    ],
)
def test_a_timetable_tells_from_when_until_when_and_how_early(
    question: str, answer: str
) -> None:
    assert ask(question, FERRY).startswith(f"{answer} ")


def test_a_label_tells_how_long_it_keeps_when_opened() -> None:
    assert ask("How long can the jar be kept after opening?", JAR).startswith("6 weeks ")


def test_drying_is_told_by_the_compound_of_its_noun() -> None:
    assert ask("Wie lange dauert das Trocknen?", VARNISH).startswith("6 Stunden ")


def test_a_price_is_no_area() -> None:
    assert "nicht finden" in ask("Was kostet ein Quadratmeter Lasur?", VARNISH)


def test_a_label_is_no_number() -> None:
    page = written("ACME LTD\n\nCustomer Invoice #\n\n14 Mill Lane")
    assert "cannot" in ask("What is the purchase order number?", page)
