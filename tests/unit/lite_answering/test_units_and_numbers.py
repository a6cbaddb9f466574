"""Values known by their unit, amounts of a listed thing, numbers behind a word, how often."""

import pytest
from answering_pages import ask, gridded, written

PLATE = written("""
KÄLTEMAX Kühlschrank

Modell:         KX 240 S
Spannung:       230 V / 50 Hz
Leistung:       85 W
Nutzinhalt:     238 l
Baujahr:        2023
""")
GAS = written("""
Stadtwerke Lüneburg
Jahresabrechnung Erdgas

Zählerstand alt     12.480 m³
Zählerstand neu     13.655 m³
Verbrauch            1.175 m³
Nachzahlung            63,40 €
""")
CAKE = written("""
Carrot Cake

- 250 g carrots, grated
- 200 g flour
- 3 eggs

Heat the oven to 180 °C and bake the cake in a greased tin for 50 minutes until it is brown.
""")
PILLS = written("""
Oakwood Pharmacy

Mrs Evelyn Tranter
Take ONE capsule THREE times a day for 7 days.
21 capsules
""")
PLAN = gridded("""
Zeit | Mo       | Di    | Mi
8:00 | Mathe    | Kunst | Sport
9:55 | Englisch | Musik | Mathe
""")
LEAGUE = gridded("""
Team       | Played | Won | Points
Maidenhead | 18     | 13  | 41
Henley     | 18     | 9   | 30
Slough     | 18     | 2   | 7
""")
STAY = written("""
Hotel Bellavista

Check-in      14 May 2026, from 3 pm
Nights        3
Breakfast     included
Smoking       not allowed

Send your wishes to the desk of the hotel, or to the porter at the gate, by 30 April
2026. Room 12 is on the first floor.
""")


@pytest.mark.parametrize(
    ("page", "question", "start"),
    [
        (PLATE, "Wie viel Watt hat der Kühlschrank?", "85 W ("),
        (PLATE, "Wie viele Liter passen hinein?", "238 l ("),
        (PLATE, "In welchem Jahr wurde das Gerät gebaut?", "2023 ("),
        (GAS, "Wie viele Kubikmeter Gas wurden verbraucht?", "1.175 m³ ("),
        (CAKE, "How much flour goes into the cake?", "200 g ("),
        (CAKE, "How many eggs do I need?", "3 ("),
        (CAKE, "At what temperature is the cake baked?", "180 °C ("),
        (PILLS, "How often should it be taken each day?", "THREE times a day ("),
        (PILLS, "How many capsules are in the pack?", "21 ("),
        (PILLS, "Who is the medicine for?", "Mrs Evelyn Tranter ("),
        (PLAN, "Welches Fach ist am Dienstag um 9:55 Uhr?", "Musik ("),
        (LEAGUE, "How many teams are in the table?", "3 ("),
        (LEAGUE, "Which team is top of the table?", "Maidenhead ("),
        (STAY, "When does the guest check in?", "14 May 2026, from 3 pm ("),
        (STAY, "Is breakfast included?", "Yes, "),
        (STAY, "Is smoking allowed?", "No, "),
        (STAY, "By when should I send my wishes?", "30 April 2026 ("),
        (STAY, "Which room is it?", "12 ("),
    ],
)
def test_a_value_is_known_by_its_unit_or_its_word(
    page: object, question: str, start: str
) -> None:
    assert ask(question, page).startswith(start)


@pytest.mark.parametrize(
    ("page", "question"),
    [
        (PLATE, "Wie viele Kilogramm wiegt der Kühlschrank?"),
        (GAS, "Wie viele Liter Wasser wurden verbraucht?"),
        (CAKE, "How much butter is needed?"),
        (PILLS, "How many tablets are in the pack?"),
        (LEAGUE, "How many referees are in the table?"),
        (STAY, "Which table is it?"),
    ],
)
def test_another_unit_or_another_thing_is_not_taken_for_it(page: object, question: str) -> None:
    assert ask(question, page).startswith(("Not found", "Nicht gefunden"))
