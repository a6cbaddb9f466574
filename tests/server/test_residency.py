"""A demand on where a question may be answered is met, or nothing leaves the house."""

import pytest
from tests.support.claims import answered, refused
from tests.support.service import Service, ask
from tests.support.upstream import Upstream

HEADER = "X-Visus-Residency"


@pytest.mark.parametrize("place", ["de", "DE", "eu"])
def test_a_model_inside_the_place_answers(service: Service, place: str) -> None:
    answered(service, service.post(ask("in-germany"), **{HEADER: place}))
    answered(service, service.post(ask("in-germany", visus={"residency": place})))


@pytest.mark.parametrize(
    ("model", "place"), [("in-germany", "fr"), ("in-germany", "local"), ("good", "eu")]
)
def test_a_model_outside_or_nobody_knows_where_is_not_asked(
    service: Service, upstream: Upstream, model: str, place: str
) -> None:
    before = len(upstream.asked)
    by_header = service.post(ask(model), **{HEADER: place})
    refused(service, by_header, 400, "residency_unavailable", HEADER)
    by_body = service.post(ask(model, visus={"residency": place}))
    refused(service, by_body, 400, "residency_unavailable", "visus.residency")
    assert len(upstream.asked) == before


@pytest.mark.parametrize("place", ["", "germany", "europe", "d", "xx", "eu,de"])
def test_a_place_that_nobody_knows_is_refused(service: Service, place: str) -> None:
    by_header = service.post(ask("in-germany"), **{HEADER: place})
    refused(service, by_header, 400, "invalid_value", HEADER)
    by_body = service.post(ask("in-germany", visus={"residency": place}))
    refused(service, by_body, 400, "invalid_value", "visus.residency")


def test_of_two_demands_both_have_to_be_met(service: Service) -> None:
    body = ask("in-germany", visus={"residency": "de"})
    answered(service, service.post(body, **{HEADER: "eu"}))
    refused(service, service.post(body, **{HEADER: "fr"}), 400, "residency_unavailable", HEADER)


def test_the_model_inside_meets_every_demand(lite: Service) -> None:
    for place in ("local", "eu", "de"):
        answered(lite, lite.post(ask("visus-lite"), **{HEADER: place}))
