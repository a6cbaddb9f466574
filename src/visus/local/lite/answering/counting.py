# ruff: noqa: E501
# E501: patterns and phrases stay on one line.
"""How `visus-lite` counts tokens, and where it cuts.

It has no tokenizer, so the count is defined here and never changes with a model: every begun
run of six letters or digits of a word is one token, so is every other visible character. A
picture counts one token for each begun patch of 32 by 32 pixels after it has been fitted into
1024 by 1024, so 1,024 at most.
"""

import math
import re
from collections.abc import Sequence
from typing import Final

from visus.local.lite.answering.dialogue import FinishReason

_PIECE: Final = re.compile(r"[^\W_]{1,6}|[^\s]")
_PATCH_PX: Final = 32
_LONGEST_EDGE_PX: Final = 1024


def text_tokens(text: str) -> int:
    """How many tokens a text counts."""
    return sum(1 for _ in _PIECE.finditer(text))


def picture_tokens(width_px: int, height_px: int) -> int:
    """How many tokens a picture of that size counts."""
    scale = min(1.0, _LONGEST_EDGE_PX / max(width_px, height_px, 1))
    across = max(1, math.ceil(width_px * scale / _PATCH_PX))
    down = max(1, math.ceil(height_px * scale / _PATCH_PX))
    return across * down


def cut(text: str, *, max_tokens: int | None, stop: Sequence[str]) -> tuple[str, FinishReason]:
    """The text up to the first stop sequence or the last allowed token, whichever is earlier."""
    ends = [place for sequence in stop if sequence and (place := text.find(sequence)) >= 0]
    stopped = text[: min(ends)] if ends else text
    if max_tokens is None:
        return stopped, "stop"
    pieces = list(_PIECE.finditer(stopped))
    if len(pieces) <= max_tokens:
        return stopped, "stop"
    return stopped[: pieces[max_tokens - 1].end()] if max_tokens > 0 else "", "length"
