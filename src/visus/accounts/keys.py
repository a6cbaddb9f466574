"""API keys: made, shown once, known afterwards by digest only.

A key is 256 random bits, so one round of SHA-256 is enough to keep it: there is nothing to
guess. Every key belongs to a project, but for those of administrators, which ask no model.
"""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import sqlalchemy as sql

from visus.accounts import tables
from visus.accounts.faults import storage_faults
from visus.accounts.limits import NO_LIMITS, Limits
from visus.accounts.projects import (
    ProjectBook,
    admit_project,
    demands,
    limits_json,
    limits_of,
    named,
    names_json,
    names_of,
    places_text,
)
from visus.core.ids import new_id
from visus.core.places import Demand
from visus.core.question import Blind
from visus.errors import InvalidValue

PREFIX: Final = "sk-visus-"
ADMIN_PREFIX: Final = "sk-admin-"
SUBJECT: Final = "sub_"
"""How the ids of callers begin that show a token of an issuer's in the place of a key."""
MAX_KEY_CHARS: Final = 200
"""The longest key; a longer bearer token is refused without hashing."""
MIN_KEY_CHARS: Final = 20
"""A shorter one can be guessed, and is never made a key."""
_IN_A_HEADER: Final = re.compile("[!-~]+").fullmatch


class Terms(NamedTuple):
    """What a key may do."""

    residency: Sequence[str] = ()
    """The places of which its questions are answered in one; none: anywhere."""
    blind: Blind | None = None
    """What becomes of its pictures where a model takes text alone; None: the settings say."""
    models: Sequence[str] | None = None
    """The ids of the models that it may ask; None: those of its project."""
    limits: Limits = NO_LIMITS
    """Its own; where there is none, that of the settings."""
    expires_at: int | None = None
    """Seconds since 1970."""
    providers: Sequence[str] | None = None
    """The names of the providers that may be asked; None: those of its project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What we know of a key, and of the project that it belongs to."""

    key_id: str
    name: str
    hint: str
    """Its last four characters, to tell it by."""
    created_at: int
    """Seconds since 1970."""
    revoked_at: int | None = None
    expires_at: int | None = None
    project_id: str = ""
    """Who owns its files and pays for its questions; empty for an administrator's."""
    is_admin: bool = False
    within: Sequence[Demand] = ()
    """Where its questions may go: its own demand, and its project's."""
    blind: Blind | None = None
    models: frozenset[str] | None = None
    """The ids of the models that it may ask, and its project too; None: any."""
    limits: Limits = NO_LIMITS
    project_limits: Limits | None = None
    """None: those of the settings."""
    budget_micros: int | None = None
    """What its project may spend in a month; None: no bound."""
    is_shut: bool = False
    """Whether its project is archived."""

    def state(self, now_s: float) -> str:
        """`valid`, or why it is not: `revoked`, `expired` or `archived`."""
        if self.revoked_at is not None and self.revoked_at <= now_s:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now_s:
            return "expired"
        return "archived" if self.is_shut else "valid"


USUAL: Final = Terms()
"""The default terms of a key."""


def new_secret(prefix: str = PREFIX) -> str:
    """A new random key."""
    return prefix + secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """What is stored of a key."""
    return hashlib.sha256(secret.encode()).digest()


@dataclass(frozen=True, slots=True)
class KeyBook:
    """Every key, in the database. Blocking: call it off the event loop."""

    engine: sql.Engine

    def close(self) -> None:
        """Ends every connection; the last one leaves a single file behind."""
        self.engine.dispose()

    def create(
        self, name: str, terms: Terms = USUAL, *, project_id: str | None = None
    ) -> tuple[Key, str]:
        """A new key, and its secret, which is not stored and cannot be shown again.

        Without a project it gets one of its own, of the same name.

        Raises:
            InvalidValue: the terms name no place that we know, or there is no such project.
        """
        secret = new_secret()
        return self.admit(name, secret, terms, project_id=project_id), secret

    def admit(
        self, name: str, secret: str, terms: Terms = USUAL, *, project_id: str | None = None
    ) -> Key:
        """Makes `secret` a valid key.

        Raises:
            InvalidValue: nobody could send it, or anybody could guess it; or as `create`.
        """
        row = _new_row(name, secret, terms)
        with storage_faults(), self.engine.begin() as connection:
            row["project_id"] = admit_project(connection, project_id, name=name)
            return _enter(connection, row)

    def create_admin(self, name: str) -> tuple[Key, str]:
        """A new key of an administrator, and its secret."""
        secret = new_secret(ADMIN_PREFIX)
        row = _new_row(name, secret, USUAL) | {"project_id": "", "is_admin": True}
        with storage_faults(), self.engine.begin() as connection:
            return _enter(connection, row), secret

    def rotate(self, key_id: str, *, overlap_s: int) -> tuple[Key, str] | None:
        """A new key of the same name, project and terms; the old one ends after `overlap_s`.

        None where there is no valid key of this id.
        """
        secret = new_secret()
        now_s = int(time.time())
        wanted = (tables.keys.c.id == key_id, tables.keys.c.revoked_at.is_(None))
        query = sql.select(tables.keys).where(*wanted).with_for_update()
        with storage_faults(), self.engine.begin() as connection:
            old = connection.execute(query).mappings().first()
            if old is None or (old["expires_at"] or now_s + 1) <= now_s:
                return None
            ends_at = min(now_s + overlap_s, old["expires_at"] or now_s + overlap_s)
            ends = {"revoked_at": now_s} if overlap_s == 0 else {"expires_at": ends_at}
            connection.execute(sql.update(tables.keys).where(*wanted).values(ends))
            return _enter(connection, dict(old) | _identity(secret, now_s)), secret

    def change(self, key_id: str, terms: Terms) -> bool:
        """Other terms from now on; False where there is no valid key of this id.

        Raises:
            InvalidValue: the terms name no place that we know.
        """
        change = (
            sql.update(tables.keys)
            .where(tables.keys.c.id == key_id, tables.keys.c.revoked_at.is_(None))
            .values(_terms_row(terms))
        )
        with storage_faults(), self.engine.begin() as connection:
            return connection.execute(change).rowcount == 1

    def known(self) -> Sequence[Key]:
        """Every key, oldest first, the revoked ones too."""
        query = _KEYS.order_by(tables.keys.c.created_at, tables.keys.c.id)
        with storage_faults(), self.engine.connect() as connection:
            return [_key(row) for row in connection.execute(query)]

    def find(self, wanted: bytes) -> Key | None:
        """The key with this digest, valid or not."""
        query = _KEYS.where(tables.keys.c.digest == wanted)
        with storage_faults(), self.engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None or not hmac.compare_digest(row.digest, wanted):
            return None
        return _key(row)

    def get(self, key_id: str) -> Key | None:
        """The key of this id, valid or not."""
        with storage_faults(), self.engine.connect() as connection:
            row = connection.execute(_KEYS.where(tables.keys.c.id == key_id)).first()
        return None if row is None else _key(row)

    def still(self, key_id: str, project_id: str) -> Key | None:
        """The current rights of an earlier caller; None: the key is no longer known.

        Who showed a token is held to the terms of the project alone: the token may be over.
        """
        if not key_id.startswith(SUBJECT):
            return self.get(key_id)
        project = ProjectBook(self.engine).find(project_id)
        if project is None:
            return None
        terms = project.terms
        return Key(
            key_id=key_id,
            name="",
            hint="",
            created_at=project.created_at,
            project_id=project_id,
            within=terms.demands,
            models=None if terms.models is None else frozenset(terms.models),
            project_limits=terms.limits,
            budget_micros=terms.budget_micros,
            is_shut=project.archived_at is not None,
        )

    def terms(self, key_id: str) -> Terms | None:
        """The terms of a key, as they were set; None where there is none of this id."""
        query = sql.select(tables.keys).where(tables.keys.c.id == key_id)
        with storage_faults(), self.engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        models, providers = names_of(row.models), names_of(row.providers)
        return Terms(
            tuple(row.residency.split(",")) if row.residency else (),
            row.blind,
            None if models is None else sorted(models),
            limits_of(row.limits) or NO_LIMITS,
            row.expires_at,
            None if providers is None else sorted(providers),
        )

    def revoke(self, key_id: str) -> bool:
        """Ends a key; False where there is none of this id that is still valid."""
        change = (
            sql.update(tables.keys)
            .where(tables.keys.c.id == key_id, tables.keys.c.revoked_at.is_(None))
            .values(revoked_at=int(time.time()))
        )
        with storage_faults(), self.engine.begin() as connection:
            return connection.execute(change).rowcount == 1


_OF_PROJECT: Final = (
    *("residency", "models", "limits", "budget_micros", "archived_at", "providers"),
)
_KEYS: Final = sql.select(
    tables.keys, *(tables.projects.c[name].label(f"project_{name}") for name in _OF_PROJECT)
).select_from(
    tables.keys.outerjoin(tables.projects, tables.keys.c.project_id == tables.projects.c.id)
)
"""Each key beside what its project says."""


def _enter(connection: sql.Connection, row: Mapping[str, object]) -> Key:
    """Enters a key, and says what is known of it from now on."""
    connection.execute(sql.insert(tables.keys).values(row))
    return _key(connection.execute(_KEYS.where(tables.keys.c.id == row["id"])).one())


def _new_row(name: str, secret: str, terms: Terms) -> dict[str, object]:
    if not (MIN_KEY_CHARS <= len(secret) <= MAX_KEY_CHARS and _IN_A_HEADER(secret)):
        raise InvalidValue("This is no key.", param="secret")
    return {"name": named(name)} | _identity(secret, int(time.time())) | _terms_row(terms)


def _identity(secret: str, now_s: int) -> dict[str, object]:
    return {
        "id": new_id("key_"),
        "digest": digest(secret),
        "hint": secret[-4:],
        "created_at": now_s,
        "revoked_at": None,
    }


def _terms_row(terms: Terms) -> dict[str, object]:
    return {
        "residency": places_text(terms.residency),
        "blind": terms.blind,
        "models": names_json(terms.models),
        "limits": limits_json(terms.limits),
        "expires_at": terms.expires_at,
        "providers": names_json(terms.providers),
    }


def _key(row: sql.Row[tuple[object, ...]]) -> Key:
    return Key(
        key_id=row.id,
        name=row.name,
        hint=row.hint,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
        expires_at=row.expires_at,
        project_id=row.project_id,
        is_admin=bool(row.is_admin),
        within=(
            *demands(row.residency, row.providers),
            *demands(row.project_residency, row.project_providers),
        ),
        blind=row.blind,
        models=_in_both(names_of(row.models), names_of(row.project_models)),
        limits=limits_of(row.limits) or NO_LIMITS,
        project_limits=limits_of(row.project_limits),
        budget_micros=row.project_budget_micros,
        is_shut=row.project_archived_at is not None,
    )


def _in_both(
    own: frozenset[str] | None, of_project: frozenset[str] | None
) -> frozenset[str] | None:
    if own is None or of_project is None:
        return of_project if own is None else own
    return own & of_project
