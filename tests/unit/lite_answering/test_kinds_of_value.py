"""A value answers only a question for its kind, and only where its row or label says so."""

import pytest
from answering_pages import ask, drawn, gridded, written

from visus.local.lite.evidence import Colour, Evidence

DEPARTURES = gridded("""
Zeit  | Zug     | Ziel           | Gleis
14:05 | RE 4021 | Würzburg       | 7
14:20 | ICE 597 | München        | 9
14:31 | RB 51   | Aschaffenburg  | 12
14:46 | IC 2024 | Hamburg-Altona | 6
""")
VISIT = gridded("""
Full name     | Desmond Achebe
Company       | Larkfield Optics
Date of visit | 30/11/2023
Badge no.     | V-227
Policy number | 790-486394-1
""")
LABEL = written("""
WALDHONIG

500 g

Los: H24-117
Mindestens haltbar bis: 30.06.2026
""")
GREEN = Evidence(width_px=200, height_px=200, colours=[Colour("green", (34, 120, 60), 1.0)])


@pytest.mark.parametrize(
    ("question", "start"),
    [
        ("Von welchem Gleis fährt der ICE 597?", "9 "),
        ("Wohin fährt der RB 51?", "Aschaffenburg"),
        ("Wann fährt der Zug nach Hamburg-Altona ab?", "14:46"),
    ],
)
def test_a_cell_is_found_in_the_row_that_the_question_names(question: str, start: str) -> None:
    assert ask(question, DEPARTURES).startswith(start)


@pytest.mark.parametrize(
    "question",
    ["What is the date of birth?", "What is the passport number?", "What is the due date?"],
)
def test_a_form_does_not_answer_with_the_value_of_another_field(question: str) -> None:
    assert ask(question, VISIT).startswith("Not found")


def test_a_number_of_an_order_is_no_best_row() -> None:
    points = gridded("""
    Spieler | Punkte
    Anna    | 12
    Bernd   | 17
    """)
    assert ask("Wie lautet die Bestellnummer?", points).startswith("Nicht gefunden")


@pytest.mark.parametrize(
    ("question", "start"),
    [
        ("Wie groß ist die Füllmenge?", "750 ml"),
        ("Was ist das Gewicht?", "1,2 kg"),
        ("Wie lautet die Belegnummer?", "4711"),
    ],
)
def test_a_unit_or_a_number_may_stand_with_its_label(question: str, start: str) -> None:
    page = written("""
    Füllmenge: 750 ml   Gewicht (kg) 1,2

    Beleg 4711
    """)
    assert ask(question, page).startswith(start)


@pytest.mark.parametrize(
    ("question", "start"),
    [
        ("Until when is it good?", "30.06.2026"),
        ("How much did the customer hand over?", "20.00"),
    ],
)
def test_a_verb_of_the_question_need_not_be_printed(question: str, start: str) -> None:
    page = written("""
    Best before: 30.06.2026

    Total  12.40
    Cash   20.00
    """)
    assert ask(question, page).startswith(start)


def test_a_weight_that_nothing_labels_is_found_alone_on_its_line() -> None:
    assert ask("Wie schwer ist das Produkt?", LABEL).startswith("500 g")


@pytest.mark.parametrize(
    ("seen", "question", "answer"),
    [
        (GREEN, "Is this picture red or green?", "Green."),
        (GREEN, "Ist das Bild blau oder grün?", "Grün."),
        (GREEN, "What colour is the square?", "Green."),
        (drawn(("red", "circle"), ("blue", "square")), "Is the square red or blue?", "Blue."),
    ],
)
def test_one_of_two_colours_is_chosen_by_what_was_seen(
    seen: Evidence, question: str, answer: str
) -> None:
    assert ask(question, seen) == answer
