"""Signs and notices: labels that are no names of fields."""

import pytest
from answering_pages import ask, written

MUSEUM = written("""
City Museum
Opening hours: Tue - Sun 10:00 - 18:00
Entry: 14.50 EUR
Children: free
Audio guide: 3.00 EUR
""")


@pytest.mark.parametrize(
    ("question", "start"),
    [
        ("How much is the entry?", "14.50 EUR"),
        ("What is the entry fee?", "14.50 EUR"),
        ("How much is the audio guide?", "3.00 EUR"),
        ("How much do children pay?", "Free"),
        ("When is it open?", "Tue - Sun 10:00 - 18:00"),
    ],
)
def test_a_label_is_found_by_the_words_of_the_question(question: str, start: str) -> None:
    assert ask(question, MUSEUM).startswith(start)


@pytest.mark.parametrize(
    "question", ["How much do seniors pay?", "How much is the guided tour for children?"]
)
def test_what_no_label_says_is_not_found(question: str) -> None:
    assert ask(question, MUSEUM).startswith("Not found")
