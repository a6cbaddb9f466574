"""What only a server can do to us: share, wait, lock out, and go away in the middle."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sql
import trustme
from tests.support.postgres import Postgres
from tests.unit.accounts.test_database import described, migrated, version
from tests.unit.accounts.test_file_book import (
    FILE,
    LIMITS,
    NOW_S,
    nothing,
    one_inside_the_other,
)
from tests.unit.conftest import address_of

from visus.accounts.address import PostgresAddress, postgres_address
from visus.accounts.database import open_database
from visus.accounts.files import FileBook
from visus.accounts.keys import KeyBook, digest
from visus.accounts.locks import locked, take_lock
from visus.accounts.schema import StateRefused
from visus.accounts.settings import PostgresSettings
from visus.accounts.tables import HEAD
from visus.errors import StorageUnavailable

DEFAULTS = PostgresSettings()
Execute = Callable[[str], None]


@pytest.fixture
def name(postgres: Postgres) -> str:
    """Of an empty database."""
    return postgres.database()


@pytest.fixture
def address(postgres: Postgres, name: str) -> PostgresAddress:
    return address_of(postgres, name)


@pytest.fixture
def execute(postgres: Postgres, name: str) -> Iterator[Execute]:
    """Does something to that database from the outside."""
    with psycopg.connect(postgres.url(name), autocommit=True) as connection:

        def run(statement: str) -> None:
            connection.execute(statement.encode())

        yield run


@contextmanager
def opened(
    address: PostgresAddress, settings: PostgresSettings = DEFAULTS
) -> Iterator[sql.Engine]:
    engine = open_database(address, settings=settings)
    yield engine
    engine.dispose()


# --- At the start ----------------------------------------------------------------------------


def test_of_many_that_start_at_once_one_makes_the_tables(address: PostgresAddress) -> None:
    with ThreadPoolExecutor(6) as pool:
        engines = list(pool.map(lambda _: open_database(address), range(6)))
    for engine in engines:
        assert version(engine) == [HEAD]
        engine.dispose()


def test_of_many_that_start_at_once_one_migrates(address: PostgresAddress) -> None:
    """Each in a process of its own, as replicas are."""
    migrated(address, "0001")
    program = (
        "import sys\n"
        "from visus.accounts.address import postgres_address\n"
        "from visus.accounts.database import open_database\n"
        "open_database(postgres_address(sys.argv[1])).dispose()\n"
    )
    starts = [
        subprocess.Popen(  # noqa: S603 -- our own program
            [sys.executable, "-c", program, url_of(address)], stderr=subprocess.PIPE
        )
        for _ in range(4)
    ]
    for start in starts:
        assert (start.communicate(timeout=25)[1], start.returncode) == (b"", 0)
    with opened(address) as engine:
        assert version(engine) == [HEAD]


def url_of(address: PostgresAddress) -> str:
    """As it was written, with the password in the query."""
    given = address.parameters
    return (
        f"postgresql://{given['user']}@{given['host']}:{given['port']}/{given['dbname']}"
        "?password=p%40ss%2Fw%3Ard%231%25"
    )


def test_a_start_waits_for_a_migration_no_longer_than_it_is_told(
    address: PostgresAddress,
) -> None:
    migrated(address, "0001")
    holder = sql.create_engine("postgresql+psycopg://", connect_args=dict(address.parameters))
    with holder.begin() as connection:
        take_lock(connection, "migrations")
        began_s = time.monotonic()
        with pytest.raises(StateRefused, match="lock timeout"):
            open_database(address, settings=PostgresSettings(migration_wait_s=0.5))
        assert 0.4 < time.monotonic() - began_s < 5
        assert version(holder) == ["0001"]
    with opened(address) as engine, holder.begin() as connection:
        take_lock(connection, "migrations")
        open_database(address).dispose()  # there is nothing to migrate, so nothing to wait for
        assert version(engine) == [HEAD]
    holder.dispose()


def test_a_start_that_fails_halfway_leaves_nothing(
    address: PostgresAddress, execute: Execute
) -> None:
    migrated(address, "0001")
    execute("CREATE TABLE files (not_ours int)")
    with pytest.raises(StateRefused, match='relation "files" already exists'):
        open_database(address)
    execute("DROP TABLE files")
    with opened(address) as engine:
        assert version(engine) == [HEAD]


def test_a_database_that_others_use_too_is_shared(
    address: PostgresAddress, execute: Execute
) -> None:
    execute("CREATE TABLE invoices (id int)")
    with opened(address) as engine:
        found = described(engine)
        assert {"keys", "files", "invoices", "alembic_version"} <= set(found)
        assert version(engine) == [HEAD]


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("ALTER DATABASE {name} SET default_transaction_read_only = on", "it is read-only"),
        ("REVOKE CREATE ON SCHEMA public FROM PUBLIC", "permission denied for schema public"),
        ("ALTER ROLE guest CONNECTION LIMIT 0", "too many connections for role"),
    ],
)
def test_a_database_that_takes_no_tables_of_ours_is_refused(
    postgres: Postgres, name: str, execute: Execute, statement: str, why: str
) -> None:
    execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    try:
        execute(statement.replace("{name}", name))
        guest = postgres_address(postgres.url(name, user="guest", password="guest"))
        assert guest is not None
        with pytest.raises(
            StateRefused, match=f"^The database {guest} cannot be used: .*{why}"
        ):
            open_database(guest)
    finally:
        execute("DROP ROLE guest")


def test_rows_that_may_not_be_written_refuse_the_start(
    postgres: Postgres, name: str, address: PostgresAddress, execute: Execute
) -> None:
    open_database(address).dispose()
    execute("CREATE ROLE reader LOGIN PASSWORD 'reader'")
    execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    reader = postgres_address(postgres.url(name, user="reader", password="reader"))
    assert reader is not None
    try:
        with pytest.raises(StateRefused, match="reader may not write its tables"):
            open_database(reader)
        execute("GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO reader")
        KeyBook(open_database(reader)).close()
    finally:
        execute("DROP OWNED BY reader")
        execute("DROP ROLE reader")


def test_of_several_servers_the_first_that_answers_is_used(
    postgres: Postgres, address: PostgresAddress
) -> None:
    nobody = f"127.0.0.1:1,127.0.0.1:{postgres.port}"
    given = url_of(address).replace(f"127.0.0.1:{postgres.port}", nobody)
    both = postgres_address(f"{given}&target_session_attrs=read-write")
    assert both is not None
    with opened(both) as engine:
        assert version(engine) == [HEAD]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def with_tls(authority: trustme.CA) -> Iterator[Postgres]:
    issued = authority.issue_cert("127.0.0.1")
    server = Postgres(certificate=issued.private_key_and_cert_chain_pem.bytes())
    yield server
    server.close()


def test_a_server_is_who_it_says_it_is(
    with_tls: Postgres, authority: trustme.CA, tmp_path: Path
) -> None:
    stranger = trustme.CA()
    for one, name in ((authority, "ours.pem"), (stranger, "strange.pem")):
        one.cert_pem.write_to_path(tmp_path / name)
    given = f"{with_tls.url(with_tls.database())}?sslmode=verify-full&sslrootcert={tmp_path}"
    ours, strange = (postgres_address(f"{given}/{one}.pem") for one in ("ours", "strange"))
    assert ours is not None
    assert strange is not None
    with opened(ours) as engine, engine.connect() as connection:
        is_hidden = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        assert connection.scalar(sql.text(is_hidden)) is True
    with pytest.raises(StateRefused, match="certificate verify failed"):
        open_database(strange)


def test_a_file_needs_no_driver(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from visus import config\n"
        "from visus.accounts.database import open_database\n"
        f"open_database(Path({str(tmp_path / 'visus.db')!r})).dispose()\n"
        "assert 'sqlalchemy.dialects.sqlite' in sys.modules\n"
        "assert 'psycopg' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=25)  # noqa: S603 -- our own program


# --- While it runs ---------------------------------------------------------------------------


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_turns_hold_whatever_isolation_the_server_likes(
    address: PostgresAddress, name: str, execute: Execute, isolation: str
) -> None:
    execute(f"ALTER DATABASE {name} SET default_transaction_isolation = '{isolation}'")
    removed: list[str] = []
    with opened(address) as engine:
        book = FileBook(engine, LIMITS)
        one_inside_the_other(
            lambda step: book.add(FILE, publish=step),
            lambda: book.collect(FILE.address, remove=lambda: removed.append("")),
        )
        assert (removed, book.addresses()) == ([], {FILE.address})


def test_a_connection_that_ends_between_two_steps_enters_nothing(
    address: PostgresAddress, execute: Execute
) -> None:
    def cut() -> None:
        execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )

    with opened(address) as engine:
        book = FileBook(engine, LIMITS)
        with pytest.raises(StorageUnavailable):
            book.add(FILE, publish=cut)
        assert book.find(FILE.file_id, owner="me", now_s=NOW_S) is None
        book.add(FILE, publish=nothing)
        assert book.addresses() == {FILE.address}


def test_more_at_once_than_there_are_connections_wait_for_one(address: PostgresAddress) -> None:
    narrow = PostgresSettings(pool_size=2)
    with opened(address, narrow) as engine, ThreadPoolExecutor(20) as pool:
        book = KeyBook(engine)
        key, secret = book.create("one")
        found = list(pool.map(lambda _: book.find(digest(secret)), range(200)))
        assert found == [key] * 200
        with engine.connect() as connection:
            count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            assert connection.scalar(sql.text(count)) == 2


def test_a_connection_that_does_not_become_free_is_given_up(address: PostgresAddress) -> None:
    narrow = PostgresSettings(pool_size=2, connect_timeout_s=2)
    with (
        opened(address, narrow) as engine,
        engine.connect(),
        engine.connect(),
    ):
        began_s = time.monotonic()
        with pytest.raises(StorageUnavailable):
            KeyBook(engine).known()
        assert 1.9 < time.monotonic() - began_s < 6


def test_a_turn_lasts_as_long_as_its_block_and_no_longer_than_its_connection(
    address: PostgresAddress, execute: Execute
) -> None:
    steps: list[str] = []
    inside, may_go = threading.Event(), threading.Event()

    def first() -> None:
        with locked(engine, "one"):
            inside.set()
            assert may_go.wait(10)
            steps.append("first")

    def second() -> None:
        with locked(engine, "one"):
            steps.append("second")

    with opened(address) as engine, ThreadPoolExecutor(2) as pool:
        one = pool.submit(first)
        assert inside.wait(10)
        with locked(engine, "another"):
            steps.append("another")
        other = pool.submit(second)
        time.sleep(0.2)
        may_go.set()
        one.result(10)
        other.result(10)
    assert steps == ["another", "first", "second"]


def test_the_limits_stand_on_every_connection(address: PostgresAddress) -> None:
    wanted = {
        "statement_timeout": "2500ms",
        "lock_timeout": "7s",
        "idle_in_transaction_session_timeout": "1min",
        "transaction_isolation": "read committed",
        "application_name": "visus",
        "client_encoding": "UTF8",
    }
    settings = PostgresSettings(statement_timeout_s=2.5, migration_wait_s=7)
    with opened(address, settings) as engine, engine.connect() as connection:
        for name, value in wanted.items():
            assert connection.exec_driver_sql(f"SHOW {name}").scalar() == value


def test_a_sweep_passes_by_what_another_one_has_in_hand(
    address: PostgresAddress, execute: Execute
) -> None:
    with opened(address) as engine:
        book = FileBook(engine, LIMITS)
        for number in range(3):
            file = replace(FILE, file_id=f"file-{number}", expires_at=NOW_S)
            book.add(file, publish=nothing)
        execute("BEGIN; SELECT 1 FROM files WHERE id = 'file-1' FOR UPDATE")
        assert book.expire(now_s=NOW_S) == 2
        execute("ROLLBACK")
        assert book.expire(now_s=NOW_S) == 1


def test_a_lost_table_is_storage_that_is_unavailable(
    address: PostgresAddress, execute: Execute
) -> None:
    with opened(address) as engine:
        execute("DROP TABLE files")
        with pytest.raises(StorageUnavailable) as caught:
            FileBook(engine, LIMITS).find("file-1", owner="me", now_s=NOW_S)
        assert caught.value.detail == 'relation "files" does not exist'
