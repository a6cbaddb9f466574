"""Forms of uploads through the real route: whatever is sent, kept whole or told, never half."""

import random
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st
from tests.conftest import FAST
from tests.fuzz.test_requests import examples, promised, settled
from tests.support.mutations import mutated
from tests.support.raw import connected, one_reply
from tests.support.service import Reply, Service

EDGE = b"an-edge"
FIXED_MUTANTS, WHOLE_MUTANTS = 150, 10_000
ALLOWED = {200, 400}


@pytest.fixture(scope="module")
def keeping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that keeps files."""
    running = Service(tmp_path_factory.mktemp("keeping"), FAST)
    yield running
    running.stop()


def sent(service: Service, body: bytes, cuts: Sequence[int] = (), edge: bytes = EDGE) -> Reply:
    """The answer to a form that arrives in pieces, cut at these places."""
    head = (
        "POST /v1/files HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Authorization: Bearer {service.key}\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: multipart/form-data; boundary={edge.decode('latin-1')}\r\n\r\n"
    )
    places = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    with connected(service, head.encode("latin-1")) as line:
        for start, end in pairwise(places):
            try:
                line.sendall(body[start:end])
            except OSError:
                break  # refused before its end
        return one_reply(line)


def judged(service: Service, reply: Reply, body: bytes) -> None:
    """Kept whole, or told; nothing is left of what was told."""
    promised(service, reply)
    assert reply.status in ALLOWED, reply.body
    if reply.status == 200:
        made = reply.json()
        content = service.get(f"/v1/files/{made['id']}/content").body
        assert len(content) == made["bytes"] > 0
        assert content in body.removesuffix(b"\r\n")
        assert b"--" + EDGE + b"--" in body  # no file of a form that was cut off
        headers = {"Authorization": f"Bearer {service.key}"}
        assert service.request("DELETE", f"/v1/files/{made['id']}", None, headers).status == 200


def nothing_left(service: Service) -> None:
    folder = service.folder / "state" / "files"
    assert not [path for path in folder.rglob("*") if path.is_file()]
    assert service.get("/v1/files").json()["data"] == []
    assert '"event":"fault"' not in service.log()


def part(headers: Sequence[bytes], value: bytes) -> bytes:
    return b"\r\n".join([b"--" + EDGE, *headers, b"", value])


def field(name: bytes, value: bytes, more: bytes = b"") -> bytes:
    return part([b'Content-Disposition: form-data; name="' + name + b'"' + more], value)


def valid(data: bytes = b"what is kept", *more: bytes) -> bytes:
    parts = [
        field(b"purpose", b"user_data"),
        field(b"file", data, b'; filename="a.bin"'),
        *more,
    ]
    return b"\r\n".join([*parts, b"--" + EDGE + b"--\r\n"])


ORIGINALS = [
    valid(),
    valid(bytes(range(256)) * 4),
    valid(b"\r\n--an-edg\r\n-- an-edge --"),
    valid(
        b"x",
        field(b"expires_after[anchor]", b"created_at"),
        field(b"expires_after[seconds]", b"3600"),
    ),
    valid(b"y", field(b"unknown", b"z" * 500)),
]


@pytest.mark.timeout(3600)
def test_a_damaged_form_is_kept_whole_or_told(
    keeping: Service, request: pytest.FixtureRequest
) -> None:
    dice = random.Random(7)  # noqa: S311 -- repeatable, not secret
    found: set[int] = set()
    for data in mutated(ORIGINALS, examples(request, FIXED_MUTANTS, WHOLE_MUTANTS)):
        reply = sent(keeping, data, [dice.randrange(2000) for _ in range(3)])
        judged(keeping, reply, data)
        found.add(reply.status)
    assert found == ALLOWED
    nothing_left(keeping)


NAMES = st.sampled_from(
    [b"file", b"purpose", b"expires_after[anchor]", b"expires_after[seconds]", b"", b"x"]
)
VALUES = (
    st.sampled_from([b"user_data", b"vision", b"created_at", b"3600", b"-1", b"1e9", b"\xff"])
    | st.binary(max_size=40)
    | st.just(b"a" * 5000)
)
TAILS = st.sampled_from(
    [b"", b'; filename="a"', b"; filename=a", b'; filename=""', b'; filename="a', b";;;=",
     b"; filename*=UTF-8''%e2%82", b'; filename="\x00\xff"', b'; name="file"']
)  # fmt: skip
HEADERS = st.sampled_from(
    [b"Content-Type: image/png", b"Content-Type", b": x", b"X: " + b"y" * 20_000,
     b"Content-Transfer-Encoding: base64", b"Content-Disposition: attachment", b" folded: x"]
)  # fmt: skip
PARTS = st.builds(
    lambda name, value, tail, more: part(
        [b'Content-Disposition: form-data; name="' + name + b'"' + tail, *more], value
    ),
    NAMES,
    VALUES,
    TAILS,
    st.lists(HEADERS, max_size=2),
) | st.binary(max_size=30)
ENDS = st.sampled_from(
    [b"--" + EDGE + b"--\r\n", b"--" + EDGE + b"--", b"--" + EDGE, b"", b"--"]
)
FORMS = st.builds(
    lambda parts, end: b"\r\n".join([*parts, end]), st.lists(PARTS, max_size=5), ENDS
) | st.just(b"\r\n".join([field(b"x", b"")] * 70 + [b"--" + EDGE + b"--"]))


@pytest.mark.timeout(3600)
def test_a_form_of_any_parts_is_kept_whole_or_told(
    keeping: Service, request: pytest.FixtureRequest
) -> None:
    @settled(examples(request, 150, 5000))
    @given(FORMS, st.lists(st.integers(0, 50_000), max_size=4))
    def check(body: bytes, cuts: list[int]) -> None:
        judged(keeping, sent(keeping, body, cuts), body)

    check()
    nothing_left(keeping)


@pytest.mark.timeout(3600)
def test_a_boundary_of_any_bytes_is_taken_or_told(
    keeping: Service, request: pytest.FixtureRequest
) -> None:
    allowed = st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f")

    @settled(examples(request, 60, 2000))
    @given(st.text(allowed, max_size=80))
    def check(text: str) -> None:
        edge = text.encode("latin-1")
        reply = sent(keeping, valid().replace(EDGE, edge), edge=edge)
        judged(keeping, reply, valid())

    check()
    nothing_left(keeping)
