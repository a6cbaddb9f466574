"""Money in integers."""

from fractions import Fraction

from hypothesis import given, strategies as st

from visus.core.price import Rates, cost

tokens = st.integers(0, 10**9)
rates = st.builds(Rates, st.integers(0, 10**9), st.integers(0, 10**9))


def test_the_published_price_of_a_million_tokens() -> None:
    gpt = Rates(input_micros=1_910_000, output_micros=7_640_000)
    assert cost(gpt, input_tokens=1_000_000) == 1_910_000
    assert cost(gpt, input_tokens=1_000_000, output_tokens=1_000_000) == 9_550_000
    assert cost(gpt, input_tokens=765) == 1_462  # 1461.15 begun


def test_nothing_costs_nothing_and_the_least_costs_one_millionth() -> None:
    assert cost(Rates(0, 0), input_tokens=10**9, output_tokens=10**9) == 0
    assert cost(Rates(5, 5), input_tokens=0) == 0
    assert cost(Rates(1, 0), input_tokens=1) == 1
    assert cost(Rates(1, 0), input_tokens=1_000_000) == 1
    assert cost(Rates(1, 0), input_tokens=1_000_001) == 2


@given(rates, tokens, tokens)
def test_it_is_the_exact_price_rounded_up_once(
    price: Rates, given_tokens: int, written: int
) -> None:
    exact = Fraction(given_tokens * price[0] + written * price[1], 1_000_000)
    owed = cost(price, input_tokens=given_tokens, output_tokens=written)
    assert 0 <= owed - exact < 1


@given(rates, tokens, tokens)
def test_two_requests_cost_at_most_a_millionth_more_than_one(
    price: Rates, first: int, second: int
) -> None:
    apart = cost(price, input_tokens=first) + cost(price, input_tokens=second)
    together = cost(price, input_tokens=first + second)
    assert together <= apart <= together + 1
    assert together >= cost(price, input_tokens=first)
