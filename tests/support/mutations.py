"""Damage done to files, the same in every run."""

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tests.support.service import Service

LONGEST_S = 10.0


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


def answered_or_refused(service: Service, bodies: Iterable[dict[str, Any]]) -> None:
    """Each body is answered or refused, soon, without a word of ours, by a living worker.

    Only the first answer may take longer, until models are loaded. Some bodies have to be
    answered and some refused, or the damage shows nothing.
    """
    statuses: set[int] = set()
    for number, body in enumerate(bodies):
        began_s = time.monotonic()
        reply = service.post(body)
        if number:
            assert time.monotonic() - began_s < LONGEST_S, number
        assert reply.status in {200, 400}, (number, reply.body)
        if reply.status == 400:
            reply.error()
            assert b" object at 0x" not in reply.body
        statuses.add(reply.status)
    assert statuses == {200, 400}
    assert '"worker ended by itself"' not in service.log()
