"""The layout of a picture in boxes: HEIC (ISO/IEC 23008-12) and AVIF.

Only the boxes that say where the items lie and what the primary one is like are read. Nothing
is decoded, so an item's coded data may still lie about its size: of AV1 its header is asked, of
HEVC whoever decodes has to look again. Nesting has a fixed depth here, and every list a longest
length.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, NamedTuple

from visus.errors import ImageFormatRejected, MediaRejected
from visus.media import av1
from visus.media.layout import Kept, Layout, malformed, truncated

_MAX_BOXES: Final = 4_096
_MAX_ITEMS: Final = 2_048
_MAX_EXTENTS: Final = 64
"""Pieces that one item lies in; nearly always one."""
_MAX_TILES: Final = 1_024
_MAX_LINKS: Final = 16_384
"""Pieces, properties of items and references between items, all together."""
_BIG_SIZE: Final = 1
_TO_THE_END: Final = 0
_AV1: Final = b"av01"
_CODED: Final = frozenset({b"hvc1", _AV1})
_DERIVED: Final = frozenset({b"grid", b"iovl", b"iden"})
_CANVAS_COLOUR_BYTES: Final = 8
_TYPED_ITEMS: Final = 2
"""From this version on, an item's entry says its type."""
_FROM_FILE: Final = 0
_FROM_IDAT: Final = 1
_WIDE_ITEMS: Final = 2
"""From this version on, `iloc` has ids of 32 bits."""
_MOST_WORK: Final = 3
_SPARE_PX: Final = 4_000_000
"""At most so many pixels are decoded for each one that is seen, and these besides: tiles
reach over the edge, and transparency is a picture of its own."""
_TURNS: Final[Mapping[tuple[int, int | None], int]] = {
    (0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6,
    (0, 0): 4, (1, 0): 5, (2, 0): 2, (3, 0): 7,
    (0, 1): 2, (1, 1): 7, (2, 1): 4, (3, 1): 5,
}  # fmt: skip
"""Quarter turns against the clock, then a flip (0 upside down, 1 left to right), as Exif
numbers it."""


class Crop(NamedTuple):
    """What remains of a picture before it is turned, in pixels."""

    left: int
    top: int
    right: int
    bottom: int


class _Box(NamedTuple):
    kind: bytes
    start: int
    """Where its contents begin."""
    end: int


class _Cursor:
    """Reads numbers one after another, and never past `end`."""

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self._data = data
        self._end = end
        self.position = start

    def number(self, size: int) -> int:
        """The next `size` bytes, high byte first; 0 where there are none."""
        start, self.position = self.position, self.position + size
        if self.position > self._end:
            raise truncated()
        return int.from_bytes(self._data[start : self.position])

    def version(self) -> tuple[int, int]:
        """Version and flags of a full box."""
        return self.number(1), self.number(3)


class _Items:
    """What the `meta` box says: the items, where they lie and what they are like."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.primary = -1
        self.kinds: dict[int, bytes] = {}
        self.places: dict[int, list[tuple[int, int]]] = {}
        """Where the bytes of each item lie, as stretches of the file."""
        self.properties: dict[int, list[_Box]] = {}
        self.sources: dict[int, list[int]] = {}
        """What each derived item is made from."""
        self.helpers: dict[int, list[int]] = {}
        """What belongs to an item, such as its transparency."""

    def _property(self, item: int, kind: bytes) -> _Cursor | None:
        for box in self.properties.get(item, ()):
            if box.kind == kind:
                return _Cursor(self._data, box.start, box.end)
        return None

    def size(self, item: int) -> tuple[int, int]:
        """Width and height in pixels, before it is cut down and turned."""
        extent = self._property(item, b"ispe")
        if extent is None:
            raise malformed("an item without a size")
        extent.version()
        return extent.number(4), extent.number(4)

    def orientation(self) -> int:
        """How the primary item lies, as Exif numbers it."""
        rotation = self._property(self.primary, b"irot")
        mirror = self._property(self.primary, b"imir")
        quarters = rotation.number(1) & 3 if rotation else 0
        return _TURNS[quarters, mirror.number(1) & 1 if mirror else None]

    def crop(self) -> Crop | None:
        """What the primary item is cut down to."""
        aperture = self._property(self.primary, b"clap")
        if aperture is None:
            return None
        width, height, right, down = (
            _fraction(aperture.number(4), aperture.number(4)) for _ in range(4)
        )
        whole = self.size(self.primary)
        left = int(right + (whole[0] - width) / 2)
        top = int(down + (whole[1] - height) / 2)
        window = Crop(left, top, left + int(width), top + int(height))
        if not (0 <= left < window.right <= whole[0] and 0 <= top < window.bottom <= whole[1]):
            raise malformed("a crop outside the picture, or of nothing")
        return window

    def coded_pixels(self, item: int) -> int:
        """How many pixels a decoder of the item draws, by what it says and by what it holds."""
        width, height = self.size(item)
        if self.kinds.get(item) != _AV1:
            return width * height
        places = self.places.get(item, [])
        if len(places) == 1:
            coded = av1.largest(self._data, *places[0])
        else:
            own = self.bytes_of(item)
            coded = av1.largest(own, 0, len(own))
        return max(width * height, coded[0] * coded[1])

    def bytes_of(self, item: int) -> bytes:
        """An item's own bytes."""
        return b"".join(self._data[start:end] for start, end in self.places.get(item, ()))


def _fraction(numerator: int, denominator: int) -> Fraction:
    if not denominator:
        raise malformed("a fraction over nothing")
    return Fraction(_signed(numerator), denominator)


def _signed(value: int) -> int:
    return value - (1 << 32) if value >> 31 else value


class _Walk:
    """One pass over one file."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._boxes_left = _MAX_BOXES
        self._links_left = _MAX_LINKS
        self._boxes: dict[bytes, _Box] = {}
        """The first box of each kind at the top."""
        self.end = 0
        """Where the last whole box ends."""
        try:
            for box in self._within(0, len(data)):
                self._boxes.setdefault(box.kind, box)
                self.end = box.end
        except MediaRejected:
            if b"meta" not in self._boxes:
                raise

    def items(self) -> _Items:
        """Read the `meta` box.

        Raises:
            ImageFormatRejected: the primary item is coded in a way that is not accepted.
            MediaRejected: no primary item, or boxes that make no sense.
        """
        if b"meta" not in self._boxes:
            raise malformed("no meta box")
        meta = self._boxes[b"meta"]
        children = {box.kind: box for box in self._within(meta.start + 4, meta.end)}
        if not children.keys() >= {b"pitm", b"iinf", b"iloc", b"iprp"}:
            raise malformed("no items")
        items = _Items(self._data)
        items.primary = self._primary(children[b"pitm"])
        items.kinds = self._kinds(children[b"iinf"])
        items.places = self._places(children[b"iloc"], children.get(b"idat"))
        items.properties = self._properties(children[b"iprp"])
        if b"iref" in children:
            self._references(children[b"iref"], items)
        if items.kinds.get(items.primary) not in _CODED | _DERIVED:
            raise ImageFormatRejected("HEIF with this kind of picture inside is not accepted.")
        return items

    def samples(self) -> int:
        """How many frames the longest track has; 1 without tracks."""
        return max([1, *(self._sample_count(box) for box in self._tables(b"stsz"))])

    def track_pixels(self) -> int:
        """How many pixels a decoder of the tracks draws for a frame, by what begins them."""
        found = [0]
        for kind, width in ((b"stco", 4), (b"co64", 8)):
            for box in self._tables(kind):
                cursor = self._cursor(box)
                cursor.number(4)
                count = cursor.number(4)
                self._count_links(count)
                for _ in range(count):
                    across, down = av1.largest(self._data, cursor.number(width), self.end)
                    found.append(across * down)
        return max(found)

    def _tables(self, kind: bytes) -> list[_Box]:
        """The boxes of this kind about the samples of all tracks."""
        found = [self._boxes[b"moov"]] if b"moov" in self._boxes else []
        for step in (b"trak", b"mdia", b"minf", b"stbl", kind):
            found = [
                child
                for parent in found
                for child in self._within(parent.start, parent.end)
                if child.kind == step
            ]
        return found

    def _sample_count(self, box: _Box) -> int:
        cursor = self._cursor(box)
        cursor.number(8)
        return cursor.number(4)

    def _within(self, start: int, end: int) -> Iterator[_Box]:
        while start < end:
            self._boxes_left -= 1
            if self._boxes_left < 0:
                raise malformed("too many boxes")
            cursor = _Cursor(self._data, start, end)
            size, kind = cursor.number(4), cursor.number(4).to_bytes(4)
            if size == _BIG_SIZE:
                size = cursor.number(8)
            elif size == _TO_THE_END:
                size = end - start
            if start + size > end:
                raise truncated()
            if start + size < cursor.position:
                raise malformed("a box that ends before it begins")
            yield _Box(kind, cursor.position, start + size)
            start += size

    def _count_links(self, count: int) -> None:
        self._links_left -= count
        if self._links_left < 0:
            raise malformed("too many links")

    def _cursor(self, box: _Box) -> _Cursor:
        return _Cursor(self._data, box.start, box.end)

    def _primary(self, box: _Box) -> int:
        cursor = self._cursor(box)
        version, _ = cursor.version()
        return cursor.number(4 if version else 2)

    def _kinds(self, box: _Box) -> dict[int, bytes]:
        cursor = self._cursor(box)
        version, _ = cursor.version()
        if cursor.number(4 if version else 2) > _MAX_ITEMS:
            raise malformed("too many items")
        kinds: dict[int, bytes] = {}
        for entry in self._within(cursor.position, box.end):
            inner = self._cursor(entry)
            version, _ = inner.version()
            if version >= _TYPED_ITEMS:
                item = inner.number(2 if version == _TYPED_ITEMS else 4)
                inner.number(2)
                kinds[item] = inner.number(4).to_bytes(4)
        return kinds

    def _places(self, box: _Box, idat: _Box | None) -> dict[int, list[tuple[int, int]]]:
        cursor = self._cursor(box)
        version, _ = cursor.version()
        sizes, more_sizes = cursor.number(1), cursor.number(1)
        reader = _Extents(
            offset_bytes=sizes >> 4,
            length_bytes=sizes & 15,
            base_bytes=more_sizes >> 4,
            index_bytes=more_sizes & 15 if version else 0,
            version=version,
        )
        count = cursor.number(4 if version >= _WIDE_ITEMS else 2)
        if count > _MAX_ITEMS:
            raise malformed("too many items")
        places: dict[int, list[tuple[int, int]]] = {}
        total = 0
        for _ in range(count):
            item, stretches = reader.item(cursor, idat, file_bytes=self.end)
            self._count_links(len(stretches))
            total += sum(end - start for start, end in stretches)
            if total > 2 * len(self._data):
                raise malformed("items that lie over each other")
            places[item] = stretches
        return places

    def _properties(self, box: _Box) -> dict[int, list[_Box]]:
        container: list[_Box] = []
        found: dict[int, list[_Box]] = {}
        for child in self._within(box.start, box.end):
            if child.kind == b"ipco":
                container = list(self._within(child.start, child.end))
            elif child.kind == b"ipma":
                self._associate(child, container, found)
        return found

    def _associate(
        self, box: _Box, container: list[_Box], found: dict[int, list[_Box]]
    ) -> None:
        cursor = self._cursor(box)
        version, flags = cursor.version()
        count = cursor.number(4)
        if count > _MAX_ITEMS:
            raise malformed("too many items")
        width = 2 if flags & 1 else 1
        for _ in range(count):
            mine = found.setdefault(cursor.number(4 if version else 2), [])
            links = cursor.number(1)
            self._count_links(links)
            for _ in range(links):
                index = cursor.number(width) & ((1 << (8 * width - 1)) - 1)
                if index > len(container):
                    raise malformed("a property that is not there")
                if index:
                    mine.append(container[index - 1])

    def _references(self, box: _Box, items: _Items) -> None:
        cursor = self._cursor(box)
        version, _ = cursor.version()
        width = 4 if version else 2
        for reference in self._within(cursor.position, box.end):
            inner = self._cursor(reference)
            source, count = inner.number(width), inner.number(2)
            if reference.kind not in {b"dimg", b"auxl"}:
                continue
            if count > _MAX_TILES:
                raise malformed("too many tiles")
            self._count_links(count)
            targets = [inner.number(width) for _ in range(count)]
            if reference.kind == b"dimg":
                items.sources.setdefault(source, []).extend(targets)
            else:
                for target in targets:
                    items.helpers.setdefault(target, []).append(source)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Extents:
    """How a file writes down where its items lie."""

    offset_bytes: int
    length_bytes: int
    base_bytes: int
    index_bytes: int
    version: int

    def item(
        self, cursor: _Cursor, idat: _Box | None, *, file_bytes: int
    ) -> tuple[int, list[tuple[int, int]]]:
        """The next item and its stretches of the file."""
        number = cursor.number(4 if self.version >= _WIDE_ITEMS else 2)
        method = cursor.number(2) & 15 if self.version else _FROM_FILE
        if cursor.number(2):
            raise malformed("an item in another file")
        start, end = 0, file_bytes
        if method == _FROM_IDAT and idat is not None:
            start, end = idat.start, idat.end
        elif method != _FROM_FILE:
            raise malformed(f"an item by method {method}")
        start += cursor.number(self.base_bytes)
        count = cursor.number(2)
        if count > _MAX_EXTENTS:
            raise malformed("an item in too many pieces")
        return number, [self._extent(cursor, start, end) for _ in range(count)]

    def _extent(self, cursor: _Cursor, base: int, limit: int) -> tuple[int, int]:
        cursor.number(self.index_bytes)
        start = base + cursor.number(self.offset_bytes)
        length = cursor.number(self.length_bytes)
        end = start + length if length else limit
        if end > limit or start > end:
            raise truncated()
        return start, end


def read_avif(data: bytes) -> Layout:
    """Walk the boxes; the frames are those of the longest track."""
    walk = _Walk(data)
    layout = _layout(walk, frames=walk.samples())
    _check_drawn(walk.track_pixels(), layout.width_px * layout.height_px)
    return layout


def read_heic(data: bytes) -> Layout:
    """Walk the boxes. Only the primary picture counts: tracks are not decoded."""
    return _layout(_Walk(data), frames=1)


def _layout(walk: _Walk, *, frames: int) -> Layout:
    items = walk.items()
    width, height = items.size(items.primary)
    _check_derived(items)
    _check_work(items, width * height)
    window = items.crop()
    if window is not None:
        width, height = window.right - window.left, window.bottom - window.top
    kept = Kept()
    kept.keep(0, walk.end)
    return Layout(
        width,
        height,
        kept,
        frames=frames,
        is_animated=frames > 1,
        orientation=items.orientation(),
    )


def crop(data: bytes) -> Crop | None:
    """What the primary item is cut down to, if it is."""
    return _Walk(data).items().crop()


# --- What a decoder would have to do ---------------------------------------------------------


def _check_derived(items: _Items) -> None:
    """Whether a picture made of others is as large as it says, and made of coded ones."""
    kind = items.kinds[items.primary]
    if kind in _CODED:
        return
    sources = items.sources.get(items.primary, [])
    if not sources or any(items.kinds.get(source) not in _CODED for source in sources):
        raise malformed("a picture made of nothing, or of made ones")
    if kind == b"iden":
        return
    own = items.bytes_of(items.primary)
    cursor = _Cursor(own, 0, len(own))
    _, flags = cursor.number(1), cursor.number(1)
    if kind == b"grid":
        rows, columns = cursor.number(1) + 1, cursor.number(1) + 1
        if rows * columns != len(sources):
            raise malformed(f"{len(sources)} tiles for {rows}x{columns}")
    else:
        cursor.number(_CANVAS_COLOUR_BYTES)
    width = 4 if flags & 1 else 2
    if (cursor.number(width), cursor.number(width)) != items.size(items.primary):
        raise malformed("two sizes")


def _check_work(items: _Items, pixels: int) -> None:
    """Whether all that has to be decoded stands in proportion to what is seen."""
    needed = {items.primary, *items.sources.get(items.primary, ())}
    for item in [*needed]:
        for helper in items.helpers.get(item, ()):
            needed |= {helper, *items.sources.get(helper, ())}
    work = sum(items.coded_pixels(item) for item in needed if items.kinds.get(item) in _CODED)
    _check_drawn(work, pixels)


def _check_drawn(drawn: int, pixels: int) -> None:
    if drawn > _MOST_WORK * pixels + _SPARE_PX:
        raise malformed(f"{drawn} pixels to decode for {pixels}")
