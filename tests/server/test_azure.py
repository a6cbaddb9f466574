"""Azure OpenAI behind the service: a server as strict as the real one, and its faults."""

from collections.abc import Iterator
from typing import Any

import pytest
from openai import APIError, AzureOpenAI, BadRequestError, OpenAI
from tests.conftest import FAST
from tests.server.test_chat_proxy import data_url
from tests.support.claims import answered, recorded, refused, text_of
from tests.support.openai_family import (
    AZURE_BEHAVIOURS,
    CITED,
    PROMPT_VERDICT,
    SAFE,
    AzureServer,
    pictures,
)
from tests.support.service import Service, ask, picture, text
from tests.unit.media.sample_pictures import animation, encode, halves

both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])

VERSION = "2024-10-21"
CONFIG = """
[[providers]]
name = "sweden"
dialect = "openai"
base_url = "http://127.0.0.1:{port}"
api_key_env = "SCRIPTED_KEY"
api_key_header = "api-key"
[providers.options]
path = "/openai/deployments/{model}/chat/completions"
query = { api-version = "2024-10-21" }
[[providers]]
name = "token"
dialect = "openai"
base_url = "http://127.0.0.1:{port}/openai/v1"
api_key_env = "SCRIPTED_TOKEN"
[[providers]]
name = "unversioned"
dialect = "openai"
base_url = "http://127.0.0.1:{port}/openai/deployments"
api_key_env = "SCRIPTED_KEY"
api_key_header = "api-key"
options = { path = "/{model}/chat/completions" }
[[providers]]
name = "keyless"
dialect = "openai"
base_url = "http://127.0.0.1:{port}/openai/v1"
[[models]]
id = "mapped"
provider = "sweden"
upstream_id = "eyes of sweden"
[[models]]
id = "by-token"
provider = "token"
upstream_id = "gpt-4.1"
[[models]]
id = "unversioned"
provider = "unversioned"
upstream_id = "gpt-4.1"
[[models]]
id = "without-key"
provider = "keyless"
upstream_id = "gpt-4.1"
[[models]]
id = "undeployed"
provider = "sweden"
"""


@pytest.fixture(scope="session")
def cloud() -> Iterator[AzureServer]:
    with AzureServer() as running:
        yield running


@pytest.fixture(scope="session")
def azure(cloud: AzureServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service before Azure in both forms, with a model for each of its behaviours."""
    rows = "".join(
        f'[[models]]\nid = "{name}"\nprovider = "sweden"\n'
        'input_modalities = ["text", "image"]\n'
        for name in AZURE_BEHAVIOURS
    )
    running = Service(
        tmp_path_factory.mktemp("azure"),
        FAST + CONFIG.replace("{port}", str(cloud.port)) + rows,
        SCRIPTED_KEY=cloud.key,
        SCRIPTED_TOKEN=cloud.token,
        AZURE_OPENAI_BASE_URL=f"http://127.0.0.1:{cloud.port}/openai/v1",
        AZURE_OPENAI_API_KEY=cloud.key,
    )
    yield running
    running.stop()


@pytest.fixture
def client(azure: Service) -> Iterator[OpenAI]:
    with OpenAI(base_url=azure.url, api_key=azure.key, max_retries=0) as made:
        yield made


@pytest.fixture
def direct(cloud: AzureServer) -> Iterator[AzureOpenAI]:
    """Azure's own client, which asks the cloud without us."""
    endpoint = f"http://127.0.0.1:{cloud.port}"
    with AzureOpenAI(
        azure_endpoint=endpoint, api_key=cloud.key, api_version=VERSION, max_retries=0
    ) as made:
        yield made


def still(form: str = "PNG") -> dict[str, Any]:
    return picture(data_url(encode(halves(), form)))


# --- Where it is asked -----------------------------------------------------------------------


@both_ways
@pytest.mark.parametrize(
    ("model", "path", "header"),
    [
        ("good", f"/openai/deployments/good/chat/completions?api-version={VERSION}", "api-key"),
        (
            "mapped",
            f"/openai/deployments/eyes%20of%20sweden/chat/completions?api-version={VERSION}",
            "api-key",
        ),
        ("gpt-4.1", "/openai/v1/chat/completions", "api-key"),
        ("by-token", "/openai/v1/chat/completions", "authorization"),
    ],
)
def test_both_forms_of_the_address_and_of_the_key(  # noqa: PLR0913, PLR0917 -- a row of the table
    azure: Service,
    cloud: AzureServer,
    stream: bool,  # noqa: FBT001
    model: str,
    path: str,
    header: str,
) -> None:
    reply = azure.post(ask(model, stream=stream))
    answered(azure, reply)
    asked = cloud.asked[-1]
    assert asked.path == path
    assert {"api-key", "authorization"} & asked.headers.keys() == {header}


@pytest.mark.parametrize(
    ("model", "status", "code", "param"),
    [
        ("undeployed", 404, "model_not_found", "model"),
        ("unversioned", 502, "upstream_bad_response", None),
        ("without-key", 502, "upstream_auth_failed", None),
    ],
)
def test_what_the_operator_got_wrong_is_told_without_azures_words(
    azure: Service, model: str, status: int, code: str, param: str | None
) -> None:
    refused(azure, azure.post(ask(model)), status, code, param)


# --- What its filter says --------------------------------------------------------------------

SEEN_OF_PROMPT = [
    {
        "prompt_index": 0,
        "content_filter_results": SAFE
        | {"jailbreak": {"filtered": False, "detected": False}}
        | {"custom_blocklists": {"filtered": False}},
    }
]


def test_verdicts_reach_the_caller_where_azures_clients_look(client: OpenAI) -> None:
    answer = client.chat.completions.create(**ask("good"))  # type: ignore[arg-type]
    assert answer.model_extra == {"prompt_filter_results": SEEN_OF_PROMPT}
    assert answer.choices[0].model_extra == {"content_filter_results": SAFE}
    assert answer.choices[0].message.content == "A red böat."


def test_a_stream_has_the_verdicts_that_azures_own_client_sees(
    client: OpenAI, direct: AzureOpenAI
) -> None:
    wanted = ask("good", stream=True)
    ours = list(client.chat.completions.create(**wanted))  # type: ignore[call-overload]
    theirs = list(direct.chat.completions.create(**wanted))  # type: ignore[call-overload]
    assert ours[0].choices == theirs[0].choices == []
    assert theirs[0].model_extra["prompt_filter_results"] == PROMPT_VERDICT
    assert ours[0].model_extra["prompt_filter_results"] == SEEN_OF_PROMPT

    def pieces(chunks: list[Any]) -> list[tuple[str, Any]]:
        said = [
            one.choices[0] for one in chunks if one.choices and one.choices[0].delta.content
        ]
        return [(one.delta.content, one.model_extra["content_filter_results"]) for one in said]

    assert pieces(ours) == pieces(theirs)
    assert [word for word, _ in pieces(ours)] == ["A ", "red ", "bö", "at."]


def test_late_verdicts_keep_their_places_and_lose_azures_words(azure: Service) -> None:
    reply = azure.post(ask("late_verdicts", stream=True))
    answered(azure, reply)
    events = reply.events()
    assert text_of(events) == "Once more"
    judged = [
        one["choices"][0]
        for one in events[:-1]
        if one["choices"] and "content_filter_results" in one["choices"][0]
    ]
    (verdict,) = judged
    expected = CITED | {"error": {"code": "content_filter_error"}}
    assert verdict["content_filter_results"] == expected
    assert verdict["content_filter_offsets"]["end_offset"] == 52
    assert (verdict["delta"], verdict["finish_reason"]) == ({}, None)


@both_ways
def test_an_answer_that_the_filter_stopped_says_so(azure: Service, stream: bool) -> None:  # noqa: FBT001
    reply = azure.post(ask("filtered_answer", stream=stream))
    answered(azure, reply)
    last = reply.events()[-2] if stream else reply.json()
    choice = last["choices"][0]
    assert choice["finish_reason"] == "content_filter"
    found = choice["content_filter_results"]["violence"]
    assert found == {"filtered": True, "severity": "medium"}


@both_ways
def test_a_prompt_that_the_filter_refuses_is_a_400_that_says_why(
    azure: Service,
    stream: bool,  # noqa: FBT001
) -> None:
    reply = azure.post(ask("filtered_prompt", "PROMPT-CANARY", stream=stream))
    refused(azure, reply, 400, "content_filter", "messages")
    message = "The provider's content filter refused the request: violence (high), jailbreak."
    assert reply.json()["detail"] == message


def test_the_stock_client_knows_a_refusal_of_the_filter(client: OpenAI) -> None:
    with pytest.raises(BadRequestError) as refusal:
        client.chat.completions.create(**ask("filtered_prompt"))  # type: ignore[call-overload]
    assert refusal.value.code == "content_filter"
    with pytest.raises(APIError, match="violence"):
        list(client.chat.completions.create(**ask("filtered_in_stream", stream=True)))  # type: ignore[call-overload]


# --- Limits and faults -----------------------------------------------------------------------


@both_ways
def test_azures_limits_are_told_under_names_that_are_not_ours(
    azure: Service,
    stream: bool,  # noqa: FBT001
) -> None:
    reply = azure.post(ask("good", stream=stream))
    theirs = {k: v for k, v in reply.headers.items() if k.startswith("x-upstream-")}
    assert theirs == {
        "x-upstream-ratelimit-limit-requests": "250",
        "x-upstream-ratelimit-remaining-requests": "249",
        "x-upstream-ratelimit-remaining-tokens": "249841",
    }
    assert not [name for name in reply.headers if name.startswith("x-ms-")]


@both_ways
@pytest.mark.parametrize(
    ("model", "status", "code", "param"),
    [
        ("throttled", 429, "rate_limit_exceeded", None),
        ("retired", 404, "model_not_found", "model"),
        ("firewalled", 502, "upstream_auth_failed", None),
        ("timed_out", 504, "upstream_timeout", None),
        ("failing", 502, "upstream_bad_response", None),
        ("no_quota", 502, "upstream_bad_response", None),
        ("gzip_bomb", 502, "upstream_bad_response", None),
        ("closes_at_once", 502, "upstream_bad_response", None),
        ("says_done_at_once", 502, "upstream_bad_response", None),
        ("silent", 504, "upstream_timeout", None),
        ("not_json", 502, "upstream_bad_response", None),
    ],
)
def test_azures_refusals_become_ours(  # noqa: PLR0913, PLR0917 -- a row of the table
    azure: Service,
    stream: bool,  # noqa: FBT001
    model: str,
    status: int,
    code: str,
    param: str | None,
) -> None:
    reply = azure.post(ask(model, "PROMPT-CANARY", stream=stream))
    refused(azure, reply, status, code, param)
    if model == "throttled":
        assert reply.headers["retry-after"] == "7"
        assert reply.headers["x-upstream-ratelimit-remaining-tokens"] == "0"


@pytest.mark.parametrize(
    ("model", "code"),
    [
        ("cut_without_finish", "upstream_bad_response"),
        ("done_without_finish", "upstream_bad_response"),
        ("reset_mid_stream", "upstream_bad_response"),
        ("malformed_event", "upstream_bad_response"),
        ("two_objects_in_a_line", "upstream_bad_response"),
        ("error_in_stream", "upstream_bad_response"),
        ("huge_event", "upstream_bad_response"),
        ("stalls", "upstream_timeout"),
        ("finish_then_fault", "upstream_bad_response"),
    ],
)
def test_a_stream_of_azure_that_breaks_ends_with_an_error(
    azure: Service, model: str, code: str
) -> None:
    reply = azure.post(ask(model, stream=True))
    assert reply.status == 200, reply.body
    first, *rest = reply.events()
    assert first["choices"] == []
    assert rest[-1]["error"]["code"] == code
    assert "[DONE]" not in rest
    recorded(azure, reply, 200)


@pytest.mark.parametrize("model", ["sliced", "odd_framing", "chatters_after_done"])
def test_however_a_stream_is_cut_it_says_the_same(azure: Service, model: str) -> None:
    reply = azure.post(ask(model, stream=True))
    answered(azure, reply)
    expected = "Yes." if model == "chatters_after_done" else "A red böat."
    assert text_of(reply.events()) == expected


# --- Pictures --------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_gpt_gets_every_format_as_one_that_it_takes(
    azure: Service, cloud: AzureServer, form: str
) -> None:
    answered(azure, azure.post(ask("gpt-4.1", [text("What is this?"), still(form)])))
    (sent,) = pictures(cloud.asked[-1].body)
    assert sent.url.startswith(
        ("data:image/png;", "data:image/jpeg;", "data:image/gif;", "data:image/webp;")
    )


def test_an_animation_is_sent_as_a_still(azure: Service) -> None:
    url = data_url(animation("GIF"))
    answered(azure, azure.post(ask("gpt-4.1", [picture(url)])))


def test_pictures_of_every_role_reach_a_server_that_takes_them_of_users_only(
    azure: Service, cloud: AzureServer
) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    messages = [
        {"role": "system", "content": [text("Know this."), still()]},
        {"role": "user", "content": "Look."},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": [text("It:"), still("JPEG")]},
    ]
    answered(azure, azure.post({"model": "gpt-4.1", "messages": messages}))
    assert [one.role for one in pictures(cloud.asked[-1].body)] == ["user", "user"]


def test_ten_pictures_go_and_eleven_are_refused_before_azure_is_asked(
    azure: Service, cloud: AzureServer
) -> None:
    answered(azure, azure.post(ask("gpt-4.1", [still()] * 10)))
    before = len(cloud.asked)
    refused(
        azure, azure.post(ask("gpt-4.1", [still()] * 11)), 400, "too_many_images", "messages"
    )
    assert len(cloud.asked) == before
