"""The embedded model with an internet that has one picture, and the clients that ask it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import skimage
from tests.conformance.internet import PictureHost
from tests.support.service import Service

PHOTOS = Path(skimage.__file__).parent / "data"
NODE = Path(__file__).parent / "node"


@pytest.fixture(scope="session")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PictureHost]:
    """`images.unsplash.com`, which has a picture of a cat under every path."""
    host = PictureHost(
        "images.unsplash.com", PHOTOS / "chelsea.png", folder=tmp_path_factory.mktemp("ca")
    )
    yield host
    host.close()


@pytest.fixture(scope="session")
def eyes(internet: PictureHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service with the embedded model, which reaches `internet`."""
    running = Service(tmp_path_factory.mktemp("eyes"), **internet.settings())
    yield running
    running.stop()


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The folder with the stock Node client, installed as its lock says."""
    if not (NODE / "node_modules" / "openai").is_dir():
        subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],  # noqa: S607 -- the machine's npm
            cwd=NODE, check=True, capture_output=True, timeout=120,
        )  # fmt: skip
    return NODE
