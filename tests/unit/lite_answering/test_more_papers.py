"""Parking tickets, pay slips, price lists, cards and timetables, as people ask about them."""

import pytest
from answering_pages import ask, gridded, written

PARKING = written("""
CITY PARKING
Level 3

Entry           14.03.2026 08:42
Exit            14.03.2026 11:17
Duration        2 h 35 min
Licence plate   M-KL 4471

Amount due      7.50 EUR
Paid by card

Lost ticket: 25.00 EUR
""")
PAY_SLIP = written("""
Payslip
Greenfield Logistics Ltd

Employee     Omar Haddad

Basic pay    2,150.00    Income tax         257.30
Overtime     184.50      Pension            116.70
Gross pay    2,334.50    Total deductions   374.00

Net pay      1,960.50
""")
PRICES = written("""
Stadtbibliothek Altona

Jahreskarte 24,00 € Tageskarte 3,00 €
""")
CARD = written("""
Dr. Miriam Holtz
Head of Product

Nordlicht Optics GmbH
m.holtz@nordlicht-optics.de
""")
BUS = gridded("""
Stop | 1st | 2nd | 3rd
Harbour | 06:10 | 06:40 | 07:10
University | 06:33 | 07:03 | 07:33
""")
SALES = gridded("""
Region | Q1 | Q2 | Q3
South | 27 | 33 | 30
East | 19 | 22 | 25
""")
JAR = written("""
HASELNUSS CREME
400 g

Nährwerte je 100 g
Energie   2252 kJ / 539 kcal
Zucker    56,3 g
""")


@pytest.mark.parametrize(
    ("page", "question", "start"),
    [
        (PARKING, "How much did the parking cost?", "7.50 EUR"),
        (PARKING, "When did the car leave?", "11:17"),
        (PARKING, "At what time did the car enter?", "08:42"),
        (PARKING, "How long was the car parked?", "2 h 35 min"),
        (PARKING, "How was it paid?", "Card"),
        (PAY_SLIP, "How much overtime pay did he get?", "184.50"),
        (PAY_SLIP, "What is the gross salary?", "2,334.50"),
        (PAY_SLIP, "What is the net pay?", "1,960.50"),
        (PAY_SLIP, "How much goes into the pension?", "116.70"),
        (PRICES, "Was kostet eine Jahreskarte?", "24,00 €"),
        (PRICES, "Wie viel kostet die Tageskarte?", "3,00 €"),
        (PRICES, "Wie heißt die Bibliothek?", "Stadtbibliothek Altona"),
        (CARD, "Whose business card is this?", "Dr. Miriam Holtz"),
        (CARD, "How can I reach her by email?", "m.holtz@nordlicht-optics.de"),
        (BUS, "When does the first bus leave the Harbour?", "06:10"),
        (BUS, "When does the 2nd bus stop at the University?", "07:03"),
        (SALES, "How much did the East sell in the third quarter?", "25"),
        (JAR, "Wie viele Kalorien haben 100 g?", "539 kcal"),
        (JAR, "Wie viel wiegt der Inhalt?", "400 g"),
    ],
)
def test_what_people_ask_of_papers_is_found(page: object, question: str, start: str) -> None:
    assert ask(question, page).startswith(start)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("page", "question"),
    [
        (PAY_SLIP, "What is his bonus?"),
        (PRICES, "Was kostet eine Monatskarte?"),
        (PARKING, "Who was the driver?"),
        (CARD, "What is the fax number?"),
        (BUS, "When does the 4th bus leave the Harbour?"),
    ],
)
def test_what_papers_do_not_say_is_not_found(page: object, question: str) -> None:
    assert ask(question, page).startswith(("Not found", "Nicht gefunden"))  # type: ignore[arg-type]


def test_who_employs_is_not_who_is_employed() -> None:
    assert "Omar" not in ask("Who is the employer?", PAY_SLIP)


CAR_PARK = written("""
HOSPITAL CAR PARK
Entered: 13:08
Paid until: 15:38
Fee: CHF 5.00
Level: 2
""")
POOL = gridded(
    """
 | Single | 10 visits | Season
Adults | £4.50 | £40.00 | £110.00
Children | £2.20 | £19.00 | £55.00
""",
    has_header=False,
)
BILL = written("""
HELIOS SOLAR SERVICE
Subtotal     $465.00
Discount     -$46.50
Amount due   $418.50
Konto: DE12 2105 0170 0009 9887 76
""")
WAGES = written("""
Lohnabrechnung März 2025
Bruttolohn   2.890,00 €
Lohnsteuer   312,16 €
Auszahlung   2.045,37 €
Steuerklasse: 1
""")
SHOP = written("""
Donnerstag   10-20 Uhr
Freitag      9-17 Uhr
""")


@pytest.mark.parametrize(
    ("page", "question", "start"),
    [
        (CAR_PARK, "Until when can I leave the car there?", "15:38"),
        (CAR_PARK, "What floor is my car on?", "2"),
        (CAR_PARK, "What currency was it paid in?", "CHF"),
        (POOL, "What do ten visits cost for an adult?", "£40.00"),
        (POOL, "How much is a season ticket for children?", "£55.00"),
        (BILL, "What do I owe in the end?", "$418.50"),
        (BILL, "How big is the discount?", "$46.50"),
        (WAGES, "Wie viel bekomme ich netto aufs Konto?", "2.045,37"),
        (WAGES, "Wie viel verdiene ich brutto?", "2.890,00"),
        (SHOP, "Wann öffnet der Laden am Donnerstag?", "10"),
    ],
)
def test_everyday_words_find_their_label(page: object, question: str, start: str) -> None:
    assert ask(question, page).startswith(start)  # type: ignore[arg-type]


def test_a_discount_is_no_account() -> None:
    assert ask("Wie viel Skonto bekomme ich?", BILL).startswith("Nicht gefunden")
