"""What a question would cost is known before it is asked, and what was done is reported."""

import base64
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from tests.conftest import FAST, upstream_config
from tests.support.claims import answered, refused
from tests.support.service import Service, ask, picture, text
from tests.support.upstream import Upstream

MODELS = """
[[providers]]
name = "absent"
dialect = "openai"
base_url = "http://127.0.0.1:9/v1"
api_key_env = "KEY_THAT_IS_NOT_SET"
[[models]]
id = "tiles"
provider = "absent"
input_modalities = ["text", "image"]
max_sequence_length = 1000
price = { input_micros = 2_000_000, output_micros = 8_000_000, currency = "EUR" }
vision = { tokens = { formula = "openai-tiles" } }
[[models]]
id = "squares"
provider = "scripted"
upstream_id = "counts_its_own_way"
input_modalities = ["text", "image"]
vision = { image_roles = ["user"], tokens = { formula = "qwen-pixels", min_tokens = 4 } }
[[models]]
id = "squares-too"
provider = "absent"
input_modalities = ["text", "image"]
vision = { tokens = { formula = "qwen-pixels" } }
"""
ROUTE = "/v1/chat/completions/estimate"


@pytest.fixture(scope="module")
def counted(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service with models whose formulas are known."""
    running = Service(
        tmp_path_factory.mktemp("counted"),
        upstream_config(upstream.port, FAST, MODELS),
        SCRIPTED_KEY="sk-upstream",
    )
    yield running
    running.stop()


def encoded(width: int, height: int, kind: str = "PNG", **options: Any) -> str:
    sink = BytesIO()
    Image.new("RGB", (width, height), (200, 30, 40)).save(sink, kind, **options)
    return f"data:image/png;base64,{base64.b64encode(sink.getvalue()).decode()}"


def estimate(service: Service, body: dict[str, Any]) -> Any:
    return answered(service, service.post(body, path=ROUTE))


def test_the_formula_of_the_asked_model_and_of_others_counts_without_a_call(
    counted: Service, upstream: Upstream
) -> None:
    before = len(upstream.asked)
    body = ask(
        "tiles",
        [text("What is in this image?"), picture(encoded(1024, 1024))],
        visus={"compare": ["squares-too", "blind", "good"]},
    )
    found = estimate(counted, body)
    tiles = found["models"]["tiles"]
    # As its vendor publishes it: shrunk to 768 x 768, four tiles of 170 on a base of 85.
    assert tiles["image_tokens"] == 765
    assert tiles["tokens"] == 765 + tiles["text_tokens"]
    assert tiles["cost_micros"] == 2 * tiles["tokens"]
    assert tiles["currency"] == "EUR"
    assert tiles["fits_context"] is True
    assert tiles["calibration"] is None
    assert found["models"]["squares-too"]["image_tokens"] == 32 * 32
    assert found["models"]["squares-too"]["cost_micros"] is None
    assert found["models"]["good"]["image_tokens"] is None
    assert found["models"]["blind"]["error"]["code"] == "unsupported_modality"
    assert found["models"]["blind"]["error"]["param"] == "messages[0].content[1].image_url.url"
    assert len(upstream.asked) == before


def test_a_part_is_shown_before_and_after(counted: Service) -> None:
    body = ask("tiles", [picture(encoded(2048, 1024, "JPEG")), text("What?")])
    (part,) = estimate(counted, body)["parts"]
    assert (part["path"], part["kind"]) == ("messages[0].content[0]", "image")
    assert part["before"] | {"bytes": 0} == {
        "declared_type": "image/png",
        "type": "image/jpeg",
        "bytes": 0,
        "width": 2048,
        "height": 1024,
        "frames": 1,
    }
    assert (part["after"]["width"], part["after"]["height"]) == (1536, 768)
    assert part["after"]["images"] == 1
    assert part["tokens"] == 85 + 6 * 170
    assert "resized" in part["steps"]


@pytest.mark.parametrize(("answer", "fits"), [(991, True), (992, True), (993, False)])
def test_the_context_has_to_hold_question_and_answer(
    counted: Service, answer: int, *, fits: bool
) -> None:
    found = estimate(counted, ask("tiles", "Hi", max_tokens=answer))["models"]["tiles"]
    assert found["tokens"] == 8
    assert found["fits_context"] is fits


@pytest.mark.parametrize(
    ("body", "code", "param", "status"),
    [
        (ask("nobody"), "model_not_found", "model", 404),
        (ask("tiles", visus={"compare": ["x"]}), "model_not_found", "visus.compare[0]", 404),
        (ask("tiles", visus={"compare": "x"}), "invalid_value", "visus.compare", 400),
        (ask("tiles", []), "invalid_value", "messages[0].content", 400),
        (
            ask("tiles", [picture("data:image/png;base64,AAAA")]),
            "invalid_image_format",
            "messages[0].content[0].image_url.url",
            400,
        ),
        (
            ask("good", [picture(encoded(9, 9))], visus={"max_tokens_per_image": 9}),
            "unsupported_parameter",
            "visus.max_tokens_per_image",
            400,
        ),
    ],
)
def test_what_cannot_be_estimated_is_refused_where_it_stands(
    counted: Service, body: dict[str, Any], code: str, param: str, status: int
) -> None:
    refused(counted, counted.post(body, path=ROUTE), status, code, param)


def test_after_twenty_answers_the_estimate_is_within_two_percent(
    counted: Service, upstream: Upstream
) -> None:
    sizes = [(64 + 32 * step, 64 + 96 * (step % 7)) for step in range(20)]
    for width, height in sizes:
        body = ask("squares", [picture(encoded(width, height)), text("What is this?")])
        answered(counted, counted.post(body))
    for width, height in [(96, 96), (640, 480), (1600, 1600)]:
        body = ask("squares", [picture(encoded(width, height)), text("What is this?")])
        found = estimate(counted, body)["models"]["squares"]
        told = answered(counted, counted.post(body))["usage"]["prompt_tokens"]
        assert abs(found["tokens"] - told) <= 0.02 * told
        assert found["calibration"]["answers"] == 20


@pytest.mark.parametrize("by_header", [True, False])
@pytest.mark.parametrize("include_usage", [True, False])
def test_a_stream_carries_the_report_in_its_last_chunk(
    counted: Service, *, by_header: bool, include_usage: bool
) -> None:
    body = ask(
        "good",
        [picture(encoded(40, 30, "BMP"))],
        stream=True,
        stream_options={"include_usage": include_usage},
        **({} if by_header else {"visus": {"report": True}}),
    )
    headers = {"X-Visus-Report": "1"} if by_header else {}
    reply = counted.post(body, **headers)
    answered(counted, reply)
    *others, last, done = reply.events()
    assert done == "[DONE]"
    assert not [event for event in others if "visus" in event]
    (part,) = last["visus"]["parts"]
    assert part["before"]["type"] == "image/bmp"
    assert part["after"]["type"] == "image/png"
    assert (last["choices"], "usage" in last) == ([], include_usage)


def test_a_picture_that_moved_is_reported_to_have_moved(counted: Service) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    body = {
        "model": "good",
        "messages": [
            {"role": "user", "content": "Look."},
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": [picture(encoded(8, 8))]},
        ],
        "visus": {"report": True},
    }
    (part,) = answered(counted, counted.post(body))["visus"]["parts"]
    assert part["path"] == "messages[2].content[0]"
    assert part["steps"] == ["moved into the next user turn"]


def test_without_being_asked_nothing_is_reported(counted: Service) -> None:
    body = ask("good", [picture(encoded(8, 8))])
    assert "visus" not in answered(counted, counted.post(body))


def test_the_same_picture_is_made_over_once_for_one_caller(counted: Service) -> None:
    body = ask("good", [picture(encoded(50, 30, "TIFF"))], visus={"report": True})
    found = [answered(counted, counted.post(body))["visus"]["parts"][0] for _ in range(2)]
    assert [part["cache_hit"] for part in found] == [False, True]
    assert found[0]["after"] == found[1]["after"]
