"""The reference says what the code says."""

import inspect
import re

import msgspec
import pytest
from starlette.routing import compile_path
from tests.meta.reference import (
    FOLDER,
    dialect_options,
    docstrings_of,
    every_error,
    pages,
)
from tests.support.service import Service

from visus import errors
from visus.config import Settings
from visus.server import entries
from visus.server.authenticate import OPEN_PATHS
from visus.server.error_body import error_body


@pytest.mark.parametrize("name", pages())
def test_a_page_of_the_reference_is_what_the_code_makes_of_it(name: str) -> None:
    assert (FOLDER / name).read_text() == pages()[name], "run: python -m tests.meta.reference"


def structs(cls: type[msgspec.Struct], found: dict[str, type[msgspec.Struct]]) -> None:
    """Every struct that a configuration can hold."""
    for field in msgspec.structs.fields(cls):
        for name in re.findall(r"[\w.]*visus[\w.]+", repr(field.type)):
            module, _, inner = name.rpartition(".")
            kind = getattr(__import__(module, fromlist=[inner]), inner)
            if inspect.isclass(kind) and issubclass(kind, msgspec.Struct):
                found[inner] = kind
                structs(kind, found)


def test_every_setting_says_what_it_is_for() -> None:
    found = {options.__name__: options for _, options in dialect_options()}
    structs(Settings, found)
    assert {"ServerSettings", "ProviderRow", "Vision", "WorkerSettings"} <= set(found)
    silent = {
        f"{name}.{field.name}"
        for name, cls in found.items()
        for field in msgspec.structs.fields(cls)
        if field.name not in docstrings_of(cls)
    }
    assert not silent


def test_every_setting_refuses_unknown_keys_and_cannot_be_changed() -> None:
    found = {"Settings": Settings, **{one.__name__: one for _, one in dialect_options()}}
    structs(Settings, found)
    for cls in found.values():
        assert cls.__struct_config__.frozen
        assert cls.__struct_config__.forbid_unknown_fields


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_an_error_has_the_body_that_clients_know(kind: type[errors.ServiceError]) -> None:
    error = kind("What went wrong.", param="messages[0]", detail="only for our log")
    assert msgspec.json.decode(error_body(error)) == {
        "error": {
            "message": "What went wrong.",
            "type": kind.type,
            "param": "messages[0]",
            "code": kind.code,
        },
        "detail": "What went wrong.",
    }
    assert kind.status in range(400, 600)
    assert kind.status != 422
    assert re.fullmatch(r"[a-z0-9_]+", kind.code)


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_an_error_pointed_elsewhere_keeps_its_meaning(kind: type[errors.ServiceError]) -> None:
    error = kind("What.", param="a", detail="why", retry_after_s=3).at("b")
    assert type(error) is kind
    assert (error.message, error.param, error.detail) == ("What.", "b", "why")
    assert error.retry_after_s == 3


def test_every_route_is_in_the_reference_and_needs_a_key_unless_it_is_open(
    service: Service,
) -> None:
    source = inspect.getsource(entries)
    mounted = set(re.findall(r'Entry\(\s*f?"([^"]+)", "([A-Z]+)"', source))
    expanded = {
        (path.replace("{prefix}", prefix).replace("{{", "{").replace("}}", "}"), method)
        for path, method in mounted
        for prefix in ("/v1", "/v2")
    }
    assert len(expanded) == 71
    rows = re.findall(
        r"^\| ([A-Z]+) \| `([^`]+)` \|", (FOLDER / "routes.md").read_text(), re.MULTILINE
    )
    documented = {(path, method) for method, path in rows}
    assert {(path.replace(":path", ""), method) for path, method in expanded} == documented
    for path, method in expanded:
        url = compile_path(path)[1].replace("{model_id}", "visus-lite")
        url = re.sub(r"\{\w+\}", "file-x", url)
        reply = service.request(method, url, None, {})
        assert reply.status == (200 if path in OPEN_PATHS else 401), path
