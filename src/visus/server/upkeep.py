"""Periodic work: files and ledger are swept; on SIGHUP the catalogue is read again."""

import signal
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict

import anyio
import anyio.to_thread

from visus.accounts.ledger import Ledger
from visus.config import ConfigRefused, Configuration
from visus.errors import ServiceError
from visus.media.library import Library
from visus.media.shelf import Swept
from visus.telemetry import event, failure


async def keep_tidy(library: Library, period_s: float) -> None:
    """Removes what crashes left, then again and again what has expired, until cancelled."""
    await _swept(library.reconcile)
    while True:
        await _swept(library.sweep)
        await anyio.sleep(period_s)


async def keep_catalogue(
    adopt: Callable[[Configuration], Awaitable[None]], reread: Callable[[], Configuration]
) -> None:
    """On each SIGHUP, adopts the catalogue that `reread` returns, until cancelled.

    A faulty catalogue is logged, and the old one stays in force.
    """
    with anyio.open_signal_receiver(signal.SIGHUP) as signals:
        async for _ in signals:
            try:
                await adopt(await anyio.to_thread.run_sync(reread))
            except ConfigRefused as refusal:
                event("the catalogue stays as it was", {"detail": str(refusal)})
            except Exception as fault:  # noqa: BLE001 -- whatever it is, answering goes on
                failure("fault in reading the catalogue again", fault)
            else:
                event("the catalogue was read again", {})


async def keep_ledger(ledger: Ledger) -> None:
    """Again and again settles questions whose process has died, until cancelled."""
    while True:
        await anyio.sleep(ledger.settings.sweep_s)
        with _faults_logged("the ledger"):
            released = await anyio.to_thread.run_sync(ledger.sweep)
            if released:
                event("questions given up", {"records": released})


async def _swept(work: Callable[[], Awaitable[Swept]]) -> None:
    with _faults_logged("the files"):
        swept = await work()
        if swept != Swept():
            event("files swept", asdict(swept))


@contextmanager
def _faults_logged(what: str) -> Generator[None]:
    """Logs a fault in sweeping and goes on: nobody waits for it, and answering must go on."""
    try:
        yield
    except ServiceError as fault:
        event(f"{what} could not be swept", {"detail": fault.detail})
    except Exception as fault:  # noqa: BLE001 -- see above
        failure(f"fault in sweeping {what}", fault)
