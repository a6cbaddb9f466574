"""Where data may stay, and which providers keep it there."""

import pytest
from hypothesis import given, strategies as st

from visus.core.places import Demand, Site
from visus.errors import ResidencyUnavailable
from visus.models.residency import (
    COUNTRIES,
    EU_COUNTRIES,
    is_known,
    is_met,
    refuse_outside,
    unmet,
)


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


BERLIN = Site("t-cloud", "eu-de", "DE")


@pytest.mark.parametrize(
    ("demand", "met"),
    [
        (Demand("p"), True),
        (Demand("p", places=("fr", "de")), True),
        (Demand("p", places=("fr", "local")), False),
        (Demand("p", only=("azure", "t-cloud")), True),
        (Demand("p", only=("azure",)), False),
        (Demand("p", never=("azure",)), True),
        (Demand("p", never=("azure", "t-cloud")), False),
        (Demand("p", only=("t-cloud",), never=("t-cloud",)), False),
        (Demand("p", places=("us",), only=("t-cloud",)), False),
    ],
)
def test_a_demand_names_places_and_providers_and_means_all_of_them(
    demand: Demand, met: bool  # noqa: FBT001 -- the expected outcome
) -> None:  # fmt: skip
    assert (unmet([demand], BERLIN) is None) is met


def test_the_first_demand_that_is_not_met_is_the_one_that_is_told() -> None:
    met, first = Demand("a", places=("de",)), Demand("visus.residency", places=("FR", "local"))
    with pytest.raises(ResidencyUnavailable) as refusal:
        refuse_outside([met, first, Demand("b", never=("t-cloud",))], BERLIN)
    assert refusal.value.param == "visus.residency"
    assert "'fr' or 'local'" in refusal.value.message


def test_a_demand_that_came_with_the_key_points_at_what_the_caller_can_change() -> None:
    with pytest.raises(ResidencyUnavailable) as refusal:
        refuse_outside([Demand(None, only=("azure",))], BERLIN)
    assert refusal.value.param == "model"
