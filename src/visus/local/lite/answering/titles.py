# ruff: noqa: E501
# E501: patterns stay on one line.
"""What a page is about, or whose it is: the dish of a recipe, the job of an advert, the firm.

No label says so; the largest of the first lines does. A question for it must name the kind of
thing, and the page must be of the kind that such things head.
"""

import re
from typing import Final, NamedTuple

from visus.local.lite.answering import lookup
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.found import Found, in_piece
from visus.local.lite.answering.page import Page, Piece
from visus.local.lite.answering.values import find
from visus.local.lite.answering.words import STOPWORDS, fold, words

_WHICH: Final = r"^\W*(?:and |und )?(?:(?:for|at|in|from|bei|in|von|fur|um) )?(?:what|which|welche[nrsm]?|was fur (?:ein(?:e[nrsm]?)?)?)\s+(?:kind of |type of )?"
_NAME: Final = r"\b(?:name (?:of|des|der|vom|von)|called|heisst|heissen)\b.*"


class _Kind(NamedTuple):
    """Questions for what heads a page, and the words by which such a page is known."""

    asked: str
    cues: str
    headed: str
    """What the line must hold; empty for anything."""


_HEADS: Final = (
    _Kind(
        rf"{_WHICH}(?:job|position|post|vacancy|role|stelle|beruf|tatigkeit)\b(?!.*\b(?:have|has|hold|hat|bekleidet)\b)|\bwer wird gesucht|\b(?:job|position|stelle) is (?:advertised|offered)",
        r"\bapply\b|\bcv\b|bewerb|\bsalary|gehalt|vergutung|\(m/w|we are looking|we are hiring|wir suchen|\bsucht\b|wir bieten",
        "",
    ),
    _Kind(
        rf"\b(?:what|was) (?:is|wird|ist) (?:being |hier )?(?:baked|cooked|made|prepared|gebacken|gekocht|zubereitet)\b|{_WHICH}(?:dish|recipe|cake|gericht|rezept|kuchen)\b(?: is (?:it|this)| does|\W*$| ist das| wird|.*\brecipe)",
        r"ingredients|zutaten|\bserves\b|portionen|\bmethod\b|zubereitung|you need|\boven\b|backen",
        "",
    ),
    _Kind(
        rf"{_WHICH}(?:drug|medicine|medication|medikament|arznei\w*|mittel|praparat)\b|{_NAME}(?:medicine|drug|medikament\w*)",
        r"\d ?(?:mg|mcg|µg|ml)\b|tablet|capsule|kapsel|tropfen",
        r"\d ?(?:mg|mcg|µg|ml|%)",
    ),
)
_FIRMS: Final = r"compan(?:y|ies)|insurer|versicherer|versicherung|firm|business|shop|store|supplier|employer|bank|pharmacy|chemist|restaurant|cafe|pub|hotel|guest ?house|laborator(?:y|ies)|lab|clinic|surgery|library|museum|school|bakery|brewery|farm|garage|workshop|agency|organi[sz]ation|authority|firma|betrieb|unternehmen|arbeitgeber\w*|laden|geschaft|apotheke|lokal|gasthaus|gasthof|gaststatte|labor|praxis|klinik|bibliothek|verein|backerei|brauerei|werkstatt|behorde|amt|bank|kreditinstitut"
_WHOSE: Final = (
    rf"{_WHICH}(?:{_FIRMS})\b|{_NAME}\b(?:{_FIRMS})\b|\b(?:{_FIRMS})\b.*\bcalled\b|^\W*(?:who|wer) (?:is|ist|war) (?:the|der|die|das) (?:{_FIRMS})\b"
    rf"|^\W*(?:who|wer) (?:supplies|employs|produces|makes|stellt .* her|liefert)\b|^\W*(?:who|wer) .*\b(?:hergestellt|produziert)"
)
_LEGAL: Final = re.compile(
    r"\b(?:GmbH|AG|KG|OHG|UG|e\. ?K\.|e\. ?V\.|e\.G\.|Ltd|Limited|Inc|LLC|PLC|plc|Corp)\b|& (?:Co|Sons|Söhne|Sohn)\b"
)
_FIRM_LIKE: Final = r"sparkasse|volksbank|\bbank\b|building society|credit union|apotheke|pharmacy|chemist|backerei|bakery|gartnerei|manufaktur|stadtwerke|werke?\b|\benergy\b|\brail(?:way)?s?\b|\blabor\b|klinik|clinic|praxis|gasthaus|gasthof|restaurant|cafe\b|\bhotel\b|library|museum|brauerei|brewery|weingut|winery|\bfarm\b|\bhof\b|verlag|institut|verein|club|society|services?\b|supply|depot|workshop|garage|druckerei|metzgerei|autohaus|reisebüro|agentur|\bsons\b|council|ordnungsamt|handel\b|markt\b|\bshop\b|stores?\b"
_KINDS_OF_FIRMS: Final = (
    (r"\b(?:bank|kreditinstitut)\b", r"bank|sparkasse|building society|credit union|kasse\b"),
    (r"\b(?:pharmacy|chemist|apotheke)\b", r"apotheke|pharmacy|chemist"),
    (r"\b(?:lab|laborator\w+|labor)\b", r"\blabor|laborator|testing|analys|diagnost"),
    (r"\b(?:school|schule)\b", r"school|schule|college|gymnasium|academy"),
    (r"\b(?:insurer|versicher\w+)\b", r"insurance|assurance|mutual|versicherung"),
    (r"\bhotel\b", r"hotel|\binn\b|lodge|pension"),
)
"""Firms of which a line must say what they are."""
_NO_FIRM: Final = r"invoice|rechnung|receipt|quittung|beleg|statement|auszug|abrechnung|ticket|menu|speisekarte|lieferschein|packing slip|delivery note|timetable|fahrplan|certificate|urkunde|warranty|garantie|form\b|formular|nutrition|pass\b"
_TOP: Final = 5
_FEW: Final = 3
_LONGEST: Final = 60


def told(ask: Ask, page: Page) -> Found | None:
    """The line that says what or whose the page is; None where it is not asked or not clear."""
    if len(page.pieces) < _FEW:
        return None
    folded = fold(page.text)
    for kind in _HEADS:
        if ask.has(kind.asked):
            return _heading(page, kind) if re.search(kind.cues, folded) else None
    return _firm(ask, page) if ask.has(_WHOSE) else None


def _heading(page: Page, kind: _Kind) -> Found | None:
    advertised = next(
        (piece for piece in page.pieces[:_TOP] if re.search(r"\(m\W?/?w", piece.text)), None
    )
    if advertised is not None and not kind.headed:
        return in_piece(advertised.text.strip(), advertised)
    lines = [
        piece
        for piece in page.pieces[:_TOP]
        if len(page.row_of(piece)) == 1
        and re.search(kind.headed, piece.text)
        and not _is_firm(piece)
        and not piece.text.rstrip().endswith(("!", "?"))
        and sum(word in STOPWORDS for word in words(piece.text)) < _FEW
        and not re.search(_NO_FIRM, fold(piece.text))
        and not any(find("phone", piece.text))
    ]
    if not lines:
        return None
    best = max(lines, key=lambda piece: (round(piece.height / 4), -piece.place))
    return in_piece(best.text.strip(), best) if len(best.text) <= _LONGEST else None


def _is_firm(piece: Piece) -> bool:
    return bool(_LEGAL.search(piece.text) or re.search(_FIRM_LIKE, fold(piece.text)))


def _firm(ask: Ask, page: Page) -> Found | None:
    """A line at the top that is a firm by its look, else the vendor that a letter has."""
    if _is_labelled(ask, page):
        return None
    wanted = next((look for asked, look in _KINDS_OF_FIRMS if ask.has(asked)), "")
    top = [piece for piece in page.pieces if piece.place < _TOP or _LEGAL.search(piece.text)]
    for piece in top:
        name = re.sub(r"\s+(?:sucht|seeks|presents|präsentiert)\b.*", "", piece.text.strip())
        is_one = re.search(wanted, fold(name)) if wanted else _is_firm(piece)
        is_line = len(name) <= _LONGEST and not re.search(r"[:@]|\d{4}", name)
        if is_one and is_line and not re.search(_NO_FIRM, fold(name)):
            return in_piece(name, piece)
    is_named = ask.has(_NAME) or ask.has(r"\bcalled\b")
    first = page.pieces[0]
    is_title = is_named and not wanted and not page.is_prose and len(first.text) <= _LONGEST
    if is_title and len(page.row_of(first)) == 1 and not re.search(_NO_FIRM, fold(first.text)):
        return in_piece(first.text.strip(), first)
    return None


def _is_labelled(ask: Ask, page: Page) -> bool:
    """Whether a label of the page says it, so that no heading need be believed."""
    key = ask.target.key
    return key is not None and any(
        lookup.label_quality(pair.label, key) == 1.0 and pair.how in {"colon", "right"}
        for pair in page.pairs
    )
