"""The message to a worker that handles files: the task in JSON, then the file.

Known to both sides of the process boundary.
"""

import struct
from typing import Final, TypeVar

import msgspec

_HEADER: Final = struct.Struct("<I")
_Task = TypeVar("_Task", bound=msgspec.Struct)


def pack_job(data: bytes, task: msgspec.Struct) -> bytes:
    """A job for a worker's handler: a whole file, and what is to become of it."""
    header = msgspec.json.encode(task)
    return b"".join((_HEADER.pack(len(header)), header, data))


def unpack_job(job: bytes, kind: type[_Task]) -> tuple[memoryview, _Task]:
    """The file, not copied, and what is to become of it, which is a `kind`."""
    (size,) = _HEADER.unpack_from(job)
    start = _HEADER.size + size
    return memoryview(job)[start:], msgspec.json.decode(job[_HEADER.size : start], type=kind)
