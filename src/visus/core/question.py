"""What a caller asked, in our words. Media are still references: nothing has been fetched.

Structs of msgspec's, because a dozen of these are made for every request, and a named tuple
costs twice as much to make, a frozen dataclass eight times.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from visus.core.places import Demand

Role: TypeAlias = Literal["system", "developer", "user", "assistant", "tool"]
Detail: TypeAlias = Literal["auto", "low", "high"]
Json: TypeAlias = bytes
"""A JSON value that was checked and is carried unread."""


class Text(msgspec.Struct, frozen=True, gc=False):
    """A stretch of text."""

    text: str


class LinkedImage(msgspec.Struct, frozen=True, gc=False):
    """A picture that is somewhere else: untrusted and not fetched."""

    url: str
    param: str
    """Where it stands in the request: `messages[0].content[1].image_url.url`."""
    detail: Detail = "auto"


class InlineImage(msgspec.Struct, frozen=True, gc=False):
    """A picture inside the request: an untrusted data URL, not decoded yet."""

    data_url: memoryview
    """ASCII, from `data:` on, without the JSON quotes; a view of the request's own bytes."""
    param: str
    detail: Detail = "auto"


class StoredImage(msgspec.Struct, frozen=True, gc=False):
    """A picture among the owner's uploaded files; not looked up."""

    file_id: str
    param: str
    detail: Detail = "auto"


ImageReference: TypeAlias = LinkedImage | InlineImage | StoredImage


class Video(msgspec.Struct, frozen=True):
    """A video, and which of its frames are of interest."""

    source: ImageReference
    """Where the file is."""
    fps: float | None = None
    """Frames for each second; None for the default."""
    start_s: float = 0.0
    end_s: float | None = None
    """None for the end of the video."""
    max_frames: int | None = None

    @property
    def param(self) -> str:
        """Where it stands in the request."""
        return self.source.param


class Document(msgspec.Struct, frozen=True):
    """A file with pages."""

    source: ImageReference
    """Where the file is."""
    filename: str | None = None
    """As the caller calls it."""

    @property
    def param(self) -> str:
        """Where it stands in the request."""
        return self.source.param


MediaReference: TypeAlias = ImageReference | Video | Document
QuestionPart: TypeAlias = Text | MediaReference


class ToolCall(msgspec.Struct, frozen=True, gc=False):
    """A call that the model made in an earlier turn."""

    call_id: str
    name: str
    arguments: str
    """As the model wrote them: usually JSON, never checked by us."""


class Turn(msgspec.Struct, frozen=True):
    """One message. `param` is its place in the request: `messages[0]`."""

    role: Role
    parts: Sequence[QuestionPart]
    param: str
    name: str | None = None
    tool_calls: Sequence[ToolCall] = ()
    tool_call_id: str | None = None


class Tool(NamedTuple):
    """A function that the model may call."""

    name: str
    description: str | None = None
    parameters: Json | None = None
    strict: bool | None = None


class NamedTool(NamedTuple):
    """`tool_choice` that demands one function."""

    name: str


ToolChoice: TypeAlias = Literal["auto", "none", "required"] | NamedTool


@dataclass(frozen=True, slots=True)
class JsonObject:
    """`response_format: json_object`: any JSON object."""


class JsonSchema(NamedTuple):
    """`response_format: json_schema`."""

    name: str
    schema: Json
    description: str | None = None
    strict: bool | None = None


AnswerFormat: TypeAlias = JsonObject | JsonSchema


class Options(msgspec.Struct, frozen=True):
    """How to answer. None means that the caller did not say."""

    max_tokens: int | None = None
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """The name that the caller used: upstreams differ in which they take."""
    temperature: float | None = None
    top_p: float | None = None
    stop: Sequence[str] = ()
    seed: int | None = None
    n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: Json | None = None
    user: str | None = None
    reasoning_effort: str | None = None
    tools: Sequence[Tool] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    answer_format: AnswerFormat | None = None
    validate: bool | None = None
    """Whether the answer's form is checked here; None: where the model's server does not."""
    boxes_in_pixels: bool = False
    """Of the pictures as they are shown; else boxes are as the model writes them."""


MediaKind: TypeAlias = Literal["image", "video", "file"]
Blind: TypeAlias = Literal["refuse", "reroute", "describe"]
"""What becomes of a question with pictures for a model that takes text alone."""


class InWords(NamedTuple):
    """A medium in whose place the model gets text."""

    path: str
    """The part: `messages[0].content[1]`."""
    kind: MediaKind
    how: str
    """`not shown`, or by whom it was described."""


class PageRange(NamedTuple):
    """Pages of a document, from 1."""

    first: int
    last: int | None
    """The last that is wanted; None for the document's own last."""

    def of(self, page_count: int) -> range:
        """Those that a document of so many pages has."""
        last = page_count if self.last is None else min(self.last, page_count)
        return range(self.first, last + 1)


class MediaWishes(msgspec.Struct, frozen=True):
    """What the caller wants done with the pictures."""

    max_tokens_per_image: int | None = None
    """None: as many as the model gives a picture."""
    frames: int = 1
    """How many frames of an animation or pages of a TIFF file; one means the first."""
    pages: Sequence[PageRange] = ()
    """Those of each document that the model gets; none named means all."""


class Question(msgspec.Struct, frozen=True):
    """One chat request."""

    model: str
    turns: Sequence[Turn]
    options: Options = Options()
    streamed: bool = False
    within: Sequence[Demand] = ()
    """Where it may go."""
    fallbacks: Sequence[str] | None = None
    """The models to be asked when the first gives no answer; None: those of the operator."""
    blind: Blind | None = None
    """What becomes of media that the model does not take; None: as the operator chose."""
    in_words: Sequence[InWords] = ()
    media: MediaWishes = MediaWishes()
    owner: str = ""
    """Whose files `StoredImage` names."""
    models: frozenset[str] | None = None
    """The ids of the models that may be asked, whatever is wanted; None: any."""

    def may_ask(self, model_id: str) -> bool:
        """Whether the caller may ask that model."""
        return self.models is None or model_id in self.models
