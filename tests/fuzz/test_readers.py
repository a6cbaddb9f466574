"""Our own readers of untrusted text: the stream's framing, and configuration files."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from visus import config
from visus.wire import sse

LINES = st.lists(
    st.sampled_from(
        [
            b"data: a",
            b"data:b",
            b"data",
            b": note",
            b"event: x",
            b"id:1",
            "data: ü".encode(),
            b"",
        ]
    ),
    max_size=12,
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@settings(deadline=None, derandomize=True)
@given(
    lines=LINES,
    end=ENDS,
    bom=st.sampled_from([b"", b"\xef\xbb\xbf"]),
    cuts=st.lists(st.integers(0, 200), max_size=8),
)
def test_a_stream_cut_anyhow_has_the_same_events(
    lines: list[bytes],
    end: bytes,
    bom: bytes,
    cuts: list[int],
) -> None:
    text = bom + b"".join(line + end for line in lines) + end + b":"
    whole = sse.EventReader(max_event_bytes=10_000).feed(text)
    reader = sse.EventReader(max_event_bytes=10_000)
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    pieces = [text[a:b] for a, b in pairwise(places)]
    cut_up = [event for piece in pieces for event in reader.feed(piece)]
    assert [event for event in cut_up if event] == [event for event in whole if event]


@settings(deadline=None, derandomize=True)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_stream_or_too_large(data: bytes) -> None:
    reader = sse.EventReader(max_event_bytes=100)
    try:
        for place in range(0, len(data), 7):
            reader.feed(data[place : place + 7])
    except sse.EventTooLarge:
        assert len(data) > 100


TABLES = st.text(
    alphabet=st.sampled_from("[]=\"'{},.\n abcsermodlpvt_0123456789-#"), max_size=80
) | st.builds(
    lambda section, key, value: f"[{section}]\n{key} = {value}\n",
    st.sampled_from(["server", "media", "lite", "upstream", "nothing", "media.workers"]),
    st.sampled_from(["port", "max_images", "hosts", "enabled", "x", "ports"]),
    st.sampled_from(["1", "-1", '"a"', "[1]", "{}", "true", "1e999", "1979-05-27", "[[]]"]),
)


def refused(file: Path | None, variables: dict[str, str]) -> str | None:
    """What is said against a configuration."""
    try:
        config.load(file, variables)
    except config.ConfigRefused as refusal:
        return str(refusal)
    return None


@pytest.mark.timeout(120)
def test_a_configuration_is_read_or_refused_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "visus.toml"

    @settings(deadline=None, derandomize=True, max_examples=300, database=None)
    @given(TABLES)
    def check(text: str) -> None:
        file.write_text(text)
        said = refused(file, {})
        assert said is None or str(file) in said

    check()


@settings(deadline=None, derandomize=True)
@given(st.text(max_size=30), st.text(max_size=30))
def test_a_variable_is_read_or_refused_by_its_name(name: str, value: str) -> None:
    for variable in (f"VISUS_{name}__X", "VISUS_MEDIA__HOSTS", "VISUS_SERVER__PORT"):
        said = refused(None, {variable: value})
        assert said is None or variable in said
