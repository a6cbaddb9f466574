"""Facts that a page tells in words: who does what, when, where and for how much."""

import pytest
from answering_pages import ask, written

NOTICE = written("""
Residents' Association

The annual meeting begins at 19:30 in room 204 of the Old Library, Mill Lane. It will be
chaired by Gordon Ashby. The new parking scheme, which costs £60 a year, will be put to
the vote. Send your vote to the secretary, Leila Haddad. The group of 28 pupils sings first.
Lessons are taught by Astrid Nyberg and last 90 minutes.

Ellen Moray
Head Teacher
""")
AUSHANG = written("""
Aushang

Die Bühne ist bis Donnerstag außer Betrieb. Ersatzteile bestellt in dieser Woche Frau Sander.
Der Prüfer kommt am Freitag um 13:15 Uhr. Die Generalprobe beginnt am Samstag um 15:30 Uhr.
Das Orchester leitet Herr Balthasar Krone. Ein zweiter Termin kostet 35 Euro.
""")


@pytest.mark.parametrize(
    ("question", "start"),
    [
        ("When does the meeting begin?", "19:30 ("),
        ("Who chairs the meeting?", "Gordon Ashby ("),
        ("Who is the secretary?", "Leila Haddad ("),
        ("How much does the parking scheme cost?", "£60 ("),
        ("How many pupils are in the group?", "28 ("),
        ("How long do the lessons last?", "90 minutes ("),
        ("Who is the head teacher?", "Ellen Moray ("),
    ],
)
def test_a_fact_is_told_by_the_sentence_that_says_it(question: str, start: str) -> None:
    assert ask(question, NOTICE).startswith(start)


@pytest.mark.parametrize(
    ("question", "start"),
    [
        ("Wer bestellt die Ersatzteile?", "Frau Sander ("),
        ("Wer leitet das Orchester?", "Herr Balthasar Krone ("),
        ("Wann kommt der Prüfer?", "Freitag um 13:15 Uhr ("),
        ("Was kostet ein zweiter Termin?", "35 Euro ("),
    ],
)
def test_a_german_fact_is_told_with_its_day_and_time(question: str, start: str) -> None:
    assert ask(question, AUSHANG).startswith(start)


@pytest.mark.parametrize(
    "question",
    [
        "How long does the meeting last?",
        "How much does the parking permit cost?",
        "Who chairs the committee?",
        "Who is the treasurer?",
        "How much is a locker?",
        "What is the name of the coach company?",
        "What is the model of the scheme?",
    ],
)
def test_a_sentence_about_something_else_tells_nothing(question: str) -> None:
    assert ask(question, NOTICE).startswith("Not found")


@pytest.mark.parametrize("question", ["Wann beginnt das Konzert?", "Wer leitet den Chor?"])
def test_what_is_said_of_one_thing_is_not_given_for_another(question: str) -> None:
    assert ask(question, AUSHANG).startswith("Nicht gefunden")


@pytest.mark.parametrize(
    ("line", "question", "start"),
    [
        ("Borrower: Sunniva Dahl", "Who is borrowing the equipment?", "Sunniva Dahl ("),
        ("Reisende: Annegret Lohse", "Wer reist?", "Annegret Lohse ("),
        ("Ticket holder: Priya Nair", "Whose ticket is it?", "Priya Nair ("),
    ],
)
def test_who_does_it_is_beside_the_name_of_the_doer(
    line: str, question: str, start: str
) -> None:
    assert ask(question, written(f"Equipment pass\n{line}\nNo. 12-44")).startswith(start)


def test_what_was_borrowed_is_not_the_borrower() -> None:
    page = written("Borrower: Sunniva Dahl\nDepartment: Geology")
    assert ask("What is being borrowed?", page).startswith("Not found")
