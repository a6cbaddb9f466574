"""HTTP by hand, for clients that no library would let us be."""

import json
import socket
import struct
import time
from contextlib import suppress
from typing import Any

from tests.support.service import Reply, Service
from tests.support.upstream import Asked, Upstream


def request_bytes(service: Service, body: Any, *headers: str) -> bytes:
    """A chat request, whole."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = (
        "POST /v1/chat/completions HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {service.key}",
        "Content-Type: application/json",
        *(headers or (f"Content-Length: {len(data)}",)),
    )
    return "\r\n".join((*lines, "", "")).encode() + data


def connected(service: Service, data: bytes = b"", *, receive_bytes: int = 0) -> socket.socket:
    """A connection on which `data` was sent."""
    line = socket.socket()
    if receive_bytes:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    line.settimeout(10)
    line.connect(("127.0.0.1", service.port))
    line.sendall(data)
    return line


def reset(line: socket.socket) -> None:
    """Ends a connection by RST."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()


def until_closed(line: socket.socket) -> bytes:
    """Everything up to the other side's end of the connection."""
    received = b""
    try:
        while data := line.recv(65536):
            received += data
    except ConnectionResetError:
        pass
    return received


def one_reply(line: socket.socket) -> Reply:
    """The next answer of known length, interim ones passed over."""
    received = b""
    while data := line.recv(65536):
        received += data
        found = replies(received)
        if found and len(found[0].body) == int(found[0].headers["content-length"]):
            return found[0]
    raise AssertionError(f"no whole answer: {received!r}")


def exchange(service: Service, data: bytes) -> bytes:
    """What comes back for `data` until the server ends the connection or falls silent."""
    with connected(service) as line:
        with suppress(BrokenPipeError, ConnectionResetError):  # refused before its end
            line.sendall(data)
        line.settimeout(2)
        received = b""
        try:
            while part := line.recv(65536):
                received += part
        except (TimeoutError, ConnectionResetError):
            pass
        return received


def replies(received: bytes) -> list[Reply]:
    """Answers of known length, one after the other; interim ones are passed over."""
    found: list[Reply] = []
    while b"\r\n\r\n" in received:
        head, _, received = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        status = int(first.split()[1])
        if status < 200:
            continue
        headers = dict(line.split(": ", 1) for line in lines)
        named = {name.lower(): value for name, value in headers.items()}
        if named.get("transfer-encoding") == "chunked":
            body, received = _unchunked(received)
        else:
            size = int(named.get("content-length", 0))
            body, received = received[:size], received[size:]
        found.append(Reply(status, named, body))
    return found


def _unchunked(received: bytes) -> tuple[bytes, bytes]:
    body = b""
    while True:
        size, _, received = received.partition(b"\r\n")
        length = int(size or b"0", 16)
        body, received = body + received[:length], received[length + 2 :]
        if not length:
            return body, received


def arrived(upstream: Upstream, user: str, *, patience_s: float = 3) -> Asked:
    """The upstream's request whose field `user` is this, once it is there."""
    end_s = time.monotonic() + patience_s
    while time.monotonic() < end_s:
        for asked in reversed(upstream.asked):
            if asked.body.get("user") == user:
                return asked
        time.sleep(0.01)
    raise AssertionError("the request did not reach the upstream")
