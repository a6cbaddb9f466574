"""How the model inside runs."""

import msgspec

from visus.units import MIB
from visus.workers.settings import WorkerSettings


class LiteSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`visus-lite` and the process that it lives in."""

    enabled: bool = True
    """Off: the model is not loaded and not listed."""
    workers: WorkerSettings = WorkerSettings(
        count=1, memory_bytes=1000 * MIB, deadline_s=60.0, threads=2, max_waiting=64
    )
    """Bounds of the worker: it holds about 600 MB once its models are loaded."""
