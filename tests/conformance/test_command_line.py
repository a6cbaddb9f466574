"""`visus ask` and `visus inspect` as a newcomer types them."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from tests.conformance.conftest import PHOTOS
from tests.support.service import ROOT


def visus(*words: str, folder: Path, given: bytes | None = None) -> tuple[int, str]:
    """Exit code, and what was said on standard output."""
    command = [str(Path(sys.executable).parent / "visus"), *words, "--state", str(folder)]
    done = subprocess.run(  # noqa: S603 -- our own program
        command, cwd=ROOT, input=given, capture_output=True, timeout=25, check=False
    )
    return done.returncode, done.stdout.decode()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("ask", "nofile.png"), 2),
        (("ask", "nofile.png", "What is this?"), 2),
        (("ask",), 2),
        (("ask", "What can you do?"), 0),
        (("ask", "What?", "--model", "nobody"), 1),
    ],
)
def test_the_exit_code_says_what_became_of_it(
    words: tuple[str, ...], code: int, tmp_path: Path
) -> None:
    assert visus(*words, folder=tmp_path)[0] == code


def test_a_file_and_standard_input_are_looked_at_alike(tmp_path: Path) -> None:
    photo = PHOTOS / "chelsea.png"
    code, by_name = visus("ask", str(photo), folder=tmp_path)
    assert code == 0
    assert "cat" in by_name.lower()
    assert visus("ask", "-", folder=tmp_path, given=photo.read_bytes()) == (0, by_name)


COLOURS = ("red", "lime", "blue")


ORANGE, RED, GREEN, BLUE = (255, 165, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)


def is_like(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether a colour is another but for what JPEG makes of it."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) < 12


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A PDF of three pages of one colour each, 200 points wide and 120 high."""
    first, *others = [Image.new("RGB", (200, 120), colour) for colour in COLOURS]
    first.save(tmp_path / "pages.pdf", save_all=True, append_images=others)
    return tmp_path / "pages.pdf"


def test_inspect_shows_what_a_model_would_see_and_its_cost(tmp_path: Path, pages: Path) -> None:
    photo = tmp_path / "large.png"
    Image.new("RGB", (2400, 1800), "orange").save(photo)
    out = tmp_path / "seen.png"
    files = (str(photo), str(pages))
    code, said = visus(
        "inspect", *files, "--model", "gpt-4.1", "--out", str(out), folder=tmp_path
    )
    assert code == 0, said
    words = "".join(said.split())
    assert "1024x768" in words  # 768 px on the short side: the formula of gpt-4.1
    assert "│765│" in words
    assert "resized" in words
    for model in ("gpt-4.1", "gemini-2.5-flash", "visus-lite"):
        assert f"│{model}│" in words
    assert str(out) in said
    with Image.open(out) as shown:
        seen = {colour for _, colour in shown.convert("RGB").getcolors(1 << 20) or ()}
        # 384 px for the widest of four; below each stand a name and a size.
        assert shown.width > 2 * 384
    for colour in (ORANGE, RED, GREEN, BLUE):
        assert any(is_like(one, colour) for one in seen), colour


def test_inspect_shows_the_pages_that_are_asked_for(tmp_path: Path, pages: Path) -> None:
    out = tmp_path / "seen.png"
    words = ("inspect", str(pages), "--pages", "2-3", "--out", str(out))
    assert visus(*words, folder=tmp_path)[0] == 0
    with Image.open(out) as shown:
        seen = {colour for _, colour in shown.convert("RGB").getcolors(1 << 20) or ()}
    found = [any(is_like(one, colour) for one in seen) for colour in (RED, GREEN, BLUE)]
    assert found == [False, True, True]


def test_inspect_shows_a_single_picture_as_large_as_the_model_sees_it(tmp_path: Path) -> None:
    out = tmp_path / "seen.png"
    photo = PHOTOS / "chelsea.png"
    code, _ = visus("inspect", str(photo), "--out", str(out), folder=tmp_path)
    assert code == 0
    with Image.open(photo) as given, Image.open(out) as shown:
        corner = shown.convert("RGB").crop((12, 12, 12 + given.width, 12 + given.height))
        assert corner.tobytes() == given.convert("RGB").tobytes()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("nofile.png",), 2),
        ((), 2),
        (("README.md",), 1),
        (("{photo}", "--model", "nobody"), 1),
        (("{photo}", "--out", "/nowhere/seen.png"), 1),
        (("{photo}", "--pages", "3-2"), 1),
        (("{photo}", "--frames", "0"), 1),
        (("{photo}", "--max-tokens-per-image", "many"), 2),
    ],
)
def test_inspect_says_what_is_wrong(words: tuple[str, ...], code: int, tmp_path: Path) -> None:
    photo = str(PHOTOS / "chelsea.png")
    given = [word.replace("{photo}", photo) for word in words]
    assert visus("inspect", *given, folder=tmp_path)[0] == code
    assert not Path("visus-inspect.png").exists()
