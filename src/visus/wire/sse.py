"""Server-sent events: framing out, and a reader of other servers' framing.

The reader follows the WHATWG HTML standard, section 9.2.6: lines end with CR LF, LF or CR, a
leading byte order mark is skipped, comments and fields other than `data` are passed over,
several `data` lines of one event are joined by LF. It holds at most one unfinished event.
"""

from typing import Final

DONE: Final = b"data: [DONE]\n\n"
KEEP_ALIVE: Final = b": keep-alive\n\n"
_BOM: Final = b"\xef\xbb\xbf"


class EventTooLarge(ValueError):
    """One event is over the limit."""


def frame(payload: bytes) -> bytes:
    """One event that carries one line of data."""
    return b"data: %b\n\n" % payload


class EventReader:
    """Takes bytes as the network cuts them, gives the data of each event that they complete."""

    def __init__(self, *, max_event_bytes: int) -> None:
        self._max_event_bytes = max_event_bytes
        self._pieces: list[bytes] = []
        self._held_bytes = 0
        self._at_start = True

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of every event that `chunk` completes, in order; events without are skipped.

        Raises:
            EventTooLarge: an event that does not end within `max_event_bytes`.
        """
        if b"\n" not in chunk and b"\r" not in chunk and not self._ends_in_return():
            self._hold(chunk)
            return []
        text = b"".join((*self._pieces, chunk))
        if self._at_start:
            if _BOM.startswith(text[:3]) and len(text) < len(_BOM):
                self._pieces = [text]
                return []
            text = text.removeprefix(_BOM)
            self._at_start = False
        return self._complete(text)

    def _complete(self, text: bytes) -> list[bytes]:
        held = b""
        if b"\r" in text:
            if text.endswith(b"\r"):  # the LF that belongs to it may be on its way
                text, held = text[:-1], b"\r"
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        events, end, rest = text.rpartition(b"\n\n")
        self._pieces, self._held_bytes = [], 0
        self._hold(rest + held)
        return _payloads(events) if end else []

    def _hold(self, piece: bytes) -> None:
        self._held_bytes += len(piece)
        if self._held_bytes > self._max_event_bytes:
            raise EventTooLarge
        if piece:
            self._pieces.append(piece)

    def _ends_in_return(self) -> bool:
        return bool(self._pieces) and self._pieces[-1].endswith(b"\r")


def _payloads(events: bytes) -> list[bytes]:
    """The data of complete events, without the empty line behind the last."""
    # Most events are a single `data: ` line, and a stream has thousands of them. Taking every
    # other line for one, and seeing whether that makes the same bytes again, costs half of
    # searching for what stands between two events.
    found = [line[6:] for line in events.split(b"\n")[::2]]
    if b"data: " + b"\n\ndata: ".join(found) != events:
        found = [_data_of(event) for event in events.split(b"\n\n")]
    return found if all(found) else list(filter(None, found))


def _data_of(event: bytes) -> bytes:
    lines: list[bytes] = []
    for line in event.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            lines.append(value.removeprefix(b" "))
    return b"\n".join(lines)
