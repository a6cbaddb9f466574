"""Jobs and results of the worker that draws documents.

Known to both sides of the process boundary; the renderer itself is known to the worker alone.
"""

from collections.abc import Sequence
from typing import Annotated, TypeAlias

import msgspec

from visus.core.prompt import ImageType
from visus.core.question import PageRange
from visus.media.fitting import Fitted
from visus.media.settings import DocumentSettings
from visus.units import MEGAPIXEL, MIB

PageNumber: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
"""From 1, as readers count."""
PageSize: TypeAlias = tuple[
    Annotated[int, msgspec.Meta(ge=1)], Annotated[int, msgspec.Meta(ge=1)]
]
"""Width and height in pixels."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What the picture of each page must be like."""

    numbers: tuple[PageNumber, ...]
    """The pages, in the order in which they are wanted."""
    sizes: tuple[PageSize, ...]
    """Of each of them, in its own proportions."""
    formats: tuple[ImageType, ...] = ("image/jpeg", "image/png")
    """Media types that may come out, of JPEG and PNG."""
    max_bytes: int | None = None
    """Of each picture."""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What a file may cost, whatever is wished for."""

    max_pages: int = 500
    dpi: int = 150
    max_pixels: int = 4 * MEGAPIXEL
    """Of one page's picture."""
    max_text_bytes: int = 8 * MIB
    render_s: float = 25.0
    max_result_bytes: int = 96 * MIB
    """All pictures and texts together."""


class Page(msgspec.Struct, frozen=True):
    """One page as it is printed, and as it is written."""

    number: int
    picture: Fitted
    text: str
    """The text layer; empty for a scanned page."""


class OpenedDocument(msgspec.Struct, frozen=True):
    """A document that could be opened."""

    page_count: int
    sizes: tuple[PageSize, ...] = ()
    """Of the pages chosen in full, where there are no more than were to be measured."""
    pages: tuple[Page, ...] = ()
    """Those wished for; none when only the facts were asked for."""


class Task(msgspec.Struct, frozen=True):
    """A job without its bytes."""

    bounds: Bounds
    wish: Wish | None
    """None when only the facts are wanted."""
    chosen: tuple[PageRange, ...] = ()
    """The pages whose sizes are wanted among the facts; all where none are named."""
    measured_pages: int = 0
    """Their sizes are not wanted where there are more of them than these."""


def numbers_of(page_count: int, chosen: Sequence[PageRange]) -> tuple[int, ...]:
    """The pages chosen of a document of so many: in its order, each once; all for no choice."""
    if not chosen:
        return tuple(range(1, page_count + 1))
    return tuple(sorted({number for one in chosen for number in one.of(page_count)}))


def bounds_of(settings: DocumentSettings) -> Bounds:
    """What the settings allow a file to cost."""
    return Bounds(
        max_pages=settings.max_pages,
        dpi=settings.dpi,
        max_pixels=settings.max_pixels,
        max_text_bytes=settings.max_text_bytes,
        render_s=settings.render_s,
        max_result_bytes=settings.workers.max_message_bytes * 3 // 4,
    )


def pack_document(document: OpenedDocument) -> bytes:
    """The handler's result."""
    return msgspec.msgpack.encode(document)


def unpack_document(result: bytes) -> OpenedDocument:
    """What the handler returned."""
    return msgspec.msgpack.decode(result, type=OpenedDocument)
