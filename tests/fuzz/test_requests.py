"""Whatever is sent, the answer is one that the description promises, and never a 500."""

import json

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings, strategies as st
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from tests.support.service import Reply, Service, picture

from visus.server import openapi

LEAKS = (b"Traceback", b" object at 0x", b"sk-upstream")


def promised(service: Service, reply: Reply) -> None:
    """The status is a documented one, and an error has its shape."""
    assert reply.status != 500, reply.body
    assert not [leak for leak in LEAKS if leak in reply.body]
    if reply.status >= 400:
        reply.error()
    assert service.process.poll() is None


def examples(request: pytest.FixtureRequest, few: int, many: int) -> int:
    return many if request.config.getoption("--fuzz-whole") else few


def settled(count: int) -> settings:
    """The same examples in every run."""
    return settings(
        max_examples=count, deadline=None, derandomize=True, database=None,
        phases=(Phase.explicit, Phase.generate), suppress_health_check=list(HealthCheck),
    )  # fmt: skip


OPERATIONS = [
    (method, path)
    for path, methods in openapi.document("0")["paths"].items()
    for method in methods
]


@pytest.mark.timeout(3600)
@pytest.mark.filterwarnings("ignore")  # schemathesis speaks of schemas that it cannot use
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_what_the_description_allows_or_forbids_gets_a_documented_answer(
    service: Service, request: pytest.FixtureRequest, method: str, path: str
) -> None:
    description = service.get("/openapi.json").json()
    schema = schemathesis.openapi.from_dict(description, config=SchemathesisConfig(seed=7))
    operation = schema[path][method]
    count = examples(request, 25, 1000)
    probe(service, operation, GenerationMode.POSITIVE, count)
    if method == "post":  # only a body can be of a wrong form
        probe(service, operation, GenerationMode.NEGATIVE, count * 4)


def probe(
    service: Service, operation: schemathesis.APIOperation, mode: GenerationMode, count: int
) -> None:
    """Sends `count` requests of one operation."""
    documented = {int(code) for code in operation.definition.raw["responses"]}

    @seed(7)
    @settled(count)
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: schemathesis.Case) -> None:
        prepared = case.as_transport_kwargs(base_url="http://x")
        sent = json.dumps(prepared["json"]).encode() if "json" in prepared else None
        headers = {"Authorization": f"Bearer {service.key}"}
        if sent is not None:
            headers["Content-Type"] = "application/json"
        path = prepared["url"].removeprefix("http://x")
        reply = service.request(prepared["method"], path, sent, headers)
        promised(service, reply)
        assert reply.status in documented, (reply.status, reply.body)

    check()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    ["stream", "stream_options", "max_tokens", "temperature", "stop", "n", "seed", "tools",
     "tool_choice", "response_format", "logit_bias", "user", "visus", "messages", "model", "x"]
)  # fmt: skip
BODIES = st.builds(
    lambda fields, messages: {"model": "good", "messages": messages, **fields},
    st.dictionaries(FIELDS, JSON, max_size=4),
    st.just([{"role": "user", "content": "Hello"}])
    | st.lists(
        st.fixed_dictionaries(
            {"role": st.sampled_from(["user", "system", "assistant", "tool", "?"])},
            optional={"content": JSON, "tool_calls": JSON, "name": JSON, "tool_call_id": JSON},
        ),
        max_size=3,
    ),
)


@pytest.mark.timeout(900)
def test_a_body_of_wrong_types_is_told_or_answered(
    service: Service, request: pytest.FixtureRequest
) -> None:
    @settled(examples(request, 150, 5000))
    @given(BODIES)
    def check(body: dict[str, object]) -> None:
        reply = service.post(body)
        promised(service, reply)
        assert reply.status in {200, 400, 404}, reply.body

    check()


@pytest.mark.timeout(900)
def test_bytes_that_are_no_json_are_told(
    service: Service, request: pytest.FixtureRequest
) -> None:
    start = b'{"model":"good","messages":[{"role":"user","content":"'

    @settled(examples(request, 80, 3000))
    @given(st.binary(max_size=60))
    def check(garbage: bytes) -> None:
        for body in (garbage, start + garbage + b'"}]}'):
            reply = service.post(body)
            promised(service, reply)
            assert reply.status in {200, 400, 404}, reply.body

    check()


DATA_URLS = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["data:", "DATA:", "data", "data:data:"]),
        st.sampled_from(
            ["", "image/png", "image/jpeg", "text/html", "image/", "/", "a" * 2000]
        ),
        st.sampled_from(["", ";base64", ";BASE64", ";charset=utf-8;base64", ";" * 500]),
        st.sampled_from([",", "", ",,"]),
        st.text(max_size=40) | st.binary(max_size=40).map(lambda raw: raw.hex()),
    ),
)


@pytest.mark.timeout(900)
def test_a_data_url_of_any_form_is_told(
    service: Service, request: pytest.FixtureRequest
) -> None:
    @settled(examples(request, 150, 5000))
    @given(DATA_URLS)
    def check(url: str) -> None:
        body = {"model": "good", "messages": [{"role": "user", "content": [picture(url)]}]}
        reply = service.post(body)
        promised(service, reply)
        assert reply.status == 400, (url, reply.body)

    check()
