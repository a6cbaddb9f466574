# ruff: noqa: E501
# E501: patterns stay on one line.
"""The highest, the cheapest, the longest: of limits, price lists, charts, figures and tables."""

from collections.abc import Callable
from typing import Final, TypeAlias

from visus.local.lite.answering import charts, limits, pricelist, scene, tables
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.page import Page
from visus.local.lite.answering.replies import Reply, quoted

_OF_DATES: Final = frozenset({"expiry_date", "deadline", "due_date"})
_WHICH: Final = r"\b(?:which|who|whose|welche\w*|wer|in which|wo)\b|what (?:item|product|month|city|country|name|row|day|year)\b|most expensive|cheapest|teuerste|billigste|gunstigste"


def told(ask: Ask, page: Page) -> Reply | None:
    """What the superlative of the question picks; None where it has none, or picks nothing."""
    highest = tables.extreme_wanted(ask)
    if highest is None or ask.target.key in _OF_DATES:
        return None
    if limits.is_asked(ask) and page.pieces:
        limit = limits.told(ask, page)
        if limit is not None:
            return quoted(ask, page.evidence, limit.value, (limit.text, limit.piece.box))
    answers = (look(ask, page, highest) for look in _LOOKS)
    return next((found for found in answers if found is not None), None)


def _of_list(ask: Ask, page: Page, highest: bool) -> Reply | None:  # noqa: FBT001 - the one way or the other
    found = pricelist.extreme(ask, page, highest=highest)
    if found is None:
        return None
    name, figure = found.name.text.strip(), found.figure.text.strip()
    return _either(ask, name, figure)


def _of_bars(ask: Ask, page: Page, highest: bool) -> Reply | None:  # noqa: FBT001
    return charts.extreme(ask, page.evidence, highest=highest)


def _of_shapes(ask: Ask, page: Page, highest: bool) -> Reply | None:  # noqa: FBT001
    return scene.extreme_shape(ask, page.evidence, largest=highest)


def _of_table(ask: Ask, page: Page, highest: bool) -> Reply | None:  # noqa: FBT001
    found = (
        None
        if limits.is_asked(ask) and not tables.names_a_column(ask, page)
        else tables.extreme(ask, page, highest=highest)
    )
    return None if found is None else _either(ask, found.row, found.value)


def _either(ask: Ask, name: str, figure: str) -> Reply:
    """The name that has the figure, or the figure, whichever is asked for."""
    if ask.has(_WHICH):
        return Reply(f"{name} ({figure}).", name)
    return Reply(f"{figure} ({name}).", figure)


_Look: TypeAlias = Callable[[Ask, Page, bool], Reply | None]
_LOOKS: Final[tuple[_Look, ...]] = (_of_list, _of_bars, _of_shapes, _of_table)
