"""How many tokens a text probably costs: an estimate, since there is no tokeniser here.

The rule is the length in UTF-8 divided by so many bytes for a token, and a few tokens around
each turn. How far off it is was measured, see docs/explanation/counting.md; what real answers
report corrects it (`models.calibration`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_HUNDRED: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRule:
    """What text costs one model."""

    bytes_per_100_tokens: int
    per_turn: int
    """Tokens that the model's server puts around each turn."""
    per_request: int
    """Tokens that it puts around them all."""

    def count(self, text: str) -> int:
        """Tokens of one stretch of text, rounded up."""
        return -(-size_of(text) * _HUNDRED // self.bytes_per_100_tokens)

    def of_turns(self, sizes: Sequence[int]) -> int:
        """Tokens of a request whose turns hold text of these `sizes`, in bytes."""
        each = self.bytes_per_100_tokens
        tokens = self.per_turn * len(sizes) + self.per_request
        for size in sizes:
            tokens -= -size * _HUNDRED // each  # rounded up
        return tokens


def size_of(text: str) -> int:
    """Bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
