"""What letters say in sentences: why, where to, who somebody is, what one of a unit costs."""

import pytest
from answering_pages import ask, written

QUOTE = written("""
Brindley & Hale Roofing Ltd
Unit 4, Canal Street, Stoke ST4 2PD

Dear Mrs Okafor,

Our surveyor, Martin Crewe, saw the roof on Friday. New gutters would cost £385. Because the
slates are no longer made, we would use reclaimed ones from Wales.

Yours sincerely,
Gareth Hale
Managing Director
""")
AUSFLUG = written("""
Grundschule am Weiher

Liebe Eltern,

am 4. Juni fährt die Klasse 3a in die Jugendherberge Bodenmais. Wegen der Bauarbeiten am Bahnhof
nehmen wir den Bus. Den Bus stellt die Firma Reisedienst Huber. Bitte Regenjacken mitgeben.

Mit freundlichen Grüßen
Annegret Simmer, Klassenlehrerin
""")
LABEL = written("""
Bergkäse

Gewicht:  412 g
Preis je kg:  26,90 €
Preis:  11,08 €
Grund der Prüfung:  Rückruf
""")


@pytest.mark.parametrize(
    ("question", "start"),
    [
        ("Why would they use reclaimed slates?", "Because the slates are no longer made ("),
        ("What is the role of Gareth Hale?", "Managing Director ("),
        ("Who is Martin Crewe?", "surveyor ("),
    ],
)
def test_an_english_letter_tells_why_and_who_is_what(question: str, start: str) -> None:
    assert ask(question, QUOTE).lower().startswith(start.lower())


@pytest.mark.parametrize(
    ("question", "start"),
    [
        ("Wohin fährt die Klasse?", "Jugendherberge Bodenmais ("),
        ("Warum nehmen sie den Bus?", "Wegen der Bauarbeiten am Bahnhof"),
        ("Welche Firma stellt den Bus?", "Firma Reisedienst Huber ("),
        ("Welche Funktion hat Annegret Simmer?", "Klassenlehrerin ("),
    ],
)
def test_a_german_letter_tells_why_where_and_who_is_what(question: str, start: str) -> None:
    assert ask(question, AUSFLUG).startswith(start)


@pytest.mark.parametrize(
    ("question", "start"),
    [
        ("Was kostet ein Kilo?", "26,90 € ("),
        ("How much is it per kilogram?", "26,90 € ("),
        ("Was kostet der Käse?", "11,08 € ("),
        ("Warum wurde geprüft?", "Rückruf ("),
    ],
)
def test_the_price_of_a_unit_is_not_that_of_the_piece(question: str, start: str) -> None:
    assert ask(question, LABEL).startswith(start)


@pytest.mark.parametrize(
    "question", ["What is the role of Petra Lund?", "Why is the roof red?"]
)
def test_what_no_sentence_says_is_not_told(question: str) -> None:
    assert ask(question, QUOTE).startswith("Not found")


def test_a_german_letter_tells_what_to_bring() -> None:
    page = written("""
Kita Sonnenhügel

Liebe Eltern, bitte bringen Sie das gelbe Heft mit. Die Kita ist ab acht Uhr geöffnet.
""")
    assert ask("Was sollen die Eltern mitbringen?", page).startswith("Das gelbe Heft (")


def test_an_amount_that_was_parted_behind_its_comma_is_one() -> None:
    page = written("""
Gärtnerei Immergrün

Gegeben BAR  65, 00
Rückgeld  1, 42
""")
    assert ask("Wie viel Rückgeld gab es?", page).startswith("1,42 (")


def test_what_one_earns_is_the_salary() -> None:
    page = written("""
Halden Robotics

Dear Aisha, your annual salary will be £34,500, paid in twelve monthly instalments. You are
entitled to 26 days of holiday per year.
""")
    assert ask("How much will she earn?", page).startswith("£34,500 (")
