"""A chat request: bytes in, a `Question` out, and everything wrong with it by name and place.

A body that holds only fields we know is decoded once, strictly. Only when that fails is it
taken apart a second time, to set aside the unknown fields and to report them: they are
ignored, never forwarded, never silent. Repeated keys: the last one counts, as in most JSON
readers.
"""

import re
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Annotated, Final, assert_never

import msgspec
from msgspec import UNSET, Raw, UnsetType
from msgspec.structs import replace

from visus.core.places import Demand
from visus.core.question import (
    AnswerFormat,
    Detail,
    Document,
    ImageReference,
    InlineImage,
    JsonObject,
    JsonSchema,
    LinkedImage,
    MediaWishes,
    NamedTool,
    Options,
    PageRange,
    Question,
    QuestionPart,
    StoredImage,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    Turn,
    Video,
)
from visus.errors import (
    CallerError,
    InvalidJson,
    InvalidValue,
    MissingParameter,
    TooManyImages,
    UnsupportedModality,
    UnsupportedParameter,
)
from visus.units import MIB
from visus.wire import payloads, shapes, unknown
from visus.wire.json_schema import SchemaCheck
from visus.wire.shape_faults import is_about_unknown_field, shape_faults

_decode: Final = msgspec.json.Decoder(shapes.ChatRequest).decode
_decode_text: Final = msgspec.json.Decoder(str).decode

REFUSED: Final = {
    "functions": "; use 'tools' and 'tool_choice'",
    "function_call": "; use 'tools' and 'tool_choice'",
    "audio": "",
    "prediction": "",
    "web_search_options": "",
}
"""Fields of OpenAI's that are refused unless they are null, and what to use instead."""
_refused_of: Final = attrgetter(*REFUSED)
_NONE_REFUSED: Final = (UNSET,) * len(REFUSED)
MAX_NAMED_FIELDS: Final = 20
"""How many ignored fields are named in the answer's header; more are counted."""


class ChatLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How much one chat request may hold."""

    max_messages: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 2000
    """Messages in one request."""
    max_parts: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 500
    """Content parts in one request, all messages together."""
    max_json_depth: Annotated[int, msgspec.Meta(ge=1, le=200)] = 64
    """Nesting of a tool's parameters or of an answer's schema."""
    max_schema_bytes: Annotated[int, msgspec.Meta(ge=2, le=16 * MIB)] = 256 * 1024
    """Size of one tool's parameters, or of an answer's schema."""
    allow_recursive_schemas: bool = False
    """Takes schemas that refer to themselves, as OpenAI does. Refused by default: many servers
    compile a schema into a grammar, and one that never ends has brought them down."""


class ChatCall(msgspec.Struct, frozen=True):
    """A parsed request: the question, and how the answer is to be written down."""

    question: Question
    include_usage: bool
    wants_report: bool
    """Whether the answer says what became of each picture."""
    compare: Sequence[str]
    """Other models whose cost is of interest."""
    ignored: Sequence[str]
    """Paths of the unknown fields."""
    webhook: str | None = None
    """The webhook to call at the end of a job."""


def parse(body: bytes | bytearray, limits: ChatLimits, *, owner: str) -> ChatCall:
    """Reads one request of `owner`.

    Raises:
        CallerError: a 400 whose `param` names the place: not JSON, a wrong type or value, a
            missing field, a field that cannot be honoured, or more than `limits` allow.
    """
    short, urls = payloads.set_aside(body)
    if urls:
        # Where one stood in no media part, or anything is wrong, the body is read as it is.
        try:
            call = _parsed(short, urls, limits, owner)
        except CallerError:
            pass  # told by its places in the body as it is
        else:
            if urls.is_empty:
                return call
    return _parsed(body, payloads.SetAside([]), limits, owner)


def _parsed(
    body: bytes | bytearray, urls: payloads.SetAside, limits: ChatLimits, owner: str
) -> ChatCall:
    request, ignored = _shaped(body)
    _refuse_what_we_cannot_honour(request)
    reader = _UrlReader(urls, may_have_escapes=b"\\" in body)
    question = Question(
        model=request.model,
        turns=_turns(request.messages, limits, reader),
        options=_options(request, limits),
        streamed=request.stream is True,
        owner=owner,
    )
    usage = request.stream_options is not None and request.stream_options.include_usage is True
    ours = request.visus
    if ours is None:
        return ChatCall(question, usage, wants_report=False, compare=(), ignored=ignored)
    return ChatCall(
        _with_wishes(question, ours),
        usage,
        wants_report=ours.report is True,
        compare=ours.compare or (),
        ignored=ignored,
        webhook=ours.webhook,
    )


def _with_wishes(question: Question, ours: shapes.VisusOptions) -> Question:
    return replace(
        question,
        options=replace(
            question.options, validate=ours.validate, boxes_in_pixels=ours.boxes is not None
        ),
        media=media_wishes(ours),
        within=tuple(_demands(ours)),
        fallbacks=ours.fallbacks,
    )


def media_wishes(ours: shapes.VisusOptions) -> MediaWishes:
    """What is wanted of pictures and documents.

    Raises:
        InvalidValue: a range of pages ends before it begins.
    """
    return MediaWishes(ours.max_tokens_per_image, ours.frames or 1, _pages(ours.pages))


def _pages(wanted: str | None) -> Sequence[PageRange]:
    """`1-3, 7, 10-`, whose form has been checked."""
    found: list[PageRange] = []
    for one in wanted.split(",") if wanted else ():
        first, to, last = one.strip().partition("-")
        found.append(PageRange(int(first), int(last) if last else None if to else int(first)))
        if last and int(last) < int(first):
            raise InvalidValue("A range of pages ends before it begins.", param="visus.pages")
    return found


def _demands(ours: shapes.VisusOptions) -> Iterator[Demand]:
    match ours.residency:
        case None:
            pass
        case str(place):
            yield Demand("visus.residency", places=(place,))
        case places:
            yield Demand("visus.residency", places=tuple(places))
    match ours.providers:
        case None:
            pass
        case shapes.ProviderLists(only=only, ignore=never):
            yield Demand("visus.providers", only=tuple(only or ()), never=tuple(never or ()))
        case names:
            yield Demand("visus.providers", only=tuple(names))


def _shaped(body: bytes | bytearray) -> tuple[shapes.ChatRequest, Sequence[str]]:
    try:
        return _decode(body), ()
    except msgspec.ValidationError as fault:
        found = fault
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise InvalidJson("The body is not valid JSON.", detail=str(fault)) from fault
    with shape_faults(shapes.ChatRequest):
        try:
            known, ignored = unknown.set_aside(body, shapes.ChatRequest)
        except msgspec.ValidationError as fault:  # a number too large for anything
            raise (fault if is_about_unknown_field(str(found)) else found) from fault
        return _decode(known), ignored


def _refuse_what_we_cannot_honour(request: shapes.ChatRequest) -> None:
    if _refused_of(request) != _NONE_REFUSED:
        for field, instead in REFUSED.items():
            raw: Raw | UnsetType = getattr(request, field)
            if raw is not UNSET and shapes.given(raw) is not None:
                raise UnsupportedParameter(f"'{field}' is not supported{instead}.", param=field)
    if request.modalities not in (None, ["text"]):
        raise UnsupportedParameter(
            "Answers are text: 'modalities' may only be ['text'].", param="modalities"
        )
    if request.stream_options is not None and request.stream is not True:
        raise InvalidValue("'stream_options' needs 'stream': true.", param="stream_options")
    if request.top_logprobs and request.logprobs is not True:
        raise InvalidValue("'top_logprobs' needs 'logprobs': true.", param="top_logprobs")
    if _two_bounds(request):
        message = "'max_tokens' and 'max_completion_tokens' contradict each other: send one."
        raise InvalidValue(message, param="max_tokens")


def _two_bounds(request: shapes.ChatRequest) -> bool:
    return (
        request.max_tokens is not None
        and request.max_completion_tokens is not None
        and request.max_tokens != request.max_completion_tokens
    )


# --- Messages --------------------------------------------------------------------------------


def _turns(
    messages: Sequence[shapes.Message], limits: ChatLimits, urls: "_UrlReader"
) -> Sequence[Turn]:
    if not messages:
        raise InvalidValue("'messages' is empty.", param="messages")
    if len(messages) > limits.max_messages:
        message = f"There are more than {limits.max_messages} messages."
        raise InvalidValue(message, param="messages")
    _count_parts(messages, limits)
    turns = [
        _turn(message, f"messages[{index}]", urls) for index, message in enumerate(messages)
    ]
    _match_tool_results(turns)
    return turns


def _count_parts(messages: Sequence[shapes.Message], limits: ChatLimits) -> None:
    parts = sum([len(m.content) for m in messages if isinstance(m.content, list)])
    if parts > limits.max_parts:
        message = f"There are {parts} content parts; at most {limits.max_parts} are taken."
        raise TooManyImages(message, param="messages")


def _turn(message: shapes.Message, param: str, urls: "_UrlReader") -> Turn:
    role, content = message.role, message.content
    if role == "tool" or message.tool_call_id or message.tool_calls:
        _refuse_misplaced(message, param)
    if type(content) is str:
        parts: Sequence[QuestionPart] = (Text(content),)
    else:
        parts = _parts(message, param, urls)
    if not message.tool_calls:
        return Turn(role, parts, param, message.name, (), message.tool_call_id)
    calls = [
        ToolCall(call.id, call.function.name, call.function.arguments)
        for call in message.tool_calls
    ]
    return Turn(role, parts, param, message.name, calls, message.tool_call_id)


def _refuse_misplaced(message: shapes.Message, param: str) -> None:
    if message.role == "tool" and not message.tool_call_id:
        where = f"{param}.tool_call_id"
        raise MissingParameter(f"The field '{where}' is required.", param=where)
    if message.role != "tool" and message.tool_call_id:
        where = f"{param}.tool_call_id"
        raise InvalidValue("Only a 'tool' message has a 'tool_call_id'.", param=where)
    if message.role != "assistant" and message.tool_calls:
        where = f"{param}.tool_calls"
        raise InvalidValue("Only an 'assistant' message has 'tool_calls'.", param=where)


def _parts(message: shapes.Message, param: str, urls: "_UrlReader") -> Sequence[QuestionPart]:
    where = f"{param}.content"
    match message.content:
        case str(text):
            return (Text(text),)
        case None if message.role == "assistant" and message.refusal:
            return (Text(message.refusal),)
        case None if message.role == "assistant" and message.tool_calls:
            return ()
        case None:
            raise MissingParameter(f"The field '{where}' is required.", param=where)
        case []:
            raise InvalidValue("The content is an empty list.", param=where)
        case parts:
            return [_part(part, f"{where}[{index}]", urls) for index, part in enumerate(parts)]


def _part(part: shapes.Part, param: str, urls: "_UrlReader") -> QuestionPart:
    match part:
        case shapes.ImagePart(image_url=location):
            return _located(location, f"{param}.image_url", urls)
        case (
            shapes.TextPart(text=text)
            | shapes.InputTextPart(text=text)
            | shapes.RefusalPart(refusal=text)
        ):
            return Text(text)
        case shapes.InputImagePart(image_url=url, file_id=file_id, detail=detail):
            at = f"{param}.image_url", f"{param}.file_id"
            return _one_of(url, file_id, detail, at, urls)
        case shapes.VideoPart(video_url=location):
            return _video(location, f"{param}.video_url", urls)
        case shapes.FilePart(file=file):
            return _document(file, f"{param}.file", urls)
        case shapes.InputFilePart():
            return _document(part, param, urls)
        case shapes.AudioPart():
            raise UnsupportedModality("Audio is not supported.", param=param)
        case _:
            assert_never(part)


def _located(
    location: shapes.ImageLocation | str, param: str, urls: "_UrlReader"
) -> ImageReference:
    if isinstance(location, str):
        return _reference(location.encode("utf-8", "surrogatepass"), "auto", param)
    at = f"{param}.url", f"{param}.file_id"
    return _one_of(location.url, location.file_id, location.detail, at, urls)


def _video(location: shapes.VideoLocation | str, param: str, urls: "_UrlReader") -> Video:
    if isinstance(location, str):
        return Video(_reference(location.encode("utf-8", "surrogatepass"), "auto", param))
    at = f"{param}.url", f"{param}.file_id"
    source = _one_of(location.url, location.file_id, "auto", at, urls)
    start_s = location.start or 0.0
    if location.end is not None and location.end <= start_s:
        raise InvalidValue("The end has to come after the start.", param=f"{param}.end")
    return Video(source, location.fps, start_s, location.end, location.max_frames)


def _document(
    file: shapes.FileLocation | shapes.InputFilePart, param: str, urls: "_UrlReader"
) -> Document:
    data_at, url_at, id_at = (
        f"{param}.{name}" for name in ("file_data", "file_url", "file_id")
    )
    given = [shapes.given(file.file_data), shapes.given(file.file_url), file.file_id]
    if sum(one is not None for one in given) != 1:
        message = "A file needs one of 'file_data', 'file_url' and 'file_id'."
        if not any(given):
            raise MissingParameter(message, param=param)
        raise InvalidValue(message, param=param)
    if file.file_id is not None:
        return Document(StoredImage(file.file_id, id_at), file.filename)
    if shapes.given(file.file_url) is not None:
        url = bytes(urls.read(file.file_url, url_at)).decode("utf-8", "replace")
        return Document(LinkedImage(url, url_at), file.filename)
    data = urls.read(file.file_data, data_at)
    if bytes(data[:5]).lower() != b"data:":
        data = b"data:application/pdf;base64," + bytes(data)
    return Document(InlineImage(memoryview(data), data_at), file.filename)


def _one_of(
    url: Raw,
    file_id: str | None,
    wanted: Detail | None,
    at: tuple[str, str],
    urls: "_UrlReader",
) -> ImageReference:
    """A picture by its URL, or by the id of an uploaded file."""
    at_url, at_file = at
    detail = wanted or "auto"
    if file_id is not None:
        if bytes(memoryview(url)[:5]) not in {b"", b"null"}:
            raise InvalidValue("Give a URL or a file, not both.", param=at_file)
        return StoredImage(file_id, at_file, detail)
    if not memoryview(url):
        raise MissingParameter(f"The field '{at_url}' is required.", param=at_url)
    return _reference(urls.read(url, at_url), detail, at_url)


class _UrlReader(msgspec.Struct, frozen=True):
    """Reads the strings in which media stand, without a copy where that is possible."""

    set_aside: payloads.SetAside
    may_have_escapes: bool
    """Whether the body holds any backslash."""

    def read(self, raw: Raw, param: str) -> bytes | memoryview:
        """The bytes of a JSON string."""
        view = memoryview(raw)
        if view[:1].tobytes() != b'"':
            raise InvalidValue("Expected 'str'.", param=param)
        taken = self.set_aside.find(view[1:-1])
        if taken is not None:
            return taken
        if self.may_have_escapes and b"\\" in bytes(view):
            return _decode_text(raw).encode("utf-8", "surrogatepass")
        return view[1:-1]


def _reference(url: bytes | memoryview, detail: Detail, param: str) -> ImageReference:
    if bytes(url[:5]).lower() == b"data:":
        return InlineImage(data_url=memoryview(url), param=param, detail=detail)
    return LinkedImage(url=bytes(url).decode("utf-8", "replace"), param=param, detail=detail)


def _match_tool_results(turns: Sequence[Turn]) -> None:
    made: set[str] = set()
    for turn in turns:
        if turn.tool_calls:
            made.update(call.call_id for call in turn.tool_calls)
        if turn.tool_call_id is not None and turn.tool_call_id not in made:
            raise InvalidValue(
                "This tool result answers no earlier tool call.",
                param=f"{turn.param}.tool_call_id",
            )


# --- Options ---------------------------------------------------------------------------------


def _options(request: shapes.ChatRequest, limits: ChatLimits) -> Options:
    tools, answer_format = _with_schemas(request, limits)
    return Options(
        max_tokens=request.max_completion_tokens or request.max_tokens,
        max_tokens_field=(
            "max_completion_tokens" if request.max_completion_tokens else "max_tokens"
        ),
        temperature=request.temperature,
        top_p=request.top_p,
        stop=_stop(request.stop),
        seed=request.seed,
        n=request.n,
        presence_penalty=request.presence_penalty,
        frequency_penalty=request.frequency_penalty,
        logprobs=request.logprobs,
        top_logprobs=request.top_logprobs if request.logprobs else None,
        logit_bias=msgspec.json.encode(request.logit_bias) if request.logit_bias else None,
        user=request.user,
        reasoning_effort=request.reasoning_effort,
        tools=_allowed(tools, request) if tools else (),
        tool_choice=_tool_choice(request),
        parallel_tool_calls=request.parallel_tool_calls if tools else None,
        answer_format=answer_format,
    )


def _with_schemas(
    request: shapes.ChatRequest, limits: ChatLimits
) -> tuple[Sequence[Tool], AnswerFormat | None]:
    """The tools and the form of the answer, whose schemas are checked with one budget."""
    if request.tools is None and request.response_format is None:
        return (), None
    schemas = SchemaCheck(
        max_bytes=limits.max_schema_bytes,
        max_depth=limits.max_json_depth,
        allow_recursion=limits.allow_recursive_schemas,
    )
    tools = [_tool(tool, index, schemas) for index, tool in enumerate(request.tools or ())]
    return tools, _answer_format(request.response_format, schemas)


def _stop(stop: str | list[str] | None) -> Sequence[str]:
    match stop:
        case None | "":
            return ()
        case str(word):
            return (word,)
        case words:
            return words


def _tool(tool: shapes.ToolSpec, index: int, schemas: SchemaCheck) -> Tool:
    spec = tool.function
    param = f"tools[{index}].function.parameters"
    parameters = shapes.given(spec.parameters)
    if parameters is not None:
        schemas.check(parameters, param)
    return Tool(spec.name, spec.description, parameters, spec.strict)


def _allowed(tools: Sequence[Tool], request: shapes.ChatRequest) -> Sequence[Tool]:
    """The tools that may be called. A model that gets no others calls no others."""
    match request.tool_choice:
        case shapes.AllowedTools(allowed_tools=allowed):
            names = {one.function.name for one in allowed.tools}
            return [tool for tool in tools if tool.name in names]
        case _:
            return tools


def _tool_choice(request: shapes.ChatRequest) -> ToolChoice | None:
    """The choice, where there are tools to choose from: servers refuse it without any."""
    choice = request.tool_choice
    if choice is None:
        return None
    offered = {tool.function.name for tool in request.tools or ()}
    match choice:
        case "none" | "auto":
            return choice if offered else None
        case "required":
            if not offered:
                raise InvalidValue("'tool_choice' needs 'tools'.", param="tool_choice")
            return choice
        case shapes.ChosenTool(function=shapes.FunctionName(name=name)):
            _check_offered([name], offered)
            return NamedTool(name)
        case shapes.AllowedTools(allowed_tools=allowed):
            _check_offered([one.function.name for one in allowed.tools], offered)
            return allowed.mode


def _check_offered(names: Sequence[str], offered: set[str]) -> None:
    if not offered.issuperset(names):
        message = "'tool_choice' names a function that 'tools' does not offer."
        raise InvalidValue(message, param="tool_choice")


def _answer_format(
    wanted: shapes.TextFormat | shapes.JsonObjectFormat | shapes.JsonSchemaFormat | None,
    schemas: SchemaCheck,
) -> AnswerFormat | None:
    match wanted:
        case None | shapes.TextFormat():
            return None
        case shapes.JsonObjectFormat():
            return JsonObject()
        case shapes.JsonSchemaFormat(json_schema=spec):
            param = "response_format.json_schema.schema"
            schema = shapes.given(spec.schema)
            if schema is None:
                raise MissingParameter(f"The field '{param}' is required.", param=param)
            schemas.check(schema, param)
            return JsonSchema(spec.name, schema, spec.description, spec.strict)


def ignored_header(paths: Sequence[str]) -> str:
    """The value of `x-visus-ignored`: the first fields by name, in ASCII, the rest counted."""
    named = ", ".join(path[:80] for path in paths[:MAX_NAMED_FIELDS])
    more = len(paths) - MAX_NAMED_FIELDS
    text = f"{named} and {more} more" if more > 0 else named
    return re.sub(r"[^\x20-\x7e]", "?", text)
