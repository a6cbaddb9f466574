"""From tokens to money, in integers.

A price is so many millionths of a currency for a million tokens; an amount is in millionths of
that currency. The sum of an answer is rounded up once, at the end, so that no answer costs less
than its price, and none more than one millionth above it.
"""

from typing import Final, NamedTuple

from visus.units import Micros

_PRICED_TOKENS: Final = 1_000_000


class Rates(NamedTuple):
    """What a million tokens cost, in millionths of a currency; never negative."""

    input_micros: int
    output_micros: int


def cost(rates: Rates, *, input_tokens: int, output_tokens: int = 0) -> Micros:
    """The price of so many tokens, rounded up to a whole millionth.

    Args:
        rates: the price for a million tokens.
        input_tokens: what the model was given, pictures and all; 0 or more.
        output_tokens: what it wrote, thoughts and all; 0 or more.
    """
    owed = input_tokens * rates.input_micros + output_tokens * rates.output_micros
    return Micros(-(-owed // _PRICED_TOKENS))
