"""Finds the metadata in an MP4 or QuickTime file (ISO/IEC 14496-12).

Only boxes that are needed to play the tracks are left alone; `udta`, `meta`, `uuid` and
whatever else there is become `free`, the box for unused space, of the same size. Tracks that
are neither seen nor heard nor read, above all those with a place for each second, go with all
their samples. Times of recording and names of handlers become zeros.

What is inside the coded pictures and sounds stays. Walks hostile bytes: every count is bounded.
"""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from visus.media.cleaning import Allowance, Blank, Blanks, Uncleanable

_MAX_BOXES: Final = 100_000
_MAX_ENTRIES: Final = 200_000
"""In all tables of the tracks that are taken out together."""
_BIG_SIZE: Final = 1
_TO_THE_END: Final = 0
_FREE: Final = b"free"
_UNUSED: Final = frozenset({b"free", b"skip", b"wide"})
_NEEDED: Final = {
    b"": frozenset({
        b"ftyp", b"styp", b"moov", b"mdat", b"moof", b"mfra", b"sidx", b"ssix", b"pdin",
    }),
    b"moov": frozenset({b"mvhd", b"trak", b"mvex", b"iods", b"ctab", b"clip"}),
    b"trak": frozenset({
        b"tkhd", b"edts", b"tref", b"mdia", b"load", b"trgr", b"tapt", b"clip", b"matt",
        b"imap", b"txas",
    }),
    b"mdia": frozenset({b"mdhd", b"hdlr", b"minf", b"elng"}),
    b"minf": frozenset({
        b"vmhd", b"smhd", b"hmhd", b"sthd", b"nmhd", b"gmhd", b"hdlr", b"dinf", b"stbl",
    }),
    b"stbl": frozenset({
        b"stsd", b"stts", b"ctts", b"cslg", b"stss", b"stps", b"stsc", b"stsz", b"stz2",
        b"stco", b"co64", b"stsh", b"sdtp", b"sbgp", b"sgpd", b"subs", b"saiz", b"saio",
        b"padb", b"stdp",
    }),
    b"dinf": frozenset({b"dref"}),
    b"mvex": frozenset({b"mehd", b"trex", b"leva"}),
    b"moof": frozenset({b"mfhd", b"traf"}),
    b"traf": frozenset({
        b"tfhd", b"tfdt", b"trun", b"sdtp", b"sbgp", b"sgpd", b"subs", b"saiz", b"saio",
    }),
}  # fmt: skip
"""What each box that holds others may hold; the first line is the file itself."""
_STAYING: Final = frozenset({b"vide", b"soun", b"sbtl", b"subt", b"text", b"clcp"})
"""Pictures, sounds and subtitles; all other handlers' tracks go."""
_TIMED: Final = frozenset({b"mvhd", b"tkhd", b"mdhd"})
_HANDLER_NAME: Final = 24
"""Where the name stands in a `hdlr`."""
_SAMPLES_TO_CHUNK: Final = struct.Struct(">III")


class _Box(NamedTuple):
    kind: bytes
    start: int
    """Of its header."""
    body: int
    end: int


def blanks(data: memoryview) -> list[Blank]:
    """The stretches to overwrite, by `cleaning.cleaned`.

    Raises:
        Uncleanable: the boxes make no sense to us, though a player may show the file.
    """
    return _Walk(data).blanks()


class _Walk:
    """One pass over one file."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._blanks = Blanks(data)
        self._boxes = Allowance(_MAX_BOXES, "boxes")
        self._entries = Allowance(_MAX_ENTRIES, "entries")
        self._pictures = 0
        self._is_in_fragments = False

    def blanks(self) -> list[Blank]:
        self._clean(b"", 0, len(self._data))
        if not self._pictures:
            raise Uncleanable("no picture track")
        return self._blanks.found

    def _clean(self, parent: bytes, start: int, end: int) -> None:
        """Nesting is as deep as `_NEEDED` has it, and no deeper."""
        boxes = list(self._within(start, end))
        if parent == b"moov":
            self._is_in_fragments = any(box.kind == b"mvex" for box in boxes)
        for box in boxes:
            if box.kind not in _NEEDED[parent]:
                self._free(box)
            elif box.kind == b"trak":
                self._track(box)
            elif box.kind in _NEEDED:
                self._clean(box.kind, box.body, box.end)
            else:
                self._leaf(box)

    def _track(self, box: _Box) -> None:
        handler = self._handler(box)
        if handler in _STAYING:
            self._pictures += handler == b"vide"
            self._clean(b"trak", box.body, box.end)
            return
        if self._is_in_fragments:
            raise Uncleanable("a track to take out that lies in fragments")
        self._drop_samples(box)
        self._free(box)

    def _leaf(self, box: _Box) -> None:
        if box.kind in _TIMED:
            width = 8 if self._number(box.body, 1, box.end) else 4
            self._number(box.body + 4, 2 * width, box.end)
            self._blanks.add(box.body + 4, box.body + 4 + 2 * width)
        elif box.kind == b"hdlr":
            self._blanks.add(box.body + _HANDLER_NAME, box.end)
        elif box.kind == b"dref":
            for entry in self._within(box.body + 8, box.end):
                self._blanks.add(
                    entry.body + 4, entry.end
                )  # the path of a file, at its maker's

    def _free(self, box: _Box) -> None:
        if box.kind == b"cmov":
            raise Uncleanable("compressed boxes")
        kind = box.kind if box.kind in _UNUSED else _FREE
        self._blanks.add(box.start + 4, box.start + 8, kind)
        self._blanks.add(box.body, box.end)

    # --- A track's samples -------------------------------------------------------------------

    def _drop_samples(self, track: _Box) -> None:
        stbl = {box.kind: box for box in self._below(track, b"mdia", b"minf", b"stbl")}
        offsets = self._offsets(stbl)
        sizes = iter(self._sizes(stbl))
        for offset, count in zip(offsets, self._per_chunk(stbl, len(offsets)), strict=True):
            size = sum(next(sizes, 0) for _ in range(count))
            if offset + size > len(self._data):
                raise Uncleanable("a sample outside the file")
            self._blanks.add(offset, offset + size)

    def _offsets(self, stbl: dict[bytes, _Box]) -> list[int]:
        """Where each chunk begins."""
        for kind, width in ((b"stco", 4), (b"co64", 8)):
            if kind in stbl:
                box = stbl[kind]
                count = self._entries.take(self._number(box.body + 4, 4, box.end))
                places = range(box.body + 8, box.body + 8 + count * width, width)
                return [self._number(place, width, box.end) for place in places]
        raise Uncleanable("a track without chunks")

    def _sizes(self, stbl: dict[bytes, _Box]) -> list[int]:
        """How long each sample is."""
        if b"stsz" not in stbl:
            raise Uncleanable("a track without sizes")
        box = stbl[b"stsz"]
        each = self._number(box.body + 4, 4, box.end)
        count = self._entries.take(self._number(box.body + 8, 4, box.end))
        if each:
            return [each] * count
        places = range(box.body + 12, box.body + 12 + count * 4, 4)
        return [self._number(place, 4, box.end) for place in places]

    def _per_chunk(self, stbl: dict[bytes, _Box], chunks: int) -> list[int]:
        """How many samples each chunk has."""
        if b"stsc" not in stbl:
            raise Uncleanable("a track without a table of chunks")
        box = stbl[b"stsc"]
        count = self._entries.take(self._number(box.body + 4, 4, box.end))
        if box.body + 8 + count * _SAMPLES_TO_CHUNK.size > box.end:
            raise Uncleanable("a table that is cut off")
        runs = [
            _SAMPLES_TO_CHUNK.unpack_from(self._data, box.body + 8 + number * 12)
            for number in range(count)
        ]
        found: list[int] = []
        for number, (first, samples, _) in enumerate(runs):
            following = runs[number + 1][0] if number + 1 < count else chunks + 1
            if first != len(found) + 1 or not first <= following <= chunks + 1:
                raise Uncleanable("chunks out of order")
            self._entries.take(samples * (following - first))
            found += [samples] * (following - first)
        if len(found) != chunks:
            raise Uncleanable("chunks without samples")
        return found

    # --- Boxes -------------------------------------------------------------------------------

    def _handler(self, track: _Box) -> bytes:
        for box in self._below(track, b"mdia"):
            if box.kind == b"hdlr":
                return self._number(box.body + 8, 4, box.end).to_bytes(4)
        raise Uncleanable("a track without a handler")

    def _below(self, box: _Box, *path: bytes) -> list[_Box]:
        found = list(self._within(box.body, box.end))
        for kind in path:
            inner = [child for child in found if child.kind == kind]
            if len(inner) != 1:
                raise Uncleanable("a track without its parts, or with two of them")
            found = list(self._within(inner[0].body, inner[0].end))
        return found

    def _within(self, start: int, end: int) -> Iterator[_Box]:
        while start < end:
            self._boxes.take()
            size = self._number(start, 4, end)
            kind, body = self._number(start + 4, 4, end).to_bytes(4), start + 8
            if size == _BIG_SIZE:
                size, body = self._number(body, 8, end), body + 8
            elif size == _TO_THE_END:
                size = end - start
            if not body <= start + size <= end:
                raise Uncleanable("a box that ends before it begins, or after its parent")
            yield _Box(kind, start, body, start + size)
            start += size

    def _number(self, start: int, size: int, end: int) -> int:
        if start + size > end:
            raise Uncleanable("a box that is cut off")
        return int.from_bytes(self._data[start : start + size])
