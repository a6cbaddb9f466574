"""Boxes that were seen on a form: is one ticked, which of a group, how many?"""

import pytest
from answering_pages import ask, written

from visus.local.lite.evidence import Box, Evidence, Line, TickBox


def form(text: str) -> Evidence:
    """A page where `[x]` and `[ ]` are boxes that nobody read as text."""
    page = written(text)
    boxes: list[TickBox] = []
    lines: list[Line] = []
    for line in page.lines:
        if line.text[:1] != "[":
            lines.append(line)
            continue
        left, top = line.box.left, line.box.top
        boxes.append(TickBox(Box(left, top, left + 24, top + 24), marked=line.text[1] == "x"))
        lines.append(
            Line(line.text[4:], Box(left + 40, top, line.box.right, line.box.bottom), 0.97)
        )
    return Evidence(width_px=1000, height_px=800, lines=lines, boxes=boxes)


GYM = form("""
Oakridge Leisure Centre
First name     Leonie

Membership type     I am interested in
[ ] Adult           [x] Swimming
[x] Student         [ ] Squash
[ ] Family          [x] Yoga

Raucht die Person?     [ ] ja     [x] nein
""")
CAMP = form("""
Ferienlager

Das Kind ist
[x] Schwimmer
[ ] Nichtschwimmer

Verpflegung
[ ] Normalkost
[x] vegetarisch
""")


CLASS = form("""
Dog Training Class

Dog's name          Biscuit

Course chosen
[ ] Puppy basics    [x] Recall and lead work    [ ] Agility
""")


@pytest.mark.parametrize(
    ("question", "start"),
    [
        ("Which course was ticked?", "Recall and lead work ("),
        ("What is the dog's name?", "Biscuit"),
    ],
)
def test_boxes_in_one_row_have_one_heading(question: str, start: str) -> None:
    assert ask(question, CLASS).startswith(start)


@pytest.mark.parametrize(
    ("page", "question", "start"),
    [
        (GYM, "Is Squash ticked?", "No, "),
        (GYM, "Is the box for Swimming ticked?", "Yes, "),
        (GYM, "Which membership type was chosen?", "Student ("),
        (GYM, "Which boxes are ticked under I am interested in?", "Swimming, Yoga ("),
        (GYM, "How many boxes are ticked?", "4 ("),
        (GYM, "Raucht die Person?", "Nein, "),
        (GYM, "Is the box for Tennis ticked?", "Not found"),
        (CAMP, 'Ist "vegetarisch" angekreuzt?', "Ja, "),
        (CAMP, "Kann das Kind schwimmen?", "Ja, "),
        (CAMP, "Ist Nichtschwimmer angekreuzt?", "Nein, "),
        (CAMP, "Welche Verpflegung wurde gewählt?", "Vegetarisch ("),
        (CAMP, "Ist glutenfrei angekreuzt?", "Nicht gefunden"),
    ],
)
def test_a_box_says_what_stands_in_it(page: Evidence, question: str, start: str) -> None:
    assert ask(question, page).startswith(start)


def test_a_group_without_a_mark_has_no_choice() -> None:
    page = form("Verpflegung\n[ ] Normalkost\n[ ] vegetarisch")
    assert ask("Welche Verpflegung wurde gewählt?", page).startswith("Nicht gefunden")


WEEKS = form("""
Summer camp

Session
[ ] Week 1, 21 July
[x] Week 2, 28 July
[ ] Week 3, 4 August
""")


def test_options_that_share_a_word_are_a_group_of_that_name() -> None:
    assert ask("Which week was ticked?", WEEKS).startswith("Week 2, 28 July ")
