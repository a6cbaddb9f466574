# ruff: noqa: E501 -- patterns stay on one line
"""Regular expressions that may be handed on, and those whose matching never ends."""

import re
import time

import pytest
from hypothesis import given, settings, strategies as st

from visus.wire.pattern_syntax import PatternRefused
from visus.wire.patterns import Budget, check

EXPLODING = [
    r"(a+)+$", r"(a*)*", r"(a|a)*", r"(a|aa)+", r"^(\w+\s?)*$", r"(x+x+)+y", r"(\d+)*",
    r"([a-zA-Z]+)*", r"(a|a?)+", r"^(([a-z])+.)+[A-Z]([a-z])+$", r"(.*)*", r"(?:a?b?)*",
    r"(a*a?b)*", r"(a*[ab]b*c)*", r"(?=(a+)+)x", r"(?<!(b|b)*)x", r"([a-z]{1,20}){1,100}",
    r"(\w|\d)+", r"(a+){100}", r"(.+)+", r"^([^,]*)*$", r"(?:(?:a|b)*)*", r"(\w+|\s+)*",
    r"(?i)(a|A)*", r"(?i:(a|A)*)", r"([\s\S]*)*x", r"(\p{L}+)*", r"(foo|foo)*", r"(?P<n>a+)+",
    r"(a|a){30}b", r"(a|ab|b){2,40}", r"((a|a){4}){10}", r"(\w|\d){0,64}!", r"(?:a?b?){20}c",
    r"((a+)\2?)+", r"(\x61|a)*", r"(\u0061|[a-c])*", r"(é|é)*", r"([^]*)*", r"(a+?)+?", r"(a++)+",
    r"([\w-]+)*@", r"(.|\n)*", r"(([a-c]|b)d)*", r"(a{2}|a{3})*", "(\\n|\n)*", r"(?<n>a|a)*",
]  # fmt: skip
SLOW = [
    r"a*a*", r".*.*", r"\s*\s*$", r"\w+\d+", r"(ab)*(ab)*", r"(a*){2}", r"(a+){10}", r"\w+\s*\w+", r"a+b?a+",
    r"(a?){50}a{50}", "a?" * 17 + "b", r"(?:\w?\w?){9}",
    r".*a.*b.*c.*", r"x*(?:x|y)*", r"a{1,200}a{1,200}", r"(a*|b)(a+)",
]  # fmt: skip
HARMLESS = [
    "", "^$", "plain", r"^[a-z0-9]+(?:-[a-z0-9]+)*$", r"^\d{4}-\d{2}-\d{2}$", r"a*b*c*",
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
    r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$",
    r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
    r"^\d{4}-?\d{2}-?\d{2}$", r"^[^@\s]+@[^@\s]+\.[^@\s]+$", r"^.+@.+\..+$", r"^([0-9a-f]{2})+$",
    r"^(\d{1,3}\.){3}\d{1,3}$", r"^#?([a-fA-F0-9]{6}|[a-fA-F0-9]{3})$", r"\s*,\s*",
    r"^[A-Z]{2}\d{2}[A-Z0-9]{1,30}$", r"^\+?[1-9]\d{1,14}$", r"^(?=.*\d)(?=.*[a-z]).{8,}$",
    r"^https?://[^\s/$.?#].[^\s]*$", r"(?:[a-z]+\.)*[a-z]+", r"^\d{1,3}(,\d{3})*(\.\d+)?$",
    r"^(foo|bar|baz)+$", r"[\w.+-]+@[\w-]+\.[\w.-]+", r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}$",
    r"^(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?$",
    r"^\w{32}\w{32}$", r"^P(?!$)(\d+Y)?(\d+M)?(T(?=\d)(\d+H)?(\d+M)?)?$", r"[\]a-]+x",
    r"(?:[a-z0-9]{1,63}\.)*[a-z]{2,63}", r"^([01]?\d|2[0-3]):[0-5]\d$",
    "^[A-Za-zÄÖÜäöüß]+(?: [A-Za-zÄÖÜäöüß]+)*$", r"^-?\d+(\.\d+)?([eE][+-]?\d+)?$",
    r'"(?:[^"\\]|\\.)*"', r"(?i)^[a-z]+$", r"(?i:[a-z]-)+", r"\cA\0\t[\b\d-]", r"(a|A)*", "[a-]*b",
    r"\d?\d?\d?\d?", "a?" * 16, r"(?:[A-Z]\d?){40}", r"^(?:\d{1,3}[.:]){1,39}$", r"(a|b){64}", r"(?:a?){1}", r"(foo|bar){30}",
    r"\u{1F600}+x", r"^(AF|AX|AL|DZ)$", "a{,3}", "{", r"[\w-]+x", r"(ab|cd)*", "x{2,}y",
]  # fmt: skip
NO_PATTERN = ["(", ")", "(a", "a)", "[a", "[", "*", "a|+", "\\", r"(?#x)", "(?>a)", "(" * 50]


def refusal(pattern: str) -> str | None:
    """What is said against a pattern."""
    try:
        check(pattern, Budget())
    except PatternRefused as refused:
        return str(refused)
    return None


@pytest.mark.parametrize("pattern", EXPLODING)
def test_a_repeat_that_can_be_told_apart_in_two_ways_is_refused(pattern: str) -> None:
    assert "never end" in (refusal(pattern) or "")


@pytest.mark.parametrize("pattern", SLOW)
def test_repeats_in_a_row_of_the_same_characters_are_refused(pattern: str) -> None:
    said = refusal(pattern) or ""
    assert "may take very long" in said or "never end" in said


@pytest.mark.parametrize("pattern", HARMLESS)
def test_what_people_write_is_taken(pattern: str) -> None:
    assert refusal(pattern) is None


@pytest.mark.parametrize("pattern", NO_PATTERN)
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    assert refusal(pattern) is not None


@pytest.mark.parametrize(("row", "taken"), [(2, True), (3, True), (4, False)])
def test_a_row_of_overlapping_repeats_may_have_three(row: int, taken: bool) -> None:  # noqa: FBT001 -- the expected outcome
    assert (refusal("x".join([".*"] * row)) is None) is taken


@pytest.mark.parametrize(("depth", "taken"), [(39, True), (40, True), (41, False)])
def test_groups_may_stand_forty_deep(depth: int, taken: bool) -> None:  # noqa: FBT001 -- the expected outcome
    assert (refusal("(" * depth + "a" + ")" * depth) is None) is taken


@pytest.mark.parametrize(
    "pattern",
    [
        "a?" * 20_000, "a" * 200_000, "(a|b)" * 20_000, "[a-z]*" * 20_000, "(" * 100_000,
        "((((a{64}){64}){64}){64}){64}", "a|" * 100_000, "(" + "a|" * 50_000 + "b)*",
        "[" * 100_000, "(?=a)" * 20_000, "(?:" * 30 + "[ab]{0,64}" + "){0,64}" * 30,
        "(" + "a?" * 300 + ")*", "(" + "(ab|cd|[e-z]{1,9})" * 60 + ")*", "x*y*z*" * 5_000,
        "\\" * 99_999, "[^" + "\\w-" * 50_000 + "]", "{1" * 50_000, "(?" + "i" * 100_000,
    ],
    ids=lambda pattern: pattern[:12],
)  # fmt: skip
def test_no_pattern_keeps_the_check_busy(pattern: str) -> None:
    began_s = time.process_time()
    refusal(pattern)
    assert time.process_time() - began_s < 10  # what runs away takes minutes


def test_all_patterns_of_a_request_share_one_budget() -> None:
    budget = Budget()
    for _ in range(5):
        check(r"^([a-z]{1,30}\.)*[a-z]{1,30}$", budget)
    budget.steps = 100
    with pytest.raises(PatternRefused, match="intricate"):
        check(r"^([a-z]{1,30}\.)*[a-z]{1,30}$", budget)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.text(alphabet="ab.*+?|()[]{}0129,-^$\\dws", max_size=30))
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    refusal(text)


SMALL = st.recursive(
    st.sampled_from(["a", "b", "[ab]", "a?", "b*"]),
    lambda inner: (
        st.tuples(inner, inner).map("".join)
        | st.tuples(inner, inner).map(lambda two: f"(?:{two[0]}|{two[1]})")
        | st.tuples(inner, st.sampled_from("*+?")).map(lambda two: f"(?:{two[0]}){two[1]}")
    ),
    max_leaves=6,
)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(SMALL)
def test_what_is_taken_is_matched_in_a_moment(pattern: str) -> None:
    if refusal(pattern) is not None:
        return
    matcher = re.compile(f"^{pattern}$")
    for text in ("a" * 300, "b" * 300, "ab" * 150, "aab" * 100):
        began_s = time.process_time()
        matcher.match(text + "!")
        assert time.process_time() - began_s < 10  # what runs away takes minutes
