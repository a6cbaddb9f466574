"""Everyday wordings, and values that must not be taken for something else."""

import pytest
from answering_pages import ask, gridded, written

from visus.local.lite.evidence import Colour, Evidence

RED, BLUE = (
    Evidence(width_px=200, height_px=100, colours=[Colour(name, (0, 0, 0), 1.0)])
    for name in ("red", "blue")
)


@pytest.mark.parametrize(
    "page",
    [
        "Aktenzeichen\nAZ-65644\nDatum\n3.4.2024",
        "Kundennummer    KD-7741    AZ-65644\nUnser Zeichen AZ-65644 vom 3.4.2024",
        "Aktenzeichen: AZ-65644",
    ],
)
def test_a_code_is_quoted_with_the_letters_before_its_hyphen(page: str) -> None:
    assert ask("Wie lautet das Aktenzeichen?", written(page)).startswith("AZ-65644 (")


@pytest.mark.parametrize("question", ["Wie lautet die USt-IdNr.?", "What is the VAT ID?"])
def test_a_rate_beside_its_label_is_no_vat_id(question: str) -> None:
    page = written("Muster GmbH\nUSt-IdNr.:   20\nUmsatzsteuer 20 %")
    assert ask(question, page).startswith(("Nicht gefunden", "Not found"))


def test_a_vat_id_is_found_with_and_without_spaces() -> None:
    for number in ("DE 123 456 789", "ATU12345678", "98-7654321"):
        page = written(f"Muster GmbH\nUSt-IdNr.: {number}")
        assert ask("Wie lautet die USt-IdNr.?", page).startswith(number)


def test_a_row_that_is_not_there_is_declined_and_not_called_a_table() -> None:
    page = gridded("Produkt | Menge | Preis\nLampe | 2 | 49,90\nStuhl | 1 | 189,00")
    assert ask("Welche Art von Menge hat Sofa?", page).startswith("Nicht gefunden")
    assert ask("Welche Art Dokument ist das?", page) == "Tabelle."


@pytest.mark.parametrize(
    ("line", "question", "start"),
    [
        ("Nettogewicht: 250 g", "How much does it weigh?", "250 g ("),
        ("Gewicht   1,2 kg", "Was wiegt das Paket?", "1,2 kg ("),
        ("Gross weight 1.2 kg", "What is the weight?", "1.2 kg ("),
        ("Receipt No: 55123", "Welche Belegnummer steht auf dem Bon?", "55123 ("),
        ("Bon-Nr 4711", "Welche Belegnummer steht auf dem Bon?", "4711 ("),
        ("04.05.2024   14:32", "What time is on the receipt?", "14:32 ("),
        ("Betreff   Mein Umzug", "Wie lautet der Betreff des Briefes?", "Mein Umzug ("),
        ("Vers.-Nr.   65 140890 K 512", "Wie lautet die Versicherungsnummer?", "65 140890 K"),
    ],
)
def test_a_field_is_found_however_it_is_asked_for(line: str, question: str, start: str) -> None:
    assert ask(question, written(f"Muster & Co\n{line}")).startswith(start)


@pytest.mark.parametrize(
    "question",
    [
        "What colour is the second one?",
        "What colour is the second?",
        "Compare the two pictures. What colour is the second one?",
    ],
)
def test_a_question_about_the_second_picture_is_answered_for_that_alone(question: str) -> None:
    assert ask(question, RED, BLUE) == "Blue."


@pytest.mark.parametrize(
    "question", ["Compare the two pictures.", "Compare the first and the second."]
)
def test_a_comparison_that_is_the_question_is_still_made(question: str) -> None:
    assert "red / blue" in ask(question, RED, BLUE)


def test_an_occupation_may_be_a_word_that_labels_use() -> None:
    page = written("Name: Anna Weg\nBeruf: Kassierer\nOrt: Bonn")
    assert ask("Was ist die Person von Beruf?", page).startswith("Kassierer (")


RECEIPT = """
    Kiosk am Wall
    Es bediente Sie: Frau Ohm
    Fuel         Petrol
    Date         27.11.2024
    Total        38,90
    Paid by      Visa
    """
MEMO = """
    MEMORANDUM
    To:     All staff
    From:   Ada Byron, Facilities
    Re:     Closure of the library
    """
REPORT = """
    Stock report
    Prepared by   Max Born
    Approved by   Lise Meitner
    """


@pytest.mark.parametrize(
    ("page", "question", "start"),
    [
        (RECEIPT, "What kind of fuel was bought?", "Petrol ("),
        (RECEIPT, "When was it bought?", "27.11.2024 ("),
        (RECEIPT, "Wer saß an der Kasse?", "Frau Ohm ("),
        (RECEIPT, "What was the overall bill?", "38,90 ("),
        (MEMO, "Who is the author of the memo?", "Ada Byron"),
        (REPORT, "Who drew up the report?", "Max Born ("),
        (
            "Notice\nContents   Telescope lenses\nWeight   7.4 kg",
            "What is inside?",
            "Telescope",
        ),
        ("Joghurt\nBrennwert   418 kJ / 99 kcal", "Wie viele Kilokalorien hat er?", "99 kcal"),
        ("Joghurt\nBrennwert   418 kJ / 99 kcal", "Wie viele Kilojoule hat er?", "418 kJ"),
    ],
)
def test_a_thing_is_found_by_what_people_call_it(page: str, question: str, start: str) -> None:
    assert ask(question, written(page)).startswith(start)


CERTIFICATE = """
    Volkshochschule
    Kursnummer    25F-3408
    Kursort       Rhens
    Fehlzeiten    2 Stunden
    """
LETTER = """
    Elm School

    We are pleased to say that our Year 5 children will spend three days at a farm in June.
    """
WARRANTY = """
    Warranty card
    Model      KX 5
    Sold by    Castle Electricals
    """


@pytest.mark.parametrize(
    ("page", "question"),
    [
        (CERTIFICATE, "Wie hoch war die Kursgebühr?"),
        (LETTER, "How many children are going on the trip?"),
        (WARRANTY, "What colour is the appliance?"),
    ],
)
def test_what_is_not_there_is_not_made_of_something_else(page: str, question: str) -> None:
    assert ask(question, written(page)).startswith(("Nicht gefunden", "Not found"))
