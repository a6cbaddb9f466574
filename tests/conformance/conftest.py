"""The embedded model with an internet that has one picture, and the clients that ask it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import skimage
import trustme
from tests.conformance.internet import PictureHost, Proxy
from tests.support.films import pdf
from tests.support.rules import answers_by_rules
from tests.support.service import Service
from tests.support.upstream import BEHAVIOURS, Upstream

PHOTOS = Path(skimage.__file__).parent / "data"
NODE = Path(__file__).parent / "node"
assert answers_by_rules.__name__ in BEHAVIOURS
MODELS = ("rules", "other-rules", "unruly")
"""The same model three times; the server of the last knows of JSON objects only."""


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


@pytest.fixture(scope="session")
def away(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The internet from which the suite fetches a picture and a PDF: the variables for it."""
    folder, authority = tmp_path_factory.mktemp("away"), trustme.CA()
    (folder / "dummy.pdf").write_bytes(pdf())
    photo = Path(skimage.__file__).parent / "data" / "chelsea.png"
    pictures = PictureHost(
        "raw.githubusercontent.com", photo, folder=folder, authority=authority
    )
    papers = PictureHost("www.w3.org", folder / "dummy.pdf", folder=folder, authority=authority)
    proxy = Proxy(pictures, papers)
    yield {
        "HTTPS_PROXY": proxy.url,
        "SSL_CERT_FILE": str(pictures.ca_file),
        **pictures.settings(),
    }
    for host in (proxy, pictures, papers):
        host.close()


@pytest.fixture(scope="session")
def ruled(
    upstream: Upstream, away: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The service before the model with rules, which sees pictures and no PDFs.

    `unruly` is the same model on a server that knows JSON objects alone.
    """
    vision = 'image_roles = ["user"]'
    models = "".join(
        f'[[models]]\nid = "{name}"\nprovider = "scripted"\n'
        f'upstream_id = "{answers_by_rules.__name__}"\n'
        f'input_modalities = ["text", "image"]\n{more}\n[models.vision]\n{vision}\n'
        for name, more in zip(
            MODELS, ("", "", 'structured_output = "json-object"'), strict=True
        )
    )
    config = (
        '[lite]\nenabled = false\n[[providers]]\nname = "scripted"\ndialect = "openai"\n'
        f'base_url = "http://127.0.0.1:{upstream.port}/v1"\n{models}'
    )
    running = Service(
        tmp_path_factory.mktemp("ruled"),
        config,
        **{name: value for name, value in away.items() if name.startswith("VISUS_")},
    )
    yield running
    running.stop()
