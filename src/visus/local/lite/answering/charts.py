"""Questions about a bar chart: the value printed on a bar, the highest bar, how many."""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.naming import colour_in
from visus.local.lite.answering.replies import Reply, not_found
from visus.local.lite.answering.values import number_in
from visus.local.lite.answering.words import GENERIC, alike, words
from visus.local.lite.evidence import Bar, Evidence

_BAR_WORDS: Final = frozenset(
    {"bar", "bars", "balken", "saule", "saulen", "column", "columns", "height", "hohe", "wert"}
)


def value_of(ask: Ask, evidence: Evidence) -> Reply | None:
    """The value printed on the bar that the question names; None if it names none."""
    bars = _named(ask, evidence.bars)
    if len(bars) != 1:
        return None
    bar = bars[0]
    if not bar.printed and not about_bars(ask):
        return None
    if not bar.printed:
        return Reply(
            ask.say(
                "I cannot read a value there: none is printed on that bar.",
                "Das kann ich nicht ablesen: An diesem Balken steht kein Wert.",
            ),
            ask.say("Not found", "Nicht gefunden"),
            found=False,
        )
    return Reply(
        ask.say(
            f"{bar.printed} (printed at the bar “{bar.label}”).",
            f"{bar.printed} (steht am Balken „{bar.label}“).",
        ),
        bar.printed,
    )


def _named(ask: Ask, bars: list[Bar]) -> list[Bar]:
    by_label = [bar for bar in bars if bar.label and _says(ask, bar.label)]
    if len(by_label) > 1:
        longest = max(len(bar.label) for bar in by_label)
        by_label = [bar for bar in by_label if len(bar.label) == longest]
    if by_label:
        return by_label
    colour = colour_in(ask.words)
    if colour is None or not ask.has(r"bar|balken|saule|column"):
        return []
    return [bar for bar in bars if bar.colour == colour]


def _says(ask: Ask, label: str) -> bool:
    named = words(label)
    return bool(named) and all(any(alike(word, said) for said in ask.words) for word in named)


def extreme(ask: Ask, evidence: Evidence, *, highest: bool) -> Reply | None:
    """The longest or shortest bar, by its printed value if all have one."""
    bars = evidence.bars
    if not bars:
        return None
    pick = max if highest else min
    bar = pick(bars, key=_measure(bars))
    wants_value = ask.has(
        r"\bvalue\b|how (?:much|many|high)|wie (?:viel|hoch)|\bwert\b"
    ) and not ask.has(r"\b(?:which|who|what (?:month|bar|category)|welche\w*)\b")
    if wants_value and bar.printed:
        return Reply(f"{bar.printed} ({bar.label}).", bar.printed)
    if not bar.label:
        return not_found(ask)
    value = f" ({bar.printed})" if bar.printed else ""
    return Reply(f"{bar.label}{value}.", bar.label)


def _measure(bars: list[Bar]) -> Callable[[Bar], Decimal]:
    printed = [number_in(bar.printed) for bar in bars]
    return _printed if all(value is not None for value in printed) else _length


def _printed(bar: Bar) -> Decimal:
    return number_in(bar.printed) or Decimal(0)


def _length(bar: Bar) -> Decimal:
    return Decimal(str(bar.length_px))


def total(evidence: Evidence) -> Decimal | None:
    """The sum of the printed values; None unless every bar has one."""
    values = [number_in(bar.printed) for bar in evidence.bars]
    kept = [value for value in values if value is not None]
    return sum(kept, Decimal(0)) if kept and len(kept) == len(values) else None


def about_bars(ask: Ask) -> bool:
    """Whether the question speaks of bars."""
    return bool(_BAR_WORDS & set(ask.words)) or not set(ask.content) - GENERIC
