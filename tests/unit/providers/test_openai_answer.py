"""Events of a stream, whichever way its chunks are read."""

import json
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from visus.core.events import TextDelta
from visus.core.prompt import Prompt
from visus.core.question import Options
from visus.errors import UpstreamBadResponse
from visus.providers.openai_answer import Translator

PROMPT = Prompt("up", [], Options(), streamed=True, within=())


def chunk(content: Any, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": content}, "logprobs": None, **more}
    return {"id": "c1", "model": "up", "choices": [{**choice, "finish_reason": None}]}


def written(body: dict[str, Any], *, tight: bool) -> bytes:
    separators = (",", ":") if tight else None
    return json.dumps(body, separators=separators, ensure_ascii=not tight).encode(
        "utf-8", "surrogatepass"
    )


def read(payloads: list[bytes], size: int, **more: int) -> list[Any]:
    """Everything that a stream of `payloads` holds, so many to a read; its fault at the end."""
    translator = Translator(PROMPT, **more)
    found: list[Any] = []
    for at in range(0, len(payloads), size):
        events, failure = translator.events(payloads[at : at + size])
        found += events
        if failure is not None:
            return [*found, type(failure), failure.message]
    return found


WORDS = st.text(max_size=8) | st.sampled_from(['"', "\\", '"content": "', "☃", "\n", "a" * 300])
CHANGES = st.sampled_from(
    [
        lambda it: it,
        lambda it: it[:-1],
        lambda it: it + it,
        lambda it: it + b" ",
        lambda it: it.replace(b"c1", b"c2"),
        lambda it: it.replace(b'"finish_reason": null', b'"finish_reason": "stop"'),
        lambda it: it.replace(b'"logprobs": null', b'"logprobs": {"content": []}'),
        lambda it: it.replace(b'"content": "', b'"content": "", "content": "'),
        lambda it: it.replace(b'"content": "', b'"reasoning": "hm", "content": "'),
        lambda it: it.replace(b'"content": "', b'"content": ["'),
        lambda it: it.replace(b'"index": 0', b'"index": 1'),
        lambda it: it[:-1] + b', "usage": {"prompt_tokens": 5}}',
        lambda it: it[:-1] + b', "error": {"message": "no"}}',
        lambda it: it.replace(b'"id": "c1"', b'"id": "\\"content\\": \\"x\\""'),
        lambda it: b"\xff" + it,
        lambda it: it.replace(b'"content": "', b'"content": "\xff'),
        lambda it: it[:1],
        lambda it: it[:1] + it[-1:],
    ]
)
CHUNKS = st.builds(
    lambda words, change, tight: change(written(chunk(words), tight=tight)),
    WORDS | st.none(),
    CHANGES,
    st.booleans(),
)


WORD = (b"a", b"b", b'"')


@given(st.lists(CHUNKS, max_size=12), st.integers(1, 12))
@example(
    [
        b'{"choices": [{"delta": {"content": %b}}]}' % it
        for it in [b'"a"'] * 4 + [b'"b', b'c"', b'"d","e"', b'"f"', b'""', b'"g"']
    ],
    12,
)
@example([written(chunk(word), tight=True) for word in "abc"] * 3, 2)
@example(
    [b'{"choices": [{"delta": {"content": "%b", "content": "x"}}]}' % it for it in WORD], 1
)
@example(
    [b'{"content": "%b", "choices": [{"delta": {"content": "x"}}]}' % it for it in WORD], 1
)
@example([b'{"choices": [{"delta": {"content": "%b"}}]} ]' % it for it in WORD], 1)
def test_a_chunk_means_the_same_wherever_it_stands(payloads: list[bytes], size: int) -> None:
    assert read(payloads, size) == read(payloads, size, templates=0)


def test_words_come_as_they_are_from_a_server_that_changes_every_chunk() -> None:
    payloads = [
        written({**chunk(f"w{place}"), "obfuscation": "x" * place}, tight=True)
        for place in range(12)
    ]
    assert read(payloads, 5) == [TextDelta(f"w{place}", 0) for place in range(12)]


@pytest.mark.parametrize(
    "payload",
    [b'{"choices": [{"delta": {"content": "b"}}]} {}', b'{"choices": [{"delta": {"con'],
)
def test_what_is_no_json_is_a_fault_behind_words_too(payload: bytes) -> None:
    good = b'{"choices": [{"delta": {"content": "a"}}]}'
    *words, fault, _ = read([good, good, payload], 9)
    assert words == [TextDelta("a", 0)] * 2
    assert fault is UpstreamBadResponse
