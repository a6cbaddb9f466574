"""The settings of the database and of keys."""

from typing import Annotated

import msgspec
from typing_extensions import override

from visus.accounts.address import postgres_address


class PostgresSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a PostgreSQL server is talked to; without effect on a file."""

    pool_size: Annotated[int, msgspec.Meta(ge=2, le=1000)] = 10
    """Connections that one process has open at most."""
    connect_timeout_s: Annotated[int, msgspec.Meta(ge=2, le=600)] = 5
    """For a connection to be made, to each of the servers; and for one to become free."""
    statement_timeout_s: Annotated[float, msgspec.Meta(ge=0.1, le=600)] = 10.0
    """For one statement; then the request is 503."""
    migration_wait_s: Annotated[float, msgspec.Meta(ge=0.1, le=3600)] = 60.0
    """How long a start waits for another one that is just bringing the tables up to date, or
    for a table that somebody else has locked; then it is refused."""


class AccountsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where keys live, and how long a known key is trusted without asking again."""

    database: str = "visus.db"
    """A file, relative to `[state] dir`; or `postgresql://user:password@host:5432/name`, where
    `?sslmode=verify-full` and the like may follow. Special characters of the password are
    written as in every URL: `%40` for `@`."""
    postgresql: PostgresSettings = PostgresSettings()
    """How a PostgreSQL server is talked to."""
    key_cache_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.5
    """A revoked key is refused after at most this many seconds."""
    wrong_keys_per_minute: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 600
    """Wrong keys that one address may send, as many at once; more are answered 429 in place of
    401. Of IPv6 the first 64 bits are the address. 0 for no bound."""

    def __post_init__(self) -> None:
        postgres_address(self.database)

    @override
    def __repr__(self) -> str:
        """Without the password that stands in a URL."""
        shown = postgres_address(self.database) or self.database
        return f"AccountsSettings(database={str(shown)!r})"
