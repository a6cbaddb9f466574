"""What an AV1 stream says of the size of its frames."""

# ruff: noqa: PT017  (a property: refused in this way, or read)
import pytest
from hypothesis import given, strategies as st

from visus.errors import MediaRejected
from visus.media import av1

WIDTH, HEIGHT = 1999, 7
SIZE = ((15, 4), (15, 4), (WIDTH - 1, 16), (HEIGHT - 1, 16))
SHORT = ((0, 3), (1, 1), (1, 1), (31, 5), *SIZE)
POINT = ((0, 12), (8, 5), (1, 1))
"""An operating point of a level that has a tier."""
PLAIN = ((0, 5), (0, 1), (0, 1), (0, 5), (0, 12), (7, 5), *SIZE)
TIMED = (
    (0, 5), (1, 1), (1, 32), (25, 32), (1, 1), (0b00101, 5),
    (1, 1), (9, 5), (1, 32), (3, 5), (3, 5),
    (1, 1), (1, 5),
    *POINT, (1, 1), (5, 10), (6, 10), (1, 1), (1, 1), (9, 4),
    *POINT, (0, 1), (0, 1), *SIZE,
)  # fmt: skip
"""With everything that may stand before the size."""
SIMPLY_TIMED = (
    (0, 5),
    (1, 1),
    (1, 32),
    (25, 32),
    (0, 1),
    (0, 1),
    (0, 1),
    (0, 5),
    *POINT,
    *SIZE,
)
DELIMITER, FRAME = b"\x12\0", b"\x32\0"


def header(*numbers: tuple[int, int]) -> bytes:
    """Numbers of so many bits each."""
    written = "".join(f"{number:0{bits}b}" for number, bits in numbers)
    return int(written.ljust(-(-len(written) // 8) * 8, "0"), 2).to_bytes(-(-len(written) // 8))


def unit(kind: int, body: bytes) -> bytes:
    return bytes([kind << 3 | 2, len(body) | 128, 0]) + body


def largest(stream: bytes) -> tuple[int, int]:
    return av1.largest(b"xx" + stream, 2, 2 + len(stream))


@pytest.mark.parametrize("numbers", [SHORT, PLAIN, TIMED, SIMPLY_TIMED])
def test_a_sequence_header_names_the_size(numbers: tuple[tuple[int, int], ...]) -> None:
    stream = DELIMITER + unit(1, header(*numbers)) + FRAME
    assert largest(stream) == (WIDTH, HEIGHT)
    for end in range(5, len(stream) - len(FRAME)):
        with pytest.raises(MediaRejected):
            largest(stream[:end])


def test_of_several_headers_the_larger_sides_count() -> None:
    other = header((0, 3), (1, 1), (1, 1), (31, 5), (2, 4), (9, 4), (4, 3), (999, 10))
    both = unit(1, header(*SHORT)) + unit(1, other)
    assert largest(both + FRAME) == (WIDTH, 1000)


def test_behind_a_frame_nothing_is_looked_at() -> None:
    assert largest(FRAME + unit(1, header(*SHORT))) == (0, 0)
    assert largest(b"") == (0, 0)


def test_a_unit_may_have_no_size_and_a_layer() -> None:
    assert largest(b"\x0c\x08" + header(*SHORT)) == (WIDTH, HEIGHT)


def test_units_without_end_are_refused() -> None:
    assert largest(DELIMITER * 1_023) == (0, 0)
    with pytest.raises(MediaRejected):
        largest(DELIMITER * 1_025)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        assert min(largest(data)) >= 0
    except MediaRejected as refusal:
        assert refusal.code == "invalid_image"
