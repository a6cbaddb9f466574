"""House rules that no linter has."""

import ast
import inspect
import re
import subprocess
from pathlib import Path

import httptools
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from tests.support.service import ROOT

from visus.accounts import tables
from visus.errors import ServiceError
from visus.providers import connection, transport

MODULES = sorted((ROOT / "src" / "visus").rglob("*.py"))
REGISTRIES = re.compile(
    r"(pypi|pythonhosted|registry\.npmjs|registry\.yarnpkg|crates)\.(org|io)|:\/\/[\w.-]*\/simple\b"
)
LONG = 60
"""Lines of a function; the habit is 25."""


def tracked() -> list[Path]:
    """Every file of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607 -- the machine's git
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [path for name in listed.stdout.splitlines() if (path := ROOT / name).is_file()]


def test_no_file_names_the_host_of_a_package_registry() -> None:
    naming = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if REGISTRIES.search(path.read_bytes().decode("utf-8", "ignore"))
    ]
    assert naming == [str(Path(__file__).relative_to(ROOT))][: len(naming)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_a_module_says_what_it_owns(path: Path) -> None:
    says = ast.get_docstring(ast.parse(path.read_text()))
    assert says is not None
    assert re.search(r"[.?:!]$", says.split("\n\n")[0]), says


def test_no_function_is_longer_than_a_page() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= LONG
    ]
    assert long == []


def test_no_module_is_named_for_nothing() -> None:
    nothing = {"utils", "util", "common", "helpers", "helper", "misc", "manager", "base2"}
    assert {path.stem for path in MODULES} & nothing == set()


def test_the_newest_migration_is_the_one_that_the_tables_name() -> None:
    config = Config()
    config.set_main_option("script_location", "visus.accounts:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [tables.HEAD]


def foreign() -> list[type[Exception]]:
    """Every exception class that a connection to a model's server can raise."""
    found = [*vars(httptools).values(), *vars(connection).values()]
    return [
        one
        for one in found
        if inspect.isclass(one)
        and issubclass(one, Exception)
        and one is not httptools.HttpParserUpgrade  # no error: `connection` makes it one
    ]


@pytest.mark.parametrize("kind", foreign(), ids=lambda kind: kind.__name__)
def test_every_exception_of_the_http_client_has_a_meaning_of_ours(
    kind: type[Exception],
) -> None:
    assert any(issubclass(kind, known) for known in transport.FAULTS)


@pytest.mark.parametrize("kind", transport.FAULTS, ids=lambda kind: kind.__name__)
def test_no_row_of_the_table_of_faults_is_hidden_by_an_earlier_one(
    kind: type[Exception],
) -> None:
    first = next(known for known in transport.FAULTS if issubclass(kind, known))
    assert first is kind
    ours, message = transport.FAULTS[kind]
    assert issubclass(ours, ServiceError)
    assert message.endswith(".")
