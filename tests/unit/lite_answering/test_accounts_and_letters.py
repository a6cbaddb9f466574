"""Accounts, rows of totals, receipts by card, and the dates by which letters want things."""

import pytest
from answering_pages import ask, gridded, written

ACCOUNT = gridded("""
Date   | Details          | Paid out | Paid in  | Balance
01 Apr | Opening balance  |          |          | 1,204.18
03 Apr | Rent Mayfield    | 780.00   |          | 424.18
07 Apr | Salary Tidewater |          | 2,310.55 | 2,734.73
""")
LOAD = gridded("""
Artikel      | Stück | Gewicht kg
Bretter      | 120   | 540
Kanthölzer   | 36    | 410
Gesamt       | 156   | 950
""")
SCHOOL = written("""
Grundschule am Birkenwald

Liebe Eltern,
am Dienstag, dem 16. Juni 2026, fahren wir in den Zoo nach Erfurt. Wir treffen uns um
8:10 Uhr am Bahnhof und sind gegen 15:30 Uhr zurück. Die Kosten betragen 14,50 Euro pro
Kind und werden bis zum 22. Mai 2026 im Sekretariat eingesammelt.
""")
TEAROOM = written("""
Copper Kettle    Table 7

Cream tea        19.00
Total            19.00
VISA ending 8830
Paid on 9 May 2026
""")
BUS = written("""
Bus 64  Harwick - Stonebridge
Monday to Friday

Stop            1st      2nd      3rd
Harwick         06:50    08:20    17:40
Stonebridge     07:34    09:04    18:24
""")
BOARD = gridded("""
Zeit  | Zug   | Ziel      | Gleis
10:04 | RE 30 | Frankfurt | 4
10:17 | RB 83 | Göttingen | 7
10:22 | RT 5  | Melsungen | 11
""")


@pytest.mark.parametrize(
    ("page", "question", "start"),
    [
        (ACCOUNT, "How much was the rent?", "780.00 ("),
        (ACCOUNT, "When was the salary paid in?", "07 Apr ("),
        (LOAD, "Wie schwer ist die Lieferung insgesamt?", "950 ("),
        (SCHOOL, "Bis wann muss das Geld abgegeben werden?", "22. Mai 2026 ("),
        (SCHOOL, "Wann treffen sich die Kinder am Bahnhof?", "8:10 Uhr ("),
        (TEAROOM, "What are the last four digits of the card?", "8830 ("),
        (TEAROOM, "When was it paid?", "9 May 2026 ("),
        (BUS, "Which bus line is this?", "64 ("),
        (BUS, "On which days does it run?", "Monday to Friday ("),
        (BUS, "When does the last bus reach Stonebridge?", "18:24 ("),
        (BOARD, "Wie viele Züge stehen auf der Tafel?", "3 ("),
        (BOARD, "Welcher Zug fährt nach Melsungen?", "RT 5 ("),
    ],
)
def test_accounts_letters_and_timetables_are_understood(
    page: object, question: str, start: str
) -> None:
    assert ask(question, page).startswith(start)


@pytest.mark.parametrize(
    ("page", "question"),
    [
        (ACCOUNT, "How much was the electricity?"),
        (LOAD, "Was kosten die Bretter?"),
        (SCHOOL, "Wie viele Kinder fahren mit?"),
        (SCHOOL, "Bis wann muss die Badehose abgegeben werden?"),
        (BOARD, "Wann fährt der Zug nach Marburg?"),
    ],
)
def test_what_they_do_not_say_is_declined(page: object, question: str) -> None:
    assert ask(question, page).startswith(("Not found", "Nicht gefunden"))
