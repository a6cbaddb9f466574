import re
import time

from answering_pages import ask, drawn, gridded, photographed, written
from hypothesis import given, settings, strategies as st

from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.messages import asks_in
from visus.local.lite.evidence import Evidence

PAGE = written("""
Invoice number: A-17
Date: 03.04.2025

Lamp      2     49,90 €
Total           99,80 €
""")
SEEN = [PAGE, gridded("A | B\n1 | 2\n3 | 4"), drawn(("red", "circle")), Evidence(1, 1)]
SEEN.append(photographed(("Egyptian cat", "Ägyptische Katze", 0.9)))
WORDS = """
what is the total of invoice number date how many lamp cost price red circle compare read
text who wie hoch ist der betrag rechnung wann zahlbar lampe farbe kreis gibt es und oder nicht
bild
second picture highest sum line first qr code language due vat iban 7 2025 "x" ? . , : ! €
""".split()  # noqa: SIM905 - reads best as running text


@given(st.text(max_size=300), st.sampled_from(SEEN))
@settings(max_examples=150, deadline=None)
def test_no_text_at_all_upsets_it(question: str, seen: Evidence) -> None:
    assert isinstance(ask(question, seen), str)


@given(st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join))
@settings(max_examples=250, deadline=None)
def test_no_figure_is_said_that_neither_the_page_nor_a_count_holds(question: str) -> None:
    said = ask(question, PAGE)
    held = set(re.findall(r"\d+", " ".join(line.text for line in PAGE.lines) + question))
    sizes = {str(PAGE.width_px), str(PAGE.height_px)}
    if (
        "counted" in said
        or "gezählt" in said
        or "added up" in said
        or "zusammengezählt" in said
    ):
        return
    assert set(re.findall(r"\d+", said)) <= held | sizes


@given(st.text(alphabet="ab? .!\n'\"“”-/and or", max_size=2000))
@settings(max_examples=80, deadline=None)
def test_a_message_of_any_shape_is_taken_apart_in_time(text: str) -> None:
    assert all(isinstance(each, Ask) for each in asks_in(text, tongue_before=None))


def test_a_long_question_costs_no_more_than_a_short_one() -> None:
    started = time.perf_counter()
    ask("what is in " * 2000 + "?", PAGE)
    assert time.perf_counter() - started < 2
