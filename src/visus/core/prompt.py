"""What a model gets: the question with every picture fetched, checked and fitted.

`Image` is a different class from `question.ImageReference` on purpose: an unchecked picture
cannot reach a provider by mistake.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from visus.core.question import Detail, Options, Role, Text, ToolCall

ImageType: TypeAlias = Literal[
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/gif",
    "image/bmp",
    "image/tiff",
    "image/avif",
    "image/heic",
]
"""Formats that are read; which of them a model takes is in the catalogue."""


class Image(NamedTuple):
    """A checked picture: a whole file of a known type, without metadata or trailing bytes."""

    media_type: ImageType
    width_px: int
    height_px: int
    base64: bytes | memoryview
    """The file in standard base64, ASCII; often a view of the request's own bytes."""
    detail: Detail
    param: str
    """Where it stood in the request: `messages[0].content[1].image_url.url`."""


PromptPart: TypeAlias = Text | Image


class PromptTurn(NamedTuple):
    """One message, ready for a model."""

    role: Role
    parts: Sequence[PromptPart]
    name: str | None = None
    tool_calls: Sequence[ToolCall] = ()
    tool_call_id: str | None = None


class Prompt(NamedTuple):
    """One question, ready for one model."""

    upstream_id: str
    """The model's name in its provider's mouth."""
    turns: Sequence[PromptTurn]
    options: Options
    streamed: bool
