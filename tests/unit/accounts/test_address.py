"""What a URL of a database says, and what is said of it to others."""

from pathlib import Path

import pytest

from visus.accounts.address import postgres_address
from visus.config import ConfigRefused, load


@pytest.mark.parametrize(
    ("url", "shown", "parameters"),
    [
        (
            "postgresql://me:secret@db.example:6432/visus",
            "postgresql://me@db.example:6432/visus",
            {"user": "me", "password": "secret", "host": "db.example", "port": "6432"},
        ),
        (
            "postgres://me:p%40ss%2Fw%3Ard%231%25@10.0.0.1/visus?sslmode=verify-full",
            "postgresql://me@10.0.0.1/visus",
            {"user": "me", "password": "p@ss/w:rd#1%", "host": "10.0.0.1", "port": "5432"}
            | {"sslmode": "verify-full"},
        ),
        (
            "postgresql://me:an@at@[::1]:1/visus",
            "postgresql://me@[::1]:1/visus",
            {"user": "me", "password": "an@at", "host": "::1", "port": "1"},
        ),
        (
            "postgresql://me@one:1,two/visus?target_session_attrs=read-write",
            "postgresql://me@one:1,two/visus",
            {"user": "me", "host": "one,two", "port": "1,5432"}
            | {"target_session_attrs": "read-write"},
        ),
        (
            "postgresql:///visus?host=/run/postgresql&password=secret",
            "postgresql:///visus",
            {"host": "/run/postgresql", "password": "secret"},
        ),
    ],
)
def test_a_url_is_read_whole_and_shown_without_its_password(
    url: str, shown: str, parameters: dict[str, str]
) -> None:
    address = postgres_address(url)
    assert address is not None
    assert address.parameters == parameters | {"dbname": "visus"}
    assert f"{address}" == shown
    assert repr(address) == f"PostgresAddress(shown='{shown}')"


@pytest.mark.parametrize("name", ["visus.db", "/var/lib/visus.db", "a:b@c", "postgresql"])
def test_anything_else_is_the_name_of_a_file(name: str) -> None:
    assert postgres_address(name) is None


FAULTY = [
    "postgresql://me:hush/hush@db/visus",
    "postgresql://me:hush?hush@db/visus",
    "postgresql://me:hush#hush@db/visus",
    "postgresql://me:12/hush@db/visus",
    "postgresql://me:hush@db:port/visus",
    "postgresql://me:hush@db:123456/visus",
    "postgresql://me:hush@db",
    "postgresql://me:hush@db/",
    "postgresql://me:hush@db/visus/more",
    "postgresql://me:hush@db one/visus",
    "postgresql://me:hush@db/visus?conninfo=hush",
    "postgresql://me:hush@db/visus\n",
    "postgresql+psycopg://me:hush@db/visus",
    "mysql://me:hush@db/visus",
]


@pytest.mark.parametrize("url", FAULTY)
def test_a_faulty_url_is_told_without_a_piece_of_it(tmp_path: Path, url: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f"[accounts]\ndatabase = {url!r}\n".replace("\\n'", "'"))
    if not url.endswith("\n"):
        with pytest.raises(ConfigRefused) as of_the_file:
            load(path, {})
        assert str(of_the_file.value).startswith(
            f"{path}:1: accounts: database is a file's name or "
        )
        assert "hush" not in str(of_the_file.value)
    with pytest.raises(ConfigRefused) as of_the_variable:
        load(None, {"VISUS_ACCOUNTS__DATABASE": url})
    assert str(of_the_variable.value).startswith(
        "VISUS_ACCOUNTS__DATABASE: database is a file's"
    )
    assert "hush" not in str(of_the_variable.value)


def test_the_settings_print_without_the_password() -> None:
    url = "postgresql://me:hush@db/visus"
    configuration = load(None, {"VISUS_ACCOUNTS__DATABASE": url})
    assert configuration.settings.accounts.database == url
    assert "postgresql://me@db/visus" in repr(configuration)
    assert "hush" not in repr(configuration)
