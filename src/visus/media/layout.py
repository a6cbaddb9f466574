"""What the parsers of all picture formats share."""

from typing import Final, NamedTuple

from visus.errors import MediaRejected

MAX_PARTS: Final = 20_000
"""Segments, chunks or blocks in one file: ten times what a real 20 MB picture has."""
MAX_PROFILE_BYTES: Final = 1024 * 1024
"""A longer colour profile is cut out: it carries something else."""


class Kept:
    """Which stretches of a file are kept, in order; neighbours grow together."""

    __slots__ = ("_patched", "_stretches")

    def __init__(self) -> None:
        self._stretches: list[tuple[int, int]] = []
        self._patched: list[tuple[int, bytes]] = []

    def keep(self, start: int, end: int) -> None:
        """Keep the bytes from `start` up to `end`; calls come in ascending order."""
        if self._stretches and self._stretches[-1][1] == start:
            self._stretches[-1] = (self._stretches[-1][0], end)
        else:
            self._stretches.append((start, end))

    def patch(self, start: int, replacement: bytes) -> None:
        """When anything is cut, `replacement` stands at `start`; only in the first stretch."""
        self._patched.append((start, replacement))

    @property
    def size(self) -> int:
        """How many bytes are kept."""
        return sum(end - start for start, end in self._stretches)

    def cut(self, data: bytes) -> bytes | None:
        """The kept bytes of `data`, or None where that is all of it."""
        if self._stretches == [(0, len(data))]:
            return None
        view = memoryview(data)
        if not self._patched:
            return b"".join([view[start:end] for start, end in self._stretches])
        whole = bytearray().join([view[start:end] for start, end in self._stretches])
        for start, replacement in self._patched:
            whole[start : start + len(replacement)] = replacement
        return bytes(whole)


class Page(NamedTuple):
    """One page of several."""

    place: int
    """Its place among all directories of the file, from 0; thumbnails count."""
    width_px: int
    height_px: int
    orientation: int


class Layout(NamedTuple):
    """One walked file."""

    width_px: int
    height_px: int
    kept: Kept
    frames: int = 1
    """Of an animation, or pages."""
    is_animated: bool = False
    """Whether a decoder would show more than one picture."""
    orientation: int = 1
    """As Exif numbers it, 1 (upright) to 8."""
    is_cmyk: bool = False
    is_deep: bool = False
    """Whether common readers clip its samples: 16 bits of grey."""
    profile: bytes | None = None
    """The colour profile (ICC), if there is one; empty if it cannot be read."""
    pages: tuple[Page, ...] = ()
    """Where each page has its own size: all of them, the first included."""


def truncated() -> MediaRejected:
    """The file ends before its end marker."""
    return MediaRejected("The image is incomplete: the file ends too early.")


def malformed(detail: str) -> MediaRejected:
    """The file breaks the rules of its own format; `detail` is for our log."""
    return MediaRejected("The image file is damaged.", detail=detail)
