"""Servers that many people run: a row of two lines, and what callers get of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import FAST
from tests.server.test_chat_proxy import data_url
from tests.support.claims import answered, refused
from tests.support.openai_family import AzureServer, OpenAIServer, pictures
from tests.support.service import Service, ask, picture
from tests.unit.media.sample_pictures import encode, halves

from visus.config import ConfigRefused, load
from visus.models.presets import presets

CONFIG = """
[[providers]]
name = "laptop"
preset = "ollama"
base_url = "http://127.0.0.1:{openai}/v1"
api_key_env = "SCRIPTED_KEY"
[[providers]]
name = "openai"
preset = "openai"
base_url = "http://127.0.0.1:{openai}/v1"
api_key_env = "SCRIPTED_KEY"
[[providers]]
name = "azure"
preset = "azure-deployments"
base_url = "http://127.0.0.1:{azure}"
api_key_env = "SCRIPTED_KEY"
[providers.options]
query = { api-version = "2025-04-01-preview" }
[[models]]
id = "on-a-laptop"
provider = "laptop"
upstream_id = "good"
input_modalities = ["text", "image"]
vision = { image_roles = ["user"] }
[[models]]
id = "at-openai"
provider = "openai"
upstream_id = "good"
input_modalities = ["text", "image"]
[[models]]
id = "at-azure"
provider = "azure"
upstream_id = "eyes of sweden"
input_modalities = ["text", "image"]
"""


@pytest.fixture(scope="module")
def openai() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


@pytest.fixture(scope="module")
def azure_cloud() -> Iterator[AzureServer]:
    with AzureServer() as running:
        yield running


@pytest.fixture(scope="module")
def preset(
    openai: OpenAIServer, azure_cloud: AzureServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    config = CONFIG.replace("{openai}", str(openai.port))
    running = Service(
        tmp_path_factory.mktemp("preset"),
        FAST + config.replace("{azure}", str(azure_cloud.port)),
        SCRIPTED_KEY=openai.key,
    )
    yield running
    running.stop()


def still(form: str) -> dict[str, Any]:
    return picture(data_url(encode(halves(), form)))


def test_what_a_server_is_known_to_ignore_is_refused_by_name(preset: Service) -> None:
    refused(preset, preset.post(ask("on-a-laptop", n=2)), 400, "unsupported_parameter", "n")
    answered(preset, preset.post(ask("at-openai", n=2)))


def test_the_bound_on_an_answer_goes_by_the_name_that_the_server_knows(
    preset: Service, openai: OpenAIServer
) -> None:
    for model, known, other in (
        ("on-a-laptop", "max_tokens", "max_completion_tokens"),
        ("at-openai", "max_completion_tokens", "max_tokens"),
    ):
        for name in (known, other):
            answered(preset, preset.post(ask(model, **{name: 7})))
            body = openai.asked[-1].body
            assert (body.get(known), body.get(other)) == (7, None)


@pytest.mark.parametrize(
    "more",
    [
        {"tool_choice": "auto"},
        {"tool_choice": "none", "tools": []},
        {"tool_choice": "auto", "tools": None, "parallel_tool_calls": False},
        {"top_logprobs": 0},
        {"max_tokens": 7, "max_completion_tokens": 7},
    ],
    ids=str,
)
def test_what_says_nothing_is_not_told_a_server_that_refuses_it(
    preset: Service, more: dict[str, Any]
) -> None:
    answered(preset, preset.post(ask("at-openai", **more)))


def test_two_bounds_on_an_answer_that_differ_are_refused(
    preset: Service, openai: OpenAIServer
) -> None:
    before = len(openai.asked)
    reply = preset.post(ask("at-openai", max_tokens=7, max_completion_tokens=8))
    refused(preset, reply, 400, "invalid_value", "max_tokens")
    assert len(openai.asked) == before


def test_pictures_come_in_formats_that_the_server_reads(
    preset: Service, openai: OpenAIServer
) -> None:
    for model, expected in (
        ("on-a-laptop", ("image/png", "image/jpeg")),
        ("at-openai", ("image/webp",)),
    ):
        answered(preset, preset.post(ask(model, [still("WEBP")])))
        (sent,) = pictures(openai.asked[-1].body)
        assert sent.url.startswith(tuple(f"data:{one};" for one in expected))


def test_a_row_keeps_its_own_keys_and_takes_the_others(
    preset: Service, azure_cloud: AzureServer
) -> None:
    answered(preset, preset.post(ask("at-azure")))
    assert azure_cloud.asked[-1].path == (
        "/openai/deployments/eyes%20of%20sweden/chat/completions?api-version=2025-04-01-preview"
    )
    assert azure_cloud.asked[-1].headers["api-key"] == azure_cloud.key
    refused(
        preset,
        preset.post(ask("at-azure", [still("PNG")] * 11)),
        400,
        "too_many_images",
        "messages",
    )


@pytest.mark.parametrize("name", sorted(presets()))
def test_every_preset_makes_a_row_that_can_be_used(name: str, tmp_path: Path) -> None:
    file = tmp_path / "visus.toml"
    address = "" if "base_url" in presets()[name].provider else 'base_url = "https://a.test/v1"'
    file.write_text(
        f'[[providers]]\nname = "p"\npreset = "{name}"\n{address}\n'
        '[[models]]\nid = "m"\nprovider = "p"\ninput_modalities = ["text", "image"]\n'
    )
    read = load(file, {})
    access = read.access["p"]
    assert access.row.dialect == "openai"
    assert set(access.missing) == ({access.row.api_key_env} - {None})
    assert access.row.region == "global"  # nobody but the operator knows where it runs
    (model,) = [one for one in read.catalogue.models if one.id == "m"]
    assert model.vision.formats


def test_an_address_that_is_to_come_from_the_environment_is_not_filled_in(
    tmp_path: Path,
) -> None:
    file = tmp_path / "visus.toml"
    file.write_text('[[providers]]\nname = "p"\npreset = "ollama"\nbase_url_env = "WHERE"\n')
    assert load(file, {}).access["p"].missing == ("WHERE",)
    there = load(file, {"WHERE": "http://10.0.0.1/v1"})
    assert there.access["p"].base_url == "http://10.0.0.1/v1"


def test_a_preset_that_nobody_knows_is_refused_with_its_line_and_the_known_ones(
    tmp_path: Path,
) -> None:
    file = tmp_path / "visus.toml"
    file.write_text('[[providers]]\nname = "p"\npreset = "olama"\ndialect = "openai"\n')
    with pytest.raises(
        ConfigRefused, match=r":3: providers\[0\].preset: .*llama-server.*ollama"
    ):
        load(file, {})


def test_a_field_that_openai_does_not_know_never_reaches_it(preset: Service) -> None:
    reply = preset.post(ask("at-openai", frobnicate=1))
    answered(preset, reply)
    assert reply.headers["x-visus-ignored"] == "frobnicate"
