"""Tiny models, made once."""

from pathlib import Path

import pytest
from tests.support import tiny_model

from visus.local.gguf.model import LocalModel
from visus.local.settings import GgufSettings
from visus.units import MIB


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of a tiny model."""
    folder = tmp_path_factory.mktemp("tiny")
    tiny_model.write(folder)
    return folder


@pytest.fixture
def settings() -> GgufSettings:
    return GgufSettings(memory_bytes=512 * MIB, threads=1, load_deadline_s=20, deadline_s=20)


def local(folder: Path, name: str = "tiny", **changes: object) -> LocalModel:
    """The tiny model under a name."""
    given = {"path": folder / "model.gguf", "projector": folder / "projector.gguf"}
    return LocalModel(**{"name": name, "context_tokens": 1024, **given, **changes})
