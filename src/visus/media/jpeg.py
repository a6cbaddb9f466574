"""The layout of a JPEG file (ITU-T T.81, annex B).

In coded data a 0xFF is always followed by 0x00 or by a restart marker, so one search finds the
end of a scan. Most files have a single scan with all their colours, after which nothing but the
end marker can come: there the end marker is searched for, and the segments that carry metadata,
each of which costs a fiftieth of looking at every 0xFF. All other files are walked marker by
marker.
"""

import re
from math import prod
from typing import Final

from stringzilla import find

from visus.media import exif, profile
from visus.media.layout import (
    MAX_PARTS,
    MAX_PROFILE_BYTES,
    Kept,
    Layout,
    malformed,
    truncated,
)

_AFTER_SCAN: Final = re.compile(rb"\xff[^\x00\xd0-\xd7]")
_FILL: Final = re.compile(rb"\xff+")
_NO_MARKER: Final = frozenset({b"", b"\xff"})
"""Behind a 0xFF: nothing, or fill."""
_END: Final = b"\xff\xd9"
_CARRIERS: Final = (b"\xff\xe1", b"\xff\xed", b"\xff\xfe")
"""Exif and XMP, IPTC, comments. In coded data none of these pairs can stand."""

_SOI_BYTES: Final = 2
_EOI: Final = 0xD9
_SOS: Final = 0xDA
_APP0: Final = 0xE0
_APP1: Final = 0xE1
_APP2: Final = 0xE2
_APP14: Final = 0xEE
_SEQUENTIAL: Final = frozenset({0xC0, 0xC1})
_FRAMES: Final = _SEQUENTIAL | {0xC2}
"""Baseline, extended and progressive, all Huffman-coded: what decoders read."""
_OTHER_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - _FRAMES - {0xC4, 0xC8, 0xCC}
_HUFFMAN: Final = 0xC4
_QUANTISATION: Final = 0xDB
_RESTART_INTERVAL: Final = 0xDD
_AC: Final = 0x10
"""In the name of a Huffman table: it is one of all values of a block but the first."""
_LAST_PLACE: Final = 3
"""Of a table of either kind, among four."""
_TABLE_NAMES: Final = _AC | _LAST_PLACE
"""The bits that the name of a Huffman table may have: its kind, and its place."""
_SELECTED: Final = _LAST_PLACE << 4 | _LAST_PLACE
"""The bits of a component's two Huffman tables in a scan's header."""
_MAX_CODES: Final = 256
_LONGEST_MEAN: Final = 15
"""Bits of the difference between two means, which the symbols of their tables say."""
_SAMPLINGS: Final = frozenset({1, 2, 3, 4})

_MAX_SCANS: Final = 100
_MAX_SCANNED_PX: Final = 1_500_000_000
"""Of all scans together: each is a pass over the whole picture, however short it is."""
_COMPONENTS: Final = frozenset({1, 3, 4})
_CMYK_COMPONENTS: Final = 4
_PLAIN_JFIF_BYTES: Final = 16


def measure(head: bytes) -> tuple[int, int] | None:
    """Width and height in pixels, if the frame header is already in `head`."""
    position = _SOI_BYTES
    while position + 9 <= len(head) and head[position] == 0xFF:  # noqa: PLR2004 - a marker
        marker = head[position + 1]
        if marker in _FRAMES:
            return _big16(head, position + 7), _big16(head, position + 5)
        if marker == _SOS:
            return None
        position += 2 + _big16(head, position + 2)
    return None


def read(data: bytes) -> Layout:
    """Walk the file from SOI to EOI."""
    walk = _Walk(data, keeps_profile=True)
    layout = walk.layout()
    if walk.profile_bytes <= MAX_PROFILE_BYTES:
        return layout
    return _Walk(data, keeps_profile=False).layout()


def _big16(data: bytes, position: int) -> int:
    return (data[position] << 8) | data[position + 1]


def _are_codes(lengths: bytes) -> bool:
    """Whether there are as many codes of each length, 1 to 16 bits, as are asked for (C.2)."""
    free = 1
    for codes in lengths:
        free = 2 * free - codes
        if free < 0:
            return False
    return sum(lengths) <= _MAX_CODES


def _check_quantisation(data: bytes, position: int, end: int) -> None:
    """Whether a segment holds whole tables, of 8 or 16 bits a value, for one of four places."""
    while position < end:
        precision, place = data[position] >> 4, data[position] & 0x0F
        if precision > 1 or place > _LAST_PLACE:
            raise malformed("a quantisation table that is none")
        position += 1 + 64 * (1 + precision)
    if position != end:
        raise malformed("quantisation tables of another length than they say")


class _Walk:
    """One pass over one file."""

    def __init__(self, data: bytes, *, keeps_profile: bool) -> None:
        self._data = data
        self._keeps_profile = keeps_profile
        self._kept = Kept()
        self._size: tuple[int, int] | None = None
        self._components = 0
        self._sampling: dict[int, tuple[int, int]] = {}
        """Of each component, across and down, 1 to 4."""
        self._shortest: dict[int, int] = {}
        """Bits of the shortest code of each Huffman table, by its class and place."""
        self._is_sequential = False
        self._orientation = exif.UPRIGHT
        self._scans = 0
        self.profile_bytes = 0
        """Of the colour profile, all its segments together."""
        self._profile: bytes | None = None

    def layout(self) -> Layout:
        self._kept.keep(0, _SOI_BYTES)
        position = _SOI_BYTES
        for _ in range(MAX_PARTS):
            marker, start = self._marker_at(position)
            if marker == _EOI:
                self._kept.keep(start - 2, start)
                return self._finished()
            position = self._segment(marker, start)
        raise malformed("too many segments")

    def _marker_at(self, position: int) -> tuple[int, int]:
        """The marker and where what follows it begins; any fill bytes before it are cut."""
        pair = self._data[position : position + 2]
        if pair[:1] == b"\xff" and pair[1:] not in _NO_MARKER:
            return pair[1], position + 2
        fill = _FILL.match(self._data, position)
        if fill is None:
            raise malformed("no marker") if position < len(self._data) else truncated()
        if fill.end() >= len(self._data):
            raise truncated()
        return self._data[fill.end()], fill.end() + 1

    def _segment(self, marker: int, start: int) -> int:
        """Take one segment whose length stands at `start`; where the next begins."""
        data = self._data
        if start + 2 > len(data):
            raise truncated()
        length = _big16(data, start)
        end = start + length
        if length < 2:  # noqa: PLR2004 - the length counts itself
            raise malformed("a segment without a length")
        if end > len(data):
            raise truncated()
        if marker == _SOS:
            end = self._scan(start, end)
            self._kept.keep(start - 2, end)
        elif marker in _FRAMES:
            self._is_sequential = marker in _SEQUENTIAL
            self._frame(start, length)
            self._kept.keep(start - 2, end)
        elif marker == _HUFFMAN:
            self._tables(start + 2, end)
            self._kept.keep(start - 2, end)
        elif marker == _QUANTISATION:
            _check_quantisation(data, start + 2, end)
            self._kept.keep(start - 2, end)
        elif marker == _RESTART_INTERVAL or self._is_wanted(marker, start, end):
            self._kept.keep(start - 2, end)
        elif marker in _OTHER_FRAMES or marker < _APP0:
            raise malformed(f"a marker {marker:#x}")
        return end

    def _frame(self, start: int, length: int) -> None:
        if self._size is not None:
            raise malformed("a second frame")
        if length < 8 or self._data[start + 2] != 8:  # noqa: PLR2004 - bytes, bits a sample
            raise malformed("not 8 bits a sample")
        self._size = _big16(self._data, start + 5), _big16(self._data, start + 3)
        self._components = self._data[start + 7]
        if self._components not in _COMPONENTS or length != 8 + 3 * self._components:
            raise malformed(f"{self._components} colour components")
        for place in range(start + 8, start + length, 3):
            name, sampling = self._data[place], self._data[place + 1]
            self._sampling[name] = sampling >> 4, sampling & 0x0F
        if not _SAMPLINGS.issuperset(one for pair in self._sampling.values() for one in pair):
            raise malformed("a component without samples")

    def _scan(self, start: int, coded: int) -> int:
        """Where the coded data that begins at `coded` ends; `start`: of its header."""
        self._scans += 1
        if self._size is None or self._scans > _MAX_SCANS:
            raise malformed("a scan before its frame, or too many")
        if self._scans * prod(self._size) > _MAX_SCANNED_PX:
            raise malformed("too many scans for its size")
        is_only = self._is_sequential and self._data[start + 2] == self._components
        end = self._only_scan(coded) if is_only else None
        if end is None:
            found = _AFTER_SCAN.search(self._data, coded)
            if found is None:
                raise truncated()
            end = found.start()
        if end == coded:
            raise malformed("an empty scan")
        if (end - coded) * 8 < self._fewest_bits(start):
            raise malformed("less data than its size takes")
        return end

    def _fewest_bits(self, start: int) -> int:
        """What the scan whose header is at `start` takes, were all its codes the shortest.

        A block has a code for its mean at least, and in a sequential scan another for the end
        of the rest (T.81, F.1.2 and G.1.2). A frame that claims far more pixels than there are
        is found by this, and one that claims a few more is not.
        """
        header = self._data[start + 3 : start + _big16(self._data, start)]
        count = self._data[start + 2]
        selected = dict(zip(header[0 : 2 * count : 2], header[1 : 2 * count : 2], strict=False))
        if len(selected) != count or len(header) != 2 * count + 3 or self._size is None:
            raise malformed("the header of a scan")
        if any(tables & ~_SELECTED for tables in selected.values()):
            raise malformed("a scan by tables that cannot be")
        if not self._sampling.keys() >= selected.keys():
            raise malformed("a scan of components that the frame has not")
        if header[-3] != 0 or header[-1] >> 4 != 0:  # not the first look at the means
            return 0
        blocks = self._blocks(list(selected))
        return sum(
            blocks[component]
            * (
                self._shortest.get(tables >> 4, 1)
                + (self._shortest.get(_AC | tables & 0x0F, 1) if self._is_sequential else 0)
            )
            for component, tables in selected.items()
        )

    def _blocks(self, components: list[int]) -> dict[int, int]:
        """How many blocks of 8 by 8 samples a scan holds of each of its components (A.2)."""
        width, height = self._size or (0, 0)
        across = max(one for one, _ in self._sampling.values())
        down = max(one for _, one in self._sampling.values())
        if len(components) > 1:
            units = -(-width // (8 * across)) * -(-height // (8 * down))
            return {one: units * prod(self._sampling[one]) for one in components}
        (only,) = components
        of_width, of_height = self._sampling[only]
        samples = -(-width * of_width // across), -(-height * of_height // down)
        return {only: -(-samples[0] // 8) * -(-samples[1] // 8)}

    def _tables(self, position: int, end: int) -> None:
        """Takes note of the shortest code of each Huffman table (B.2.4.2)."""
        while position + 17 <= end:
            name, lengths = self._data[position], self._data[position + 1 : position + 17]
            symbols = self._data[position + 17 : position + 17 + sum(lengths)]
            if name & ~_TABLE_NAMES or not _are_codes(lengths):
                raise malformed("a Huffman table that is none")
            if not name & _AC and any(symbol > _LONGEST_MEAN for symbol in symbols):
                raise malformed("a Huffman table of means that cannot be")
            shortest = next((bits for bits, codes in enumerate(lengths, 1) if codes), 1)
            self._shortest[name] = shortest
            position += 17 + sum(lengths)
        if position != end:
            raise malformed("Huffman tables of another length than they say")

    def _only_scan(self, coded: int) -> int | None:
        """Where the only scan ends; None if anything stands between it and the end marker."""
        data = self._data
        end = find(data, _END, coded)
        if end < 0:
            raise truncated()
        if any(find(data, carrier, coded, end) >= 0 for carrier in _CARRIERS):
            return None
        return end

    def _is_wanted(self, marker: int, start: int, end: int) -> bool:
        """Whether an application segment stays. Exif is read on the way out."""
        data = self._data
        if marker == _APP1 and data.startswith(b"Exif\0", start + 2):
            self._orientation = exif.orientation(data[start + 8 : end])
        elif marker == _APP2 and data.startswith(b"ICC_PROFILE\0", start + 2):
            if self._profile is None:
                self._profile = profile.of_segment(data[start + 2 : end])
            self.profile_bytes += end - start
            return self._keeps_profile
        elif marker == _APP14:
            return data.startswith(b"Adobe", start + 2) and end - start == 14  # noqa: PLR2004
        elif marker == _APP0:
            return end - start == _PLAIN_JFIF_BYTES and data.startswith(b"JFIF\0", start + 2)
        return False

    def _finished(self) -> Layout:
        if self._size is None or not self._scans:
            raise malformed("no frame or no scan")
        return Layout(
            *self._size,
            self._kept,
            orientation=self._orientation,
            is_cmyk=self._components == _CMYK_COMPONENTS,
            profile=self._profile,
        )
