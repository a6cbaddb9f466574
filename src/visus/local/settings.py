"""Settings of the models that Visus runs itself."""

from typing import Annotated

import msgspec

from visus.units import MIB
from visus.workers.settings import WorkerSettings


class LiteSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`visus-lite` and its worker process."""

    enabled: bool = True
    """Whether the model is loaded and listed."""
    workers: WorkerSettings = WorkerSettings(
        count=1, memory_bytes=1000 * MIB, deadline_s=60.0, threads=2, max_waiting=64
    )
    """Bounds of the worker: it holds about 600 MB once its models are loaded. Its `deadline_s`
    is for a question about one picture; each further one adds half of it."""


class GgufSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Models in GGUF files, each in a process of its own that lives while it is used."""

    dir: str = ".visus/models"
    """Where `visus pull` puts models, and where they are found again."""
    hub_url: str = "https://huggingface.co"
    """Where `visus pull` gets the models that it knows by name."""
    memory_bytes: Annotated[int, msgspec.Meta(ge=256 * MIB)] = 8192 * MIB
    """The memory for all loaded models together, as estimated from their files. A model that
    needs more by itself is refused; to make room, the least recently used ones are unloaded. A
    process seen over it is killed."""
    context_tokens: Annotated[int, msgspec.Meta(ge=256)] = 8192
    """The context length of a model whose row gives no `max_sequence_length`, in tokens."""
    threads: Annotated[int, msgspec.Meta(ge=1, le=256)] | None = None
    """Threads that compute, in each process; unset, as many as there are processors."""
    idle_unload_s: Annotated[float, msgspec.Meta(gt=0)] = 600.0
    """A model that is not used for so long is unloaded."""
    max_waiting: Annotated[int, msgspec.Meta(ge=0)] = 64
    """Requests that may wait for one model; one more is refused as overloaded."""
    load_deadline_s: Annotated[float, msgspec.Meta(gt=0)] = 300.0
    """The longest from the start of a model's process until it can be asked."""
    deadline_s: Annotated[float, msgspec.Meta(gt=0)] = 600.0
    """The longest that one answer may take once the model works on it."""
    cancel_grace_s: Annotated[float, msgspec.Meta(gt=0)] = 5.0
    """A model stops between two words, or between two stretches of a long prompt, when nobody
    waits for its answer any more. One that does not within this time is ended, and loaded
    again when it is asked next."""
    pull_timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    """The longest that `visus pull` waits for the next bytes; then it can be run again, and
    goes on where it was."""
