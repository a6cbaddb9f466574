"""Where a Redis server is: the URL of one. Pure.

As with a database's URL, what is said of it to anybody leaves the password out, also where it
cannot be read.
"""

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from typing_extensions import override

_URL: Final = re.compile(
    r"(?P<scheme>rediss?)://(?:(?P<user>[^:@/?#]*)(?::(?P<password>[^/?#]*))?@)?"
    r"(?P<host>[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?(?:/(?P<number>[0-9]{1,5})?)?"
)
DEFAULT_PORT: Final = 6379


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """A database of a Redis server; prints without its password."""

    shown: str
    host: str
    port: int
    number: int
    """Which of the server's databases."""
    is_encrypted: bool
    """Whether it is spoken to by TLS, and has to show a certificate for its name."""
    user: str | None = field(repr=False)
    password: str | None = field(repr=False)

    @override
    def __str__(self) -> str:
        return self.shown


def redis_address(url: str) -> RedisAddress:
    """The server that `url` names.

    Raises:
        ValueError: it names none.
    """
    found = _URL.fullmatch(url)
    if found is None or not 0 < int(found["port"] or DEFAULT_PORT) < 2**16:
        raise ValueError(
            "redis is redis://HOST:6379/0 or rediss://USER:PASSWORD@HOST:6379/0, where a "
            "password's special characters are written %40 for @, %2F for /, and so on"
        )
    port, number = int(found["port"] or DEFAULT_PORT), int(found["number"] or 0)
    return RedisAddress(
        shown=f"{found['scheme']}://{found['host']}:{port}/{number}",
        host=found["host"].strip("[]"),
        port=port,
        number=number,
        is_encrypted=found["scheme"] == "rediss",
        user=unquote(found["user"]) if found["user"] else None,
        password=unquote(found["password"]) if found["password"] else None,
    )
