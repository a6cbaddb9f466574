"""Bodies whose long data URLs are set aside mean what they mean when they are read whole."""

import base64
import json

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

from visus.core.question import InlineImage, Text
from visus.errors import CallerError
from visus.wire import payloads
from visus.wire.chat import ChatLimits, parse

LONG = base64.b64encode(bytes(range(256)) * 16).decode()
URL = f"data:image/png;base64,{LONG}"


def body(*parts: object, **fields: object) -> bytes:
    message = {"role": "user", "content": list(parts)}
    return json.dumps({"model": "m", "messages": [message], **fields}).encode()


def picture(url: str) -> dict[str, object]:
    return {"type": "image_url", "image_url": {"url": url}}


def text(words: str) -> dict[str, object]:
    return {"type": "text", "text": words}


def read(data: bytes) -> list[str | bytes]:
    parts = parse(data, ChatLimits(), owner="me").question.turns[0].parts
    return [
        part.text if isinstance(part, Text) else bytes(part.data_url)
        for part in parts
        if isinstance(part, Text | InlineImage)
    ]


def test_long_payloads_are_taken_out_and_found_again_in_their_order() -> None:
    other = URL.replace("png", "webp")
    data = body(picture(URL), text("one"), picture(other), picture(URL))
    short, urls = payloads.set_aside(data)
    assert len(urls) == 3
    assert len(short) < 700
    assert read(data) == [URL.encode(), "one", other.encode(), URL.encode()]


@pytest.mark.parametrize(("size", "taken"), [(4095, 0), (4096, 1), (4097, 1)])
def test_only_payloads_from_a_certain_length_on_are_taken(size: int, taken: int) -> None:
    data = body(picture(f"data:image/png;base64,{'A' * size}"))
    assert len(payloads.set_aside(data)[1]) == taken


@pytest.mark.parametrize(
    "words",
    [
        URL,
        f"look: {URL}",
        f'he said "{URL}" and left',
        f"back\\slash {URL}",
        f"DATA:image/png;base64,{LONG}",
        f"data:{'x' * 1100};base64,{LONG}",
    ],
)
def test_a_data_url_in_a_text_stays_the_text_that_it_is(words: str) -> None:
    data = body(text(words), picture(URL))
    assert read(data) == [words, URL.encode()]


def test_escaped_slashes_inside_a_payload_are_unescaped() -> None:
    slashes = f"data:image/png;base64,{'////' * 2000}"
    data = body(picture(slashes)).replace(b"/", b"\\/")
    assert read(data) == [slashes.encode()]


@pytest.mark.parametrize(
    "break_it",
    [
        lambda data: data[:-1],
        lambda data: data.replace(b'"user"', b'"nobody"'),
        lambda data: data.replace(b'"data:', b'"x"data:'),
        lambda data: data[: len(data) // 2],
    ],
    ids=["cut at the end", "wrong role", "a quote too many", "cut in the payload"],
)
def test_a_broken_body_is_refused_as_without_the_shortcut(break_it: object) -> None:
    assert callable(break_it)
    with pytest.raises(CallerError) as long:
        parse(break_it(body(picture(URL))), ChatLimits(), owner="me")
    with pytest.raises(CallerError) as short:
        parse(break_it(body(picture("data:image/png;base64,AAAA"))), ChatLimits(), owner="me")
    assert (long.value.code, long.value.param) == (short.value.code, short.value.param)


@given(st.lists(st.one_of(st.just(URL), st.text(max_size=30), st.just("\\")), min_size=1))
@hypothesis_settings(deadline=None, max_examples=60)
def test_what_is_read_is_what_was_sent(contents: list[str]) -> None:
    parts = [picture(it) if it == URL else text(it) for it in contents]
    wanted = [it.encode() if it == URL else it for it in contents]
    assert read(body(*parts)) == wanted
