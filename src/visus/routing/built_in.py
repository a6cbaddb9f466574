"""The dialects that come with Visus; `pyproject.toml` names each as an entry point."""

from typing import Final

from visus.local.lite.provider import LiteProvider
from visus.providers.base import Provider
from visus.providers.openai_dialect import OpenAIProvider
from visus.routing.dialects import Dialect, Given, NoOptions
from visus.workers.pool import WorkerPool

EYES: Final = "visus.local.lite.worker:load"
"""What the process of `visus-lite` runs."""


async def _openai(given: Given[NoOptions]) -> Provider:
    return OpenAIProvider(
        endpoint=given.endpoint("/chat/completions"),
        max_event_bytes=given.upstream.max_event_bytes,
        transport=given.transport,
    )


async def _lite(given: Given[NoOptions]) -> Provider:
    pool = WorkerPool(EYES, name="visus-lite", settings=given.lite.workers)
    return LiteProvider(pool=await given.until_closed.enter_async_context(pool))


openai: Final = Dialect(make=_openai, options=NoOptions)
lite: Final = Dialect(make=_lite, options=NoOptions, is_remote=False)
