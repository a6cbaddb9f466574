# ruff: noqa: E501
# E501: patterns stay on one line.
"""How large a share of the whole is one part: `Hazelnuts 13 %`, `blackcurrants (58%)`.

The share stands right behind the part's name, or right before it. A part that the picture
names without a share has none.
"""

import re
from typing import Final

from visus.local.lite.answering import lookup
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.found import Found
from visus.local.lite.answering.page import Page
from visus.local.lite.answering.words import GENERIC, holds, stem, words

ASKED: Final = r"\bpercent\w*|\bprozent\w*|\bshare of\b|\bproportion of\b|\bfraction of\b|\banteil\b|\w+anteil\b|\bgehalt an\b|%"
_OF_ASKING: Final = re.compile(
    r"percent\w*|prozent\w*|share|proportion|fraction|anteil\w*|gehalt|high|hoch|gross|contain\w*|enthalt\w*|enthalten|made"
)
_PERCENT: Final = r"\d{1,3}(?:[.,]\d+)? ?%"
_BEHIND: Final = re.compile(
    rf"(?P<part>[^\d,;:()%.]*?[^\W\d_][^\d,;:()%.]*?)\s*[(:]?\s*(?P<share>{_PERCENT})"
)
_BEFORE: Final = re.compile(rf"(?P<share>{_PERCENT})\s+(?P<part>[^\W\d_][^\d,;:()%.]*)")
_SHORTEST: Final = 4
_HEADING: Final = 2


def told(ask: Ask, page: Page) -> Found | None:
    """The share of the part that the question names; None for no part, or for several shares."""
    wanted = _parts_asked(ask)
    texts = [(each.text, each.piece) for each in lookup.sentences(page)]
    texts += [(piece.text, piece) for piece in page.pieces]
    heading = [word for piece in page.pieces[:_HEADING] for word in words(piece.text)]
    ranked: dict[int, list[Found]] = {}
    for text, piece in texts:
        for match in _matches(text):
            share = Found(match.group("share"), match.group("part").strip(), piece)
            hits = [word for word in wanted if _names(share.text, word)]
            missing = [word for word in wanted if word not in hits]
            if hits and all(holds(heading, word) for word in missing):
                ranked.setdefault(len(hits), []).append(share)
    found = ranked[max(ranked)] if ranked else []
    return found[0] if len({each.value for each in found}) == 1 else None


def _matches(text: str) -> list[re.Match[str]]:
    """Shares behind their names; before them, only where the text begins with a share."""
    begins = re.match(rf"(?:[^:]*:)?\s*{_PERCENT}\s+[^\W\d_]", text) is not None
    return list((_BEFORE if begins else _BEHIND).finditer(text))


def _parts_asked(ask: Ask) -> list[str]:
    """The words for the part: of `Haselnussanteil`, what stands before the share."""
    compounds = [
        word.removesuffix("anteil") for word in ask.words if re.fullmatch(r"\w{3,}anteil", word)
    ]
    if compounds:
        return compounds
    said = [token.text for token in ask.meant if token.text not in GENERIC]
    return [word for word in said if not _OF_ASKING.fullmatch(word)]


def _names(part: str, word: str) -> bool:
    spoken = words(part)
    if holds(spoken, word):
        return True
    root = stem(word)
    return len(root) >= _SHORTEST and any(each.startswith(root[:-1]) for each in spoken)
