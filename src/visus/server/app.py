"""The root of the server: its routes over running parts, and its socket."""

import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import anyio
import uvicorn
from uvicorn.server import ServerState

from visus.accounts.keys import KeyBook
from visus.accounts.networks import MetricsSettings, Networks
from visus.accounts.projects import ProjectBook
from visus.accounts.settings import AccountsSettings, Issuer
from visus.accounts.usage import UsageBook
from visus.accounts.webhooks import DeliveryBook, WebhookSecrets
from visus.config import Configuration, ServerSettings, Settings
from visus.deadlines import Deadlines
from visus.media.library import Library
from visus.server import openapi
from visus.server.authenticate import Doorkeeper
from visus.server.backlog import Waiting, backlog_glance
from visus.server.batching import Batching
from visus.server.connection import ClientConnection, Front
from visus.server.counts import Counts
from visus.server.descriptors import connections_within
from visus.server.ending import Ending, Server
from visus.server.errands import Errands
from visus.server.gate import Entry, Gate, Handler, Routes
from visus.server.glance import Glance
from visus.server.identity_tokens import IdentityTokens
from visus.server.memory import keep_freed_memory
from visus.server.metrics import Metrics
from visus.server.parts import Parts, all_parts
from visus.server.readiness import Readiness, ReadyRoute, database_glance
from visus.server.routes import admin
from visus.server.routes.about import HEALTH, HTML, INERT, DescribingRoute
from visus.server.routes.batches import (
    BatchesRoute,
    BatchRoute,
    CancelBatchRoute,
    NewBatchRoute,
)
from visus.server.routes.chat import ChatRoute
from visus.server.routes.estimate import EstimateRoute
from visus.server.routes.files import (
    DeleteFileRoute,
    FileContentRoute,
    FileRoute,
    FilesRoute,
    UploadRoute,
)
from visus.server.routes.models import ModelRoute, ModelsRoute
from visus.server.routes.operations import MetricsRoute, OpenMetricsRoute, StatusRoute
from visus.server.routes.queue import CancelJobRoute, JobRoute, QueueRoute
from visus.server.routes.usage import UsageRoute
from visus.server.routes.webhook_secrets import (
    NewWebhookSecretRoute,
    RevokeWebhookSecretRoute,
    WebhookSecretsRoute,
)
from visus.server.state import State, open_state
from visus.server.traces import SpanCounts, Traces
from visus.server.tracing import open_traces
from visus.server.upkeep import keep_catalogue, keep_ledger, keep_tidy
from visus.server.waiting import WaitingRoom
from visus.server.watch import Watch
from visus.server.webhooks import Listeners, Webhooks, delivery_rules
from visus.server.wrong_keys import WrongKeys


@dataclass(frozen=True, slots=True)
class Later:
    """Who works without anybody waiting."""

    errands: Errands
    batching: Batching
    webhooks: Webhooks

    @property
    def listeners(self) -> Listeners:
        """Who may be told how it ended."""
        return Listeners(self.webhooks.poster, self.webhooks.secrets)

    async def run(self) -> None:
        """Works until it is cancelled."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.errands.run)
            tasks.start_soon(self.batching.run)
            tasks.start_soon(self.webhooks.run)


def gate(  # noqa: PLR0913 -- all that there is, put together
    configuration: Configuration,
    made: Parts,
    state: State,
    watch: Watch,
    ending: Ending,
    *,
    traces: Traces | None = None,
) -> tuple[Gate, Later]:
    """Everything that is answered, over running parts; and who answers what can wait."""
    settings = configuration.settings
    room = _waiting_room(settings.server)
    counts = _counts(made, state, ending.connections, traces, room)
    status = StatusRoute(
        counts=counts,
        database=database_glance(state.book.engine),
        ending=ending,
        limits=settings.limits,
    )
    entries = _open_to_all(made, status)
    chat = ChatRoute(
        service=made.chat,
        accounts=state.accounts,
        settings=settings.server,
        limits=settings.chat,
        watch=watch,
        room=room,
    )
    estimate = EstimateRoute(
        service=made.estimates, settings=settings.server, limits=settings.chat
    )
    upload = UploadRoute(library=state.library, limits=settings.files, settings=settings.server)
    usage = UsageRoute(UsageBook(state.book.engine), settings.ledger.currency)
    for prefix in ("/v1", "/v2"):
        entries += [
            Entry(f"{prefix}/chat/completions", "POST", chat),
            Entry(f"{prefix}/chat/completions/estimate", "POST", estimate),
            Entry(f"{prefix}/models", "GET", ModelsRoute(made.upstreams)),
            Entry(f"{prefix}/models/{{model_id:path}}", "GET", ModelRoute(made.upstreams)),
            Entry(f"{prefix}/usage", "GET", usage),
            *_files(prefix, state.library, upload, watch),
        ]
    handlers: dict[str, Handler] = {}
    later = _later(configuration, made, state, status, handlers, traces=traces)
    backlog = backlog_glance(state.jobs, later.webhooks.book)
    entries += _for_operators(status, backlog, settings.metrics)
    entries += _queue(state, later, handlers, chat, estimate)
    entries += _batches(state, later, settings.server, upload)
    entries += _administration(made, state, settings.server, usage)
    return Gate(
        routes=Routes(entries),
        doorkeeper=_doorkeeper(settings.accounts, made, state),
        accounts=state.accounts,
        admins=Networks(settings.admin),
        settings=settings.server,
        ending=ending,
        metrics=counts.metrics,
        traces=traces,
    ), later


def _files(prefix: str, library: Library, upload: UploadRoute, watch: Watch) -> list[Entry]:
    content = FileContentRoute(library, watch)
    return [
        Entry(f"{prefix}/files", "POST", upload),
        Entry(f"{prefix}/files", "GET", FilesRoute(library)),
        Entry(f"{prefix}/files/{{file_id}}", "GET", FileRoute(library)),
        Entry(f"{prefix}/files/{{file_id}}", "DELETE", DeleteFileRoute(library)),
        Entry(f"{prefix}/files/{{file_id}}/content", "GET", content),
    ]


def _waiting_room(settings: ServerSettings) -> WaitingRoom:
    return WaitingRoom(
        settings.max_questions,
        seats=settings.max_waiting_questions,
        patience_s=settings.question_patience_s,
    )


def _later(  # noqa: PLR0913 -- as `gate`
    configuration: Configuration,
    made: Parts,
    state: State,
    status: StatusRoute,
    handlers: Mapping[str, Handler],
    *,
    traces: Traces | None,
) -> Later:
    ending, count = status.ending, status.counts.metrics.count_question
    errands = Errands(
        book=state.jobs,
        keys=state.book,
        handlers=handlers,
        ending=ending,
        count=count,
        traces=traces,
    )
    batching = Batching(
        book=state.batches,
        library=state.library,
        errands=errands,
        ending=ending,
        max_line_bytes=configuration.settings.server.max_body_bytes,
    )
    settings, engine = configuration.settings.webhooks, state.book.engine
    webhooks = Webhooks(
        book=DeliveryBook(engine, delivery_rules(settings)),
        secrets=WebhookSecrets(engine),
        poster=made.poster,
        settings=settings,
        ending=ending,
        count=status.counts.metrics.count_webhook,
    )
    return Later(errands, batching, webhooks)


def _batches(
    state: State, later: Later, settings: ServerSettings, upload: UploadRoute
) -> list[Entry]:
    book = state.batches
    make = NewBatchRoute(
        book=book,
        library=state.library,
        batching=later.batching,
        settings=settings,
        listeners=later.listeners,
    )
    cancel = CancelBatchRoute(book, later.batching)
    entries = [
        Entry("/queue/files", "POST", upload),
        Entry("/queue/batches", "POST", make),
        Entry("/queue/batches/{batch_id}/cancel", "POST", cancel),
    ]
    for prefix in ("/v1", "/v2"):
        entries += [
            Entry(f"/queue{prefix}/files", "POST", upload),
            Entry(f"/queue{prefix}/batches", "POST", make),
            Entry(f"/queue{prefix}/batches/{{batch_id}}/cancel", "POST", cancel),
            Entry(f"{prefix}/batches", "POST", make),
            Entry(f"{prefix}/batches", "GET", BatchesRoute(book)),
            Entry(f"{prefix}/batches/{{batch_id}}", "GET", BatchRoute(book)),
            Entry(f"{prefix}/batches/{{batch_id}}/cancel", "POST", cancel),
        ]
    return entries


def _queue(
    state: State,
    later: Later,
    handlers: dict[str, Handler],
    chat: ChatRoute,
    estimate: EstimateRoute,
) -> list[Entry]:
    errands, listeners = later.errands, later.listeners

    def queued(route: ChatRoute | EstimateRoute, path: str) -> QueueRoute:
        handlers[path] = route
        return QueueRoute(
            at_once=route,
            check=route.check,
            route=path,
            book=state.jobs,
            errands=errands,
            listeners=listeners,
        )

    asked, guessed = "/chat/completions", "/chat/completions/estimate"
    newest, newest_guess = queued(chat, f"/v2{asked}"), queued(estimate, f"/v2{guessed}")
    entries = [
        Entry("/queue/chat/completions", "POST", newest),
        Entry("/queue/chat/completions/estimate", "POST", newest_guess),
        Entry("/queue/jobs/{job_id}", "GET", JobRoute(state.jobs)),
        Entry("/queue/jobs/{job_id}", "DELETE", CancelJobRoute(state.jobs, errands)),
        Entry("/queue/jobs/{job_id}/cancel", "POST", CancelJobRoute(state.jobs, errands)),
    ]
    for prefix in ("/v1", "/v2"):
        answer = queued(chat, f"{prefix}{asked}")
        guess = queued(estimate, f"{prefix}{guessed}")
        entries += [
            Entry(f"/queue{prefix}/chat/completions", "POST", answer),
            Entry(f"/queue{prefix}/chat/completions/estimate", "POST", guess),
        ]
    return entries


def _doorkeeper(settings: AccountsSettings, made: Parts, state: State) -> Doorkeeper:
    return Doorkeeper(
        state.book,
        remember_s=settings.key_cache_s,
        wrong_keys=WrongKeys(settings.wrong_keys_per_minute),
        tokens=_identity_tokens(settings.issuers, made, state),
    )


def _counts(
    made: Parts,
    state: State,
    connections: Collection[object],
    traces: Traces | None,
    room: WaitingRoom,
) -> Counts:
    return Counts(
        metrics=Metrics(lambda: made.upstreams.by_id),
        steps=made.chat.media.resolver.steps,
        upstreams=made.upstreams,
        pools=lambda: [*made.pools, *made.renewal.pools],
        journal=state.accounts.ledger.journal,
        connections=connections,
        spans=SpanCounts() if traces is None else traces.counts,
        room=room,
    )


def _for_operators(
    status: StatusRoute, backlog: Glance[Waiting | None], settings: MetricsSettings
) -> list[Entry]:
    metrics = MetricsRoute(status.counts, backlog)
    return [
        Entry("/metrics", "GET", OpenMetricsRoute(metrics, Networks(settings))),
        Entry("/admin/metrics", "GET", metrics),
        Entry("/admin/status", "GET", status),
    ]


def _open_to_all(made: Parts, status: StatusRoute) -> list[Entry]:
    readiness = Readiness(
        ending=status.ending,
        database=status.database,
        pools=made.pools,
        upstreams=made.upstreams,
    )
    return [
        Entry("/health", "GET", HEALTH),
        Entry("/health/live", "GET", HEALTH),
        Entry("/health/ready", "GET", ReadyRoute(readiness.reasons)),
        Entry("/openapi.json", "GET", DescribingRoute(openapi.as_json)),
        Entry("/docs", "GET", DescribingRoute(openapi.as_page, (HTML, INERT))),
    ]


def _identity_tokens(
    issuers: Sequence[Issuer], made: Parts, state: State
) -> IdentityTokens | None:
    if not issuers:
        return None
    projects = ProjectBook(state.book.engine)
    return IdentityTokens(issuers, projects=projects, transport=made.transport)


def _administration(
    made: Parts, state: State, settings: ServerSettings, usage: UsageRoute
) -> list[Entry]:
    engine = state.book.engine
    here = admin.Admin(
        keys=state.book,
        projects=ProjectBook(engine),
        usage=UsageBook(engine),
        models=lambda: made.upstreams.by_id,
        settings=settings,
    )
    secrets = WebhookSecrets(engine)
    signing = WebhookSecretsRoute(here, secrets)
    sign = NewWebhookSecretRoute(here, secrets)
    unsign = RevokeWebhookSecretRoute(here, secrets)
    return [
        Entry("/admin/organisations", "GET", admin.OrganisationsRoute(here)),
        Entry("/admin/organisations", "POST", admin.NewOrganisationRoute(here)),
        Entry("/admin/projects", "GET", admin.ProjectsRoute(here)),
        Entry("/admin/projects", "POST", admin.NewProjectRoute(here)),
        Entry("/admin/projects/{project_id}", "GET", admin.ProjectRoute(here)),
        Entry("/admin/projects/{project_id}", "PATCH", admin.ChangeProjectRoute(here)),
        Entry("/admin/projects/{project_id}/archive", "POST", admin.ArchiveProjectRoute(here)),
        Entry("/admin/projects/{project_id}/webhook-secrets", "GET", signing),
        Entry("/admin/projects/{project_id}/webhook-secrets", "POST", sign),
        Entry("/admin/projects/{project_id}/webhook-secrets/{secret_id}", "DELETE", unsign),
        Entry("/admin/keys", "GET", admin.KeysRoute(here)),
        Entry("/admin/keys", "POST", admin.NewKeyRoute(here)),
        Entry("/admin/keys/{key_id}", "GET", admin.KeyRoute(here)),
        Entry("/admin/keys/{key_id}", "PATCH", admin.ChangeKeyRoute(here)),
        Entry("/admin/keys/{key_id}", "DELETE", admin.RevokeKeyRoute(here)),
        Entry("/admin/keys/{key_id}/rotate", "POST", admin.RotateKeyRoute(here)),
        Entry("/admin/usage", "GET", usage),
    ]


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

    On SIGHUP the catalogue is taken over that `reread` then finds. Where it `is_one_of_several`
    on the same socket, that is left to the others when it stops.
    """
    port: int = listener.getsockname()[1]
    async with (
        open_state(configuration, book) as state,
        all_parts(configuration, own_ports=frozenset({port}), files=state.library) as made,
        open_traces(configuration, lambda: made.upstreams.by_id) as traces,
        anyio.create_task_group() as tasks,
    ):
        settings = configuration.settings.server
        watch = Watch(
            heartbeat_s=settings.heartbeat_s, write_timeout_s=settings.write_timeout_s
        )
        deadlines, ending = Deadlines(), Ending()
        entrance, later = gate(configuration, made, state, watch, ending, traces=traces)
        front = _front(configuration.settings, entrance, deadlines, ending)
        server = Server(
            _uvicorn(front),
            front,
            ending,
            grace_s=settings.shutdown_grace_s,
            is_one_of_several=is_one_of_several,
        )
        tasks.start_soon(watch.run)
        tasks.start_soon(keep_catalogue, made.renewal.adopt, reread)
        tasks.start_soon(keep_freed_memory, lambda: front.answered)
        tasks.start_soon(keep_tidy, state.library, configuration.settings.files.sweep_s)
        tasks.start_soon(keep_ledger, state.accounts.ledger)
        tasks.start_soon(later.run)

        async def tell() -> None:
            while not server.started:  # noqa: ASYNC110 -- uvicorn offers no event
                await anyio.sleep(0.005)
            announce(Running(port, made))

        tasks.start_soon(tell)
        await server.serve([listener])
        deadlines.close()
        tasks.cancel_scope.cancel()


def _front(settings: Settings, entrance: Gate, deadlines: Deadlines, ending: Ending) -> Front:
    server = settings.server
    return Front(
        serve=entrance.serve,
        max_header_bytes=server.max_header_bytes,
        max_connections=connections_within(
            server.max_connections, of_models=settings.upstream.max_connections
        ),
        header_timeout_s=server.header_timeout_s,
        keep_alive_s=server.keep_alive_s,
        deadlines=deadlines,
        open=ending.connections,
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
    """What uvicorn wants; our connections know whom to ask without it."""


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
