"""Finds the metadata in a WebM or Matroska file (RFC 9559).

Only elements that are needed to play the tracks are left alone; `Tags`, `Attachments`,
`Chapters`, titles, dates, names and whatever else there is become `Void`, the element for
unused space, of the same size. The names of the programs that wrote the file have to be there
and become empty.

What is inside the coded pictures and sounds stays. Walks hostile bytes: every count is bounded.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from visus.media.cleaning import Allowance, Blank, Blanks, Uncleanable

_MAX_ELEMENTS: Final = 200_000
_VOID: Final = b"\xec"
_SHORT_VOID: Final = 128
"""Up to here one byte says how long a `Void` is, its first two bytes included."""
_LONG_SIZE_BYTES: Final = 8
_HEADER: Final = 0x1A45DFA3
_SEGMENT: Final = 0x18538067
_SEEK_HEAD: Final = 0x114D9B74
_INFO: Final = 0x1549A966
_TRACKS: Final = 0x1654AE6B
_CLUSTER: Final = 0x1F43B675
_CUES: Final = 0x1C53BB6B
_TAGS: Final = 0x1254C367
_ATTACHMENTS: Final = 0x1941A469
_CHAPTERS: Final = 0x1043A770
_TOP: Final = frozenset({
    _SEEK_HEAD, _INFO, _TRACKS, _CLUSTER, _CUES, _TAGS, _ATTACHMENTS, _CHAPTERS,
})  # fmt: skip
"""Elements of the segment itself: where one begins, a cluster of unknown length ends."""
_STAYING: Final = frozenset({_SEEK_HEAD, _INFO, _TRACKS, _CLUSTER, _CUES})
_SEEK: Final = 0x4DBB
_SEEK_ID: Final = 0x53AB
_TIMESTAMP_SCALE: Final = 0x2AD7B1
_DURATION: Final = 0x4489
_PROGRAMS: Final = frozenset({0x4D80, 0x5741})
"""`MuxingApp` and `WritingApp`."""
_TRACK_ENTRY: Final = 0xAE
_TRACK_TYPE: Final = 0x83
_TRACK_TEXTS: Final = frozenset({
    0x536E, 0x258688, 0x3A9697, 0x3B4040, 0x26B240, 0x7446,
})  # fmt: skip
"""Names, of the track and of its codec, settings, addresses, and a link to an attachment."""
_TYPES: Final = frozenset({1, 2, 17})
"""Pictures, sounds, subtitles."""
_UNUSED: Final = frozenset({0xBF, 0xEC})
"""A checksum of its parent, which holds no more once anything in there has changed; and what
is unused already, whatever it hides."""


class _Element(NamedTuple):
    name: int
    """Its id, length marker and all."""
    start: int
    body: int
    end: int
    is_open: bool = False
    """Whether it does not say how long it is."""


def blanks(data: memoryview) -> list[Blank]:
    """The stretches to overwrite, by `cleaning.cleaned`.

    Raises:
        Uncleanable: the elements make no sense to us, though a player may show the file.
    """
    return _Walk(data).blanks()


class _Walk:
    """One pass over one file."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._blanks = Blanks(data)
        self._elements = Allowance(_MAX_ELEMENTS, "elements")
        self._pictures = 0

    def blanks(self) -> list[Blank]:
        for element in self._within(0, len(self._data)):
            if element.name == _SEGMENT:
                self._segment(element)
            elif element.name != _HEADER:
                self._void(element)
        if not self._pictures:
            raise Uncleanable("no picture track")
        return self._blanks.found

    def _segment(self, segment: _Element) -> None:
        start = segment.body
        while start < segment.end:
            element = self._at(start, segment.end)
            start = element.end
            if element.name == _CLUSTER and element.is_open:
                start = self._end_of_cluster(element)
            elif element.is_open:
                raise Uncleanable("an element of unknown length")
            elif element.name not in _STAYING:
                self._void(element)
            elif element.name == _SEEK_HEAD:
                self._seek_head(element)
            elif element.name == _INFO:
                self._info(element)
            elif element.name == _TRACKS:
                self._tracks(element)

    def _end_of_cluster(self, cluster: _Element) -> int:
        place = cluster.body
        while place < cluster.end:
            element = self._at(place, cluster.end)
            if element.name in _TOP:
                break
            if element.is_open:
                raise Uncleanable("an element of unknown length")
            place = element.end
        return place

    def _seek_head(self, head: _Element) -> None:
        """Nothing points to what is gone."""
        for seek in self._within(head.body, head.end):
            if seek.name != _SEEK or self._target(seek) not in _STAYING:
                self._void(seek)

    def _target(self, seek: _Element) -> int | None:
        parts = {part.name: part for part in self._within(seek.body, seek.end)}
        return self._number(parts[_SEEK_ID]) if _SEEK_ID in parts else None

    def _info(self, info: _Element) -> None:
        for element in self._within(info.body, info.end):
            if element.name in _PROGRAMS:
                self._blanks.add(element.body, element.end)
            elif element.name not in {_TIMESTAMP_SCALE, _DURATION}:
                self._void(element)

    def _tracks(self, tracks: _Element) -> None:
        for entry in self._within(tracks.body, tracks.end):
            if entry.name == _TRACK_ENTRY:
                self._track(entry)
            else:
                self._void(entry)

    def _track(self, entry: _Element) -> None:
        for element in self._within(entry.body, entry.end):
            if element.name == _TRACK_TYPE:
                kind = self._number(element)
                if kind not in _TYPES:
                    raise Uncleanable("a track that is neither seen nor heard nor read")
                self._pictures += kind == 1
            elif element.name in _TRACK_TEXTS | _UNUSED:
                self._void(element)

    def _void(self, element: _Element) -> None:
        size = element.end - element.start
        if size <= _SHORT_VOID:
            head = _VOID + bytes([0x80 | (size - 2)])
        else:
            length = size - 1 - _LONG_SIZE_BYTES
            head = _VOID + b"\x01" + length.to_bytes(_LONG_SIZE_BYTES - 1)
        self._blanks.add(element.start, element.end, head)

    # --- Elements ----------------------------------------------------------------------------

    def _within(self, start: int, end: int) -> Iterator[_Element]:
        while start < end:
            element = self._at(start, end)
            if element.is_open and element.name != _SEGMENT:
                raise Uncleanable("an element of unknown length")
            yield element
            start = element.end

    def _at(self, start: int, end: int) -> _Element:
        self._elements.take()
        id_bytes = self._width(start, end, most=4)
        name = int.from_bytes(self._data[start : start + id_bytes])
        place = start + id_bytes
        size_bytes = self._width(place, end, most=8)
        body = place + size_bytes
        marker = 1 << 7 * size_bytes
        size = int.from_bytes(self._data[place:body]) - marker
        if size == marker - 1:
            return _Element(name, start, body, end, is_open=True)
        if body + size > end:
            raise Uncleanable("an element that ends after its parent")
        return _Element(name, start, body, body + size)

    def _width(self, start: int, end: int, *, most: int) -> int:
        """How many bytes a number has, by the leading zeros of its first."""
        first = self._data[start] if start < end else 0
        width = 9 - first.bit_length()
        if width > most or start + width > end:
            raise Uncleanable("no number where one has to be")
        return width

    def _number(self, element: _Element) -> int:
        """The element's content."""
        return int.from_bytes(self._data[element.body : min(element.end, element.body + 8)])
