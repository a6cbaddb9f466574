"""Cells by the names of their row and column, whatever else the names mean."""

import pytest
from answering_pages import ask, gridded

FERRY = gridded(
    "Harbour | Departs | Arrives | Cars | Fare\nKilbrae | 06:50 | 07:35 | 28 | £6.40\n"
    "Port Sorrel | 08:15 | 09:40 | 42 | £9.10\nEnnismore | 10:05 | 10:55 | 18 | £7.25"
)
POOL = gridded(
    "Tarif | 2 Stunden | Tageskarte | 10er-Karte\nErwachsene | 5,40 € | 8,90 € | 76,50 €\n"
    "Kinder bis 14 | 2,80 € | 4,60 € | 39,00 €\nStudierende | 3,90 € | 6,30 € | 54,20 €"
)
ROTA = gridded(
    "Name | Monday | Wednesday | Hours\nPriya | Kitchen | Bar | 21\n"
    "Callum | Bar | Office | 24\nNoelle | Garden | Kitchen | 18"
)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is the value in row Ennismore, column Fare?", "£7.25"),
        ("What is in the Fare column of the Kilbrae row?", "£6.40"),
        ('What does column "Cars" say in row "Port Sorrel"?', "42"),
        ("Row: Ennismore, column: Departs?", "10:05"),
        ("Which value is in the Port Sorrel row and the Arrives column?", "09:40"),
    ],
)
def test_english_names_a_cell(question: str, answer: str) -> None:
    assert ask(question, FERRY).startswith(f"{answer} (")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Welcher Wert steht in der Zeile Studierende, Spalte Tageskarte?", "6,30 €"),
        ("Was steht in der Spalte „2 Stunden“ in der Zeile „Kinder bis 14“?", "2,80 €"),
        ("Zeile Erwachsene, Spalte 10er-Karte?", "76,50 €"),
    ],
)
def test_german_names_a_cell(question: str, answer: str) -> None:
    assert ask(question, POOL).startswith(f"{answer} (")


def test_a_cell_may_be_a_word() -> None:
    answer = ask("What is the value in row Noelle, column Wednesday?", ROTA)
    assert answer.startswith("Kitchen (")


@pytest.mark.parametrize(
    "question",
    [
        "What is the value in row Ennismore, column Bicycles?",
        "What is the value in row Ardmore, column Fare?",
    ],
)
def test_a_row_or_column_that_is_not_there_has_no_cell(question: str) -> None:
    assert ask(question, FERRY).startswith("Not found")
