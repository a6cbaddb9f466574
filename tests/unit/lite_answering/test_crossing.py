"""Cells whose row a question names, and whose column it says in words of its own."""

import pytest
from answering_pages import ask, gridded, written

ANIMALS = gridded(
    "Animal | Weight (kg) | Top speed (km/h) | Lifespan (years)\n"
    "Badger | 12 | 30 | 14\nRed fox | 6.5 | 48 | 5\nHedgehog | 0.9 | 6 | 7"
)
ROOMS = gridded(
    "Raum | Größe in m² | Plätze | Miete pro Tag\n"
    "Saal Nord | 210 | 180 | 450 €\nKaminzimmer | 45 | 30 | 120 €\nGalerie | 80 | 60 | 190 €"
)
ORDER = gridded(
    "Pos | Art.-Nr. | Artikel | Menge | Einzelpreis | Gesamtpreis\n"
    "1 | S-210 | Schreibtisch Buche | 4 | 289,00 | 1.156,00\n"
    "2 | D-77 | Drehstuhl | 6 | 149,50 | 897,00\n3 | L-9 | Lampe | 10 | 35,00 | 350,00"
)
LESSONS = gridded(
    " | Monday | Tuesday | Wednesday\n8:00 - 8:45 | Maths | English | Art\n"
    "8:50 - 9:35 | History | Maths | PE\n9:55 - 10:40 | French | Biology | Maths"
)
COURSES = gridded(
    "Kurs | Tag | Uhrzeit | Leitung\nYoga | Montag | 18:00 - 19:30 | Ida Wolf\n"
    "Töpfern | Mittwoch | 17:00 - 19:00 | Jan Rau\nChor | Freitag | 20:00 - 21:30 | Eva Lenz"
)
MATERIALS = written(
    """
    Table 3  Building materials

    Material  Density  Strength  Cost
              (kg/m³)  (MPa)     (£/t)
    Brick     1900     21        85.00
    Granite   2700     130       140.00
    Oak       720      52        610.00
    """
)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How dense is brick, in kg per cubic metre?", "1900"),
        ("How strong is granite?", "130"),
        ("What does a tonne of oak cost?", "610.00"),
    ],
)
def test_a_column_is_told_by_the_name_above_its_unit(question: str, answer: str) -> None:
    assert ask(question, MATERIALS).startswith(f"{answer} ")


@pytest.mark.parametrize(
    ("question", "answer"),
    [("How fast can a red fox run?", "48"), ("How many years does a badger live?", "14")],
)
def test_a_column_is_told_by_what_is_akin_to_the_question(question: str, answer: str) -> None:
    assert ask(question, ANIMALS).startswith(f"{answer} ")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Wie viele Drehstühle wurden bestellt?", "6"),
        ("Was kosten die Drehstühle zusammen?", "897,00"),
        ("Was kostet eine einzelne Lampe?", "35,00"),
        ("Wie lautet die Artikelnummer des Schreibtischs?", "S-210"),
    ],
)
def test_an_order_tells_number_price_and_code_of_an_article(question: str, answer: str) -> None:
    assert ask(question, ORDER).startswith(f"{answer} ")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What lesson is on Tuesday in period 3?", "Biology"),
        ("Which subject is taught on Wednesday at 8:50?", "PE"),
        ("When does the third lesson start on Monday?", "9:55"),
        ("When does the second lesson end?", "9:35"),
    ],
)
def test_a_timetable_tells_lessons_by_day_and_place(question: str, answer: str) -> None:
    assert ask(question, LESSONS).startswith(f"{answer} ")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Wer leitet den Töpferkurs?", "Jan Rau"),
        ("Bis wann geht das Töpfern?", "19:00"),
        ("Wann fängt Yoga an?", "18:00"),
    ],
)
def test_a_course_is_known_by_a_compound_of_its_name(question: str, answer: str) -> None:
    assert ask(question, COURSES).startswith(f"{answer} ")


@pytest.mark.parametrize(
    ("question", "page"),
    [
        ("Was kostet das Kaminzimmer pro Stunde?", ROOMS),
        ("Wie viele Fenster hat die Galerie?", ROOMS),
        ("Wo findet der Chor statt?", COURSES),
        ("What do they have on Thursday in the first lesson?", LESSONS),
        ("How tall is the badger?", ANIMALS),
    ],
)
def test_a_column_that_is_not_there_has_no_cell(question: str, page: object) -> None:
    assert "find" in ask(question, page)  # type: ignore[arg-type] - any evidence
