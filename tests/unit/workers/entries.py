"""Entries for the workers of these tests: each runs in a process of its own."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from visus.errors import MediaRejected
from visus.workers.channel import Line, Streaming

Handler = Callable[[bytes], bytes]


def obedient() -> Handler:
    """Does what the job says."""
    return _obey


def _obey(job: bytes) -> bytes:
    word, _, rest = job.partition(b" ")
    return ACTIONS[word.decode()](rest)


def _segfault(_: bytes) -> bytes:
    ctypes.string_at(0)
    return b""


def _die_by_signal(_: bytes) -> bytes:
    os.kill(os.getpid(), signal.SIGKILL)
    return b""


def _exit(_: bytes) -> bytes:
    os._exit(7)


def _hang(seconds: bytes) -> bytes:
    time.sleep(float(seconds))
    return b"awake"


def _eat(_: bytes) -> bytes:
    hoard = []
    while True:
        hoard.append(bytearray(os.urandom(1 << 20)) * 16)
        time.sleep(0.001)


def _refuse(_: bytes) -> bytes:
    raise MediaRejected("Not this one.", param="messages[0]", detail="private")


def _raise(_: bytes) -> bytes:
    raise ValueError("a secret at 0x7f")


def _exhaust(_: bytes) -> bytes:
    raise MemoryError


def _environment(_: bytes) -> bytes:
    return "\n".join(f"{k}={v}" for k, v in sorted(os.environ.items())).encode()


def _connect(port: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", int(port)), timeout=1):
        return b"connected"


def _attempts(folder: bytes) -> bytes:
    """Everything that must not work, with what came of it."""
    target = Path(folder.decode())
    attempts: dict[str, Callable[[], object]] = {
        "inet socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
        "unix socket": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
        "socket pair": socket.socketpair,
        "run": lambda: subprocess.run(["/bin/true"], check=True),
        "fork": os.fork,
        "write": lambda: (target / "new").write_text("x"),
        "remove": (target / "kept").unlink,
        "rename": lambda: (target / "kept").rename(target / "moved"),
        "signal": lambda: os.kill(os.getppid(), 0),
        "memfd": lambda: os.memfd_create("x"),
    }
    return "\n".join(f"{name}: {_try(attempt)}" for name, attempt in attempts.items()).encode()


def _try(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except PermissionError:
        return "refused"
    except Exception as fault:  # noqa: BLE001 - it is the answer
        return f"{type(fault).__name__}: {fault}"
    return "WORKED"


def _thread(_: bytes) -> bytes:
    seen: list[int] = []
    threads = [threading.Thread(target=seen.append, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return str(sum(seen)).encode()


def _limits(_: bytes) -> bytes:
    import resource  # noqa: PLC0415 - importing after the lock-down has to work too

    core = resource.getrlimit(resource.RLIMIT_CORE)[1]
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    size = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    return f"{core} {files} {size} {nice} {os.getsid(0) == os.getpid()}".encode()


ACTIONS: dict[str, Handler] = {
    "echo": bytes,
    "pid": lambda _: str(os.getpid()).encode(),
    "length": lambda rest: str(len(rest)).encode(),
    "zeros": lambda count: bytes(int(count)),
    "exit": _exit,
    "kill": _die_by_signal,
    "segv": _segfault,
    "hang": _hang,
    "eat": _eat,
    "refuse": _refuse,
    "raise": _raise,
    "exhaust": _exhaust,
    "environment": _environment,
    "connect": _connect,
    "attempts": _attempts,
    "thread": _thread,
    "limits": _limits,
    "text": lambda _: "not bytes",  # type: ignore[dict-item,return-value]
}


def broken() -> Handler:
    raise RuntimeError("no model here")


def stillborn() -> Handler:
    sys.exit(4)


def slow() -> Handler:
    time.sleep(60)
    return _obey


def mortal() -> Handler:
    """Starts well, then ends by itself after a moment."""
    threading.Timer(0.1, os._exit, (9,)).start()
    return _obey


def talkative(argument: str = "") -> Streaming:
    """Answers piece by piece: `count 3` says 0, 1 and 2, `forever` goes on."""

    def answer(job: bytes, line: Line) -> None:
        word, _, rest = job.partition(b" ")
        if word == b"argument":
            line.send(argument.encode())
        elif word == b"refuse":
            line.send(b"so far")
            _refuse(b"")
        elif word == b"hang":
            line.send(b"awake")
            time.sleep(60)
        elif word == b"die":
            line.send(b"so far")
            os._exit(7)
        else:
            limit = int(rest or b"1000000000")
            number = 0
            while number < limit and line.is_wanted:
                line.send(b"%d" % number)
                number += 1

    return Streaming(answer)


def listening(argument: str) -> Handler:
    """What may be done while an entry with an argument loads: the number of each refusal."""
    said: list[str] = []

    def attempt(name: str, deed: Callable[[], object]) -> None:
        try:
            deed()
            said.append(f"{name} ok")
        except OSError as fault:
            said.append(f"{name} {fault.errno}")

    attempt("inet", lambda: socket.socket(socket.AF_INET).close())
    door = socket.socket(socket.AF_UNIX)
    attempt("bind", lambda: door.bind(argument))
    attempt("listen", door.listen)
    door.setblocking(False)
    attempt("accept", door.accept)
    attempt("connect", lambda: socket.socket(socket.AF_UNIX).connect(argument))
    attempt("write", lambda: Path(argument + ".file").write_text("x"))
    attempt("start", lambda: subprocess.run(["/bin/true"], check=True))

    def after(_: bytes) -> bytes:
        attempt("later socket", lambda: socket.socket(socket.AF_UNIX).close())
        attempt("later accept", door.accept)
        return ", ".join(said).encode()

    return after


def greedy() -> Handler:
    """Takes all memory before it is ready."""
    _eat(b"")
    return _obey
