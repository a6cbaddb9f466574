"""The bounds of the HTTP door (threats.md, 7.8)."""

import json
import socket
import time
from collections.abc import Iterator

import pytest
from tests.conftest import CALM, upstream_config
from tests.support.claims import answered, refused, rss_mb
from tests.support.raw import (
    connected,
    exchange,
    one_reply,
    replies,
    request_bytes,
    until_closed,
)
from tests.support.service import Service, ask
from tests.support.upstream import Upstream

BODY = 20_000
"""What the fixture `tight` takes."""
GET = b"GET /health HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /v1/models HTTP/1.1\r\nHost: x\r\n"


def _padded(size: int) -> bytes:
    body = json.dumps(ask("good")).encode()
    return body + b" " * (size - len(body))


def _chunked(data: bytes, piece: int = 1000) -> bytes:
    pieces = [data[start : start + piece] for start in range(0, len(data), piece)]
    return b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize(("size", "status"), [(BODY - 1, 200), (BODY, 200), (BODY + 1, 413)])
@pytest.mark.parametrize("framing", ["declared", "chunked"])
def test_a_body_up_to_its_limit_is_taken(
    tight: Service, size: int, status: int, framing: str
) -> None:
    body = _padded(size)
    data = request_bytes(tight, body)
    if framing == "chunked":
        data = request_bytes(tight, b"", "Transfer-Encoding: chunked") + _chunked(body)
    (reply,) = replies(exchange(tight, data))
    if status == 200:
        answered(tight, reply)
    else:
        refused(tight, reply, 413, "request_too_large")


@pytest.mark.parametrize("declared", [str(BODY + 1), str(10**15), "9" * 18])
def test_too_large_a_body_is_refused_before_it_is_sent(tight: Service, declared: str) -> None:
    data = request_bytes(tight, b"", f"Content-Length: {declared}")
    (reply,) = replies(exchange(tight, data))
    refused(tight, reply, 413, "request_too_large")


def test_a_hundred_megabytes_are_refused_and_cost_no_memory(service: Service) -> None:
    before = rss_mb(service, "VmHWM")
    began_s = time.monotonic()
    reply = service.post(b'{"model": "' + b"A" * 100_000_000)
    refused(service, reply, 413, "request_too_large")
    assert time.monotonic() - began_s < 5
    assert rss_mb(service, "VmHWM") - before < 30


def test_who_asks_before_sending_too_much_is_told_no(tight: Service) -> None:
    data = request_bytes(tight, b"", "Content-Length: 99999999", "Expect: 100-continue")
    received = exchange(tight, data)
    assert b"100 Continue" not in received
    (reply,) = replies(received)
    refused(tight, reply, 413, "request_too_large")


def test_who_asks_before_sending_is_told_to_go_on(tight: Service) -> None:
    body = json.dumps(ask("good")).encode()
    data = request_bytes(tight, b"", f"Content-Length: {len(body)}", "Expect: 100-continue")
    with connected(tight, data) as line:
        assert line.recv(1000).startswith(b"HTTP/1.1 100")
        line.sendall(body)
        reply = one_reply(line)
    answered(tight, reply)


def test_a_body_that_does_not_arrive_in_time_is_408(tight: Service) -> None:
    body = _padded(1000)
    with connected(tight, request_bytes(tight, b"", "Content-Length: 1000")) as line:
        began_s = time.monotonic()
        for byte in body[:6]:
            line.sendall(bytes([byte]))
            time.sleep(0.1)
        reply = one_reply(line)
        refused(tight, reply, 408, "request_timeout")
        assert time.monotonic() - began_s < 2.5  # long before the end of the time for it


def test_a_body_that_is_fast_enough_may_take_its_time_but_not_for_ever(tight: Service) -> None:
    body, piece = _padded(20_000), 500
    for count, is_whole in ((20_000, True), (7 * piece, False)):
        with connected(tight, request_bytes(tight, b"", "Content-Length: 20000")) as line:
            for start in range(0, count, piece * (5 if is_whole else 1)):
                line.sendall(body[start : start + piece * (5 if is_whole else 1)])
                time.sleep(0.15 if is_whole else 0.4)
            reply = one_reply(line)
        if is_whole:
            answered(tight, reply)
        else:
            refused(tight, reply, 408, "request_timeout")


@pytest.fixture(scope="module")
def holding(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose memory holds few bodies."""
    config = CALM.replace("[server]", "[server]\nmax_bodies_bytes = 2_500_000")
    folder = tmp_path_factory.mktemp("holding")
    running = Service(
        folder, upstream_config(upstream.port, config), SCRIPTED_KEY="sk-upstream"
    )
    yield running
    running.stop()


def test_bodies_of_all_requests_together_are_bounded(holding: Service) -> None:
    large = request_bytes(holding, _padded(1_500_000))
    others = [connected(holding, large[:1_000_000]) for _ in range(2)]
    with connected(holding, large) as line:
        reply = one_reply(line)
    refused(holding, reply, 503, "overloaded")
    assert reply.headers["retry-after"] == "1"
    with connected(holding, request_bytes(holding, _padded(200_000))) as line:
        answered(holding, one_reply(line))
    others[0].close()
    others[1].sendall(large[1_000_000:])
    answered(holding, one_reply(others[1]))
    others[1].close()
    for _ in range(3):
        with connected(holding, large) as line:
            answered(holding, one_reply(line))


def test_a_body_larger_than_all_may_be_is_taken_alone(holding: Service) -> None:
    with connected(holding, request_bytes(holding, _padded(4_000_000))) as line:
        answered(holding, one_reply(line))


def test_what_broken_off_bodies_took_is_given_back(service: Service) -> None:
    answered(service, service.post(ask("good")))
    before = rss_mb(service)
    begun = request_bytes(service, b"", "Content-Length: 60000000") + b" " * 50_000_000
    lines = [connected(service, begun) for _ in range(5)]
    assert rss_mb(service) - before > 200
    for line in lines:
        line.close()
    end_s = time.monotonic() + 10
    while rss_mb(service) - before > 60 and time.monotonic() < end_s:
        time.sleep(0.1)
    assert rss_mb(service) - before < 60


def test_headers_that_do_not_arrive_in_time_are_408(tight: Service) -> None:
    with connected(tight, GET) as line:
        began_s = time.monotonic()
        for byte in b"X-Slow: and slower":
            line.sendall(bytes([byte]))
            time.sleep(0.1)
            if time.monotonic() - began_s > 0.6:
                break
        reply = one_reply(line)
        refused(tight, reply, 408, "request_timeout")
        assert line.recv(1) == b""


def test_a_client_that_says_nothing_is_left(tight: Service) -> None:
    with connected(tight) as line:
        assert until_closed(line) == b""


def test_a_wait_between_two_requests_is_no_slow_head(tight: Service) -> None:
    with connected(tight, GET + b"\r\n") as line:
        assert one_reply(line).status == 200
        time.sleep(1.0)
        line.sendall(GET + b"\r\n")
        assert one_reply(line).status == 200


def test_who_writes_a_megabyte_of_headers_before_reading_is_told_no(service: Service) -> None:
    """Closing at once would cost this client the answer: its system would be reset."""
    with connected(service) as line:
        line.sendall(GET)
        for number in range(1000):
            line.sendall(b"X-%d: %b\r\n" % (number, b"a" * 1000))
        (reply,) = replies(until_closed(line))
    refused(service, reply, 431, "headers_too_large")


@pytest.mark.parametrize("size", [10_000, 3_000_000])
def test_a_refused_body_leaves_the_connection_usable(service: Service, size: int) -> None:
    """Stock clients send it all before they read, and keep the connection."""
    unknown = request_bytes(service, b"x" * size).replace(service.key.encode(), b"sk-wrong")
    with connected(service, unknown) as line:
        refused(service, one_reply(line), 401, "invalid_api_key")
        line.sendall(request_bytes(service, ask("good")))
        answered(service, one_reply(line))


@pytest.mark.parametrize("size", [200_000, 262_144, 262_145, 5_000_000])
def test_a_body_arrives_whole_whatever_its_size(service: Service, size: int) -> None:
    body = _padded(size)
    last = GET + b"Connection: close\r\n\r\n"
    with connected(service, request_bytes(service, body) + last) as line:
        answer, health = replies(until_closed(line))
    answered(service, answer)
    assert health.status == 200


def test_rubbish_behind_a_request_does_not_cost_its_answer(service: Service) -> None:
    received = exchange(service, request_bytes(service, ask("good")) + b"\x00rubbish\r\n\r\n")
    (reply,) = replies(received)
    answered(service, reply)


@pytest.mark.parametrize(("count", "status"), [(99, 200), (100, 200), (101, 431), (200, 431)])
def test_headers_up_to_their_number_are_taken(
    service: Service, count: int, status: int
) -> None:
    data = GET + b"".join(b"x-%d: 1\r\n" % place for place in range(count - 1)) + b"\r\n"
    (reply,) = replies(exchange(service, data))
    assert reply.status == status
    if status == 431:
        assert reply.error() == (431, "headers_too_large", None)


@pytest.mark.parametrize("size", [33 * 1024, 64 * 1024, 1024 * 1024])
def test_headers_over_their_size_are_431(service: Service, size: int) -> None:
    data = GET + b"X-Big: " + b"a" * size + b"\r\n\r\n"
    (reply,) = replies(exchange(service, data))
    refused(service, reply, 431, "headers_too_large")


def test_headers_that_never_end_are_431_once_they_are_too_many(service: Service) -> None:
    (reply,) = replies(exchange(service, GET + b"X-Big: " + b"a" * 40_000))
    refused(service, reply, 431, "headers_too_large")


def test_headers_under_their_size_are_taken(service: Service) -> None:
    (reply,) = replies(exchange(service, GET + b"X-Big: " + b"a" * 31_000 + b"\r\n\r\n"))
    assert reply.status == 200


def test_a_request_line_of_64_kilobytes_is_refused(service: Service) -> None:
    data = b"GET /health?" + b"a" * 65_536 + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    (reply,) = replies(exchange(service, data))
    assert reply.error()[0] in {400, 414, 431}


def test_a_thousand_pipelined_requests_are_answered_in_order(service: Service) -> None:
    data = GET + b"\r\n"
    with connected(service, data * 999 + GET + b"Connection: close\r\n\r\n") as line:
        received = until_closed(line)
    found = replies(received)
    assert [one.status for one in found] == [200] * 1000


def test_pipelined_questions_are_answered_in_order(service: Service) -> None:
    bodies = [ask("nonce", f"question {place}") for place in range(20)]
    received = exchange(service, b"".join(request_bytes(service, one) for one in bodies))
    said = [one.json()["choices"][0]["message"]["content"] for one in replies(received)]
    assert said == [f"question {place}" for place in range(20)]


TLS_HELLO = bytes.fromhex("16030100c8010000c403035f") + bytes(190)


@pytest.mark.parametrize(
    "data",
    [
        b"GET /health\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        TLS_HELLO,
        b"\x00" * 1000,
        b"GET / HTTP/9.9\r\n\r\n",
        b"GE\x01T / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nBad Header: 1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost : x\r\n\r\n",
        POST + b"Content-Length: -1\r\n\r\n",
        POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\na",
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"SSH-2.0-x\r\n",
    ],
    ids=lambda data: repr(data[:40]),
)  # fmt: skip
def test_what_is_no_request_gets_a_clean_answer_or_an_end(
    service: Service, data: bytes
) -> None:
    received = exchange(service, data)
    for reply in replies(received):
        assert reply.status in {200, 400, 401, 426, 505}, received
        if reply.status == 400:
            refused(service, reply, 400, "invalid_value")


def test_a_request_says_whose_it_is_since_http_1_1(service: Service) -> None:
    (reply,) = replies(exchange(service, b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n"))
    refused(service, reply, 400, "invalid_value")
    (reply,) = replies(exchange(service, b"GET /health HTTP/1.0\r\n\r\n"))
    assert reply.status == 200


@pytest.mark.parametrize("coding", ["gzip, chunked", "chunked, chunked", "x-none, Chunked"])
def test_no_transfer_coding_is_taken_but_chunks(service: Service, coding: str) -> None:
    body = json.dumps(ask("good")).encode()
    data = request_bytes(service, b"", f"Transfer-Encoding: {coding}", "Connection: close")
    (reply,) = replies(exchange(service, data + _chunked(body)))
    refused(service, reply, 400, "invalid_value")


@pytest.mark.parametrize("rest", [b"zz\r\n", b"1\r\nxyz\r\n", b"-1\r\n"])
def test_a_body_that_goes_on_as_none_is_refused(service: Service, rest: bytes) -> None:
    data = request_bytes(service, b"", "Transfer-Encoding: chunked") + b"2\r\n{}\r\n" + rest
    (reply,) = replies(exchange(service, data))
    refused(service, reply, 400, "invalid_value")


FLOODS = [b"0\r\nX: ", b"0\r\nX: y\r\n", b"5;", b"0000"]


@pytest.mark.parametrize("rest", FLOODS)
def test_what_frames_a_body_is_bounded(service: Service, rest: bytes) -> None:
    begun = request_bytes(service, b"", "Transfer-Encoding: chunked") + b"2\r\n{}\r\n"
    endless = b"X: y\r\n" if rest.endswith(b"\n") else rest[-1:]
    received = exchange(service, begun + rest + endless * 100_000)
    (reply,) = replies(received)
    refused(service, reply, 431, "headers_too_large")


@pytest.mark.parametrize("rest", [*FLOODS, b"zz\r\n"])
def test_behind_a_refusal_there_is_no_second_one(service: Service, rest: bytes) -> None:
    head = (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    with connected(service, head + b"2\r\n{}\r\n") as line:
        refused(service, one_reply(line), 401, "invalid_api_key")
        line.sendall(rest + rest[-1:] * 100_000)
        assert until_closed(line) == b""


def test_a_body_in_tiny_pieces_costs_what_it_holds(service: Service) -> None:
    size = 4_000_000
    body = json.dumps(ask("good")).encode()
    data = b"%x\r\n%b\r\n" % (len(body), body) + b"2\r\n  \r\n" * (size // 2)
    head = request_bytes(service, b"", "Transfer-Encoding: chunked")
    before = rss_mb(service, "VmHWM")
    with connected(service, head + data) as line:
        answered(service, service.post(ask("good")))  # all before it has been read by then
        line.sendall(b"0\r\n\r\n")
        answered(service, one_reply(line))
    assert rss_mb(service, "VmHWM") - before < 50


def test_an_upgrade_is_not_made(service: Service) -> None:
    data = (
        GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    (reply, *_) = replies(exchange(service, data))
    assert reply.status in {200, 400, 426}


H2C = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")


@pytest.mark.parametrize("size", [1, 17, 20_000, 1_000_000])
@pytest.mark.parametrize("framing", ["declared", "chunked"])
def test_who_offers_another_protocol_with_a_question_gets_its_answer(
    service: Service, framing: str, size: int
) -> None:
    body = _padded(300_000)
    head = (*H2C, f"Content-Length: {len(body)}")
    if framing == "chunked":
        head, body = (*H2C, "Transfer-Encoding: chunked"), _chunked(body)
    data = request_bytes(service, b"", *head)
    with connected(service) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(data), size):
            line.sendall(data[start : start + size])
        line.sendall(body[:size])
        time.sleep(0.05)
        line.sendall(body[size:])
        (reply,) = replies(until_closed(line))
    answered(service, reply)


def test_an_offer_does_not_make_a_broken_body_whole(service: Service) -> None:
    for coding, rest in (("chunked, x", b"2\r\n{}\r\n"), ("chunked", b"zz\r\n")):
        data = request_bytes(service, b"", *H2C, f"Transfer-Encoding: {coding}")
        (reply,) = replies(exchange(service, data + rest))
        refused(service, reply, 400, "invalid_value")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_http_1_0_is_told_without_chunks_and_interim_answers(
    service: Service, stream: bool  # noqa: FBT001
) -> None:  # fmt: skip
    data = request_bytes(service, ask("late" if stream else "good", stream=stream))
    old = data.replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\nExpect: 100-continue\r\n", 1)
    with connected(service, old) as line:
        line.shutdown(socket.SHUT_WR)
        received = until_closed(line)
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in head
    assert b"transfer-encoding" not in head
    if stream:
        assert body.startswith(b"data: {")
        assert body.endswith(b"data: [DONE]\n\n")
    else:
        assert json.loads(body)["choices"]


def test_a_request_may_come_byte_by_byte(service: Service) -> None:
    data = request_bytes(service, ask("good"))
    with connected(service) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in data:
            line.sendall(bytes([byte]))
        reply = one_reply(line)
    answered(service, reply)


@pytest.mark.parametrize(("count", "status"), [(2, 200), (3, 200), (4, 400)])
def test_messages_up_to_their_number_are_taken(
    tight: Service, upstream: Upstream, count: int, status: int
) -> None:
    body = ask("good")
    body["messages"] *= count
    reply = tight.post(body)
    if status == 200:
        answered(tight, reply)
    else:
        refused(tight, reply, 400, "invalid_value", "messages")
