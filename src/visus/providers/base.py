"""The interface of providers."""

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from visus.core.events import Answer
from visus.core.prompt import Prompt
from visus.models.catalogue import ModelRow


class Provider(Protocol):
    """Answers prompts."""

    def open(self, prompt: Prompt) -> Answer:
        """Asks the prompt. Nothing is sent before the answer is entered.

        Entering raises a `ServiceError` where the provider refuses or cannot be reached; so may
        each step of the iteration. Leaving the answer, for whatever reason, ends the work
        upstream.
        """
        ...


LoadState: TypeAlias = Literal["unloaded", "loading", "loaded"]


@runtime_checkable
class LoadsModels(Protocol):
    """A provider whose models come into memory when they are asked for."""

    def know(self, models: Sequence[tuple[str, ModelRow]]) -> None:
        """Runs these from now on, and no others; called whenever the catalogue is read."""
        ...

    def state(self, upstream_id: str) -> LoadState:
        """Where one of them is now."""
        ...


@runtime_checkable
class RunsHere(Protocol):
    """A provider whose model runs in a worker process of this machine."""

    @property
    def why_not(self) -> str | None:
        """Why it cannot answer now, for our log; None: it can, or will soon."""
        ...
