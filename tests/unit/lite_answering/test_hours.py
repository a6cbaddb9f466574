# ruff: noqa: E501, RUF001
# E501: a page, a question and its answer stay on one line.
# RUF001: typographic signs are meant.
"""Opening hours on signs, and tickets and cards that say little of what they name."""

import pytest
from answering_pages import ask, written

BATH = written("""
          Stadtbad Wedel
          Öffnungszeiten
Montag                     geschlossen
Dienstag – Freitag         6:30 – 21:00
Samstag                    8:00 – 19:00
Sonntag                    9:00 – 17:00
Eintritt Erwachsene 5,20 €
""")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Wann hat das Bad am Samstag geöffnet?", "8:00 – 19:00."),
        ("Wann ist das Bad am Mittwoch geöffnet?", "6:30 – 21:00."),
        ("Bis wann ist am Sonntag offen?", "17:00."),
        ("An welchem Tag ist geschlossen?", "Montag."),
        ("When does it open on Sunday?", "9:00."),
    ],
)
def test_the_hours_of_a_day_are_told(question: str, answer: str) -> None:
    assert ask(question, BATH) == answer


def test_a_bath_is_open_when_the_city_bath_is() -> None:
    assert "Dienstag – Freitag 6:30 – 21:00" in ask("Wann ist das Bad geöffnet?", BATH)


def test_the_hours_of_another_place_are_not_told() -> None:
    assert ask("Wann ist die Sauna geöffnet?", BATH).startswith("Nicht gefunden")


TICKET = written("""
Nordbahn Fahrkarte

Von           Nach           Zug       Abfahrt     Ankunft
Lübeck Hbf    Rostock Hbf    NB 318    09:24       11:07

Gültig am: 30.08.2025
Preis: 27,90 EUR inkl. 7 % MwSt.
""")


@pytest.mark.parametrize(
    ("question", "start"),
    [
        ("Wann fährt der Zug ab?", "09:24"),
        ("Wann kommt der Zug an?", "11:07"),
        ("Wohin geht die Fahrt?", "Rostock Hbf"),
        ("Was hat die Fahrkarte gekostet?", "27,90 EUR"),
    ],
)
def test_a_journey_is_asked_for_by_its_verb(question: str, start: str) -> None:
    assert ask(question, TICKET).startswith(start)


CARD = written("""
Dr. Saskia Vermeer
Leiterin Forschung

Optikwerk Jena AG
T +49 3641 77 0042
""")


@pytest.mark.parametrize(
    ("question", "start"),
    [
        ("Wie heißt die Person?", "Dr. Saskia Vermeer ("),
        ("Bei welcher Firma arbeitet sie?", "Optikwerk Jena AG ("),
        ("Welche Position hat sie?", "Leiterin Forschung ("),
    ],
)
def test_a_card_says_who_what_and_where_without_labels(question: str, start: str) -> None:
    assert ask(question, CARD).startswith(start)


def test_a_street_is_no_sender() -> None:
    page = written("""
Hausverwaltung Seidlitz & Partner
Königsallee 5, 01099 Dresden

Herrn
Konrad Albers
Fichtenweg 9
01157 Dresden

Sehr geehrter Herr Albers, wir kommen am Mittwoch zur Ablesung in Ihr Haus und in den Keller.
""")
    assert ask("Wer ist der Absender?", page).startswith("Hausverwaltung Seidlitz & Partner (")


FORM = "Fragebogen\nRauchen Sie?     {}\nAllergien bekannt?     {}"


def test_an_option_with_a_mark_is_the_chosen_one() -> None:
    page = written(FORM.format("☐ ja   ☒ nein", "☒ ja   ☐ nein"))
    assert ask("Sind Allergien bekannt?", page).startswith("Ja (")


def test_without_a_mark_no_option_is_chosen() -> None:
    page = written("Antrag\nMitgliedschaft:     Aktiv     Passiv     Jugend")
    said = ask("Welche Mitgliedschaft ist angekreuzt?", page)
    assert said.startswith("Nicht gefunden")
    page = written(FORM.format("ja    nein", "ja    nein"))
    assert ask("Sind Allergien bekannt?", page).startswith("Nicht gefunden")


@pytest.mark.parametrize(
    ("page", "question", "start"),
    [
        ("Standing charge   £18.60\nTotal due   £110.25", "How much is the standing charge?", "£18.60 ("),
        ("Invoice\nSettle by   17 April 2025", "When do I have to pay by?", "17 April 2025 ("),
        ("Invoice\nAmount payable   £525.00", "How much do I owe?", "£525.00 ("),
        ("Bon\nA 19% MwSt 3,30 Netto 17,38", "Wie viel MwSt ist enthalten?", "3,30 ("),
        ("Bogen\nPatient: Hanna Tesfaye\nGröße: 171 cm", "Wie groß ist die Patientin?", "171 cm ("),
    ],
)  # fmt: skip
def test_a_label_is_known_by_its_phrase(page: str, question: str, start: str) -> None:
    assert ask(question, written(page)).startswith(start)


def test_a_column_may_be_counted() -> None:
    page = written("""
Haltestelle    Fahrt 1    Fahrt 2    Fahrt 3
Stadtpark      6:19       7:19       8:49
Klinikum       6:38       7:38       9:08

Fahrplan gültig ab 15.12.2024
""")
    question = "Wann fährt Fahrt 2 an der Haltestelle Stadtpark ab?"
    assert ask(question, page).startswith("7:19 (")
