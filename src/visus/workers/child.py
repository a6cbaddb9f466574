"""What runs in a worker process: load, enter the sandbox, then one job after another.

Started by `pool` as `python -m visus.workers.child SOCKET_FD FRONT_PID SETTINGS ENTRY`, and the
entry's argument where it takes one. The entry loads its libraries, then the sandbox is entered,
then untrusted bytes come. An entry with an argument loads untrusted files: it enters the
sandbox first, which then still allows one socket to listen on.
"""

import os
import socket
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Final

import msgspec

from visus.errors import ServiceError
from visus.workers import channel, sandbox
from visus.workers.channel import Kind, Line, Streaming
from visus.workers.settings import WorkerSettings

EXIT_NOT_STARTED: Final = 3
_DETAIL_CHARS: Final = 500


def main(arguments: list[str]) -> int:
    """Serve until the front hangs up; the exit status says whether the entry loaded."""
    fd, front_pid, settings_json, entry, *argument = arguments
    sandbox.die_with_parent(int(front_pid))
    front = socket.socket(fileno=int(fd))
    try:
        sandbox.limit_resources(msgspec.json.decode(settings_json, type=WorkerSettings))
        if argument:
            sandbox.lock_down(front.fileno(), may_listen=True)
        handler = _load(entry, argument)
        missing = sandbox.lock_down(front.fileno())
    except Exception as fault:  # noqa: BLE001 - whatever it is, the front has to hear of it
        channel.write_frame(front, Kind.FAILED_AND_LEAVING, _describe(fault))
        return EXIT_NOT_STARTED
    channel.write_frame(front, Kind.READY, msgspec.json.encode(missing))
    _serve(front, handler)
    return 0


def _load(entry: str, argument: Sequence[str]) -> Callable[[bytes], object] | Streaming:
    module, _, name = entry.partition(":")
    handler: object = vars(import_module(module))[name](*argument)
    if isinstance(handler, Streaming) or callable(handler):
        return handler
    raise TypeError(f"{entry} returned no handler")


def _serve(front: socket.socket, handler: Callable[[bytes], object] | Streaming) -> None:
    line = Line(front)
    while (job := channel.read_job(front)) is not None:
        kind, payload = _run(handler, job, line)
        del job
        channel.write_frame(front, kind, payload)
        if kind is Kind.FAILED_AND_LEAVING:
            return


def _run(
    handler: Callable[[bytes], object] | Streaming, job: bytes, line: Line
) -> tuple[Kind, bytes]:
    try:
        if isinstance(handler, Streaming):
            handler.answer(job, line)
            return Kind.RESULT, b""
        result = handler(job)
    except ServiceError as error:
        return Kind.REFUSED, channel.pack_refusal(error)
    except MemoryError as fault:
        return Kind.FAILED_AND_LEAVING, _describe(fault)
    except Exception as fault:  # noqa: BLE001 - the edge: the front makes it a WorkerFailed
        return Kind.FAILED, _describe(fault)
    if not isinstance(result, bytes):
        return Kind.FAILED, b"the handler returned no bytes"
    return Kind.RESULT, result


def _describe(fault: Exception) -> bytes:
    return f"{type(fault).__name__}: {fault}"[:_DETAIL_CHARS].encode(errors="replace")


if __name__ == "__main__":
    status = main(sys.argv[1:])
    # No clean-up of libraries: their threads and destructors have crashed at exit before.
    os._exit(status)
