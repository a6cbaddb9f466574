"""Everything that the README tells a newcomer to type, run word for word."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.conformance.conftest import PHOTOS
from tests.conformance.internet import PictureHost
from tests.support.service import ROOT, Service

from visus import config

README = (ROOT / "README.md").read_text()


def block(language: str, nth: int = 0) -> str:
    """The nth fenced block of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)[nth]


def environment(service: Service) -> dict[str, str]:
    """What a newcomer has after pasting the two `export` lines."""
    clean = {
        k: v for k, v in os.environ.items() if not k.startswith(("VISUS_", "OPENAI_", "OTEL_"))
    }
    return clean | {"OPENAI_BASE_URL": service.url, "OPENAI_API_KEY": service.key}


def said(command: list[str], service: Service, folder: Path) -> str:
    done = subprocess.run(  # noqa: S603 -- our own README
        command, cwd=folder, env=environment(service),
        capture_output=True, text=True, timeout=25, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def names_a_cat(answer: str) -> bool:
    return bool(re.search(r"\bcat\b", answer, re.IGNORECASE))


def test_the_readme_begins_with_the_two_commands() -> None:
    assert block("sh") == "make serve\nmake test\n"
    assert README.index("make serve") < README.index("## ")


@pytest.mark.timeout(60)  # the first picture waits until the models are loaded
def test_the_curl_call_sees_what_is_behind_the_url(
    eyes: Service, internet: PictureHost, tmp_path: Path
) -> None:
    answer = said(["bash", "-c", block("bash")], eyes, tmp_path)
    assert names_a_cat(answer)
    assert internet.asked[-1] == "/photo-1514888286974-6c03e2ca1dba?w=400"


@pytest.mark.timeout(60)
def test_the_python_call_sees_what_is_in_the_file(eyes: Service, tmp_path: Path) -> None:
    shutil.copy(PHOTOS / "rocket.jpg", tmp_path / "image.jpg")
    answer = said([sys.executable, "-c", block("python")], eyes, tmp_path)
    assert answer.strip()
    assert not names_a_cat(answer)


@pytest.mark.timeout(180)  # the first run installs the client
def test_the_node_call_prints_the_answer(
    eyes: Service, internet: PictureHost, node_modules: Path, tmp_path: Path
) -> None:
    (tmp_path / "ask.mjs").write_text(block("javascript"))
    (tmp_path / "node_modules").symlink_to(node_modules / "node_modules")
    before = len(internet.asked)
    answer = said(["node", "ask.mjs"], eyes, tmp_path)
    assert names_a_cat(answer)
    assert len(internet.asked) == before + 1


@pytest.mark.timeout(120)
def test_the_command_lines_run(lite: Service, tmp_path: Path) -> None:
    shutil.copy(PHOTOS / "rocket.jpg", tmp_path / "image.jpg")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "visus").symlink_to(Path(sys.executable).parent / "visus")
    for line in block("sh", 1).splitlines():
        assert said(["bash", "-c", line], lite, tmp_path).strip(), line


def test_the_configuration_is_accepted(tmp_path: Path) -> None:
    file = tmp_path / "visus.toml"
    file.write_text(block("toml"))
    read = config.load(file, {"WORKSTATION_KEY": "k"})
    assert read.settings.server.port == 8080
    assert read.access["workstation"].missing == ()
    assert "qwen3-vl" in {model.id for model in read.catalogue.models}


def test_the_table_of_models_is_the_catalogue() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|.*\| ([^|]+) \|$", README, re.MULTILINE)
    named = {model: set(re.findall(r"`([A-Z_]+)`", needs)) for model, needs in rows}
    read = config.load(None, {})
    assert named == {
        model.id: set(read.access[model.provider].missing) for model in read.catalogue.models
    }


def test_the_limits_are_the_defaults() -> None:
    settings = config.load(None, {}).settings
    mib = 1024 * 1024
    sentence = (
        f"One request: {settings.server.max_body_bytes // mib} MiB, "
        f"{settings.media.max_images} pictures, each of at most "
        f"{settings.media.max_bytes // mib} MiB and "
        f"{settings.media.max_pixels // 1_000_000} megapixels."
    )
    assert sentence in " ".join(README.split())


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_readme_promises_no_version_that_we_do_not_take() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.11"
    assert "Python 3.11 or newer" in README
