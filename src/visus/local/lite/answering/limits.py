# E501: patterns stay on one line.
"""Limits that a sign or a label states: `Max. height 2.1 m`, `Mindestalter 12 Jahre`."""

import re
from typing import Final

from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.found import Found
from visus.local.lite.answering.page import Page
from visus.local.lite.answering.values import find
from visus.local.lite.answering.words import alike, fold, words

_UPPER: Final = r"max(?:imum|imal\w*)?|hochst\w*"
_LOWER: Final = r"min(?:imum|destens|imal\w*|dest\w*)?"
_OF_ASKING: Final = re.compile(
    rf"{_UPPER}|{_LOWER}|allowed|permitted|erlaubt\w*|zulassig\w*|high|hoch|is|ist"
)
_LONGEST: Final = 8


def is_asked(ask: Ask) -> bool:
    """Whether the question names a maximum or a minimum."""
    return ask.has(rf"\b(?:{_UPPER}|{_LOWER})\b")


def told(ask: Ask, page: Page) -> Found | None:
    """The limit on what the question names; None where no line states just that one."""
    side = _UPPER if ask.has(rf"\b(?:{_UPPER})\b") else _LOWER
    wanted = [each.text for each in ask.meant if not _OF_ASKING.fullmatch(each.text)]
    wanted += [
        re.sub(rf"^(?:{side})(?=\w{{4}})", "", each)
        for each in ask.words
        if re.match(r"(?:hochst|mindest|maximal|minimal)\w{4}", each)
    ]
    for piece in page.pieces:
        text = " ".join(each.text for each in page.row_of(piece))
        spoken = words(text)
        states = re.search(rf"\b(?:{side})", fold(text)) and len(spoken) <= _LONGEST
        if (
            states
            and wanted
            and all(
                any(alike(word, each) or each.endswith(word) for each in spoken)
                for word in wanted
            )
        ):
            found = next((value for kind in _KINDS for value in find(kind, text)), None)
            if found is not None:
                return Found(found.text, text, piece)
    return None


_KINDS: Final = ("measure", "amount", "time", "percent", "number")
