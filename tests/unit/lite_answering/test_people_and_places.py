"""Who has a role, whose card it is, and which town an address is in."""

import pytest
from answering_pages import ask, written

CARD = written("""
Dr Amina Vetter
Senior Structural Engineer

Bridgeworks Consulting
55 Canal Walk, Leeds LS1 4BR
T 0113 496 0177
M 07700 900 265
amina@bridgeworks.example
""")
INN = written("""
Weingut Traubenstein

Friedhelm Karst
Kellermeister

Moselufer 17
54470 Bernkastel-Kues
Telefon 06531 94 02 18
""")
PASS = written("""
UNIVERSITY OF EASTMERE

Surname
Vasquez-Moore

Given name
Tobias

Student ID
E2240917

Course
Marine Biology

Valid until
30 SEP 2027
""")
LETTER = written("""
Harbour Housing

Dear Mr Achebe,
Our engineer, Ms Petra Lindqvist, will visit your flat on Thursday 8 October 2026 to
inspect the gas boiler. Please have your tenancy number LH-77320 at hand when she calls.
Ansprechpartnerin für Rückfragen ist Frau Sabine Roloff aus dem Sekretariat des Hauses.
""")
TWO_TOWNS = written("""
Anna Berger
Gartenweg 3, 50667 Köln

Jonas Wiebe
Am Damm 51, 30167 Hannover
""")


@pytest.mark.parametrize(
    ("page", "question", "start"),
    [
        (CARD, "Which company is she with?", "Bridgeworks Consulting ("),
        (CARD, "What city is her office in?", "Leeds ("),
        (CARD, "What is the postcode?", "LS1 4BR ("),
        (CARD, "What's her mobile number?", "07700 900 265 ("),
        (INN, "Wie heißt der Kellermeister?", "Friedhelm Karst ("),
        (INN, "In welchem Ort liegt das Weingut?", "Bernkastel-Kues ("),
        (INN, "Wie ist die Postleitzahl?", "54470 ("),
        (PASS, "Whose card is this?", "Tobias Vasquez-Moore ("),
        (PASS, "What's the number on the card?", "E2240917 ("),
        (PASS, "What does he study?", "Marine Biology ("),
        (PASS, "When does the card expire?", "30 SEP 2027 ("),
        (LETTER, "Who is the engineer?", "Ms Petra Lindqvist ("),
        (LETTER, "Who will come to inspect the boiler?", "Ms Petra Lindqvist ("),
        (LETTER, "What is the tenancy number?", "LH-77320 ("),
        (LETTER, "Wer ist die Ansprechpartnerin?", "Frau Sabine Roloff ("),
        (TWO_TOWNS, "In welcher Stadt wohnt Jonas Wiebe?", "Hannover ("),
    ],
)
def test_people_and_places_are_told(page: object, question: str, start: str) -> None:
    assert ask(question, page).startswith(start)


@pytest.mark.parametrize(
    ("page", "question"),
    [
        (CARD, "What is the fax number?"),
        (INN, "Wie heißt der Geschäftsführer?"),
        (PASS, "What city does he live in?"),
        (TWO_TOWNS, "In welcher Stadt wohnt er?"),
        (LETTER, "Who is the plumber?"),
    ],
)
def test_a_role_or_a_place_that_is_not_there_is_not_made_up(
    page: object, question: str
) -> None:
    assert ask(question, page).startswith(("Not found", "Nicht gefunden"))


def test_a_visitor_without_a_firm_has_none() -> None:
    page = written("Friedhelm Karst\nKellermeister\n\nTelefon 06531 94 02 18")
    assert ask("Which company is he with?", page).startswith("Not found")
