"""Models that end, answer under another name, or are asked for under one."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.conftest import FAST
from tests.support.claims import answered, refused
from tests.support.service import Service, ask
from tests.support.upstream import Upstream

TODAY = datetime.now(UTC).date()
ROWS = """
[[providers]]
name = "up"
dialect = "openai"
base_url = "http://127.0.0.1:{port}/v1"
[[models]]
id = "newest"
provider = "up"
upstream_id = "good"
aliases = ["latest", "newest-of-all"]
[[models]]
id = "gone"
provider = "up"
upstream_id = "status_410"
successor = "newest"
follow_successor = true
[[models]]
id = "gone-and-alone"
provider = "up"
upstream_id = "status_404_model"
successor = "newest"
[[models]]
id = "failing"
provider = "up"
upstream_id = "status_500"
successor = "newest"
follow_successor = true
[[models]]
id = "ended"
provider = "up"
upstream_id = "echo"
end_of_life_date = {today}
successor = "gone"
follow_successor = true
[[models]]
id = "ends-tomorrow"
provider = "up"
upstream_id = "good"
end_of_life_date = {tomorrow}
successor = "newest"
follow_successor = true
[[models]]
id = "ended-but-kept"
provider = "up"
upstream_id = "good"
lifecycle_stage = "retired"
successor = "newest"
[[models]]
id = "impostor"
provider = "up"
upstream_id = "names_itself"
[[models]]
id = "dated"
provider = "up"
upstream_id = "names_itself"
answers_as = ["gpt-4.1-20[0-9][0-9]-[0-9][0-9]-[0-9][0-9]"]
"""


@pytest.fixture(scope="module")
def lasting(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    rows = ROWS.replace("{port}", str(upstream.port)).replace("{today}", TODAY.isoformat())
    rows = rows.replace("{tomorrow}", (TODAY + timedelta(days=2)).isoformat())
    running = Service(
        tmp_path_factory.mktemp("lasting"), FAST.replace("= 1\nb", "= 3\nb") + rows
    )
    yield running
    running.stop()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("model", ["gone", "ended"])
def test_a_successor_answers_where_that_is_wanted_and_the_answer_says_so(
    lasting: Service, model: str, stream: bool  # noqa: FBT001
) -> None:  # fmt: skip
    reply = lasting.post(ask(model, stream=stream))
    answered(lasting, reply)
    assert reply.headers["x-visus-model"] == "newest"
    assert reply.headers["x-visus-warning"] == f"'{model}' was asked for, 'newest' answered"


def test_elsewhere_a_model_that_is_gone_is_not_found(lasting: Service) -> None:
    refused(lasting, lasting.post(ask("gone-and-alone")), 404, "model_not_found", "model")


def test_a_successor_is_no_fallback(lasting: Service) -> None:
    refused(lasting, lasting.post(ask("failing")), 502, "upstream_bad_response")


@pytest.mark.parametrize("model", ["ends-tomorrow", "ended-but-kept"])
def test_a_model_that_has_not_ended_or_is_kept_answers_itself(
    lasting: Service, model: str
) -> None:
    reply = lasting.post(ask(model))
    answered(lasting, reply)
    assert reply.headers["x-visus-model"] == model
    assert "x-visus-warning" not in reply.headers


@pytest.mark.parametrize("alias", ["latest", "newest-of-all"])
def test_a_model_answers_to_its_aliases_under_its_own_name(
    lasting: Service, alias: str
) -> None:
    reply = lasting.post(ask(alias))
    answered(lasting, reply)
    assert reply.headers["x-visus-model"] == reply.json()["model"] == "newest"
    assert "x-visus-warning" not in reply.headers
    ids = [one["id"] for one in lasting.get("/v1/models").json()["data"]]
    assert ids.count("newest") == 1
    assert alias not in ids
    assert lasting.get(f"/v1/models/{alias}").json() == lasting.get("/v1/models/newest").json()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_answer_from_another_model_than_asked_is_reported(
    lasting: Service, stream: bool  # noqa: FBT001
) -> None:  # fmt: skip
    reply = lasting.post(ask("impostor", user="gpt-4.1-nano\n<b>", stream=stream))
    answered(lasting, reply)
    assert reply.headers["x-visus-model"] == "gpt-4.1-nano?<b>"
    assert reply.headers["x-visus-warning"].startswith("the server of 'impostor' answered as")


@pytest.mark.parametrize(
    ("name", "is_own"),
    [
        ("dated", True),
        ("names_itself", True),
        ("gpt-4.1-2025-04-14", True),
        ("gpt-4.1-mini-2025-04-14", False),
        ("gpt-4.1", False),
    ],
)
def test_names_that_are_known_are_no_deviation(
    lasting: Service, name: str, is_own: bool  # noqa: FBT001
) -> None:  # fmt: skip
    reply = lasting.post(ask("dated", user=name))
    answered(lasting, reply)
    assert reply.headers["x-visus-model"] == ("dated" if is_own else name)
    assert ("x-visus-warning" in reply.headers) is not is_own
