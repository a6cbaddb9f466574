"""The layout of a TIFF file (revision 6.0), of any number of pages.

Directories are followed one after another, each entry only where its value lies inside the
file, and every strip or tile has to be there. Kinds that the decoder would show wrongly, such
as floating-point samples, are refused by name.
"""

import struct
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from visus.errors import ImageFormatRejected, MediaRejected
from visus.media import jpeg
from visus.media.exif import UPRIGHT
from visus.media.layout import MAX_PARTS, Kept, Layout, Page, malformed, truncated

_ORDERS: Final = {b"II*\x00": "<", b"MM\x00*": ">"}
_HEADER_BYTES: Final = 8
_ENTRY_BYTES: Final = 12
_MAX_ENTRIES: Final = 512
_MAX_DIRECTORIES: Final = 512
_SIZES: Final = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
}
"""Bytes of one value, by its type."""
_INTEGERS: Final = {1: "B", 3: "H", 4: "I"}
_IN_PLACE_BYTES: Final = 4

_SUBFILE_TYPE: Final = 254
_WIDTH: Final = 256
_HEIGHT: Final = 257
_BITS: Final = 258
_COMPRESSION: Final = 259
_PHOTOMETRIC: Final = 262
_STRIP_OFFSETS: Final = 273
_ORIENTATION: Final = 274
_SAMPLES: Final = 277
_ROWS_PER_STRIP: Final = 278
_STRIP_BYTES: Final = 279
_PLANES: Final = 284
_TILE_WIDTH: Final = 322
_TILE_HEIGHT: Final = 323
_TILE_OFFSETS: Final = 324
_TILE_BYTES: Final = 325
_SAMPLE_FORMAT: Final = 339
_SUBSAMPLING: Final = 530
_DNG_VERSION: Final = 50706

_THUMBNAIL_OR_MASK: Final = 1 | 4
_COMPRESSIONS: Final = frozenset({1, 2, 3, 4, 5, 7, 8, 32773, 32946})
"""None, the three of fax machines, LZW, JPEG, deflate, PackBits, deflate by its old number."""
_PLAIN: Final = 1
_JPEG: Final = 7
_FOREIGN_COMPRESSIONS: Final = {6: "old-style JPEG", 34925: "LZMA", 50000: "Zstandard"}
_PHOTOMETRICS: Final = frozenset({0, 1, 2, 3, 5, 6})
"""Grey either way round, RGB, palette, CMYK, YCbCr."""
_CMYK: Final = 5
_YCBCR: Final = 6
_WHITE_IS_ZERO: Final = 0
_DEPTHS: Final = frozenset({1, 2, 4, 8, 16})
_DEEP: Final = 16
_UNSIGNED: Final = 1
_MAX_SAMPLES: Final = 6
_SEPARATE: Final = 2
_MAX_PARTS: Final = 5 * MAX_PARTS
"""Strips and tiles of all pages together."""
_MAX_JPEG_PARTS: Final = 4_000
"""Different ones of one page: each is walked."""
_MAX_TILE_PX: Final = 4096 * 4096


def measure(head: bytes) -> tuple[int, int] | None:
    """Width and height of the first page in pixels, if its directory is already in `head`."""
    try:
        directory = next(_Walk(head).directories())
        return directory.one(_WIDTH), directory.one(_HEIGHT)
    except MediaRejected:
        return None


def read(data: bytes) -> Layout:
    """Walk all directories of the file."""
    found = [
        (index, directory)
        for index, directory in enumerate(_Walk(data).directories())
        if not directory.one(_SUBFILE_TYPE, 0) & _THUMBNAIL_OR_MASK
    ]
    if not found:
        raise _foreign("with thumbnails alone, such as a camera's raw file,")
    if sum(directory.parts() for _, directory in found) > _MAX_PARTS:
        raise malformed("too many strips or tiles")
    pages = tuple(_page(index, directory) for index, directory in found)
    first = found[0][1]
    kept = Kept()
    kept.keep(0, len(data))
    return Layout(
        pages[0].width_px,
        pages[0].height_px,
        kept,
        frames=len(pages),
        orientation=pages[0].orientation,
        is_cmyk=first.one(_PHOTOMETRIC, _WHITE_IS_ZERO) == _CMYK,
        is_deep=_DEEP in first.many(_BITS, (1,)),
        pages=pages,
    )


def _foreign(kind: str) -> ImageFormatRejected:
    return ImageFormatRejected(f"TIFF {kind} is not accepted; send 8 or 16 bits a sample.")


class _Entry(NamedTuple):
    kind: int
    values: int
    """How many."""
    start: int
    """Where the value lies."""


class _Directory:
    """The entries of one page, each inside the file."""

    def __init__(self, data: bytes, order: str, entries: Mapping[int, _Entry]) -> None:
        self.data = data
        self._order = order
        self._entries = entries

    def __contains__(self, tag: int) -> bool:
        return tag in self._entries

    def many(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """The whole numbers that stand at `tag`."""
        entry = self._entries.get(tag)
        if entry is None:
            return default
        if entry.kind not in _INTEGERS or not 1 <= entry.values <= MAX_PARTS:
            raise malformed(f"tag {tag} of type {entry.kind}, {entry.values} values")
        form = f"{self._order}{entry.values}{_INTEGERS[entry.kind]}"
        return struct.unpack_from(form, self.data, entry.start)

    def parts(self) -> int:
        """How many strips or tiles are listed."""
        listed = (self._entries.get(tag) for tag in (_STRIP_OFFSETS, _TILE_OFFSETS))
        return sum(entry.values for entry in listed if entry is not None)

    def one(self, tag: int, default: int | None = None) -> int:
        """The first number at `tag`."""
        if tag not in self._entries and default is not None:
            return default
        values = self.many(tag)
        if not values:
            raise malformed(f"no tag {tag}")
        return values[0]


class _Walk:
    """One pass over one file."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._order = _ORDERS[data[:4]]
        self._value_bytes = 0
        self._entries_left = MAX_PARTS

    def directories(self) -> Iterator[_Directory]:
        if len(self._data) < _HEADER_BYTES:
            raise truncated()
        (start,) = struct.unpack_from(f"{self._order}I", self._data, 4)
        seen: set[int] = set()
        while start:
            if start in seen or len(seen) >= _MAX_DIRECTORIES:
                raise malformed("directories without end")
            seen.add(start)
            entries, start = self._entries(start)
            yield _Directory(self._data, self._order, entries)
        if not seen:
            raise malformed("no directory")

    def _entries(self, start: int) -> tuple[dict[int, _Entry], int]:
        """One directory, and where the next one begins; 0 after the last."""
        data, order = self._data, self._order
        try:
            (count,) = struct.unpack_from(f"{order}H", data, start)
            self._entries_left -= count
            if count > _MAX_ENTRIES or self._entries_left < 0:
                raise malformed("too many entries")
            end = start + 2 + count * _ENTRY_BYTES
            (following,) = struct.unpack_from(f"{order}I", data, end)
        except struct.error as fault:
            raise truncated() from fault
        entries: dict[int, _Entry] = {}
        for position in range(start + 2, end, _ENTRY_BYTES):
            tag, kind, values, offset = struct.unpack_from(f"{order}HHII", data, position)
            entries[tag] = self._entry(kind, values, offset, position + 8)
        return entries, following

    def _entry(self, kind: int, count: int, offset: int, in_place: int) -> _Entry:
        size = _SIZES.get(kind, 1) * count
        if size <= _IN_PLACE_BYTES:
            return _Entry(kind, count, in_place)
        self._value_bytes += size
        if offset + size > len(self._data):
            raise truncated()
        if self._value_bytes > 2 * len(self._data):
            raise malformed("values that lie over each other")
        return _Entry(kind, count, offset)


# --- One page --------------------------------------------------------------------------------


def _page(index: int, directory: _Directory) -> Page:
    _check_kind(directory)
    width, height = directory.one(_WIDTH), directory.one(_HEIGHT)
    if width and height:
        _check_parts(directory, width, height)
    turn = directory.one(_ORIENTATION, UPRIGHT)
    return Page(index, width, height, turn if 1 <= turn <= 8 else UPRIGHT)  # noqa: PLR2004


def _check_kind(directory: _Directory) -> None:
    compression = directory.one(_COMPRESSION, _PLAIN)
    if _DNG_VERSION in directory:
        raise _foreign("from a camera's raw file (DNG)")
    if compression not in _COMPRESSIONS:
        name = _FOREIGN_COMPRESSIONS.get(compression, "another kind of")
        raise _foreign(f"with {name} compression")
    if directory.one(_PHOTOMETRIC, _WHITE_IS_ZERO) not in _PHOTOMETRICS:
        raise _foreign("in this colour space")
    depths = set(directory.many(_BITS, (1,)))
    formats = set(directory.many(_SAMPLE_FORMAT, (_UNSIGNED,)))
    if not depths <= _DEPTHS or formats != {_UNSIGNED}:
        raise _foreign("with samples of this kind")
    if not 1 <= directory.one(_SAMPLES, 1) <= _MAX_SAMPLES:
        raise _foreign("with this many samples a pixel")
    if compression == _PLAIN:
        _check_plain(directory)


def _check_plain(directory: _Directory) -> None:
    """The decoder takes for whole pixels what is written in groups, or in halves."""
    subsampling = directory.many(_SUBSAMPLING, (2, 2))[:2]
    if directory.one(_PHOTOMETRIC, _WHITE_IS_ZERO) == _YCBCR and subsampling != (1, 1):
        raise _foreign("with fewer samples of colour than of light, without compression,")
    is_deep = _DEEP in directory.many(_BITS, (1,))
    if is_deep and directory.one(_PLANES, 1) == _SEPARATE and _TILE_WIDTH not in directory:
        raise _foreign("with planes of 16 bits, without compression,")


class _Parts(NamedTuple):
    """Strips or tiles, which make up a page, plane after plane."""

    width_px: int
    height_px: int
    wanted: int
    places: tuple[int, ...]
    sizes: tuple[int, ...]


def _check_parts(directory: _Directory, width: int, height: int) -> None:
    """Whether all strips or tiles lie inside the file, and hold what they should."""
    parts = _parts(directory, width, height)
    count = parts.wanted
    if len(parts.places) < count or len(parts.sizes) < count:
        raise malformed(f"{len(parts.places)} of {count} parts")
    ends = map(int.__add__, parts.places[:count], parts.sizes[:count])
    if max(ends) > len(directory.data):
        raise truncated()
    if directory.one(_COMPRESSION, _PLAIN) == _JPEG:
        _check_jpeg(directory, parts, height)


def _parts(directory: _Directory, width: int, height: int) -> _Parts:
    planes = directory.one(_SAMPLES, 1) if directory.one(_PLANES, 1) == _SEPARATE else 1
    if _TILE_WIDTH in directory:
        across, down = directory.one(_TILE_WIDTH), directory.one(_TILE_HEIGHT)
        if not 0 < across * down <= max(_MAX_TILE_PX, 2 * width * height):
            raise malformed(f"tiles of {across}x{down}")
        count = -(-width // across) * -(-height // down) * planes
        places, sizes = directory.many(_TILE_OFFSETS), directory.many(_TILE_BYTES)
        return _Parts(across, down, count, places, sizes)
    rows = min(directory.one(_ROWS_PER_STRIP, height) or height, height)
    count = -(-height // rows) * planes
    places, sizes = directory.many(_STRIP_OFFSETS), directory.many(_STRIP_BYTES)
    return _Parts(width, rows, count, places, sizes)


def _check_jpeg(directory: _Directory, parts: _Parts, height: int) -> None:
    """Whether each part is a whole JPEG and as large as it should be.

    Of one that is smaller or cut off, the decoder would show the rest as it likes. The last
    strip of a plane may be as low as what is left of it.
    """
    is_tiled = _TILE_WIDTH in directory
    last_px = parts.height_px if is_tiled else height % parts.height_px or parts.height_px
    strips = parts.wanted if is_tiled else -(-height // parts.height_px)
    needed: dict[tuple[int, int], int] = {}
    for number, part in enumerate(zip(parts.places, parts.sizes, strict=False)):
        if number == parts.wanted:
            break
        rows = last_px if number % strips == strips - 1 else parts.height_px
        needed[part] = max(rows, needed.get(part, 0))
    if len(needed) > _MAX_JPEG_PARTS:
        raise malformed("too many strips or tiles of JPEG")
    for (start, size), rows in needed.items():
        found = jpeg.read(directory.data[start : start + size])
        if found.width_px != parts.width_px or found.height_px < rows:
            raise malformed(f"a JPEG of {found.width_px}x{found.height_px} as a part")
