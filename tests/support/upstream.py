"""A model's server on loopback that speaks the real protocol and plays every fault.

It runs in a thread with an event loop of its own. What it does is told by the model's name in
the request: the name of a function below, so that a test reads `model="cut_without_finish"`.
"""

import asyncio
import base64
import hashlib
import io
import json
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

from PIL import Image, ImageChops

Json = dict[str, Any]


@dataclass
class Asked:
    """One request that arrived."""

    path: str
    headers: dict[str, str]
    body: Json
    """Empty where what was sent is not JSON."""
    method: str = "POST"
    data: bytes = b""
    """What was sent, where it is not JSON."""
    closed: threading.Event = field(default_factory=threading.Event)
    """Set when the caller's side of the connection is gone."""

    def pictures(self) -> list[bytes]:
        """The decoded files of every picture, in order."""
        return [
            base64.b64decode(part["image_url"]["url"].partition(",")[2], validate=True)
            for message in self.body["messages"]
            if isinstance(message["content"], list)
            for part in message["content"]
            if part["type"] == "image_url"
        ]

    def hashes(self) -> list[str]:
        return [hashlib.sha256(picture).hexdigest() for picture in self.pictures()]


class Line:
    """The connection to one caller."""

    def __init__(self, writer: asyncio.StreamWriter, model: str = "up") -> None:
        self.writer = writer
        self.model = model
        """What it calls itself."""

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def json(self, body: Json | list[Any], *, status: int = 200, **headers: str) -> None:
        await self.body(json.dumps(self._named(body)).encode(), status=status, **headers)

    async def body(self, data: bytes, *, status: int = 200, **headers: str) -> None:
        lines = {"Content-Type": "application/json", "Content-Length": str(len(data))}
        lines |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        await self.raw(f"HTTP/1.1 {status} Status\r\n{head}\r\n".encode() + data)

    async def stream_head(self, **headers: str) -> None:
        extra = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in headers.items())
        await self.raw(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            + extra.encode()
            + b"Transfer-Encoding: chunked\r\n\r\n"
        )

    async def chunk(self, data: bytes) -> None:
        await self.raw(b"%x\r\n%b\r\n" % (len(data), data))

    async def event(self, body: Json) -> None:
        await self.chunk(b"data: " + json.dumps(self._named(body)).encode() + b"\n\n")

    def _named(self, body: Any) -> Any:
        if isinstance(body, dict) and body.get("model") == "up":
            return body | {"model": self.model}
        return body

    async def end(self, *, done: bool = True) -> None:
        if done:
            await self.chunk(b"data: [DONE]\n\n")
        await self.raw(b"0\r\n\r\n")


USAGE = {"prompt_tokens": 812, "completion_tokens": 3, "total_tokens": 815}
WORDS = ["A ", "red ", "bö", "at."]


def delta(
    content: str | None = None, *, finish: str | None = None, index: int = 0, **more: Any
) -> Json:
    body: Json = {} if content is None else {"content": content}
    return {
        "id": "chatcmpl-up",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "up",
        "choices": [
            {"index": index, "delta": body | more, "logprobs": None, "finish_reason": finish}
        ],
    }


def completion(message: Json, *, finish: str = "stop") -> Json:
    return {
        "id": "chatcmpl-up",
        "object": "chat.completion",
        "created": 1,
        "model": "up",
        "choices": [
            {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
        ],
        "usage": USAGE,
    }


# --- Behaviours ------------------------------------------------------------------------------


async def good(asked: Asked, line: Line) -> None:
    """Answers as a healthy server does."""
    if not asked.body.get("stream"):
        await line.json(completion({"content": "".join(WORDS)}))
        return
    await line.stream_head()
    await line.event(delta("", role="assistant"))
    for word in WORDS:
        await line.event(delta(word))
    await line.event(delta(finish="stop"))
    if asked.body.get("stream_options", {}).get("include_usage"):
        await line.event({**delta(), "choices": [], "usage": USAGE})
    await line.end()


async def untold(asked: Asked, line: Line) -> None:
    """Answers as a healthy server that does not count."""
    told = completion({"content": "".join(WORDS)})
    await line.json({name: value for name, value in told.items() if name != "usage"})


async def able(asked: Asked, line: Line) -> None:
    """Calls a tool where one has to be called, writes JSON where it is wanted, else is good."""
    if asked.body.get("tools"):
        await tools(asked, line)
    elif asked.body.get("response_format"):
        await line.json(completion({"content": '{"colour": "red"}'}))
    else:
        await good(asked, line)


async def blind_of_pictures(asked: Asked, line: Line) -> None:
    """Answers text, and refuses pictures as llama.cpp does without a projector."""
    await (BEHAVIOURS["status_500_no_images"] if asked.pictures() else good)(asked, line)


async def names_itself(asked: Asked, line: Line) -> None:
    """Answers as the model that the field `user` names."""
    line.model = asked.body["user"]
    await good(asked, line)


async def counts_its_own_way(asked: Asked, line: Line) -> None:
    """Counts a third more for each pixel than anybody says, and 57 tokens around it all."""
    sizes = [
        int.from_bytes(one[16:20]) * int.from_bytes(one[20:24]) for one in asked.pictures()
    ]
    tokens = 57 + sum(round(pixels / 1024 * 4 / 3) for pixels in sizes)
    body = completion({"content": "Seen."})
    body["usage"] = {"prompt_tokens": tokens, "completion_tokens": 1}
    await line.json(body)


async def echo(asked: Asked, line: Line) -> None:
    """Says the request back: the hashes of the pictures, and everything else as it came."""
    said = {"hashes": asked.hashes(), "body": asked.body if not asked.pictures() else None}
    await line.json(completion({"content": json.dumps(said)}))


async def nonce(asked: Asked, line: Line) -> None:
    """Answers with the last user text."""
    content = asked.body["messages"][-1]["content"]
    text = content if isinstance(content, str) else content[0]["text"]
    if asked.body.get("stream"):
        await line.stream_head()
        await line.event(delta(text, role="assistant"))
        await line.event(delta(finish="stop"))
        await line.end()
    else:
        await line.json(completion({"content": text}))


async def tools(asked: Asked, line: Line) -> None:
    """Calls a tool, or answers with what the tool said."""
    last = asked.body["messages"][-1]
    if last["role"] == "tool":
        await line.json(completion({"content": f"The tool says {last['content']}."}))
        return
    function = {
        "name": asked.body["tools"][0]["function"]["name"],
        "arguments": '{"city": "Köln"}',
    }
    if not asked.body.get("stream"):
        call = {"id": "call_1", "type": "function", "function": function}
        await line.json(
            completion({"content": None, "tool_calls": [call]}, finish="tool_calls")
        )
        return
    await line.stream_head()
    begin = {
        "index": 0,
        "id": "call_1",
        "type": "function",
        "function": {"name": function["name"], "arguments": ""},
    }
    await line.event(delta(None, role="assistant", tool_calls=[begin]))
    for piece in ('{"city": ', '"Köln"}'):
        await line.event(delta(tool_calls=[{"index": 0, "function": {"arguments": piece}}]))
    await line.event(delta(finish="tool_calls"))
    await line.end()


async def reasoning(asked: Asked, line: Line) -> None:
    """Thinks, then answers."""
    await line.stream_head()
    await line.event(delta(None, reasoning_content="Hmm. "))
    await line.event(delta("Yes."))
    await line.event(delta(finish="stop"))
    await line.end()


async def parrot(asked: Asked, line: Line) -> None:
    """Says the last text that was given to it, streamed in pieces of three characters."""
    said = _last_text(asked)
    if not asked.body.get("stream"):
        await line.json(completion({"content": said}))
        return
    await line.stream_head()
    for place in range(0, len(said), 3):
        await line.event(delta(said[place : place + 3]))
    await line.event({**delta(finish="stop"), "usage": USAGE})
    await line.end()


async def by_turns(asked: Asked, line: Line) -> None:
    """Says what the first line of the question lists: another line of it in each turn.

    With `UNCOUNTED` among the lines it does not tell its tokens.
    """
    messages = asked.body["messages"]
    first = next(one["content"] for one in messages if one["role"] == "user")
    if not isinstance(first, str):
        first = next(part["text"] for part in first if part["type"] == "text")
    lines = json.loads(first.split("\n")[0])
    said = lines[sum(one["role"] == "assistant" for one in messages)]
    usage = None if "UNCOUNTED" in lines else USAGE
    finish = "length" if said.startswith("CUT ") else "stop"
    line.model = asked.body.get("user", line.model)
    if not asked.body.get("stream"):
        await line.json(completion({"content": said}, finish=finish) | {"usage": usage})
        return
    await line.stream_head()
    for place in range(0, len(said), 5):
        await line.event(delta(said[place : place + 5]))
        await asyncio.sleep(0.02)
    await line.event(delta(finish=finish))
    if usage is not None:
        await line.event({**delta(), "choices": [], "usage": usage})
    await line.end()


async def calls_with_it(asked: Asked, line: Line) -> None:
    """Calls the first tool with the last text as arguments, streamed in small pieces."""
    said = _last_text(asked)
    function = {"name": asked.body["tools"][0]["function"]["name"], "arguments": said}
    if not asked.body.get("stream"):
        call = {"id": "call_1", "type": "function", "function": function}
        await line.json(
            completion({"content": None, "tool_calls": [call]}, finish="tool_calls")
        )
        return
    await line.stream_head()
    call = {"index": 0, "id": "call_1", "type": "function"}
    await line.event(delta(tool_calls=[{**call, "function": {**function, "arguments": ""}}]))
    for place in range(0, len(said), 4):
        piece = {"index": 0, "function": {"arguments": said[place : place + 4]}}
        await line.event(delta(tool_calls=[piece]))
    await line.event(delta(finish="tool_calls"))
    await line.end()


def _last_text(asked: Asked) -> str:
    content = asked.body["messages"][-1]["content"]
    if isinstance(content, str):
        return content
    return next(part["text"] for part in reversed(content) if part["type"] == "text")


def finds_red(
    key: str, write: Callable[[Image.Image], list[float]]
) -> Callable[[Asked, Line], Awaitable[None]]:
    """Says where the red is in the last picture, as `write` writes boxes."""

    async def behave(asked: Asked, line: Line) -> None:
        with Image.open(io.BytesIO(asked.pictures()[-1])) as picture:
            numbers = write(picture.convert("RGB"))
        await line.json(completion({"content": json.dumps([{key: numbers, "label": "red"}])}))

    return behave


def _red(picture: Image.Image) -> tuple[int, int, int, int]:
    red, green, _ = picture.split()
    is_red = ImageChops.subtract(red, green).point(lambda level: 255 * (level > 128))
    return is_red.getbbox() or (0, 0, 0, 0)


def _in_thousandths(picture: Image.Image) -> list[float]:
    left, top, right, bottom = _red(picture)
    across, down = 1000 / picture.width, 1000 / picture.height
    return [
        round(left * across),
        round(top * down),
        round(right * across),
        round(bottom * down),
    ]


def _y_first(picture: Image.Image) -> list[float]:
    left, top, right, bottom = _in_thousandths(picture)
    return [top, left, bottom, right]


def _in_squares(picture: Image.Image) -> list[float]:
    """In pixels of the picture resized to whole squares of 28 pixels."""
    whole = [max(28, round(side / 28) * 28) for side in picture.size]
    return list(_red(picture.resize((whole[0], whole[1]))))


async def two_choices(asked: Asked, line: Line) -> None:
    await line.stream_head()
    for index in (0, 1):
        await line.event(delta(f"answer {index}", index=index))
    for index in (1, 0):
        await line.event(delta(finish="stop", index=index))
    await line.end()


async def silent(asked: Asked, line: Line) -> None:
    """Accepts and never answers."""
    await asyncio.to_thread(asked.closed.wait, 60)


async def stalls(asked: Asked, line: Line) -> None:
    """Begins a stream and stops sending."""
    await line.stream_head()
    await line.event(delta("Once "))
    await asyncio.to_thread(asked.closed.wait, 60)


async def only_signs_of_life(asked: Asked, line: Line) -> None:
    """Keeps the line warm by all means there are, and answers nothing."""
    await line.stream_head()
    await line.event(delta("", role="assistant"))
    while not asked.closed.is_set():
        await line.chunk(b": OPENROUTER PROCESSING\n\n")
        await line.event(delta(""))
        await asyncio.sleep(0.05)


async def paced(asked: Asked, line: Line) -> None:
    """A word every 50 ms, for ever."""
    await line.stream_head()
    while not asked.closed.is_set():
        await line.event(delta("word "))
        await asyncio.sleep(0.05)


async def fifty_words(asked: Asked, line: Line) -> None:
    """50 words, 20 ms apart."""
    await line.stream_head()
    for _ in range(50):
        await line.event(delta("word "))
        await asyncio.sleep(0.02)
    await line.event(delta(finish="stop"))
    await line.end()


async def flood(asked: Asked, line: Line) -> None:
    """25 MB of text as fast as it is taken."""
    await line.stream_head()
    for _ in range(2500):
        await line.event(delta("x" * 10_000))
    await line.event(delta(finish="stop"))
    await line.end()


async def cut_without_finish(asked: Asked, line: Line) -> None:
    await line.stream_head()
    await line.event(delta("Once "))
    await line.end(done=False)


async def done_without_finish(asked: Asked, line: Line) -> None:
    await line.stream_head()
    await line.event(delta("Once "))
    await line.end()


async def reset_mid_stream(asked: Asked, line: Line) -> None:
    await line.stream_head()
    await line.event(delta("Once "))
    line.writer.transport.abort()


async def sliced(asked: Asked, line: Line) -> None:
    """The same stream as `good`, one byte at a time."""
    await line.stream_head()
    events = [delta("", role="assistant"), *map(delta, WORDS), delta(finish="stop")]
    text = "".join(f"data: {json.dumps(one, ensure_ascii=False)}\n\n" for one in events)
    for byte in text.encode():
        await line.chunk(bytes([byte]))
    await line.end()


async def odd_framing(asked: Asked, line: Line) -> None:
    """The same stream as `good`, with every liberty that the standard allows."""
    await line.stream_head()
    events = [delta("", role="assistant"), *map(delta, WORDS), delta(finish="stop")]
    text = [json.dumps(one, ensure_ascii=False).encode() for one in events]
    first, rest = text[0].split(b", ", 1)
    await line.chunk(b"\xef\xbb\xbf: a comment\r\nevent: message\rid: 7\nretry: 5\r\n")
    await line.chunk(b"data:" + first + b",\r\ndata: " + rest + b"\r\n\r")
    await line.chunk(b"\n" + b"data:" + text[1] + b"\r\r" + b"data: " + text[2] + b"\n\n\n\n")
    await line.chunk(b"data\n\n: only a comment\n\n")
    for one in text[3:]:
        await line.chunk(b"data: " + one + b"\r\n\r\n")
    await line.chunk(b"data: [DONE]\r\n\r\ndata: {not json}\r\n\r\n")
    await line.end(done=False)


async def malformed_event(asked: Asked, line: Line) -> None:
    await line.stream_head()
    await line.event(delta("Once "))
    await line.chunk(b'data: {"choices": [{"delta": {"content": "SECRET-CANARY\n\n')
    await line.end()


async def two_objects_in_a_line(asked: Asked, line: Line) -> None:
    await line.stream_head()
    await line.event(delta("Once "))
    one = json.dumps(delta("twice")).encode()
    await line.chunk(b"data: " + one + one + b"\n\n")
    await line.end()


async def error_in_stream(asked: Asked, line: Line) -> None:
    await line.stream_head()
    await line.event(delta("Once "))
    await line.event({"error": {"message": "SECRET-CANARY exploded", "code": 500}})
    await line.end()


async def error_in_200(asked: Asked, line: Line) -> None:
    await line.json(
        {"error": {"message": "SECRET-CANARY", "type": "server_error", "code": 503}}
    )


async def chatters_after_done(asked: Asked, line: Line) -> None:
    await line.stream_head()
    await line.event(delta("Yes."))
    await line.event(delta(finish="stop"))
    await line.event(delta(finish="length"))
    await line.chunk(b"data: [DONE]\n\n")
    await line.event(delta("MORE"))
    await line.end(done=False)


async def huge_event(asked: Asked, line: Line) -> None:
    await line.stream_head()
    await line.event(delta("Once "))
    await line.chunk(b"data: " + b"x" * (2 * 1024 * 1024))
    await line.end()


async def huge_body(asked: Asked, line: Line) -> None:
    await line.raw(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        b"Content-Length: 1000000000\r\n\r\n"
    )
    with suppress(ConnectionError):
        for _ in range(1000):
            await line.raw(b" " * 1_000_000)


async def floods_head(asked: Asked, line: Line) -> None:
    """A header field that never ends."""
    await line.raw(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(1000):
        await line.raw(b"x" * 65_536)


async def floods_trailer(asked: Asked, line: Line) -> None:
    """A sound answer, and behind it a header field that never ends."""
    await line.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    await line.chunk(json.dumps(completion({"content": "Yes."})).encode())
    await line.raw(b"0\r\nX: ")
    for _ in range(1000):
        await line.raw(b"x" * 65_536)


async def counts(asked: Asked, line: Line) -> None:
    """Counts what the JSON in the field `user` says."""
    usage = json.loads(asked.body["user"])
    if not asked.body.get("stream"):
        await line.json({**completion({"content": "Seen."}), "usage": usage})
        return
    await line.stream_head()
    await line.event(delta("Seen."))
    await line.event(delta(finish="stop"))
    await line.event({**delta(), "choices": [], "usage": usage})
    await line.end()


async def odd_logprobs(asked: Asked, line: Line) -> None:
    """Log probabilities that are what the JSON in the field `user` says."""
    logprobs = json.loads(asked.body["user"])
    if not asked.body.get("stream"):
        body = completion({"content": "Seen."})
        body["choices"][0]["logprobs"] = logprobs
        await line.json(body)
        return
    await line.stream_head()
    chunk = delta("Seen.")
    chunk["choices"][0]["logprobs"] = logprobs
    await line.event(chunk)
    await line.event(delta(finish="stop"))
    await line.end()


async def leaves_a_choice(asked: Asked, line: Line) -> None:
    """Two choices, of which only the second comes to its end."""
    await line.stream_head()
    await line.event(delta("Once "))
    await line.event(delta("Twice.", index=1))
    await line.event(delta(finish="stop", index=1))
    await line.end()


async def gzip_bomb(asked: Asked, line: Line) -> None:
    await line.body(b"\x1f\x8b" + bytes(1000), Content_Encoding="gzip")


async def redirect(asked: Asked, line: Line) -> None:
    """To the address that the request's field `user` holds."""
    await line.body(b"", status=302, Location=asked.body["user"])


async def not_json(asked: Asked, line: Line) -> None:
    await line.body(b"<html>SECRET-CANARY</html>", Content_Type="text/html")


async def no_choices(asked: Asked, line: Line) -> None:
    await line.json({"id": "x", "choices": []})


async def says_close(asked: Asked, line: Line) -> None:
    """A sound answer on a connection that is closed after it, as announced."""
    await line.json(completion({"content": "Yes."}), Connection="close")
    line.writer.close()


async def closes_while_idle(asked: Asked, line: Line) -> None:
    """A sound answer on a connection that is closed a moment later, unannounced."""
    await line.json(completion({"content": "Yes."}))
    await asyncio.sleep(0.05)
    line.writer.close()


async def late(asked: Asked, line: Line) -> None:
    """A sound answer after a second."""
    await asyncio.sleep(1)
    await line.json(completion({"content": "At last."}))


async def drips(asked: Asked, line: Line) -> None:
    """Three words, with pauses longer than a heartbeat and shorter than the deadline."""
    await line.stream_head()
    for word in ("one ", "two ", "three"):
        await asyncio.sleep(0.9)
        await line.event(delta(word))
    await line.event(delta(finish="stop"))
    await line.end()


async def waits(asked: Asked, line: Line) -> None:
    """Three words, as many seconds apart as the field `user` says."""
    await line.stream_head()
    await line.event(delta("one "))
    for word in ("two ", "three"):
        await asyncio.sleep(float(asked.body["user"]))
        await line.event(delta(word))
    await line.event(delta(finish="stop"))
    await line.end()


async def changes_its_name(asked: Asked, line: Line) -> None:
    """Another id and model in each chunk, and the usage before the end."""
    await line.stream_head()
    for place, word in enumerate(WORDS):
        await line.event({**delta(word), "id": f"id-{place}", "model": f"model-{place}"})
    await line.event({**delta(), "choices": [], "usage": USAGE})
    await line.event(delta(finish="stop"))
    await line.end()


async def dictated(asked: Asked, line: Line) -> None:
    """Streams what the JSON list in the field `user` holds: events, or texts as they are."""
    await line.stream_head()
    for one in json.loads(asked.body["user"]):
        if isinstance(one, str):
            await line.chunk(one.encode("latin-1"))
        else:
            await line.event(one)
    await line.raw(b"0\r\n\r\n")


async def finish_then_fault(asked: Asked, line: Line) -> None:
    await line.stream_head()
    await line.event(delta("Once "))
    await line.event(delta(finish="error"))
    await line.end()


async def says_done_at_once(asked: Asked, line: Line) -> None:
    await line.stream_head()
    await line.end()


async def short_body(asked: Asked, line: Line) -> None:
    """Announces more than it sends."""
    await line.raw(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"
    )
    line.writer.close()


async def no_http(asked: Asked, line: Line) -> None:
    await line.raw(b"SSH-2.0-CANARY\r\n")
    line.writer.close()


async def closes_at_once(asked: Asked, line: Line) -> None:
    line.writer.close()


_PLANNED: Counter[tuple[str, str]] = Counter()


def planned(place: str, asked: str) -> int:
    """How often a place was asked a question with a plan."""
    return _PLANNED[place, asked]


async def plan(asked: Asked, line: Line) -> None:
    """Takes one step for each request of the plan that stands for this place in `user`.

    The place is the first word of the path, so that one server can be several. The last step
    is taken for ever. `user` is JSON: `{"id": "q1", "berlin": ["status_503", "good"]}`.
    """
    told = json.loads(asked.body["user"])
    place = asked.path.split("/")[1]
    steps = told[place]
    step = steps[min(_PLANNED[place, told["id"]], len(steps) - 1)]
    _PLANNED[place, told["id"]] += 1
    await BEHAVIOURS[step](asked, line)


def _refuses(
    status: int, error: Any, **headers: str
) -> Callable[[Asked, Line], Awaitable[None]]:
    async def behave(asked: Asked, line: Line) -> None:
        await line.json(error, status=status, **headers)

    return behave


def _error(message: str, code: object = None, **more: object) -> Json:
    return {
        "error": {"message": f"{message} (org-CANARY sk-CANARY 10.9.8.7)", "code": code, **more}
    }


BEHAVIOURS: dict[str, Callable[[Asked, Line], Awaitable[None]]] = {
    one.__name__: one
    for one in (
        good,
        untold,
        counts_its_own_way,
        names_itself,
        able,
        blind_of_pictures,
        echo,
        nonce,
        tools,
        reasoning,
        parrot,
        by_turns,
        calls_with_it,
        two_choices,
        silent,
        stalls,
        only_signs_of_life,
        paced,
        flood,
        fifty_words,
        cut_without_finish,
        done_without_finish,
        reset_mid_stream,
        sliced,
        odd_framing,
        malformed_event,
        two_objects_in_a_line,
        error_in_stream,
        error_in_200,
        chatters_after_done,
        huge_event,
        huge_body,
        floods_head,
        floods_trailer,
        counts,
        odd_logprobs,
        leaves_a_choice,
        gzip_bomb,
        redirect,
        not_json,
        no_choices,
        closes_at_once,
        says_close,
        closes_while_idle,
        late,
        drips,
        waits,
        changes_its_name,
        dictated,
        finish_then_fault,
        says_done_at_once,
        short_body,
        no_http,
        plan,
    )
}
BEHAVIOURS |= {
    "red_in_thousandths": finds_red("bbox_2d", _in_thousandths),
    "red_y_first": finds_red("box_2d", _y_first),
    "red_in_squares": finds_red("bbox_2d", _in_squares),
}
BEHAVIOURS |= {
    "status_401": _refuses(401, {"error": "Unauthorized"}),
    "status_403": _refuses(403, _error("no")),
    "status_404_model": _refuses(404, _error("The model does not exist", "model_not_found")),
    "status_404_page": _refuses(404, {"detail": "Not Found"}),
    "status_410": _refuses(410, _error("deployment gone", "ModelRetired")),
    "status_429": _refuses(429, _error("slow down"), Retry_After="2"),
    "status_429_compressed": _refuses(
        429, _error("slow down"), Retry_After="2", Content_Encoding="gzip"
    ),
    "status_429_day": _refuses(429, _error("slow down"), Retry_After="86400"),
    "status_429_garbage": _refuses(429, _error("slow down"), Retry_After="soon"),
    "status_429_no_year": _refuses(
        429, _error("slow down"), Retry_After="Wed, 21 Oct 99999999999999999999 07:28:00 GMT"
    ),
    "status_400_long": _refuses(400, _error("x" * 1_000_000 + " maximum context length")),
    "status_429_negative": _refuses(429, _error("slow down"), Retry_After="-5"),
    "status_400_image": _refuses(
        400, _error("cannot identify image file <_io.BytesIO object at 0x7f1>")
    ),
    "status_400_context": _refuses(
        400,
        _error("This model's maximum context length is 8192 tokens", "context_length_exceeded"),
    ),
    "status_400_field": _refuses(400, _error("bad", "invalid_value", param="temperature")),
    "status_422": _refuses(422, _error("HTTP error 404 from http://10.9.8.7/x")),
    "status_504": _refuses(504, _error("timeout")),
    "status_413": _refuses(413, _error("too large")),
    "status_429_date": _refuses(
        429, _error("slow down"), Retry_After="Wed, 21 Oct 2099 07:28:00 GMT"
    ),
    "status_500_no_images": _refuses(
        500, _error("image input is not supported - hint: mmproj")
    ),
    "status_500": _refuses(500, _error("boom")),
    "status_503": _refuses(503, _error("busy")),
    "status_529": _refuses(529, _error("overloaded")),
}


# --- The server ------------------------------------------------------------------------------


class Upstream:
    """The running server, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.port = 0
        self.connections = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._up = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self._up.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        for one in self.asked:
            one.closed.set()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def last(self, model: str) -> Asked:
        """The newest request for a model."""
        return next(one for one in reversed(self.asked) if one.body.get("model") == model)

    async def play(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        """Answers one request."""
        await BEHAVIOURS[asked.body["model"]](asked, Line(writer, asked.body["model"]))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**24)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._up.set()
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(asyncio.sleep(0))  # who was let in just now has a task
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        here: list[Asked] = []
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._converse(reader, writer, here)
        finally:  # when the server ends before its client, too
            for asked in here:
                asked.closed.set()
            writer.close()

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, here: list[Asked]
    ) -> None:
        async for asked in _requests(reader):
            here.append(asked)
            self.asked.append(asked)
            watch = asyncio.ensure_future(_until_gone(reader, asked))
            with suppress(ConnectionError):
                await self.play(asked, writer)
            if writer.transport.is_closing():
                break
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch


async def _requests(reader: asyncio.StreamReader) -> AsyncIterator[Asked]:
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").rstrip().split("\r\n")
        headers = {n.lower(): v.strip() for n, _, v in (one.partition(":") for one in lines)}
        method, path, _ = first.split()
        data = await reader.readexactly(int(headers.get("content-length", 0)))
        if headers.get("content-type") == "application/json":
            yield Asked(path, headers, json.loads(data), method)
        else:
            yield Asked(path, headers, {}, method, data)


async def _until_gone(reader: asyncio.StreamReader, asked: Asked) -> None:
    while not reader.at_eof() and reader.exception() is None:  # noqa: ASYNC110 -- no event for it
        await asyncio.sleep(0.02)
    asked.closed.set()
