# ruff: noqa: E501, PLR2004
# E501: patterns and phrases stay on one line.
# PLR2004: lengths and shares are read best where they stand.
"""One question about one picture: which kind of question it is, and who answers it.

The kinds are tried in order; a kind that has nothing to say lets the next one try. What nobody
answers is declined, and a refusal holds no value of the picture.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final, TypeAlias

from visus.local.lite.answering import (
    charts,
    coordinates,
    counts,
    crossing,
    families,
    going,
    grid,
    hours,
    literal,
    lookup,
    papers,
    presence,
    pricelist,
    quantities,
    reading,
    reasons,
    reductions,
    running_text,
    scene,
    statements,
    strangers,
    superlatives,
    tables,
    ticks,
    until,
    validity,
    versus,
    weighing,
)
from visus.local.lite.answering.ask import Ask, Target
from visus.local.lite.answering.found import Found
from visus.local.lite.answering.naming import colour_in
from visus.local.lite.answering.options import Option
from visus.local.lite.answering.page import Page, looks_like_a_label
from visus.local.lite.answering.replies import (
    Reply,
    counted,
    needs_a_model,
    no,
    not_found,
    nothing_read,
    quoted,
    sureness,
    where,
    yes,
)
from visus.local.lite.answering.saying import ends_in
from visus.local.lite.answering.values import is_date
from visus.local.lite.answering.vocabulary import display, keys_of
from visus.local.lite.answering.wanting import (
    AGE,
    is_moment,
    is_unlike,
    value_of,
    wanted_by,
)
from visus.local.lite.answering.words import (
    STOPWORDS,
    SUBJECTS,
    Token,
    fold,
    holds,
    tokens,
    words,
)

Answerer: TypeAlias = Callable[[Ask, Page], Reply | None]

_DESCRIBE: Final = (
    r"\bdescri|\bbeschreib|what(?:'s| is| do you see| can you see| does it show| is shown| is depicted| are we)\b.*\b(?:in|on|at)?\b"
    r".*(?:image|picture|photo|video|film|clip|here|this|that|it)\W*$|what do you see|what am i looking at|was (?:ist|sieht|siehst|zeigt|erkennst|kannst)"
    r".*(?:bild\w*|foto\w*|video\w*|film\w*|das|hier|sehen|erkennen|zeigt)|tell me about|what does (?:it|this|the (?:image|picture|photo|video|film|clip)) show|caption|summari"
    r"|zusammenfass|fasse|erklar|explain|was ist das|worum (?:geht|handelt)"
)  # fmt: skip
_READ: Final = (
    r"what(?:'s| does| do| did)?\b.*\bsays?\b|\bread\b|\btranscri|\bocr\b|what text|which text|what(?:'s| is) written|(?:extract|give|show|print|return|get|output|list)"
    r".*\btext\b|full text|\blies\b|\blese\b|\bvorlesen\b|\bgelesen\b|was steht|welche[rn]? text|(?:gib|nenne|zeig|schreib).*text|wortlaut|what words|text content|the text\b.*\?"
)  # fmt: skip
_UNKNOWABLE: Final = (
    r"\b(?:feel|feeling|emotion|mood|wearing|doing|thinking|beautiful|funny|weather|season|how old|why|famous|celebrity"
    r"|gefuhl|fuhlt|stimmung|tragt|anhat|macht die|macht der|wetter|jahreszeit|wie alt|warum|schon\b|lustig|beruhmt)\b"
)  # fmt: skip

_OF_A_PAPER: Final = r"\b(?:device|appliance|machine|product|item|article|gerat\w*|maschine|artikel\w*|produkt\w*)\b"
"""What a paper is about and does not show."""
_OF_THE: Final = (
    r"^\W*(?:and |und )?(?:(?:what|which)(?:'s| is| are| was| were)|(?:was|wie|welches) (?:ist|sind|war|lautet|lauten)) "
    r"(?:the|its|their|his|her|der|die|das|sein\w*|ihr\w*)\s+(?!fur\b|da\b|hier\b)"
)  # fmt: skip
_WHOLE: Final = (
    r"\b(?:objects?|things?|items?|animals?|subject|motif|creature|plant|vehicle|food|dish|image|picture|photo|scene"
    r"|objekte?|ding|gegenstand|tiere?|motiv|pflanze|fahrzeug|essen|gericht|bild\w*|foto\w*|szene)\b"
)  # fmt: skip


def answer(ask: Ask, page: Page) -> Reply:
    """The answer to one question about one picture."""
    for pattern, answerer in _KINDS:
        if ask.has(pattern):
            found = answerer(ask, page)
            if found is None or _is_of_another_kind(ask, found):
                continue
            if not _is_of_another_sum(ask, found):
                return found
    return _declined(ask, page)


def _is_of_another_kind(ask: Ask, found: Reply) -> bool:
    """Whether what was found cannot be what the question word wants."""
    if not found.found:
        return False
    wanted, value = wanted_by(ask), fold(found.value)
    has_digit = re.search(r"\d", value) is not None
    if wanted == "percent":
        return not (has_digit or re.search(r"percent|prozent", value))
    if wanted in {"when", "time"}:
        return not (has_digit or is_moment(found.value) or re.search(_SOME_TIME, value))
    if wanted == "code":
        return re.fullmatch(r"\d+[.,]\d\d", value) is not None
    return (
        wanted == "person"
        and ask.has(r"^\W*(?:who|wer)\b")
        and has_digit
        and value_of(found.value, "person") is None
    )


_SOME_TIME: Final = (
    r"\b(?:end|ende|mid|mitte|anfang|beginning|week\w*|woche\w*|month|monat\w*|year|jahr\w*|sofort|immediately|now|jetzt|heute|today|morgen|tomorrow"
    r"|agreement|arrangement|vereinbarung|absprache|always|never|nie|immer|yes|no|ja|nein|closed|geschlossen|open|hours?|stunden?|noon|midnight|holidays?|ferien|school|easter|ostern|christmas|weihnachten|once|after|nach|before|vor|lent|(?:mo|di|mi|do|fr|sa|so|mon|tue|wed|thu|fri|sat|sun)\w*)\b"
)
"""Words that tell when, without a figure."""


def _is_of_another_sum(ask: Ask, found: Reply) -> bool:
    """Whether a number or money is asked for, and a label or a measure was found."""
    wanted, value = wanted_by(ask), fold(found.value)
    has_figure = re.search(r"\d", value) is not None
    is_code = has_figure or (found.value.isupper() and " " not in found.value.strip())
    is_money = has_figure or re.search(_FREE, value) is not None
    return found.found and bool(
        (wanted == "code" and ask.has(_NUMBER) and not is_code)
        or (wanted in {"price", "amount"} and ask.target.kind == "amount" and not is_money)
        or (ask.target.key in _SUMS and looks_like_a_label(found.value))
        or (ask.has(reductions.ASKED) and wanted == "price" and re.fullmatch(_NO_MONEY, value))
    )


_NUMBER: Final = r"\b\w*(?:number|nummer)\b"
_FREE: Final = (
    r"\b(?:free|nothing|kostenlos|kostenfrei|frei|gratis|umsonst|half|halb\w*|included?|inklusive|inkl"
    r"|inbegriffen|enthalten|one|two|three|four|five|six|seven|eight|nine|ten|ein\w*|zwei|drei|yes|no|ja|nein)\b"
)
_SUMS: Final = frozenset({"amount_due", "balance", "total", "net", "vat"})
_NO_MONEY: Final = (
    r"\d[\d.,]*\s?(?:m²|m2|m³|qm|kg|g|mg|ml|cl|l|km|cm|mm|m|%|stk|stuck|h|min|std)"
)


def _declined(ask: Ask, page: Page) -> Reply:
    if page.evidence.photo and len(page.pieces) < 3:
        return needs_a_model(ask)
    if not page.pieces and not page.evidence.codes:
        return nothing_read(ask) if ask.target.key else needs_a_model(ask)
    return not_found(ask)


# --- What only some questions mean -----------------------------------------------------------


def _describe_empty(ask: Ask, page: Page) -> Reply | None:
    return None if ask.words else reading.description(ask, page)


def _size(ask: Ask, page: Page) -> Reply | None:
    about_picture = ask.has(
        r"image|picture|photo|screenshot|file|bild|foto|aufnahme|datei|pixel|resolution|auflosung|portrait|landscape|format|orientation|ausrichtung"
    )
    if presence.is_asked(ask) or not about_picture or ask.content_is_more():
        return None
    return scene.size(ask, page.evidence)


def _light(ask: Ask, page: Page) -> Reply | None:
    return scene.light(ask, page.evidence)


def _codes(ask: Ask, page: Page) -> Reply | None:
    if counts.may_be_a_value(ask) or presence.is_asked(ask):
        return None
    if ask.has(r"\bqr\b|\bqr-?code|bar ?code|strichcode|data ?matrix"):
        return scene.codes(ask, page.evidence)
    return scene.codes(ask, page.evidence) if page.evidence.codes and not page.pieces else None


def _language(ask: Ask, page: Page) -> Reply | None:
    return reading.language(ask, page)


def _count(ask: Ask, page: Page) -> Reply | None:
    if ask.has(ticks.ASKED) and page.evidence.boxes:
        return _by_boxes(ask, page)
    if ask.content:
        for answerer in (_bar_value, _cell):
            found = answerer(ask, page)
            if found is not None:
                return found
    listed = pricelist.count(ask, page)
    if listed is not None:
        return counted(ask, listed, ask.say("entries of the list", "Einträge der Liste"))
    return counts.count(ask, page)


def _quantity(ask: Ask, page: Page) -> Reply | None:
    return _as_found(ask, page, quantities.told(ask, page))


def _litres(ask: Ask, page: Page) -> Reply | None:
    return _as_found(ask, page, quantities.litres(ask, page))


def _reduced(ask: Ask, page: Page) -> Reply | None:
    return _as_found(ask, page, reductions.told(ask, page))


def _valid(ask: Ask, page: Page) -> Reply | None:
    return _as_found(ask, page, validity.told(ask, page))


def _lasting(ask: Ask, page: Page) -> Reply | None:
    return _as_found(ask, page, validity.lasting(ask, page))


def _as_found(ask: Ask, page: Page, found: Found | None) -> Reply | None:
    if found is None:
        return None
    return quoted(ask, page.evidence, found.value, (found.text, found.piece.box))


def _colour(ask: Ask, page: Page) -> Reply | None:
    if presence.is_asked(ask):
        return None
    field = _labelled(ask, page) or _colour_in_words(ask, page)
    if field is None and _is_of_text(page) and ask.has(_OF_A_PAPER):
        return not_found(ask)
    return field or scene.colours(ask, page.evidence)


def _colour_in_words(ask: Ask, page: Page) -> Reply | None:
    """`Bicycle: Diamant 247, green`: the colour that a line names with the thing."""
    wanted = [word for word in ask.content if not re.match(r"colou?r|farb", word)]
    labelled = [
        (f"{pair.label}: {pair.value}", pair.box) for pair in page.pairs if pair.how == "right"
    ]
    lines = [*((piece.text, piece.box) for piece in page.pieces), *labelled]
    for text, box in lines if wanted and len(page.pieces) >= 3 else ():
        spoken = tokens(text)
        named = [each for each in spoken if colour_in([each.text]) or each.text in _METALS]
        if not all(holds([each.text for each in spoken], word) for word in wanted):
            continue
        # Of several, the one right before the thing: `a blue collar`.
        before = [each for each in named if _is_right_before(spoken, each, wanted[-1])]
        chosen = before if len(named) > 1 else named
        if len(chosen) == 1:
            said = text[chosen[0].start : chosen[0].end]
            return quoted(ask, page.evidence, said, (text, box))
    return None


def _is_right_before(spoken: tuple[Token, ...], colour: Token, word: str) -> bool:
    place = spoken.index(colour) + 1
    return place < len(spoken) and holds([spoken[place].text], word)


def _stranger(ask: Ask, page: Page) -> Reply | None:
    """Nothing answers for a thing of which the page says nothing."""
    seen = page.evidence
    if not _is_of_text(page) or ask.has(counts.OF_THE_PICTURE) or scene.shapes_asked(ask, seen):
        return None
    return not_found(ask) if strangers.is_asked(ask, page) else None


def _is_of_text(page: Page) -> bool:
    seen = page.evidence
    return len(page.pieces) >= 3 and not seen.bars and not seen.boxes


def _labelled(ask: Ask, page: Page) -> Reply | None:
    """`Colour: anthracite` in a form or on a label."""
    if len(page.pieces) < 3 or page.evidence.bars:
        return None
    everywhere = [token.text for token in page.tokens]
    others = [word for word in ask.content[1:] if not holds(everywhere, word)]
    if any(not families.is_told_by_kind(word, everywhere) for word in others):
        return None
    named = {
        pair.value
        for pair in page.pairs
        if pair.how in {"colon", "right"} and lookup.is_about(pair.label, r"colou?r|farbe")
    }
    value = named.pop() if len(named) == 1 else None
    return Reply(f"{value}.", value) if value else None


_METALS: Final = frozenset({"silver", "silber", "silbern", "gold", "golden", "bronze"})


def _in_colour(ask: Ask, page: Page) -> Reply | None:
    """Colour or greyscale, where the question is about the picture and nothing in it."""
    return scene.in_colour(ask, page.evidence) if scene.asks_for_tones(ask) else None


def _shape(ask: Ask, page: Page) -> Reply | None:
    return scene.what_shape(ask, page.evidence) if page.evidence.shapes else None


def _place(ask: Ask, page: Page) -> Reply | None:
    """A ruled page has lines that nobody asks for."""
    is_of_text = len(page.pieces) >= 6
    return None if is_of_text else scene.place_of_shape(ask, page.evidence)


def _forbidden(ask: Ask, page: Page) -> Reply | None:
    """`May one sell new goods?` beside `No new goods!`."""
    line = presence.forbidding_line(ask, page) if ticks.may_ask_yes_or_no(ask) else None
    return (
        no(ask, ask.say(f"in the line “{line}”.", f"in der Zeile „{line}“.")) if line else None
    )


def _presence(ask: Ask, page: Page) -> Reply | None:
    return presence.whether(ask, page) if presence.is_asked(ask) else None


def _about_figures(ask: Ask, page: Page) -> Reply | None:
    """What a chart or a table is about: its title."""
    return reading.title(ask, page) if page.evidence.bars or page.tables else None


def _line(ask: Ask, page: Page) -> Reply | None:
    return reading.one_line(ask, page)


def _read(ask: Ask, page: Page) -> Reply | None:
    return reading.everything(ask, page) if not _names_something(ask) else None


def _describe(ask: Ask, page: Page) -> Reply | None:
    return reading.description(ask, page) if not _names_something(ask) else None


def _names_something(ask: Ask) -> bool:
    return bool(ask.named_things())


def _bar_value(ask: Ask, page: Page) -> Reply | None:
    return charts.value_of(ask, page.evidence) if page.evidence.bars else None


def _sum(ask: Ask, page: Page) -> Reply | None:
    if (
        page.evidence.bars
        and charts.about_bars(ask)
        and ask.has(r"\bsum\b|\btotal\b|summe|insgesamt|zusammen|altogether")
    ):
        value = charts.total(page.evidence)
    else:
        value = (
            tables.total(ask, page)
            if ask.has(
                r"\bsum\b|add up|altogether|combined|\bsumme\b|zusammen|total of|gesamt\w* (?:der|von)|insgesamt|overall"
            )
            else None
        )
    if value is None:
        return None
    said = _plain(value)
    return Reply(ask.say(f"{said} (added up).", f"{said} (zusammengezählt)."), said)


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}" if value == value.to_integral_value() else f"{value:f}"


def _cell(ask: Ask, page: Page) -> Reply | None:
    found = tables.cell(ask, page)
    if found is None or is_unlike(ask, found.value) or len(words(found.row)) > _SENTENCE:
        return None
    if ask.kind in _COUNTED and not re.search(r"\d", found.value):
        return None
    return _of_table(ask, found)


def _at_coordinates(ask: Ask, page: Page) -> Reply | None:
    found = coordinates.told(ask, page)
    return None if found is None else _of_table(ask, found)


def _crossed(ask: Ask, page: Page) -> Reply | None:
    """The cell whose row the question names, and whose column it says in words of its own."""
    found = crossing.told(ask, page)
    if found is None:
        return not_found(ask) if crossing.is_of_another_rate(ask, page) else None
    return _of_table(ask, found)


def _of_table(ask: Ask, found: tables.CellFound) -> Reply:
    named = ", ".join(
        name for name in (found.row, found.column) if name and name != found.value
    )
    sure = sureness(ask, found.confidence)
    return Reply(
        f"{found.value} ({named}; {sure})." if named else f"{found.value} ({sure}).",
        found.value,
    )


_SENTENCE: Final = 8
"""Words; a row that is called by more is no row."""
_COUNTED: Final = frozenset({"number", "percent", "measure"})
"""Kinds whose values have digits."""


def _of_grid(ask: Ask, page: Page) -> Reply | None:
    """A cell whose row is named by any of its cells."""
    found = grid.told(ask, page)
    if found is None:
        return None
    sure = sureness(ask, found.confidence)
    return Reply(f"{found.value} ({found.row}, {found.column}; {sure}).", found.value)


def _narrowed_cell(ask: Ask, page: Page) -> Reply | None:
    """A cell comes first only if the question narrows its field down to a row."""
    narrowed = ask.target.extra or (ask.target.key is None and ask.content)
    return _cell(ask, page) if narrowed else None


def _priceless_row(ask: Ask, page: Page) -> Reply | None:
    """A table that has the thing, but in its row no amount: nothing else tells its price."""
    is_priced = ask.target.kind == "amount" and ask.target.extra
    return not_found(ask) if is_priced and tables.has_row_of(ask, page) else None


def _row(ask: Ask, page: Page) -> Reply | None:
    found = tables.row_with(ask, page)
    return Reply(f"{found.value}.", found.value) if found is not None else None


def _field(ask: Ask, page: Page) -> Reply | None:
    if _begins_with_its_verb(ask) and ask.target.kind in {"text", "name"}:
        return None
    for each in ask.alternatives():
        found = lookup.look_up(page, _of_the_whole(each.target, page))
        if found is not None and _is_another(ask, page, found):
            return None
        if found is not None and not (ask.kind == "number" and _is_uncounted(found.value)):
            return _told(each, page, _with_its_year(page, _in_the_unit(each, found)))
    return None


def _literal(ask: Ask, page: Page) -> Reply | None:
    """What stands beside a label that the question says word for word."""
    found = literal.told(ask, page)
    return None if found is None else _told(ask, page, found)


def _weighed(ask: Ask, page: Page) -> Reply | None:
    """The fact that accounts best for the words of the question."""
    found = weighing.told(ask, page)
    if found is None:
        return None
    piece = found.piece
    if not found.label:
        return quoted(ask, page.evidence, found.value, (found.text, piece.box))
    return _told(
        ask, page, lookup.Finding(found.value, found.label, piece.box, piece.confidence, 1.0)
    )


def _is_another(ask: Ask, page: Page, found: lookup.Finding) -> bool:
    """Whether the value is of another thing, or of another kind, than the question says."""
    said = f"{found.label}: {found.value}"
    is_day = (
        ask.target.kind == "place"
        and len(words(found.value)) == 1
        and bool(strangers.days_in(found.value))
    )
    is_no_age = ask.has(AGE) and not re.fullmatch(_YEARS, fold(found.value.strip()))
    is_no_drug = not found.label and ask.has(_DRUG) and not re.search(_DOSE, fold(page.text))
    is_strange = ask.target.key in lookup.VAGUE and not weighing.is_accounted(ask, page, said)
    return (
        is_no_age
        or is_day
        or is_strange
        or is_unlike(ask, found.value)
        or is_no_drug
        or _is_of_other_trade(ask, found)
        or _repeats(ask, found.value)
        or (ask.has(_DELIVERED_TO) and not re.search(_DELIVERED, fold(page.text)))
        or weighing.is_of_another(ask, page, said)
        or weighing.is_of_another_place(ask, said)
    )


def _is_of_other_trade(ask: Ask, found: lookup.Finding) -> bool:
    """Whether a coach company is asked for, and the firm that was found does not say so."""
    trade = _TRADE.search(ask.folded)
    return trade is not None and not holds(
        words(f"{found.label} {found.value}"), trade["trade"]
    )


def _repeats(ask: Ask, value: str) -> bool:
    """`Urlaubsantrag` says no more than the `Antrag` of which the question asks who made it."""
    said = words(value)
    return len(said) == 1 and any(
        ends_in(said[0], word) for word in ask.target.extra if ask.kind == "name"
    )


_TRADE: Final = re.compile(
    r"\b(?:which|what) (?!(?:was|is|kind|type|sort|other)\b)(?P<trade>[a-z]{3,}) (?:company|firm|agency|service|contractor)\b"
)
_DELIVERED_TO: Final = r"\b(?:delivery|shipping) address|\bliefer(?:adresse|anschrift)"
_DELIVERED: Final = r"deliver|ship(?:ped|ping)?\b|liefer|versand"
_YEARS: Final = r"\D{0,12}\d{1,3}\b\W*(?:(?:years?|jahre?n?|months?|monate?n?|weeks?|wochen?)\b)?\W*(?:old|alt)?\W*"
_DRUG: Final = r"\b(?:medicine|medication|drug|medikament\w*|arznei\w*)\b"
_DOSE: Final = r"\d ?(?:mg|mcg|µg|ml|g)\b|tablet|capsule|kapsel|tropfen|salbe|cream|syrup|saft"


def _is_uncounted(value: str) -> bool:
    """Whether several words hold no figure, or one of money: they tell no number."""
    if re.search(r"[€$£]", value):
        return True
    return re.search(r"\d", value) is None and len(words(value)) > 1


def _of_the_whole(target: Target, page: Page) -> Target:
    """What the thing costs that the heading names, is what the whole page comes to."""
    heading = [word for piece in page.pieces[:2] for word in words(piece.text)]
    things = [word for word in (*target.extra, *target.verbs) if word not in SUBJECTS]
    if target.key != "price" or not things or not all(holds(heading, it) for it in things):
        return target
    whole = target._replace(key="total", extra=())
    return target if lookup.look_up(page, whole) is None else whole


def _with_its_year(page: Page, found: lookup.Finding) -> lookup.Finding:
    """A day whose year went to the next line, as one."""
    if not is_date(found.value) or re.search(r"\d{4}", found.value):
        return found
    longer = re.compile(rf"{re.escape(found.value)},?\s+(?:19|20)\d\d(?!\d)")
    whole = {
        match.group()
        for sentence in running_text.sentences(page)
        for match in longer.finditer(sentence.text)
    }
    return found._replace(value=whole.pop()) if len(whole) == 1 else found


def _in_the_unit(ask: Ask, found: lookup.Finding) -> lookup.Finding:
    """Of `2252 kJ / 539 kcal` the one that is asked for."""
    if ask.target.key != "energy":
        return found
    unit = (
        "kcal" if ask.has(r"calor|kalor|kcal") else "kj" if ask.has(r"joule|\bkj\b") else None
    )
    only = unit and re.search(rf"\d[\d.,]* ?{unit}\b", found.value, re.IGNORECASE)
    return found._replace(value=only.group()) if only else found


def _called(ask: Ask, page: Page) -> Reply | None:
    """`What is the library called?`: the heading that says what it is."""
    if not ask.has(
        r"wie heisst (?:der|die|das|dieses?|diese[rn]?)\b|name (?:of the|des|der)\b|\bcalled\b|(?:what|which) \w+ is (?:it|this)\b"
    ):
        return None
    things = [word for word in ask.words if word not in STOPWORDS and word not in _OF_CALLING]
    labels = {pair.label for pair in page.pairs if pair.how != "right"}
    for piece in page.pieces[:3] if things else ():
        parts = words(piece.text)
        if ":" in piece.text or piece.text.strip() in labels:
            continue
        named = all(
            holds(parts, each) or any(ends_in(p, each) for p in parts) for each in things
        )
        if named and len(parts) > len(things) - 1 and not looks_like_a_label(piece.text):
            return Reply(f"{piece.text}.", piece.text)
    return None


_OF_CALLING: Final = frozenset({"called", "name", "heisst", "named"})


def _ticked(ask: Ask, page: Page) -> Reply | None:
    """Which option of a form is chosen; never the first of several for want of a mark."""
    return _by_boxes(ask, page) if page.evidence.boxes else _by_signs(ask, page)


def _by_boxes(ask: Ask, page: Page) -> Reply | None:
    """By the boxes that were seen; a question for boxes has no other answer."""
    asked = ask.has(ticks.ASKED)
    if _wants_yes_or_no(ask):
        option = ticks.whether(ask, page)
        if option is None:
            return not_found(ask) if asked else None
        return _is_marked(ask, option)
    chosen = ticks.chosen(ask, page)
    if chosen is None or not (chosen or asked):
        return None
    if ask.has(counts.ASKED):
        return counted(ask, len(chosen), ask.say("marked boxes", "markierte Kästchen"))
    names = ", ".join(each.text for each in chosen)
    return Reply(f"{names} ({chosen[0].heading}).", names) if chosen else not_found(ask)


def _is_marked(ask: Ask, option: Option) -> Reply:
    if option.marked:
        said = f"“{option.text}” is marked.", f"„{option.text}“ ist angekreuzt."
        return yes(ask, ask.say(*said))
    said = f"“{option.text}” is not marked.", f"„{option.text}“ ist nicht angekreuzt."
    return no(ask, ask.say(*said))


def _wants_yes_or_no(ask: Ask) -> bool:
    return presence.is_asked(ask) or _begins_with_its_verb(ask) or ticks.may_ask_yes_or_no(ask)


def _by_signs(ask: Ask, page: Page) -> Reply | None:
    """By what the reader made of a marked box."""
    row = ticks.row_for(ask, page)
    if row is None:
        is_asked = ask.has(ticks.ASKED) and presence.is_asked(ask) and page.pieces
        return not_found(ask) if is_asked and not page.evidence.shapes else None
    if presence.is_asked(ask) or _begins_with_its_verb(ask):
        if not ticks.offers_yes_or_no(row):
            return None
        chosen = row.chosen
    elif ask.has(ticks.ASKED):
        chosen = row.chosen
    else:
        return None
    return not_found(ask) if chosen is None else Reply(f"{chosen} ({row.label.text}).", chosen)


def _begins_with_its_verb(ask: Ask) -> bool:
    """`Raucht die Patientin?` wants yes or no; `Gewicht der Sendung?` names a field."""
    first = ask.words[0] if len(ask.words) > 2 else ""
    return ask.tongue == "de" and first.endswith("t") and not keys_of(first) and "?" in ask.text


def _person_first(ask: Ask, page: Page) -> Reply | None:
    """Who does it, where no field of a form says so: a sentence comes before a label."""
    return _statement(ask, page) if ask.target.key is None else None


def _hours(ask: Ask, page: Page) -> Reply | None:
    value = hours.told(ask, page)
    return None if value is None else Reply(f"{value}.", value)


def _statement(ask: Ask, page: Page) -> Reply | None:
    found = statements.told(ask, page)
    return None if found is None else _quoting(ask, page, found)


def _quoting(ask: Ask, page: Page, found: statements.Told) -> Reply:
    return quoted(ask, page.evidence, found.value, (found.text, found.piece.box))


def _told(ask: Ask, page: Page, found: lookup.Finding) -> Reply:
    place = where(ask, found.box, page.evidence)
    sure = sureness(ask, found.confidence)
    beside = _beside(ask, found.label)
    named = display(ask.target.key, german=ask.tongue == "de") if ask.target.key else ""
    parts = ", ".join(
        part
        for part in (named, ask.say(f"read {place}", f"gelesen {place}") + beside, sure)
        if part
    )
    return Reply(f"{found.value} ({parts}).", found.value)


def _beside(ask: Ask, label: str) -> str:
    if not label or any(map(str.isdigit, label)) or len(label) > 40:
        return ""
    return ask.say(f" beside “{label}”", f" bei „{label}“")


def _identify(ask: Ask, page: Page) -> Reply | None:
    if page.pieces and not page.evidence.photo:
        kind = reading.kind_of_document(page)
        asked = ask.has(r"\b(?:kind|type|sort|art|typ|documents?|dokument\w*)\b")
        if kind is not None and asked and not _names_something(ask):
            said = ask.say(*kind)
            return Reply(f"{said}.", said)
    if ask.has(_UNKNOWABLE) or _asks_for_its_detail(ask, page):
        return None
    return (
        scene.thing(ask, page.evidence) if page.evidence.photo or len(page.pieces) < 3 else None
    )


def _asks_for_its_detail(ask: Ask, page: Page) -> bool:
    """`What is the licence plate?` asks for what a thing bears: its own name is no answer."""
    if not ask.has(_OF_THE) or ask.has(_WHOLE):
        return False
    seen = {word for label in page.evidence.labels for word in words(label.name_en)}
    seen |= {word for label in page.evidence.labels for word in words(label.name_de)}
    asks_for_something = bool(ask.content) or ask.target.key is not None
    return asks_for_something and not any(word in seen for word in ask.content)


_KINDS: Final[tuple[tuple[str, Answerer], ...]] = (
    (r"^\W*$", _describe_empty),
    (reading.VERBATIM, reading.everything),
    (reading.CAPTIONED, reading.description),
    (r"\bhow (?:big|large|wide|tall|high)|resolution|\b(?:width|height|dimensions?|size)\b|pixel|portrait|landscape|orientation|hochformat|querformat|auflosung|wie (?:gross|breit|hoch)|\b(?:breite|hohe|grosse|abmessung\w*|ausrichtung)\b", _size),
    (r"\bcodes?\b|\bqr|barcode|qr-?code|strichcode|data ?matrix", _codes),
    (r"(?:what|which) language|language (?:is|of|does)|welche sprache|welcher sprache|sprache (?:ist|hat|des|vom)|in was fur einer sprache", _language),
    (r"\b(?:row|zeile|reihe)\b", _at_coordinates),
    (r"", _stranger),
    (r"", versus.told),
    (r"", _crossed),
    (quantities.ASKED, _quantity),
    (quantities.LITRES, _litres),
    (counts.ASKED, _count),
    (scene.TONES, _in_colour),
    (r"\b(?:or|oder)\b", lambda ask, page: scene.either(ask, page.evidence)),
    (r"\bcolou?rs?\b|farbe?n?\b|farbig", _colour),
    (r"what (?:kind of )?(?:geometric )?(?:shapes?|figures?|form)\b|which (?:shape|form)|welche (?:geometrische )?(?:form|figur)", _shape),
    (r"^\W*(?:where|wo)\b", _place),
    (r"", superlatives.told),
    (r"\bbright|\bdark\b|blurr|\bsharp|unscharf|verschwommen|wie hell|wie dunkel|wie scharf", lambda ask, page: None if presence.is_asked(ask) or ask.content[1:] else _light(ask, page)),
    (r"", _ticked),
    (r"", _forbidden),
    (r"", _presence),
    (r"line|(?<!job )title|heading|header|zeile|uberschrift|titel|\bwords?\b|\bwort|top|bottom|oben|unten|schlagzeile", _line),
    (r"what (?:does|do|is) (?:the|this) (?:\w+ )?(?:chart|graph|diagram|table|plot) (?:show|about|called)|worum geht es (?:in|bei) (?:dem|der|diesem|dieser) (?:\w*diagramm|\w*tabelle|grafik|schaubild|chart)|was (?:zeigt|stellt) (?:das|die|der|dieses?) (?:\w*diagramm|\w*tabelle|grafik|schaubild|chart)", _about_figures),
    (_READ, _read),
    (_DESCRIBE, _describe),
    (r"", papers.account),
    (reasons.ASKED, papers.reason),
    (r"", papers.office),
    (going.ASKED, papers.goal),
    (r"", papers.of_unit_price),
    (reductions.ASKED, _reduced),
    (validity.ASKED, _valid),
    (r"", _of_grid),
    (r"", papers.called_so),
    (r"", _literal),
    (r"\d[.,]\d\d", papers.of_price),
    (r"^\W*(?:and |und )?(?:which|what|welche|was fur)", papers.of_kind),
    (r"", _sum),
    (r"", _bar_value),
    (r"", papers.card),
    (r"", papers.route),
    (r"", papers.role),
    (hours.ASKED, _hours),
    (r"", papers.of_the_day),
    (r"^\W*(?:which|what|welche)", papers.vegetarian),
    (r"", papers.priced),
    (r"", papers.measured),
    (r"", papers.headed),
    (validity.LASTING, _lasting),
    (r"", _weighed),
    (r"", _narrowed_cell),
    (r"", _priceless_row),
    (r"^\W*(?:and |und )?(?:who|wer)\b", _person_first),
    (r"", _field),
    (r"", papers.holder),
    (r"", papers.addressed),
    (r"", papers.of_number),
    (r"", papers.of_label),
    (r"", papers.of_phrase),
    (until.ASKED, papers.deadline),
    (r"", _cell),
    (r"", _statement),
    (r"", _called),
    (r"", papers.of_its_kind),
    (r"", papers.of_family),
    (r"^\W*(?:which|what|who|welche\w*|wer|was)\b", _row),
    (r"what|which|who|name|identify|recogni|was|welche|erkenn|animal|object|tier", _identify),
)  # fmt: skip
