"""Regular expressions read into what they are made of, in ECMAScript's or Python's spelling.

Characters are sets of bits, coarse outside ASCII. Nothing is matched here, and reading takes
time in proportion to the pattern.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

DEEPEST: Final = 40
"""Groups inside groups."""

_ASCII: Final = 128
_BUCKETS: Final = 64
"""Characters outside ASCII share these: overlap may be seen where there is none."""
_ALL: Final = (1 << (_ASCII + _BUCKETS)) - 1

Characters: TypeAlias = int
"""A set of characters: a bit for each of ASCII, then the buckets."""


class PatternRefused(Exception):
    """The text says what is wrong with the pattern."""


@dataclass(frozen=True, slots=True)
class One:
    """One character out of a set."""

    characters: Characters


@dataclass(frozen=True, slots=True)
class Row:
    """One after the other; an empty row matches nothing at all."""

    parts: "Sequence[Expression]"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several."""

    options: "Sequence[Expression]"


@dataclass(frozen=True, slots=True)
class Repeat:
    """The same again; `most` None stands for no bound."""

    what: "Expression"
    least: int
    most: int | None


Expression: TypeAlias = One | Row | Choice | Repeat


def expressions(pattern: str) -> Iterator[Expression]:
    """What the pattern is made of, and by itself what each of its look-arounds is.

    Raises:
        PatternRefused: it is no regular expression, or of a kind that is not known.
    """
    yield from _Reader(pattern).expressions()


_NOTHING: Final = Row(())
_ANYTHING: Final = Repeat(One(_ALL), 0, None)
_FOLDING: Final = re.compile(r"\(\?[a-z]*i")
_COUNT: Final = re.compile(r"\{(\d{1,9})(,(\d{0,9}))?\}")
_GROUP: Final = re.compile(
    r"\?(?:(?P<look><?[=!])|:|P?<[A-Za-z_]\w*>|[aimsux-]{1,8}(?P<end>[:)]))"
)
_HEX: Final = re.compile(
    r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\}|c([A-Za-z])"
)
_PROPERTY: Final = re.compile(r"[pP](?:\{[^}]{1,100}\}|[A-Z])")
_BACK: Final = re.compile(r"[1-9]\d{0,2}|k<\w+>")
_LETTER_ESCAPES: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}


def _set_of(characters: Iterable[str]) -> Characters:
    found = 0
    for one in characters:
        found |= _bit(ord(one))
    return found


def _bit(code: int) -> Characters:
    return 1 << (code if code < _ASCII else _ASCII + code % _BUCKETS)


def _range(first: int, last: int) -> Characters:
    found = 0
    for code in range(first, min(last, _ASCII - 1) + 1):
        found |= 1 << code
    for code in range(max(first, _ASCII), min(last, max(first, _ASCII) + _BUCKETS) + 1):
        found |= _bit(code)
    return found


_UPPER: Final = _range(ord("A"), ord("Z"))
_LOWER: Final = _range(ord("a"), ord("z"))
_DIGITS: Final = _set_of("0123456789")
_OUTSIDE: Final = _ALL & ~((1 << _ASCII) - 1)
_WORD: Final = _LOWER | _UPPER | _DIGITS | _bit(95)
_SPACE: Final = _set_of(" \t\n\r\f\v")
_CLASSES: Final = {
    "d": _DIGITS, "w": _WORD | _OUTSIDE, "s": _SPACE | _OUTSIDE,
    "D": _ALL & ~_DIGITS, "W": _ALL & ~_WORD, "S": _ALL & ~_SPACE,
}  # fmt: skip


class _Reader:
    """Reads a pattern, in ECMAScript's or Python's spelling, into expressions."""

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0
        self._depth = 0
        self._folds = _FOLDING.search(pattern) is not None
        self._looks: list[Expression] = []
        """What stands in look-arounds: matched by itself."""

    def expressions(self) -> Iterator[Expression]:
        """The pattern, and each look-around in it."""
        whole = self._choice()
        if self._at < len(self._text):
            raise PatternRefused("is no regular expression")
        yield whole
        yield from self._looks

    def _choice(self) -> Expression:
        options = [self._row()]
        while self._take("|"):
            options.append(self._row())
        return options[0] if len(options) == 1 else Choice(options)

    def _row(self) -> Expression:
        parts: list[Expression] = []
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            parts.append(self._repeated(self._atom()))
        return parts[0] if len(parts) == 1 else Row(parts)

    def _repeated(self, what: Expression) -> Expression:
        bounds = self._bounds()
        if bounds is None:
            return what
        _ = self._take("?") or self._take("+")  # lazy or possessive
        if what is _NOTHING:
            return what
        return Repeat(what, *bounds)

    def _bounds(self) -> tuple[int, int | None] | None:
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return bounds
        found = _COUNT.match(self._text, self._at)
        if found is None:
            return None
        self._at = found.end()
        least = int(found[1])
        return least, least if found[2] is None else int(found[3]) if found[3] else None

    def _atom(self) -> Expression:
        one = self._text[self._at]
        self._at += 1
        match one:
            case "(":
                return self._group()
            case "[":
                return self._one(self._class())
            case ".":
                return self._one(_ALL)
            case "^" | "$":
                return _NOTHING
            case "\\":
                return self._escape()
            case "*" | "+" | "?":
                raise PatternRefused("is no regular expression")
            case _:
                return self._one(_bit(ord(one)))

    def _one(self, characters: Characters) -> Expression:
        if self._folds:
            characters |= (characters & _UPPER) << 32 | (characters & _LOWER) >> 32
        return One(characters)

    def _group(self) -> Expression:
        self._depth += 1
        if self._depth > DEEPEST:
            raise PatternRefused("is too intricate to be checked")
        is_look = self._opening()
        inside = _NOTHING if is_look is None else self._choice()
        if is_look is not None and not self._take(")"):
            raise PatternRefused("is no regular expression")
        self._depth -= 1
        if not is_look:
            return inside
        self._looks.append(inside)
        return _NOTHING

    def _opening(self) -> bool | None:
        """Whether the group looks around; None where it only sets flags and is closed."""
        if self._text[self._at : self._at + 1] != "?":
            return False
        found = _GROUP.match(self._text, self._at)
        if found is None:
            raise PatternRefused("holds a group of a kind that is not known")
        self._at = found.end()
        return None if found["end"] == ")" else found["look"] is not None

    def _escape(self) -> Expression:
        if found := _BACK.match(self._text, self._at):
            self._at = found.end()
            return _ANYTHING
        if self._text[self._at : self._at + 1] in {"b", "B", "A", "Z", "z", "G"}:
            self._at += 1
            return _NOTHING
        return self._one(self._escaped())

    def _escaped(self) -> Characters:
        if self._at >= len(self._text):
            raise PatternRefused("is no regular expression")
        if found := _PROPERTY.match(self._text, self._at):
            self._at = found.end()
            return _ALL
        if found := _HEX.match(self._text, self._at):
            self._at = found.end()
            if found[4]:
                return _bit(ord(found[4]) % 32)
            return _bit(int(found[1] or found[2] or found[3], 16))
        one = self._text[self._at]
        self._at += 1
        return _CLASSES.get(one) or _bit(ord(_LETTER_ESCAPES.get(one, one)))

    def _class(self) -> Characters:
        negated = self._take("^")
        found, first = 0, True
        while first or not self._take("]"):
            if self._at >= len(self._text):
                raise PatternRefused("is no regular expression")
            if first and self._take("]"):
                return _ALL  # "[]" and "[^]" are whole in ECMAScript, and begin elsewhere
            first = False
            found |= self._member()
        return _ALL & ~found if negated else found

    def _member(self) -> Characters:
        low, low_code = self._class_character()
        after = self._text[self._at + 1 : self._at + 2]
        if not self._text.startswith("-", self._at) or after in {"]", ""}:
            return low
        self._at += 1
        high, high_code = self._class_character()
        if low_code is None or high_code is None:
            return low | high | _bit(ord("-"))
        return _range(low_code, high_code)

    def _class_character(self) -> tuple[Characters, int | None]:
        """One member, and its code where it is a single character."""
        one = self._text[self._at]
        self._at += 1
        if one != "\\":
            return _bit(ord(one)), ord(one)
        begin = self._at
        if self._take("b"):
            return _bit(8), 8
        characters = self._escaped()
        if characters.bit_count() != 1:
            return characters, None
        code = _HEX.match(self._text, begin)
        if code is not None and not code[4]:
            return characters, int(code[1] or code[2] or code[3], 16)
        last = self._text[self._at - 1]
        return characters, ord(_LETTER_ESCAPES.get(last, last))

    def _take(self, sign: str) -> bool:
        if not self._text.startswith(sign, self._at):
            return False
        self._at += 1
        return True
