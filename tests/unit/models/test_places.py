"""Where data may stay, and which providers keep it there."""

import pytest
from hypothesis import given, strategies as st

from visus.models.residency import COUNTRIES, EU_COUNTRIES, is_known, is_met


@pytest.mark.parametrize(
    ("wanted", "region", "country", "met"),
    [
        ("de", "eu-de", "DE", True),
        ("DE", "eu-de", "de", True),
        ("eu", "eu-de", "DE", True),
        ("eu", "swedencentral", "SE", True),
        ("de", "swedencentral", "SE", False),
        ("de", "eu", None, False),
        ("eu", "eu", None, True),
        ("eu", "EU", None, True),
        ("eu", "eu", "US", False),
        ("eu", "eu-west-2", "GB", False),
        ("eu", "eu-west-2", None, False),
        ("eu", "europe-west6", "CH", False),
        ("local", "eu-de", "DE", False),
        ("local", "local", None, True),
        ("eu", "local", None, True),
        ("de", "local", None, True),
        ("us", "local", "DE", True),
        ("de", "global", None, False),
        ("eu", "global", None, False),
        ("local", "global", None, False),
        ("us", "us-east-1", "US", True),
    ],
)
def test_a_demand_is_met_inside_only(
    wanted: str, region: str, country: str | None, met: bool  # noqa: FBT001 -- the expected outcome
) -> None:  # fmt: skip
    assert is_met(wanted, region=region, country=country) is met


def test_the_union_has_27_members_which_are_countries() -> None:
    assert len(EU_COUNTRIES) == 27
    assert EU_COUNTRIES <= COUNTRIES
    assert len(COUNTRIES) == 249


@pytest.mark.parametrize("wanted", ["de", "DE", "eu", "EU", "local", "Local", "us"])
def test_countries_the_union_and_this_machine_are_places(wanted: str) -> None:
    assert is_known(wanted)


@pytest.mark.parametrize(
    "wanted", ["", "global", "europe", "germany", "zz", "uk", "de,eu", " de"]
)
def test_other_words_are_no_places(wanted: str) -> None:
    assert not is_known(wanted)


@given(st.text(max_size=5))
def test_a_provider_that_states_nothing_meets_nothing(wanted: str) -> None:
    assert not is_met(wanted, region="global", country=None)
