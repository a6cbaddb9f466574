"""Everyday phrases: which label, from A to B, from two to five, please bring, may one."""

import pytest
from answering_pages import ask, gridded, written

FINE = written("""
Stadt Freiburg
Verwarnung

Kennzeichen:      FR-KL 482
Fahrzeug:         VW Golf, silber
Geldbetrag:       20,00 €

Bitte zahlen Sie den Betrag innerhalb einer Woche ab dem Tag der Zustellung dieses Briefes
auf das Konto der Stadt. Bei Fragen wenden Sie sich an Frau Kessler im Zimmer 204.
""")
VET = written("""
Paws Veterinary Clinic

Patient:     Biscuit (cat, 4 years)
Owner:       Ms Imogen Farrow
Month:       May 2026
Paid in cash, thank you.
""")
PARTY = written("""
You are invited!
Ella turns 7

Saturday 13 June, 2 pm to 5 pm
Please bring socks and a swimsuit
RSVP to Karen by 6 June
""")
MARKET = written("""
FLOHMARKT

am Kanalufer in Datteln

von 9 bis 16 Uhr
Keine Neuwaren!
""")
LEASE = written("""
Mietvertrag

Zwischen Frau Elisabeth Brandl (Vermieterin) und Herrn Cem Yildiz (Mieter) wird folgender
Vertrag über die Wohnung im 3. Stock des Hauses mit 68 m² und mit drei Zimmern geschlossen.
""")
WEATHER = gridded("""
Day       | Sky    | High  | Low  | Rain
Monday    | cloudy | 14 °C | 8 °C | 20 %
Tuesday   | sunny  | 19 °C | 9 °C | 0 %
Wednesday | rain   | 12 °C | 7 °C | 90 %
""")
CARD = written("""
VOLTARA

Product      Cordless drill
Dealer       Brewster Tools, Hull
Purchased    3 Nov 2025
Warranty     3 years
""")


@pytest.mark.parametrize(
    ("page", "question", "start"),
    [
        (FINE, "Welches Kennzeichen hat das Auto?", "FR-KL 482 ("),
        (FINE, "Welche Farbe hat der Golf?", "Silber ("),
        (FINE, "An wen kann ich mich wenden?", "Frau Kessler"),
        (VET, "What is the cat called?", "Biscuit ("),
        (VET, "Who owns the cat?", "Ms Imogen Farrow ("),
        (VET, "Which month is it from?", "May 2026 ("),
        (VET, "How was the bill paid?", "Cash ("),
        (PARTY, "How old will Ella be?", "7 ("),
        (PARTY, "When does the party end?", "5 pm ("),
        (PARTY, "What should the guests bring?", "Socks and a swimsuit ("),
        (PARTY, "Who should be told?", "Karen ("),
        (MARKET, "Wann endet der Flohmarkt?", "16 Uhr ("),
        (MARKET, "Wo findet der Flohmarkt statt?", "am Kanalufer in Datteln ("),
        (MARKET, "Darf man Neuware verkaufen?", "Nein, "),
        (LEASE, "Wer ist der Mieter?", "Herrn Cem Yildiz ("),
        (LEASE, "Wie groß ist die Wohnung?", "68 m² ("),
        (LEASE, "In welchem Stockwerk liegt die Wohnung?", "3. Stock ("),
        (WEATHER, "Which day will be the warmest?", "Tuesday ("),
        (WEATHER, "What is the sky like on Wednesday?", "Rain ("),
        (WEATHER, "On which day will it be sunny?", "Tuesday ("),
        (CARD, "How long does the warranty last?", "3 years ("),
        (CARD, "Where was the drill bought?", "Brewster Tools, Hull ("),
        (CARD, "When was it bought?", "3 Nov 2025 ("),
    ],
)
def test_everyday_phrases_are_understood(page: object, question: str, start: str) -> None:
    assert ask(question, page).lower().startswith(start.lower())


@pytest.mark.parametrize(
    ("page", "question"),
    [
        (FINE, "Wie heißt der Fahrer?"),
        (VET, "Which nurse saw the animal?"),
        (PARTY, "What should the guests wear?"),
        (PARTY, "How old is Karen's dog Rex?"),
        (LEASE, "Wer ist der Hausmeister?"),
        (WEATHER, "What will the temperature be on Friday?"),
        (WEATHER, "On which day will it be foggy?"),
    ],
)
def test_what_no_phrase_says_is_declined(page: object, question: str) -> None:
    assert ask(question, page).startswith(("Not found", "Nicht gefunden"))


COURSES = gridded("""
Course   | Teacher | Day      | Time Fee
Tadpoles | Joan    | Monday   | 15:30 £60
Sharks   | Joan    | Thursday | 17:00 £90
Adults   | Ravi    | Friday   | 19:30 £110
""")
MEETING = written("""
Gartenverein Rosental
Einladung zur Mitgliederversammlung

Wir treffen uns am Freitag, dem 20. März 2026, um 18:30 Uhr im Vereinsheim am Mühlbach.
""")


@pytest.mark.parametrize(
    ("question", "start"),
    [
        ("On what day do the Sharks meet?", "Thursday ("),
        ("Which course is the most expensive?", "Adults (£110)"),
        ("Who teaches the Tadpoles?", "Joan ("),
    ],
)
def test_columns_that_were_read_as_one_are_told_apart(question: str, start: str) -> None:
    assert ask(question, COURSES).startswith(start)


@pytest.mark.parametrize(
    "question", ["Wie viele Mitglieder hat der Verein?", "Wer begrüßt die Mitglieder?"]
)
def test_the_text_under_a_heading_is_no_value_of_it(question: str) -> None:
    assert ask(question, MEETING).startswith("Nicht gefunden")
