"""Is this colour profile sRGB by another name?

A profile of the International Color Consortium (ICC.1:2022) is looked at just far enough: its
kind, its three primaries and a few points of its curves. What it calls itself does not count.
"""

import struct
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from visus.media.layout import MAX_PROFILE_BYTES

MAX_SRGB_BYTES: Final = 16 * 1024
"""The profiles of sRGB in use have 0.4 to 7 kB; a longer one carries something else."""

_HEADER_BYTES: Final = 128
_ENTRY: Final = struct.Struct(">4sII")
_MAX_TAGS: Final = 64
_MAX_ANY_TAGS: Final = 100
"""As many as the library for colours takes."""
_CHAIN: Final = b"mpet"
_MAX_LINKS: Final = 32
_MAX_CHAIN_BYTES: Final = 16 * 1024
_XYZ: Final = struct.Struct(">4s4xiii")
_FIXED: Final = 65_536
_PRIMARIES: Final = {
    b"rXYZ": (0.4361, 0.2225, 0.0139),
    b"gXYZ": (0.3851, 0.7169, 0.0971),
    b"bXYZ": (0.1431, 0.0606, 0.7141),
}
"""The colourants of sRGB as seen under D50."""
_COLOURANT_SLACK: Final = 0.003
_CURVES: Final = {b"RGB ": (b"rTRC", b"gTRC", b"bTRC"), b"GRAY": (b"kTRC",)}
_POINTS: Final = ((0.2, 0.0331), (0.5, 0.2140), (0.8, 0.6038))
"""Places on the curve of sRGB."""
_CURVE_SLACK: Final = 0.01
"""Lets a plain gamma of 2.2 pass, whose difference is not visible."""
_TABLES: Final = frozenset({b"A2B0", b"A2B1", b"A2B2", b"D2B0", b"D2B1", b"D2B2"})
"""What takes the place of primaries and curves."""
_JPEG_NAME: Final = b"ICC_PROFILE\0"
_PARAMETERS: Final = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}
"""How many numbers each kind of formula has."""


def is_affordable(profile: bytes) -> bool:
    """Whether to translate colours by it takes no longer than by those that are in use.

    Chains of elements (`mpet`) are gone through for thousands of colours, and 8 bytes make one
    link of them.
    """
    count = int.from_bytes(profile[_HEADER_BYTES : _HEADER_BYTES + 4])
    if len(profile) > MAX_PROFILE_BYTES or count > _MAX_ANY_TAGS:
        return False
    for number in range(count):
        try:
            _, start, size = _ENTRY.unpack_from(profile, _HEADER_BYTES + 4 + 12 * number)
        except struct.error:
            return False
        if profile[start : start + 4] == _CHAIN:
            links = int.from_bytes(profile[start + 12 : start + 16])
            if links > _MAX_LINKS or size > _MAX_CHAIN_BYTES:
                return False
    return True


def of_png(chunk: bytes) -> bytes:
    """The profile in the body of an `iCCP` chunk; empty if it is damaged or too long."""
    start = chunk.find(b"\0") + 2
    with suppress(zlib.error):
        inflater = zlib.decompressobj()
        profile = inflater.decompress(chunk[start:], MAX_SRGB_BYTES)
        return b"" if inflater.unconsumed_tail else profile
    return b""


def of_segment(body: bytes) -> bytes:
    """The profile in the first `ICC_PROFILE` segment of a JPEG; empty if it has several parts.

    Args:
        body: of the segment, from its name on.
    """
    start = len(_JPEG_NAME) + 2
    return body[start:] if body[len(_JPEG_NAME) : start] == b"\x01\x01" else b""


def is_srgb(profile: bytes) -> bool:
    """Whether numbers mean the same colours with this profile as without any."""
    if not _HEADER_BYTES < len(profile) <= MAX_SRGB_BYTES or profile[36:40] != b"acsp":
        return False
    curves = _CURVES.get(profile[16:20])
    if curves is None or profile[20:24] != b"XYZ ":
        return False
    try:
        tags = _tags(profile)
        if tags.keys() & _TABLES:
            return False
        primaries = _PRIMARIES if profile[16:20] == b"RGB " else {}
        return all(
            _is_near(_colourant(tags[name]), wanted) for name, wanted in primaries.items()
        ) and all(_is_srgb_curve(tags[name]) for name in curves)
    except (KeyError, IndexError, ValueError, ArithmeticError, TypeError, struct.error):
        return False


def _tags(profile: bytes) -> Mapping[bytes, bytes]:
    count = min(int.from_bytes(profile[128:132]), _MAX_TAGS)
    entries = [_ENTRY.unpack_from(profile, 132 + 12 * index) for index in range(count)]
    return {name: profile[start : start + size] for name, start, size in entries}


def _colourant(tag: bytes) -> tuple[float, ...]:
    _, *values = _XYZ.unpack_from(tag)
    return tuple(value / _FIXED for value in values)


def _is_near(seen: tuple[float, ...], wanted: tuple[float, ...]) -> bool:
    return all(abs(a - b) <= _COLOURANT_SLACK for a, b in zip(seen, wanted, strict=True))


def _is_srgb_curve(tag: bytes) -> bool:
    kind, count = tag[:4], int.from_bytes(tag[8:12])
    if kind == b"para":
        return _passes_points(_formula(tag))
    if kind != b"curv" or not count:
        return False
    if count == 1:
        gamma = int.from_bytes(tag[12:14]) / 256
        return _passes_points(lambda x: x**gamma)
    values = struct.unpack_from(f">{count}H", tag, 12)
    return _passes_points(lambda x: values[round(x * (count - 1))] / 65_535)


def _formula(tag: bytes) -> Callable[[float], float]:
    """A curve given by numbers, where it is not the straight piece near black."""
    kind = int.from_bytes(tag[8:10])
    numbers = [
        value / _FIXED for value in struct.unpack_from(f">{_PARAMETERS[kind]}i", tag, 12)
    ]
    gamma, scale, shift = numbers[:3] if kind else (numbers[0], 1.0, 0.0)
    lift = {2: 3, 4: 5}.get(kind)
    above = 0.0 if lift is None else numbers[lift]
    return lambda x: (scale * x + shift) ** gamma + above


def _passes_points(curve: Callable[[float], float]) -> bool:
    return all(abs(curve(x) - y) <= _CURVE_SLACK for x, y in _POINTS)
