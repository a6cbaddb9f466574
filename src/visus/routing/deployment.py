"""A deployment: a model at one provider, whether it can be asked, and its recent failures."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from visus.core.events import Answer
from visus.core.places import Demand, Site
from visus.core.prompt import Prompt
from visus.errors import (
    Internal,
    ProviderNotConfigured,
    RateLimited,
    ServiceError,
    UpstreamFault,
    UpstreamInvalidOutput,
    UpstreamResting,
    WorkerUnavailable,
)
from visus.models import residency
from visus.models.catalogue import ProviderRow
from visus.providers.base import LoadsModels, LoadState, Provider
from visus.routing.breaker import Breaker

log: Final = logging.getLogger("visus")


@dataclass(eq=False, slots=True, kw_only=True)
class Deployment:
    """A model at one provider. It lives as long as its row of the catalogue is in force."""

    row: ProviderRow
    site: Site
    upstream_id: str
    """The model's name at its provider."""
    provider: Provider | None
    """None where something is missing."""
    breaker: Breaker
    missing: Sequence[str] = ()
    """Settings that would have to be made."""
    stuck: Callable[[], str | None] | None = None
    """Tells why a configured provider cannot answer now; None: nothing here could tell."""
    loads: LoadsModels | None = None
    """Knows whether the model is in memory; None: that is not ours to know."""
    in_flight: int = 0
    """Questions of ours that it is answering."""
    begun: int = 0
    """All questions that it got so far."""
    rests_until_s: float = 0.0
    """Until when its provider asked to wait, by `time.monotonic`."""

    @property
    def load_state(self) -> LoadState | None:
        """Where the model is, if it is run in this machine's memory."""
        return None if self.loads is None else self.loads.state(self.upstream_id)

    @property
    def is_ready(self) -> bool:
        """Whether it is configured and able to answer."""
        return self.provider is not None and (self.stuck is None or self.stuck() is None)

    def can_be_asked(self, within: Sequence[Demand]) -> bool:
        """Whether `check` would let a question pass."""
        try:
            self.check(within)
        except ServiceError:
            return False
        return True

    def check(self, within: Sequence[Demand]) -> None:
        """Lets a question pass, or says why not: of several reasons the most lasting.

        Raises:
            ResidencyUnavailable: it is not `within` the demands.
            ProviderNotConfigured: a setting is missing, which the message names.
            WorkerUnavailable: its process does not start.
            UpstreamResting: it failed too often.
        """
        if within:
            residency.refuse_outside(within, self.site)
        if self.provider is None:
            raise ProviderNotConfigured(
                f"The provider {self.row.name!r} of this model is not configured: "
                f"set {' and '.join(self.missing)}.",
                param="model",
            )
        if self.stuck is not None and (reason := self.stuck()) is not None:
            message = "This model cannot answer: its process does not start on this server."
            raise WorkerUnavailable(message, param="model", detail=reason)
        if self.breaker.is_open and (wait_s := self.breaker.wait_s(time.monotonic())):
            message = "The model's server failed too often; it is left alone for a moment."
            raise UpstreamResting(message, retry_after_s=min(120, int(wait_s) + 1))

    # --- What became of a question -----------------------------------------------------------

    def begin(self) -> bool:
        """Counts a question that it gets; whether the question is the breaker's probe."""
        self.in_flight += 1
        self.begun += 1
        return self.breaker.begin()

    def open(self, prompt: Prompt) -> Answer:
        """Its provider's answer; call `check` first, which refuses one without a provider."""
        if self.provider is None:
            raise RuntimeError("a deployment without a provider was not checked")
        return self.provider.open(prompt)

    def failed(self, fault: ServiceError, *, was_probe: bool) -> None:
        """Counts a question that it did not answer."""
        self.in_flight -= 1
        if _is_its_fault(fault):
            self._has_failed(fault)
            return
        if isinstance(fault, RateLimited):
            self.rests_until_s = time.monotonic() + (fault.retry_after_s or 1)
        if fault.status < Internal.status or isinstance(
            fault, UpstreamInvalidOutput
        ):  # it lives, whatever it thinks of the question
            self.succeeded()
        else:
            self.breaker.left(was_probe=was_probe)

    def succeeded(self) -> None:
        """Counts an answer."""
        if self.breaker.is_open:
            self._tell("deployment answers again")
        self.breaker.succeeded()

    def left(self, *, was_probe: bool) -> None:
        """The caller left before it answered."""
        self.in_flight -= 1
        self.breaker.left(was_probe=was_probe)

    def broke_off(self, fault: ServiceError) -> None:
        """Counts an answer that broke off."""
        if _is_its_fault(fault):
            self._has_failed(fault)

    def _has_failed(self, fault: ServiceError) -> None:
        was_open = self.breaker.is_open
        self.breaker.failed(time.monotonic())
        if self.breaker.is_open and not was_open:
            self._tell("deployment left alone", code=fault.code)

    def _tell(self, what: str, **more: str) -> None:
        """Logs each change of the breaker once."""
        fields = {"provider": self.row.name, "upstream_id": self.upstream_id, **more}
        log.warning(what, extra={"fields": fields})


def _is_its_fault(fault: ServiceError) -> bool:
    """Whether the server failed; an answer in the wrong form is the model's fault."""
    is_upstream = isinstance(fault, UpstreamFault)
    return is_upstream and not isinstance(fault, UpstreamInvalidOutput)
