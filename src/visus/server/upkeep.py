"""What is done without any caller asking: files are tidied up, the catalogue is read again."""

import signal
from collections.abc import Awaitable, Callable
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
    await _do(library.reconcile)
    while True:
        await _do(library.sweep)
        await anyio.sleep(period_s)


async def keep_catalogue(
    adopt: Callable[[Configuration], Awaitable[None]], reread: Callable[[], Configuration]
) -> None:
    """On each SIGHUP, takes over the catalogue as it then stands, until cancelled.

    One that is faulty is told in the log, and the old one stays.
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
    """Gives up, again and again, questions whose process has died, until cancelled."""
    while True:
        await anyio.sleep(ledger.settings.sweep_s)
        try:
            released = await anyio.to_thread.run_sync(ledger.sweep)
        except ServiceError as fault:
            event("the ledger could not be swept", {"detail": fault.detail})
        except Exception as fault:  # noqa: BLE001 -- nobody waits for this work, and answering must go on
            failure("fault in sweeping the ledger", fault)
        else:
            if released:
                event("questions given up", {"records": released})


async def _do(work: Callable[[], Awaitable[Swept]]) -> None:
    try:
        swept = await work()
    except ServiceError as fault:
        event("the files could not be swept", {"detail": fault.detail})
    except Exception as fault:  # noqa: BLE001 -- nobody waits for this work, and answering must go on
        failure("fault in sweeping the files", fault)
    else:
        _tell(swept)


def _tell(swept: Swept) -> None:
    if swept != Swept():
        event("files swept", asdict(swept))
