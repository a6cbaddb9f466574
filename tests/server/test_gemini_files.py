"""Media that are too large for a request to Gemini: uploaded, used again, deleted."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import OpenAI
from tests.conftest import FAST
from tests.support.claims import answered, refused
from tests.support.films import bare, document, film, pdf, video
from tests.support.gemini_upstream import (
    ELSEWHERE,
    NEVER_READY,
    SOON_GONE,
    UNREADABLE,
    GeminiServer,
    StoredFile,
)
from tests.support.service import Service, ask, text

from visus.accounts.database import open_database
from visus.accounts.keys import KeyBook

CONFIG = """
[[providers]]
name = "studio"
dialect = "gemini"
base_url = "http://127.0.0.1:{port}/v1beta"
api_key_env = "SCRIPTED_KEY"
api_key_header = "x-goog-api-key"
[providers.options]
max_inline_bytes = 20_000
files = { enabled = true, poll_s = 0.05, deadline_s = 2, keep_s = {keep} }
[[providers]]
name = "vertex"
dialect = "gemini"
base_url = "http://127.0.0.1:{port}/v1/projects/p1/locations/europe-west4/publishers/google"
region = "europe-west4"
country = "NL"
[providers.options]
api_key_file = "{key_file}"
max_inline_bytes = 20_000
max_file_bytes = 60_000
[[models]]
id = "good"
provider = "studio"
input_modalities = ["text", "image", "video", "file"]
vision = { {sees} }
[[models]]
id = "by-vertex"
provider = "vertex"
upstream_id = "good"
input_modalities = ["text", "image", "video", "file"]
vision = { {sees} }
[[models]]
id = "paced"
provider = "studio"
input_modalities = ["text", "image", "video", "file"]
vision = { {sees} }
"""
SEES = (
    "max_inline_bytes = 20_000, max_upload_bytes = 1_000_000, video = true, pdf = true,"
    ' video_sampling = ["fps", "start", "end"], image_roles = ["user"]'
)


def configured(house: GeminiServer, folder: Path, *, keep_s: float) -> Service:
    (folder / "token").write_text(f"{house.token}\n")
    config = (
        CONFIG.replace("{sees}", SEES)
        .replace("{port}", str(house.port))
        .replace("{keep}", str(keep_s))
    )
    config = config.replace("{key_file}", str(folder / "token"))
    running = Service(folder, FAST + config, SCRIPTED_KEY=house.key)
    for part in (video(bare()), document(pdf())):  # their workers begin with the first and stay
        answered(running, running.post(ask("good", [part])))
    return running


@pytest.fixture(scope="module")
def lending(house: GeminiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that keeps its uploads."""
    running = configured(house, tmp_path_factory.mktemp("lending"), keep_s=600)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def tidy(house: GeminiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that deletes them with the answer."""
    running = configured(house, tmp_path_factory.mktemp("tidy"), keep_s=0)
    yield running
    running.stop()


_SIZES = iter(range(40_000, 60_000, 1000))


def papers(ending: int = 0) -> bytes:
    """A document of some 40 kB, unlike all others, whose size ends in these digits."""
    begun = pdf(["one"])
    size = next(_SIZES) + ending
    return begun + b"\n%" + b"x" * (size - len(begun) - 2)


def asking(model: str, data: bytes, **more: Any) -> dict[str, Any]:
    return ask(model, [text("What is it?"), document(data)], **more)


def stored(house: GeminiServer, data: bytes) -> list[StoredFile]:
    return [one for one in house.files.values() if one.data == data]


def until(holds: Callable[[], object]) -> None:
    end_s = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < end_s
        time.sleep(0.02)


def uploads(house: GeminiServer) -> int:
    return sum(one.path == "/upload/v1beta/files" for one in house.asked)


def test_a_large_document_travels_beside_the_request(
    lending: Service, house: GeminiServer
) -> None:
    data = papers()
    answered(lending, lending.post(asking("good", data)))
    (file,) = stored(house, data)
    first, second = house.last("good").body["contents"][0]["parts"]
    assert first == {"text": "What is it?"}
    assert second == {"fileData": {"mimeType": "application/pdf", "fileUri": file.uri}}
    assert file.looks == 2  # it was not ready at once


def test_a_small_one_travels_inside(lending: Service, house: GeminiServer) -> None:
    before = uploads(house)
    answered(lending, lending.post(asking("good", pdf(["two"]))))
    (_, part) = house.last("good").body["contents"][0]["parts"]
    assert part["inlineData"]["mimeType"] == "application/pdf"
    assert uploads(house) == before


def test_of_several_only_the_largest_is_uploaded(lending: Service, house: GeminiServer) -> None:
    data = papers()
    parts = [document(pdf(["three"])), document(data), document(pdf(["four"]))]
    answered(lending, lending.post(ask("good", parts)))
    got = [list(part) for part in house.last("good").body["contents"][0]["parts"]]
    assert got == [["inlineData"], ["fileData"], ["inlineData"]]


def test_a_large_film_keeps_its_wishes(lending: Service, house: GeminiServer) -> None:
    large = film(size=(640, 480)) + (40_008).to_bytes(4, "big") + b"free" + bytes(40_000)
    wishes = {"fps": 2, "start": 1, "end": 2.5}
    answered(lending, lending.post(ask("good", [video(large, **wishes)])))
    (part,) = house.last("good").body["contents"][0]["parts"]
    assert part["fileData"]["mimeType"] == "video/mp4"
    assert part["videoMetadata"] == {"fps": 2, "startOffset": "1s", "endOffset": "2.5s"}


def test_small_films_keep_theirs_too_and_a_rate_beyond_the_server_is_refused(
    lending: Service, house: GeminiServer
) -> None:
    answered(lending, lending.post(ask("good", [video(bare(), fps=24, start=0.25)])))
    (part,) = house.last("good").body["contents"][0]["parts"]
    assert part["inlineData"]["mimeType"] == "video/mp4"
    assert part["videoMetadata"] == {"fps": 24, "startOffset": "0.25s"}
    reply = lending.post(ask("good", [video(bare(), fps=25)]))
    refused(lending, reply, 400, "invalid_value", "messages[0].content[0].video_url.fps")


def test_the_same_file_of_the_same_caller_is_uploaded_once(
    lending: Service, house: GeminiServer
) -> None:
    data = papers()
    before = uploads(house)
    with ThreadPoolExecutor(4) as threads:
        replies = list(threads.map(lambda _: lending.post(asking("good", data)), range(4)))
    for reply in replies:
        answered(lending, reply)
    (file,) = stored(house, data)
    assert (file.uses, uploads(house) - before) == (4, 1)


def test_nobody_is_served_from_what_somebody_else_sent(
    lending: Service, house: GeminiServer
) -> None:
    data = papers()
    engine = open_database(lending.folder / "state" / "visus.db")
    try:
        stranger = KeyBook(engine).create("a stranger")[1]
    finally:
        engine.dispose()
    answered(lending, lending.post(asking("good", data)))
    reply = lending.post(asking("good", data), Authorization=f"Bearer {stranger}")
    answered(lending, reply)
    assert [one.uses for one in stored(house, data)] == [1, 1]


def test_a_file_that_soon_ends_is_uploaded_again(lending: Service, house: GeminiServer) -> None:
    data = papers(SOON_GONE)
    answered(lending, lending.post(asking("good", data)))
    (first,) = stored(house, data)
    answered(lending, lending.post(asking("good", data)))
    until(lambda: first.name not in house.files)
    assert [one.uses for one in (first, *stored(house, data))] == [1, 1]


def test_a_file_that_is_gone_is_an_upstream_fault_and_then_uploaded_again(
    lending: Service, house: GeminiServer
) -> None:
    data = papers()
    answered(lending, lending.post(asking("good", data)))
    (file,) = stored(house, data)
    del house.files[file.name]
    refused(lending, lending.post(asking("good", data)), 502, "upstream_bad_response")
    answered(lending, lending.post(asking("good", data)))
    assert len(stored(house, data)) == 1


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        (NEVER_READY, (504, "upstream_timeout", None)),
        (UNREADABLE, (400, "invalid_file", "messages[0].content[1].file.file_data")),
        (ELSEWHERE, (502, "upstream_bad_response", None)),
    ],
)
def test_an_upload_that_fails_is_told_and_deleted(
    tidy: Service, house: GeminiServer, ending: int, told: tuple[int, str, str | None]
) -> None:
    data = papers(ending)
    before = len(house.asked)
    refused(tidy, tidy.post(asking("good", data)), *told)
    until(lambda: any(one.method == "DELETE" for one in house.asked[before:]))
    assert not stored(house, data)
    assert not [one for one in house.asked[before:] if "generateContent" in one.path]


def test_an_upload_is_deleted_with_the_answer_where_that_is_wanted(
    tidy: Service, house: GeminiServer
) -> None:
    data = papers()
    answered(tidy, tidy.post(asking("good", data)))
    until(lambda: not stored(house, data))


def test_an_upload_is_deleted_when_its_caller_hangs_up(
    tidy: Service, house: GeminiServer
) -> None:
    data = papers()
    with OpenAI(base_url=tidy.url, api_key=tidy.key, max_retries=0) as client:
        stream = client.chat.completions.create(**asking("paced", data), stream=True)
        next(iter(stream))
        assert stored(house, data)
        stream.close()
    until(lambda: not stored(house, data))


def test_an_upload_is_deleted_when_its_caller_hangs_up_during_it(
    tidy: Service, house: GeminiServer
) -> None:
    data = papers(NEVER_READY)
    headers = {"Authorization": f"Bearer {tidy.key}"}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{tidy.url}/chat/completions",
            json=asking("good", data),
            headers=headers,
            timeout=1,
        )
    until(lambda: not stored(house, data))


def test_an_upload_is_deleted_when_another_caller_waits_for_it_and_begins_anew(
    tidy: Service, house: GeminiServer
) -> None:
    data = papers(NEVER_READY)
    before = uploads(house)

    def hangs_up() -> None:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(
                f"{tidy.url}/chat/completions",
                json=asking("good", data),
                headers={"Authorization": f"Bearer {tidy.key}"},
                timeout=1,
            )

    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(hangs_up)
        until(lambda: uploads(house) > before)
        refused(tidy, tidy.post(asking("good", data)), 504, "upstream_timeout")
        first.result()
    assert uploads(house) - before == 2
    until(lambda: not stored(house, data))


def test_what_is_kept_is_deleted_when_the_service_ends(
    house: GeminiServer, tmp_path: Path
) -> None:
    running = configured(house, tmp_path, keep_s=600)
    data = papers()
    answered(running, running.post(asking("good", data)))
    assert stored(house, data)
    assert running.stop() == 0
    assert not stored(house, data)


def test_no_upload_leaves_the_place_that_is_demanded(
    lending: Service, house: GeminiServer
) -> None:
    before = len(house.asked)
    reply = lending.post(asking("good", papers(), visus={"residency": "eu"}))
    refused(lending, reply, 400, "residency_unavailable", "visus.residency")
    assert len(house.asked) == before


@pytest.mark.parametrize("size", [45_000, 61_000])
def test_without_a_files_api_what_does_not_fit_is_refused_by_its_place(
    lending: Service, house: GeminiServer, size: int
) -> None:
    begun = pdf(["one"])
    data = begun + b"\n%" + b"y" * (size - len(begun) - 2)
    before = len(house.asked)
    reply = lending.post(asking("by-vertex", data))
    refused(lending, reply, 400, "file_too_large", "messages[0].content[1].file.file_data")
    assert len(house.asked) == before


def test_a_token_in_a_file_is_read_again_when_it_changes(
    tidy: Service, house: GeminiServer
) -> None:
    token = tidy.folder / "token"
    answered(tidy, tidy.post(ask("by-vertex")))
    token.write_text("ya29.ended")
    refused(tidy, tidy.post(ask("by-vertex")), 502, "upstream_auth_failed")
    token.unlink()
    refused(tidy, tidy.post(ask("by-vertex")), 502, "upstream_auth_failed")
    token.write_text(house.token)
    answered(tidy, tidy.post(ask("by-vertex")))
