"""Damage done to files, the same in every run."""

import random
from collections.abc import Iterator, Sequence


def mutated(originals: Sequence[bytes], count: int) -> Iterator[bytes]:
    """The originals with flipped, cut, doubled and swapped stretches."""
    dice = random.Random(7)  # noqa: S311 -- repeatable, not secret
    for number in range(count):
        data = bytearray(originals[number % len(originals)])
        for _ in range(dice.randint(1, 6)):
            place, length = dice.randrange(len(data)), dice.randint(1, 12)
            match dice.randrange(5):
                case 0:
                    data[place] ^= 1 << dice.randrange(8)
                case 1:
                    data[place : place + length] = dice.randbytes(length)
                case 2:
                    del data[place : place + length]
                case 3:
                    data[place:place] = data[place : place + length]
                case _:
                    data[place : place + 4] = b"\xff" * 4
            data = data or bytearray(b"\0")
        yield bytes(data)
