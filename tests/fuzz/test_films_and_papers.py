"""Damaged videos and PDFs through the real route: answered or refused by a living worker."""

import base64
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from tests.conftest import FAST, upstream_config
from tests.support.films import film, pdf
from tests.support.mutations import answered_or_refused, mutated
from tests.support.service import Service, ask
from tests.support.upstream import Upstream


@pytest.fixture(scope="module")
def watching(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service in front of the scripted upstream."""
    running = Service(
        tmp_path_factory.mktemp("watching"),
        upstream_config(upstream.port, FAST),
        SCRIPTED_KEY="sk-upstream",
    )
    yield running
    running.stop()


def films() -> Sequence[bytes]:
    """Short films in every container that is taken."""
    kinds = (("mp4", "libx264"), ("mov", "mpeg4"), ("webm", "libvpx"), ("matroska", "libx264"))
    whole = [film(container, codec, seconds=2, fps=5) for container, codec in kinds]
    return [*whole, film(seconds=2, fps=5, movflags="frag_keyframe+empty_moov")]


def papers() -> Sequence[bytes]:
    """Small documents."""
    return [pdf(), pdf(["one", "two"]), pdf(rotate=90), pdf(extra="/AcroForm << /Fields [] >>")]


def video(url: str) -> dict[str, Any]:
    return {"type": "video_url", "video_url": {"url": url, "max_frames": 2}}


def document(url: str) -> dict[str, Any]:
    return {"type": "file", "file": {"file_data": url}}


class Kind(NamedTuple):
    """A sort of file, and how many damaged ones are sent."""

    label: str
    originals: Callable[[], Sequence[bytes]]
    part: Callable[[str], dict[str, Any]]
    whole: int
    fixed: int


KINDS = (
    Kind("video/mp4", films, video, whole=500, fixed=40),
    Kind("application/pdf", papers, document, whole=2_000, fixed=100),
)


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.label)
def test_a_damaged_file_is_answered_or_refused(
    watching: Service, request: pytest.FixtureRequest, kind: Kind
) -> None:
    count = kind.whole if request.config.getoption("--fuzz-whole") else kind.fixed
    damaged = mutated(kind.originals(), count)
    urls = (f"data:{kind.label};base64,{base64.b64encode(one).decode()}" for one in damaged)
    answered_or_refused(watching, (ask("good", [kind.part(url)]) for url in urls))
