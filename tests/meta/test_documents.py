"""What the documents show can be run, what they link to is there."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import msgspec
import pytest
from tests.support.service import ROOT

from visus import config

DOCUMENTS = sorted(
    path
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
    if ".venv" not in path.parts
)
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LANGUAGES = {"sh", "bash", "python", "javascript", "toml", "json", "text"}


def blocks(*languages: str) -> list[tuple[str, str]]:
    """Every fenced block of these languages, with its place."""
    return [
        (f"{path.relative_to(ROOT)}#{number}", text)
        for path in DOCUMENTS
        for number, (language, text) in enumerate(FENCED.findall(path.read_text()))
        if language in languages
    ]


def named(found: list[tuple[str, str]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "text", [text for _, text in found], ids=[place for place, _ in found]
    )


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_block_says_its_language(path: Path) -> None:
    assert {language for language, _ in FENCED.findall(path.read_text())} <= LANGUAGES


@named(blocks("toml"))
def test_toml_is_a_configuration_that_we_take(text: str, tmp_path: Path) -> None:
    file = tmp_path / "visus.toml"
    file.write_text(text)
    assert tomllib.loads(text)
    read = config.load(file, {})
    assert read.settings is not None


@named(blocks("python"))
def test_python_compiles(text: str) -> None:
    compile(text, "document", "exec")


@named(blocks("sh", "bash"))
def test_shell_parses(text: str) -> None:
    subprocess.run(["bash", "-n", "-c", text], check=True, capture_output=True)  # noqa: S603, S607 -- parsed, not run


@named(blocks("sh", "bash"))
def test_every_visus_command_is_one_that_the_command_line_takes(text: str) -> None:
    from visus.cli import _parser  # noqa: PLC0415 -- the command line itself

    for line in text.replace("\\\n", " ").splitlines():
        words = re.search(r"(?:^|[ |])(?:\.venv/bin/)?visus ([^|>#]+)", line)
        if words:
            import shlex  # noqa: PLC0415 -- only here

            _parser().parse_args(shlex.split(words[1]))


@named(blocks("json"))
def test_json_parses(text: str) -> None:
    msgspec.json.decode(text)


@named(blocks("javascript"))
def test_javascript_parses(text: str, tmp_path: Path) -> None:
    file = tmp_path / "block.mjs"
    file.write_text(text)
    node = shutil.which("node")
    assert node
    subprocess.run([node, "--check", str(file)], check=True, capture_output=True)  # noqa: S603 -- parsed, not run


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_inside_leads_somewhere(path: Path) -> None:
    prose = FENCED.sub("", path.read_text())
    links = re.findall(r"\]\((?!https?:|mailto:)([^)#]+)[^)]*\)", prose)
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_and_test_that_is_named_exists(path: Path) -> None:
    prose = FENCED.sub("", path.read_text())
    named_paths = re.findall(r"`((?:src|tests|docs|bench|requirements)/[\w./-]+)`", prose)
    packages = "|".join(path.name for path in (ROOT / "src" / "visus").iterdir())
    folders = re.findall(rf"`((?:{packages})/[\w./-]+\.py)`", prose)
    gone = [one for one in named_paths if not (ROOT / one).exists()]
    gone += re.findall(r"`(test_\w+\.py)`", prose)  # a test is named with its folder
    gone += [one for one in folders if not (ROOT / "src" / "visus" / one).exists()]
    assert gone == []


def test_every_decision_has_its_three_parts_on_one_page() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(path.name[:4]) for path in decisions] == list(range(1, len(decisions) + 1))
    for path in decisions:
        headings = re.findall(r"^## (.*)$", path.read_text(), re.MULTILINE)
        assert headings == ["Context", "Decision", "What would change our mind"], path.name
        assert len(path.read_text().splitlines()) <= 60, path.name


def test_every_dependency_has_its_reason() -> None:
    decisions = ROOT / "docs" / "decisions"
    page = "".join(
        (decisions / name).read_text() for name in ("0002-dependencies.md", "0010-tools.md")
    )
    given = set(re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE))
    lines = [
        line
        for name in ("runtime.in", "dev.in")
        for line in (ROOT / "requirements" / name).read_text().splitlines()
    ]
    wanted = {match[0] for line in lines if (match := re.match(r"[a-z0-9][\w.\[\]-]*", line))}
    assert given == wanted


def test_the_changelog_has_a_section_for_what_is_not_released() -> None:
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "[Unreleased]"
