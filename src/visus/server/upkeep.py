"""What is done for the store of files without anybody asking."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict

import anyio

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
