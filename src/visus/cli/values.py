"""Values of limits on the command line: a number, or `none` to remove the limit."""

from argparse import ArgumentTypeError
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Final

NONE: Final = "none"
"""What is written where a bound is to be taken away."""
MICROS: Final = 1_000_000
DAY_S: Final = 86_400
MAX_COUNT: Final = 10**12
MAX_AMOUNT: Final = 10**9
MAX_DAYS: Final = 1_000_000
MAX_OVERLAP_S: Final = 90 * DAY_S


def seconds(text: str) -> int:
    """How long what is replaced is still good."""
    return int(_number(text, lambda one: one == int(one) and 0 <= one <= MAX_OVERLAP_S))


def count(text: str) -> int | str:
    """How many a minute, or at once."""
    if text == NONE:
        return NONE
    return int(_number(text, lambda one: one == int(one) and 1 <= one <= MAX_COUNT))


def micros(text: str) -> int | str:
    """An amount of money, in millionths."""
    if text == NONE:
        return NONE
    return round(_number(text, lambda one: 0 <= one <= MAX_AMOUNT) * MICROS)


def days_s(text: str) -> int | str:
    """A number of days, in seconds."""
    if text == NONE:
        return NONE
    return round(_number(text, lambda one: 0 < one <= MAX_DAYS) * DAY_S)


def _number(text: str, may_be: Callable[[Decimal], bool]) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ArgumentTypeError(f"{text[:100]!r} is no number") from None
    if not number.is_finite() or not may_be(number):
        raise ArgumentTypeError(f"{text[:100]!r} is no value that it may have")
    return number
