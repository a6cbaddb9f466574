"""The settings of the database and of keys."""

from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

import msgspec
from typing_extensions import override

from visus.accounts.address import postgres_address


class PostgresSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Connections to a PostgreSQL server; without effect on SQLite."""

    pool_size: Annotated[int, msgspec.Meta(ge=2, le=1000)] = 10
    """The most connections that one process opens."""
    connect_timeout_s: Annotated[int, msgspec.Meta(ge=2, le=600)] = 5
    """How long connecting to each server may take, and how long waiting for a free
    connection."""
    statement_timeout_s: Annotated[float, msgspec.Meta(ge=0.1, le=600)] = 10.0
    """How long one statement may take; then the request is answered with 503."""
    migration_wait_s: Annotated[float, msgspec.Meta(ge=0.1, le=3600)] = 60.0
    """How long a start waits while another process migrates the tables, or has one locked; then
    it fails."""


Algorithm: TypeAlias = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]
"""Asymmetric signature algorithms."""


class Issuer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An OpenID Connect issuer whose bearer tokens are accepted like keys."""

    issuer: str
    """Its address, as tokens name it: `https://login.example.test/realms/acme`. Without TLS
    only on this machine."""
    audience: Annotated[str, msgspec.Meta(min_length=1)]
    """For whom its tokens have to be, in `aud`."""
    project_claim: Annotated[str, msgspec.Meta(min_length=1)] = "visus_project"
    """The claim that says to which project a caller belongs: one value, or several of which the
    first that is a project here counts."""
    projects: dict[str, str] = {}
    """From values of that claim to the ids of projects, and then nothing else counts; without
    any the values are the ids themselves."""
    algorithms: tuple[Algorithm, ...] = ("RS256", "PS256", "ES256", "EdDSA")
    """The signatures that are accepted."""
    leeway_s: Annotated[float, msgspec.Meta(ge=0, le=600)] = 30.0
    """By how much its clock and ours may differ."""
    keys_kept_s: Annotated[float, msgspec.Meta(ge=10)] = 3600.0
    """How long its keys are good without asking again."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.issuer)
        is_here = parts.hostname in {"127.0.0.1", "::1", "localhost"}
        if parts.scheme != "https" and not (parts.scheme == "http" and is_here):
            raise ValueError("an issuer has an https address")


class AccountsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where keys live, and how long a known key is trusted without asking again."""

    database: str = "visus.db"
    """A file, relative to `[state] dir`; or `postgresql://user:password@host:5432/name`, where
    `?sslmode=verify-full` and the like may follow. Special characters of the password are
    written as in every URL: `%40` for `@`."""
    postgresql: PostgresSettings = PostgresSettings()
    """Connections to a PostgreSQL server."""
    key_cache_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.5
    """A revoked key is refused after at most this many seconds."""
    wrong_keys_per_minute: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 600
    """Wrong keys that one address may send, as many at once; more are answered 429 in place of
    401. Of IPv6 the first 64 bits are the address. 0 for no bound."""

    issuers: tuple[Issuer, ...] = ()
    """OpenID Connect issuers whose bearer tokens are accepted beside keys."""

    def __post_init__(self) -> None:
        postgres_address(self.database)

    @override
    def __repr__(self) -> str:
        """Without the password that stands in a URL."""
        shown = postgres_address(self.database) or self.database
        return f"AccountsSettings(database={str(shown)!r})"
