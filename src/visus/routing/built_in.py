"""The dialects that come with Visus; `pyproject.toml` names each as an entry point."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import quote

from visus.local.gguf.carrier import Carrier
from visus.local.gguf.loaded_models import LoadedModels
from visus.local.gguf.model import LocalModel
from visus.local.gguf.provider import GgufProvider
from visus.local.lite.provider import LiteProvider
from visus.providers.base import Provider
from visus.providers.gemini_dialect import GeminiOptions, GeminiProvider
from visus.providers.gemini_files import GeminiFiles
from visus.providers.key_file import KeyFile
from visus.providers.openai_dialect import OpenAIProvider
from visus.providers.openai_options import OpenAIOptions
from visus.providers.transport import Endpoint
from visus.routing.dialects import Dialect, Given, NoOptions
from visus.workers.pool import WorkerPool

LIBRARY: Final = "visus.local.gguf.worker:look"
"""A process that loads llama.cpp and no model."""
EYES: Final = "visus.local.lite.worker:load"
"""What the process of `visus-lite` runs."""


async def _openai(given: Given[OpenAIOptions]) -> Provider:
    @cache
    def endpoint_of(upstream_id: str) -> Endpoint:
        return given.endpoint(given.options.route(upstream_id))

    endpoint_of("any")  # an address that no request can be made of is told at the start
    return OpenAIProvider(
        endpoint_of=endpoint_of,
        max_event_bytes=given.upstream.max_event_bytes,
        transport=given.transport,
        max_tokens_field=given.options.max_tokens_field,
        media_uuid=given.options.media_uuid,
        trusts_mm_kwargs=given.options.trusts_mm_kwargs,
    )


async def _gemini(given: Given[GeminiOptions]) -> Provider:
    options = given.options
    keys = KeyFile(Path(options.api_key_file)) if options.api_key_file else None

    @lru_cache(maxsize=256)
    def of(upstream_id: str, verb: str, key: str | None) -> Endpoint:
        known = given if key is None else replace(given, api_key=key)
        return known.endpoint(f"/models/{quote(upstream_id)}:{verb}")

    def whole(upstream_id: str) -> Endpoint:
        return of(upstream_id, "generateContent", keys.key() if keys else None)

    def streamed(upstream_id: str) -> Endpoint:
        key = keys.key() if keys else None
        return of(upstream_id, "streamGenerateContent?alt=sse", key)

    def reach(method: str, url: str, headers: Mapping[str, str]) -> Endpoint:
        known = replace(given, api_key=keys.key()) if keys else given
        return known.reach(method, url, headers)

    of("any", "generateContent", None)  # an address of no request is told at the start
    files = None
    if options.files.enabled:
        files = GeminiFiles(
            options=options.files,
            base_url=given.base_url or "",
            reach=reach,
            transport=given.transport,
        )
        given.until_closed.push_async_callback(files.aclose)
    return GeminiProvider(
        whole=whole,
        streamed=streamed,
        options=options,
        spelling=options.spelling,
        files=files,
        max_event_bytes=given.upstream.max_event_bytes,
        transport=given.transport,
    )


async def _lite(given: Given[NoOptions]) -> Provider:
    settings = given.lite.workers
    pool = WorkerPool(EYES, name="visus-lite", settings=settings)
    given.pools.append(pool)
    given.until_closed.callback(given.pools.remove, pool)
    running = await given.until_closed.enter_async_context(pool)
    return LiteProvider(pool=running, deadline_s=settings.deadline_s)


async def _gguf(given: Given[NoOptions]) -> Provider:
    loaded_models = await given.shared(
        LoadedModels, lambda: LoadedModels(given.gguf, given.pools)
    )
    here = Endpoint.of("http://here", {}, given.row.site)  # the carrier needs no address

    def spoken(model: LocalModel) -> OpenAIProvider:
        return OpenAIProvider(
            endpoint_of=lambda _: here,
            max_event_bytes=given.upstream.max_event_bytes,
            transport=Carrier(loaded_models=loaded_models, model=model, site=given.row.site),
        )

    provider = GgufProvider(
        loaded_models=loaded_models, spoken=spoken, context_tokens=given.gguf.context_tokens
    )
    given.until_closed.callback(provider.know, ())
    return provider


gemini: Final = Dialect(make=_gemini, options=GeminiOptions)
gguf: Final = Dialect(make=_gguf, options=NoOptions, is_remote=False)
openai: Final = Dialect(make=_openai, options=OpenAIOptions)
lite: Final = Dialect(make=_lite, options=NoOptions, is_remote=False)
