"""What is asked for by its kind is not told by a value of another; hours may have points."""

import pytest
from answering_pages import ask, written

from visus.local.lite.evidence import Evidence

PLATE = written("""
Typenschild

Gerät:  Wasserpumpe
Baujahr:  2023
Leistung:  750 W
""")
SIGN = written("""
MAPLE LANE BAKERY

Open Tuesday to Saturday 6.45 to 14.30
Sunday 8.00 to 12.00
Closed on Mondays

Rye bread 5.20
""")
SAMPLE = written("""
BLOOD SAMPLE  Tube 2

Patient:  Cecily Rowntree
Taken by:  Sister Amara
Referred by:  Dr. Amit Shah
Urgency:  high
""")
CLAIM = written("""
TRAVEL EXPENSES

Expense  Receipt no.  Amount (EUR)
Flight   R-01         214.60
Taxi     R-02         41.30
""")


def test_a_moment_is_no_thing() -> None:
    assert not ask("Wann wurde das Gerät gebaut?", PLATE).startswith("Wasserpumpe")


@pytest.mark.parametrize(
    ("question", "start"),
    [
        ("When does the bakery open on Sunday?", "8.00"),
        ("Until when is it open on Wednesday?", "14.30"),
        ("On which day is it closed?", "Mondays"),
    ],
)
def test_hours_may_be_written_with_points(question: str, start: str) -> None:
    assert ask(question, SIGN).startswith(start)


def test_all_opening_hours_are_told() -> None:
    told = ask("What are the opening hours?", SIGN)
    assert "6.45 to 14.30" in told
    assert "8.00 to 12.00" in told


@pytest.mark.parametrize(
    ("question", "start"),
    [("Who took the sample?", "Sister Amara ("), ("How urgent is it?", "High (")],
)
def test_labels_may_say_it_with_another_form_of_the_word(question: str, start: str) -> None:
    assert ask(question, SAMPLE).startswith(start)


def test_an_amount_is_no_number_of_a_flight() -> None:
    assert "214.60" not in ask("What is the flight number?", CLAIM)


TRIP = written("""
Oakfield Primary School

Dear parents, on Thursday class 3B will visit the Science Centre in Bristol with her
daughter Mila and the teachers. Please pay for the seats in the coach by 23 May.
""")
OFFER = written("""
Kessel & Wiebe Anlagenbau

Wir bieten Ihnen die Stelle als Projektleiter in unserer Niederlassung an. Bitte schicken Sie
den unterschriebenen Vertrag bis zum 20. Mai zurück.
""")
ANTRAG = written("""
Urlaubsantrag

Personalnummer:  10774
Abteilung:  Versand
""")
BILL = written("""
Harlow Office Supplies Ltd
14 Mill Lane, Bristol BS1 4QT

Invoice number:  HO-20731
Total due:  £732.00
""")


@pytest.mark.parametrize(
    ("question", "page"),
    [
        ("Which coach company was booked?", TRIP),
        ("How many children are in the class?", TRIP),
        ("Wann beginnt die Stelle?", OFFER),
        ("What is the delivery address?", BILL),
    ],
)
def test_what_is_only_near_is_not_told(question: str, page: Evidence) -> None:
    assert ask(question, page).startswith(("Not found", "Nicht gefunden"))


def test_a_paper_is_nobody_who_wrote_it() -> None:
    assert "Urlaubsantrag" not in ask("Wer hat den Antrag gestellt?", ANTRAG)


def test_a_child_is_called_by_one_name() -> None:
    assert ask("What is the name of the daughter?", TRIP).startswith("Mila (")


def test_the_number_of_a_paper_is_not_its_label() -> None:
    paper = written("""
Invoice

Invoice No.:
RE469326

Article number:  156.144.97
""")
    assert ask("Which invoice number is printed here?", paper).startswith("RE469326 (")
    assert ask("What is the article number?", paper).startswith("156.144.97 (")
