"""What a GGUF file says of itself, read without loading it.

Layout: github.com/ggml-org/ggml/blob/master/docs/gguf.md. A file is whatever somebody put
there, so every length is held against the file's own, and only numbers and text come out.
"""

import mmap
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

_MAGIC: Final = b"GGUF"
_VERSIONS: Final = (2, 3)
_MAX_KEYS: Final = 10_000
_MAX_ITEMS: Final = 4_000_000
"""Of one list; the largest vocabularies have 300,000."""
_MAX_TEXT_BYTES: Final = 4 * 1024 * 1024
_STRING: Final = 8
_ARRAY: Final = 9
_NUMBERS: Final[Mapping[int, str]] = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
_PART: Final = re.compile(r"^(?P<stem>.*-)\d{5}-of-(?P<count>\d{5})\.gguf$")

Value: TypeAlias = int | float | bool | str | list[int] | None
"""Of an array only short lists of integers are kept."""


class HeaderRefused(ValueError):
    """Not a GGUF file, or one that is cut short."""


@dataclass(frozen=True, slots=True)
class Header:
    """The keys of a file, and how long its lists are."""

    values: Mapping[str, Value]
    lengths: Mapping[str, int]
    """Of each array, by its key."""

    @property
    def architecture(self) -> str:
        """The family of the model: `qwen2vl`; `clip` for a projector."""
        return str(self.values.get("general.architecture") or "")

    @property
    def is_projector(self) -> bool:
        """Whether it turns pictures into tokens, and is no model by itself."""
        return self.architecture == "clip"

    @property
    def context_tokens(self) -> int | None:
        """The longest text that the model was made for."""
        found = self._number("context_length")
        return found or None

    @property
    def template(self) -> str:
        """How a conversation is written for it, in Jinja; empty where it does not say."""
        return str(self.values.get("tokenizer.chat_template") or "")

    @property
    def vocabulary(self) -> int:
        """How many different tokens it knows."""
        return self.lengths.get("tokenizer.ggml.tokens", 0)

    @property
    def state_bytes_per_token(self) -> int:
        """What one token of context takes: a key and a value of 16-bit numbers a layer."""
        heads = self._number("attention.head_count")
        width = self._number("embedding_length") // heads if heads else 0
        keys = self._number("attention.key_length") or width
        values = self._number("attention.value_length") or width
        return 2 * self._key_value_heads() * (keys + values)

    def _key_value_heads(self) -> int:
        """Of all layers together."""
        layers = self._number("block_count")
        match self.values.get(f"{self.architecture}.attention.head_count_kv"):
            case list(each):
                return sum(each)
            case int(same):
                return same * layers
            case _:
                return self._number("attention.head_count") * layers

    def _number(self, key: str) -> int:
        found = self.values.get(f"{self.architecture}.{key}")
        return max(found) if isinstance(found, list) else int(found or 0)


def read_header(path: Path) -> Header:
    """The header of the file at `path`. Blocking: some 50 ms for 150,000 tokens.

    Raises:
        HeaderRefused: no GGUF file, or one that ends too early.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        if file.read(4) != _MAGIC:
            raise HeaderRefused("it does not begin as a GGUF file does")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return _Reader(data).header()
            except struct.error as fault:
                raise HeaderRefused("it ends inside its header") from fault


def parts(path: Path) -> list[Path]:
    """All files of a model that was cut in pieces; the file itself where it was not."""
    found = _PART.match(path.name)
    if found is None:
        return [path]
    count = int(found["count"])
    return [
        path.with_name(f"{found['stem']}{number:05d}-of-{count:05d}.gguf")
        for number in range(1, count + 1)
    ]


class _Reader:
    """Walks through the keys; what it does not need it steps over."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 4
        self._lengths: dict[str, int] = {}

    def header(self) -> Header:
        version, _, keys = self._take("<I"), self._take("<Q"), self._take("<Q")
        if version not in _VERSIONS or not isinstance(keys, int) or keys > _MAX_KEYS:
            raise HeaderRefused(f"version {version} with {keys} keys is not understood")
        values: dict[str, Value] = {}
        for _ in range(keys):
            key = self._text()
            values[key] = self._value(key, self._kind())
        return Header(values, self._lengths)

    def _value(self, key: str, kind: int) -> Value:
        if kind == _STRING:
            return self._text()
        if kind != _ARRAY:
            return self._take(_form(kind))
        item, count = self._kind(), self._length()
        if count > _MAX_ITEMS:
            raise HeaderRefused(f"it has a list of {count} items")
        self._lengths[key] = count
        if item == _STRING:
            for _ in range(count):
                self._skip(self._length())
            return None
        form = _form(item)
        if count > _MAX_KEYS or form in {"<f", "<d", "<?"}:
            self._skip(count * struct.calcsize(form))
            return None
        return [int(self._take(form)) for _ in range(count)]

    def _kind(self) -> int:
        return int(self._take("<I"))

    def _length(self) -> int:
        return int(self._take("<Q"))

    def _text(self) -> str:
        size = self._length()
        start = self._at
        self._skip(size)
        if size > _MAX_TEXT_BYTES:
            return ""
        return self._data[start : self._at].decode("utf-8", "replace")

    def _take(self, form: str) -> int | float | bool:
        (value,) = struct.unpack_from(form, self._data, self._at)
        self._at += struct.calcsize(form)
        found: int | float | bool = value
        return found

    def _skip(self, size: int) -> None:
        self._at += size
        if self._at > len(self._data):
            raise HeaderRefused("it ends inside its header")


def _form(kind: int) -> str:
    form = _NUMBERS.get(kind)
    if form is None:
        raise HeaderRefused(f"it holds a value of kind {kind}, which does not exist")
    return form
