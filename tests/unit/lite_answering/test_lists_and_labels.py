"""Menus, price lists and labels: the dearest row, how many, a share, a limit, a day's dish."""

import pytest
from answering_pages import ask, written

MENU = written("""
The Salty Anchor

Starters
Crab soup                7.50
Grilled sardines         8.90

Mains
Fish and chips          15.50
Lobster roll            24.00
Mushroom risotto (v)    13.80

Desserts
Treacle tart             6.40
Lemon sorbet             5.20
""")
WEEK = written("""
Gasthof Zum Hirschen

Montag      Linseneintopf      7,90 €
Dienstag    Schweinebraten    11,50 €
Mittwoch    Käsespätzle        9,20 €
""")
SIGN = written("""
Riverside Car Park

Up to 1 hour     £1.80
Up to 3 hours    £4.20
All day          £9.00

Free after 6 pm
Max. height 2.1 m
""")
JAR = written("""
Blackcurrant Jam

Zutaten: Haferflocken 52 %, Rosinen 14 %, Haselnüsse 11 %, Honig, Meersalz.
Ingredients: blackcurrants (58%), sugar, lemon juice.
Net weight: 340 g
Batch 0472-C
""")
POSTER = written("""
SOMMERKONZERT
Stadtkapelle Reutlingen

Beginn 19:30 Uhr · Einlass 18:45 Uhr
Leitung: Cornelius Veith
Eintritt: Erwachsene 12 €, Kinder frei
Bei Regen in der Stadthalle
""")


@pytest.mark.parametrize(
    ("page", "question", "start"),
    [
        (MENU, "What is the cheapest dish on the menu?", "Lemon sorbet ("),
        (MENU, "What's the most expensive main?", "Lobster roll ("),
        (MENU, "How many desserts are there?", "2 ("),
        (MENU, "How many dishes are on the menu?", "7 ("),
        (MENU, "Which dish is vegetarian?", "Mushroom risotto ("),
        (WEEK, "Was gibt es am Mittwoch?", "Käsespätzle ("),
        (WEEK, "Was ist das teuerste Gericht?", "Schweinebraten ("),
        (SIGN, "How much does it cost to park for the whole day?", "£9.00 ("),
        (SIGN, "How much is it for up to 3 hours?", "£4.20 ("),
        (SIGN, "From what time is parking free?", "6 pm ("),
        (SIGN, "What's the maximum height?", "2.1 m ("),
        (JAR, "Wie hoch ist der Haselnussanteil?", "11 % ("),
        (JAR, "What percentage of the jam is blackcurrants?", "58% ("),
        (JAR, "Which batch is this jar from?", "0472-C ("),
        (JAR, "How heavy is the content of the jar?", "340 g ("),
        (POSTER, "Wann beginnt das Konzert?", "19:30 Uhr ("),
        (POSTER, "Ab wann ist Einlass?", "18:45 Uhr ("),
        (POSTER, "Wer leitet die Stadtkapelle?", "Cornelius Veith ("),
        (POSTER, "Wo findet das Konzert bei Regen statt?", "Stadthalle ("),
        (POSTER, "Was zahlen Erwachsene?", "12 € ("),
        (POSTER, "Was zahlen Kinder?", "Frei ("),
    ],
)
def test_lists_and_labels_are_understood(page: object, question: str, start: str) -> None:
    assert ask(question, page).startswith(start)


@pytest.mark.parametrize(
    ("page", "question"),
    [
        (MENU, "How many salads are there?"),
        (WEEK, "Was gibt es am Freitag?"),
        (SIGN, "What's the maximum weight?"),
        (SIGN, "How much is it for up to 2 hours?"),
        (JAR, "Wie hoch ist der Zuckeranteil?"),
        (JAR, "Wie viel Prozent Honig sind enthalten?"),
        (POSTER, "Wann endet die Pause?"),
        (POSTER, "Was zahlen Studenten?"),
    ],
)
def test_what_a_list_does_not_say_is_declined(page: object, question: str) -> None:
    assert ask(question, page).startswith(("Not found", "Nicht gefunden"))


def test_a_label_with_its_value_names_nothing_beside_it() -> None:
    page = written("""
    Corner Café

    Table 11            Covers 2
    Receipt no. 008412  Counter 3
    Leek soup           6.50
    """)
    assert ask("Which table was it?", page).startswith("11")
    assert ask("What is the receipt number?", page).startswith("008412")
