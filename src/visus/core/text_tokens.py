"""How many tokens a text probably costs: an estimate, for no tokeniser is on board.

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
        return -(-_bytes(text) * _HUNDRED // self.bytes_per_100_tokens)

    def of_turns(self, texts: Sequence[str]) -> int:
        """Tokens of a request of which `texts` are the turns, each one's text joined."""
        return sum(map(self.count, texts)) + self.per_turn * len(texts) + self.per_request


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
