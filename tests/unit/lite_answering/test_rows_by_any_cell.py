"""Tables: rows named by any of their cells, columns by what is done, and rows compared."""

import pytest
from answering_pages import ask, gridded

COURSES = gridded("""
Day | Time | Course | Teacher | Room | Fee
Monday | 18:00 - 19:30 | Pottery | Ines Vogt | Workshop | 95 €
Tuesday | 17:15 - 18:45 | Yoga | Paul Reim | Hall 2 | 80 €
Wednesday | 19:00 - 21:00 | Italian | Carla Neri | Room 12 | 120 €
Friday | 16:30 - 18:00 | Watercolour | Ines Vogt | Studio | 110 €
""")
FILIALEN = gridded("""
Filiale | Leitung | Mitarbeiter | Umsatz
Kassel | Anna Brecht | 14 | 210.500
Trier | Tom Seidel | 9 | 188.200
Bremen | Mei Tan | 21 | 305.900
""")


@pytest.mark.parametrize(
    ("question", "start"),
    [
        ("Who teaches yoga?", "Paul Reim ("),
        ("When does the watercolour course start?", "16:30 ("),
        ("When does yoga end?", "18:45 ("),
        ("Which room is Italian in?", "Room 12 ("),
        ("What does the course of Carla Neri cost?", "120 € ("),
    ],
)
def test_a_row_is_named_by_any_of_its_cells(question: str, start: str) -> None:
    assert ask(question, COURSES).startswith(start)


def test_the_name_of_a_row_is_told_by_whoever_stands_in_it() -> None:
    assert ask("In welcher Stadt ist Mei Tan Leiterin?", FILIALEN).startswith("Bremen (")


@pytest.mark.parametrize(
    "question", ["Who teaches Spanish?", "Who cleans the studio?", "When does chess start?"]
)
def test_a_row_that_is_not_there_tells_nothing(question: str) -> None:
    assert ask(question, COURSES).startswith("Not found")


@pytest.mark.parametrize(
    ("question", "start"),
    [
        ("Welche Filiale hat mehr Umsatz, Kassel oder Trier?", "Kassel ("),
        ("Hat Trier mehr Mitarbeiter als Kassel?", "Nein, "),
        ("Wie viele Mitarbeiter mehr als Trier hat Bremen?", "12 ("),
        ("Welche Leitung hat die meisten Mitarbeiter?", "Mei Tan ("),
    ],
)
def test_two_rows_are_compared(question: str, start: str) -> None:
    assert start in ask(question, FILIALEN)


def test_what_a_row_is_compared_with_must_be_there() -> None:
    assert "Ulm" not in ask("Welche Filiale hat mehr Umsatz, Kassel oder Ulm?", FILIALEN)
