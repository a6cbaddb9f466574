"""The JSON shape of a chat request, as the OpenAI SDKs send it.

Every struct refuses fields that it does not know: that is how the strict decode of `wire.chat`
finds out, in one pass over a body of megabytes, that there is nothing to report.
"""

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Raw, UnsetType

from visus.wire.choices import NotTaken

Positive: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]
Penalty: TypeAlias = Annotated[float, msgspec.Meta(ge=-2, le=2)]
StopWord: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The base of every request struct."""


class TextPart(Shape, frozen=True, tag_field="type", tag="text"):
    """`{"type": "text", "text": "..."}`."""

    text: str


Detail: TypeAlias = Literal["auto", "low", "high"]


class ImageLocation(Shape, frozen=True):
    """`{"url": "...", "detail": "auto"}`; the URL stays a view of the request's bytes.

    Ours: `file_id` in place of `url`, for an uploaded file.
    """

    url: Raw = msgspec.field(default_factory=Raw)
    file_id: str | None = None
    detail: Detail | None = None


class ImagePart(Shape, frozen=True, tag_field="type", tag="image_url"):
    """`{"type": "image_url", "image_url": {...}}`; a bare string is taken as the URL."""

    image_url: ImageLocation | str


class InputTextPart(Shape, frozen=True, tag_field="type", tag="input_text"):
    """A text part as the Responses API has it."""

    text: str


class InputImagePart(Shape, frozen=True, tag_field="type", tag="input_image"):
    """A picture as the Responses API has it: `image_url` is the URL itself, or `file_id`."""

    image_url: Raw = msgspec.field(default_factory=Raw)
    file_id: str | None = None
    detail: Detail | None = None


class RefusalPart(Shape, frozen=True, tag_field="type", tag="refusal"):
    """`{"type": "refusal", "refusal": "..."}`, in assistant messages."""

    refusal: str


class VideoLocation(Shape, frozen=True):
    """`{"url": "..."}` or `{"file_id": "..."}`, and which frames are of interest."""

    url: Raw = msgspec.field(default_factory=Raw)
    file_id: str | None = None
    fps: Annotated[float, msgspec.Meta(gt=0, le=60)] | None = None
    """Frames for each second of the video; 1 where this is absent."""
    start: Annotated[float, msgspec.Meta(ge=0)] | None = None
    """In seconds."""
    end: Annotated[float, msgspec.Meta(gt=0)] | None = None
    """In seconds; the end of the video where this is absent."""
    max_frames: Annotated[int, msgspec.Meta(ge=1, le=1_000)] | None = None


class VideoPart(Shape, frozen=True, tag_field="type", tag="video_url"):
    """`{"type": "video_url", "video_url": {...}}`; a bare string is taken as the URL."""

    video_url: VideoLocation | str


class FileLocation(Shape, frozen=True):
    """A document: `file_data` (a data URL, or bare base64), `file_id` or `file_url`."""

    file_data: Raw = msgspec.field(default_factory=Raw)
    file_id: str | None = None
    file_url: Raw = msgspec.field(default_factory=Raw)
    filename: str | None = None


class FilePart(Shape, frozen=True, tag_field="type", tag="file"):
    """`{"type": "file", "file": {...}}`."""

    file: FileLocation


class InputFilePart(Shape, frozen=True, tag_field="type", tag="input_file"):
    """A document as the Responses API has it; see `FileLocation`."""

    file_data: Raw = msgspec.field(default_factory=Raw)
    file_id: str | None = None
    file_url: Raw = msgspec.field(default_factory=Raw)
    filename: str | None = None


class AudioPart(Shape, NotTaken, frozen=True, tag_field="type", tag="input_audio"):
    """A part that no model here takes; decoded only to be refused with its path."""

    input_audio: Raw


Part: TypeAlias = (
    TextPart
    | ImagePart
    | InputTextPart
    | InputImagePart
    | RefusalPart
    | VideoPart
    | FilePart
    | InputFilePart
    | AudioPart
)


class CalledFunction(Shape, frozen=True):
    """What the model called, and with which arguments."""

    name: str
    arguments: str


class MadeCall(Shape, frozen=True):
    """A tool call in an assistant message."""

    id: str
    function: CalledFunction
    type: Literal["function"] = "function"


class Message(Shape, frozen=True):
    """One message of any role. Null stands for absent, as the SDKs write it."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | None = None
    name: str | None = None
    tool_calls: list[MadeCall] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None


class FunctionSpec(Shape, frozen=True):
    """A function offered to the model."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    description: str | None = None
    parameters: Raw = msgspec.field(default_factory=Raw)
    strict: bool | None = None


class ToolSpec(Shape, frozen=True):
    """`{"type": "function", "function": {...}}`."""

    type: Literal["function"]
    function: FunctionSpec


class FunctionName(Shape, frozen=True):
    """The name of one function."""

    name: str


class ChosenTool(Shape, frozen=True, tag_field="type", tag="function"):
    """`tool_choice` as an object: the one function to call."""

    function: FunctionName


class ToolsAllowed(Shape, frozen=True):
    """Some of the functions in `tools`, and whether one of them has to be called."""

    mode: Literal["auto", "required"]
    tools: Annotated[list[ChosenTool], msgspec.Meta(min_length=1, max_length=128)]


class AllowedTools(Shape, frozen=True, tag_field="type", tag="allowed_tools"):
    """`tool_choice` as an object: the functions that may be called."""

    allowed_tools: ToolsAllowed


class TextFormat(Shape, frozen=True, tag_field="type", tag="text"):
    """Plain text, the default."""


class JsonObjectFormat(Shape, frozen=True, tag_field="type", tag="json_object"):
    """Any JSON object."""


class SchemaSpec(Shape, frozen=True):
    """A JSON Schema with a name."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    schema: Raw = msgspec.field(default_factory=Raw)
    description: str | None = None
    strict: bool | None = None


class JsonSchemaFormat(Shape, frozen=True, tag_field="type", tag="json_schema"):
    """JSON that fits a schema."""

    json_schema: SchemaSpec


class StreamOptions(Shape, frozen=True):
    """What a stream carries besides the answer."""

    include_usage: bool | None = None


ModelId: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


Places: TypeAlias = Annotated[list[str], msgspec.Meta(min_length=1, max_length=50)]
ProviderNames: TypeAlias = Annotated[
    list[Annotated[str, msgspec.Meta(min_length=1, max_length=200)]],
    msgspec.Meta(min_length=1, max_length=50),
]


class ProviderLists(Shape, frozen=True):
    """Which providers may be asked, and which may not."""

    only: ProviderNames | None = None
    ignore: ProviderNames | None = None


class VisusOptions(Shape, frozen=True):
    """Our own options; an unknown one is refused."""

    residency: str | Places | None = None
    """Where the question may be answered: a country's two letters, `eu` or `local`. Of several
    any will do."""
    providers: ProviderNames | ProviderLists | None = None
    """The providers that may be asked: a list of names, or `only` and `ignore`."""
    fallbacks: Annotated[list[ModelId], msgspec.Meta(max_length=10)] | None = None
    """The models to be asked, in order, when the first gives no answer, in place of those that
    the operator chose; an empty list for none."""
    max_tokens_per_image: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] | None = None
    """What one picture may cost at most; larger ones are shrunk."""
    frames: Annotated[int, msgspec.Meta(ge=1, le=1_000)] | None = None
    """How many frames of an animation or pages of a TIFF file the model gets; the first alone
    where this is absent."""
    pages: (
        Annotated[
            str,
            msgspec.Meta(
                max_length=200,
                pattern=r"^[1-9][0-9]{0,5}(-([1-9][0-9]{0,5})?)?"
                r"(, ?[1-9][0-9]{0,5}(-([1-9][0-9]{0,5})?)?)*$",
            ),
        ]
        | None
    ) = None
    """Which pages of a document the model gets, as `1-3, 7, 10-`; all where this is absent."""
    boxes: Literal["pixels"] | None = None
    """In what boxes are told: pixels of the picture as it is shown, `[x0, y0, x1, y1]`. Without
    it they are as the model writes them."""
    validate: bool | None = None
    """Whether an answer with a `response_format` is checked here, and asked for once more where
    it is wrong. Without it that is done where the model's server does not see to it itself."""
    report: bool | None = None
    """Whether the answer says what became of each picture."""
    compare: Annotated[list[ModelId], msgspec.Meta(max_length=50)] | None = None
    """Other models whose cost an estimate names too; elsewhere without effect."""
    webhook: str | None = None
    """The webhook to call at the end of the job; only for requests that become a job."""


class ChatRequest(Shape, frozen=True):
    """`POST /v1/chat/completions`."""

    model: Annotated[str, msgspec.Meta(min_length=1)]
    messages: list[Message]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Positive | None = None
    max_completion_tokens: Positive | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    stop: str | Annotated[list[StopWord], msgspec.Meta(max_length=16)] | None = None
    seed: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None
    logit_bias: dict[str, Annotated[float, msgspec.Meta(ge=-100, le=100)]] | None = None
    user: str | None = None
    reasoning_effort: (
        Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None
    ) = None
    tools: Annotated[list[ToolSpec], msgspec.Meta(max_length=128)] | None = None
    tool_choice: Literal["auto", "none", "required"] | ChosenTool | AllowedTools | None = None
    parallel_tool_calls: bool | None = None
    response_format: TextFormat | JsonObjectFormat | JsonSchemaFormat | None = None
    visus: VisusOptions | None = None
    functions: Raw | UnsetType = UNSET
    function_call: Raw | UnsetType = UNSET
    modalities: list[str] | None = None
    audio: Raw | UnsetType = UNSET
    prediction: Raw | UnsetType = UNSET
    web_search_options: Raw | UnsetType = UNSET


def given(raw: Raw) -> bytes | None:
    """The JSON of a raw field; None where it is absent or null."""
    json = bytes(raw)
    return None if json in {b"", b"null"} else json
