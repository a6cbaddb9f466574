"""Somebody on loopback who is told of ends, and who answers as the path says.

`/204/…` is answered 204; `/500,500,204/…` is answered 500 twice and 204 from then on; beside
statuses there are `hang`, `reset`, `garbage` and `endless`, each a word for what it does.
"""

import json
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import parse_headers
from io import BytesIO
from typing import Any, Self

ELSEWHERE = "/204/where-a-redirect-leads"


@dataclass(frozen=True)
class Heard:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes
    at_s: float = field(default_factory=time.time)

    def json(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """Listens in threads; `heard` is what came, in its order."""

    def __init__(self, address: str = "127.0.0.1", port: int = 0) -> None:
        self._listener = socket.create_server((address, port))
        self.address = address
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://{address}:{self.port}"
        self.heard: list[Heard] = []
        self.connections = 0
        self.released = threading.Event()
        """Set: whoever hangs answers 204."""
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def at(self, path: str) -> list[Heard]:
        """What came there."""
        return [one for one in list(self.heard) if one.path == path]

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        with line, suppress(OSError, ValueError):
            heard = _read(line)
            with self._lock:
                self.heard.append(heard)
                times = len(self.at(heard.path))
            words = heard.path.split("/")[1].split(",")
            self._answer(line, words[min(times, len(words)) - 1])

    def _answer(self, line: socket.socket, word: str) -> None:
        match word:
            case "hang":
                self.released.wait(20)
                line.sendall(_head(204))
            case "reset":
                return
            case "garbage":
                line.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
            case "endless":
                line.sendall(_head(200, "Transfer-Encoding: chunked"))
                while True:
                    line.sendall(b"4\r\nmore\r\n")
                    time.sleep(0.01)
            case "302":
                line.sendall(_head(302, f"Location: {self.url}{ELSEWHERE}"))
            case status:
                line.sendall(_head(int(status), "Content-Length: 0"))


def _head(status: int, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} Status", *headers, "", ""]).encode()


def _read(line: socket.socket) -> Heard:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(line)
    head, _, body = data.partition(b"\r\n\r\n")
    first, _, rest = head.partition(b"\r\n")
    headers = {name.lower(): value for name, value in parse_headers(BytesIO(rest)).items()}
    while len(body) < int(headers["content-length"]):
        body += _some(line)
    return Heard(first.decode().split(" ")[1], headers, body)


def _some(line: socket.socket) -> bytes:
    data = line.recv(65_536)
    if not data:
        raise ConnectionResetError
    return data
