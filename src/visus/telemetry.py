"""The log: one JSON object a line, one wide record a request, no secret in any.

Prompts, answers, pictures, keys and URLs are never fields. What may be logged of an error is
its class, its code and its `detail`, once, in the record of its request.
"""

import asyncio
import atexit
import json
import logging
import sys
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

import msgspec
from typing_extensions import override

GATHER_S: Final = 0.02
"""How long records of requests wait for others, with which they are written at once."""
log: Final = logging.getLogger("visus")
_encoder: Final = msgspec.json.Encoder(enc_hook=str)


class Line(msgspec.Struct):
    """How every line of the log begins."""

    time: str
    level: str
    event: str


_gathered: Final[list[Line | msgspec.Raw]] = []


class JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _stamp(record.created),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        fields = record.__dict__.get("fields")
        if isinstance(fields, dict):
            line |= fields
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return _ascii(_encoder.encode(line)).decode()


def set_up(level: str = "INFO") -> None:
    """Sends every logger's records to standard error, as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    log.setLevel(level)


def event(name: str, fields: Mapping[str, object]) -> None:
    """Logs that `name` happened."""
    if log.isEnabledFor(logging.INFO):
        line = {"time": _stamp(time.time()), "level": "info", "event": name, **fields}
        _gather(msgspec.Raw(_encoder.encode(line)))


def log_record(record: Line) -> None:
    """Logs a record, which must not be changed any more.

    Every request ends here, so the line goes to the same stream as all others but not through
    the machinery of `logging`, which costs four times as much; and within a loop, where many
    requests may end in a moment, not by itself.
    """
    if log.isEnabledFor(logging.INFO):
        record.time = _stamp(time.time())
        _gather(record)


def _gather(line: Line | msgspec.Raw) -> None:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # a thread, or nobody who would come back to it
        _write([line])
        return
    if not _gathered:
        loop.call_later(GATHER_S, write_gathered)
    _gathered.append(line)


@atexit.register
def write_gathered() -> None:
    """Writes what has been gathered in the loop."""
    lines = _gathered.copy()
    del _gathered[: len(lines)]  # a thread may call this while the loop adds another
    if lines:
        _write(lines)


def _write(lines: Sequence[Line | msgspec.Raw]) -> None:
    written = _encoder.encode_lines(lines)
    if not written.isascii():
        written = b"\n".join(map(_ascii, written.split(b"\n")))
    try:
        sys.stderr.buffer.write(written)
        sys.stderr.buffer.flush()
    except OSError:
        return  # a full disk costs the records, not the answers


def _ascii(line: bytes) -> bytes:
    """The same JSON in ASCII: a path may hold what some readers take for the end of a line."""
    return line if line.isascii() else json.dumps(msgspec.json.decode(line)).encode()


def _stamp(seconds: float) -> str:
    return f"{_whole(int(seconds))}.{int(seconds % 1 * 1000):03d}Z"


@lru_cache(maxsize=2)
def _whole(seconds: int) -> str:
    """Most lines are written in the same second as the line before."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def failure(name: str, fault: BaseException, **fields: object) -> None:
    """Logs a fault in Visus, with its traceback."""
    write_gathered()
    log.error(name, exc_info=fault, extra={"fields": fields})
