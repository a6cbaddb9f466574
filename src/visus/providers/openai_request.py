"""From a prompt to the body of a chat completion in the OpenAI dialect."""

from collections.abc import Sequence

import msgspec
from msgspec import Raw

from visus.core import call_ids
from visus.core.prompt import (
    Image,
    MediaFile,
    Prompt,
    PromptPart,
    PromptTurn,
    SentMedia,
)
from visus.core.question import (
    AnswerFormat,
    JsonObject,
    JsonSchema,
    NamedTool,
    Options,
    Text,
    Tool,
    ToolChoice,
)
from visus.errors import UnsupportedParameter
from visus.providers.splicing import spliced
from visus.providers.transport import Body


def request_body(
    prompt: Prompt, mark: str, *, names: Sequence[str] = (), by_kwargs: bool = False
) -> Body:
    """The prompt in the OpenAI dialect, pictures as views of what the caller sent.

    Args:
        prompt: the prompt.
        mark: stands for each medium until the JSON around them is written.
        names: a `uuid` for each medium, in order; none: they have no such field.
        by_kwargs: tells how videos are sampled in fields of the whole request.

    Raises:
        UnsupportedParameter: with `by_kwargs`, a wish that cannot be told like that.
    """
    pictures: list[SentMedia] = []
    wishes: dict[str, float] = {}
    parts = _Parts(mark, pictures, names, wishes if by_kwargs else None)
    messages = [_message(turn, parts) for turn in prompt.turns]
    request = _request(prompt.upstream_id, messages, prompt.options)
    if wishes:
        # The first decides which frames are read, the second what a processor makes of them.
        request.media_io_kwargs, request.mm_processor_kwargs = {"video": wishes}, wishes
    if prompt.streamed:
        request.stream, request.stream_options = True, {"include_usage": True}
    media = [
        (b"data:%b;base64," % picture.media_type.encode(), picture.base64)
        for picture in pictures
    ]
    return spliced(request, mark, media)


class _Request(msgspec.Struct, omit_defaults=True):
    """The body; what is None is left out."""

    model: str
    messages: Sequence[object]
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: Sequence[str] | None = None
    seed: int | None = None
    n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: Raw | None = None
    user: str | None = None
    reasoning_effort: str | None = None
    tools: Sequence[object] | None = None
    tool_choice: object | None = None
    parallel_tool_calls: bool | None = None
    response_format: object | None = None
    stream: bool | None = None
    stream_options: object | None = None
    media_io_kwargs: object | None = None
    mm_processor_kwargs: object | None = None


class _Parts(msgspec.Struct, frozen=True):
    """Writes parts, and keeps the media among them in order."""

    mark: str
    media: list[SentMedia]
    names: Sequence[str]
    kwargs: dict[str, float] | None
    """Where the wishes of videos go; None: beside their URL."""

    def named(self, part: dict[str, object]) -> dict[str, object]:
        """A part with the name of the medium that was added last."""
        return part | {"uuid": self.names[len(self.media) - 1]} if self.names else part

    def video(self, video: MediaFile) -> dict[str, object]:
        """A video, its wishes beside it or among those of the whole request."""
        wishes = video.sampling.named()
        if self.kwargs is None:
            return {"url": self.mark, **wishes}
        told = self.kwargs.setdefault("fps", wishes["fps"]) if "fps" in wishes else None
        if wishes.keys() - {"fps"} or told != wishes.get("fps"):
            raise UnsupportedParameter(
                "The model's server samples all videos of a request alike, by 'fps' alone.",
                param=video.param,
            )
        return {"url": self.mark}


def _message(turn: PromptTurn, parts: _Parts) -> dict[str, object]:
    message: dict[str, object] = {"role": turn.role, "content": None}
    match turn.parts:
        case []:
            pass
        case [Text(text)]:
            message["content"] = text
        case many:
            message["content"] = [_part(part, parts) for part in many]
    if turn.name is not None:
        message["name"] = turn.name
    if turn.tool_call_id is not None:
        message["tool_call_id"] = call_ids.head(turn.tool_call_id)
    if turn.tool_calls:
        message["tool_calls"] = [
            {
                "id": call_ids.head(call.call_id),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in turn.tool_calls
        ]
    return message


def _part(part: PromptPart, parts: _Parts) -> dict[str, object]:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case Image():
            parts.media.append(part)
            location = {"url": parts.mark}
            if part.detail != "auto":  # the default; some servers do not know the field
                location["detail"] = part.detail
            return parts.named({"type": "image_url", "image_url": location})
        case MediaFile(media_type="application/pdf"):
            parts.media.append(part)
            name = part.filename or "document.pdf"  # servers want one
            return {"type": "file", "file": {"filename": name, "file_data": parts.mark}}
        case MediaFile():
            parts.media.append(part)
            return parts.named({"type": "video_url", "video_url": parts.video(part)})


def _request(upstream_id: str, messages: Sequence[object], options: Options) -> _Request:
    is_new = options.max_tokens_field == "max_completion_tokens"
    choice, answer_format = options.tool_choice, options.answer_format
    return _Request(
        model=upstream_id,
        messages=messages,
        max_tokens=None if is_new else options.max_tokens,
        max_completion_tokens=options.max_tokens if is_new else None,
        temperature=options.temperature,
        top_p=options.top_p,
        stop=options.stop or None,
        seed=options.seed,
        n=options.n,
        presence_penalty=options.presence_penalty,
        frequency_penalty=options.frequency_penalty,
        logprobs=options.logprobs,
        top_logprobs=options.top_logprobs,
        logit_bias=Raw(options.logit_bias) if options.logit_bias else None,
        user=options.user,
        reasoning_effort=options.reasoning_effort,
        tools=[_tool(tool) for tool in options.tools] if options.tools else None,
        tool_choice=None if choice is None else _tool_choice(choice),
        parallel_tool_calls=options.parallel_tool_calls,
        response_format=None if answer_format is None else _response_format(answer_format),
    )


def _tool(tool: Tool) -> dict[str, object]:
    function: dict[str, object] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = Raw(tool.parameters)
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _tool_choice(choice: ToolChoice) -> object:
    match choice:
        case NamedTool(name):
            return {"type": "function", "function": {"name": name}}
        case word:
            return word


def _response_format(answer_format: AnswerFormat) -> object:
    match answer_format:
        case JsonSchema() as wanted:
            schema: dict[str, object] = {"name": wanted.name, "schema": Raw(wanted.schema)}
            if wanted.description is not None:
                schema["description"] = wanted.description
            if wanted.strict is not None:
                schema["strict"] = wanted.strict
            return {"type": "json_schema", "json_schema": schema}
        case JsonObject():
            return {"type": "json_object"}
