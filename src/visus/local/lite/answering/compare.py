# ruff: noqa: E501, RUF001
# E501: patterns and phrases stay on one line.
# RUF001: typographic signs are meant.
"""Pictures side by side: what differs, what is the same."""

from typing import Final

from visus.local.lite.answering import reading, scene
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.naming import colour_name, shape_name
from visus.local.lite.answering.pictures import Seen
from visus.local.lite.answering.replies import Reply
from visus.local.lite.answering.words import words

_ASKED: Final = (
    r"\bcompar|\bdiffer|\bsame\b|\bidentical|\bin common\b|\bsimilar|\bvergleich|\bunterschied|\bunterscheid|\bgleich\w*|\bidentisch"
    r"|\bgemeinsam|\bahnlich"
)  # fmt: skip
_SAME_ASKED: Final = r"^(?:\W*(?:are|is|do|sind|ist|haben|zeigen))\b.*(?:same|identical|gleich|identisch|selbe|similar|ahnlich|differ)"
_LINES_QUOTED: Final = 6
_SIMILAR: Final = 0.12
_PAIR: Final = 2


def is_asked(ask: Ask) -> bool:
    """Whether the question wants a comparison."""
    return ask.has(_ASKED)


def is_preface(ask: Ask) -> bool:
    """Whether it only leads up to a question, as `Compare the two pictures` may."""
    return ask.has(r"^\W*(?:please |bitte )?(?:compare|vergleiche?n?(?: sie)?)\b[^?:,]{0,40}$")


def compared(ask: Ask, chosen: list[Seen]) -> Reply:
    """What is the same and what differs between the first picture and each other one."""
    first, *others = chosen
    facts = [_facts(ask, first, other) for other in others]
    same = all(is_same for some in facts for is_same, _ in some)
    verdict = _verdict(ask, same=same, count=len(chosen))
    lines = [verdict]
    for other, some in zip(others, facts, strict=True):
        if len(others) > 1:
            lines.append(_heading(ask, first, other))
        lines += [text for is_same, text in some if not is_same]
        lines += [text for is_same, text in some if is_same]
    return Reply("\n".join(lines), verdict.rstrip("."))


def _facts(ask: Ask, first: Seen, second: Seen) -> list[tuple[bool, str]]:
    described = (
        describe(ask, first, second)
        for describe in (_size, _thing, _colours, _shapes, _text, _codes)
    )
    return [fact for fact in described if fact is not None]


def _heading(ask: Ask, first: Seen, other: Seen) -> str:
    numbers = first.number, other.number
    return ask.say("Pictures {} and {}:", "Bilder {} und {}:").format(*numbers)


def _verdict(ask: Ask, *, same: bool, count: int) -> str:
    if ask.has(_SAME_ASKED):
        agree = same != ask.has(r"differ|unterschied")
        word = ask.say("Yes: ", "Ja: ") if agree else ask.say("No: ", "Nein: ")
    else:
        word = ""
    all_of_them = ask.say("two", "beiden") if count == _PAIR else str(count)
    if same:
        return word + ask.say(
            f"I see no difference between the {all_of_them} pictures.",
            f"Ich sehe keinen Unterschied zwischen den {all_of_them} Bildern.",
        )
    return word + ask.say(
        f"The {all_of_them} pictures differ.", f"Die {all_of_them} Bilder unterscheiden sich."
    )


def _size(ask: Ask, first: Seen, second: Seen) -> tuple[bool, str]:
    one, two = first.page.evidence, second.page.evidence
    sizes = [f"{each.width_px} × {each.height_px}" for each in (one, two)]
    name = ask.say("Size", "Größe")
    if sizes[0] == sizes[1]:
        return True, ask.say(
            f"{name}: both {sizes[0]} pixels.", f"{name}: beide {sizes[0]} Pixel."
        )
    return False, f"{name}: {sizes[0]} / {sizes[1]} {ask.say('pixels', 'Pixel')}."


def _thing(ask: Ask, first: Seen, second: Seen) -> tuple[bool, str] | None:
    named = [scene.thing(ask, seen.page.evidence) for seen in (first, second)]
    if not any(named) or not any(seen.page.evidence.photo for seen in (first, second)):
        return None
    said = [
        each.text.rstrip(".") if each else ask.say("cannot tell", "nicht erkennbar")
        for each in named
    ]
    values = [each.value if each else "" for each in named]
    return values[0] == values[1], ask.say("Shown: ", "Zu sehen: ") + " / ".join(said) + "."


def _colours(ask: Ask, first: Seen, second: Seen) -> tuple[bool, str] | None:
    shares = [
        {each.name: each.share for each in seen.page.evidence.colours}
        for seen in (first, second)
    ]
    if not all(shares):
        return None
    said = [
        ", ".join(colour_name(each.name, ask) for each in seen.page.evidence.colours[:3])
        for seen in (first, second)
    ]
    name = ask.say("Main colours", "Hauptfarben")
    apart = max(
        abs(shares[0].get(each, 0.0) - shares[1].get(each, 0.0))
        for each in {*shares[0], *shares[1]}
    )
    if apart < _SIMILAR:
        return True, ask.say(
            f"{name}: about the same ({said[0]}).", f"{name}: etwa gleich ({said[0]})."
        )
    return False, f"{name}: {said[0]} / {said[1]}."


def _shapes(ask: Ask, first: Seen, second: Seen) -> tuple[bool, str] | None:
    listed = [
        sorted((each.colour, each.kind) for each in seen.page.evidence.shapes)
        for seen in (first, second)
    ]
    if not any(listed):
        return None
    said = [
        ", ".join(
            f"{colour_name(colour, ask)} {shape_name(kind, ask)}" for colour, kind in each
        )
        or ask.say("none", "keine")
        for each in listed
    ]
    name = ask.say("Shapes", "Formen")
    return listed[0] == listed[1], f"{name}: {said[0]} / {said[1]}."


def _text(ask: Ask, first: Seen, second: Seen) -> tuple[bool, str] | None:
    texts = [reading.worth_telling(seen.page) for seen in (first, second)]
    if not any(texts):
        return None
    if words("\n".join(texts[0])) == words("\n".join(texts[1])):
        return True, ask.say("Text: the same.", "Text: gleich.")
    known = [{" ".join(words(line)) for line in each} for each in texts]
    only = [
        [line for line in texts[which] if " ".join(words(line)) not in known[1 - which]]
        for which in (0, 1)
    ]
    parts = [
        ask.say(f"only in picture {seen.number}: ", f"nur in Bild {seen.number}: ")
        + "; ".join(f"“{line}”" for line in lines[:_LINES_QUOTED])
        for seen, lines in zip((first, second), only, strict=True)
        if lines
    ]
    return False, ask.say("Text, ", "Text, ") + "; ".join(parts) + "."


def _codes(ask: Ask, first: Seen, second: Seen) -> tuple[bool, str] | None:
    read = [sorted(code.text for code in seen.page.evidence.codes) for seen in (first, second)]
    if not any(read):
        return None
    said = [", ".join(each) or ask.say("none", "keine") for each in read]
    return read[0] == read[1], f"Codes: {said[0]} / {said[1]}."
