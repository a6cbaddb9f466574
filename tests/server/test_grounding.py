"""Boxes in pixels of the caller's picture, whatever became of it on its way to the model."""

import base64
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image, ImageDraw
from tests.conftest import FAST
from tests.support.claims import answered, refused, text_of
from tests.support.films import document, film, pdf, video
from tests.support.service import Reply, Service, ask, picture, text
from tests.support.upstream import Upstream

PIXELS = {"boxes": "pixels"}
RED = (120, 300, 900, 560)
"""Where the red is in the picture as it is shown."""


@pytest.fixture(scope="module")
def pointing(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with a model for each way to write boxes."""
    formula = 'formula = "qwen-pixels"'
    squares = f"tokens = {{ {formula}, side_px = 28, min_tokens = 4 }}"
    rows = {
        "y-first": ("red_y_first", 'boxes = "normalised-1000-yx"\nmax_pixels = 300_000'),
        "x-first": (
            "red_in_thousandths",
            f'boxes = "normalised-1000-xy"\ntokens = {{ {formula}, max_tokens = 400 }}',
        ),
        "resized": (
            "red_in_squares",
            'boxes = "resized-pixels"\nmax_pixels = 500_000\n' + squares,
        ),
        "parrot": ("parrot", 'boxes = "normalised-1000-xy"'),
        "whole": ("parrot", 'boxes = "normalised-1000-xy"\nvideo = true'),
        "two": ("two_choices", 'boxes = "normalised-1000-xy"'),
        "calling": ("calls_with_it", 'boxes = "normalised-1000-xy"'),
        "forgetful": ("by_turns", 'boxes = "normalised-1000-xy"'),
        "resizing-whole": ("parrot", 'boxes = "resized-pixels"\nvideo = true'),
        "boxless": ("parrot", ""),
    }
    models = "".join(
        f'[[models]]\nid = "{name}"\nprovider = "scripted"\nupstream_id = "{behaviour}"\n'
        f'input_modalities = ["text", "image"]\nstructured_output = "none"\n'
        f"[models.vision]\n{vision}\n"
        for name, (behaviour, vision) in rows.items()
    )
    config = f"""{FAST}
[[providers]]
name = "scripted"
dialect = "openai"
base_url = "http://127.0.0.1:{upstream.port}/v1"
{models}"""
    running = Service(tmp_path_factory.mktemp("pointing"), config)
    yield running
    running.stop()


@pytest.fixture
def warm(pointing: Service) -> Service:
    """The workers for films, papers and forms begin with the first of them, and stay."""
    for part in (video(film()), document(pdf())):
        answered(pointing, pointing.post(ask("boxless", [text("Hello"), part])))
    form = {"response_format": {"type": "json_object"}}
    answered(pointing, pointing.post(ask("forgetful", '["{}"]', **form)))
    return pointing


def drawn(
    size: tuple[int, int] = (1600, 1000), *, orientation: int = 1, kind: str = "JPEG"
) -> str:
    """A picture with red at `RED` when it is shown, stored as `orientation` says."""
    shown = Image.new("RGB", size, "white")
    ImageDraw.Draw(shown).rectangle((RED[0], RED[1], RED[2] - 1, RED[3] - 1), "red")
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = shown.transpose(turns[orientation]) if orientation > 1 else shown
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    stored.save(file, kind, exif=exif, **({"quality": 95} if kind == "JPEG" else {}))
    data = base64.b64encode(file.getvalue()).decode()
    return f"data:image/{kind.lower()};base64,{data}"


def said(reply: Reply) -> str:
    return reply.json()["choices"][0]["message"]["content"]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("model", "key", "off_by"), [("y-first", "box_2d", 3), ("x-first", "bbox_2d", 3),
                                ("resized", "bbox_2d", 4)]
)  # fmt: skip
def test_boxes_are_where_the_caller_sees_them(
    pointing: Service, model: str, key: str, off_by: int, orientation: int
) -> None:
    question = [text("Where is the red?"), picture(drawn(orientation=orientation))]
    reply = pointing.post(ask(model, question, visus=PIXELS))
    body = answered(pointing, reply)
    box = json.loads(said(reply))[0][key]
    assert all(abs(a - b) <= off_by for a, b in zip(box, RED, strict=True)), box
    assert body["visus"]["boxes"] == {
        "unit": "pixels", "converted": 1, "left": 0, "width": 1600, "height": 1000,
        "pictures": ["messages[0].content[1]"],
    }  # fmt: skip


def test_without_the_wish_boxes_are_the_models_own(pointing: Service) -> None:
    words = '{"bbox": [100, 200, 300, 400]}'
    reply = pointing.post(ask("parrot", [text(words), picture(drawn())]))
    assert said(reply) == words
    assert "visus" not in reply.json()


BOXES = (
    'Two of them: ```json\n[{"bbox_2d": [100, 200, 300, 400]}, {"bbox_2d": [0,0,9.5,1]}]\n```'
)
IN_PIXELS = (
    'Two of them: ```json\n[{"bbox_2d": [160, 200, 480, 400]}, {"bbox_2d": [0,0,15,1]}]\n```'
)


def test_a_stream_says_what_the_whole_answer_says(pointing: Service) -> None:
    question = ask("parrot", [text(BOXES), picture(drawn())], visus=PIXELS)
    reply = pointing.post(question)
    assert said(reply) == IN_PIXELS
    streamed = pointing.post({**question, "stream": True})
    answered(pointing, streamed)
    *chunks, last, _ = streamed.events()
    assert text_of(chunks) == IN_PIXELS
    assert len([one for one in chunks if text_of([one])]) > 5
    assert last["choices"] == []
    assert last["visus"]["boxes"] == reply.json()["visus"]["boxes"]
    assert last["visus"]["boxes"]["converted"] == 2


def test_usage_and_report_stand_beside_the_boxes(pointing: Service) -> None:
    question = ask(
        "parrot", [text(BOXES), picture(drawn())], visus={**PIXELS, "report": True},
        stream=True, stream_options={"include_usage": True},
    )  # fmt: skip
    *_, last, done = pointing.post(question).events()
    assert done == "[DONE]"
    assert last["usage"]["prompt_tokens"] == 812
    assert set(last["visus"]) == {"parts", "boxes"}


@pytest.mark.parametrize("streamed", [False, True])
def test_a_repaired_answer_has_its_boxes_in_pixels(warm: Service, *, streamed: bool) -> None:
    answers = json.dumps(["Here it is!", '{"bbox": [100, 200, 300, 400]}'])
    wish = {"response_format": {"type": "json_object"}, "visus": PIXELS, "stream": streamed}
    reply = warm.post(ask("forgetful", [text(answers), picture(drawn())], **wish))
    answer = text_of(reply.events()[:-2]) if streamed else said(reply)
    assert json.loads(answer) == {"bbox": [160, 200, 480, 400]}
    last = reply.events()[-2] if streamed else reply.json()
    assert last["visus"]["boxes"]["converted"] == 1


TOOL = {"type": "function", "function": {"name": "crop", "parameters": {"type": "object"}}}


@pytest.mark.parametrize("streamed", [False, True])
def test_boxes_in_the_arguments_of_a_call_are_in_pixels_too(
    pointing: Service, *, streamed: bool
) -> None:
    question = [text('{"bbox": [100, 200, 300, 400]}'), picture(drawn())]
    reply = pointing.post(ask("calling", question, tools=[TOOL], visus=PIXELS, stream=streamed))
    if streamed:
        deltas = [one["choices"][0]["delta"] for one in reply.events()[:-2]]
        calls = [one["tool_calls"][0] for one in deltas if "tool_calls" in one]
        arguments = "".join(call["function"]["arguments"] for call in calls)
        assert (calls[0]["id"], calls[0]["function"]["name"]) == ("call_1", "crop")
    else:
        (call,) = reply.json()["choices"][0]["message"]["tool_calls"]
        arguments = call["function"]["arguments"]
    assert json.loads(arguments) == {"bbox": [160, 200, 480, 400]}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    "words", ["No box here.", '{"a": [1, 2, 3, 4], "bbo', 'Bö"x": ["bbox"']
)
def test_a_text_without_boxes_is_the_same_to_the_byte(
    pointing: Service, words: str, *, streamed: bool
) -> None:
    question = ask("parrot", [text(words), picture(drawn())], visus=PIXELS, stream=streamed)
    reply = pointing.post(question)
    assert (text_of(reply.events()[:-2]) if streamed else said(reply)) == words


def test_without_a_picture_boxes_stay_and_are_counted(pointing: Service) -> None:
    reply = pointing.post(ask("parrot", BOXES, visus=PIXELS))
    assert said(reply) == BOXES
    assert reply.json()["visus"]["boxes"] == {
        "unit": "pixels", "converted": 0, "left": 2, "pictures": [], "width": None,
        "height": None,
    }  # fmt: skip


# --- Which picture ---------------------------------------------------------------------------


def turns(*contents: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content} for content in contents]


def test_the_last_message_with_pictures_decides(pointing: Service) -> None:
    messages = turns(
        [picture(drawn((2000, 2000)))],
        [text("And here?"), picture(drawn((1000, 1000)))],
        '{"bbox": [100, 100, 500, 500]}',
    )
    body = answered(
        pointing, pointing.post({"model": "parrot", "messages": messages, "visus": PIXELS})
    )
    assert body["choices"][0]["message"]["content"] == '{"bbox": [100, 100, 500, 500]}'
    assert body["visus"]["boxes"]["pictures"] == ["messages[1].content[1]"]


def test_pictures_of_one_size_need_no_telling_apart(pointing: Service) -> None:
    pictures = [picture(drawn((2000, 1000))), picture(drawn((1000, 2000), orientation=6))]
    refusal = pointing.post(ask("parrot", [text(BOXES), *pictures], visus=PIXELS))
    refused(pointing, refusal, 400, "invalid_value", "visus.boxes")
    alike = [picture(drawn((2000, 1000))), picture(drawn((2000, 1000), orientation=6))]
    body = answered(pointing, pointing.post(ask("parrot", [text(BOXES), *alike], visus=PIXELS)))
    assert body["visus"]["boxes"]["converted"] == 2
    assert len(body["visus"]["boxes"]["pictures"]) == 2


@pytest.mark.parametrize("model", ["boxless"])
def test_a_model_whose_boxes_nobody_knows_is_refused(pointing: Service, model: str) -> None:
    reply = pointing.post(ask(model, [text(BOXES), picture(drawn())], visus=PIXELS))
    refused(pointing, reply, 400, "unsupported_parameter", "visus.boxes")


def test_another_unit_is_refused(pointing: Service) -> None:
    reply = pointing.post(ask("parrot", visus={"boxes": "inches"}))
    refused(pointing, reply, 400, "invalid_value", "visus.boxes")


def tiff_of_two_pages() -> str:
    file = io.BytesIO()
    pages = [Image.new("RGB", (side, 60), "red") for side in (80, 90)]
    pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:])
    return "data:image/tiff;base64," + base64.b64encode(file.getvalue()).decode()


def test_pages_have_no_pixels_that_a_box_could_be_in(pointing: Service) -> None:
    wish = {**PIXELS, "frames": 2}
    question = [text(BOXES), picture(tiff_of_two_pages())]
    reply = pointing.post(ask("parrot", question, visus=wish))
    refused(pointing, reply, 400, "invalid_value", "visus.boxes")
    body = answered(pointing, pointing.post(ask("parrot", question, visus=PIXELS)))
    assert (body["visus"]["boxes"]["width"], body["visus"]["boxes"]["height"]) == (80, 60)


def test_boxes_in_a_film_are_in_pixels_of_its_frames(warm: Service) -> None:
    question = [video(film(size=(320, 200))), text(BOXES)]
    for model in ("parrot", "whole"):
        boxes = answered(warm, warm.post(ask(model, question, visus=PIXELS)))["visus"]["boxes"]
        assert (boxes["converted"], boxes["width"], boxes["height"]) == (2, 320, 200)


@pytest.mark.parametrize(
    ("model", "part"), [("parrot", document(pdf())), ("resizing-whole", video(film()))]
)
def test_a_file_without_pixels_that_anybody_knows_is_refused(
    warm: Service, model: str, part: dict[str, Any]
) -> None:
    reply = warm.post(ask(model, [text(BOXES), part], visus=PIXELS))
    refused(warm, reply, 400, "invalid_value", "visus.boxes")


def test_two_choices_are_rewritten_each_by_itself(pointing: Service) -> None:
    events = pointing.post(
        ask("two", [text("?"), picture(drawn())], visus=PIXELS, stream=True)
    ).events()
    assert [text_of(events[:-2], choice) for choice in (0, 1)] == ["answer 0", "answer 1"]
    assert events[-2]["visus"]["boxes"]["converted"] == 0
