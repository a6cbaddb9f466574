"""Videos and PDFs on models that take them as they are, and when those get pictures instead."""

import base64
import hashlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import av
import numpy as np
import pytest
from tests.conftest import FAST, upstream_config
from tests.support.claims import answered, refused
from tests.support.films import SECRETS, bare, described, document, film, pdf, url_of, video
from tests.support.service import Service, ask
from tests.support.upstream import Upstream

FILM = bare()
LARGE = film(size=(640, 480)) + (40_008).to_bytes(4, "big") + b"free" + bytes(40_000)
SMALL_BYTES = 20_000
"""Of a whole request to the small model: less than the large film, and than its frames."""
MODELS = """
[[models]]
id = "whole"
provider = "scripted"
upstream_id = "good"
input_modalities = ["text", "image"]
[models.vision]
video = true
video_formats = ["video/mp4"]
video_tokens = { formula = "gemini-video" }
pdf = true
pdf_page_tokens = 258
tokens = { formula = "gemini-tiles" }
[[models]]
id = "sampling"
provider = "scripted"
upstream_id = "good"
input_modalities = ["text", "image"]
vision = { video = true, video_sampling = true, video_tokens = { formula = "qwen-video" } }
[[models]]
id = "small"
provider = "scripted"
upstream_id = "good"
input_modalities = ["text", "image"]
vision = { video = true, pdf = true, max_inline_bytes = {bytes} }
"""


@pytest.fixture(scope="module")
def native(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service with models that take videos and documents."""
    models = MODELS.replace("{bytes}", str(SMALL_BYTES))
    running = Service(
        tmp_path_factory.mktemp("native"),
        upstream_config(upstream.port, FAST, models),
        SCRIPTED_KEY="sk-upstream",
    )
    for part in (video(FILM), document(pdf())):  # their workers begin with the first and stay
        answered(running, running.post(ask("whole", [part])))
    yield running
    running.stop()


def arrived(upstream: Upstream) -> list[dict[str, Any]]:
    """The parts that the upstream got, last time."""
    content = upstream.last("good").body["messages"][-1]["content"]
    assert isinstance(content, list)
    return content


def kinds(upstream: Upstream) -> list[str]:
    return [part["type"] for part in arrived(upstream)]


def why_not(service: Service, body: dict[str, Any]) -> str:
    """What the report says of why the only part did not travel as it is."""
    asked = {**body, "visus": {**body.get("visus", {}), "report": True}}
    (part,) = answered(service, service.post(asked))["visus"]["parts"]
    before, _, why = part["steps"][0].partition(": ")
    assert before == "not sent as it is"
    return str(why)


def test_a_video_arrives_as_the_file_that_it_is(native: Service, upstream: Upstream) -> None:
    body = ask("whole", [video(FILM)], visus={"report": True})
    (part,) = answered(native, native.post(body))["visus"]["parts"]
    (got,) = arrived(upstream)
    assert got["video_url"].keys() == {"url"}
    data = base64.b64decode(got["video_url"]["url"].partition(",")[2])
    assert hashlib.sha256(data).digest() == hashlib.sha256(FILM).digest()
    assert part["kind"] == "video"
    assert part["steps"] == []
    assert part["after"]["type"] == "video/mp4"
    assert part["after"]["bytes"] == part["before"]["bytes"] == len(FILM)
    assert part["after"]["images"] == 0
    assert part["tokens"] == 5 * 258


@pytest.mark.parametrize("place", ["inline", "stored"])
def test_a_video_arrives_without_what_it_says_of_its_maker(
    native: Service, upstream: Upstream, place: str
) -> None:
    data = described("mp4", "libx264", movflags="use_metadata_tags")
    sent = video(data)
    if place == "stored":
        sent = {"type": "video_url", "video_url": {"file_id": native.upload(data)}}
    body = ask("whole", [sent], visus={"report": True})
    (part,) = answered(native, native.post(body))["visus"]["parts"]
    (got,) = arrived(upstream)
    clean = base64.b64decode(got["video_url"]["url"].partition(",")[2])
    assert not [secret for secret in SECRETS if secret.encode() in clean]
    with av.open(BytesIO(clean)) as after, av.open(BytesIO(data)) as before:
        frames = [
            [one.to_ndarray() for one in film.decode(video=0)] for film in (after, before)
        ]
    assert np.array_equal(*frames)
    assert part["steps"] == ["metadata removed"]
    assert part["after"]["bytes"] == part["before"]["bytes"] == len(data)
    assert part["tokens"] == 2 * 258 + 2 * 32  # with sound


def test_a_video_whose_metadata_nobody_can_find_becomes_frames(
    native: Service, upstream: Upstream
) -> None:
    data = FILM + (4).to_bytes(4) + b"udta" + SECRETS[0].encode()
    body = ask("whole", [video(data)], visus={"report": True})
    (part,) = answered(native, native.post(body))["visus"]["parts"]
    assert part["steps"][:3] == [
        "not sent as it is: its metadata cannot be removed",
        "decoded",
        "5 frames taken",
    ]
    assert set(kinds(upstream)) == {"text", "image_url"}


def test_a_document_arrives_with_its_name(native: Service, upstream: Upstream) -> None:
    pages = pdf(["one", "two"])
    body = ask("whole", [document(pages, filename="bill.pdf")], visus={"report": True})
    (part,) = answered(native, native.post(body))["visus"]["parts"]
    (got,) = arrived(upstream)
    assert got["file"] == {
        "filename": "bill.pdf",
        "file_data": url_of(pages, "application/pdf"),
    }
    assert (part["before"]["frames"], part["tokens"]) == (2, 2 * 258)


@pytest.mark.parametrize("wish", [{"fps": 2}, {"start": 1}, {"end": 2}, {"max_frames": 2}])
def test_a_wish_that_the_server_would_not_heed_is_met_with_frames(
    native: Service, upstream: Upstream, wish: dict[str, float]
) -> None:
    said = why_not(native, ask("whole", [video(FILM, **wish)]))
    assert said == f"the model's server would not heed {', '.join(wish)}"
    assert "image_url" in kinds(upstream)
    assert "video_url" not in kinds(upstream)


def test_a_server_that_heeds_wishes_gets_them(native: Service, upstream: Upstream) -> None:
    wishes = {"fps": 2, "start": 1, "end": 3, "max_frames": 4}
    body = ask("sampling", [video(FILM, **wishes)], visus={"report": True})
    (part,) = answered(native, native.post(body))["visus"]["parts"]
    (got,) = arrived(upstream)
    assert got["video_url"] == {"url": url_of(FILM), **wishes}
    assert part["tokens"] == (4 // 2) * (160 // 32) * (128 // 32)


def test_a_bound_on_tokens_is_met_with_pictures(native: Service, upstream: Upstream) -> None:
    for part in (video(FILM), document(pdf())):
        body = ask("whole", [part], visus={"max_tokens_per_image": 258})
        assert why_not(native, body) == "max_tokens_per_image bounds pictures alone"
        assert set(kinds(upstream)) == {"text", "image_url"}


def test_a_container_that_the_server_does_not_read_becomes_frames(
    native: Service, upstream: Upstream
) -> None:
    said = why_not(native, ask("whole", [video(film("webm", "libvpx-vp9"))]))
    assert said == "the model takes no video/webm"
    assert "image_url" in kinds(upstream)


def test_a_model_without_films_and_documents_is_told_of(native: Service) -> None:
    assert why_not(native, ask("good", [video(FILM)])) == "the model takes no video"
    assert why_not(native, ask("good", [document(pdf())])) == "the model takes no PDF"


def test_pages_are_chosen_from_pictures(native: Service) -> None:
    body = ask("whole", [document(pdf(["one", "two"]))], visus={"pages": "2"})
    assert why_not(native, body) == "pages were chosen"


def test_a_file_too_large_for_the_server_becomes_small_enough_pictures(
    native: Service, upstream: Upstream
) -> None:
    said = why_not(native, ask("small", [video(LARGE)]))
    assert said == "it is too large for the model's server"
    urls = [one["image_url"]["url"] for one in arrived(upstream) if one["type"] == "image_url"]
    assert urls
    assert sum(len(url.partition(",")[2]) for url in urls) <= SMALL_BYTES < len(LARGE)


@pytest.mark.parametrize(
    ("part", "code"),
    [
        (video(FILM[:-200]), "invalid_video"),
        (video(FILM, start=9), "invalid_video"),
        (document(pdf()[:40]), "invalid_file"),
    ],
)
def test_what_cannot_be_opened_is_refused_before_the_server_sees_it(
    native: Service, upstream: Upstream, part: dict[str, Any], code: str
) -> None:
    before = len(upstream.asked)
    reply = native.post(ask("sampling" if code == "invalid_video" else "whole", [part]))
    place = "video_url.url" if part["type"] == "video_url" else "file.file_data"
    refused(native, reply, 400, code, f"messages[0].content[0].{place}")
    assert len(upstream.asked) == before
