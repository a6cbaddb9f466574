# ruff: noqa: E501
# E501: patterns stay on one line.
# RUF001: typographic signs are meant.
"""A message taken apart: its questions, and the language in which they want to be answered."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from visus.local.lite.answering import coordinates, tongue
from visus.local.lite.answering.ask import Ask, names_a_field
from visus.local.lite.answering.tongue import Tongue
from visus.local.lite.answering.words import fold

_SENTENCE: Final = re.compile(
    r"[^?!\n]*?(?:\?+|!+|\n|(?<!\d)(?<!\bProf)(?<!\bDr)(?<!\bMr)(?<!\bMrs)(?<!\bMs)(?<!\bSt)(?<!\bFam)(?<!str)(?<!\bNr)(?<!\bNo)(?<!\b[A-Za-z])\.(?=\s|$)|$)"
)
_ASKING: Final = re.compile(
    r"^\W*(?:(?:and|und|also|ok|okay|hi|hello|hallo|please|bitte|now|then|so|can you|could you|konntest du"
    r"|konnen sie|kannst du|would you)\b[\s,]*)*"
    r"(?:what|who|whom|whose|which|when|where|how|why|is|are|was|were|does|do|did|has|have|can|could"
    r"|describe|read|list|tell|give|count|transcribe|compare|extract|find|name|identify|show|state"
    r"|summari[sz]e|explain|ocr|look|translate|quote|return|get|locate|detect|provide|determine"
    r"|was|wer|wen|wem|wie|wieviel\w*|welche\w*|wann|wo|woher|wohin|wessen|warum|ist|sind|gibt|hat|steht"
    r"|write|convert|generate|create|caption|analy[sz]e|suggest|erstelle|generiere|konvertier\w*|analysier\w*"
    r"|beschreib\w*|lies|lese|nenne\w*|zahl\w*|sag\w*|gib|vergleich\w*|extrahier\w*|zeig\w*|finde\w*"
    r"|enthalt|erkenn\w*|transkribier\w*|ermittle|bestimme|um|auf|in|an|fur|von|bis|zu|by|on|at|to|from)\b"
)  # fmt: skip
_MANNER: Final = re.compile(
    r"^\W*(?:please )?(?:do not|don't|never|you are an?|du bist ein\w*)\b"
    r"|\b(?:answer|respond|reply|antworte\w*|only the (?:value|number|answer|text)|just the (?:value|number|answer)"
    r"|nur (?:den|die|das) (?:wert|zahl|betrag|antwort|nummer|datum)|(?:value|answer) only|nothing else|no explanation"
    r"|one word|ein(?:em)? wort|be (?:brief|concise|short|precise|accurate|specific)|halte dich kurz|kurz und knapp|if (?:it|the \w+) is(?:n't| not)"
    r"|if not (?:present|found|visible)|falls (?:nicht|es|der|die|das))\b"
)  # fmt: skip
_BARE: Final = re.compile(
    r"\b(?:only (?:with )?(?:the )?(?:exact )?(?:value|number|answer|amount|date|name|text)|just (?:with )?(?:the )?"
    r"(?:value|number|answer|amount|date|name)|nur (?:mit )?(?:de[nmr]|die|das) (?:\w+ )?(?:wert|zahl|betrag|antwort|nummer"
    r"|datum|namen?)|value only|answer only|nothing else|no explanation|one word|single word|ein(?:em|zigen)? wort"
    r"|ohne erklarung|nichts weiter)\b"
)  # fmt: skip
_LONGEST: Final = 400
"""Letters of one question that are understood: patterns take more than linear time."""


_QUARTER: Final = re.compile(
    r"\b(?:(first|1st|erste[ns]?|1\.)|(second|2nd|zweite[ns]?|2\.)|(third|3rd|dritte[ns]?|3\.)"
    r"|(fourth|4th|last|vierte[ns]?|4\.|letzte[ns]?)) (?:quarter|quartal\w*)",
    re.IGNORECASE,
)


_IN_THE_END: Final = re.compile(
    r"\s+(?:in the end|at the end of it all|am ende)(?=\W*$)", re.IGNORECASE
)


_WHOLE_DAY: Final = re.compile(r"\b(?:the )?(?:whole|entire|full) day\b", re.IGNORECASE)


def _as_printed(text: str) -> str:
    """`the third quarter` as tables have it, `Q3`; `the whole day` as signs do, `all day`."""
    text = _WHOLE_DAY.sub("all day", text)
    return _QUARTER.sub(lambda found: f"Q{found.lastindex}", text)


def asks_in(text: str, *, tongue_before: Tongue | None) -> list[Ask]:
    """The questions of a message; the whole message, if none of it looks like one."""
    text = _IN_THE_END.sub("", _as_printed(text))
    sentences = [match.group().strip() for match in _SENTENCE.finditer(text)]
    sentences = [sentence for sentence in sentences if re.search(r"\w", sentence)]
    speech = _wanted_tongue(text) or tongue.of_question(text) or tongue_before or "en"
    bare = _BARE.search(fold(text)) is not None
    asking = [sentence for sentence in sentences if _is_asking(sentence)]
    chosen = asking or [sentence for sentence in sentences if not _is_manner(sentence)]
    if not asking and len(chosen) > 1:
        chosen = [" ".join(chosen)]
    return [
        Ask(part[:_LONGEST], speech, bare=bare)
        for sentence in chosen
        for part in _parts(sentence[: 2 * _LONGEST])
    ]


def wanted_tongue(texts: Iterable[str]) -> Tongue | None:
    """The language that a system prompt asks answers to be in."""
    return next((found for found in map(_wanted_tongue, texts) if found), None)


def _wanted_tongue(text: str) -> Tongue | None:
    folded = fold(text)
    match = re.search(
        r"\b(?:answer|respond|reply|antwort\w*|speak|write|schreib\w*)\b[^.?!\n]{0,30}?"
        r"\b(?:in|auf)\s+(english|german|englisch\w*|deutsch\w*)",
        folded,
    )
    if match is None:
        return None
    return "de" if match.group(1).startswith(("german", "deutsch")) else "en"


def _is_asking(sentence: str) -> bool:
    folded = fold(sentence)
    if _is_manner(sentence) and "?" not in sentence:
        return False
    return "?" in sentence or _ASKING.match(folded) is not None


def _is_manner(sentence: str) -> bool:
    return _MANNER.search(fold(sentence)) is not None and "?" not in sentence


def _parts(sentence: str) -> Iterator[str]:
    """`What is A and what is B?` in two; `the A and the B` too, if both name fields."""
    if coordinates.are_given(fold(sentence)):
        yield sentence
        return
    pieces = re.split(
        r"(?:,|;)?\s+(?:and|und)\s+(?=(?:what|who|which|when|where|how|is|are|was|wer|wie|welche|wann|wo|ist)\b)",
        sentence,
        flags=re.IGNORECASE,
    )
    if len(pieces) > 1:
        yield from pieces
        return
    halves = re.split(r"\s+(?:and|und|as well as|sowie)\s+|,\s+", sentence)
    if len(halves) > 1 and all(names_a_field(half) for half in halves):
        yield from halves
        return
    yield sentence


def with_topic(ask: Ask, topic: str) -> Ask:
    """The same question about the thing that an earlier one named."""
    return replace(ask, text=f"{ask.text.rstrip('?! .')} {topic}?")
