"""Questions in words that no label uses: every fact of a page is weighed against them all."""

import pytest
from answering_pages import ask, written

from visus.local.lite.answering.saying import are_kin, says
from visus.local.lite.answering.strangers import days_in

PAYSLIP = written("""
Bäckerei Kornblum e.K.

Mitarbeiter       Tomasz Lewandowski
Eintritt          01.08.2021
Urlaub Rest       17 Tage
Nachtzuschlag     212,50
Auszahlung        2.168,99
""")
REPAIR = written("""
CycleFix workshop

Customer     Dylan Achterberg
Bike         Gazelle city
Fault        rear brake squeals
Mechanic     Tess
Time         14:42
""")
POSTER = written("""
LESUNG AM FLUSS

Lesung mit Rahel Winterfeld
Freitag, 24. Juli 2026
Einlass 19 Uhr, Beginn 20 Uhr
Eintritt 14 €, ermäßigt 9 €
""")
LOAF = written("""
Lemon Drizzle Loaf

Serves 10
225 g sugar
Heat the oven to 180 degrees and beat the butter with the sugar.
""")
LETTER = written("""
Kirkby Public Library

Our records show that two items borrowed on your card 40077 are now overdue.
They were due on 28 April. Please bring them back by 22 May.
""")
WATER = written("""
Stadtwerke Aschbach

Verbrauch       86 m³
Grundpreis      72,00 €
""")
SERVICE = written("""
Fahrplan Linie 340

gültig Montag bis Freitag
Altdorf      6:12
Klinikum     6:35
""")


@pytest.mark.parametrize(
    ("page", "question", "start"),
    [
        (PAYSLIP, "Wie viele Urlaubstage sind übrig?", "17 ("),
        (PAYSLIP, "Wie hoch ist der Zuschlag für Nachtarbeit?", "212,50 ("),
        (PAYSLIP, "Wie viel bekommt der Mitarbeiter ausgezahlt?", "2.168,99 ("),
        (PAYSLIP, "Seit wann arbeitet Tomasz dort?", "01.08.2021 ("),
        (PAYSLIP, "Wer ist der Arbeitgeber?", "Bäckerei Kornblum e.K. ("),
        (REPAIR, "What is wrong with the bike?", "Rear brake squeals ("),
        (REPAIR, "Who repairs the bike?", "Tess ("),
        (REPAIR, "Who brought the bike in?", "Dylan Achterberg ("),
        (REPAIR, "When did the mechanic call?", "14:42 ("),
        (POSTER, "Wann findet die Lesung statt?", "Freitag, 24. Juli 2026 ("),
        (POSTER, "Was kostet eine ermäßigte Karte?", "9 € ("),
        (POSTER, "Ab wann kommt man hinein?", "19 Uhr ("),
        (LOAF, "How many people does it serve?", "10 ("),
        (LOAF, "How hot should the oven be?", "180 degrees ("),
        (LOAF, "What is being baked?", "Lemon Drizzle Loaf ("),
        (LETTER, "How many items are overdue?", "Two ("),
        (LETTER, "By when must the items be brought back?", "22 May"),
    ],
)
def test_the_fact_that_accounts_for_all_words_is_told(
    page: object, question: str, start: str
) -> None:
    assert ask(question, page).startswith(start)


@pytest.mark.parametrize(
    ("page", "question"),
    [
        (WATER, "Wie viel Strom wurde verbraucht?"),
        (SERVICE, "Wann fährt der Bus am Sonntag?"),
        (PAYSLIP, "Wie viele Kinder hat der Mitarbeiter?"),
        (PAYSLIP, "Welche Telefonnummer hat der Arbeitgeber?"),
        (REPAIR, "How long is the guarantee?"),
        (POSTER, "Wie lange dauert die Lesung?"),
        (LOAF, "How much milk is needed?"),
        (LETTER, "What is the library's phone number?"),
    ],
)
def test_what_the_page_knows_nothing_of_is_declined(page: object, question: str) -> None:
    assert ask(question, page).startswith(("Not found", "Nicht gefunden"))


def test_the_days_of_a_span_are_named_by_its_ends() -> None:
    assert days_in("Montag bis Mittwoch, So") == {0, 1, 2, 6}
    assert days_in("by when do they have to") == set()


def test_a_verb_is_kin_to_who_does_it_and_to_what_is_done() -> None:
    assert are_kin("ausgezahlt", "auszahlung")
    assert are_kin("analysed", "analyst")
    assert not are_kin("contact", "contract")


def test_a_name_of_a_value_is_said_without_its_vague_end() -> None:
    assert says(["glukose"], "glukosewert")
    assert not says(["glukose"], "cholesterinwert")
