"""The form of an upload, taken apart as it arrives: the file passes through, the rest stays.

Fields may come in any order. A value is judged as soon as it is there, so that a form that
names its purpose first is not read to the end for nothing.
"""

from collections.abc import Iterator
from typing import Final, assert_never

from visus.core.files import FileLabel
from visus.errors import CallerError, InvalidValue, MissingParameter
from visus.wire.multipart import FormReader, PartBegan, PartEnded
from visus.wire.plain import one_of, whole_number

PURPOSES: Final = (
    "assistants",
    "batch",
    "fine-tune",
    "vision",
    "user_data",
    "evals",
    "visual-rag",
)
EXPIRY_S: Final = range(3600, 2_592_000 + 1)
"""What `expires_after[seconds]` may be."""
BATCH_EXPIRY_S: Final = 2_592_000
"""As with OpenAI, files for batches do not stay for ever."""
MAX_FIELD_BYTES: Final = 4096
FILE: Final = "file"
_PURPOSE: Final = "purpose"
_ANCHOR: Final = "expires_after[anchor]"
_SECONDS: Final = "expires_after[seconds]"


class UploadForm:
    """Reads one upload."""

    def __init__(self, boundary: bytes) -> None:
        self.ignored: list[str] = []
        """Names of unknown fields."""
        self._reader = FormReader(boundary)
        self._part: PartBegan | None = None
        self._value = bytearray()
        self._file: PartBegan | None = None
        self._purpose: str | None = None
        self._anchor: str | None = None
        self._seconds: int | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The pieces of the file that `data` holds.

        Raises:
            InvalidValue: not a form, or a field may not have its value.
        """
        for event in self._reader.feed(data):
            match event:
                case PartBegan():
                    self._begin(event)
                case bytes():
                    if self._part is not None and self._part.name == FILE:
                        yield event
                    else:
                        self._add(event)
                case PartEnded():
                    self._end()
                case _:
                    assert_never(event)

    def finish(self) -> FileLabel:
        """What the form says about the file.

        Raises:
            InvalidValue: the form is not complete.
            MissingParameter: a field is not there.
        """
        self._reader.finish()
        if self._file is None:
            raise _missing(FILE)
        if self._purpose is None:
            raise _missing(_PURPOSE)
        return FileLabel(
            filename=self._file.filename or "",
            content_type=self._file.content_type,
            purpose=self._purpose,
            expires_after_s=self._expires_after_s(),
        )

    def _begin(self, part: PartBegan) -> None:
        self._value.clear()
        if part.name == FILE:
            if self._file is not None:
                raise InvalidValue("There is more than one file.", param=FILE)
            if not part.filename:
                message = "The field must be sent as a file, with a file name."
                raise InvalidValue(message, param=FILE)
            self._file = part
        elif part.name not in {_PURPOSE, _ANCHOR, _SECONDS}:
            self.ignored.append(part.name)
            self._part = None
            return
        self._part = part

    def _add(self, piece: bytes) -> None:
        if self._part is None:
            return
        self._value += piece
        if len(self._value) > MAX_FIELD_BYTES:
            message = f"The field is longer than {MAX_FIELD_BYTES} bytes."
            raise InvalidValue(message, param=self._part.name)

    def _end(self) -> None:
        """Takes the field; of repeated ones the last counts."""
        if self._part is None or self._part.name == FILE:
            return
        name = self._part.name
        try:
            value = self._value.decode()
        except UnicodeDecodeError as fault:
            raise InvalidValue("The field is not UTF-8.", param=name) from fault
        if name == _PURPOSE:
            self._purpose = one_of(PURPOSES, value, name)
        elif name == _ANCHOR:
            self._anchor = one_of(("created_at",), value, name)
        else:
            self._seconds = whole_number(value, EXPIRY_S, name)

    def _expires_after_s(self) -> int | None:
        if self._seconds is None and self._anchor is None:
            return BATCH_EXPIRY_S if self._purpose == "batch" else None
        if self._seconds is None:
            raise _missing(_SECONDS)
        if self._anchor is None:
            raise _missing(_ANCHOR)
        return self._seconds


def _missing(name: str) -> CallerError:
    return MissingParameter(f"The form has no field '{name}'.", param=name)
