"""What a GGUF file says of itself, and what is no GGUF file."""

import struct
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import gguf
import numpy as np
import pytest
from hypothesis import given, strategies as st
from tests.support import tiny_model
from tests.unit.gguf.conftest import local

from visus.local.gguf.header import HeaderRefused, parts, read_header
from visus.local.gguf.model import FilesUnusable, measure
from visus.units import MIB


def test_a_model_says_what_it_is(tiny: Path) -> None:
    header = read_header(tiny / "model.gguf")
    assert header.architecture == "qwen2vl"
    assert not header.is_projector
    assert header.context_tokens == tiny_model.CONTEXT
    assert header.vocabulary == 256 + len(tiny_model.MERGES) + len(tiny_model.SPECIAL)
    assert "tools" in header.template
    # 2 layers, 2 heads of keys and values, 16 numbers each, 2 bytes a number, keys and values
    assert header.state_bytes_per_token == 2 * 2 * 16 * 2 * 2


def test_a_projector_is_no_model(tiny: Path) -> None:
    assert read_header(tiny / "projector.gguf").is_projector


def written(path: Path, **numbers: object) -> Path:
    """A file with a header and one number."""
    writer = gguf.GGUFWriter(path, "other")
    for key, value in numbers.items():
        if isinstance(value, list):
            writer.add_array(f"other.{key}", value)
        else:
            writer.add_uint32(f"other.{key}", value)
    writer.add_tensor("x", np.ones(1, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_heads_may_differ_by_layer_and_be_as_wide_as_they_say(tmp_path: Path) -> None:
    file = written(
        tmp_path / "a.gguf",
        **{
            "block_count": 3,
            "attention.head_count": 8,
            "attention.head_count_kv": [2, 0, 4],
            "attention.key_length": 64,
            "attention.value_length": 32,
        },
    )
    assert read_header(file).state_bytes_per_token == 2 * 6 * (64 + 32)


def test_a_model_that_says_nothing_of_its_heads_is_read_all_the_same(tmp_path: Path) -> None:
    header = read_header(written(tmp_path / "a.gguf"))
    assert header.state_bytes_per_token == 0
    assert header.context_tokens is None


@pytest.mark.parametrize("kept", [0, 3, 4, 8, 23, 24, 100, 3000])
def test_a_file_that_is_cut_short_is_refused(tiny: Path, tmp_path: Path, kept: int) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes((tiny / "model.gguf").read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"begin|ends|empty"):
        read_header(cut)


def test_a_length_that_lies_is_refused(tiny: Path, tmp_path: Path) -> None:
    data = bytearray((tiny / "model.gguf").read_bytes())
    data[24:32] = struct.pack("<Q", 2**63)  # the first key
    file = tmp_path / "lie.gguf"
    file.write_bytes(data)
    with pytest.raises(HeaderRefused):
        read_header(file)


@given(st.integers(24, 3000), st.binary(min_size=1, max_size=16))
def test_whatever_stands_in_a_header_it_is_read_or_refused(place: int, what: bytes) -> None:
    data = bytearray(HEADER)
    data[place : place + len(what)] = what
    with TemporaryDirectory() as folder, suppress(HeaderRefused):
        file = Path(folder) / "model.gguf"
        file.write_bytes(data)
        read_header(file)


def _header() -> bytes:
    with TemporaryDirectory() as folder:
        tiny_model.write(Path(folder))
        return (Path(folder) / "model.gguf").read_bytes()[:20_000]


HEADER = _header()


def test_a_model_in_pieces_is_all_of_its_pieces() -> None:
    first = Path("/m/big-00001-of-00003.gguf")
    assert [path.name for path in parts(first)] == [
        "big-00001-of-00003.gguf",
        "big-00002-of-00003.gguf",
        "big-00003-of-00003.gguf",
    ]
    assert parts(Path("/m/small.gguf")) == [Path("/m/small.gguf")]


# --- What it takes ---------------------------------------------------------------------------


def test_what_a_model_needs_is_its_files_its_context_and_room(tiny: Path) -> None:
    files = sum((tiny / name).stat().st_size for name in ("model.gguf", "projector.gguf"))
    tokens = 256 + len(tiny_model.MERGES) + len(tiny_model.SPECIAL)
    found = measure(local(tiny, context_tokens=1000))
    assert found.bytes_needed == files + 1000 * 256 + 512 * tokens * 4 + 192 * MIB
    assert found.context_tokens == 1000
    assert found.has_tools


@pytest.mark.parametrize(("asked", "given"), [(4095, 4095), (4096, 4096), (4097, 4096)])
def test_a_context_is_no_longer_than_the_model_was_made_for(
    tiny: Path, asked: int, given: int
) -> None:
    assert measure(local(tiny, context_tokens=asked)).context_tokens == given


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"path": Path("/no/such.gguf")}, "/no/such.gguf: No such file or directory"),
        ({"path": Path("/etc/hostname")}, "/etc/hostname: it does not begin as a GGUF file"),
        ({"path": Path("/dev/null")}, "/dev/null: it does not begin as a GGUF file"),
        ({"projector": Path("/")}, "/: Is a directory"),
    ],
)
def test_files_that_cannot_be_used_are_named(
    tiny: Path, changes: dict[str, object], why: str
) -> None:
    with pytest.raises(FilesUnusable) as caught:
        measure(local(tiny, **changes))
    assert str(caught.value).startswith(why)


def test_a_model_and_its_projector_in_each_others_place_are_named(tiny: Path) -> None:
    swapped = {"path": tiny / "projector.gguf", "projector": tiny / "model.gguf"}
    with pytest.raises(FilesUnusable, match=r"projector\.gguf: it is a projector"):
        measure(local(tiny, **swapped))
