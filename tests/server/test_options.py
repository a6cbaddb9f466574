"""Every option on every dialect: sent, met, or refused by name, as the reference says."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.conftest import FAST
from tests.meta.reference import FOLDER
from tests.support import tiny_model
from tests.support.claims import answered, refused
from tests.support.gemini_upstream import GeminiServer
from tests.support.service import Service, ask
from tests.support.upstream import Upstream

from visus.core.wishes import OPTION_NAMES

WEATHER = {"type": "function", "function": {"name": "weather"}}
WISHES: dict[str, dict[str, Any]] = {
    "frequency_penalty": {"frequency_penalty": 1.5},
    "logit_bias": {"logit_bias": {"50256": -100}},
    "logprobs": {"logprobs": True},
    "max_tokens": {"max_tokens": 5},
    "n": {"n": 2},
    "parallel_tool_calls": {"parallel_tool_calls": False, "tools": [WEATHER]},
    "presence_penalty": {"presence_penalty": -1},
    "reasoning_effort": {"reasoning_effort": "low"},
    "response_format": {"response_format": {"type": "json_object"}},
    "seed": {"seed": 7},
    "stop": {"stop": ["end"]},
    "temperature": {"temperature": 0},
    "tool_choice": {"tool_choice": "required", "tools": [WEATHER]},
    "tools": {"tools": [WEATHER]},
    "top_logprobs": {"logprobs": True, "top_logprobs": 3},
    "top_p": {"top_p": 0.5},
    "user": {"user": "somebody"},
}
"""A question that asks for something, by the option that does."""
NEUTRAL: dict[str, Any] = {
    "frequency_penalty": 0,
    "presence_penalty": 0.0,
    "logprobs": False,
    "logit_bias": {},
    "n": 1,
    "top_logprobs": 0,
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "stop": None,
    "response_format": {"type": "text"},
}
DIALECTS = ("openai", "gemini", "gguf", "lite")
DECLARED = {"tools": [{"functionDeclarations": [{"name": "weather"}]}]}
TO_GEMINI: dict[str, dict[str, Any]] = {
    "frequency_penalty": {"generationConfig": {"frequencyPenalty": 1.5}},
    "logprobs": {"generationConfig": {"responseLogprobs": True}},
    "max_tokens": {"generationConfig": {"maxOutputTokens": 5}},
    "n": {"generationConfig": {"candidateCount": 2}},
    "presence_penalty": {"generationConfig": {"presencePenalty": -1}},
    "reasoning_effort": {
        "generationConfig": {
            "thinkingConfig": {"thinkingBudget": 1024, "includeThoughts": True}
        }
    },
    "response_format": {"generationConfig": {"responseMimeType": "application/json"}},
    "seed": {"generationConfig": {"seed": 7}},
    "stop": {"generationConfig": {"stopSequences": ["end"]}},
    "temperature": {"generationConfig": {"temperature": 0}},
    "tool_choice": {**DECLARED, "toolConfig": {"functionCallingConfig": {"mode": "ANY"}}},
    "tools": DECLARED,
    "top_logprobs": {"generationConfig": {"responseLogprobs": True, "logprobs": 3}},
    "top_p": {"generationConfig": {"topP": 0.5}},
}
"""What each wish is in the words of the Gemini API."""


def promised() -> dict[tuple[str, str], str]:
    """What the table of the reference says, by option and dialect."""
    lines = (FOLDER / "options.md").read_text().splitlines()
    rows = [re.findall(r"[^|]+", line) for line in lines if line.startswith("|")]
    names = [cell.strip(" `") for cell in rows[0][1:]]
    return {
        (row[0].strip(" `"), name): cell.strip()
        for row in rows[2:]
        for name, cell in zip(names, row[1:], strict=True)
    }


PROMISED = promised()
ROWS = "".join(
    f'[[models]]\nid = "without-{name}"\nprovider = "{{provider}}"\nupstream_id = "good"\n'
    f'refuses = ["{name}"]\n'
    for name in OPTION_NAMES
)


@pytest.fixture(scope="module")
def choosy(
    upstream: Upstream, house: GeminiServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service with a model for each option that it refuses, and one that takes them all."""
    folder = tmp_path_factory.mktemp("model")
    tiny_model.write(folder)
    config = (
        FAST.replace("[lite]\nenabled = false\n", "")
        + f"""
[[providers]]
name = "scripted"
dialect = "openai"
base_url = "http://127.0.0.1:{upstream.port}/v1"
[[providers]]
name = "studio"
dialect = "gemini"
base_url = "http://127.0.0.1:{house.port}/v1beta"
api_key_env = "SCRIPTED_KEY"
api_key_header = "x-goog-api-key"
[[models]]
id = "gemini"
provider = "studio"
upstream_id = "good"
[[providers]]
name = "deaf"
dialect = "openai"
base_url = "http://127.0.0.1:{upstream.port}/v1"
refuses = ["seed"]
[[models]]
id = "openai"
provider = "scripted"
upstream_id = "good"
[[models]]
id = "deaf-and-more"
provider = "deaf"
upstream_id = "good"
refuses = ["top_p"]
[[models]]
id = "lite"
provider = "visus"
[[models]]
id = "gguf"
provider = "gguf"
path = "{folder}/model.gguf"
max_sequence_length = 512
[gguf]
threads = 1
{ROWS.replace("{provider}", "scripted")}
"""
    )
    running = Service(tmp_path_factory.mktemp("choosy"), config, SCRIPTED_KEY=house.key)
    assert running.post(ask("gguf", max_tokens=1)).status == 200  # its process is up from now
    yield running
    running.stop()


def test_the_table_has_every_option_and_every_dialect() -> None:
    assert set(PROMISED) == {(name, dialect) for name in OPTION_NAMES for dialect in DIALECTS}
    assert set(WISHES) == set(OPTION_NAMES)


@pytest.mark.timeout(60)  # the first question to the model inside waits until it is loaded
@pytest.mark.parametrize(("option", "dialect"), sorted(PROMISED))
def test_an_option_is_sent_met_or_refused_as_the_reference_says(
    choosy: Service, upstream: Upstream, house: GeminiServer, option: str, dialect: str
) -> None:
    wish = WISHES[option]
    reply = choosy.post(ask(dialect, **wish))
    if PROMISED[option, dialect] == "refused":
        refused(choosy, reply, 400, "unsupported_parameter", option)
        return
    answered(choosy, reply)
    if PROMISED[option, dialect] != "sent":
        return
    if dialect == "gemini":
        body = house.last("good").body
        del body["contents"]
        assert body == TO_GEMINI[option]
    else:
        assert upstream.last("good").body == ask("good", **wish)


@pytest.mark.parametrize("option", OPTION_NAMES)
def test_what_a_row_refuses_is_refused_by_name_and_never_sent(
    choosy: Service, upstream: Upstream, option: str
) -> None:
    before = len(upstream.asked)
    reply = choosy.post(ask(f"without-{option}", **WISHES[option]))
    refused(choosy, reply, 400, "unsupported_parameter", option)
    assert len(upstream.asked) == before
    estimate = choosy.post(
        ask(f"without-{option}", **WISHES[option]), path="/v1/chat/completions/estimate"
    )
    assert estimate.error() == (400, "unsupported_parameter", option)


def test_the_name_that_the_caller_used_is_the_one_that_is_refused(choosy: Service) -> None:
    reply = choosy.post(ask("without-max_tokens", max_completion_tokens=5))
    refused(choosy, reply, 400, "unsupported_parameter", "max_completion_tokens")


@pytest.mark.parametrize("option", NEUTRAL)
def test_what_asks_for_nothing_is_never_refused(choosy: Service, option: str) -> None:
    answered(choosy, choosy.post(ask(f"without-{option}", **{option: NEUTRAL[option]})))


@pytest.mark.parametrize("option", ["seed", "top_p"])
def test_rows_of_provider_and_model_refuse_together(choosy: Service, option: str) -> None:
    reply = choosy.post(ask("deaf-and-more", **WISHES[option]))
    refused(choosy, reply, 400, "unsupported_parameter", option)
