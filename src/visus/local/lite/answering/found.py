"""What a rule found on a page: a value, the text that says it, and where that stands."""

from typing import NamedTuple

from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.page import Page, Piece
from visus.local.lite.answering.words import SUBJECTS, holds


class Found(NamedTuple):
    """A value as it is printed, the text that it was told by, and its piece."""

    value: str
    text: str
    piece: Piece


def in_piece(value: str, piece: Piece) -> Found:
    """A value that its whole piece tells."""
    return Found(value, piece.text, piece)


def unsaid(ask: Ask, page: Page) -> list[str]:
    """The words that matter to the question, and do not stand on the page."""
    said = [token.text for token in page.tokens]
    return [
        token.text
        for token in ask.meant
        if ask.matters(token) and token.text not in SUBJECTS and not holds(said, token.text)
    ]
