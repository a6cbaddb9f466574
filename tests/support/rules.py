"""A model that answers by general rules: what a question says decides, never which one it is.

* A tool is called where the caller demands it, or where the question shares a word with what
  the tool is for and it was not called before; its arguments are made from its schema and from
  what the question holds.
* JSON is made from the schema that was sent or that the question holds, or of the names that
  it quotes.
* Everything else is answered with what was there: how many words, how many pictures.
* Tokens are words. What a server saw before is cached; who is to make an effort thinks first.

It is as strict as OpenAI is: a tool's result without a call, a call without a result, a picture
in a tool's result, and a URL that it would have to fetch are refused with 400.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from tests.support.upstream import BEHAVIOURS, Asked, Json, Line, delta

_SMALL = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be by do for from get give hello how i in is it me my of on or"
        " please return some that the this to use using what whats which with you your",
    )
)
_SEEN: set[str] = set()
"""Messages that were sent before."""


class Refused(Exception):
    """The question breaks a rule of the protocol."""


async def answers_by_rules(asked: Asked, line: Line) -> None:
    """See the module."""
    try:
        _check(asked.body["messages"])
    except Refused as fault:
        await line.json({"error": {"message": str(fault), "code": "invalid_value"}}, status=400)
        return
    message, finish = answer(asked.body)
    usage = usage_of(asked.body, message)
    if asked.body.get("stream"):
        await _streamed(asked.body, line, message, finish, usage)
        return
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    await line.json({"object": "chat.completion", "choices": [choice], "usage": usage})


# --- The protocol ----------------------------------------------------------------------------


def _check(messages: list[Json]) -> None:
    waiting: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                raise Refused("a tool's result answers no call before it")
            waiting.remove(message["tool_call_id"])
        elif waiting:
            raise Refused("a call has no result")
        waiting |= {call["id"] for call in message.get("tool_calls") or ()}
        for part in _parts(message):
            _check_part(message["role"], part)
    if waiting:
        raise Refused("a call has no result")


def _check_part(role: str, part: Json) -> None:
    match part:
        case {"type": "text", "text": str()}:
            return
        case {"type": "image_url", "image_url": {"url": str(url)}} if role == "user":
            if not url.startswith("data:image/"):
                raise Refused("a picture is no data URL")
        case _:
            raise Refused(f"a part of type {part['type']} in a message of role {role}")


def _parts(message: Json) -> list[Json]:
    content = message["content"]
    return content if isinstance(content, list) else [{"type": "text", "text": content or ""}]


# --- The answer ------------------------------------------------------------------------------


def answer(body: Json) -> tuple[Json, str]:
    """The message, and why it ends."""
    messages = body["messages"]
    asked = _last_words(messages)
    message: Json = {"content": None}
    if body.get("reasoning_effort"):
        message["reasoning_content"] = f"The question has {len(asked.split())} words."
    called = _chosen_tool(body, asked)
    if called is not None:
        values = _filled(called.get("parameters") or {}, _Found(asked))
        function = {"name": called["name"], "arguments": json.dumps(values, ensure_ascii=False)}
        call = {"id": f"call_{len(messages)}", "type": "function", "function": function}
        return message | {"tool_calls": [call]}, "tool_calls"
    return _cut(body, message, _text(body, messages, asked))


def _cut(body: Json, message: Json, text: str) -> tuple[Json, str]:
    for word in body.get("stop") or ():
        text = text.partition(word)[0]
    most = body.get("max_tokens") or body.get("max_completion_tokens")
    words = re.findall(r"\s*\S+", text)
    if most is not None and len(words) > most:
        return message | {"content": "".join(words[:most])}, "length"
    return message | {"content": text}, "stop"


def _text(body: Json, messages: list[Json], asked: str) -> str:
    match body.get("response_format"):
        case {"type": "json_schema", "json_schema": {"schema": schema}}:
            return json.dumps(_filled(schema, _Found(asked)))
        case {"type": "json_object"} if (schema := _schema_in(asked)) is not None:
            return json.dumps(_filled(schema, _Found(asked.partition("\n")[0])))
        case {"type": "json_object"}:
            names = re.findall(r"['\"](\w+)['\"]", asked)
            return json.dumps(dict.fromkeys(names, asked.partition(".")[0]))
        case _:
            parts = [part for message in messages for part in _parts(message)]
            pictures = sum(part["type"] == "image_url" for part in parts)
            words = sum(len(part.get("text", "").split()) for part in parts)
            return f"There are {pictures} pictures and {words} words. The last is: {asked}"


def _schema_in(text: str) -> Json | None:
    """A JSON object that stands in a text, and looks like a schema."""
    for start in (found.start() for found in re.finditer(r"\{", text)):
        with suppress(ValueError):
            value, _ = json.JSONDecoder().raw_decode(text, start)
            return value if {"type", "properties"} <= set(value) else None
    return None


def _last_words(messages: list[Json]) -> str:
    """What the last user message says."""
    last = next(one for one in reversed(messages) if one["role"] == "user")
    return " ".join(part["text"] for part in _parts(last) if part["type"] == "text")


def _chosen_tool(body: Json, asked: str) -> Json | None:
    offered = [tool["function"] for tool in body.get("tools") or ()]
    match body.get("tool_choice"):
        case {"function": {"name": name}}:
            return next(tool for tool in offered if tool["name"] == name)
        case "none":
            return None
        case "required":
            return max(offered, key=lambda tool: len(_words(tool) & _of(asked)))
        case _:
            calls = [call for one in body["messages"] for call in one.get("tool_calls") or ()]
            done = {call["function"]["name"] for call in calls}
            fitting = (tool for tool in offered if _words(tool) & _of(asked))
            return next((tool for tool in fitting if tool["name"] not in done), None)


def _words(tool: Json) -> set[str]:
    return _of(f"{tool['name']} {tool.get('description') or ''}")


def _of(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower().replace("_", " "))) - _SMALL


# --- Values from a schema --------------------------------------------------------------------


class _Found:
    """What a question holds: numbers, quoted words, and all of it."""

    def __init__(self, asked: str) -> None:
        self.asked = asked
        self.numbers: Iterator[str] = iter(re.findall(r"-?\d+(?:\.\d+)?", asked))
        self.quoted: Iterator[str] = iter(re.findall(r"['\"]([^'\"]+)['\"]", asked))

    def number(self) -> float:
        return float(next(self.numbers, "1"))

    def text(self) -> str:
        return next(self.quoted, self.asked)


def _filled(schema: Json, found: _Found, root: Json | None = None) -> Any:
    """The plainest value that is valid against the schema."""
    root = root or schema
    match schema:
        case {"$ref": reference}:
            return _filled(_at(root, reference), found, root)
        case {"const": value} | {"enum": [value, *_]}:
            return value
        case {"anyOf": [first, *_]} | {"oneOf": [first, *_]} | {"allOf": [first, *_]}:
            return _filled(first, found, root)
        case {"type": "array"}:
            return [_filled(schema.get("items") or {"type": "string"}, found, root)]
        case {"type": "string" | "integer" | "number" | "boolean" | "null" as kind}:
            return _plain(kind, found)
        case _:
            wanted, properties = schema.get("required", []), schema.get("properties", {})
            return {name: _filled(properties[name], found, root) for name in wanted}


def _plain(kind: str, found: _Found) -> Any:
    match kind:
        case "string":
            return found.text()
        case "integer":
            return int(found.number())
        case "number":
            return found.number()
        case _:
            return True if kind == "boolean" else None


def _at(root: Json, reference: str) -> Json:
    inner: Any = root
    for step in reference.removeprefix("#/").split("/"):
        inner = inner[step]
    return inner


# --- Tokens and streams ----------------------------------------------------------------------


def usage_of(body: Json, message: Json) -> Json:
    """What it costs, by the number of words."""
    sent = [json.dumps(one, sort_keys=True) for one in body["messages"]]
    cached = sum(len(one.split()) for one in sent if one in _SEEN)
    _SEEN.update(sent)
    prompt = sum(len(one.split()) for one in sent)
    thought = len((message.get("reasoning_content") or "").split())
    completion = len(json.dumps(message).split())
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": thought},
    }


async def _streamed(body: Json, line: Line, message: Json, finish: str, usage: Json) -> None:
    await line.stream_head()
    await line.event(delta("", role="assistant"))
    for word in re.findall(r"\s*\S+", message.get("reasoning_content") or ""):
        await line.event(delta(reasoning_content=word))
    for place, call in enumerate(message.get("tool_calls", ())):
        function = call["function"]
        begun = {**call, "index": place, "function": {**function, "arguments": ""}}
        await line.event(delta(tool_calls=[begun]))
        for piece in re.findall(r".{1,6}", function["arguments"], re.DOTALL):
            more = {"index": place, "function": {"arguments": piece}}
            await line.event(delta(tool_calls=[more]))
    for word in re.findall(r"\s*\S+|\s+$", message["content"] or ""):
        await line.event(delta(word))
    await line.event(delta(finish=finish))
    if (body.get("stream_options") or {}).get("include_usage"):
        await line.event({**delta(), "choices": [], "usage": usage})
    await line.end()


BEHAVIOURS[answers_by_rules.__name__] = answers_by_rules
