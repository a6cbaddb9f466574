"""Damaged requests in odd pieces through a real socket: answered or refused, never lost."""

import random
import socket
import time
from contextlib import suppress

import pytest
from tests.support.mutations import mutated
from tests.support.raw import replies, request_bytes
from tests.support.service import Service, ask

WHOLE, FIXED = 5_000, 150
GET = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /v1/nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def seeds(service: Service) -> list[bytes]:
    """Whole conversations of a client, each with an end that the server has to make."""
    chat = request_bytes(service, ask("good"))
    body = b'{"model": "good", "messages": []}' + b" " * 300_000
    chunked = request_bytes(service, b"", "Transfer-Encoding: chunked")
    wrong = chat.replace(service.key.encode(), b"sk-wrong")
    return [
        GET + LAST,
        chat + LAST,
        wrong + request_bytes(service, body) + LAST,
        chunked + b'5\r\n{"mod\r\n3\r\nel"\r\n0\r\n\r\n' + GET + LAST,
        GET * 30 + LAST,
        request_bytes(service, ask("good", stream=True)) + GET + LAST,
        GET.replace(b" HTTP/1.1", b" HTTP/1.0"),
    ]


def said(service: Service, data: bytes, dice: random.Random) -> bytes:
    """What comes back for `data` in pieces, up to the server's end or a short silence."""
    received = b""
    with socket.create_connection(("127.0.0.1", service.port)) as line:
        line.settimeout(0.3)
        with suppress(OSError):
            while data:
                size = dice.choice([1, 7, 100, 5000, 200_000])
                line.sendall(data[:size])
                data = data[size:]
            if dice.random() < 0.5:
                line.shutdown(socket.SHUT_WR)
            while part := line.recv(65536):
                received += part
    return received


@pytest.mark.timeout(1800)
def test_a_damaged_conversation_harms_nobody(
    service: Service, request: pytest.FixtureRequest
) -> None:
    count = WHOLE if request.config.getoption("--fuzz-whole") else FIXED
    dice = random.Random(11)  # noqa: S311 -- repeatable, not secret
    statuses: set[int] = set()
    for number, data in enumerate(mutated(seeds(service), count)):
        for reply in replies(said(service, data, dice)):
            statuses.add(reply.status)
            assert reply.status < 500, (number, data[:2000], reply.body)
            assert "x-request-id" in reply.headers
            if reply.status >= 400:
                reply.error()
        assert service.process.poll() is None, number
    assert {200, 400, 401, 404} <= statuses
    time.sleep(0.1)
    assert service.get("/health").status == 200
    assert "Traceback" not in service.log()


@pytest.mark.parametrize("seed", range(3))
def test_where_a_conversation_is_cut_makes_no_difference(service: Service, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 -- repeatable, not secret
    for data in seeds(service):
        whole = [(one.status, len(one.body)) for one in replies(said(service, data, dice))]
        for _ in range(3):
            again = [(one.status, len(one.body)) for one in replies(said(service, data, dice))]
            assert [status for status, _ in again] == [status for status, _ in whole], data
