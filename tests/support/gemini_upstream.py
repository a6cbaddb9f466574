"""A server of the Gemini API, as strict as the real one, that plays every fault.

It refuses what the real one refuses, in its words and shapes. What it accepts is played by the
function below that the model is named after.
"""

import asyncio
import base64
import binascii
import io
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from PIL import Image
from tests.support import upstream
from tests.support.upstream import Asked, Json, Line
from typing_extensions import override

IMAGES = {"image/jpeg", "image/png", "image/webp", "image/heic", "image/heif"}
VIDEOS = {
    "video/mp4", "video/mpeg", "video/mov", "video/avi", "video/x-flv", "video/mpg",
    "video/webm", "video/wmv", "video/3gpp",
}  # fmt: skip
MEDIA = IMAGES | VIDEOS | {"application/pdf"}
MAX_REQUEST_BYTES = 20_971_520
REQUEST_FIELDS = {
    "contents", "systemInstruction", "tools", "toolConfig", "generationConfig",
    "safetySettings", "cachedContent",
}  # fmt: skip
CONFIG_FIELDS: dict[str, Callable[[Any], bool]] = {
    "temperature": lambda it: 0 <= it <= 2,
    "topP": lambda it: 0 <= it <= 1,
    "maxOutputTokens": lambda it: 1 <= it <= 65_536,
    "stopSequences": lambda it: 1 <= len(it) <= 5 and all(isinstance(one, str) for one in it),
    "seed": lambda it: -(2**31) <= it < 2**31,
    "candidateCount": lambda it: 1 <= it <= 8,
    "presencePenalty": lambda it: -2 <= it <= 2,
    "frequencyPenalty": lambda it: -2 <= it <= 2,
    "responseLogprobs": lambda it: isinstance(it, bool),
    "logprobs": lambda it: 0 <= it <= 20,
    "responseMimeType": lambda it: it in {"text/plain", "application/json"},
    "responseJsonSchema": lambda it: isinstance(it, dict),
    "mediaResolution": lambda it: (
        re.fullmatch("MEDIA_RESOLUTION_(LOW|MEDIUM|HIGH)", it) is not None
    ),
    "thinkingConfig": lambda it: (
        it.keys() <= {"thinkingBudget", "thinkingLevel", "includeThoughts"}
        and it.get("thinkingLevel", "LOW") in {"MINIMAL", "LOW", "MEDIUM", "HIGH"}
        and -1 <= it.get("thinkingBudget", 0) <= 24_576
    ),
}
SCHEMA_KEYWORDS = {
    "$id", "$defs", "$ref", "$anchor", "type", "format", "title", "description", "enum",
    "items", "prefixItems", "minItems", "maxItems", "minimum", "maximum", "anyOf", "oneOf",
    "properties", "additionalProperties", "required", "propertyOrdering",
}  # fmt: skip
PARTS = {"text", "inlineData", "fileData", "functionCall", "functionResponse"}
BESIDE = {"thought", "thoughtSignature", "videoMetadata"}
SKIP = "skip_thought_signature_validator"
SIGNATURE = base64.b64encode(bytes(range(256)) * 9).decode()
"""Of a usual size, with every byte in it."""
WORDS = ["A ", "red ", "bö", "at."]
USAGE = {
    "promptTokenCount": 812,
    "candidatesTokenCount": 3,
    "totalTokenCount": 855,
    "thoughtsTokenCount": 40,
    "cachedContentTokenCount": 300,
    "promptTokensDetails": [
        {"modality": "TEXT", "tokenCount": 38},
        {"modality": "IMAGE", "tokenCount": 774},
    ],
}


class Refused(Exception):
    """What the server does not take, as it says it."""

    def __init__(self, message: str, *, code: int = 400, status: str = "INVALID_ARGUMENT",
                 details: list[Json] | None = None) -> None:  # fmt: skip
        super().__init__(message)
        self.code = code
        self.body = error(code, message, status, details)


def error(code: int, message: str, status: str, details: list[Json] | None = None) -> Json:
    """A refusal's body; its words hold what nobody may see."""
    told: Json = {
        "code": code,
        "message": f"{message} (projects/CANARY-123 AIza-CANARY 10.9.8.7)",
        "status": status,
    }
    if details:
        told["details"] = details
    return {"error": told}


def info(reason: str) -> Json:
    kind = "type.googleapis.com/google.rpc.ErrorInfo"
    return {"@type": kind, "reason": reason, "domain": "googleapis.com"}


def violation(field: str, words: str) -> Json:
    kind = "type.googleapis.com/google.rpc.BadRequest"
    return {"@type": kind, "fieldViolations": [{"field": field, "description": words}]}


def retry(delay: str) -> Json:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


def need(holds: object, message: str, field: str = "") -> None:
    """Refuses the request unless something holds."""
    if not holds:
        raise Refused(message, details=[violation(field, message)] if field else None)


def known(value: Json, names: set[str], where: str) -> None:
    for name in value.keys() - names:
        message = f"Invalid JSON payload received. Unknown name \"{name}\" at '{where}'"
        raise Refused(f"{message}: Cannot find field.", details=[violation(where, message)])


ELSEWHERE, NEVER_READY, UNREADABLE, SOON_GONE = 901, 902, 903, 904
"""What becomes of a file, told by the last three digits of its size."""


@dataclass
class StoredFile:
    """A file that was uploaded."""

    name: str
    uri: str
    kind: str
    size: int
    data: bytes = b""
    looks: int = 0
    uses: int = 0
    """By how many questions."""

    @property
    def state(self) -> str:
        """Ready when it was looked at twice."""
        if self.size % 1000 == NEVER_READY or self.looks < 2:
            return "PROCESSING"
        return "FAILED" if self.size % 1000 == UNREADABLE else "ACTIVE"

    def look(self) -> Json:
        self.looks += 1
        left = timedelta(minutes=1 if self.size % 1000 == SOON_GONE else 48 * 60)
        ends = (datetime.now(UTC) + left).isoformat().replace("+00:00", "Z")
        return {
            "name": self.name,
            "uri": self.uri,
            "mimeType": self.kind,
            "sizeBytes": str(self.size),
            "state": self.state,
            "expirationTime": ends,
        }


# --- What it refuses -------------------------------------------------------------------------


class GeminiServer(upstream.Upstream):
    """AI Studio, and Vertex AI under its own paths."""

    key = "AIza-upstream"
    token = "ya29.upstream"  # noqa: S105 -- of a server on loopback
    studio: ClassVar = re.compile(
        r"/v1beta/models/([\w.-]+):(generateContent|streamGenerateContent\?alt=sse)"
    )
    vertex: ClassVar = re.compile(
        r"/v1/projects/p1/locations/europe-west4/publishers/google/models/([\w.-]+)"
        r":(generateContent|streamGenerateContent\?alt=sse)"
    )

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, StoredFile] = {}
        """By name, those that are there."""
        self._uploads: dict[str, StoredFile] = {}

    @override
    async def play(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        line = GeminiLine(writer, streams="stream" in asked.path)
        try:
            if "/files" in asked.path:
                body, headers = self.file_call(asked)
                await line.json(body, **headers)
                return
            line.model = name = self.checked(asked)
        except Refused as refused:
            await line.json(refused.body, status=refused.code)
            return
        await BEHAVIOURS[name](asked, line)

    @override
    def last(self, model: str) -> Asked:
        return next(one for one in reversed(self.asked) if f"/models/{model}:" in one.path)

    def checked(self, asked: Asked) -> str:
        """The name of the model that is asked; raises `Refused`."""
        found = self.studio.fullmatch(asked.path)
        is_vertex = found is None
        found = found or self.vertex.fullmatch(asked.path)
        if found is None:
            raise Refused("Requested entity was not found.", code=404, status="NOT_FOUND")
        self.check_access(asked, is_vertex=is_vertex)
        if found[1] not in BEHAVIOURS:
            message = (
                f"models/{found[1]} is not found for API version v1beta, or is not supported"
            )
            raise Refused(message, code=404, status="NOT_FOUND")
        if int(asked.headers["content-length"]) > MAX_REQUEST_BYTES:
            raise Refused("Request payload size exceeds the limit: 20971520 bytes.")
        self.check_question(asked.body, needs_signature=not found[1].startswith("old"))
        return found[1]

    def check_access(self, asked: Asked, *, is_vertex: bool) -> None:
        given = asked.headers.get("x-goog-api-key"), asked.headers.get("authorization")
        if is_vertex and given != (None, f"Bearer {self.token}"):
            message = "Request had invalid authentication credentials."
            raise Refused(message, code=401, status="UNAUTHENTICATED")
        if not is_vertex and given[1] is not None:
            message = "Expected OAuth 2 access token, login cookie or other valid credential."
            raise Refused(message, code=401, status="UNAUTHENTICATED")
        if not is_vertex and given[0] != self.key:
            message = "API key not valid. Please pass a valid API key."
            raise Refused(message, details=[info("API_KEY_INVALID")])

    def check_question(self, body: Json, *, needs_signature: bool) -> None:
        known(body, REQUEST_FIELDS, "")
        need(body.get("contents"), "contents is not specified", "contents")
        names = self._check_tools(body)
        if "systemInstruction" in body:
            known(body["systemInstruction"], {"role", "parts"}, "system_instruction")
            for part in body["systemInstruction"]["parts"]:
                need(
                    part.keys() == {"text"} and part["text"], "system_instruction is text only"
                )
        for place, content in enumerate(body["contents"]):
            self._check_content(content, f"contents[{place}]")
        self._check_calls(body["contents"], needs_signature=needs_signature)
        self._check_config(body.get("generationConfig", {}))
        if not names:
            need("toolConfig" not in body, "Function calling config is set without functions")

    def _check_content(self, content: Json, where: str) -> None:
        known(content, {"role", "parts"}, where)
        need(
            content.get("role") in {"user", "model"},
            "Please use a valid role: user, model.",
            where,
        )
        need(content.get("parts"), f"{where}.parts must not be empty.", where)
        for part in content["parts"]:
            known(part, PARTS | BESIDE, f"{where}.parts")
            kinds = part.keys() & PARTS
            need(len(kinds) == 1, "Part must have exactly one initialized field.", where)
            text = part.get("text", "-")
            need(text or "thoughtSignature" in part, "It must have a non-empty text.", where)
            if "inlineData" in part:
                self.check_inline(part["inlineData"])
            if "fileData" in part:
                self.check_file(part["fileData"])
            self._check_video(part)
            if "functionCall" in part:
                need(content["role"] == "model", "Function calls are the model's.", where)
                known(part["functionCall"], {"name", "args", "id"}, where)
                need(isinstance(part["functionCall"]["args"], dict), "args is a Struct", where)
            if "functionResponse" in part:
                need(content["role"] == "user", "Function responses are the user's.", where)
                self._check_response(part["functionResponse"], where)

    def _check_response(self, response: Json, where: str) -> None:
        known(response, {"name", "response", "id", "parts"}, where)
        need(isinstance(response["response"], dict), "response is a Struct", where)
        for part in response.get("parts", ()):
            known(part, {"inlineData", "fileData"}, where)
            self.check_inline(part["inlineData"])

    def check_inline(self, data: Json) -> None:
        known(data, {"mimeType", "data", "displayName"}, "inline_data")
        kind = data["mimeType"]
        need(kind in MEDIA, f"Unsupported MIME type: {kind}")
        try:
            file = base64.b64decode(data["data"], validate=True)
        except binascii.Error as fault:
            raise Refused("Base64 decoding failed for inline_data.data") from fault
        check_bytes(kind, file)

    def check_file(self, data: Json) -> None:
        known(data, {"mimeType", "fileUri"}, "file_data")
        found = [one for one in self.files.values() if one.uri == data["fileUri"]]
        if not found:
            message = f"You do not have permission to access the File {data['fileUri']}."
            raise Refused(message, code=403, status="PERMISSION_DENIED")
        (file,) = found
        need(file.state == "ACTIVE", f"The File is not in an ACTIVE state: {file.state}.")
        need(file.kind == data["mimeType"], "The mime types differ.")
        file.uses += 1

    # --- The Files API -------------------------------------------------------------------

    def file_call(self, asked: Asked) -> tuple[Json, dict[str, str]]:
        """A step of an upload, a look at a file, or its end."""
        self.check_access(asked, is_vertex=False)
        path, _, query = asked.path.partition("?")
        if path == "/upload/v1beta/files":
            need(asked.method == "POST", "An upload is a POST.")
            return self._continue(asked, query) if query else self._start(asked)
        file = self.files.get(path.removeprefix("/v1beta/"))
        if file is None:
            message = "You do not have permission to access the File or it may not exist."
            raise Refused(message, code=403, status="PERMISSION_DENIED")
        if asked.method == "DELETE":
            del self.files[file.name]
            return {}, {}
        need(asked.method == "GET", "A file is looked at with GET.")
        return file.look(), {}

    def _start(self, asked: Asked) -> tuple[Json, dict[str, str]]:
        told = asked.headers
        need(told.get("x-goog-upload-protocol") == "resumable", "Upload protocol")
        need(told.get("x-goog-upload-command") == "start", "Upload command")
        known(asked.body, {"file"}, "")
        known(asked.body["file"], {"name", "displayName"}, "file")
        name = asked.body["file"]["name"]
        need(re.fullmatch(r"files/(?!-)[a-z0-9-]{1,40}(?<!-)", name), "Invalid file name")
        need(name not in self.files, "File already exists.")
        kind = told["x-goog-upload-header-content-type"]
        need(kind in MEDIA, f"Unsupported MIME type: {kind}")
        size = int(told["x-goog-upload-header-content-length"])
        base = f"http://127.0.0.1:{self.port}"
        upload = secrets.token_hex(4)
        self._uploads[upload] = StoredFile(name, f"{base}/v1beta/{name}", kind, size)
        url = f"{base}/upload/v1beta/files?upload_id={upload}&upload_protocol=resumable"
        if size % 1000 == ELSEWHERE:
            url = url.replace("127.0.0.1", "127.0.0.2")
        return {}, {"X_Goog_Upload_URL": url, "X_Goog_Upload_Status": "active"}

    def _continue(self, asked: Asked, query: str) -> tuple[Json, dict[str, str]]:
        file = self._uploads.pop(query.partition("=")[2].partition("&")[0])
        need(asked.headers.get("x-goog-upload-command") == "upload, finalize", "Command")
        need(asked.headers.get("x-goog-upload-offset") == "0", "Offset")
        need(len(asked.data) == file.size, "Size")
        check_bytes(file.kind, asked.data)
        file.data = asked.data
        self.files[file.name] = file
        return {"file": file.look()}, {"X_Goog_Upload_Status": "final"}

    def _check_video(self, part: Json) -> None:
        if "videoMetadata" not in part:
            return
        wishes = part["videoMetadata"]
        kind = (part.get("inlineData") or part["fileData"])["mimeType"]
        need(kind in VIDEOS, "video_metadata is for videos only")
        known(wishes, {"fps", "startOffset", "endOffset"}, "video_metadata")
        need(0 < wishes.get("fps", 1) <= 24, "fps must be in (0, 24]")
        for name in wishes.keys() - {"fps"}:
            need(re.fullmatch(r"\d+(\.\d{1,9})?s", wishes[name]), f"Illegal duration {name}")

    def _check_calls(self, contents: list[Json], *, needs_signature: bool) -> None:
        for place, content in enumerate(contents):
            calls = [part for part in content["parts"] if "functionCall" in part]
            answers = [
                part["functionResponse"]
                for part in content["parts"]
                if "functionResponse" in part
            ]
            if answers:
                before = contents[place - 1]["parts"] if place else []
                need(
                    any("functionCall" in part for part in before),
                    "Function response turn comes immediately after a function call turn.",
                )
                need(len(answers) == len(content["parts"]), "Only function responses, please.")
            if not calls:
                continue
            need(
                place and contents[place - 1]["role"] == "user",
                "Function call turn comes immediately after a user turn.",
            )
            if needs_signature:
                need(
                    calls[0].get("thoughtSignature"),
                    "Function call is missing a thought_signature in functionCall parts.",
                )
            for call in calls:
                self._check_signature(call)
            self._check_answered(calls, contents[place + 1 :])

    def _check_signature(self, call: Json) -> None:
        signature = call.get("thoughtSignature")
        need(signature in {None, SIGNATURE, SKIP}, "Corrupted thought signature.")

    def _check_answered(self, calls: list[Json], later: list[Json]) -> None:
        answers = [
            part["functionResponse"]
            for part in (later[0]["parts"] if later else ())
            if "functionResponse" in part
        ]
        wanted = [
            (call["functionCall"]["name"], call["functionCall"].get("id")) for call in calls
        ]
        need(
            wanted == [(one["name"], one.get("id")) for one in answers],
            "Please ensure that the number of function response parts is equal to the number "
            "of function call parts of the function call turn.",
        )

    def _check_tools(self, body: Json) -> set[str]:
        names: set[str] = set()
        for tool in body.get("tools", ()):
            known(tool, {"functionDeclarations"}, "tools")
            for one in tool["functionDeclarations"]:
                known(one, {"name", "description", "parametersJsonSchema", "behavior"}, "tools")
                need(
                    re.fullmatch(r"[A-Za-z_][\w.:-]{0,63}", one["name"]),
                    "Invalid function name.",
                )
                names.add(one["name"])
                check_schema(one.get("parametersJsonSchema", {}), "tools")
        config = body.get("toolConfig", {}).get("functionCallingConfig", {})
        known(body.get("toolConfig", {}), {"functionCallingConfig"}, "tool_config")
        known(config, {"mode", "allowedFunctionNames"}, "tool_config")
        need(config.get("mode", "AUTO") in {"AUTO", "ANY", "NONE", "VALIDATED"}, "mode")
        allowed = config.get("allowedFunctionNames")
        if allowed is not None:
            need(config["mode"] in {"ANY", "VALIDATED"}, "allowed_function_names needs ANY")
            need(
                set(allowed) <= names, "allowed_function_names must be declared", "tool_config"
            )
        return names

    def _check_config(self, config: Json) -> None:
        known(config, set(CONFIG_FIELDS), "generation_config")
        for name, value in config.items():
            field = re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name)
            message = f"Invalid value at 'generation_config.{field}'"
            need(CONFIG_FIELDS[name](value), message, f"generation_config.{field}")
        if "responseJsonSchema" in config:
            is_json = config.get("responseMimeType") == "application/json"
            need(is_json, "response_json_schema needs response_mime_type application/json")
            check_schema(config["responseJsonSchema"], "generation_config.response_json_schema")
        if "logprobs" in config:
            need(config.get("responseLogprobs"), "logprobs needs response_logprobs")


def check_bytes(kind: str, file: bytes) -> None:
    """Refuses a file that is not of the kind it claims to be."""
    if kind in IMAGES:
        try:
            with Image.open(io.BytesIO(file)) as image:
                found = {"HEIF": "heic"}.get(image.format or "", (image.format or "").lower())
        except OSError as fault:
            raise Refused("Unable to process input image.") from fault
        need(
            found == kind.partition("/")[2].replace("heif", "heic"),
            "Provided image is not valid.",
        )
    elif kind == "application/pdf":
        need(file.startswith(b"%PDF-"), "The document has no pages.")
    else:
        need(
            file[4:8] == b"ftyp" or file.startswith(b"\x1aE\xdf\xa3"),
            "Unable to read the video.",
        )


def check_schema(schema: Any, where: str) -> None:
    """Refuses keywords that the real server does not know, which would pass over them."""
    if not isinstance(schema, dict):
        need(isinstance(schema, bool), f"{where} is no schema")
        return
    known(schema, SCHEMA_KEYWORDS, where)
    if "$ref" in schema:
        need(all(name.startswith("$") for name in schema), f"{where}: $ref has siblings")
        need(str(schema["$ref"]).startswith("#"), f"{where}: a foreign $ref")
    for values in (schema.get("enum", ()),):
        need(all(type(one) in {str, int, float} for one in values), f"{where}.enum")
    for inner in inner_schemas(schema):
        check_schema(inner, where)


def inner_schemas(schema: Json) -> Iterator[Any]:
    for keyword in ("properties", "$defs"):
        yield from schema.get(keyword, {}).values()
    for keyword in ("anyOf", "oneOf", "prefixItems"):
        yield from schema.get(keyword, ())
    for keyword in ("items", "additionalProperties"):
        if keyword in schema:
            yield schema[keyword]


# --- How it answers --------------------------------------------------------------------------


class GeminiLine(Line):
    """The connection to one caller, who wants a stream or not."""

    def __init__(self, writer: asyncio.StreamWriter, *, streams: bool) -> None:
        super().__init__(writer)
        self.streams = streams

    @override
    async def event(self, body: Json) -> None:
        """As Google's servers end their lines."""
        await self.chunk(b"data: " + json.dumps(self._named(body)).encode() + b"\r\n\r\n")

    @override
    def _named(self, body: Any) -> Any:
        if isinstance(body, dict) and "modelVersion" in body:
            return body | {"modelVersion": self.model}
        return body

    async def answer(self, *pieces: Json) -> None:
        """A sound answer: the pieces as events, or all in one."""
        if not self.streams:
            await self.json(joined(pieces))
            return
        await self.stream_head()
        for piece in pieces:
            await self.event(piece)
        await self.end(done=False)


def said(*parts: Json, finish: str | None = None, index: int = 0, **more: Any) -> Json:
    """One event. What is zero or empty is left out, as in the real one's JSON."""
    candidate: Json = {"content": {"role": "model"}}
    if parts:
        candidate["content"]["parts"] = list(parts)
    if finish:
        candidate["finishReason"] = finish
    if index:
        candidate["index"] = index
    return {
        "candidates": [candidate | more],
        "usageMetadata": USAGE if finish else {"promptTokenCount": 812, "totalTokenCount": 812},
        "modelVersion": "up-001",
        "responseId": "r1",
    }


def joined(pieces: tuple[Json, ...]) -> Json:
    """All events of an answer in one body, texts side by side in one part."""
    found: dict[int, Json] = {}
    for piece in pieces:
        for one in piece.get("candidates", ()):
            whole = found.setdefault(one.get("index", 0), {"content": {"role": "model"}})
            old = whole["content"].get("parts", [])
            for part in one.get("content", {}).get("parts", ()):
                if old and old[-1].keys() == part.keys() == {"text"}:
                    old[-1] = {"text": old[-1]["text"] + part["text"]}
                else:
                    old.append(part)
            whole |= {name: one[name] for name in one if name != "content"}
            if old:
                whole["content"]["parts"] = old
    return {**pieces[-1], "candidates": list(found.values())} if found else pieces[-1]


def texts(*words: str) -> list[Json]:
    return [{"text": word} for word in words]


async def good(asked: Asked, line: GeminiLine) -> None:
    """Answers as a healthy server does."""
    *first, last = texts(*WORDS)
    await line.answer(*map(said, first), said(last, finish="STOP"))


async def another(asked: Asked, line: GeminiLine) -> None:
    """Has another model answer."""
    line.model = "gemini-3-flash"
    await good(asked, line)


async def only_signs_of_life(asked: Asked, line: GeminiLine) -> None:
    """Keeps the line warm, and answers nothing."""
    await line.stream_head()
    while not asked.closed.is_set():
        await line.event(said())
        await asyncio.sleep(0.05)


async def echo(asked: Asked, line: GeminiLine) -> None:
    """Says the request back."""
    await line.answer(said({"text": json.dumps(asked.body)}, finish="STOP"))


async def nonce(asked: Asked, line: GeminiLine) -> None:
    """Answers with the last text."""
    await line.answer(
        said({"text": asked.body["contents"][-1]["parts"][0]["text"]}, finish="STOP")
    )


async def thinks(asked: Asked, line: GeminiLine) -> None:
    """Thinks, then answers."""
    await line.answer(
        said({"text": "Hmm. ", "thought": True}),
        said({"text": "A boat?", "thought": True}),
        said({"text": "Yes."}),
        said({"text": "", "thoughtSignature": SIGNATURE}, finish="STOP"),
    )


async def two_choices(asked: Asked, line: GeminiLine) -> None:
    await line.answer(
        said({"text": "answer 0"}, index=0),
        said({"text": "answer 1"}, index=1),
        said(finish="STOP", index=1),
        said(finish="STOP", index=0),
    )


async def likely(asked: Asked, line: GeminiLine) -> None:
    """Says how likely its words were."""
    chosen = {"token": "bö", "tokenId": 7, "logProbability": -0.25}
    other = {"token": "sea", "tokenId": 8, "logProbability": -1.5}
    result = {
        "topCandidates": [{"candidates": [chosen, other]}],
        "chosenCandidates": [chosen],
    }
    await line.answer(said({"text": "bö"}, finish="STOP", logprobsResult=result))


def ends(
    reason: str, *words: str, message: str | None = None
) -> Callable[[Asked, GeminiLine], Awaitable[None]]:
    async def behave(asked: Asked, line: GeminiLine) -> None:
        more = {"finishMessage": f"{message} CANARY"} if message else {}
        await line.answer(*map(said, texts(*words)), said(finish=reason, **more))

    return behave


async def blocked(asked: Asked, line: GeminiLine) -> None:
    """A prompt that the filter does not let pass."""
    feedback = {"blockReason": "PROHIBITED_CONTENT", "safetyRatings": []}
    usage = {"promptTokenCount": 812, "totalTokenCount": 812}
    await line.answer({"promptFeedback": feedback, "usageMetadata": usage})


async def no_candidates(asked: Asked, line: GeminiLine) -> None:
    await line.answer({"usageMetadata": {"promptTokenCount": 3}, "modelVersion": "up-001"})


async def draws(asked: Asked, line: GeminiLine) -> None:
    """Answers with a picture that nobody asked for."""
    await line.answer(
        said({"inlineData": {"mimeType": "image/png", "data": "AA=="}}, finish="STOP")
    )


# --- Tools -----------------------------------------------------------------------------------


def call(name: str, args: Json | None = None, *, signed: bool = False, own: str = "") -> Json:
    part: Json = {"functionCall": {"name": name}}
    if args is not None:
        part["functionCall"]["args"] = args
    if own:
        part["functionCall"]["id"] = own
    if signed:
        part["thoughtSignature"] = SIGNATURE
    return part


def results(asked: Asked) -> list[Json]:
    """What the calls of the last round gave."""
    contents = [one for one in asked.body["contents"] if "functionResponse" in one["parts"][0]]
    return [part["functionResponse"] for part in contents[-1]["parts"]] if contents else []


async def tools(asked: Asked, line: GeminiLine) -> None:
    """Calls two tools at once, then another, then says what they gave."""
    rounds = sum("functionCall" in str(one) for one in asked.body["contents"])
    if rounds == 0:
        await line.answer(
            said({"text": "Let me look. "}),
            said(call("weather", {"city": "Köln"}, signed=True, own="fc-1")),
            said(call("weather", {"city": "Bonn"}, own="fc-2"), finish="STOP"),
        )
    elif rounds == 1:
        await line.answer(said(call("photo", signed=True), finish="STOP"))
    else:
        told = json.dumps([one["response"] for one in results(asked)], ensure_ascii=False)
        await line.answer(said({"text": f"They say {told}"}, finish="STOP"))


async def old_tools(asked: Asked, line: GeminiLine) -> None:
    """Calls a tool as models did that knew no signatures of calls, but signed their text."""
    if results(asked):
        await line.answer(said({"text": "Done."}, finish="STOP"))
        return
    await line.answer(
        said({"text": "One moment.", "thoughtSignature": SIGNATURE}),
        said(call("weather", {"city": "Köln"}), finish="STOP"),
    )


# --- Faults ----------------------------------------------------------------------------------


def refuses(
    code: int, status: str, message: str, *details: Json, in_list: bool = False, **headers: str
) -> Callable[[Asked, GeminiLine], Awaitable[None]]:
    async def behave(asked: Asked, line: GeminiLine) -> None:
        body = error(code, message, status, list(details))
        await line.json([body] if in_list else body, status=code, **headers)

    return behave


async def stalls(asked: Asked, line: GeminiLine) -> None:
    await line.stream_head()
    await line.event(said({"text": "Once "}))
    await asyncio.to_thread(asked.closed.wait, 60)


async def paced(asked: Asked, line: GeminiLine) -> None:
    """A word every 50 ms, for ever."""
    await line.stream_head()
    while not asked.closed.is_set():
        await line.event(said({"text": "word "}))
        await asyncio.sleep(0.05)


async def drips(asked: Asked, line: GeminiLine) -> None:
    """Three words, with pauses longer than a heartbeat and shorter than the deadline."""
    await line.stream_head()
    for word in ("one ", "two ", "three"):
        await asyncio.sleep(0.9)
        await line.event(said({"text": word}))
    await line.event(said(finish="STOP"))
    await line.end(done=False)


async def cut_without_finish(asked: Asked, line: GeminiLine) -> None:
    await line.answer(said({"text": "Once "}))


async def reset_mid_stream(asked: Asked, line: GeminiLine) -> None:
    await line.stream_head()
    await line.event(said({"text": "Once "}))
    line.writer.transport.abort()


async def sliced(asked: Asked, line: GeminiLine) -> None:
    """A sound stream, one byte at a time."""
    await line.stream_head()
    for place, word in enumerate(WORDS):
        finish = "STOP" if place == len(WORDS) - 1 else None
        event = json.dumps(said({"text": word}, finish=finish), ensure_ascii=False)
        for byte in f"data: {event}\r\n\r\n".encode():
            await line.chunk(bytes([byte]))
    await line.end(done=False)


async def odd_framing(asked: Asked, line: GeminiLine) -> None:
    """Everything that server-sent events allow."""
    await line.stream_head()
    await line.chunk(b"\xef\xbb\xbf: comment\r\nretry: 9\r\nid: 7\r\nevent: x\r\n")
    first, rest = json.dumps(said({"text": WORDS[0]})), WORDS[1:]
    await line.chunk(f"data:{first}\r\r".encode())
    for place, word in enumerate(rest):
        finish = "STOP" if place == len(rest) - 1 else None
        head, comma, tail = json.dumps(said({"text": word}, finish=finish)).partition(",")
        await line.chunk(f"data: {head}{comma}\ndata: {tail}\n\n".encode())
    await line.end(done=False)


async def nulls(asked: Asked, line: GeminiLine) -> None:
    """Says null for all that it could leave out, as proxies do, and ends as OpenAI does."""
    empty: Json = {"index": None, "content": {"parts": None}, "finishReason": None}
    part = {"thought": None, "thoughtSignature": None, "functionCall": None}
    call = {"functionCall": {"name": "look", "args": None, "id": None}, "text": None} | part
    call["functionCall"] = {"name": "look", "args": None, "id": None}
    usage = USAGE | {"promptTokensDetails": None}
    last = said({"text": "Yes."} | part, call, finish="STOP", index=0) | {
        "usageMetadata": usage
    }
    if not line.streams:
        await line.json(last)
        return
    await line.stream_head()
    await line.event({"candidates": [empty], "usageMetadata": None, "error": None})
    await line.event(last)
    await line.end()


async def malformed_event(asked: Asked, line: GeminiLine) -> None:
    await line.stream_head()
    await line.event(said({"text": "Once "}))
    await line.chunk(b'data: {"candidates": [SECRET-CANARY\r\n\r\n')
    await line.end(done=False)


async def two_objects_in_a_line(asked: Asked, line: GeminiLine) -> None:
    await line.stream_head()
    await line.event(said({"text": "Once "}))
    one = json.dumps(said({"text": "twice"})).encode()
    await line.chunk(b"data: " + one + one + b"\r\n\r\n")
    await line.end(done=False)


async def error_in_stream(asked: Asked, line: GeminiLine) -> None:
    await line.stream_head()
    await line.event(said({"text": "Once "}))
    await line.event(error(503, "The model is overloaded.", "UNAVAILABLE"))
    await line.end(done=False)


async def error_in_200(asked: Asked, line: GeminiLine) -> None:
    await line.json(error(503, "The model is overloaded.", "UNAVAILABLE"))


async def chatters_after_finish(asked: Asked, line: GeminiLine) -> None:
    await line.answer(
        said({"text": "Yes."}), said(finish="STOP"), said({"text": "MORE"}, finish="MAX_TOKENS")
    )


async def huge_event(asked: Asked, line: GeminiLine) -> None:
    await line.stream_head()
    await line.event(said({"text": "Once "}))
    await line.chunk(b"data: " + b"x" * (2 * 1024 * 1024))
    await line.end(done=False)


async def says_close(asked: Asked, line: GeminiLine) -> None:
    await line.json(said({"text": "Yes."}, finish="STOP"), Connection="close")
    line.writer.close()


async def closes_while_idle(asked: Asked, line: GeminiLine) -> None:
    await line.json(said({"text": "Yes."}, finish="STOP"))
    await asyncio.sleep(0.05)
    line.writer.close()


async def redirects(asked: Asked, line: GeminiLine) -> None:
    with suppress(ConnectionError):
        await line.body(b"", status=302, Location="http://127.0.0.1:9/elsewhere")


BEHAVIOURS: dict[str, Callable[[Asked, Any], Awaitable[None]]] = {
    one.__name__: one
    for one in (
        good, another, only_signs_of_life,
        echo, nonce, thinks, two_choices, likely, blocked, no_candidates, draws, tools,
        old_tools, stalls, paced, drips, cut_without_finish, reset_mid_stream, sliced,
        odd_framing, malformed_event, nulls, two_objects_in_a_line, error_in_stream,
        error_in_200, chatters_after_finish, huge_event, says_close, closes_while_idle,
        redirects,
        upstream.silent, upstream.huge_body, upstream.gzip_bomb, upstream.not_json,
        upstream.closes_at_once, upstream.short_body, upstream.no_http,
    )
}  # fmt: skip
BEHAVIOURS |= {
    "gemini-2.5-flash": good,
    "ends_length": ends("MAX_TOKENS", "Once "),
    "ends_thinking": ends("MAX_TOKENS"),
    "ends_safety": ends("SAFETY", "Once "),
    "ends_recitation": ends("RECITATION"),
    "ends_spii": ends("SPII", "Once "),
    "ends_malformed_call": ends("MALFORMED_FUNCTION_CALL", message="Malformed call: print("),
    "ends_other": ends("OTHER", "Once "),
    "ends_unheard": ends("A_REASON_OF_TOMORROW", "Once "),
    "status_400_key": refuses(
        400, "INVALID_ARGUMENT", "API key not valid.", info("API_KEY_INVALID")
    ),
    "status_400_country": refuses(
        400, "FAILED_PRECONDITION", "User location is not supported for the API use."
    ),
    "status_400_image": refuses(400, "INVALID_ARGUMENT", "Unable to process input image."),
    "status_400_context": refuses(
        400,
        "INVALID_ARGUMENT",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (9).",
    ),
    "status_400_field": refuses(
        400,
        "INVALID_ARGUMENT",
        "* GenerateContentRequest.generation_config.temperature: out of range",
        violation("generation_config.temperature", "must be in the range [0, 2]"),
    ),
    "status_401": refuses(401, "UNAUTHENTICATED", "Invalid credentials."),
    "status_403": refuses(403, "PERMISSION_DENIED", "Permission denied."),
    "status_404": refuses(404, "NOT_FOUND", "models/x is not found for API version v1beta"),
    "status_410": refuses(410, "NOT_FOUND", "This model is no longer available."),
    "status_413": refuses(413, "INVALID_ARGUMENT", "Too large."),
    "status_429": refuses(
        429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", retry("2s")
    ),
    "status_429_in_list": refuses(
        429, "RESOURCE_EXHAUSTED", "Resource exhausted.", retry("2.9s"), in_list=True
    ),
    "status_429_day": refuses(429, "RESOURCE_EXHAUSTED", "Quota.", retry("86400s")),
    "status_429_garbage": refuses(429, "RESOURCE_EXHAUSTED", "Quota.", retry("soon")),
    "status_429_bare": refuses(429, "RESOURCE_EXHAUSTED", "Quota."),
    "status_429_header": refuses(429, "RESOURCE_EXHAUSTED", "Quota.", Retry_After="2"),
    "status_499": refuses(499, "CANCELLED", "The operation was cancelled."),
    "status_500": refuses(500, "INTERNAL", "An internal error has occurred."),
    "status_503": refuses(503, "UNAVAILABLE", "The model is overloaded."),
    "status_504": refuses(504, "DEADLINE_EXCEEDED", "The request timed out."),
}
