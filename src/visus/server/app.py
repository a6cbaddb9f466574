"""Where every part is made, once, and put together; closed in reverse."""

import socket
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import msgspec
import uvicorn
from uvicorn.server import ServerState

from visus.accounts.database import StateRefused, open_database
from visus.accounts.files import FileBook, OwnerLimits
from visus.accounts.keys import KeyBook
from visus.config import Configuration, ProviderAccess, ServerSettings, Settings
from visus.deadlines import Deadlines
from visus.flow.blind import Easing
from visus.flow.chat import ChatService
from visus.flow.estimate import EstimateService, Learner
from visus.media.addresses import AddressPolicy
from visus.media.attachments import (
    DOCUMENT_ENTRY,
    VIDEO_ENTRY,
    Attachments,
)
from visus.media.connect import address_policy, refuse_upstreams
from visus.media.fetch import Fetcher
from visus.media.known import KnownPictures
from visus.media.library import Library
from visus.media.pipeline import WORKER_ENTRY, MediaPipeline
from visus.media.renditions import Renditions
from visus.media.resolving import FileSource, Resolver
from visus.media.shelf import Shelf
from visus.models.catalogue import DeploymentRow, ModelRow
from visus.providers.base import LoadsModels, Provider, RunsHere
from visus.providers.checked import Checked, Judge
from visus.providers.grounded import Grounded
from visus.providers.judging import JUDGE_ENTRY, SchemaJudge
from visus.providers.transport import Transport
from visus.routing.breaker import Breaker
from visus.routing.choose import Upstream, Upstreams
from visus.routing.deployment import Deployment
from visus.routing.dialects import Given
from visus.server import openapi
from visus.server.authenticate import Doorkeeper
from visus.server.connection import ClientConnection, Front
from visus.server.gate import Entry, Gate, Routes
from visus.server.memory import keep_freed_memory
from visus.server.routes.about import HEALTH, HTML, INERT, FixedRoute
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
from visus.server.upkeep import keep_catalogue, keep_tidy
from visus.server.watch import Watch
from visus.server.wrong_keys import WrongKeys
from visus.workers.pool import WorkerPool
from visus.workers.settings import WorkerSettings

DECODER = WORKER_ENTRY
FIRST_KEY = "first-key"
"""The file in `[state] dir` that holds the key of a new installation."""
FILES = "files"
"""The folder in `[state] dir` that holds uploaded files."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the service is made of, running."""

    chat: ChatService
    estimates: EstimateService
    upstreams: Upstreams
    renewal: "Renewal"


@asynccontextmanager
async def parts(
    configuration: Configuration, *, own_ports: frozenset[int], files: FileSource | None = None
) -> AsyncGenerator[Parts, None]:
    """Makes every part below HTTP; `visus ask` uses the same ones as the server."""
    settings = configuration.settings
    async with AsyncExitStack() as stack:
        transport = Transport(settings.upstream)
        stack.push_async_callback(transport.aclose)
        policy = address_policy(
            settings.media,
            own_ports=own_ports,
            refused_origins=_origins(configuration.access),
        )
        fetcher = await stack.enter_async_context(Fetcher(settings.media, policy=policy))
        checkers = WorkerPool(
            JUDGE_ENTRY, name="checkers", settings=settings.answers.workers, is_lazy=True
        )
        judge = SchemaJudge(await stack.enter_async_context(checkers))
        renewal = Renewal(
            settings=settings,
            transport=transport,
            judge=judge,
            policy=policy,
            until_closed=stack,
        )
        await renewal.adopt(configuration)
        upstreams = renewal.upstreams
        media = await _media(settings, fetcher, files, stack)
        learner = Learner()
        yield Parts(
            ChatService(
                upstreams=upstreams,
                media=media,
                easing=Easing(upstreams=upstreams, media=media, routing=settings.routing),
                routing=settings.routing,
                learner=learner,
            ),
            EstimateService(upstreams=upstreams, media=media, learner=learner),
            upstreams,
            renewal,
        )


@dataclass(slots=True, kw_only=True)
class Renewal:
    """Knows a catalogue, and takes over another while questions are under way."""

    settings: Settings
    transport: Transport
    judge: Judge
    policy: AddressPolicy
    until_closed: AsyncExitStack
    upstreams: Upstreams = field(default_factory=lambda: Upstreams({}, ()))
    """Always the same object, whatever it knows."""
    _access: Mapping[str, ProviderAccess] = field(default_factory=dict[str, ProviderAccess])
    _providers: Mapping[str, Provider | None] = field(
        default_factory=dict[str, "Provider | None"]
    )

    async def adopt(self, configuration: Configuration) -> None:
        """Takes over the providers and models of `configuration`, and nothing else of it.

        Providers whose row did not change go on as they are, processes and all; breakers and
        counts begin anew.
        """
        refuse_upstreams(self.policy, _origins(configuration.access))
        providers = {
            name: self._providers[name]
            if self._access.get(name) == access
            else await _provider(access, self.settings, self.transport, self.until_closed)
            for name, access in configuration.access.items()
        }
        for name, provider in providers.items():
            if isinstance(provider, LoadsModels):
                provider.know(configuration.catalogue.run_by(name))
        adopted = Configuration(self.settings, configuration.catalogue, configuration.access)
        self.upstreams.adopt(_upstreams(adopted, providers, self.judge))
        self._access, self._providers = configuration.access, providers


async def _media(
    settings: Settings, fetcher: Fetcher, files: FileSource | None, stack: AsyncExitStack
) -> MediaPipeline:
    """The pipeline and its workers, which end with `stack`."""

    async def pool(
        entry: str, name: str, workers: WorkerSettings, *, is_lazy: bool
    ) -> WorkerPool:
        made = WorkerPool(entry, name=name, settings=workers, is_lazy=is_lazy)
        return await stack.enter_async_context(made)

    film, paper = settings.media.video.workers, settings.media.documents.workers
    decoders = await pool(DECODER, "decoders", settings.decoders, is_lazy=False)
    videos = await pool(VIDEO_ENTRY, "videos", film, is_lazy=True)
    documents = await pool(DOCUMENT_ENTRY, "documents", paper, is_lazy=True)
    renditions = Renditions(settings.media.cache_bytes)
    attachments = Attachments(
        settings=settings.media,
        videos=videos,
        documents=documents,
        renditions=renditions,
    )
    return MediaPipeline(
        settings=settings.media,
        resolver=Resolver(
            settings=settings.media,
            fetcher=fetcher,
            files=files,
            known=KnownPictures(settings.media.known_pictures),
        ),
        pool=decoders,
        renditions=renditions,
        attachments=attachments,
    )


def _origins(access: Mapping[str, ProviderAccess]) -> frozenset[tuple[str, int]]:
    origins: set[tuple[str, int]] = set()
    for one in access.values():
        url = urlsplit(one.base_url or "")
        if url.hostname:
            origins.add((url.hostname, url.port or (443 if url.scheme == "https" else 80)))
    return frozenset(origins)


def _upstreams(
    configuration: Configuration, providers: Mapping[str, Provider | None], judge: Judge
) -> Upstreams:
    repairs = configuration.settings.answers.max_repairs

    def finishing(provider: Provider, model: ModelRow) -> Provider:
        """The provider with what is done here once the model has answered."""
        checked = Checked(
            inner=provider, ability=model.structured_output, judge=judge, max_repairs=repairs
        )
        convention = model.vision.box_convention
        return checked if convention is None else Grounded(checked, convention)

    def deployment(model: ModelRow, run_by: DeploymentRow) -> Deployment:
        access = configuration.access[run_by.provider]
        provider = providers[run_by.provider]
        return Deployment(
            row=access.row,
            site=access.row.site,
            upstream_id=run_by.upstream_id or model.id,
            provider=None if provider is None else finishing(provider, model),
            breaker=Breaker(configuration.settings.routing.breaker),
            missing=access.missing,
            stuck=_reason_of(provider),
            loads=provider if isinstance(provider, LoadsModels) else None,
        )

    catalogue, routing = configuration.catalogue, configuration.settings.routing
    by_id = {
        model.id: Upstream(
            msgspec.structs.replace(model, refuses=catalogue.refused_by(model)),
            [deployment(model, one) for one in model.run_by],
        )
        for model in catalogue.models
    }
    for upstream in by_id.values():
        wanted = upstream.model.follow_successor
        if routing.follow_successors if wanted is None else wanted:
            upstream.successor = by_id.get(upstream.model.successor or "")
    aliases = {
        alias: upstream for upstream in by_id.values() for alias in upstream.model.aliases
    }
    return Upstreams(by_id | aliases, providers=frozenset(configuration.access))


def _reason_of(provider: Provider | None) -> Callable[[], str | None] | None:
    """Who knows why the provider cannot answer now; None for one that is asked over a wire."""
    return (lambda: provider.why_not) if isinstance(provider, RunsHere) else None


async def _provider(
    access: ProviderAccess, settings: Settings, transport: Transport, stack: AsyncExitStack
) -> Provider | None:
    """The provider of a row; what it has to end ends with `stack`."""
    if access.missing:
        return None
    given = Given(
        row=access.row,
        options=access.options,
        base_url=access.base_url,
        api_key=access.api_key.reveal() if access.api_key else None,
        transport=transport,
        upstream=settings.upstream,
        lite=settings.lite,
        gguf=settings.gguf,
        until_closed=stack,
    )
    return await access.dialect.make(given)


# --- HTTP ------------------------------------------------------------------------------------


def gate(
    configuration: Configuration, made: Parts, book: KeyBook, library: Library, watch: Watch
) -> Gate:
    """Everything that is answered, over running parts."""
    settings = configuration.settings
    description = openapi.document(version("visus"))
    entries = [
        Entry("/health", "GET", HEALTH),
        Entry("/openapi.json", "GET", FixedRoute(msgspec.json.encode(description))),
        Entry("/docs", "GET", FixedRoute(openapi.page(description).encode(), (HTML, INERT))),
    ]
    chat = ChatRoute(
        service=made.chat, settings=settings.server, limits=settings.chat, watch=watch
    )
    estimate = EstimateRoute(
        service=made.estimates, settings=settings.server, limits=settings.chat
    )
    upload = UploadRoute(library=library, limits=settings.files, settings=settings.server)
    for prefix in ("/v1", "/v2"):
        entries += [
            Entry(f"{prefix}/chat/completions", "POST", chat),
            Entry(f"{prefix}/chat/completions/estimate", "POST", estimate),
            Entry(f"{prefix}/files", "POST", upload),
            Entry(f"{prefix}/files", "GET", FilesRoute(library)),
            Entry(f"{prefix}/files/{{file_id}}", "GET", FileRoute(library)),
            Entry(f"{prefix}/files/{{file_id}}", "DELETE", DeleteFileRoute(library)),
            Entry(
                f"{prefix}/files/{{file_id}}/content", "GET", FileContentRoute(library, watch)
            ),
            Entry(f"{prefix}/models", "GET", ModelsRoute(made.upstreams)),
            Entry(f"{prefix}/models/{{model_id:path}}", "GET", ModelRoute(made.upstreams)),
        ]
    doorkeeper = Doorkeeper(
        book,
        remember_s=settings.accounts.key_cache_s,
        wrong_keys=WrongKeys(settings.accounts.wrong_keys_per_minute),
    )
    return Gate(routes=Routes(entries), doorkeeper=doorkeeper, settings=settings.server)


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers."""

    port: int
    parts: Parts


async def serve(
    configuration: Configuration,
    *,
    listener: socket.socket,
    book: KeyBook,
    announce: Callable[[Running], None],
    reread: Callable[[], Configuration],
) -> None:
    """Serves until SIGINT or SIGTERM; `announce` is called once the socket answers.

    On SIGHUP the catalogue is taken over that `reread` then finds.
    """
    port: int = listener.getsockname()[1]
    library = open_library(configuration, book)
    async with (
        parts(configuration, own_ports=frozenset({port}), files=library) as made,
        anyio.create_task_group() as tasks,
    ):
        settings = configuration.settings.server
        watch = Watch(
            heartbeat_s=settings.heartbeat_s, write_timeout_s=settings.write_timeout_s
        )
        deadlines = Deadlines()
        front = Front(
            serve=gate(configuration, made, book, library, watch).serve,
            max_header_bytes=settings.max_header_bytes,
            max_connections=settings.max_connections,
            header_timeout_s=settings.header_timeout_s,
            keep_alive_s=settings.keep_alive_s,
            deadlines=deadlines,
        )
        server = uvicorn.Server(_uvicorn(settings, front))
        tasks.start_soon(watch.run)
        tasks.start_soon(keep_catalogue, made.renewal.adopt, reread)
        tasks.start_soon(keep_freed_memory, lambda: front.answered)
        tasks.start_soon(keep_tidy, library, configuration.settings.files.sweep_s)

        async def tell() -> None:
            while not server.started:  # noqa: ASYNC110 -- uvicorn offers no event
                await anyio.sleep(0.005)
            announce(Running(port, made))

        tasks.start_soon(tell)
        await server.serve([listener])
        deadlines.close()
        tasks.cancel_scope.cancel()


def _uvicorn(settings: ServerSettings, front: Front) -> uvicorn.Config:
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
        timeout_graceful_shutdown=int(settings.shutdown_grace_s),
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


def open_book(configuration: Configuration) -> KeyBook:
    """The keys of this installation; its folder is made where there is none.

    Raises:
        StateRefused: see `accounts.database.open_database`; or there is no such folder.
    """
    folder = Path(configuration.settings.state.dir)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as fault:
        raise StateRefused(f"The folder {folder} cannot be made: {fault.strerror}.") from fault
    is_new = not any((folder / name).exists() for name in (FIRST_KEY, FILES))
    path = folder / configuration.settings.accounts.database
    return KeyBook(open_database(path, is_new=is_new))


def open_library(configuration: Configuration, book: KeyBook) -> Library:
    """The uploaded files of this installation, in the database of its keys."""
    settings = configuration.settings.files
    limits = OwnerLimits(max_bytes=settings.max_owner_bytes, max_files=settings.max_owner_files)
    folder = Path(configuration.settings.state.dir) / FILES
    return Library(Shelf(folder, FileBook(book.engine, limits), settings))
