"""Labels above their values, labels that a question says word for word, and lines of a kind."""

import pytest
from answering_pages import ask, gridded, written

from visus.local.lite.evidence import Box, Evidence, Line

HIRE = [
    ("Summit Car Hire", "Rental agreement 60714"),
    ("Renter", "Licence no."),
    ("Charlotte Nguyen", "NG 8830"),
    ("Pick-up date", "Return date"),
    ("9 August 2024", "16 August 2024"),
    ("Daily rate", "Deposit"),
    ("$47.50", "$300.00"),
]


def form_with_labels_above(rows: list[tuple[str, str]]) -> Evidence:
    """Two columns: a value stands 4 px beneath its label, the next label 40 px beneath that."""
    lines: list[Line] = []
    top = 40.0
    for place, row in enumerate(rows):
        for column, text in enumerate(filter(None, row)):
            left = 80.0 + 560 * column
            box = Box(left, top, left + 14 * len(text), top + 28)
            lines.append(Line(text, box, 0.97, place))
        top += 32 if place % 2 else 68
    return Evidence(width_px=1200, height_px=900, lines=lines)


@pytest.mark.parametrize(
    ("question", "start"),
    [
        ("What is the daily rate?", "$47.50 ("),
        ("How much is the deposit?", "$300.00 ("),
        ("When does the car have to be returned?", "16 August 2024 ("),
        ("Who rented the car?", "Charlotte Nguyen ("),
    ],
)
def test_a_label_may_stand_above_its_value(question: str, start: str) -> None:
    assert ask(question, form_with_labels_above(HIRE)).startswith(start)


def test_a_transcript_has_the_lines_as_they_are_printed() -> None:
    said = ask("What does it say?", form_with_labels_above(HIRE))
    assert "Daily rate" in said.splitlines()


MANDATE = [
    ("SEPA mandate", ""),
    ("Franziska Lohmann", "12 May 1981"),
    ("Account holder", "Date of birth"),
    ("Kreissparkasse Schwalm-Eder", "HELADEF1MEG"),
    ("Bank name", "BIC"),
    ("DE55 5205 2154 0203 7718 40", "24.00 EUR"),
    ("IBAN", "Amount"),
]


@pytest.mark.parametrize(
    ("question", "start"),
    [
        ("Which bank is it?", "Kreissparkasse Schwalm-Eder ("),
        ("What is the IBAN?", "DE55 5205 2154 0203 7718 40 ("),
        ("What is the date of birth?", "12 May 1981 ("),
    ],
)
def test_a_caption_may_stand_beneath_what_is_filled_in(question: str, start: str) -> None:
    assert ask(question, form_with_labels_above(MANDATE)).startswith(start)


CLUB = written("""
Riverside Tennis Club

Last name:     Okafor
Occupation:    Surveyor
Annual fee: £235 Joining fee: £40
""")
COURSE = written("""
Volkshochschule Lahntal
Anmeldung zum Kurs

Kursleitung     Carmen Ortiz
Gebühr          98,00 €
""")
PHARMACY = written("""
Rosen-Apotheke
Marktplatz 5, 37073 Göttingen
Inhaberin: Dr. Helga Sommer
Datum:     08.02.2024
""")
BILL = written("""
Tischlerei Kramer
Rechnungsdatum     14.03.2024
Rechnungsnummer    R-2024-0387

Bitte überweisen Sie den Betrag bis zum 28.03.2024.
""")
RECEIPT = written("""
Dawson's Hardware
Claw hammer 16 oz      18.99
Wood screws 200 pk      9.49
Duct tape               5.29
Subtotal               33.77
Total                  36.30
VISA ending in 6031    36.30
""")
TRANSLATOR = written("""
Elise Morant
Invoice 2024/031

Balance due     £958.00
Payable by 14 May 2024.
""")
TAG = written("""
Beamer Lumo X300
Letzte Prüfung:     08.03.2024
Nächste Prüfung:    08.03.2026
Grund der Prüfung:  Jahresprüfung
""")
INTERVIEW = written("""
Kontrast Medientechnik GmbH
Bremen, 26. November 2024

über Ihre Bewerbung haben wir uns sehr gefreut und laden Sie zu einem Gespräch ein:
Donnerstag, 12. Dezember 2024, 10:30 Uhr, Raum 2.08
Bitte bringen Sie Ihr Gesellenzeugnis und Ihren Führerschein zu diesem Gespräch mit.
""")
OFFER = written("""
Halden Robotics
Cambridge, 14 August 2024

Congratulations! Following your interview we offer you the position of Junior Test Engineer.
Your annual salary will be £34,500, paid in twelve monthly instalments to your account.
""")
AGENDA = written("""
Kleingartenverein Frohe Stunde
Tagesordnung
1. Begrüßung
2. Kassenbericht (Ilse Granzow)
""")
CARTON = written("""
UMZUGSKARTON 17
Inhalt:     Kochbücher, Backformen
Zimmer:     Küche
Gewicht:    21 kg
Spedition Knörzer
""")


@pytest.mark.parametrize(
    ("page", "question", "start"),
    [
        (CLUB, "How much is the joining fee?", "£40 ("),
        (CLUB, "What does the applicant do for a living?", "Surveyor ("),
        (COURSE, "Wie hoch ist die Kursgebühr?", "98,00 € ("),
        (PHARMACY, "Wie heißt die Inhaberin der Apotheke?", "Dr. Helga Sommer ("),
        (BILL, "Bis wann muss die Rechnung bezahlt werden?", "28.03.2024 ("),
        (RECEIPT, "Which item is the most expensive?", "Claw hammer 16 oz ("),
        (RECEIPT, "What was bought at 5.29?", "Duct tape ("),
        (CARTON, "Welche Spedition macht den Umzug?", "Spedition Knörzer ("),
        (CARTON, "Was ist in dem Karton?", "Kochbücher, Backformen ("),
        (TRANSLATOR, "What is the invoice number?", "2024/031 ("),
        (INTERVIEW, "Um wie viel Uhr ist das Vorstellungsgespräch?", "10:30 Uhr ("),
        (OFFER, "What job is offered?", "Junior Test Engineer ("),
        (AGENDA, "Wer hält den Kassenbericht?", "Ilse Granzow ("),
        (TRANSLATOR, "By what date should this be paid?", "14 May 2024 ("),
        (TAG, "Wann muss es wieder geprüft werden?", "08.03.2026 ("),
        (TAG, "Warum wurde geprüft?", "Jahresprüfung ("),
    ],
)
def test_what_stands_beside_the_very_words_is_the_answer(
    page: Evidence, question: str, start: str
) -> None:
    assert ask(question, page).startswith(start)


@pytest.mark.parametrize(
    ("page", "question"),
    [
        (CARTON, "Wie alt ist die Patientin?"),
        (CLUB, "How much is the locker fee?"),
        (BILL, "Wie hoch ist die Mahngebühr?"),
        (INTERVIEW, "Um wie viel Uhr fährt der Zug ab?"),
    ],
)
def test_what_is_not_there_is_declined(page: Evidence, question: str) -> None:
    assert ask(question, page).startswith(("Not found", "Nicht gefunden"))


WEEKS = gridded("""
Woche | Küche      | Bad        | Flur
KW 44 | Jannik     | Friederike | Oskar
KW 45 | Pelin      | Jannik     | Friederike
KW 46 | Oskar      | Pelin      | Jannik
KW 47 | Friederike | Oskar      | Pelin
""")


@pytest.mark.parametrize(
    ("question", "start"),
    [
        ("Wer putzt in KW 46 die Küche?", "Oskar ("),
        ("Wer ist in KW 45 für das Bad zuständig?", "Jannik ("),
    ],
)
def test_a_row_of_words_among_others_is_no_header(question: str, start: str) -> None:
    assert ask(question, WEEKS).startswith(start)
