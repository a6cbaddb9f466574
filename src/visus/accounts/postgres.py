"""The database on a PostgreSQL server, which several replicas may share.

Connections come from a pool and are tried before they are used, so that a server that was away
is used again as soon as it is back. No wait is without an end: not for a connection, not for a
statement, and not for a server that takes a statement and never answers.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

import psycopg
import sqlalchemy as sql
from psycopg.abc import RV, PQGen
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool
from typing_extensions import override

from visus.accounts import schema
from visus.accounts.address import PostgresAddress
from visus.accounts.faults import reason
from visus.accounts.locks import take_lock
from visus.accounts.schema import StateRefused
from visus.accounts.settings import PostgresSettings
from visus.accounts.tables import metadata

_IDLE_IN_TRANSACTION_S: Final = 60.0
"""A replica that stops in the middle of a transaction lets go of its locks after so long."""
_ON_THE_WAY_S: Final = 5.0
"""How much longer an answer may take than its statement."""
_LOOK_UP_S: Final = 0.1
_KEPT_ALIVE: Final = {
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
"""Keep-alive settings that notice a dead network after 25 seconds."""
_LIMIT: Final = (
    "SELECT set_config(name, value, false)"
    " FROM unnest(%s::text[], %s::text[]) AS wanted (name, value)"
)
_SLOW_S: Final = 1.0
"""Who refuses a connection does it sooner."""
_DIALECT: Final = "postgresql+psycopg://"
_ISOLATION: Final = "READ COMMITTED"
"""Whatever the server's default: a statement has to see what was done before its turn."""


def open_server(
    address: PostgresAddress, settings: PostgresSettings, *, is_new: bool
) -> sql.Engine:
    """The database at `address`, with every migration applied.

    Args:
        address: the database is there; its tables need not be.
        settings: how long to wait, and how many connections to have.
        is_new: whether the tables may be made where there are none.

    Raises:
        StateRefused: not to be reached, empty although it should not be, not ours to write, or
            made by a newer Visus.
    """
    try:
        _prepare(address, settings, is_new=is_new)
    except SQLAlchemyError as fault:
        raise _refusal(address, reason(fault)) from fault
    return sql.create_engine(
        _DIALECT,
        creator=_Entrance(_connecting(address, settings, settings.statement_timeout_s)).connect,
        isolation_level=_ISOLATION,
        use_native_hstore=False,
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=settings.connect_timeout_s,
        pool_pre_ping=True,
        pool_use_lifo=True,
    )


class _Connection(psycopg.Connection[TupleRow]):
    """Gives up a server that does not answer."""

    patience_s: float | None = _ON_THE_WAY_S
    """For an answer; None for as long as it takes."""

    @override
    def wait(
        self, gen: PQGen[RV], interval: float = _LOOK_UP_S, timeout: float | None = None
    ) -> RV:
        """The outcome of `gen`.

        Raises:
            psycopg.OperationalError: there was none in time, or the connection broke.
        """
        try:
            return super().wait(gen, interval, self.patience_s if timeout is None else timeout)
        except psycopg.OperationalError as fault:
            if fault.sqlstate is None:  # not the server's words: it may still be at work on it
                self.pgconn.finish()
            raise


def _connecting(
    address: PostgresAddress, settings: PostgresSettings, statement_s: float | None
) -> Callable[[], _Connection]:
    """What makes connections; None lets a statement take as long as it needs."""
    parameters = {
        "application_name": "visus",
        "connect_timeout": str(settings.connect_timeout_s),
        **_KEPT_ALIVE,
        **address.parameters,
        "client_encoding": "utf8",
    }
    limits_s = {
        "statement_timeout": statement_s or 0,
        "lock_timeout": settings.migration_wait_s,
        "idle_in_transaction_session_timeout": _IDLE_IN_TRANSACTION_S,
    }
    values = [f"{round(limit_s * 1000)}ms" for limit_s in limits_s.values()]

    def connect() -> _Connection:
        connection = _Connection.connect(make_conninfo("", **parameters), autocommit=True)
        try:
            connection.execute(_LIMIT, [list(limits_s), values])
        except psycopg.Error:
            connection.close()
            raise
        connection.autocommit = False
        connection.patience_s = None if statement_s is None else statement_s + _ON_THE_WAY_S
        return connection

    return connect


class _Entrance:
    """Opens connections, one at a time while the server does not answer.

    The others fail at once; otherwise all threads of the service would wait here.
    """

    def __init__(self, connect: Callable[[], _Connection]) -> None:
        self._connect = connect
        self._is_slow = False
        self._one = threading.Lock()

    def connect(self) -> _Connection:
        """A new connection.

        Raises:
            psycopg.OperationalError: it cannot be had, or somebody is waiting for one already.
        """
        if not self._is_slow:
            return self._try()
        if not self._one.acquire(blocking=False):
            raise psycopg.OperationalError("the server keeps everybody waiting")
        try:
            return self._try()
        finally:
            self._one.release()

    def _try(self) -> _Connection:
        began_s = time.monotonic()
        try:
            made = self._connect()
        except psycopg.OperationalError:
            self._is_slow = time.monotonic() - began_s >= _SLOW_S
            raise
        self._is_slow = False
        return made


def _prepare(address: PostgresAddress, settings: PostgresSettings, *, is_new: bool) -> None:
    """One transaction, which replicas that start together run one after the other."""
    once = sql.create_engine(
        _DIALECT,
        creator=_connecting(address, settings, None),
        isolation_level=_ISOLATION,
        use_native_hstore=False,
        poolclass=NullPool,
    )
    with once.begin() as connection:
        _check(connection, address)
        if not schema.is_up_to_date(connection):
            take_lock(connection, "migrations")
            _bring_up_to_date(connection, address, is_new=is_new)
        _check_rights(connection, address)


def _bring_up_to_date(
    connection: sql.Connection, address: PostgresAddress, *, is_new: bool
) -> None:
    """What another replica may have done while this one waited for its turn."""
    if schema.is_up_to_date(connection):
        return
    if not is_new and schema.is_empty(connection):
        raise StateRefused(
            f"The database {address} is empty, and every key with it is gone. Put its "
            "contents back; or remove what is in the folder of [state] dir, to begin anew "
            "with other keys."
        )
    schema.bring_up_to_date(connection)


def _check(connection: sql.Connection, address: PostgresAddress) -> None:
    """Whether every text can be kept, and anything at all."""
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
    if encoding != "UTF8":
        raise _refusal(address, f"its encoding is {encoding}, not UTF8")
    if connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "on":
        raise _refusal(address, "it is read-only")


def _check_rights(connection: sql.Connection, address: PostgresAddress) -> None:
    """Who may not write finds out at the start."""
    may = sql.func.has_table_privilege
    wanted = [
        may(f'"{name}"', right)
        for name in metadata.tables
        for right in ("SELECT", "INSERT", "UPDATE", "DELETE")
    ]
    if not connection.execute(sql.select(sql.and_(*wanted))).scalar_one():
        user = connection.execute(sql.select(sql.func.current_user())).scalar_one()
        raise _refusal(address, f"{user} may not write its tables")


def _refusal(address: PostgresAddress, why: str) -> StateRefused:
    return StateRefused(f"The database {address} cannot be used: {why}")
