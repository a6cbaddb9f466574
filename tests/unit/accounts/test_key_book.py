"""The contract of the keys, kept by both databases."""

import time

import pytest
import sqlalchemy as sql

from visus.accounts.keys import KeyBook, Terms, digest, new_secret
from visus.accounts.projects import ProjectBook
from visus.core.places import Demand
from visus.errors import InvalidValue, StorageUnavailable


@pytest.fixture
def book(engine: sql.Engine) -> KeyBook:
    return KeyBook(engine)


def test_a_key_is_found_by_its_digest_as_it_was_made(book: KeyBook) -> None:
    before = int(time.time())
    made, secret = book.create("für Zoë 🗝", Terms(residency=["de", "eu"], blind="describe"))
    assert book.find(digest(secret)) == made
    assert made.name == "für Zoë 🗝"
    assert secret.endswith(made.hint)
    assert before <= made.created_at <= time.time()
    assert (made.revoked_at, made.blind) == (None, "describe")
    assert made.within == (Demand(None, places=("de", "eu")),)


def test_what_is_no_key_is_not_found(book: KeyBook) -> None:
    _, secret = book.create("one")
    for wrong in (digest(secret + "x"), digest(""), bytes(32), b""):
        assert book.find(wrong) is None


def test_the_keys_are_listed_oldest_first(book: KeyBook) -> None:
    """And so are projects, of which each of these keys gets its own."""
    made = [book.create(name)[0] for name in ("c", "a", "e", "b", "d")]
    assert book.known() == made
    projects = ProjectBook(book.engine).known()
    assert [one.project_id for one in projects] == [one.project_id for one in made]


def test_a_key_is_revoked_once_and_stays_known(book: KeyBook) -> None:
    made, secret = book.create("one")
    other, _ = book.create("other")
    assert book.revoke(made.key_id)
    assert not book.revoke(made.key_id)
    assert not book.revoke("key_of_nobody")
    found = book.find(digest(secret))
    assert found is not None
    assert found.revoked_at is not None
    assert [key.key_id for key in book.known() if key.revoked_at is None] == [other.key_id]


def test_a_key_has_one_row(book: KeyBook) -> None:
    """And the second try tells nobody, not even the log, what stands in the first."""
    secret = new_secret()
    book.admit("one", secret)
    with pytest.raises(StorageUnavailable) as caught:
        book.admit("two", secret)
    assert "unique constraint" in (caught.value.detail or "").lower()
    assert digest(secret).hex() not in (caught.value.detail or "")
    assert "\n" not in (caught.value.detail or "")
    assert len(book.known()) == 1


@pytest.mark.parametrize("chars", [200, 201])
def test_a_name_has_room_for_200_characters(book: KeyBook, chars: int) -> None:
    name = "ß" * chars
    if chars == 200:
        assert book.create(name)[0].name == name
        return
    with pytest.raises(InvalidValue, match="200"):
        book.create(name)
    assert book.known() == []


def test_a_name_holds_no_nul(book: KeyBook) -> None:
    with pytest.raises(InvalidValue):
        book.create("a\0b")
    assert book.known() == []


def test_more_places_than_are_kept_are_refused(book: KeyBook) -> None:
    assert book.create("some", Terms(residency=["de"] * 66))
    with pytest.raises(InvalidValue) as caught:
        book.create("many", Terms(residency=["de"] * 67 + ["eu"]))
    assert caught.value.param == "residency"
    assert len(book.known()) == 1
