"""API keys: made, shown once, known afterwards by digest only.

A key is 256 random bits, so one round of SHA-256 is enough to keep it: there is nothing to
guess.
"""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sql

from visus.accounts import tables
from visus.accounts.faults import storage_faults
from visus.core.places import Demand
from visus.core.question import Blind
from visus.errors import InvalidValue
from visus.models.residency import is_known

PREFIX: Final = "sk-visus-"
MAX_KEY_CHARS: Final = 200
"""A longer bearer token is not one of ours and is not even hashed."""
MIN_KEY_CHARS: Final = 20
"""A shorter one can be guessed, and is never made a key."""
MAX_NAME_CHARS: Final = 200
MAX_PLACES_CHARS: Final = 200
_IN_A_HEADER: Final = re.compile("[!-~]+").fullmatch


@dataclass(frozen=True, slots=True)
class Key:
    """What we know of a key."""

    key_id: str
    name: str
    hint: str
    """Its last four characters, to tell it by."""
    created_at: int
    """Seconds since 1970."""
    revoked_at: int | None
    within: Sequence[Demand] = ()
    """Where its questions may go."""
    blind: Blind | None = None
    """What becomes of its pictures where a model takes text alone; None: the settings say."""


def new_secret() -> str:
    """A key that nobody has."""
    return PREFIX + secrets.token_urlsafe(32)


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
        self, name: str, *, residency: Sequence[str] = (), blind: Blind | None = None
    ) -> tuple[Key, str]:
        """A new key, and its secret, which nobody can ask for again.

        Its questions are answered in one of the places of `residency`, or anywhere.

        Raises:
            InvalidValue: one of them is no place that we know, or there are too many of them;
                or this is no name.
        """
        if not all(map(is_known, residency)):
            message = "A residency is a country's two letters, 'eu' or 'local'."
            raise InvalidValue(message, param="residency")
        if len(",".join(residency)) > MAX_PLACES_CHARS:
            raise InvalidValue("These are too many places.", param="residency")
        secret = new_secret()
        return self.admit(name, secret, residency=residency, blind=blind), secret

    def admit(
        self,
        name: str,
        secret: str,
        *,
        residency: Sequence[str] = (),
        blind: Blind | None = None,
    ) -> Key:
        """Makes `secret` a valid key.

        Raises:
            InvalidValue: nobody could send it, or anybody could guess it; or this is no name.
        """
        if not (MIN_KEY_CHARS <= len(secret) <= MAX_KEY_CHARS and _IN_A_HEADER(secret)):
            raise InvalidValue("This is no key.", param="secret")
        _check_name(name)
        key = Key(
            f"key_{secrets.token_hex(8)}",
            name,
            secret[-4:],
            int(time.time()),
            None,
            _within(residency),
            blind,
        )
        row = {
            "id": key.key_id,
            "name": key.name,
            "digest": digest(secret),
            "hint": key.hint,
            "created_at": key.created_at,
            "residency": ",".join(place.lower() for place in residency) or None,
            "blind": blind,
        }
        with storage_faults(), self.engine.begin() as connection:
            connection.execute(sql.insert(tables.keys).values(row))
        return key

    def known(self) -> Sequence[Key]:
        """Every key, oldest first, the revoked ones too."""
        query = sql.select(tables.keys).order_by(tables.keys.c.created_at, tables.keys.c.id)
        with storage_faults(), self.engine.connect() as connection:
            return [_key(row) for row in connection.execute(query)]

    def find(self, wanted: bytes) -> Key | None:
        """The key with this digest, valid or revoked."""
        query = sql.select(tables.keys).where(tables.keys.c.digest == wanted)
        with storage_faults(), self.engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None or not hmac.compare_digest(row.digest, wanted):
            return None
        return _key(row)

    def revoke(self, key_id: str) -> bool:
        """Ends a key; False where there is none of this id that is still valid."""
        change = (
            sql.update(tables.keys)
            .where(tables.keys.c.id == key_id, tables.keys.c.revoked_at.is_(None))
            .values(revoked_at=int(time.time()))
        )
        with storage_faults(), self.engine.begin() as connection:
            return connection.execute(change).rowcount == 1


def _check_name(name: str) -> None:
    if len(name) > MAX_NAME_CHARS or "\0" in name:
        message = f"A key's name has at most {MAX_NAME_CHARS} characters, and none is NUL."
        raise InvalidValue(message, param="name")


def _key(row: sql.Row[tuple[object, ...]]) -> Key:
    places = row.residency.split(",") if row.residency else ()
    return Key(
        row.id, row.name, row.hint, row.created_at, row.revoked_at, _within(places), row.blind
    )


def _within(places: Sequence[str]) -> Sequence[Demand]:
    return (Demand(None, places=tuple(places)),) if places else ()
