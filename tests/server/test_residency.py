"""A demand on where a question may be answered is met, or nothing leaves the house."""

import pytest
from tests.support.claims import answered, refused
from tests.support.service import Service, ask
from tests.support.upstream import Upstream

from visus.accounts.database import open_database
from visus.accounts.keys import KeyBook, Terms

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


# --- Several places, and providers by name ---------------------------------------------------


def test_of_several_places_any_will_do(service: Service, upstream: Upstream) -> None:
    answered(service, service.post(ask("in-germany", visus={"residency": ["fr", "de"]})))
    before = len(upstream.asked)
    reply = service.post(ask("in-germany", visus={"residency": ["fr", "local"]}))
    refused(service, reply, 400, "residency_unavailable", "visus.residency")
    assert len(upstream.asked) == before


@pytest.mark.parametrize(
    "wish",
    [["german"], ["scripted", "german"], {"only": ["german"]}, {"ignore": ["scripted"]}, {}],
)
def test_a_provider_that_may_be_asked_is_asked(service: Service, wish: object) -> None:
    reply = service.post(ask("in-germany", visus={"providers": wish}))
    answered(service, reply)
    assert reply.headers["x-visus-provider"] == "german"
    assert reply.headers["x-visus-model"] == "in-germany"


@pytest.mark.parametrize("wish", [["scripted"], {"only": ["scripted"]}, {"ignore": ["german"]}])
def test_a_provider_that_may_not_be_asked_is_not(
    service: Service, upstream: Upstream, wish: object
) -> None:
    before = len(upstream.asked)
    reply = service.post(ask("in-germany", visus={"providers": wish}))
    refused(service, reply, 400, "residency_unavailable", "visus.providers")
    assert len(upstream.asked) == before


@pytest.mark.parametrize(
    ("ours", "param"),
    [
        ({"residency": []}, "visus.residency"),
        ({"residency": ["de", "europe"]}, "visus.residency"),
        ({"providers": []}, "visus.providers"),
        ({"providers": ["nobody"]}, "visus.providers"),
        ({"providers": {"ignore": ["nobody"]}}, "visus.providers"),
        ({"providers": {"only": []}}, "visus.providers.only"),
        ({"providers": {"never": ["german"]}}, "visus.providers.never"),
    ],
)
def test_a_wish_that_would_keep_nobody_out_is_refused(
    service: Service, ours: dict[str, object], param: str
) -> None:
    refused(service, service.post(ask("in-germany", visus=ours)), 400, "invalid_value", param)


# --- Keys ------------------------------------------------------------------------------------


@pytest.fixture
def french(service: Service) -> str:
    """A key whose questions stay in France or on this machine."""
    book = KeyBook(open_database(service.folder / "state" / "visus.db"))
    try:
        return book.create("paris", Terms(residency=["FR", "local"]))[1]
    finally:
        book.engine.dispose()


def test_a_key_keeps_its_questions_in_place_and_no_request_lets_them_out(
    service: Service, upstream: Upstream, french: str
) -> None:
    key = {"Authorization": f"Bearer {french}"}
    before = len(upstream.asked)
    for ours in ({}, {"residency": "de"}, {"residency": ["us", "de"]}):
        reply = service.post(ask("in-germany", visus=ours), **key)
        refused(service, reply, 400, "residency_unavailable", "model")
    reply = service.post(ask("in-germany"), **key, **{HEADER: "de"})
    refused(service, reply, 400, "residency_unavailable", "model")
    assert len(upstream.asked) == before


def test_a_key_sees_the_models_that_it_may_use(service: Service, french: str) -> None:
    key = {"Authorization": f"Bearer {french}"}
    assert service.get("/v1/models", **key).json()["data"] == []
    assert service.get("/v1/models/in-germany", **key).error()[:2] == (404, "model_not_found")
    assert service.get("/v1/models/in-germany").status == 200
