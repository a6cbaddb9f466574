"""Gives back leases of the database when this process stops."""

from collections.abc import Callable, Mapping
from typing import Final

import anyio
import anyio.to_thread

from visus.errors import StorageUnavailable
from visus.telemetry import event

GIVE_BACK_S: Final = 2.0
"""How long that may take."""


async def give_back(
    work: Callable[[], object],
    otherwise: str,
    fields: Mapping[str, object],
    *,
    within_s: float = GIVE_BACK_S,
) -> None:
    """Does blocking work though its task is cancelled; a thread that takes longer is left.

    Args:
        work: gives it back.
        otherwise: what is logged where the database does not take it.
        fields: of that record.
        within_s: for how long it is waited for.
    """
    with anyio.move_on_after(within_s, shield=True):
        try:
            await anyio.to_thread.run_sync(work, abandon_on_cancel=True)
        except StorageUnavailable:
            event(otherwise, fields)
