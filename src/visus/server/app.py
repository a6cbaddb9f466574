"""The root of the server: routes over running parts, background work, and the socket."""

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import anyio
import uvicorn
from anyio.abc import TaskGroup
from uvicorn.server import ServerState

from visus.accounts.keys import KeyBook
from visus.accounts.networks import Networks
from visus.accounts.projects import ProjectBook
from visus.accounts.settings import Issuer
from visus.accounts.usage import UsageBook
from visus.accounts.webhooks import DeliveryBook, WebhookSecrets
from visus.config import Configuration, Settings
from visus.deadlines import Deadlines
from visus.server import entries
from visus.server.authenticate import Authenticator
from visus.server.background import BackgroundWork
from visus.server.backlog import backlog_reader
from visus.server.batch_runner import BatchRunner
from visus.server.body import Room
from visus.server.connection import ClientConnection, Front
from visus.server.counts import Counts
from visus.server.descriptors import connections_within
from visus.server.gate import Entry, Gate, Handler, Routes
from visus.server.identity_tokens import IdentityTokens
from visus.server.job_runner import JobRunner
from visus.server.lazy_traces import open_traces
from visus.server.memory import keep_freed_memory
from visus.server.metrics import Metrics
from visus.server.parts import Parts, all_parts
from visus.server.readiness import Readiness, database_reader
from visus.server.routes.admin import Admin
from visus.server.routes.batches import NewBatchRoute
from visus.server.routes.chat import ChatRoute
from visus.server.routes.estimate import EstimateRoute
from visus.server.routes.files import UploadRoute
from visus.server.routes.operations import StatusRoute
from visus.server.routes.usage import UsageRoute
from visus.server.shutdown import Server, Shutdown
from visus.server.state import State, open_state
from visus.server.traces import SpanCounts, Traces
from visus.server.upkeep import keep_catalogue, keep_ledger, keep_tidy
from visus.server.waiting import WaitingRoom
from visus.server.watch import Watch
from visus.server.webhooks import Webhooks, delivery_rules
from visus.server.wrong_keys import WrongKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """The running parts, from which the routes are made."""

    configuration: Configuration
    made: Parts
    state: State
    watch: Watch
    shutdown: Shutdown
    traces: Traces | None = None

    def gate(self) -> tuple[Gate, BackgroundWork]:
        """What answers every request, and what works on jobs, batches and webhooks."""
        settings, state = self.configuration.settings, self.state
        room = WaitingRoom(
            settings.server.max_questions,
            seats=settings.server.max_waiting_questions,
            patience_s=settings.server.question_patience_s,
        )
        counts = self._counts(room)
        chat, estimate = self._chat(room), self._estimate()
        upload = UploadRoute(
            library=state.library, limits=settings.files, settings=settings.server
        )
        usage = UsageRoute(UsageBook(state.book.engine), settings.ledger.currency)
        background = self._background(counts.metrics, entries.answered_later(chat, estimate))
        known = [
            *self._for_operators(counts, background),
            *entries.of_models(chat, estimate, self.made.upstreams, usage),
            *entries.of_files(state.library, upload, self.watch),
            *entries.of_queue(state.jobs, background, chat, estimate),
            *self._of_batches(background, upload),
            *self._of_administrators(usage),
        ]
        return self._gate(known, counts.metrics), background

    def _gate(self, known: list[Entry], metrics: Metrics) -> Gate:
        settings = self.configuration.settings
        return Gate(
            routes=Routes(known),
            authenticator=self._authenticator(),
            accounts=self.state.accounts,
            admins=Networks(settings.admin),
            settings=settings.server,
            shutdown=self.shutdown,
            metrics=metrics,
            traces=self.traces,
        )

    def start_upkeep(self, tasks: TaskGroup, reread: Callable[[], Configuration]) -> None:
        """Starts what the server does in the background."""
        files = self.configuration.settings.files
        tasks.start_soon(self.watch.run)
        tasks.start_soon(keep_catalogue, self.made.live_catalogue.adopt, reread)
        tasks.start_soon(keep_tidy, self.state.library, files.sweep_s)
        tasks.start_soon(keep_ledger, self.state.accounts.ledger)

    def _chat(self, room: WaitingRoom) -> ChatRoute:
        settings = self.configuration.settings
        return ChatRoute(
            service=self.made.chat,
            accounts=self.state.accounts,
            settings=settings.server,
            limits=settings.chat,
            watch=self.watch,
            room=room,
        )

    def _estimate(self) -> EstimateRoute:
        settings = self.configuration.settings
        return EstimateRoute(
            service=self.made.estimates, settings=settings.server, limits=settings.chat
        )

    def _counts(self, room: WaitingRoom) -> Counts:
        made = self.made
        return Counts(
            metrics=Metrics(lambda: made.upstreams.by_id),
            steps=made.chat.media.resolver.steps,
            upstreams=made.upstreams,
            pools=lambda: [*made.pools, *made.live_catalogue.pools],
            journal=self.state.accounts.ledger.journal,
            connections=self.shutdown.connections,
            spans=SpanCounts() if self.traces is None else self.traces.counts,
            room=room,
        )

    def _background(self, metrics: Metrics, handlers: Mapping[str, Handler]) -> BackgroundWork:
        settings, state = self.configuration.settings, self.state
        job_runner = JobRunner(
            book=state.jobs,
            keys=state.book,
            handlers=handlers,
            shutdown=self.shutdown,
            count=metrics.count_question,
            traces=self.traces,
        )
        batch_runner = BatchRunner(
            book=state.batches,
            library=state.library,
            job_runner=job_runner,
            shutdown=self.shutdown,
            max_line_bytes=settings.server.max_body_bytes,
        )
        engine = state.book.engine
        webhooks = Webhooks(
            book=DeliveryBook(engine, delivery_rules(settings.webhooks)),
            secrets=WebhookSecrets(engine),
            poster=self.made.poster,
            settings=settings.webhooks,
            shutdown=self.shutdown,
            count=metrics.count_webhook,
        )
        return BackgroundWork(job_runner, batch_runner, webhooks)

    def _for_operators(self, counts: Counts, background: BackgroundWork) -> Sequence[Entry]:
        settings, state = self.configuration.settings, self.state
        database = database_reader(state.book.engine)
        status = StatusRoute(
            counts=counts, database=database, shutdown=self.shutdown, limits=settings.limits
        )
        readiness = Readiness(
            shutdown=self.shutdown,
            database=database,
            pools=self.made.pools,
            upstreams=self.made.upstreams,
        )
        backlog = backlog_reader(state.jobs, background.webhooks.book)
        return [
            *entries.open_to_all(readiness),
            *entries.of_operators(status, backlog, settings.metrics),
        ]

    def _of_batches(self, background: BackgroundWork, upload: UploadRoute) -> Sequence[Entry]:
        make = NewBatchRoute(
            book=self.state.batches,
            library=self.state.library,
            batch_runner=background.batch_runner,
            settings=self.configuration.settings.server,
            listeners=background.listeners,
        )
        return entries.of_batches(self.state.batches, background, make, upload)

    def _of_administrators(self, usage: UsageRoute) -> Sequence[Entry]:
        engine = self.state.book.engine
        here = Admin(
            keys=self.state.book,
            projects=ProjectBook(engine),
            usage=UsageBook(engine),
            models=lambda: self.made.upstreams.by_id,
            providers=lambda: self.made.upstreams.providers,
            settings=self.configuration.settings.server,
        )
        return entries.of_administrators(here, WebhookSecrets(engine), usage)

    def _authenticator(self) -> Authenticator:
        settings = self.configuration.settings.accounts
        return Authenticator(
            self.state.book,
            remember_s=settings.key_cache_s,
            wrong_keys=WrongKeys(settings.wrong_keys_per_minute),
            tokens=self._identity_tokens(settings.issuers),
        )

    def _identity_tokens(self, issuers: Sequence[Issuer]) -> IdentityTokens | None:
        if not issuers:
            return None
        projects = ProjectBook(self.state.book.engine)
        return IdentityTokens(issuers, projects=projects, transport=self.made.transport)


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers."""

    port: int
    parts: Parts


async def serve(  # noqa: PLR0913 -- each of them is somebody else's to decide
    configuration: Configuration,
    *,
    listener: socket.socket,
    book: KeyBook,
    announce: Callable[[Running], None],
    reread: Callable[[], Configuration],
    is_one_of_several: bool = False,
) -> None:
    """Serves until SIGINT or SIGTERM; `announce` is called once the socket answers.

    On SIGHUP, adopts the catalogue that `reread` returns. A server that `is_one_of_several` on
    the same socket leaves the socket to the others when it stops.
    """
    port: int = listener.getsockname()[1]
    async with (
        open_state(configuration, book) as state,
        all_parts(configuration, own_ports=frozenset({port}), files=state.library) as made,
        open_traces(configuration, lambda: made.upstreams.by_id) as traces,
        anyio.create_task_group() as tasks,
    ):
        root = _root(configuration, made, state, traces)
        gate, background = root.gate()
        deadlines = Deadlines()
        front = _front(configuration.settings, gate, deadlines, root.shutdown)
        server = Server(
            _uvicorn(front),
            front,
            root.shutdown,
            grace_s=configuration.settings.server.shutdown_grace_s,
            is_one_of_several=is_one_of_several,
        )
        root.start_upkeep(tasks, reread)
        tasks.start_soon(background.run)
        tasks.start_soon(keep_freed_memory, lambda: front.ended)
        tasks.start_soon(_tell, server, lambda: announce(Running(port, made)))
        await server.serve([listener])
        deadlines.close()
        tasks.cancel_scope.cancel()


async def _tell(server: Server, announce: Callable[[], None]) -> None:
    """Announces that the socket answers, once it does."""
    while not server.started:  # noqa: ASYNC110 -- uvicorn offers no event
        await anyio.sleep(0.005)
    announce()


def _root(
    configuration: Configuration, made: Parts, state: State, traces: Traces | None
) -> Root:
    server = configuration.settings.server
    return Root(
        configuration=configuration,
        made=made,
        state=state,
        watch=Watch(heartbeat_s=server.heartbeat_s, write_timeout_s=server.write_timeout_s),
        shutdown=Shutdown(),
        traces=traces,
    )


def _front(settings: Settings, gate: Gate, deadlines: Deadlines, shutdown: Shutdown) -> Front:
    server = settings.server
    return Front(
        serve=gate.serve,
        max_header_bytes=server.max_header_bytes,
        max_connections=connections_within(
            server.max_connections, of_models=settings.upstream.max_connections
        ),
        header_timeout_s=server.header_timeout_s,
        keep_alive_s=server.keep_alive_s,
        deadlines=deadlines,
        room=Room(server.max_bodies_bytes),
        open=shutdown.connections,
    )


def _uvicorn(front: Front) -> uvicorn.Config:
    """What uvicorn does for us: sockets, signals, and waiting at the end."""

    def connection(server_state: ServerState, **_: object) -> ClientConnection:
        return ClientConnection(
            front, connections=server_state.connections, tasks=server_state.tasks
        )

    return uvicorn.Config(
        _no_application,
        http=connection,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] -- it asks for a class, and calls it
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        backlog=1024,
    )


async def _no_application(scope: object, receive: object, send: object) -> None:
    """An ASGI application that uvicorn requires, and that our connections never call."""


def listen(configuration: Configuration) -> socket.socket:
    """The listening socket.

    Raises:
        OSError: the address is taken, or not ours.
    """
    settings = configuration.settings.server
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener
