"""Model servers of the OpenAI family that are as strict as the real ones.

Each refuses what the real server refuses, in its own words and shapes. What it accepts is then
played by the behaviour that the model is named after, written as that server writes.
"""

import asyncio
import base64
import binascii
import hashlib
import io
import json
import re
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from PIL import Image, UnidentifiedImageError
from tests.support import rules, upstream
from tests.support.upstream import Asked, Json, Line, completion, delta
from typing_extensions import override

FIELDS = {
    "model", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "stop",
    "seed", "n", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs",
    "logit_bias", "user", "reasoning_effort", "tools", "tool_choice", "parallel_tool_calls",
    "response_format", "stream", "stream_options",
}  # fmt: skip
"""Every field that OpenAI has for a question of ours; another is refused."""
MESSAGE_FIELDS = {
    "system": {"content", "name"},
    "developer": {"content", "name"},
    "user": {"content", "name"},
    "assistant": {"content", "name", "tool_calls", "refusal"},
    "tool": {"content", "tool_call_id"},
}


class Refused(Exception):
    """What the server does not take, as it says it."""

    def __init__(self, status: int, body: Any, **headers: str) -> None:
        super().__init__(body)
        self.status = status
        self.body = body
        self.headers = headers


def invalid(message: str, param: str | None = None, code: str | None = None) -> Refused:
    """OpenAI's 400."""
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return Refused(400, {"error": error})


class Picture(NamedTuple):
    """One picture of a request."""

    place: str
    role: str
    url: str

    def data(self) -> bytes:
        """The bytes of a data URL."""
        return base64.b64decode(self.url.partition(";base64,")[2], validate=True)


def pictures(body: Json) -> Iterator[Picture]:
    """Every picture, in order."""
    for number, message in enumerate(body["messages"]):
        for place, part in enumerate(message["content"] or ()):
            if isinstance(part, dict) and part["type"] == "image_url":
                where = f"messages[{number}].content[{place}].image_url"
                yield Picture(where, message["role"], part["image_url"]["url"])


class OpenAIServer(upstream.Upstream):
    """OpenAI's own: `/v1/chat/completions` with a bearer key."""

    key = "sk-upstream"
    path = "/v1/chat/completions"
    models: ClassVar[set[str]] = {
        "gpt-4.1",
        "gpt-4.1-mini",
        rules.answers_by_rules.__name__,
        *upstream.BEHAVIOURS,
    }

    @override
    async def play(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        line = self.line(writer)
        line.model = asked.body.get("model", line.model)
        try:
            name = self.checked(asked)
        except Refused as refused:
            headers = refused.headers
            await Line(writer).json(refused.body, status=refused.status, **headers)
            return
        await self.behave(name)(asked, line)

    def behave(self, name: str) -> Any:
        """What a model of that name does."""
        return upstream.BEHAVIOURS.get(name, upstream.good)

    def line(self, writer: asyncio.StreamWriter) -> Line:
        """How this server writes."""
        return Line(writer)

    def checked(self, asked: Asked) -> str:
        """The name of the model that is asked; raises `Refused`."""
        if asked.headers.get("authorization") != f"Bearer {self.key}":
            error = {
                "message": "Incorrect API key provided: sk-CANARY",
                "type": "invalid_request_error",
                "param": None,
                "code": "invalid_api_key",
            }
            raise Refused(401, {"error": error})
        if asked.path != self.path:
            raise Refused(
                404,
                {
                    "error": {
                        "message": f"Invalid URL (POST {asked.path})",
                        "type": "invalid_request_error",
                        "param": None,
                        "code": None,
                    }
                },
            )
        name = asked.body["model"]
        if name not in self.models:
            error = {
                "message": f"The model `{name}` does not exist or you do not have access to it",
                "type": "invalid_request_error",
                "param": None,
                "code": "model_not_found",
            }
            raise Refused(404, {"error": error})
        self.check_question(asked.body)
        return name

    def check_question(self, body: Json) -> None:
        """Refuses fields, turns and pictures that OpenAI refuses."""
        for name in body.keys() - FIELDS:
            raise invalid(f"Unrecognized request argument supplied: {name}")
        for name, needed in (
            ("tool_choice", "tools"),
            ("parallel_tool_calls", "tools"),
            ("top_logprobs", "logprobs"),
        ):
            if name in body and not body.get(needed):
                message = f"Invalid value for '{name}': only allowed when '{needed}' is given."
                raise invalid(message, name)
        if {"max_tokens", "max_completion_tokens"} <= body.keys():
            message = "Setting 'max_tokens' and 'max_completion_tokens' is not supported."
            raise invalid(message, code="invalid_parameter_combination")
        called: set[str] = set()
        for number, message in enumerate(body["messages"]):
            self._check_turn(number, message, called)
        for picture in pictures(body):
            self.check_picture(picture)

    def _check_turn(self, number: int, message: Json, called: set[str]) -> None:
        role = message["role"]
        for name in message.keys() - {"role"} - MESSAGE_FIELDS[role]:
            where = f"messages[{number}].{name}"
            raise invalid(f"Unknown parameter: '{where}'.", where, "unknown_parameter")
        if role == "tool" and message.get("tool_call_id") not in called:
            where = f"messages.[{number}].role"
            raise invalid(
                "Invalid parameter: messages with role 'tool' must be a response to a "
                "preceeding message with 'tool_calls'.",
                where,
            )
        called |= {call["id"] for call in message.get("tool_calls") or ()}
        content = message["content"]
        if content is None and not message.get("tool_calls"):
            where = f"messages.[{number}].content"
            raise invalid("Invalid value for 'content': expected a string, got null.", where)
        for part in content if isinstance(content, list) else ():
            unknown = part.keys() - {"type", "text", "image_url", "file"}
            if part["type"] not in {"text", "image_url", "file"} or unknown:
                where = f"messages[{number}].content"
                raise invalid(f"Invalid value: '{part['type']}'.", where, "invalid_value")

    def check_picture(self, picture: Picture) -> None:
        """Refuses a picture that OpenAI's vision models refuse."""
        if picture.role != "user":
            raise invalid(
                "Invalid 'messages'. Image URLs are only allowed for messages with role "
                f"'user', but this message with role '{picture.role}' contains an image URL.",
                picture.place.partition(".")[0],
                "invalid_value",
            )
        found = re.match(r"data:([\w/+.-]+);base64,", picture.url)
        if found is None:
            raise invalid("Failed to download the image.", picture.place, "invalid_image_url")
        supported = (
            "You uploaded an unsupported image. Please make sure your image has of one the "
            "following formats: ['png', 'jpeg', 'gif', 'webp']."
        )
        try:
            with Image.open(io.BytesIO(picture.data())) as image:
                frames = getattr(image, "n_frames", 1)
                kind = f"image/{(image.format or '').lower()}"
        except (UnidentifiedImageError, OSError) as fault:
            raise invalid(supported, picture.place, "invalid_image_format") from fault
        except binascii.Error as fault:
            raise invalid("Invalid base64 image_url.", picture.place) from fault
        known = {"image/png", "image/jpeg", "image/gif", "image/webp"}
        if kind not in known or found[1] != kind or frames > 1:
            raise invalid(supported, picture.place, "invalid_image_format")


# --- Azure -----------------------------------------------------------------------------------

CATEGORIES = ("hate", "self_harm", "sexual", "violence")
SAFE = {name: {"filtered": False, "severity": "safe"} for name in CATEGORIES}
PROMPT_VERDICT = [
    {
        "prompt_index": 0,
        "content_filter_results": SAFE
        | {"jailbreak": {"filtered": False, "detected": False}}
        | {"CANARY of 10.9.8.7": {"filtered": False}}
        | {"custom_blocklists": {"filtered": False, "details": [{"id": "BLOCKLIST-CANARY"}]}},
    }
]
CITED = SAFE | {
    "protected_material_code": {
        "filtered": False,
        "detected": True,
        "citation": {"URL": "https://example.test/code", "license": "MIT"},
    },
    "error": {"code": "content_filter_error", "message": "CANARY: the filter is at 10.9.8.7"},
}
POLICY = {
    "error": {
        "message": "The response was filtered due to the prompt triggering Azure OpenAI's "
        "content management policy. (org-CANARY)",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": SAFE
            | {"violence": {"filtered": True, "severity": "high"}}
            | {"jailbreak": {"filtered": True, "detected": True}},
        },
    }
}
LIMITS = {
    "x_ratelimit_limit_requests": "250",
    "x_ratelimit_remaining_requests": "249",
    "x_ratelimit_remaining_tokens": "249841",
    "x_ms_region": "Sweden Central",
    "apim_request_id": "CANARY-of-the-gateway",
}


class AzureLine(Line):
    """Writes as Azure does: a first event without choices, and a verdict with every piece."""

    @override
    async def json(self, body: Any, *, status: int = 200, **headers: str) -> None:
        if isinstance(body, dict) and body.get("choices"):
            body = body | {"prompt_filter_results": PROMPT_VERDICT}
            for choice in body["choices"]:
                choice.setdefault("content_filter_results", SAFE)
        await super().json(body, status=status, **(LIMITS | headers))

    @override
    async def stream_head(self, **headers: str) -> None:
        await super().stream_head(**(LIMITS | headers))
        first: Json = {"choices": [], "created": 0, "id": "", "model": "", "object": ""}
        await super().event(first | {"prompt_filter_results": PROMPT_VERDICT})

    @override
    async def event(self, body: Json) -> None:
        for choice in body.get("choices") or ():
            if "content_filter_results" not in choice:
                text = (choice.get("delta") or {}).get("content")
                choice["content_filter_results"] = SAFE if text else {}
        await super().event(body)


async def filtered_answer(asked: Asked, line: Line) -> None:
    """Begins an answer, and is stopped by the filter."""
    found = SAFE | {"violence": {"filtered": True, "severity": "medium"}}
    if not asked.body.get("stream"):
        body = completion({"content": ""}, finish="content_filter")
        body["choices"][0]["content_filter_results"] = found
        await line.json(body)
        return
    await line.stream_head()
    await line.event(delta("Once "))
    last = delta(finish="content_filter")
    last["choices"][0]["content_filter_results"] = found
    await line.event(last)
    await line.end()


async def late_verdicts(asked: Asked, line: Line) -> None:
    """The asynchronous filter: text at once, verdicts afterwards and with their places."""
    await line.stream_head()
    for word in ("Once ", "more"):
        event = delta(word)
        event["choices"][0]["content_filter_results"] = {}
        await line.event(event)
    offsets = {"check_offset": 44, "start_offset": 44, "end_offset": 52}
    verdict = {
        "index": 0, "finish_reason": None, "logprobs": None,
        "content_filter_results": CITED, "content_filter_offsets": offsets,
    }  # fmt: skip
    await line.event(delta() | {"choices": [verdict]})
    await line.event(delta(finish="stop"))
    await line.end()


async def filtered_in_stream(asked: Asked, line: Line) -> None:
    """The filter's refusal as an event of a stream that had begun."""
    await line.stream_head()
    await line.event(POLICY)
    await line.end()


def _gateway(status: int, code: str, message: str, **headers: str) -> Any:
    """An error of the gateway in front of Azure's models."""
    return upstream._refuses(status, {"error": {"code": code, "message": message}}, **headers)  # noqa: SLF001 -- its factory


AZURE_BEHAVIOURS = upstream.BEHAVIOURS | {
    "filtered_answer": filtered_answer,
    "late_verdicts": late_verdicts,
    "filtered_in_stream": filtered_in_stream,
    "filtered_prompt": upstream._refuses(400, POLICY),  # noqa: SLF001 -- its factory
    "throttled": _gateway(
        429,
        "429",
        "Requests to the ChatCompletions_Create Operation under Azure OpenAI API have exceeded "
        "token rate limit of your current OpenAI S0 pricing tier (CANARY). Please retry "
        "after 7 seconds.",
        Retry_After="7",
        x_ratelimit_remaining_tokens="0",
    ),
    "retired": _gateway(410, "410", "The requested resource is no longer available. (CANARY)"),
    "firewalled": _gateway(
        403, "403", "Access denied due to Virtual Network/Firewall rules (10.9.8.7)."
    ),
    "timed_out": _gateway(408, "Timeout", "The operation was timeout. CANARY"),
    "failing": _gateway(500, "InternalServerError", "Backend returned unexpected response."),
    "no_quota": _gateway(
        503, "NoCapacity", "The system is currently experiencing high demand."
    ),
}


class AzureServer(OpenAIServer):
    """Azure OpenAI, in both forms of its address."""

    versions: ClassVar[set[str]] = {"2024-10-21", "2025-04-01-preview"}
    token = "eyJ-a-bearer-token"  # noqa: S105 -- of nothing
    models: ClassVar[set[str]] = {"gpt-4.1", "eyes of sweden", *AZURE_BEHAVIOURS}

    @override
    def behave(self, name: str) -> Any:
        return AZURE_BEHAVIOURS.get(name, upstream.good)

    @override
    def line(self, writer: asyncio.StreamWriter) -> Line:
        return AzureLine(writer)

    @override
    def checked(self, asked: Asked) -> str:
        key, bearer = asked.headers.get("api-key"), asked.headers.get("authorization")
        if key != self.key and bearer != f"Bearer {self.token}":
            raise Refused(
                401,
                {
                    "error": {
                        "code": "401",
                        "message": "Access denied due to invalid subscription key or wrong API "
                        "endpoint. Make sure to provide a valid key (sk-CANARY).",
                    }
                },
            )
        name = self._deployment(asked)
        if name not in self.models:
            message = "The API deployment for this resource does not exist. (CANARY)"
            raise Refused(404, {"error": {"code": "DeploymentNotFound", "message": message}})
        if sum(1 for _ in pictures(asked.body)) > 10:
            raise invalid("Too many images in request. Max is 10.")
        self.check_question(asked.body)
        return name

    def _deployment(self, asked: Asked) -> str:
        """The deployment that the address or the body names."""
        url = urlsplit(asked.path)
        query = parse_qs(url.query)
        found = re.fullmatch(r"/openai/deployments/([^/]+)/chat/completions", url.path)
        missing = Refused(404, {"error": {"code": "404", "message": "Resource not found"}})
        if found is not None and query.get("api-version", [""])[0] in self.versions:
            return unquote(found[1])
        if url.path == "/openai/v1/chat/completions" and not (
            query.keys() - {"api-version"} or set(query.get("api-version", [])) - {"preview"}
        ):
            return asked.body["model"]
        raise missing


# --- vLLM ------------------------------------------------------------------------------------


def _vllm(status: int, message: str, kind: str = "BadRequestError") -> Any:
    error = {"message": message, "type": kind, "param": None, "code": status}
    return upstream._refuses(status, {"error": error})  # noqa: SLF001 -- its factory


def _old_vllm(status: int, message: str, kind: str = "BadRequestError") -> Any:
    error = {"object": "error", "message": message, "type": kind, "param": None, "code": status}
    return upstream._refuses(status, error)  # noqa: SLF001 -- its factory


async def sees(asked: Asked, line: Line) -> None:
    """Says what it sees: for each medium the start of its hash, whatever its uuid promised."""
    await line.json(completion({"content": json.dumps(asked.body["seen"])}))


async def thinks(asked: Asked, line: Line) -> None:
    """Reasons under the name of old servers or of new ones, as the user asks."""
    name = asked.body["user"]
    if not asked.body.get("stream"):
        await line.json(completion({"content": "Yes.", name: "Hmm."}))
        return
    await line.stream_head()
    await line.event(delta("", role="assistant"))
    await line.event(delta(**{name: "Hmm."}))
    await line.event(delta("Yes.", finish="stop"))
    await line.end()


async def calls_the_named(asked: Asked, line: Line) -> None:
    """Calls the function that it was told to; finishes with `stop`, as OpenAI does too."""
    function = {"name": asked.body["tool_choice"]["function"]["name"], "arguments": "{}"}
    call = {"id": "chatcmpl-tool-1", "type": "function", "function": function}
    message = {"content": "", "tool_calls": [call], "reasoning": None, "refusal": None}
    await line.json(completion(message))


async def dies_in_stream(asked: Asked, line: Line) -> None:
    """The engine dies: an error in the stream, and then its end as if nothing had happened."""
    await line.stream_head()
    await line.event(delta("Once "))
    error = {"message": "EngineCore encountered an issue CANARY", "type": "InternalServerError"}
    await line.event({"error": error | {"param": None, "code": 500}})
    await line.end()


VLLM_BEHAVIOURS = upstream.BEHAVIOURS | {
    "sees": sees,
    "thinks": thinks,
    "calls_the_named": calls_the_named,
    "dies_in_stream": dies_in_stream,
    "too_long": _vllm(
        400,
        "This model's maximum context length is 8192 tokens. However, you requested 9000.",
    ),
    "too_long_old": _old_vllm(
        400, "The decoder prompt (length 9000) is longer than the maximum model length of 8192."
    ),
    "broken_picture": _vllm(
        400, "cannot identify image file <_io.BytesIO object at 0x7f2b> CANARY"
    ),
    "engine_dead": _vllm(500, "EngineDeadError CANARY", "InternalServerError"),
    "engine_dead_old": _old_vllm(500, "Internal error CANARY", "InternalServerError"),
    "busy": _vllm(503, "The server is overloaded", "ServiceUnavailableError"),
    "fetched_404": _vllm(422, "404, message='Not Found', url='http://10.9.8.7/x'"),
}


class VllmServer(OpenAIServer):
    """vLLM 0.32 with `--limit-mm-per-prompt '{"image": 4, "video": 1}'`."""

    models: ClassVar[set[str]] = {"Qwen3-VL-30B-A3B-Instruct-FP8", *VLLM_BEHAVIOURS}

    def __init__(self, *, trusts_mm_kwargs: bool = False) -> None:
        super().__init__()
        self.trusts_mm_kwargs = trusts_mm_kwargs
        self._kept: dict[str, str] = {}
        """Media that were seen, by their uuid: what comes under it later is not looked at."""

    @override
    def behave(self, name: str) -> Any:
        return VLLM_BEHAVIOURS.get(name, upstream.good)

    @override
    def checked(self, asked: Asked) -> str:
        if asked.headers.get("authorization") != f"Bearer {self.key}":
            raise Refused(401, {"error": "Unauthorized"})
        if asked.path != self.path:
            raise Refused(404, {"detail": "Not Found"})
        body = asked.body
        if body["model"] not in self.models:
            message = f"The model `{body['model']}` does not exist."
            error = {"message": message, "type": "NotFoundError", "param": "model", "code": 404}
            raise Refused(404, {"error": error})
        if body.get("tool_choice", "none") != "none" and not body.get("tools"):
            raise self._bad("When using `tool_choice`, `tools` must be set.")
        if body.get("top_logprobs") and not body.get("logprobs"):
            raise self._bad("when using `top_logprobs`, `logprobs` must be set to true.")
        for name in ("mm_processor_kwargs", "media_io_kwargs"):
            if name in body and not self.trusts_mm_kwargs:
                raise self._bad(f"{name} is not allowed without --trust-request-mm-kwargs")
        asked.body = body | {"seen": list(self._media(body))}
        return body["model"]

    def _media(self, body: Json) -> Iterator[str]:
        counts = {"image_url": 0, "video_url": 0}
        limits = {"image_url": 4, "video_url": 1}
        for message in body["messages"]:
            for part in message["content"] if isinstance(message["content"], list) else ():
                kind = part["type"]
                if kind not in counts:
                    continue
                counts[kind] += 1
                if counts[kind] > limits[kind]:
                    what = kind.partition("_")[0]
                    raise self._bad(
                        f"At most {limits[kind]} {what}(s) may be provided in one prompt."
                    )
                yield self._seen(part, kind)

    def _seen(self, part: Json, kind: str) -> str:
        url = part[kind]["url"]
        if not url.startswith("data:"):
            raise self._bad(
                f"The URL must be from one of the allowed domains: []. Input: {url}"
            )
        try:
            data = base64.b64decode(url.partition(";base64,")[2], validate=True)
        except binascii.Error as fault:
            raise self._bad(f"Incorrect padding: {fault}") from fault
        now = hashlib.sha256(data).hexdigest()[:16]
        uuid = part.get("uuid")
        return now if uuid is None else self._kept.setdefault(uuid, now)

    def _bad(self, message: str) -> Refused:
        error = {"message": message, "type": "BadRequestError", "param": None, "code": 400}
        return Refused(400, {"error": error})
