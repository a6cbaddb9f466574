# ruff: noqa: RUF001 - answers are quoted with their signs
import msgspec
import pytest
from answering_pages import ask, drawn, photographed, written

from visus.flow.blind import wording
from visus.local.lite.answering.dialogue import Job, Picture, Speech
from visus.local.lite.answering.reply import reply
from visus.local.lite.evidence import Bar, Box, Code, Colour, Evidence

SHAPES = drawn(
    ("red", "circle"),
    ("red", "circle"),
    ("blue", "square"),
    ("green", "triangle"),
    ("red", "star"),
)
CAT = photographed(("Egyptian cat", "Ägyptische Katze", 0.75), ("tabby", "Tigerkatze", 0.1))
VAGUE = photographed(("palace", "Palast", 0.28))
NOTHING = photographed(("football helmet", "Footballhelm", 0.1))
RED = Evidence(
    width_px=200, height_px=100, colours=[Colour("red", (255, 0, 0), 1.0)], brightness=0.3
)
CHART = Evidence(
    width_px=800,
    height_px=600,
    bars=[
        Bar("Q1", "120", "blue", Box(100, 300, 160, 500), 200),
        Bar("Q2", "95", "blue", Box(200, 340, 260, 500), 160),
        Bar("Q3", "180", "red", Box(300, 200, 360, 500), 300),
    ],
)
CODED = Evidence(
    width_px=300,
    height_px=300,
    codes=[Code("QRCode", "https://visus.example/x?y=1", Box(50, 50, 250, 250))],
)


@pytest.mark.parametrize(
    ("seen", "question", "start"),
    [
        (SHAPES, "How many circles are there?", "2 "),
        (SHAPES, "Wie viele rote Formen siehst du?", "3 "),
        (SHAPES, "How many shapes are in the picture?", "5 "),
        (SHAPES, "How many hexagons are there?", "0 "),
        (SHAPES, "What colour is the square?", "Blue"),
        (SHAPES, "Welche Farbe hat das Dreieck?", "Grün"),
        (SHAPES, "What is the background colour?", "White"),
        (SHAPES, "Is there a red circle?", "Yes"),
        (SHAPES, "Gibt es ein gelbes Quadrat?", "Nein"),
        (SHAPES, "What shape is green?", "Triangle"),
        (RED, "What colour is this picture?", "Red"),
        (RED, "Welche Farbe hat das Bild?", "Rot"),
        (RED, "Welche Farbe ist zu sehen?", "Rot"),
        (RED, "Which colour do you see?", "Red"),
        (RED, "What colour is shown?", "Red"),
        (RED, "Name the colour", "Red"),
        (RED, "Which colour fills the whole picture?", "Red"),
        (RED, "How big is this picture?", "200 × 100"),
        (RED, "Is it portrait or landscape?", "Landscape"),
        (RED, "Ist das Bild im Hochformat?", "Nein"),
        (CHART, "What is the value of the bar for Q2?", "95"),
        (CHART, "Which bar is the highest?", "Q3"),
        (CHART, "Welcher Balken ist am niedrigsten? Nenne den kleinsten.", "Q2"),
        (CHART, "How many bars are there?", "3"),
        (CHART, "What is the highest value?", "180"),
        (CODED, "What does the QR code say?", "https://visus.example/x?y=1"),
        (CODED, "Is there a QR code?", "Yes"),
        (CODED, "Is there a barcode?", "No"),
        (CODED, "Wie viele QR-Codes sind zu sehen?", "1"),
        (CAT, "What animal is this?", "Egyptian cat"),
        (CAT, "Is there a cat?", "Yes"),
        (CAT, "Ist eine Katze zu sehen?", "Ja"),
        (CAT, "Is there a dog in the picture?", "No"),
        (VAGUE, "What is this?", "It shows: Possibly palace"),
    ],
)
def test_what_is_seen_is_said(seen: Evidence, question: str, start: str) -> None:
    assert ask(question, seen).startswith(start)


def test_a_description_names_what_was_recognised_and_how_surely() -> None:
    said = ask("What is in this image?", CAT)
    assert "Egyptian cat" in said
    assert "fair confidence" in said
    assert "Möglicherweise" in ask("Was ist auf dem Bild zu sehen?", VAGUE)


def test_a_name_below_the_line_is_not_said() -> None:
    said = ask("What is in this image?", NOTHING)
    assert "helmet" not in said
    assert "cannot tell" in said


@pytest.mark.parametrize(
    "question",
    ["How does the person feel?", "How many people are there?", "Why is he laughing?"],
)
def test_what_perception_cannot_know_needs_a_real_model(question: str) -> None:
    assert "cannot tell" in ask(question, NOTHING)


def test_two_pictures_are_compared_by_what_was_seen_in_each() -> None:
    said = ask("Compare these two pictures.", SHAPES, RED)
    assert "The two pictures differ." in said
    assert "900 × 300 / 200 × 100" in said
    assert ask("Are these two pictures the same?", RED, RED).startswith("Yes")
    assert ask("Sind die beiden Bilder gleich?", SHAPES, RED).startswith("Nein")


def test_of_three_pictures_each_is_compared_and_each_is_told() -> None:
    cat = photographed(("tabby cat", "Katze", 0.8))
    seen = (cat, cat, written("Invoice 4711\nTotal 12.00"))
    said = ask("Compare these pictures.", *seen)
    assert "The 3 pictures differ." in said
    assert "Pictures 1 and 2:" in said
    assert "Pictures 1 and 3:" in said
    assert "Invoice 4711" in said
    told = ask("What animal is in these images?", *seen).splitlines()
    assert [line[:10] for line in told] == ["Picture 1:", "Picture 2:", "Picture 3:"]


def test_two_letters_that_were_seen_in_a_photo_are_no_difference() -> None:
    fur = msgspec.structs.replace(CAT, lines=written("O e").lines)
    assert "Text" not in ask("Compare these two pictures.", fur, CAT)
    sign = msgspec.structs.replace(CAT, lines=written("STOP").lines)
    assert "“STOP”" in ask("Compare these two pictures.", sign, CAT)


def test_a_question_about_the_second_picture_is_about_the_second_picture() -> None:
    assert ask("What colour is the second image?", SHAPES, RED).startswith("Red")
    assert "no such picture" in ask("What colour is the third image?", SHAPES, RED)


def _dialogue(*turns: tuple[str, str, list[int]]) -> Job:
    pictures = [Picture(memoryview(b""), "p")] * sum(len(places) for *_, places in turns)
    return Job([Speech(role, text, places) for role, text, places in turns], pictures)


def test_a_follow_up_is_about_the_earlier_picture_and_the_earlier_thing() -> None:
    job = _dialogue(
        ("user", "Is there a square?", [0]),
        ("assistant", "Yes, blue square.", []),
        ("user", "And what colour is it?", []),
    )
    assert reply(job, [SHAPES]).startswith("Blue")


def test_pictures_count_whoever_shows_them() -> None:
    job = _dialogue(
        ("system", "Look at this.", [0]), ("user", "What colour is the picture?", [])
    )
    assert reply(job, [RED]).startswith("Red")


def test_without_a_picture_it_says_what_it_is() -> None:
    assert "I am visus-lite" in ask("Hello, who are you?")
    assert "Ich bin visus-lite" in ask("Was kannst du?")
    assert "I am visus-lite" in ask("<|im_start|>system <|image_pad|> <image>")


def test_a_system_prompt_may_choose_the_language() -> None:
    job = _dialogue(
        ("system", "Always answer in German.", []), ("user", "What colour is it?", [0])
    )
    assert reply(job, [RED]).startswith("Rot")


def test_each_of_several_pages_answers_for_itself() -> None:
    said = ask("What is the total?", written("Total: 5,00 €"), written("Total: 7,00 €"))
    assert "Picture 1: 5,00 €" in said
    assert "Picture 2: 7,00 €" in said


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("What does the video show?", "Egyptian cat"),
        ("What is in this film?", "Egyptian cat"),
        ("Was zeigt das Video?", "Ägyptische Katze"),
    ],
)
def test_a_film_is_described_like_a_picture(question: str, name: str) -> None:
    assert name in ask(question, CAT, CAT)


GREY = Evidence(
    width_px=200,
    height_px=100,
    colours=[Colour("grey", (120, 121, 119), 0.6), Colour("black", (8, 8, 9), 0.3)],
    photo=True,
)
TINTED = Evidence(
    width_px=200,
    height_px=100,
    colours=[Colour("grey", (120, 118, 135), 0.6), Colour("black", (8, 8, 9), 0.3)],
    photo=True,
)
SCOOTER = photographed(("motor scooter", "Motorroller", 0.8))


@pytest.mark.parametrize(
    ("seen", "question", "start"),
    [
        (GREY, "Is this photo in colour?", "No"),
        (GREY, "Is it black and white?", "Yes"),
        (GREY, "Ist das Bild schwarz-weiß?", "Ja"),
        (GREY, "Ist das ein Farbfoto?", "Nein"),
        (GREY, "Is it greyscale or in colour?", "Only black, grey and white"),
        (TINTED, "Is this photo in colour?", "Yes"),
        (TINTED, "Ist das Foto in Graustufen?", "Nein"),
        (RED, "Is this a color image?", "Yes"),
        (CAT, "Is the dog black and white?", "No, I cannot find"),
    ],
)
def test_colour_is_told_from_greyscale(seen: Evidence, question: str, start: str) -> None:
    assert ask(question, seen).startswith(start)


@pytest.mark.parametrize(
    "question",
    [
        "What is the license plate?",
        "What is the brand?",
        "Wie lautet das Kennzeichen?",
        "Was ist die Seriennummer?",
        "What is the total?",
        "What is the price?",
        "What is the invoice number?",
    ],
)
def test_the_name_of_a_thing_is_no_value_that_it_bears(question: str) -> None:
    assert "scooter" not in ask(question, SCOOTER)
    assert "roller" not in ask(question, SCOOTER)


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("What is the main object?", "Motor scooter"),
        ("What vehicle is this?", "Motor scooter"),
        ("Was ist das für ein Fahrzeug?", "Motorroller"),
        ("Describe this picture in one sentence.", "motor scooter"),
        ("Describe the image briefly.", "motor scooter"),
        ("Beschreibe das Bild in einem Satz.", "Motorroller"),
        ("What’s in this image?", "It shows: motor scooter"),
        ("Write a detailed caption for this image.", "motor scooter"),
        ("Generate alt text for this image", "motor scooter"),
        ("Describe the image in 1 sentence", "motor scooter"),
        ("Analyze this image", "motor scooter"),
        ("Give a short summary of the image", "motor scooter"),
        ("You are an image captioning assistant. Caption the image.", "motor scooter"),
        ("Erstelle einen Alternativtext für dieses Bild", "Motorroller"),
    ],
)
def test_things_are_named_and_described_however_one_asks(question: str, name: str) -> None:
    assert name in ask(question, SCOOTER)


@pytest.mark.parametrize(
    "question",
    [
        "Convert this page to markdown. Do not miss any text and only output the markdown!",
        "Just return the plain text representation of this document as if you read it.",
    ],
)
def test_programs_that_want_the_text_of_a_page_get_it(question: str) -> None:
    assert ask(question, written("Dear Anna\n\nSee you soon")) == "Dear Anna\nSee you soon"


@pytest.mark.parametrize("what", ["picture", "video", "document"])
def test_what_visus_asks_for_a_model_that_cannot_see_is_understood(what: str) -> None:
    assert ask(wording(what), RED) == "Main colours: red."
    assert "motor scooter" in ask(wording(what), SCOOTER)
