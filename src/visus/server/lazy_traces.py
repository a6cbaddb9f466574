"""Opens tracing, if the settings name a collector."""

from collections.abc import AsyncGenerator, Callable, Container
from contextlib import asynccontextmanager

import anyio

from visus.config import Configuration
from visus.server.traces import Traces


@asynccontextmanager
async def open_traces(
    configuration: Configuration, models: Callable[[], Container[str]]
) -> AsyncGenerator[Traces | None]:
    """The traces, if configured; at the end, waiting spans are sent within `flush_s`.

    Args:
        configuration: says where they go.
        models: the ids of the catalogue that is in force; no other name is told.
    """
    if configuration.traces is None:
        yield None
        return
    # Imported here because it takes a while, and most installations have no use for it.
    from visus.server.trace_exporter import TraceExporter  # noqa: PLC0415

    settings = configuration.settings.telemetry
    exporter = TraceExporter(configuration.traces, settings, models=models)
    try:
        yield exporter
    finally:
        with anyio.CancelScope(shield=True):
            await exporter.close()
