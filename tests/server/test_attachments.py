"""Videos and PDFs on models that look at pictures: timed frames, and pages with their text."""

import base64
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.conftest import FAST, upstream_config
from tests.support.claims import answered, refused
from tests.support.films import (
    COLOURS,
    document,
    film,
    growing,
    pdf,
    sound,
    video,
    written,
)
from tests.support.service import Service, ask, text
from tests.support.upstream import Upstream

MODELS = """
[media.video]
max_duration_s = 8
max_frames = 20
max_bytes = 3_000_000
[media.documents]
max_pages = 6
[[models]]
id = "good-few"
provider = "scripted"
upstream_id = "good"
input_modalities = ["text", "image"]
vision = { max_images = 3, image_roles = ["user"], tokens = { formula = "qwen-pixels" } }
[[models]]
id = "good-small"
provider = "scripted"
upstream_id = "good"
input_modalities = ["text", "image"]
vision = { tokens = { formula = "openai-tiles", short_side_px = 77 } }
[[models]]
id = "good-native"
provider = "scripted"
upstream_id = "good"
input_modalities = ["text", "image"]
vision = { pdf = true }
"""


@pytest.fixture(scope="module")
def moving(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service with bounds for videos and documents that a test can reach."""
    running = Service(
        tmp_path_factory.mktemp("moving"),
        upstream_config(upstream.port, FAST, MODELS),
        SCRIPTED_KEY="sk-upstream",
    )
    for part in (video(film()), document(pdf())):  # their workers begin with the first and stay
        answered(running, running.post(ask("good", [part])))
    yield running
    running.stop()


def sent(service: Service, upstream: Upstream, part: dict[str, Any], **more: Any) -> list[Any]:
    """What the upstream got for one part: texts, and pictures."""
    answered(service, service.post(ask("good", [text("Look:"), part], **more)))
    content = upstream.last("good").body["messages"][-1]["content"]
    assert content[0] == text("Look:")
    return [
        one["text"]
        if one["type"] == "text"
        else Image.open(BytesIO(base64.b64decode(one["image_url"]["url"].partition(",")[2])))
        for one in content[1:]
    ]


def is_near(picture: Any, colour: tuple[int, ...], at: tuple[int, int] = (10, 10)) -> bool:
    seen = picture.convert("RGB").getpixel(at)
    return all(abs(a - b) < 40 for a, b in zip(seen, colour, strict=True))


@pytest.mark.parametrize("part", [video(film(seconds=3)), document(pdf(["kept"]))])
def test_what_was_made_once_is_not_made_again(moving: Service, part: dict[str, Any]) -> None:
    body = ask("good", [part], visus={"report": True})
    first, second = (answered(moving, moving.post(body))["visus"]["parts"][0] for _ in range(2))
    assert (first["cache_hit"], second["cache_hit"]) == (False, True)
    assert first["after"] == second["after"]


@pytest.mark.parametrize(
    ("part", "size"), [(video(film(seconds=1)), (103, 77)), (document(pdf()), (77, 116))]
)
def test_frames_and_pages_come_at_the_size_that_the_model_looks_at(
    moving: Service, upstream: Upstream, part: dict[str, Any], size: tuple[int, int]
) -> None:
    body = ask("good-small", [part], visus={"report": True})
    (reported,) = answered(moving, moving.post(body))["visus"]["parts"]
    (data,) = upstream.last("good").pictures()
    with Image.open(BytesIO(data)) as picture:
        assert picture.size == size
    assert (reported["after"]["width"], reported["after"]["height"]) == size
    assert reported["tokens"] == 85 + 170


# --- Videos ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("container", "codec", "label"),
    [
        ("mp4", "libx264", "video/mp4"),
        ("mov", "mpeg4", "video/quicktime"),
        ("webm", "libvpx-vp9", "video/webm"),
        ("matroska", "libx264", "application/octet-stream"),
    ],
)
def test_each_second_of_a_video_arrives_with_its_time(
    moving: Service, upstream: Upstream, container: str, codec: str, label: str
) -> None:
    first, *parts = sent(moving, upstream, video(film(container, codec), label))
    assert first.startswith("A video of 5.0")
    assert parts[::2] == [f"Frame at {second:.2f} s:" for second in range(5)]
    for frame, colour in zip(parts[1::2], COLOURS, strict=True):
        assert frame.size == (160, 120)
        assert is_near(frame, colour)


@pytest.mark.parametrize(
    ("wish", "seconds"),
    [
        ({"start": 1, "end": 3}, [1, 2]),
        ({"fps": 0.5}, [0, 2, 4]),
        ({"max_frames": 1}, [0]),
        ({"start": 3.95}, [3.9, 4.9]),
    ],
)
def test_a_request_chooses_its_frames(
    moving: Service, upstream: Upstream, wish: dict[str, float], seconds: list[float]
) -> None:
    _, *parts = sent(moving, upstream, video(film(), **wish))
    assert parts[::2] == [f"Frame at {second:.2f} s:" for second in seconds]


@pytest.mark.parametrize(("wanted", "given"), [(19, 19), (20, 20), (21, 20)])
def test_no_request_gets_more_frames_of_a_video_than_the_operator_allows(
    moving: Service, upstream: Upstream, wanted: int, given: int
) -> None:
    clip = video(film(seconds=3), fps=10, max_frames=wanted)
    _, *parts = sent(moving, upstream, clip)
    assert len(parts[1::2]) == given


def test_a_model_of_few_pictures_gets_few_frames_over_the_whole_film(
    moving: Service, upstream: Upstream
) -> None:
    body = ask("good-few", [video(film())], visus={"report": True})
    answer = answered(moving, moving.post(body))
    (part,) = answer["visus"]["parts"]
    assert (part["kind"], part["before"]["type"]) == ("video", "video/mp4")
    assert (part["before"]["frames"], part["after"]["images"]) == (50, 3)
    assert "3 frames taken" in part["steps"]
    assert part["tokens"] == 3 * 70
    assert len(upstream.last("good").pictures()) == 3


def test_a_video_in_a_tool_result_moves_with_its_times(
    moving: Service, upstream: Upstream
) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "film", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "Look."},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": [video(film(seconds=2))]},
    ]
    answered(moving, moving.post({"model": "good", "messages": messages}))
    got = upstream.last("good").body["messages"]
    assert [one["role"] for one in got] == ["user", "assistant", "tool", "user"]
    assert len(upstream.last("good").pictures()) == 2


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "invalid_video"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "invalid_video"),
        (b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n", "invalid_video"),
        (b"<?xml version='1.0'?><MPD><BaseURL>file:///etc/</BaseURL></MPD>", "invalid_video"),
        (b"GIF89a" + bytes(40), "invalid_video"),
        (b"", "invalid_video"),
        (film()[:-200], "invalid_video"),
        (film()[:40], "invalid_video"),
        (sound(), "invalid_video"),
        (film(seconds=9), "video_too_long"),
        (film() + bytes(3_000_000), "file_too_large"),
        (film(size=(4000, 2600), seconds=1, fps=1), "invalid_video"),
    ],
)
def test_what_is_no_video_that_can_be_shown_is_refused_by_its_place(
    moving: Service, upstream: Upstream, data: bytes, code: str
) -> None:
    before = len(upstream.asked)
    reply = moving.post(ask("good", [text("x"), video(data)]))
    refused(moving, reply, 400, code, "messages[0].content[1].video_url.url")
    assert len(upstream.asked) == before


def test_a_header_that_claims_a_day_is_not_believed(
    moving: Service, upstream: Upstream
) -> None:
    data = film(seconds=1)
    place = data.index(b"mvhd") + 4
    claimed = data[: place + 16] + (86_400_000).to_bytes(4) + data[place + 20 :]
    _, *parts = sent(moving, upstream, video(claimed))
    assert len(parts) == 2


def test_frames_that_change_their_size_are_shown_each_within_the_bounds(
    moving: Service, upstream: Upstream
) -> None:
    _, *parts = sent(moving, upstream, video(growing((1280, 960)), "video/webm"))
    assert [one.size for one in parts[1::2]] == [(160, 120), (768, 576)]
    for frame, colour in zip(parts[1::2], COLOURS, strict=False):
        assert is_near(frame, colour)


def test_a_frame_that_grows_over_the_limit_is_refused(moving: Service) -> None:
    reply = moving.post(ask("good", [video(growing((4000, 2600)), "video/webm")]))
    refused(moving, reply, 400, "invalid_video", "messages[0].content[0].video_url.url")


def test_a_film_that_takes_too_long_costs_its_own_request(
    upstream: Upstream, tmp_path: Path
) -> None:
    hurried = Service(
        tmp_path,
        upstream_config(upstream.port, FAST, "[media.video]\ndecode_s = 0.001\n"),
        SCRIPTED_KEY="sk-upstream",
    )
    try:
        slow = film(size=(1280, 720), fps=25, g="250", preset="ultrafast")
        reply = hurried.post(ask("good", [video(slow, start=4)]))
        refused(hurried, reply, 400, "invalid_video", "messages[0].content[0].video_url.url")
        answered(hurried, hurried.post(ask("good", [document(pdf())])))
    finally:
        hurried.stop()


# --- Documents -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["file", "input_file", "bare base64"])
def test_a_page_arrives_drawn_and_read(moving: Service, upstream: Upstream, kind: str) -> None:
    data = pdf(["Stra\xdfe 12", "Zweite Seite"])
    part = document(data, filename="brief.pdf")
    if kind == "input_file":
        part = {"type": kind, **part["file"]}
    if kind == "bare base64":
        part["file"]["file_data"] = base64.b64encode(data).decode()
    one, first, read, two, second, also = sent(moving, upstream, part)
    assert (one, two) == ("Page 1 of 2:", "Page 2 of 2:")
    assert read == "Text of page 1:\nStra\xdfe 12"
    assert also == "Text of page 2:\nZweite Seite"
    for page in (first, second):
        assert page.size == (416, 625)
        assert is_near(page, (255, 0, 0), (30, 600))
        assert is_near(page, (255, 255, 255), (400, 300))


def test_a_turned_page_is_drawn_upright(moving: Service, upstream: Upstream) -> None:
    _, page, _ = sent(moving, upstream, document(pdf(rotate=90)))
    assert page.size == (625, 416)
    assert is_near(page, (255, 0, 0), (30, 30))


def test_a_scanned_page_has_no_text(moving: Service, upstream: Upstream) -> None:
    assert len(sent(moving, upstream, document(pdf([""])))) == 2


ACTIVE = (
    "/OpenAction << /S /JavaScript /JS (app.launchURL\\('http://127.0.0.1:9/'\\)) >>"
    " /AA << /WC << /S /Launch /F (/bin/sh) >> >>"
)


def test_scripts_and_actions_in_a_document_do_nothing(
    moving: Service, upstream: Upstream
) -> None:
    assert len(sent(moving, upstream, document(pdf(extra=ACTIVE)))) == 3


def bomb() -> bytes:
    """A page whose content is a gigabyte of zeros."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(1024)) + packer.flush()
    stream = f"<< /Length {len(packed)} /Filter /FlateDecode >>\nstream\n"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 300] /Contents 4 0 R >>",
        f"{stream}BOMB\nendstream",
    ]
    return written(objects).replace(b"BOMB", packed)


CIRCLE = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [2 0 R] /Count 2000000 >>",
]
LOCKED = "/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{0}> /U <{0}> >> /ID [<00> <00>]"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"PK\x03\x04" + bytes(60), "unsupported_file_type"),
        (b"<!DOCTYPE html><html></html>", "unsupported_file_type"),
        (b"{\\rtf1}", "unsupported_file_type"),
        (b"", "invalid_file"),
        (b"%PDF-1.7\n", "invalid_file"),
        (pdf([]), "invalid_file"),
        (pdf(["x"] * 7), "invalid_file"),
        (written(CIRCLE), "invalid_file"),
        (written(CIRCLE[:1]), "invalid_file"),
        (
            written(["<< /Type /Catalog >>"], trailer=LOCKED.format("00" * 32)),
            "encrypted_file",
        ),
    ],
)
def test_what_is_no_document_that_can_be_shown_is_refused_by_its_place(
    moving: Service, upstream: Upstream, data: bytes, code: str
) -> None:
    before = len(upstream.asked)
    reply = moving.post(ask("good", [text("x"), document(data)]))
    refused(moving, reply, 400, code, "messages[0].content[1].file.file_data")
    assert len(upstream.asked) == before


def test_a_locked_document_says_nothing_of_the_next_one(moving: Service) -> None:
    locked = written(["<< /Type /Catalog >>"], trailer=LOCKED.format("00" * 32))
    where = "messages[0].content[0].file.file_data"
    for data, code in ((locked, "encrypted_file"), (written(CIRCLE), "invalid_file")):
        refused(moving, moving.post(ask("good", [document(data)])), 400, code, where)


def test_a_content_bomb_costs_one_request_an_error_or_a_page(
    moving: Service, upstream: Upstream
) -> None:
    reply = moving.post(ask("good", [document(bomb())]))
    assert reply.status in {200, 400}
    assert len(sent(moving, upstream, document(pdf()))) == 3


def test_a_document_of_more_pages_than_the_model_takes_pictures_is_refused(
    moving: Service,
) -> None:
    answered(moving, moving.post(ask("good-few", [document(pdf(["x"] * 3))])))
    reply = moving.post(ask("good-few", [document(pdf(["x"] * 4))]))
    where = "messages[0].content[0].file.file_data"
    refused(moving, reply, 400, "too_many_images", where)
    message = reply.json()["error"]["message"]
    assert "has 4 pages; at most 3 images" in message
    assert "'visus.pages', as in '1-3'" in message


NUMBERS = [str(number) for number in range(1, 7)]


@pytest.mark.parametrize(
    ("wish", "numbers"),
    [("2", [2]), ("1-3", [1, 2, 3]), ("5-", [5, 6]), ("6,1, 6-6", [1, 6]), ("5-900", [5, 6])],
)
@pytest.mark.parametrize("model", ["good-few", "good-native"])
def test_a_request_chooses_its_pages(
    moving: Service, upstream: Upstream, model: str, wish: str, numbers: list[int]
) -> None:
    body = ask(model, [document(pdf(NUMBERS))], visus={"pages": wish, "report": True})
    (part,) = answered(moving, moving.post(body))["visus"]["parts"]
    content = upstream.last("good").body["messages"][-1]["content"]
    lines = [one["text"] for one in content if one["type"] == "text"]
    assert lines[::2] == [f"Page {number} of 6:" for number in numbers]
    assert lines[1::2] == [f"Text of page {number}:\n{number}" for number in numbers]
    assert f"{len(numbers)} of 6 pages drawn" in part["steps"]
    assert "text layer added" in part["steps"]
    assert (part["before"]["frames"], part["after"]["images"]) == (6, len(numbers))


def test_the_report_claims_no_text_for_pages_that_have_none(moving: Service) -> None:
    body = ask("good-few", [document(pdf([""]))], visus={"report": True})
    (part,) = answered(moving, moving.post(body))["visus"]["parts"]
    assert "1 of 1 pages drawn" in part["steps"]
    assert "text layer added" not in part["steps"]


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ("7", "invalid_value"),
        ("1, 7-9", "invalid_value"),
        ("3-2", "invalid_value"),
        ("0", "invalid_value"),
        ("", "invalid_value"),
        ("1;2", "invalid_value"),
        ("-3", "invalid_value"),
        ("1-3,", "invalid_value"),
        ("one", "invalid_value"),
    ],
)
def test_a_choice_of_pages_that_are_not_there_is_refused(
    moving: Service, wish: str, code: str
) -> None:
    body = ask("good", [document(pdf(NUMBERS))], visus={"pages": wish})
    refused(moving, moving.post(body), 400, code, "visus.pages")


def test_more_pages_chosen_than_the_model_takes_are_refused(moving: Service) -> None:
    body = ask("good-few", [document(pdf(NUMBERS))], visus={"pages": "2-5"})
    reply = moving.post(body)
    where = "messages[0].content[0].file.file_data"
    refused(moving, reply, 400, "too_many_images", where)
    assert "6 pages, of which 4 are wanted" in reply.json()["error"]["message"]


def test_a_stored_file_serves_as_either(moving: Service, upstream: Upstream) -> None:
    ids = [moving.upload(data) for data in (film(seconds=2), pdf())]
    parts = [
        {"type": "video_url", "video_url": {"file_id": ids[0]}},
        {"type": "file", "file": {"file_id": ids[1]}},
    ]
    assert [len(sent(moving, upstream, part)) for part in parts] == [5, 3]
    where = "messages[0].content[0].file.file_id"
    absent = {"type": "file", "file": {"file_id": "file-none"}}
    refused(moving, moving.post(ask("good", [absent])), 404, "file_not_found", where)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"type": "file", "file": {"file_data": "data:text/plain;base64,AAAA"}}, "as a PDF"),
        ({"type": "video_url", "video_url": "data:image/png;base64,AAAA"}, "no video"),
    ],
    ids=lambda one: str(one)[:20],
)
def test_a_data_url_with_another_label_is_told_what_is_taken(
    moving: Service, part: dict[str, Any], words: str
) -> None:
    reply = moving.post(ask("good", [part]))
    assert reply.error()[0] == 400
    assert words in reply.json()["error"]["message"]


def test_a_stored_file_in_the_wrong_part_is_told_the_right_one(moving: Service) -> None:
    picture = BytesIO()
    Image.new("RGB", (9, 9)).save(picture, "PNG")
    found = {"image_url": picture.getvalue(), "video_url": film(seconds=1), "file": pdf()}
    ids = {kind: moving.upload(data) for kind, data in found.items()}
    for kind, code in (
        ("image_url", "invalid_image_format"),
        ("file", "unsupported_file_type"),
    ):
        for other, file_id in ids.items():
            reply = moving.post(ask("good", [{"type": kind, kind: {"file_id": file_id}}]))
            if other != kind:
                where = f"messages[0].content[0].{kind}.file_id"
                refused(moving, reply, 400, code, where)
                assert f"in a part of type '{other}'" in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ({"type": "file", "file": {"file_data": "data:application/pdf;base64,"}}, "file"),
        ({"type": "video_url", "video_url": "data:video/mp4;base64,"}, "video"),
        ({"type": "image_url", "image_url": "data:image/png;base64,"}, "image"),
    ],
    ids=lambda one: str(one)[:20],
)
def test_an_empty_file_is_refused_as_what_it_was_to_be(
    moving: Service, part: dict[str, Any], code: str
) -> None:
    reply = moving.post(ask("good", [part]))
    assert reply.error()[:2] == (400, f"invalid_{code}")


@pytest.mark.parametrize(
    ("file", "code", "param"),
    [
        ({}, "missing_required_parameter", "messages[0].content[0].file"),
        ({"file_id": "a", "file_data": "b"}, "invalid_value", "messages[0].content[0].file"),
        ({"file_data": 5}, "invalid_value", "messages[0].content[0].file.file_data"),
        ({"file_data": "@@"}, "invalid_base64", "messages[0].content[0].file.file_data"),
        (
            {"file_data": "data:image/png;base64,AAAA"},
            "unsupported_file_type",
            "messages[0].content[0].file.file_data",
        ),
        (
            {"file_url": "http://127.0.0.1:9/x.pdf"},
            "invalid_file_url",
            "messages[0].content[0].file.file_url",
        ),
        (
            {"file_url": "file:///etc/passwd"},
            "invalid_file_url",
            "messages[0].content[0].file.file_url",
        ),
    ],
)
def test_a_file_part_that_makes_no_sense_is_refused(
    moving: Service, file: dict[str, Any], code: str, param: str
) -> None:
    reply = moving.post(ask("good", [{"type": "file", "file": file}]))
    refused(moving, reply, 400, code, param)


@pytest.mark.parametrize(
    ("part", "form"),
    [
        ({"type": "video_url", "video_url": {"url": "data:video/mp4,x"}}, "data:video/..."),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf,x"}},
            "data:application/pdf",
        ),
    ],
)
def test_a_data_url_that_is_not_base64_is_refused_with_the_form_of_its_kind(
    moving: Service, part: dict[str, Any], form: str
) -> None:
    reply = moving.post(ask("good", [part]))
    (kind,) = set(part) - {"type"}
    (field,) = part[kind]
    refused(moving, reply, 400, "invalid_value", f"messages[0].content[0].{kind}.{field}")
    assert f"{form};base64,..." in reply.json()["error"]["message"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x.mp4", "file:///x.mp4", "http://["])
def test_a_video_that_cannot_be_fetched_is_refused_by_its_place(
    moving: Service, url: str
) -> None:
    for film_url in ({"url": url}, url):
        reply = moving.post(ask("good", [{"type": "video_url", "video_url": film_url}]))
        where = "messages[0].content[0].video_url"
        place = where if film_url is url else f"{where}.url"
        refused(moving, reply, 400, "invalid_video_url", place)


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        ({"fps": 0}, "fps"),
        ({"fps": 61}, "fps"),
        ({"start": -1}, "start"),
        ({"start": 3, "end": 3}, "end"),
        ({"max_frames": 0}, "max_frames"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(
    moving: Service, wish: dict[str, float], param: str
) -> None:
    reply = moving.post(ask("good", [video(b"", **wish)]))
    refused(moving, reply, 400, "invalid_value", f"messages[0].content[0].video_url.{param}")
