"""`visus pull`, `visus rm` and what the server makes of them, against a hub on loopback."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from tests.support import tiny_model
from tests.support.claims import answered
from tests.support.hub import Hub, hub
from tests.support.service import ROOT, Service, ask

from visus.local.gguf.presets import presets

pytestmark = pytest.mark.timeout(120)  # each command starts a process, and some start seven


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Hub]:
    """A hub with a tiny model."""
    tiny_model.write(tmp_path / "made")
    with hub() as running:
        for name in ("model.gguf", "projector.gguf"):
            running.files[f"/{name}"] = (tmp_path / "made" / name).read_bytes()
        yield running


def visus(
    folder: Path, *words: str, code: int = 0, **settings: str
) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("VISUS_")}
    done = subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-m", "visus", *words],
        cwd=ROOT, env=clean | {"VISUS_GGUF__DIR": str(folder / "models")} | settings,
        capture_output=True, text=True, timeout=25, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done


def both(shop: Hub) -> list[str]:
    return [
        f"{shop.url}/model.gguf", "--projector", f"{shop.url}/projector.gguf", "--name", "mine"
    ]  # fmt: skip


def digest(shop: Hub, name: str = "model.gguf") -> str:
    return sha256(shop.files[f"/{name}"]).hexdigest()


def test_a_model_that_was_pulled_is_listed_served_and_removed(
    shop: Hub, tmp_path: Path
) -> None:
    given = ["--sha256", digest(shop), "--projector-sha256", digest(shop, "projector.gguf")]
    visus(tmp_path, "pull", *both(shop), *given)
    assert "mine" in visus(tmp_path, "models").stdout
    config = f'[gguf]\ndir = "{tmp_path}/models"\nthreads = 1\n[lite]\nenabled = false\n'
    running = Service(tmp_path, config)
    try:
        found = running.get("/v1/models/mine").json()["meta_data"]
        assert found["input_modalities"] == ["text", "image"]
        assert found["price"]["input_micros"] == 0
        answered(running, running.post(ask("mine", max_tokens=2)))
    finally:
        running.stop()
    visus(tmp_path, "rm", "mine")
    assert "mine" not in visus(tmp_path, "models").stdout
    assert not (tmp_path / "models" / "mine").exists()
    visus(tmp_path, "rm", "mine", code=1)


def test_a_download_that_broke_off_goes_on_where_it_was(shop: Hub, tmp_path: Path) -> None:
    shop.breaks_after = 100_000
    said = visus(tmp_path, "pull", f"{shop.url}/model.gguf", "--name", "mine", code=1).stderr
    assert "run it again to go on from here" in said
    assert "mine" not in visus(tmp_path, "models").stdout
    visus(tmp_path, "pull", f"{shop.url}/model.gguf", "--name", "mine")
    assert shop.asked == [("/model.gguf", None), ("/model.gguf", "bytes=100000-")]
    assert (tmp_path / "models/mine/model.gguf").read_bytes() == shop.files["/model.gguf"]
    assert not list((tmp_path / "models/mine").glob("*.part"))


def test_a_server_that_knows_no_ranges_begins_anew(shop: Hub, tmp_path: Path) -> None:
    shop.breaks_after = 100_000
    shop.knows_ranges = False
    visus(tmp_path, "pull", f"{shop.url}/model.gguf", "--name", "mine", code=1)
    visus(tmp_path, "pull", f"{shop.url}/model.gguf", "--name", "mine")
    assert (tmp_path / "models/mine/model.gguf").read_bytes() == shop.files["/model.gguf"]


def test_a_file_with_another_digest_is_thrown_away(shop: Hub, tmp_path: Path) -> None:
    wrong = "0" * 64
    done = visus(
        tmp_path, "pull", f"{shop.url}/model.gguf", "--name", "mine", "--sha256", wrong, code=1
    )
    assert f"its SHA-256 is {digest(shop)}, not {wrong}" in "".join(done.stderr.splitlines())
    assert list((tmp_path / "models/mine").iterdir()) == []
    assert "mine" not in visus(tmp_path, "models").stdout


def test_a_digest_that_nobody_gave_is_trusted_once_and_held_to(
    shop: Hub, tmp_path: Path
) -> None:
    visus(tmp_path, "pull", f"{shop.url}/model.gguf", "--name", "mine")
    kept = json.loads((tmp_path / "models/digests.json").read_text())
    assert kept == {f"{shop.url}/model.gguf": digest(shop)}
    visus(tmp_path, "rm", "mine")
    shop.files["/model.gguf"] += b"more"
    said = visus(tmp_path, "pull", f"{shop.url}/model.gguf", "--name", "mine", code=1).stderr
    assert "is not the file that was wanted" in said


def test_what_is_there_already_is_checked_and_not_had_again(shop: Hub, tmp_path: Path) -> None:
    words = ["pull", f"{shop.url}/model.gguf", "--name", "mine"]
    visus(tmp_path, *words)
    visus(tmp_path, *words)
    assert shop.asked[1:] == [("/model.gguf", f"bytes={len(shop.files['/model.gguf'])}-")]
    file = tmp_path / "models/mine/model.gguf"
    file.write_bytes(b"X" + file.read_bytes()[1:])
    visus(tmp_path, *words, code=1)
    assert not file.exists()


def test_the_hub_may_lead_elsewhere(shop: Hub, tmp_path: Path) -> None:
    visus(tmp_path, "pull", f"{shop.url}/moved/model.gguf", "--name", "mine")
    assert [path for path, _ in shop.asked] == ["/moved/model.gguf", "/model.gguf"]


@pytest.mark.parametrize("name", presets())
def test_a_preset_is_asked_of_the_hub_at_its_revision_and_held_to_its_digest(
    shop: Hub, tmp_path: Path, name: str
) -> None:
    one = presets()[name]
    path = f"/{one.repository}/resolve/{one.revision}/{one.weights.file}"
    shop.files[path] = b"GGUF" + bytes(100)
    done = visus(tmp_path, "pull", name, code=1, VISUS_GGUF__HUB_URL=shop.url)
    assert shop.asked == [(path, None)]
    assert "ended too early" in done.stderr
    assert len(one.revision) == 40
    assert len(one.weights.sha256) == len(one.projector.sha256) == 64


@pytest.mark.parametrize(
    ("words", "code", "what"),
    [
        (["no-such-preset"], 2, "there are smolvlm2-500m, qwen2.5-vl-3b"),
        (["{url}/absent.gguf"], 1, "the server answers 404"),
        (["{url}/model.bin"], 2, "does not end in the name of a .gguf file"),
        (["ftp://x/y.gguf"], 2, "is not an http or https address"),
        (["{url}/model.gguf", "--sha256", "abc"], 2, "64 hexadecimal digits"),
        (["{url}/model.gguf", "--name", "../x"], 2, "is no name"),
        (["{url}/text.gguf"], 1, "does not begin as a GGUF file"),
        (["http://127.0.0.1:9/x.gguf"], 1, "Cannot connect to 127.0.0.1 port 9: "),
        (["qwen3-vl-2b", "--sha256", "0" * 64], 2, "--sha256 belongs to an address"),
        (["qwen3-vl-2b", "--name", "mine"], 2, "--name belongs to an address"),
        (["{url}/model.gguf", "--projector-sha256", "0" * 64], 2, "belongs to a --projector"),
    ],
)
def test_what_cannot_be_had_is_said_in_a_sentence(
    shop: Hub, tmp_path: Path, words: list[str], code: int, what: str
) -> None:
    shop.files["/text.gguf"] = b"not a model"
    said = visus(
        tmp_path, "pull", *(word.replace("{url}", shop.url) for word in words), code=code
    )
    assert what in said.stderr.replace("\n", " ")
    assert "Traceback" not in said.stderr
    assert "SSLContext" not in said.stderr


def test_the_doctor_says_which_models_fit_and_which_files_are_missing(
    shop: Hub, tmp_path: Path
) -> None:
    visus(tmp_path, "pull", *both(shop))
    config = tmp_path / "visus.toml"
    config.write_text(
        "[lite]\nenabled = false\n"
        f'[[models]]\nid = "gone"\nprovider = "gguf"\npath = "{tmp_path}/gone.gguf"\n'
    )
    words = ["doctor", "--config", str(config), "--state", str(tmp_path / "state")]
    said = " ".join(visus(tmp_path, *words, code=1, COLUMNS="300").stdout.split())
    assert "│ llama.cpp │ ready │ started in" in said
    assert "│ model mine │ ready │ needs about 194 of 8,192 MiB for 4,096 tokens" in said
    assert "│ model gone │ broken │" in said
    assert "No such file or directory" in said
