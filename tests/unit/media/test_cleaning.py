"""A video that travels as it is says nothing about who took it, and shows what it showed."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import av
import pytest
from hypothesis import given, strategies as st
from tests.support.films import SECRETS, described, film, sound, tracked

from visus.media import matroska_metadata, mp4_metadata
from visus.media.cleaning import Blank, Blanks, Uncleanable, cleaned
from visus.media.video_type import video_type

FILMS = {
    "mp4": described("mp4", "libx264"),
    "mp4 with keys": described("mp4", "libx264", movflags="use_metadata_tags"),
    "mp4 in fragments": described("mp4", "libx264", movflags="frag_keyframe+empty_moov"),
    "mov": described("mov", "mpeg4"),
    "mov with keys": described("mov", "libx264", movflags="use_metadata_tags"),
    "mov with places": tracked(),
    "mkv": described("matroska", "libx264"),
    "webm": described("webm", "libvpx-vp9", "libopus"),
    "webm as it was streamed": described("webm", "libvpx", "libopus", live="1"),
}


def found(data: bytes) -> Sequence[Blank]:
    is_boxes = video_type(data) in {"video/mp4", "video/quicktime"}
    return (mp4_metadata if is_boxes else matroska_metadata).blanks(memoryview(data))


def shown(data: bytes) -> list[Any]:
    """Every decoded frame of pictures and sound, with its time."""
    with av.open(BytesIO(data)) as container:
        tracks = [*container.streams.video[:1], *container.streams.audio]
        frames: Any = container.decode(*tracks)
        return [(frame.pts, frame.to_ndarray().tobytes()) for frame in frames]


def said(data: bytes) -> str:
    """All that FFmpeg finds beside the tracks themselves."""
    with av.open(BytesIO(data)) as container:
        tracks = [(one.type, one.metadata) for one in container.streams]
        return str((container.metadata, tracks, [one.metadata for one in container.streams]))


@pytest.mark.parametrize("data", FILMS.values(), ids=FILMS)
def test_it_says_nothing_of_its_maker_and_shows_the_same(data: bytes) -> None:
    assert any(secret.encode() in data for secret in SECRETS)
    clean = cleaned(data, found(data))
    assert len(clean) == len(data)
    assert not [secret for secret in SECRETS if secret.encode() in clean]
    assert not [secret for secret in (*SECRETS, "2024", "Lavf") if secret in said(clean)]
    assert shown(clean) == shown(data) != []


@pytest.mark.parametrize("data", FILMS.values(), ids=FILMS)
def test_what_is_clean_is_left_alone(data: bytes) -> None:
    assert list(found(cleaned(data, found(data)))) == []


def test_a_track_of_places_goes_with_its_samples() -> None:
    data = FILMS["mov with places"]
    with (
        av.open(BytesIO(data)) as before,
        av.open(BytesIO(cleaned(data, found(data)))) as after,
    ):
        assert [one.type for one in before.streams] == ["video", "data"]
        assert [one.type for one in after.streams] == ["video"]


def test_nothing_is_left_in_unused_space() -> None:
    hidden = (20).to_bytes(4) + b"free" + SECRETS[0].encode().ljust(12)
    named = b"\x53\x6e\x88" + SECRETS[0].encode()
    void = b"\xec\x89" + SECRETS[0].encode() + b"\0"
    assert named in FILMS["mkv"]
    for data in (hidden + film(), film() + hidden, FILMS["mkv"].replace(named, void)):
        assert SECRETS[0].encode() not in cleaned(data, found(data))


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return (8 + len(body)).to_bytes(4) + kind + body


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(sound(), id="no picture"),
        pytest.param(film() + b"\0\0\0\x09free", id="a box that is cut off"),
        pytest.param(film() + b"\0\0\0\x04free", id="a box that ends before it begins"),
        pytest.param(box(b"moov", box(b"cmov", bytes(8))) + film(), id="compressed boxes"),
        pytest.param(box(b"moov", box(b"trak", box(b"mdia"))) + film(), id="no handler"),
        pytest.param(box(b"free") * 100_001 + film(), id="boxes without end"),
        pytest.param(box(b"free", b"1") * 20_001 + film(), id="too much to take out"),
        pytest.param(
            tracked(movflags="frag_keyframe+empty_moov"), id="places that lie in fragments"
        ),
        pytest.param(
            FILMS["mkv"].replace(b"\x83\x81\x02", b"\x83\x81\x21"),
            id="a track of something else",
        ),
        pytest.param(film("webm", "libvpx")[:-9], id="an element that is cut off"),
        pytest.param(film("webm", "libvpx") + b"\0", id="no id"),
        pytest.param(film("webm", "libvpx") + b"\xec\x80" * 200_001, id="elements without end"),
    ],
)
def test_what_nobody_can_tell_apart_is_not_taken_apart(data: bytes) -> None:
    with pytest.raises(Uncleanable):
        found(data)


@given(
    st.sampled_from([FILMS["mov with places"], FILMS["mp4 in fragments"], FILMS["mkv"]]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=9),
    st.floats(0.5, 1),
)
def test_whatever_the_bytes_are_the_length_stays(
    data: bytes, changes: list[tuple[float, int]], keep: float
) -> None:
    broken = bytearray(data[: int(len(data) * keep)])
    for place, value in changes:
        broken[int(place * len(broken))] = value
    for reader in (mp4_metadata, matroska_metadata):
        try:
            blanks = reader.blanks(memoryview(bytes(broken)))
        except Uncleanable:
            continue
        if sum(blank.size for blank in blanks) <= len(broken):
            assert len(cleaned(bytes(broken), blanks)) == len(broken)


@pytest.mark.parametrize(
    "blanks",
    [
        [Blank(3, 2)],
        [Blank(5, 1)],
        [Blank(0, 1, b"ab")],
        [Blank(0, 2), Blank(0, 3)],
    ],
)
def test_nothing_outside_the_file_is_overwritten(blanks: list[Blank]) -> None:
    with pytest.raises(ValueError, match="stretch"):
        cleaned(b"abcd", blanks)
    assert cleaned(b"abcd", [Blank(1, 2, b"x")]) == b"ax\0d"


def test_a_stretch_that_is_as_it_should_be_is_passed_over() -> None:
    collected = Blanks(memoryview(b"ab\0\0c"))
    for start, end, head in ((0, 4, b"ab"), (2, 4, b""), (3, 3, b""), (0, 2, b"ab")):
        collected.add(start, end, head)
    assert collected.found == []
    collected.add(4, 5)
    assert collected.found == [Blank(4, 1)]
