# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# (pypdfium2 has no types)
"""Drawing the pages of a PDF, and reading their text. Runs in a worker, never elsewhere.

Blocking, and fed with bytes that want to hurt: `workers.pool` runs `worker` in a process
without network or secrets. PDFium comes without a script engine and without XFA, and nothing
here follows a link, runs an action or opens an attachment: a page is drawn as a printer would
print it, with its annotations and with what was filled into its form.
"""

import math
import re
import time
from collections.abc import Callable
from typing import Final

import pypdfium2
from PIL import Image
from pypdfium2 import raw

from visus.errors import EncryptedFile, InvalidFile
from visus.media.jobs import unpack_job
from visus.media.paging import (
    Bounds,
    OpenedDocument,
    Page,
    Task,
    Wish,
    numbers_of,
    pack_document,
)
from visus.media.still import Box, encode, size_within

_POINTS_PER_INCH: Final = 72
_SMALLEST_SIDE: Final = 0.01
"""In points; a page with a shorter side has no area."""
_LOCKED: Final = (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY)
_BROKEN: Final = "The file is not a PDF that can be read."
_LINE_END: Final = re.compile("\r\n?")
_HYPHEN: Final = re.compile("[\x02\ufffe]")
"""PDFium's signs for a hyphen at the end of a line."""
_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def draw(data: bytes, task: Task) -> OpenedDocument:
    """How many pages there are, and those that `task` wishes for, drawn and read.

    Raises:
        EncryptedFile: it opens only with a password.
        InvalidFile: no PDF, one without pages or with too many, or it costs too much.
    """
    _forget_the_last_error()
    try:
        with pypdfium2.PdfDocument(data) as document:
            return _drawn(document, task)
    except (InvalidFile, MemoryError):
        raise
    except pypdfium2.PdfiumError as fault:
        if fault.err_code in _LOCKED:
            raise EncryptedFile("The PDF is protected by a password.") from fault
        raise InvalidFile(_BROKEN, detail=str(fault)) from fault
    except Exception as fault:
        raise InvalidFile(_BROKEN, detail=f"{type(fault).__name__}: {fault}") from fault


def _forget_the_last_error() -> None:
    """Has PDFium fail on nothing, so that what it says of the next file is about that file.

    It keeps its last error, which opening a document without a page does not touch.
    """
    raw.FPDF_LoadMemDocument(b"-", 1, None)


def _drawn(document: pypdfium2.PdfDocument, task: Task) -> OpenedDocument:
    document.init_forms()
    count = len(document)
    if count < 1:
        raise InvalidFile("The PDF has no pages.")
    if count > task.bounds.max_pages:
        raise InvalidFile(
            f"The PDF has {count} pages; at most {task.bounds.max_pages} are allowed."
        )
    if task.wish is not None:
        return OpenedDocument(count, pages=tuple(_pages(document, task.bounds, task.wish)))
    numbers = numbers_of(count, task.chosen)
    if len(numbers) > task.measured_pages:
        return OpenedDocument(count)
    sizes = [_full_size(document, number - 1, task.bounds) for number in numbers]
    return OpenedDocument(count, tuple(sizes))


def _full_size(document: pypdfium2.PdfDocument, index: int, bounds: Bounds) -> tuple[int, int]:
    """As fine as `bounds` allow, from the page's entry alone: its content is not read."""
    try:
        width_pt, height_pt = document.get_page_size(index)
    except pypdfium2.PdfiumError as fault:
        raise _unreadable(index) from fault
    if not (math.isfinite(width_pt) and math.isfinite(height_pt)):
        raise InvalidFile(f"Page {index + 1} of the PDF has no size.")
    if min(width_pt, height_pt) < _SMALLEST_SIDE:
        raise InvalidFile(f"Page {index + 1} of the PDF has no area.")
    finest = bounds.dpi / _POINTS_PER_INCH
    return size_within(
        width_pt * finest, height_pt * finest, Box(None, None, bounds.max_pixels)
    )


def _pages(document: pypdfium2.PdfDocument, bounds: Bounds, wish: Wish) -> list[Page]:
    end_s = time.monotonic() + bounds.render_s
    pages: list[Page] = []
    room, text_room = bounds.max_result_bytes, bounds.max_text_bytes
    for number, size in zip(wish.numbers, wish.sizes, strict=True):
        if time.monotonic() > end_s:
            raise InvalidFile("The pages of the PDF take too long to draw.")
        pages.append(_page(document, number - 1, size, wish, text_room=text_room))
        text_room -= len(pages[-1].text.encode())
        room -= len(pages[-1].picture.data)
        if text_room < 0:
            raise InvalidFile(f"The PDF has more than {bounds.max_text_bytes} bytes of text.")
        if room < 0:
            raise InvalidFile("The pages asked for are too large together.")
    return pages


def _page(
    document: pypdfium2.PdfDocument,
    index: int,
    size: tuple[int, int],
    wish: Wish,
    *,
    text_room: int,
) -> Page:
    try:
        page = _flat(document, index)
    except pypdfium2.PdfiumError as fault:
        raise _unreadable(index) from fault
    try:
        drawing = _drawing(page, *size)
        picture = encode(drawing, wish.formats, max_bytes=wish.max_bytes)
        if picture is None:
            message = f"Page {index + 1} cannot be made small enough for this model."
            raise InvalidFile(message)
        return Page(index + 1, picture, _text(page, text_room))
    finally:
        page.close()


def _unreadable(index: int) -> InvalidFile:
    return InvalidFile(f"Page {index + 1} of the PDF cannot be read.")


def _flat(document: pypdfium2.PdfDocument, index: int) -> pypdfium2.PdfPage:
    """The page with its annotations and the values of its form made part of its content."""
    page = document[index]
    if page.formenv is None or page.flatten() != raw.FLATTEN_SUCCESS:
        return page
    page.close()
    return document[index]


def _drawing(page: pypdfium2.PdfPage, width: int, height: int) -> Image.Image:
    bitmap = pypdfium2.PdfBitmap.new_native(
        width, height, raw.FPDFBitmap_BGRx, rev_byteorder=True
    )
    try:
        bitmap.fill_rect((255, 255, 255, 255), 0, 0, width, height)
        flags = raw.FPDF_ANNOT | raw.FPDF_REVERSE_BYTE_ORDER | raw.FPDF_RENDER_LIMITEDIMAGECACHE
        raw.FPDF_RenderPageBitmap(bitmap, page, 0, 0, width, height, 0, flags)
        return Image.frombuffer(
            "RGB", (width, height), bitmap.buffer, "raw", "RGBX", bitmap.stride, 1
        ).copy()
    finally:
        bitmap.close()


def _text(page: pypdfium2.PdfPage, room: int) -> str:
    """The text layer in its own order, at most a little more than `room` characters of it."""
    layer = page.get_textpage()
    try:
        if layer.count_chars() > room:
            text = str(layer.get_text_range(0, room + 1))
        else:
            text = str(layer.get_text_bounded())
    finally:
        layer.close()
    text = _HYPHEN.sub("-", _LINE_END.sub("\n", text))
    return _UNPRINTABLE.sub("", text)


# --- Across the process boundary -------------------------------------------------------------


def worker() -> Callable[[bytes], bytes]:
    """The entry for `workers.pool`: prepares PDFium and returns the handler."""
    _warm_up()
    return _handle


def _handle(job: bytes) -> bytes:
    data, task = unpack_job(job, Task)
    return pack_document(draw(bytes(data), task))


def _warm_up() -> None:
    """Draw and read an empty page now, while files may still be opened."""
    document = pypdfium2.PdfDocument.new()
    page = document.new_page(72, 72)
    encode(_drawing(page, 72, 72), ("image/jpeg",), max_bytes=None)
    _text(page, 1)
    encode(Image.new("RGB", (8, 8)), ("image/png",), max_bytes=None)
    document.close()
