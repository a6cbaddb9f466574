"""The log: one JSON object a line, one wide record a request, no secret in any.

Prompts, answers, pictures, keys and URLs are never fields. What may be logged of an error is
its class, its code and its `detail`, once, in the record of its request.
"""

import json
import logging
import sys
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import msgspec
from typing_extensions import override

log: Final = logging.getLogger("visus")
_encode: Final = msgspec.json.Encoder(enc_hook=str).encode


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
        return _ascii(_encode(line)).decode()


def set_up(level: str = "INFO") -> None:
    """Sends every logger's records to standard error, as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    log.setLevel(level)


def event(name: str, fields: Mapping[str, object]) -> None:
    """Logs that `name` happened.

    Every request ends here, so the line goes to the same stream as all others but not through
    the machinery of `logging`, which costs four times as much.
    """
    if log.isEnabledFor(logging.INFO):
        line = _encode({"time": _stamp(time.time()), "level": "info", "event": name, **fields})
        try:
            sys.stderr.buffer.write(_ascii(line) + b"\n")
            sys.stderr.buffer.flush()
        except OSError:
            return  # a full disk costs the record, not the answer


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
    """Logs a fault of ours, with its traceback."""
    log.error(name, exc_info=fault, extra={"fields": fields})
