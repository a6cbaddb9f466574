"""Numbers that must not be mixed up."""

from typing import Final, NewType

ByteCount = NewType("ByteCount", int)
Pixels = NewType("Pixels", int)
Seconds = NewType("Seconds", float)
Micros = NewType("Micros", int)
"""Millionths of the account's currency."""

KIB: Final = 1024
MIB: Final = 1024 * 1024
MEGAPIXEL: Final = 1_000_000
