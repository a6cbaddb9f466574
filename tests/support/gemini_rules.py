"""The model of `rules` behind the Gemini API: the same answers, in the words of that API."""

import json
from typing import Any

from tests.support.gemini_upstream import BEHAVIOURS, SIGNATURE, GeminiLine, said
from tests.support.rules import answer, usage_of
from tests.support.upstream import Asked, Json


async def answers_by_rules(asked: Asked, line: GeminiLine) -> None:
    """See `rules.answers_by_rules`."""
    question = _question(asked.body)
    message, finish = answer(question)
    pieces = [said(part) for part in _parts(message)]
    last = said(finish="MAX_TOKENS" if finish == "length" else "STOP")
    last["usageMetadata"] = _usage(usage_of(question, message))
    await line.answer(*pieces, last)


def _question(body: Json) -> Json:
    """The request in OpenAI's words, as far as the rules look at it."""
    config, tools = body.get("generationConfig", {}), body.get("tools", ())
    question: Json = {
        "messages": [_message(content) for content in body["contents"]],
        "tools": [{"function": one} for tool in tools for one in _declared(tool)],
        "stop": config.get("stopSequences"),
        "max_tokens": config.get("maxOutputTokens"),
        "reasoning_effort": config.get("thinkingConfig"),
    }
    calling = body.get("toolConfig", {}).get("functionCallingConfig", {})
    if calling.get("mode") == "ANY":
        question["tool_choice"] = "required"
    if config.get("responseMimeType") == "application/json":
        schema = config.get("responseJsonSchema")
        form = {"type": "json_schema", "json_schema": {"schema": schema}}
        question["response_format"] = form if schema else {"type": "json_object"}
    return question


def _declared(tool: Json) -> list[Json]:
    return [
        {**one, "parameters": one.get("parametersJsonSchema")}
        for one in tool["functionDeclarations"]
    ]


def _message(content: Json) -> Json:
    roles = {"user": "user", "model": "assistant"}
    parts = content["parts"]
    if any("functionResponse" in part for part in parts):
        shown = [
            inner
            for part in parts
            for inner in part.get("functionResponse", {}).get("parts", ())
        ]
        return {"role": "tool", "content": [_part(one) for one in (*shown, *parts)]}
    calls = [{"function": one["functionCall"]} for one in parts if "functionCall" in one]
    content_parts = [_part(one) for one in parts]
    return {"role": roles[content["role"]], "content": content_parts, "tool_calls": calls}


def _part(part: Json) -> Json:
    if "inlineData" in part:
        return {"type": "image_url", "image_url": {"url": part["inlineData"]["data"]}}
    return {"type": "text", "text": part.get("text", "")}


def _parts(message: Json) -> list[Json]:
    parts: list[Json] = []
    if message.get("reasoning_content"):
        parts.append({"text": message["reasoning_content"], "thought": True})
    for call in message.get("tool_calls", ()):
        function = call["function"]
        called = {"name": function["name"], "args": json.loads(function["arguments"])}
        parts.append({"functionCall": called, "thoughtSignature": SIGNATURE})
    if message["content"]:
        parts.append({"text": message["content"]})
    return parts


def _usage(usage: Json) -> dict[str, Any]:
    thought = usage["completion_tokens_details"]["reasoning_tokens"]
    return {
        "promptTokenCount": usage["prompt_tokens"],
        "candidatesTokenCount": usage["completion_tokens"] - thought,
        "thoughtsTokenCount": thought,
        "totalTokenCount": usage["total_tokens"],
        "cachedContentTokenCount": usage["prompt_tokens_details"]["cached_tokens"],
    }


BEHAVIOURS[answers_by_rules.__name__] = answers_by_rules
