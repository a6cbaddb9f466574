"""Where a database is: a file's name, or the URL of a PostgreSQL server. Pure.

A URL holds a password, so what is said of it to anybody leaves the password out, also where it
cannot be read: a password with a stray `/` or `@` in it would otherwise be told as a port.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote

from typing_extensions import override

_URL: Final = re.compile(
    r"postgres(?:ql)?://(?:(?P<user>[^:/?#]*)(?::(?P<password>[^/?#]*))?@)?"
    r"(?P<hosts>[^@/?#]*)/(?P<name>[^@/?#\s]+)(?:\?(?P<query>[^@#]*))?"
)
_HOST: Final = re.compile(r"(?P<host>[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")
_OPTION: Final = re.compile("(?!conninfo$)[a-z_]+").fullmatch


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """A database on a server; prints without its password."""

    shown: str
    parameters: Mapping[str, str] = field(repr=False)
    """As libpq names them."""

    @override
    def __str__(self) -> str:
        return self.shown


def postgres_address(database: str) -> PostgresAddress | None:
    """The server that `database` names; None where it names a file.

    Raises:
        ValueError: it is a URL, but of no PostgreSQL database.
    """
    if "://" not in database:
        return None
    found = _URL.fullmatch(database)
    hosts = None if found is None else _hosts(found["hosts"])
    more = {} if found is None else dict(parse_qsl(found["query"] or ""))
    if found is None or hosts is None or not all(map(_OPTION, more)):
        raise ValueError(
            "database is a file's name or postgresql://USER:PASSWORD@HOST:5432/NAME, where a "
            "password's special characters are written %40 for @, %2F for /, and so on"
        )
    given = {
        "user": found["user"],
        "password": found["password"],
        "host": ",".join(host for host, _ in hosts),
        "port": ",".join(port for _, port in hosts),
        "dbname": found["name"],
    }
    parameters = {name: unquote(value) for name, value in given.items() if value}
    user = f"{found['user']}@" if found["user"] else ""
    shown = f"postgresql://{user}{found['hosts']}/{found['name']}"
    return PostgresAddress(shown, parameters | more)


def _hosts(text: str) -> list[tuple[str, str]] | None:
    """Host and port of each server; none where the query or libpq's own defaults say."""
    return list(_each(text)) if all(map(_HOST.fullmatch, _split(text))) else None


def _each(text: str) -> Iterator[tuple[str, str]]:
    for one in _split(text):
        if found := _HOST.fullmatch(one):
            yield found["host"].strip("[]"), found["port"] or "5432"


def _split(text: str) -> list[str]:
    return text.split(",") if text else []
