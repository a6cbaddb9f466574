"""From the id that a caller wrote to somebody who can answer."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from visus.core.places import Demand
from visus.errors import (
    InvalidValue,
    ModelNotFound,
    ProviderNotConfigured,
    WorkerUnavailable,
)
from visus.models import residency
from visus.models.catalogue import ModelRow, ProviderRow
from visus.providers.base import Provider


@dataclass(frozen=True, slots=True)
class Upstream:
    """A model together with who runs it."""

    model: ModelRow
    row: ProviderRow
    provider: Provider | None
    """None where something is missing."""
    missing: Sequence[str] = ()
    """Settings that would have to be made."""
    stuck: Callable[[], str | None] | None = None
    """Says why a provider that is set up cannot answer now; None: nobody could say."""

    @property
    def why_not(self) -> str | None:
        """Why its provider, though set up, cannot answer now."""
        return None if self.stuck is None else self.stuck()

    @property
    def upstream_id(self) -> str:
        """The model's name in its provider's mouth."""
        return self.model.upstream_id or self.model.id


@dataclass(frozen=True, slots=True)
class Upstreams:
    """Every model of the catalogue, by its id."""

    by_id: Mapping[str, Upstream]
    providers: Collection[str]
    """The names of all that are known, whether or not they run any of these."""

    def choose(self, model_id: str, within: Sequence[Demand] = ()) -> tuple[Upstream, Provider]:
        """Who answers for `model_id`, if it runs `within` every demand.

        Raises:
            ModelNotFound: no such id.
            InvalidValue: a demand names no place or no provider that we know.
            ResidencyUnavailable: the model runs elsewhere, or nobody knows where.
            ProviderNotConfigured: there is, but a setting is missing, which the message names.
            WorkerUnavailable: its process does not start.
        """
        upstream = self.by_id.get(model_id)
        if upstream is None:
            name = model_id if len(model_id) <= 100 else f"{model_id[:100]}…"  # noqa: PLR2004 -- a screen line
            raise ModelNotFound(f"The model {name!r} does not exist here.", param="model")
        if within:
            self._check(within)
            residency.refuse_outside(within, upstream.row.site)
        if upstream.provider is None:
            raise ProviderNotConfigured(
                f"The provider {upstream.row.name!r} of this model is not configured: "
                f"set {' and '.join(upstream.missing)}.",
                param="model",
            )
        if (reason := upstream.why_not) is not None:
            raise WorkerUnavailable(
                "This model cannot answer: its process does not start on this server.",
                param="model",
                detail=reason,
            )
        return upstream, upstream.provider

    def ready(self, within: Sequence[Demand] = ()) -> Sequence[Upstream]:
        """The models that can answer now, and run `within` every demand."""
        return [
            upstream
            for upstream in self.by_id.values()
            if upstream.provider is not None
            and upstream.why_not is None
            and residency.unmet(within, upstream.row.site) is None
        ]

    def _check(self, within: Sequence[Demand]) -> None:
        """Refuses words that mean nothing: one that keeps nobody out would do so unnoticed."""
        for demand in within:
            if not all(map(residency.is_known, demand.places)):
                raise InvalidValue(
                    "A residency is a country's two letters, 'eu' or 'local'.",
                    param=demand.param,
                )
            for name in (*demand.only, *demand.never):
                if name not in self.providers:
                    message = f"There is no provider {name[:100]!r} here."
                    raise InvalidValue(message, param=demand.param)
