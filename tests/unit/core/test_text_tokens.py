"""The estimate for text."""

from hypothesis import given, strategies as st

from visus.core.text_tokens import TextRule

RULE = TextRule(bytes_per_100_tokens=400, per_turn=4, per_request=3)


def test_four_bytes_are_a_token_and_a_begun_one_counts() -> None:
    assert [RULE.count("a" * length) for length in (0, 1, 4, 5, 8, 9)] == [0, 1, 1, 2, 2, 3]
    assert RULE.count("äöü") == 2
    assert RULE.count("日本語") == 3


def test_turns_and_the_request_have_something_around_them() -> None:
    assert RULE.of_turns([]) == 3
    assert RULE.of_turns([0, 5]) == 3 + 4 + 4 + 2


def test_half_a_surrogate_pair_is_counted_and_not_refused() -> None:
    assert RULE.count("\ud83d") == 1


@given(st.text(), st.text())
def test_more_text_costs_no_less_and_joining_saves_at_most_a_token(a: str, b: str) -> None:
    together, apart = RULE.count(a + b), RULE.count(a) + RULE.count(b)
    assert together >= RULE.count(a)
    assert apart - 1 <= together <= apart
