import pytest

from visus.local.lite.answering.counting import cut, picture_tokens, text_tokens


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("word", 1), ("sixsix", 1), ("seven77", 2), ("a b, c", 4), ("1.234,56 €", 6)],
)
def test_a_token_is_a_run_of_six_letters_or_one_sign(text: str, count: int) -> None:
    assert text_tokens(text) == count


@pytest.mark.parametrize(
    ("size", "count"),
    [((1, 1), 1), ((32, 32), 1), ((33, 32), 2), ((1024, 1024), 1024), ((9000, 9000), 1024)],
)
def test_a_picture_counts_its_patches_after_fitting(size: tuple[int, int], count: int) -> None:
    assert picture_tokens(*size) == count


@pytest.mark.parametrize(
    ("most", "cut_to"),
    [
        (1, ("one", "length")),
        (2, ("one two", "length")),
        (3, ("one two three", "stop")),
        (4, ("one two three", "stop")),
        (None, ("one two three", "stop")),
    ],
)
def test_text_is_cut_at_the_last_allowed_token(
    most: int | None, cut_to: tuple[str, str]
) -> None:
    assert cut("one two three", max_tokens=most, stop=[]) == cut_to


def test_text_ends_before_the_earliest_stop_sequence() -> None:
    assert cut("one two three", max_tokens=None, stop=["three", "two", ""]) == ("one ", "stop")
    assert cut("one two three", max_tokens=1, stop=["three"]) == ("one", "length")
