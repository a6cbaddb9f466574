"""Awkward PDFs of other projects: drawn right, or refused for the right reason."""

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat
from tests.support.claims import answered, refused
from tests.support.films import document, pdf
from tests.support.service import Service, ask
from tests.support.upstream import Upstream

FILES = sorted((Path(__file__).parents[1] / "files" / "pdf").glob("*.pdf"))
LOCKED = {
    *(f"r{revision}-user-password" for revision in (2, 3, 5, 6)),
    *("r4-user-password", "r4-aes-user-password", "r6-both-passwords"),
    "r6-cleartext-metadata",
}
"""What nobody can read without the password."""
PAGES = {
    "badlin1": 30,
    "content-stream-errors": 4,
    "encrypted_doc_no_id": 3,
}
"""Of those with more than one."""
BLANK = "cyclic-toc"
"""The one with nothing on its page."""
SAME = [file for file in FILES if file.stem[:1] == "r" and file.stem not in LOCKED]
"""Other ways to store one page."""


@pytest.fixture(scope="module", autouse=True)
def with_a_worker(service: Service) -> None:
    """The worker for documents begins with the first and stays."""
    answered(service, service.post(ask("good", [document(pdf())])))


def shown(service: Service, upstream: Upstream, file: Path) -> tuple[list[Any], list[str]]:
    """The pages that the upstream got, and their text layers."""
    answered(service, service.post(ask("good", [document(file.read_bytes())])))
    content = upstream.last("good").body["messages"][-1]["content"]
    pages = [Image.open(BytesIO(data)) for data in upstream.last("good").pictures()]
    texts = [one["text"] for one in content if one.get("text", "").startswith("Text of page")]
    return pages, texts


def test_the_files_are_there() -> None:
    assert len(FILES) >= 20
    assert {file.stem for file in FILES} >= LOCKED | PAGES.keys()
    assert len(SAME) >= 8


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_page_is_drawn_or_the_file_refused(
    service: Service, upstream: Upstream, file: Path
) -> None:
    if file.stem in LOCKED:
        reply = service.post(ask("good", [document(file.read_bytes())]))
        where = "messages[0].content[0].file.file_data"
        refused(service, reply, 400, "encrypted_file", where)
        return
    pages, _ = shown(service, upstream, file)
    assert len(pages) == PAGES.get(file.stem, 1)
    drawn = [page.convert("L").getextrema() for page in pages]
    assert any(low < high for low, high in drawn) is (file.stem != BLANK)


@pytest.mark.parametrize("file", SAME, ids=lambda file: file.stem)
def test_what_needs_no_password_looks_as_if_it_were_not_locked(
    service: Service, upstream: Upstream, file: Path
) -> None:
    (page,), text = shown(service, upstream, file)
    (plain,), plain_text = shown(service, upstream, file.with_name("unencrypted.pdf"))
    assert text == plain_text != []
    assert page.size == plain.size
    difference = ImageChops.difference(page.convert("RGB"), plain.convert("RGB"))
    assert max(ImageStat.Stat(difference).mean) < 1
