"""The entry of every request: header limits, authentication, routing, log record, errors.

Authentication is not attached to routes: it stands before them all, so that none can be
forgotten. Only the paths of `authenticate.OPEN_PATHS` go round it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import chain
from typing import Final, TypeAlias

from starlette.routing import Match, Route

from visus.accounts.networks import ADMIN_PREFIX, Networks
from visus.config import ServerSettings
from visus.core.endings import CLIENT_CLOSED
from visus.core.fair import ASKER, Asker
from visus.errors import (
    AdminOnly,
    HeadersTooLarge,
    Internal,
    InvalidValue,
    MethodNotAllowed,
    Overloaded,
    ServiceError,
    UnknownUrl,
)
from visus.server.admitting import Accounts
from visus.server.authenticate import OPEN_PATHS, Authenticator
from visus.server.body import HungUp
from visus.server.exchange import Exchange, shutting_down
from visus.server.metrics import Metrics
from visus.server.request import ClientRequest
from visus.server.shutdown import Shutdown
from visus.server.traces import Traces
from visus.telemetry import failure, log_record

Handler: TypeAlias = Callable[[Exchange], Awaitable[None]]

_ASKING: Final = frozenset({"/v1/chat/completions", "/v2/chat/completions"})
"""Paths that ask a model: `Accounts.open_bill` finds out how their caller stands."""

_VERSION: Final = "/v1"
_UNKNOWN: Final = "There is no such URL here."
_THERE_ARE: Final = "Of OpenAI's API there are chat completions, models, files, batches."


@dataclass(frozen=True, slots=True)
class Entry:
    """A route: where it is, how it is asked, who answers. `{name:path}` takes the rest."""

    path: str
    method: str
    handler: Handler


class Routes:
    """Finds the handler for a path and a method."""

    def __init__(self, entries: list[Entry]) -> None:
        self.entries = entries
        self._exact = {(entry.path, entry.method): entry for entry in entries}
        self._patterns = [
            (Route(entry.path, _unused, methods=[entry.method]), entry) for entry in entries
        ]

    def find(self, exchange: Exchange) -> Handler:
        """The handler.

        Raises:
            UnknownUrl: no such path.
            MethodNotAllowed: the path has other methods.
        """
        entry = self._exact.get((exchange.path, exchange.method))
        if entry is None and exchange.method == "HEAD":
            entry = self._exact.get((exchange.path, "GET"))
        if entry is not None:
            exchange.route = entry.path
            return entry.handler
        return self._by_pattern(exchange)

    def _by_pattern(self, exchange: Exchange) -> Handler:
        method = "GET" if exchange.method == "HEAD" else exchange.method
        others: set[str] = set()
        for route, entry in self._patterns:
            scope = {"type": "http", "path": exchange.path, "method": method}
            match, found = route.matches(scope)
            if match is Match.FULL:
                exchange.path_params = found["path_params"]
                exchange.route = entry.path
                return entry.handler
            if match is Match.PARTIAL:
                others |= {entry.method, "HEAD"} if entry.method == "GET" else {entry.method}
        if others:
            refusal = MethodNotAllowed(f"This URL does not take {exchange.method[:20]}.")
            refusal.others = sorted(others)
            raise refusal
        raise UnknownUrl(self._unknown(exchange.path))

    def _unknown(self, path: str) -> str:
        """What to say of a path that is not there: base URLs often lack `/v1`."""
        asked = path.rstrip("/")
        for entry in self.entries:
            if entry.path.startswith(_VERSION) and asked.endswith(entry.path[len(_VERSION) :]):
                return f"{_UNKNOWN} Did you mean {entry.path}?"
        if path.startswith((f"{_VERSION}/", "/v2/")):
            return f"{_UNKNOWN} {_THERE_ARE}"
        return _UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Answers every request that there is."""

    routes: Routes
    authenticator: Authenticator
    accounts: Accounts
    admins: Networks
    settings: ServerSettings
    shutdown: Shutdown
    metrics: Metrics
    traces: Traces | None = None

    async def serve(self, request: ClientRequest) -> None:
        """Serves one request."""
        exchange = Exchange(request)
        if self.traces is not None:
            self.traces.begin(exchange)
        self.metrics.in_flight += 1
        try:
            await self._answer(exchange)
        except HungUp:
            exchange.status = CLIENT_CLOSED
        finally:
            self.metrics.in_flight -= 1
            exchange.end()
            self.metrics.count(exchange)
            log_record(exchange.record)
            if exchange.trace is not None and self.traces is not None:
                self.traces.end(exchange, exchange.trace)

    async def _answer(self, exchange: Exchange) -> None:
        """Turns every fault into an answer; raises HungUp where the client has gone."""
        try:
            await self._serve(exchange)
        except HungUp:
            raise
        except ServiceError as error:
            await self._look(exchange)
            await _refuse(exchange, error)
        except asyncio.CancelledError:
            if not exchange.takes_back_cut():
                raise
            await _refuse(exchange, shutting_down())
        except Exception as fault:  # noqa: BLE001 -- the last line: the caller gets an id, the log the fault
            failure("fault", fault, request=exchange.request_id)
            await _refuse(exchange, Internal("Something went wrong here."))

    async def _serve(self, exchange: Exchange) -> None:
        if exchange.request.is_surplus:
            exchange.request.keeps_alive = False
            raise Overloaded("There are too many connections.", retry_after_s=1)
        self._check_headers(exchange)
        if self.shutdown.has_begun:
            _refuse_what_is_new(exchange)
        if exchange.path not in OPEN_PATHS:
            await self._let_in(exchange)
            if exchange.path not in _ASKING:
                await self._look(exchange)
        await self.routes.find(exchange)(exchange)

    async def _let_in(self, exchange: Exchange) -> None:
        """Makes sure who is calling, and that they may call this."""
        key = exchange.caller = await self.authenticator.identify(exchange)
        ASKER.set(Asker(key.project_id, key.key_id))
        if exchange.path.startswith(ADMIN_PREFIX):
            if not self.admins.admits(exchange.client):
                raise UnknownUrl(_UNKNOWN)
            if not key.is_admin:
                raise AdminOnly("This needs the key of an administrator.")
        elif key.is_admin:
            raise AdminOnly("The key of an administrator is for /admin alone.")
        elif self.accounts.knows_alone:
            exchange.standing = lambda: self.accounts.standing(key)

    async def _look(self, exchange: Exchange) -> None:
        """Finds out how a caller stands who asks no model, or was not let in to ask one."""
        if exchange.caller is not None and not exchange.caller.is_admin:
            await self.accounts.look(exchange)

    def _check_headers(self, exchange: Exchange) -> None:
        headers = exchange.request.headers
        if len(headers) > self.settings.max_headers:
            message = f"There are more than {self.settings.max_headers} header fields."
            raise HeadersTooLarge(message)
        if sum(map(len, chain.from_iterable(headers))) > self.settings.max_header_bytes:
            raise HeadersTooLarge("The request's headers are too large.")
        names = [name for name, _ in headers]
        if b"transfer-encoding" in names:
            _check_transfer_codings(exchange)
        hosts = names.count(b"host")
        if hosts > 1:
            raise InvalidValue("There is more than one Host header.")
        if not hosts and not exchange.request.is_http_1_0:
            raise InvalidValue("There is no Host header.")


def _check_transfer_codings(exchange: Exchange) -> None:
    for value in exchange.headers(b"transfer-encoding"):
        if value.strip().lower() != b"chunked":
            raise InvalidValue("A transfer coding other than 'chunked' is not taken.")


def _refuse_what_is_new(exchange: Exchange) -> None:
    """During shutdown, lets only health checks and administrators pass."""
    exchange.request.keeps_alive = False
    if exchange.path not in OPEN_PATHS and not exchange.path.startswith(ADMIN_PREFIX):
        raise shutting_down()


async def _refuse(exchange: Exchange, error: ServiceError) -> None:
    if not exchange.started:
        await exchange.refuse(error)
        return
    # An answer of fixed length was under way: nothing can be said any more but by breaking off.
    exchange.note_error(error)
    exchange.abort()


async def _unused(_: object) -> None:
    """Starlette's routes want an endpoint; ours stand in `Entry.handler`."""
