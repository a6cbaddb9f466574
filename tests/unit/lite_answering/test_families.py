"""Labels that call a thing otherwise than the question: families of words."""

from importlib.resources import files

import pytest
from answering_pages import ask, written

from visus.local.lite.answering.families import asked, index, printed_by
from visus.local.lite.answering.words import fold

MOVE = written("""
Bramble Removals

Moving date    9 October 2026
Crew           4 people
Deposit        £200.00
Volume         32 m³
""")
CONCERT = written("""
Stimmen der Stadt

Dirigent       Malte Ahrens
Beginn 19:30 Uhr
Einlass        19 Uhr
""")
JOB = written("""
Pflegefachkraft (m/w/d)

Vergütung      3.100 € brutto
Eintritt       1. Oktober 2026
""")
MENU = written("""
Mittagskarte

Seelachsfilet mit Kartoffeln        9,80 €
Schweinebraten                     10,50 €
""")
TWO = written("""
Seminarhaus Eiche

Dozentin       Eva Holm
Kursleiter     Jan Rupp
Start          3. Mai 2026
""")


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("When is the move?", "9 October 2026"),
        ("How many people will help?", "4 people"),
    ],
)
def test_a_label_of_the_family_answers(question: str, value: str) -> None:
    assert value in ask(question, MOVE)


@pytest.mark.parametrize(
    ("question", "value"),
    [("Wann geht es los?", "19:30"), ("Wer leitet das Konzert?", "Malte Ahrens")],
)
def test_a_phrase_and_a_verb_ask_for_a_family_too(question: str, value: str) -> None:
    assert value in ask(question, CONCERT)


def test_a_job_is_told_by_its_heading() -> None:
    assert "Pflegefachkraft" in ask("What job is advertised?", JOB)


def test_a_kind_of_thing_is_answered_by_the_only_word_of_it() -> None:
    assert "Seelachsfilet" in ask("Which fish is on the menu?", MENU)


@pytest.mark.parametrize(
    "question",
    [
        "Who is moving?",  # the label has a date beside it, and no person
        "Where is the move?",
        "How much does the crew cost?",
        "Which van will be used?",
    ],
)
def test_a_value_of_another_kind_is_none(question: str) -> None:
    assert ask(question, MOVE).startswith("Not found")


def test_what_is_no_date_is_no_answer_to_when() -> None:
    page = written("""
    Seminarhaus Eiche

    Beginn         nach Absprache
    Raum           14
    """)
    assert ask("Wann geht es los?", page).startswith("Nicht gefunden")


def test_a_family_of_people_is_no_answer_to_where() -> None:
    page = written("""
    Stimmen der Stadt

    Leitung        Malte Ahrens
    Klavier        Yuki Tanabe
    """)
    assert "Malte Ahrens" in ask("Wer ist der Dirigent?", page)
    assert ask("Wo ist der Dirigent?", page).startswith("Nicht gefunden")


def test_whom_to_write_to_is_no_address_of_e_mail() -> None:
    page = written("""
    Zahntechniker (m/w/d)

    Arbeitszeit    38 Stunden / Woche

    Ihre Bewerbung richten Sie bitte an Frau Selma Krug,
    bewerbung@brueckner-dental.de.
    """)
    assert "Selma Krug" in ask("An wen schickt man die Bewerbung?", page)
    assert ask("In welcher Straße liegt das Labor?", page).startswith("Nicht gefunden")


def test_who_treated_the_cat_is_not_what_the_cat_is_called() -> None:
    page = written("""
    Tierklinik Lindenhof

    Tier           Katze Minka
    Gewicht        4,3 kg
    Tierärztin     Dr. Ina Roth
    """)
    assert "Ina Roth" in ask("Wer hat die Katze behandelt?", page)


def test_which_thing_was_treated_does_not_ask_for_who_treated_it() -> None:
    page = written("""
    CycleFix workshop

    Fault          rear brake squeals
    Mechanic       Tess
    """)
    assert "Tess" in ask("Who repaired it?", page)
    assert ask("Which car was repaired?", page).startswith("Not found")


def test_where_is_answered_by_no_amount() -> None:
    page = written("""
    Sommerkonzert

    Karten         14 €, ermäßigt 9 €
    Klavier        Yuki Tanabe
    """)
    assert ask("Wo gibt es Karten?", page).startswith("Nicht gefunden")


def test_of_two_candidates_neither_is_taken() -> None:
    assert ask("Wer unterrichtet?", TWO).startswith("Nicht gefunden")


@pytest.mark.parametrize("question", ["Which soup is on the menu?", "Which fruit is there?"])
def test_a_kind_that_no_word_of_the_page_is_of_is_declined(question: str) -> None:
    assert ask(question, MENU).startswith("Not found")


def test_what_else_the_question_names_must_be_on_the_page() -> None:
    assert ask("Wann geht die Kreuzfahrt los?", CONCERT).startswith("Nicht gefunden")
    assert ask("Which fish is served to Alan?", MENU).startswith("Not found")


def test_a_compound_is_of_the_family_of_its_head_or_of_its_rest() -> None:
    move = asked(["move"])["move"]
    assert printed_by("umzugstermin") & move
    assert not printed_by("zahnarzttermin") & move
    assert printed_by("kursbeginn") & asked(["start"])["start"]


def test_a_one_sided_family_does_not_answer_the_other_way() -> None:
    fish = asked(["fish"])["fish"]
    assert printed_by("trout") & fish
    assert not printed_by("fish") & fish
    assert not asked(["trout"])


def test_every_word_of_the_data_is_folded_and_every_line_is_a_family() -> None:
    text = files("visus.local.lite.answering").joinpath("families.txt").read_text("utf-8")
    lines = [line for line in text.splitlines() if line and line[0] not in "#["]
    assert all(fold(line) == line for line in lines)
    assert all(len(line.replace(":", " ").split()) > 1 for line in lines if line.split()[1:])
    assert len(index().printed) > 5 * len(lines)
