"""How a file of requests falls into lines, wherever the pieces that are read of it end."""

from collections.abc import AsyncIterator, Sequence

import pytest

from visus.server.batch_runner import lines_of

MAX_BYTES = 8


async def pieces(found: Sequence[bytes]) -> AsyncIterator[bytes]:
    for one in found:
        yield one


@pytest.mark.parametrize("size", [MAX_BYTES - 1, MAX_BYTES, MAX_BYTES + 1, 3 * MAX_BYTES])
@pytest.mark.parametrize("end", [b"", b"\n", b"\nnext\n"])
async def test_a_line_is_too_long_wherever_pieces_end(size: int, end: bytes) -> None:
    file = b"x" * size + end
    first = b"x" * size if size <= MAX_BYTES else None
    wanted = [first, b"next"] if b"next" in end else [first]
    for cut in range(len(file) + 1):
        found = [one async for one in lines_of(pieces([file[:cut], file[cut:]]), MAX_BYTES)]
        assert found == wanted, cut
