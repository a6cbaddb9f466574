"""The composition root below HTTP: every part, made once, closed in reverse order."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from visus.config import Configuration, Settings
from visus.core.trace import heading
from visus.flow.blind import TextModelAdapter
from visus.flow.blind_policy import BlindPolicy
from visus.flow.chat import ChatService
from visus.flow.estimate import EstimateService, Learner
from visus.media.addresses import AddressPolicy
from visus.media.attachments import (
    DOCUMENT_ENTRY,
    VIDEO_ENTRY,
    Attachments,
)
from visus.media.fetch import Fetcher
from visus.media.guard import address_policy
from visus.media.known import KnownPictures
from visus.media.lazy_outbound import LazyOutbound
from visus.media.pipeline import WORKER_ENTRY, MediaPipeline
from visus.media.posting import Poster
from visus.media.renditions import Renditions
from visus.media.resolving import FileSource, Resolver
from visus.media.steps import Steps
from visus.providers.judging import JUDGE_ENTRY, SchemaJudge
from visus.providers.transport import Transport
from visus.routing.choose import Upstreams
from visus.server.live_catalogue import LiveCatalogue, origins
from visus.server.open_resources import OpenResources
from visus.workers.pool import WorkerPool
from visus.workers.settings import WorkerSettings


@dataclass(frozen=True, slots=True)
class Parts:
    """What the service is made of, running."""

    chat: ChatService
    estimates: EstimateService
    upstreams: Upstreams
    live_catalogue: LiveCatalogue
    pools: Sequence[WorkerPool]
    """Pools that any question may need; those of providers are in `live_catalogue`."""
    transport: Transport
    poster: Poster


@asynccontextmanager
async def all_parts(
    configuration: Configuration, *, own_ports: frozenset[int], files: FileSource | None = None
) -> AsyncGenerator[Parts, None]:
    """Makes every part below HTTP; `visus ask` uses the same ones as the server."""
    settings = configuration.settings
    is_traced = configuration.traces is not None
    async with AsyncExitStack() as stack:
        transport = Transport(settings.upstream, heading if is_traced else None)
        stack.push_async_callback(transport.aclose)
        policies = _policies(configuration, own_ports)
        fetcher, poster = await _outward(settings, policies, stack)
        pools: list[WorkerPool] = []
        live_catalogue = LiveCatalogue(
            settings=settings,
            transport=transport,
            judge=await _judge(settings, stack, pools),
            policies=policies,
            resources=await stack.enter_async_context(OpenResources()),
            is_traced=is_traced,
        )
        await live_catalogue.adopt(configuration)
        resolver = _resolver(settings, fetcher, files, is_traced=is_traced)
        media = await _media(settings, resolver, stack, pools)
        learner = Learner()
        blind_policy = BlindPolicy(upstreams=live_catalogue.upstreams, routing=settings.routing)
        yield Parts(
            chat=_chat(settings, blind_policy, media, learner),
            estimates=EstimateService(
                upstreams=live_catalogue.upstreams,
                blind_policy=blind_policy,
                media=media,
                learner=learner,
            ),
            upstreams=live_catalogue.upstreams,
            live_catalogue=live_catalogue,
            pools=pools,
            transport=transport,
            poster=poster,
        )


def _policies(
    configuration: Configuration, own_ports: frozenset[int]
) -> Sequence[AddressPolicy]:
    """Where pictures may come from, and where webhooks may go."""
    media, refused = configuration.settings.media, origins(configuration.access)
    return [
        address_policy(limits, own_ports=own_ports, refused_origins=refused)
        for limits in (media, configuration.settings.webhooks.outbound(media))
    ]


async def _judge(
    settings: Settings, stack: AsyncExitStack, pools: list[WorkerPool]
) -> SchemaJudge:
    """Checks answers against JSON Schemas, in workers that end with `stack`."""
    workers = settings.answers.workers
    checkers = WorkerPool(JUDGE_ENTRY, name="checkers", settings=workers, is_lazy=True)
    pools.append(checkers)
    return SchemaJudge(await stack.enter_async_context(checkers))


def _resolver(
    settings: Settings, fetcher: Fetcher, files: FileSource | None, *, is_traced: bool
) -> Resolver:
    return Resolver(
        settings=settings.media,
        fetcher=fetcher,
        files=files,
        known=KnownPictures(settings.media.known_pictures),
        steps=Steps.traced() if is_traced else Steps(),
    )


def _chat(
    settings: Settings, blind_policy: BlindPolicy, media: MediaPipeline, learner: Learner
) -> ChatService:
    return ChatService(
        upstreams=blind_policy.upstreams,
        media=media,
        text_models=TextModelAdapter(
            blind_policy=blind_policy, media=media, routing=settings.routing
        ),
        routing=settings.routing,
        limits=settings.limits,
        learner=learner,
    )


async def _outward(
    settings: Settings, policies: Sequence[AddressPolicy], stack: AsyncExitStack
) -> tuple[Fetcher, Poster]:
    """The clients for pictures and for webhooks, each with its own address policy."""
    media, webhooks = settings.media, settings.webhooks
    fetching = LazyOutbound(media, policy=policies[0], threads=media.max_fetches)
    posting_limits = webhooks.outbound(media)
    posting = LazyOutbound(posting_limits, policy=policies[1], threads=max(1, webhooks.workers))
    await stack.enter_async_context(fetching)
    await stack.enter_async_context(posting)
    return Fetcher(media, fetching), Poster(webhooks, posting_limits, posting)


async def _media(
    settings: Settings,
    resolver: Resolver,
    stack: AsyncExitStack,
    pools: list[WorkerPool],
) -> MediaPipeline:
    """The pipeline and its workers, which end with `stack` and are added to `pools`."""

    async def pool(
        entry: str, name: str, workers: WorkerSettings, *, is_lazy: bool
    ) -> WorkerPool:
        made = WorkerPool(entry, name=name, settings=workers, is_lazy=is_lazy)
        pools.append(made)
        return await stack.enter_async_context(made)

    video, document = settings.media.video.workers, settings.media.documents.workers
    decoders = await pool(WORKER_ENTRY, "decoders", settings.decoders, is_lazy=False)
    videos = await pool(VIDEO_ENTRY, "videos", video, is_lazy=True)
    documents = await pool(DOCUMENT_ENTRY, "documents", document, is_lazy=True)
    renditions = Renditions(settings.media.cache_bytes)
    attachments = Attachments(
        settings=settings.media,
        steps=resolver.steps,
        videos=videos,
        documents=documents,
        renditions=renditions,
    )
    return MediaPipeline(
        settings=settings.media,
        resolver=resolver,
        pool=decoders,
        renditions=renditions,
        attachments=attachments,
    )
