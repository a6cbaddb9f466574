"""How many of the things that head a table's first column there are."""

import pytest
from answering_pages import ask, gridded

REGIONS = gridded("Region | Q1 | Q2\nNorth | 12 | 15\nSouth | 20 | 21\nWest | 7 | 9")


@pytest.mark.parametrize(
    "question", ["How many regions are listed?", "How many regions are in the table?"]
)
def test_things_that_head_the_first_column_are_counted_by_rows(question: str) -> None:
    assert ask(question, REGIONS).startswith("3 ")


def test_things_that_head_no_column_are_not_counted_by_rows() -> None:
    assert not ask("How many employees are listed?", REGIONS).startswith("3 ")
