"""The arguments of a model's process."""

import msgspec


class Loading(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One model, and how to run it."""

    path: str
    projector: str | None
    context_tokens: int
    threads: int
    socket_dir: str
    """A folder where the library may put a socket."""
