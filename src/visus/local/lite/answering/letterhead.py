# ruff: noqa: E501, PLR2004, RUF001
# E501: patterns and phrases stay on one line.
# PLR2004: lengths and shares are read best where they stand.
# RUF001: typographic signs are meant.
"""Where letters, invoices and receipts keep what they do not label.

Address blocks end in a line with a postcode; the first is the sender's if there are two. The
sender's name also stands at the top and under the closing words, the subject above the greeting.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from visus.local.lite.answering.page import Page, Piece, looks_like_a_label, split_at_colons
from visus.local.lite.answering.values import find, is_a
from visus.local.lite.answering.wordings import Owner
from visus.local.lite.answering.words import STOPWORDS, fold, words

_POSTCODE_LINE: Final = re.compile(
    r"^(?:[A-Z]{1,3}[- ])?\d{4,5}\s+[A-ZÄÖÜ][\w.äöüß-]+|[A-ZÄÖÜ]\w+,?\s+[A-Z]{2}\s+\d{5}\b"
    r"|\b[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2}$"
)
_SALUTATION: Final = re.compile(
    r"^(?:dear|sehr geehrte[rs]?|liebe[rs]?|hallo|hello|hi|guten tag)\b", re.IGNORECASE
)
_CLOSING: Final = re.compile(
    r"^(?:(?:yours|best|kind|warm|with)\b.*|(?:sincerely|regards|cheers|faithfully|gruss|grusse)\b.*"
    r"|(?:mit|viele|beste|herzliche|liebe|freundliche)\w*\s.*(?:gruss|gruessen|grussen|grusse)\w*.*|hochachtungsvoll.*)$"
)
_TITLE: Final = re.compile(
    r"^(?:tax |pro ?forma |your |ihre |sales |commercial )?(?:invoice|receipt|bill|rechnung|quittung|kassenbon|kassenbeleg"
    r"|beleg|letter|form|formular|order|delivery note|lieferschein|statement|quote|angebot|gutschrift|credit note|mahnung"
    r"|auftragsbestatigung|order confirmation|bon|application form|antrag|anmeldung|registration form|kundenbeleg)\b[^,]{0,18}$"
)
_STREET: Final = re.compile(r"(?:^\d+\w?\s+[A-Z]|\s\d+\s?[a-z]?$)")
_COMPANY: Final = re.compile(
    r"(?<!\w)(?:GmbH|mbH|AG|KG|OHG|UG|GbR|e\.\s?V\.|e\.\s?K\.|SE|eG|Ltd\.?|Limited|Inc\.?|LLC|LLP|PLC|plc|Corp\.?|& (?:Co|Sons?|Söhne|Partner))(?!\w)"
)
_INSTITUTION: Final = re.compile(
    r"university|universitat|college|school|bank|society|museum|association|club|centre|center|hospital|clinic|library|hotel|inn"
    r"|restaurant|cafe|bistro|bakery|studio|gallery|garage|salon|agency|consulting|consultants|solutions|services?|systems|group|partners"
    r"|company|industries|logistics|brewery|winery|practice|kanzlei|praxis|verein|verlag|agentur|institut|stiftung|gasthof|weingut|klinik"
    r"|\w*(?:werke?|technik|handel|schule|apotheke|backerei|brauerei|werkstatt|bibliothek|zentrum|gruppe|haus|hof|bau)"
)
_NAMED: Final = re.compile(
    r"^(?:(?:Dr|Prof|Mr|Mrs|Ms|Dipl)\.?(?:[ -]\w{1,4}\.)*\s+)*(?:[A-ZÄÖÜ][a-zäöüß'’-]+(?:-[A-ZÄÖÜ][a-zäöüß]+)?\s+)(?:[A-Z]\.\s+)?(?:(?:von|van|de|zu)\s+)?[A-ZÄÖÜ][\wäöüß'’-]+$"
)
_PAID_WITH: Final = re.compile(
    r"^\W*(?:(?:paid|bezahlt|zahlung|payment|gegeben|tendered)\s*(?:by|with|per|mit)?:?\s*)?(?P<means>visa|master ?card|maestro|girocard|ec-?karte|ec-?cash|american express|amex|pay ?pal|apple pay|google pay|cash|bar|contactless|debit card|credit card|debit|kreditkarte|kartenzahlung|lastschrift|direct debit|uberweisung|vpay|v pay)\b",
)
_HONORIFIC: Final = re.compile(r"^(?:Firma|Herrn?|Frau|An|To|Mr\.?|Mrs\.?|Ms\.?)\s*:?$")


def parts(page: Page, key: str, *, owner: Owner | None = None) -> Iterator[Piece]:
    """What the page holds for a field without naming it, likeliest first; often nothing."""
    if key in _ADDRESS_PARTS:
        yield from _of_address(page, key, owner)
        return
    finder = _FINDERS.get(key)
    if finder is not None:
        yield from finder(page)


def _address_blocks(page: Page) -> list[list[Piece]]:
    blocks: list[list[Piece]] = []
    for piece in page.pieces:
        if (
            _POSTCODE_LINE.search(piece.text)
            and not split_at_colons(piece.text)
            and not _is_labelled(page, piece)
        ):
            block = _upwards(page, piece)
            if len(block) >= 2:
                blocks.append(block)
    return sorted(blocks, key=lambda block: block[0].box.top)


def _upwards(page: Page, last: Piece) -> list[Piece]:
    block = [last]
    for piece in sorted(page.pieces, key=lambda each: -each.box.top):
        first = block[0]
        gap = first.box.top - piece.box.bottom
        aligned = abs(piece.box.left - first.box.left) < 1.5 * first.height
        right = abs(piece.box.right - first.box.right) < first.height
        near = -0.5 * first.height <= gap <= 0.8 * first.height
        if piece.middle < first.middle - 0.4 * first.height and near and (aligned or right):
            block.insert(0, piece)
        if len(block) == 5:
            break
    return _without_heading(block)


def _without_heading(block: list[Piece]) -> list[Piece]:
    kept = [
        piece
        for piece in block
        if not _HONORIFIC.match(piece.text.strip())
        and not looks_like_a_label(piece.text)
        and not _TITLE.match(fold(piece.text))
    ]
    if len(kept) > 2 and _is_return_line(kept[0].text):
        kept = kept[1:]
    return kept


def _is_return_line(text: str) -> bool:
    return re.search(r"[·•|,–-].*\d{4,5}\s+\w", text) is not None


def _recipient(page: Page) -> Iterator[Piece]:
    blocks = _address_blocks(page)
    return_line = any(_is_return_line(piece.text) for piece in page.pieces[:6])
    if len(blocks) > 1:
        yield blocks[1][0]
    elif blocks and (return_line or _has_header_above(page, blocks[0])):
        yield blocks[0][0]
    for piece in page.pieces:
        name = _SALUTATION.sub("", piece.text.strip()).partition(",")[0].strip(" ,!:;")
        generic = re.search(r"damen|herren|sir|madam|team|all\b|whom", fold(name))
        if _SALUTATION.match(piece.text.strip()) and name and not generic:
            yield piece._replace(text=name)


_ADDRESS_PARTS: Final = frozenset({"address", "street", "postcode", "city"})


def _of_address(page: Page, key: str, owner: Owner | None) -> Iterator[Piece]:
    """A part of the sender's or the recipient's address; of the only one, if nobody is named."""
    block = _block_of(page, owner)
    if not block:
        return
    last = block[-1]
    match _PLACE.search(last.text):
        case None:
            return
        case match:
            parts = {
                "postcode": match.group("code") or match.group("late"),
                "city": match.group("city") or match.group("town"),
                "street": block[-2].text if len(block) > 1 else None,
                "address": ", ".join(piece.text for piece in block[1:] or block),
            }
    text = parts[key]
    if text:
        yield last._replace(text=text.strip(" ,"))


def _block_of(page: Page, owner: Owner | None) -> list[Piece]:
    blocks = _address_blocks(page)
    returns = [
        _from_return_line(piece) for piece in page.pieces[:8] if _is_return_line(piece.text)
    ]
    if owner == "sender" and returns:
        return returns[0]
    if len(blocks) > 1 and owner is not None:
        return blocks[0 if owner == "sender" else 1]
    if len(blocks) == 1:
        alone = (
            owner == "sender" or owner is None or returns or _has_header_above(page, blocks[0])
        )
        return blocks[0] if alone else []
    return _lone_line(page) if not blocks and owner != "recipient" else []


def _from_return_line(piece: Piece) -> list[Piece]:
    return [
        piece._replace(text=part) for part in re.split(r"\s*[·•|,]\s*|\s+[–-]\s+", piece.text)
    ]


def _lone_line(page: Page) -> list[Piece]:
    """A receipt's `Main St. 12, 50667 Town` on a single line."""
    found = [
        _from_return_line(piece) for piece in page.pieces[:8] if _is_return_line(piece.text)
    ]
    return found[0] if found else []


_PLACE: Final = re.compile(
    r"(?:(?:[A-Z]{1,3}[- ])?(?P<code>\d{4,5})\s+(?P<city>[A-ZÄÖÜ][^,\d]*))"
    r"|(?P<town>[A-ZÄÖÜ][^\d,]*?),?\s+(?P<late>[A-Z]{2}\s+\d{5}|[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2})"
)


def _has_header_above(page: Page, block: list[Piece]) -> bool:
    return any(
        piece.box.bottom < block[0].box.top - block[0].height for piece in page.pieces[:3]
    )


def _sender(page: Page) -> Iterator[Piece]:
    for piece in page.pieces[:8]:
        first = re.split(r"\s*[·•|,]\s*|\s+[–-]\s+", piece.text)[0]
        named = not _STREET.search(first)
        if named and _is_return_line(piece.text) and not split_at_colons(piece.text):
            yield piece._replace(text=first)
            return
    blocks = _address_blocks(page)
    if len(blocks) > 1:
        yield blocks[0][0]
        return
    signed = next(_signatory(page), None)
    if signed is not None and not (blocks and _has_header_above(page, blocks[0])):
        yield signed
        return
    yield from _vendor(page)


def _author(page: Page) -> Iterator[Piece]:
    found = (next(told(page), None) for told in (_from_whom, _signatory, _sender))
    yield next((piece for piece in found if piece is not None), page.pieces[0])


def _from_whom(page: Page) -> Iterator[Piece]:
    """`From: Ada Byron` in a memo."""
    pieces = {piece.box: piece for piece in page.pieces}
    for pair in page.pairs:
        if fold(pair.label.strip(" :")) in {"from", "von"} and pair.box in pieces:
            yield pieces[pair.box]._replace(text=pair.value)


def _deadline(page: Page) -> Iterator[Piece]:
    """`Please reply by 3 May`, `spätestens am 3. Mai`: a date after such a word."""
    for piece in page.pieces:
        for found in find("date", piece.text):
            if _UNTIL.search(fold(piece.text[: found.start])):
                yield piece._replace(text=found.text)
                return


def _lone_amount(page: Page) -> Iterator[Piece]:
    """A label's price: the only amount of a small page that stands alone and without a name."""
    alone = [
        piece
        for piece in page.pieces
        if is_a("amount", piece.text) and not _is_labelled(page, piece)
    ]
    if len(alone) == 1 and len(page.pieces) <= _SMALL_PAGE:
        yield alone[0]


def _lone_weight(page: Page) -> Iterator[Piece]:
    """A label's weight: the only one on a small page, alone on its line and without a name."""
    alone = [
        piece
        for piece in page.pieces
        if _WEIGHT.fullmatch(piece.text.strip()) and not _is_labelled(page, piece)
    ]
    if len(alone) == 1 and len(page.pieces) <= _SMALL_PAGE:
        yield alone[0]


def _only_amount(page: Page) -> Iterator[Piece]:
    """The only amount that a letter names."""
    named = [
        piece._replace(text=found.text)
        for piece in page.pieces
        for found in find("amount", piece.text)
    ]
    if len(named) == 1 and any(_is_prose(piece.text) for piece in page.pieces):
        yield named[0]
    yield from _lone_amount(page)


def _signatory(page: Page) -> Iterator[Piece]:
    ordered = list(page.pieces)
    for place, piece in enumerate(ordered):
        if not _CLOSING.match(fold(piece.text.strip(" ,.!"))):
            continue
        for after in ordered[place + 1 : place + 4]:
            text = after.text.strip()
            if re.search(r"[A-ZÄÖÜ]\w+", text) and not any(map(str.isdigit, text)):
                yield after
                return


def _person(page: Page) -> Iterator[Piece]:
    """Whom a card or a badge is about: the tallest line that is a person's name."""
    named = [
        piece
        for piece in page.pieces
        if _NAMED.match(piece.text.strip())
        and not _is_institution(piece.text)
        and not _STREET.search(piece.text)
        and not _TITLE.match(fold(piece.text))
    ]
    if named and len(page.pieces) <= _CARD:
        yield max(named, key=lambda piece: piece.height)


def _is_institution(text: str) -> bool:
    """Whether a name says that a firm, a school, an inn or the like bears it."""
    return _COMPANY.search(text) is not None or any(map(_INSTITUTION.fullmatch, words(text)))


def _firm_of_card(page: Page) -> Iterator[Piece]:
    """Of a business card's lines, the one that is neither person, post nor way to reach them."""
    person = next(_person(page), None)
    if person is None:
        return
    title = next(_title_of_person(page), None)
    left = [
        piece
        for piece in page.pieces
        if piece not in {person, title}
        and _may_be_a_name(piece.text)
        and not any(map(str.isdigit, piece.text))
        and not any(any(find(kind, piece.text)) for kind in ("email", "url", "phone"))
    ]
    named = [piece for piece in left if _is_institution(piece.text)]
    if named or len(left) == 1:
        yield (named or left)[0]


def _title_of_person(page: Page) -> Iterator[Piece]:
    """What stands right under the name on a card."""
    for person in _person(page):
        below = page.below(person, lines=1)
        if below and _may_be_a_name(below[0].text) and not _COMPANY.search(below[0].text):
            yield below[0]


def _payment_method(page: Page) -> Iterator[Piece]:
    """A line that begins with a means of payment, an amount beside it."""
    for piece in page.pieces:
        match = _PAID_WITH.match(fold(piece.text))
        row = " ".join(each.text for each in page.row_of(piece))
        if match and (any(find("amount", row)) or len(words(piece.text)) <= _SHORT):
            start = match.start("means")
            yield piece._replace(text=piece.text[start : match.end("means")])


def _tallest(page: Page) -> Iterator[Piece]:
    """Who a ticket or a poster is for: its tallest line, if that leads the page."""
    named = [piece for piece in page.pieces if _may_be_a_name(piece.text)]
    tallest = max(named, key=lambda piece: piece.height, default=None)
    if tallest is not None and tallest.box.top < 0.35 * page.evidence.height_px:
        yield tallest


def _recipient_city(page: Page) -> Iterator[Piece]:
    for pair in page.pairs:
        if pair.how in {"below", "right"} and _TO.fullmatch(fold(pair.label.strip(" :"))):
            for piece in pair.below:
                match = _PLACE.search(piece.text)
                name = match and (match.group("city") or match.group("town"))
                if name:
                    yield piece._replace(text=name.strip(" ,"))
                    return
    yield from _of_address(page, "city", "recipient")


def _vendor(page: Page) -> Iterator[Piece]:
    firms = [
        piece
        for piece in page.pieces
        if _COMPANY.search(piece.text)
        and not split_at_colons(piece.text)
        and len(piece.text) <= _NAME_LENGTH
    ]
    if firms and (
        len(page.pieces) <= _CARD or firms[0].box.top < 0.2 * page.evidence.height_px
    ):
        yield firms[0]
        return
    if len(page.pieces) <= _CARD and next(_person(page), None) is not None:
        yield from _firm_of_card(page)
        return
    top = [piece for piece in page.pieces[:4] if _may_be_a_name(piece.text)]
    if top and top[0].box.top < 0.35 * page.evidence.height_px:
        first, *others = top[:2]
        yield next((other for other in others if other.height > 1.3 * first.height), first)


def _may_be_a_name(text: str) -> bool:
    stripped = text.strip()
    return (
        sum(map(str.isalpha, stripped)) >= 3
        and not _TITLE.match(fold(stripped))
        and not split_at_colons(stripped)
        and not looks_like_a_label(stripped)
        and not _POSTCODE_LINE.search(stripped)
        and not _SALUTATION.match(stripped)
        and not any(find("amount", stripped))
        and not any(find("date", stripped))
    )


def _subject(page: Page) -> Iterator[Piece]:
    ordered = list(page.pieces)
    for place, piece in enumerate(ordered):
        if place and (_SALUTATION.match(piece.text.strip()) or _is_prose(piece.text)):
            before = ordered[place - 1]
            if not any(find("date", before.text)) and not _POSTCODE_LINE.search(before.text):
                yield before
            elif _SALUTATION.match(piece.text.strip()):
                yield from _heading_after(ordered[place + 1 : place + 2])
            return


def _heading_after(following: list[Piece]) -> Iterator[Piece]:
    """A subject that stands between the greeting and the text, as a line of its own."""
    for piece in following:
        if not _is_prose(piece.text) and not piece.text.rstrip().endswith((".", ",")):
            yield piece


def _is_prose(text: str) -> bool:
    spoken = words(text)
    return len(spoken) >= _LINE_OF_PROSE and sum(word in STOPWORDS for word in spoken) > 1


def _date(page: Page) -> Iterator[Piece]:
    """A date that nothing labels: alone on its line, or after a place name."""
    for piece in page.pieces:
        for found in find("date", piece.text):
            before = piece.text[: found.start].strip()
            after = piece.text[found.end :].strip()
            lone = re.fullmatch(
                r"(?:[A-ZÄÖÜ][\w .äöüß-]{1,30},?(?:\s(?:den|the|on))?)?", before
            )
            if (
                lone
                and not looks_like_a_label(before)
                and not _is_labelled(page, piece)
                and (not after or any(find("time", after)))
            ):
                yield piece._replace(text=found.text)
                return


def _is_labelled(page: Page, piece: Piece) -> bool:
    """Whether the page names this value: to its left, or right above it."""
    beside = [other for other in page.row_of(piece) if other.box.right <= piece.box.left + 1]
    if beside and (looks_like_a_label(beside[-1].text) or beside[-1].text.endswith(":")):
        return True
    return any(
        looks_like_a_label(other.text)
        and not page.right_of(other)
        and piece in page.below(other, lines=1)
        for other in page.pieces
        if other.box.bottom <= piece.middle
    )


def _time(page: Page) -> Iterator[Piece]:
    for piece in page.pieces:
        for found in find("time", piece.text):
            left = piece.text[: found.start].strip()
            beside = any(any(find("date", each.text)) for each in page.row_of(piece))
            if re.search(r"[:.]", found.text) and (beside or not left):
                yield piece._replace(text=found.text)
                return


def _product(page: Page) -> Iterator[Piece]:
    named = [piece for piece in page.pieces if _may_be_a_name(piece.text)]
    if named and len(page.pieces) <= 30:
        yield max(named, key=lambda piece: piece.height)


_UNTIL: Final = re.compile(
    r"(?:\bby|\buntil|\bbefore|\bno later than|\blatest|\bbis|\bbis zum|\bspatestens|\bspatestens (?:am|bis|zum|bis zum))"
    r"\s+(?:the\s+|\w+day,?\s+|\w+tag,?\s+(?:den\s+)?)?$"
)  # fmt: skip
_WEIGHT: Final = re.compile(r"\d[\d.,]*\s?(?:k?g|mg|lbs?|oz)", re.IGNORECASE)
_LINE_OF_PROSE: Final = 6
_SHORT: Final = 4
_CARD: Final = 12
_NAME_LENGTH: Final = 48
_TO: Final = re.compile(
    r"to|ship to|deliver to|recipient|an|empfanger(?:in)?|lieferadresse|lieferanschrift"
)
_SMALL_PAGE: Final = 20
_FINDERS: Final[dict[str, Callable[[Page], Iterator[Piece]]]] = {
    "recipient": _recipient,
    "sender": _sender,
    "vendor": _vendor,
    "signatory": _signatory,
    "author": _author,
    "deadline": _deadline,
    "price": _only_amount,
    "weight": _lone_weight,
    "net_weight": _lone_weight,
    "due_date": _deadline,
    "total": _only_amount,
    "subject": _subject,
    "date": _date,
    "purchase_date": _date,
    "invoice_date": _date,
    "time": _time,
    "product": _product,
    "name": _person,
    "occupation": _title_of_person,
    "payment_method": _payment_method,
    "performer": _tallest,
    "carrier": _tallest,
    "recipient_city": _recipient_city,
}
