"""`visus ask` as a newcomer types it."""

import subprocess
import sys
from pathlib import Path

import pytest
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
