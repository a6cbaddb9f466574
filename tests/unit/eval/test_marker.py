"""The marker can say yes, and it can say no."""

from itertools import product

import pytest
from eval.items import Item
from eval.marker import edit_distance, invented, mark
from hypothesis import given, strategies as st

PAGE = "Rechnung RE-2025-0142 vom 12.03.2025\nNetto 100,00 €\nMwSt. 19 %\nGesamt 1.119,00 €"
TOTAL = Item(question="What is the total?", answers=["1.119,00 €"], text=PAGE)
ABSENT = Item(
    question="What is the phone number?",
    answerable=False,
    text=PAGE,
    values=["100,00 €", "Anna"],
)


@pytest.mark.parametrize(
    "reply",
    [
        "1.119,00 €",
        "The total is 1,119.00 EUR.",
        "**1119.00** (bottom right, confidence 0.97)",
        "The total on invoice RE-2025-0142 of March 12, 2025 is €1,119.00 with 19 % VAT.",
        "Der Gesamtbetrag beträgt 1119 Euro; netto 100,00.",
    ],
)
def test_the_accepted_value_in_any_spelling_is_right(reply: str) -> None:
    marked = mark(TOTAL, reply)
    assert (marked.right, marked.invented) == (True, [])


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("100,00 €", "no accepted answer in the reply"),
        ("11.119,00 €", "no accepted answer in the reply"),
        ("1.119,005", "no accepted answer in the reply"),
        ("Net 100,00 €, total 1.119,00 €", "100,00 € stands before the answer"),
        ("I cannot tell.", "declined"),
        ("I could not find it. The text is: 1.119,00 €", "declined before it answered"),
        ("", "no accepted answer in the reply"),
        ("word " * 41 + "1.119,00 €", "the answer stands behind 41 other tokens"),
    ],
)
def test_another_value_first_or_none_at_all_is_wrong(reply: str, why: str) -> None:
    marked = mark(TOTAL, reply)
    assert (marked.right, marked.why) == (False, why)


def test_an_answer_may_begin_at_the_fortieth_token_and_not_after() -> None:
    assert mark(TOTAL, "word " * 39 + "1.119,00 €").right
    assert not mark(TOTAL, "word " * 40 + "1.119,00 €").right


@pytest.mark.parametrize(
    "reply",
    [
        "I do not see a phone number in this picture.",
        "There is no phone number on the invoice.",
        "Eine Telefonnummer ist auf dem Bild nicht zu finden.",
        "Auf dem Bild steht keine Telefonnummer.",
        "I can't find it (I read 4 lines of text, confidence 96 %).",
    ],
)
def test_declining_in_words_is_right_when_it_is_not_there(reply: str) -> None:
    assert mark(ABSENT, reply).right


@pytest.mark.parametrize(
    "reply",
    [
        "The phone number is 030 1234567.",
        "I do not see one, but the net amount is 100,00 €.",
        "There is no phone number; try 030/123456.",
        "I do not see a phone number. Anna may know.",
        "It is a fine invoice.",
        "",
    ],
)
def test_offering_a_value_instead_is_wrong_when_it_is_not_there(reply: str) -> None:
    assert not mark(ABSENT, reply).right


@pytest.mark.parametrize(
    ("reply", "values"),
    [
        ("The total is 2.500,00 €.", ["2.500,00 €"]),
        ("On 2025-03-13 it was 1119.", ["2025-03-13"]),
        ("RE-2025-0143", ["RE-2025-0143"]),
        ("RE-2025-0142 of 12 March 2025, 100 net", []),
        ("The total is 1.119,00 € (confidence 0.93, line 12).", []),
        ("The total is 1.119,00 € (confidence 0.93, after a discount of 5 €).", ["5 €"]),
        ("I read 37 words in 4 lines.", []),
        ("The picture is 640x480.", []),
        ("There are 37.", ["37"]),
    ],
)
def test_a_value_that_neither_picture_nor_question_holds_is_invented(
    reply: str, values: list[str]
) -> None:
    assert invented(TOTAL, reply) == values


def test_without_the_printed_text_nothing_is_called_invented() -> None:
    assert invented(Item(question="?", answers=["1"]), "2.500,00 €") == []


@pytest.mark.parametrize(
    ("answer", "reply", "right"),
    [
        ("DE89 3704 0044 0532 0130 00", "IBAN: DE89370400440532013000", True),
        ("DE89 3704 0044 0532 0130 00", "IBAN: DE89 3704 0044 0532 0130 01", False),
        ("030 1234567", "030/1234567", True),
        ("500 g", "It weighs 500g.", True),
        ("500 g", "It weighs 1500 g.", False),
        ("Müller", "The surname is MÜLLER.", True),
        ("Müller", "The surname is Müllerin.", False),
        ("Anna Weiß", "Signed by Anna Weiß", True),
        ("Anna Weiß", "Signed by Anna", False),
        ("3", "There are three circles.", True),
        ("3", "I count four or three.", False),
        ("3", "There are 13.", False),
        ("red", "Das Bild ist rot.", True),
        ("red", "It is blue and red.", False),
        ("yes", "Yes, there is a QR code.", True),
        ("yes", "No, I see none.", False),
        ("nein", "Nein, es gibt keins.", True),
        ("no", "There is a square.", False),
    ],
)
def test_answers_of_every_kind_can_be_right_and_wrong(
    answer: str, reply: str, *, right: bool
) -> None:
    assert mark(Item(question="Which one?", answers=[answer]), reply).right is right


def test_a_transcript_is_measured_in_characters_without_its_frame() -> None:
    item = Item(question="What does it say?", rule="transcript", text="Guten Tag, Frau Weiß.")
    assert mark(item, "Guten  Tag,\nFrau Weiß.").distance == 0
    assert mark(item, "The text says:\nGuten Tag, Frau Weiß.").distance == 0
    assert mark(item, "```\nGuten Tag, Frau Weiß.\n```").distance == 0
    assert mark(item, "Guten Tag, Frau Weis.").distance == 1
    assert not mark(item, "Guten Tag, Frau Weis.").right
    assert mark(item, "").distance == len("Guten Tag, Frau Weiß.")


def test_a_page_passes_at_three_in_a_hundred_and_fails_at_four() -> None:
    item = Item(question="?", rule="transcript", text="a" * 100)
    assert mark(item, "a" * 97).right
    assert not mark(item, "a" * 96).right


def test_a_code_is_right_letter_by_letter_only() -> None:
    item = Item(question="?", rule="exact", answers=["Tisch 7 Anna"])
    assert mark(item, 'The QR code says "Tisch 7 Anna".').right
    assert not mark(item, "tisch 7 anna").right
    assert not mark(item, "Tisch 7 Annabel").right


@pytest.mark.parametrize(
    ("reply", "right", "named"),
    [
        ("This is a cat.", True, True),
        ("I see two cats and perhaps a dog.", True, True),
        ("This may be a dog; I am not sure.", True, False),
        ("This is a dog.", False, False),
        ("A cat. Next to it is a dog.", False, True),
        ("Main colours: grey and blue.", True, False),
        ("This picture shows a walrus.", False, False),
        ("Das Bild zeigt ein Walross.", False, False),
    ],
)
def test_a_photo_is_named_or_hedged(reply: str, *, right: bool, named: bool) -> None:
    item = Item(question="?", rule="photo", answers=["cat"], wrong=["dog", "helmet"])
    marked = mark(item, reply)
    assert (marked.right, marked.named) == (right, named)


WORDS = st.text(alphabet="abü ", max_size=12)


@given(WORDS, WORDS)
def test_edit_distance_is_that_of_the_textbook(wanted: str, given_text: str) -> None:
    table = {(i, 0): i for i in range(len(wanted) + 1)}
    table |= {(0, j): j for j in range(len(given_text) + 1)}
    for i, j in product(range(1, len(wanted) + 1), range(1, len(given_text) + 1)):
        change = wanted[i - 1] != given_text[j - 1]
        table[i, j] = min(
            table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + change
        )
    assert edit_distance(wanted, given_text) == table[len(wanted), len(given_text)]


@given(st.text(max_size=200))
def test_no_reply_at_all_breaks_the_marker(reply: str) -> None:
    for item in (TOTAL, ABSENT):
        mark(item, reply)
