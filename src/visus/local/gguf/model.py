"""A model on this machine: its files, and what it takes to have it in memory."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from visus.local.gguf.header import HeaderRefused, parts, read_header
from visus.models.catalogue import ModelRow
from visus.units import MIB

BATCH_TOKENS: Final = 512
"""How many tokens of a prompt are computed at once; between two batches it can be stopped."""
_BASE_BYTES: Final = 192 * MIB
"""The process itself, with its library."""
_LOGIT_BYTES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModel:
    """Files that belong together."""

    name: str
    path: Path
    """Of the model itself; of the first of its parts, where it was cut in several."""
    projector: Path | None
    """Of what turns pictures into tokens."""
    context_tokens: int
    """How much it may have in view; less where it was made for less."""

    @classmethod
    def of(cls, name: str, row: ModelRow, context_tokens: int) -> "LocalModel":
        """The model of a row, which has a path."""
        return cls(
            name=name,
            path=Path(row.path or ""),
            projector=Path(row.projector) if row.projector else None,
            context_tokens=row.max_sequence_length or context_tokens,
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """What the files say."""

    bytes_needed: int
    """Of memory: the files, the state of a full context, and room to compute."""
    context_tokens: int
    has_tools: bool
    """Whether its template of a conversation has a place for tools."""


class FilesUnusable(Exception):
    """Files of a model that are not there, or are something else; for the operator's eyes."""


def measure(model: LocalModel) -> Measured:
    """Look at the files without loading them. Blocking: some 50 ms.

    Raises:
        FilesUnusable: the text says which and why.
    """
    files = [*parts(model.path), *([model.projector] if model.projector else [])]
    for file in files:
        try:
            header = read_header(file)
        except (OSError, ValueError) as fault:  # an empty file is a ValueError of mmap
            raise FilesUnusable(f"{file}: {_reason(fault)}") from fault
        if header.is_projector is not (file == model.projector):
            is_what = "a projector" if header.is_projector else "no projector"
            raise FilesUnusable(f"{file}: it is {is_what}")
    header = read_header(model.path)
    context = min(model.context_tokens, header.context_tokens or model.context_tokens)
    return Measured(
        bytes_needed=sum(file.stat().st_size for file in files)
        + context * header.state_bytes_per_token
        + BATCH_TOKENS * header.vocabulary * _LOGIT_BYTES
        + _BASE_BYTES,
        context_tokens=context,
        has_tools="tools" in header.template,
    )


def _reason(fault: Exception) -> str:
    if isinstance(fault, OSError):
        return fault.strerror or type(fault).__name__
    return str(fault) if isinstance(fault, HeaderRefused) else "it is empty"
