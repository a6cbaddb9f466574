# ruff: noqa: E501, RUF001
# E501: patterns and phrases stay on one line.
# RUF001: typographic signs are meant.
"""Opening hours on signs and in lists: which days, from when to when, and which are closed."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.page import Page
from visus.local.lite.answering.values import Found, find
from visus.local.lite.answering.words import fold, holds, words

ASKED: Final = (
    r"\b(?:open|opens|opened|opening|close|closes|closed|closing|shut|geoffnet|offen|offnet|offnen|offnungszeiten|geschlossen|schliesst|ruhetag|sprechstunde|sprechzeiten|(?:hat|haben) .*\bauf)\b"
)  # fmt: skip
_DAYS: Final = (
    r"mon(?:day|tag)?s?|mo",
    r"tue(?:s(?:day)?)?s?|dienstags?|di",
    r"wed(?:nesday)?s?|mittwochs?|mi",
    r"thu(?:rs?(?:day)?)?s?|donnerstags?|do",
    r"fri(?:day)?s?|freitags?|fr",
    r"sat(?:urday)?s?|samstags?|sonnabends?|sa",
    r"sun(?:day)?s?|sonntags?|so",
)
_DAY: Final = re.compile(
    r"\b(?:" + "|".join(f"(?P<d{place}>{day})" for place, day in enumerate(_DAYS)) + r")\b\.?"
)
_ALL_DAYS: Final = re.compile(r"\b(?:daily|every day|taglich)\b")
_SHUT: Final = re.compile(r"\b(?:closed|geschlossen|ruhetag)\b", re.IGNORECASE)
_RANGE: Final = re.compile(r"\s*(?:-|–|—|to|bis|through)\s*")
_FULL_DAY: Final = 7


class _Entry(NamedTuple):
    """A line of the list: its words for the days, the days, and what it says of them."""

    label: str
    days: frozenset[int]
    value: str


def told(ask: Ask, page: Page) -> str | None:
    """The hours, or the days, that the question asks for; None where the page has no such list."""
    entries = list(_entries(page))
    timed = [each for each in entries if any(_times(each.value))]
    if not timed:
        return None
    strange = any(not _is_explained(page, word) for word in ask.target.extra)
    if strange or any(_opens_by_itself(page, word) for word in ask.content):
        return None
    asked = _days_in(ask.folded)
    if not asked and ask.has(
        r"\b(?:which|what|welche\w*) (?:day|days|tag|tagen|wochentag)|ruhetag|\bwann\b.*geschlossen|when\b.*\bclosed\b"
    ):
        shut = [each.label for each in entries if _SHUT.search(each.value)]
        return ", ".join(shut) or None
    chosen = [each for each in entries if asked & each.days] if asked else entries
    if not chosen:
        return None
    if asked:
        return _part(ask, chosen[0].value)
    return "; ".join(f"{each.label} {each.value}" for each in chosen)


def _opens_by_itself(page: Page, word: str) -> bool:
    """`Registration opens on 2 February`: a line of its own says when this one opens."""
    opens = re.compile(r"\b(?:opens?|closes?|offnet|schliesst)\b")
    return not re.search(ASKED, word) and any(
        opens.search(fold(piece.text)) and holds(words(piece.text), word)
        for piece in page.pieces
        if not any(find("time", piece.text))
    )


def _is_explained(page: Page, word: str) -> bool:
    said = [token.text for token in page.tokens]
    return (
        holds(said, word)
        or bool(_days_in(word))
        or any(each[3:].endswith(word) for each in said)
    )


def _part(ask: Ask, value: str) -> str:
    """The end of the hours for `until when`, the beginning for `from when`, else all."""
    pair = _FROM_TO.search(value)
    times = [*pair.group("from", "to")] if pair else [each.text for each in _times(value)]
    if len(times) == 2:  # noqa: PLR2004 - from and to
        if ask.has(r"bis wann|until|till|\bclose|\bshut|schliess"):
            return times[1]
        if ask.has(r"ab wann|from when|does .*\bopen\b|\bopens\b|\boffnet"):
            return times[0]
    return value


_FROM_TO: Final = re.compile(
    r"(?<![\d.:/-])(?P<from>\d{1,2}(?:[:.]\d\d)?)\s*[-–—]\s*(?P<to>\d{1,2}(?:[:.]\d\d)?\s?(?:Uhr|h|am|pm)\b)",
    re.IGNORECASE,
)
"""`10-20 Uhr`: the first is a time for the sake of the second."""


def _times(text: str) -> list[Found]:
    """`7.00 to 19.30` is two times, though each alone might be a price."""
    span = _POINTED.search(text)
    if span is None:
        return list(find("time", text))
    return [Found(span[name], *span.span(name)) for name in ("from", "to")]


_POINTED: Final = re.compile(
    r"(?<![\d.,€£$])(?P<from>(?:[01]?\d|2[0-3])\.[0-5]\d)\s*(?:-|–|—|to|till|until|bis)\s*(?P<to>(?:[01]?\d|2[0-4])\.[0-5]\d)(?!\d|[.,]\d|\s?(?:€|EUR|£|\$))"
)
"""From a point of the clock to another, without a word that says so."""


def _start(value: "re.Match[str] | Found | None") -> int | None:
    if value is None:
        return None
    return value.start if isinstance(value, Found) else value.start()


def _entries(page: Page) -> Iterator[_Entry]:
    for row in page.rows:
        text = " ".join(piece.text.strip() for piece in row)
        folded = fold(text)
        days = _days_in(folded)
        value = _FROM_TO.search(text) or next(iter(_times(text)), None)
        shut = _SHUT.search(text)
        start = min(
            [
                each
                for each in (_start(value), shut.start() if shut else None)
                if each is not None
            ],
            default=None,
        )
        if days and shut and start == shut.start() == 0 and len(text) <= _SHORT:
            yield _Entry(_day_words(text[shut.end() :]), days, text.strip())
        if not days or start is None or start == 0 or len(text) > _LONGEST:
            continue
        beside = _DAY.sub("", _ALL_DAYS.sub("", fold(text[:start])))
        if len(re.findall(r"[a-z]{3,}", beside)) > _WORDS_BESIDE:
            continue
        label = text[:start].rpartition(": ")[2] or text[:start]
        yield _Entry(label.strip(" :–-"), days, text[start:].strip())


def _day_words(text: str) -> str:
    """`on Mondays` as `Mondays`."""
    return re.sub(r"^\W*(?:on|am|every|jeden)\b", "", text, flags=re.IGNORECASE).strip(" .:")


_SHORT: Final = 30
_LONGEST: Final = 80
_WORDS_BESIDE: Final = 2
"""More words before the hours than this make a sentence, not an entry."""


def _days_in(folded: str) -> frozenset[int]:
    """The days of the week that are named, a range with all between its ends."""
    if _ALL_DAYS.search(folded):
        return frozenset(range(_FULL_DAY))
    found: set[int] = set()
    before: tuple[int, int] | None = None
    for match in _DAY.finditer(folded):
        day = next(place for place in range(_FULL_DAY) if match.group(f"d{place}"))
        found.add(day)
        if before is not None and _RANGE.fullmatch(folded[before[1] : match.start()]):
            found.update(range(before[0], day))
        before = (day, match.end())
    return frozenset(found)
