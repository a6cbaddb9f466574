"""From the model id in a request to the models that may answer, and their deployments."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from visus.core.places import Demand
from visus.core.question import Question
from visus.errors import InvalidValue, ModelNotAllowed, ModelNotFound, ServiceError
from visus.models import residency
from visus.models.catalogue import ModelRow, ProviderRow
from visus.providers.base import LoadState
from visus.routing.deployment import Deployment


@dataclass(eq=False, slots=True)
class Upstream:
    """A model with all its deployments."""

    model: ModelRow
    deployments: Sequence[Deployment]
    """At least one."""
    successor: "Upstream | None" = None
    """The model to ask after its end of life, if the settings say so."""

    def goes_by(self, name: str) -> bool:
        """Whether its server may answer under that name."""
        model = self.model
        own = (model.id, *model.aliases, *(one.upstream_id for one in self.deployments))
        return name in own or any(fnmatchcase(name, one) for one in model.answers_as)

    @property
    def load_state(self) -> LoadState | None:
        """Where the model is, if this machine runs it."""
        for one in self.deployments:
            if (state := one.load_state) is not None:
                return state
        return None

    def pick(self, within: Sequence[Demand]) -> Deployment:
        """The least busy deployment that can be asked now.

        Raises:
            ServiceError: why none can be asked; of several reasons the one that may pass first.
        """
        if len(self.deployments) > 1 and (able := self.pick_another(within, ())) is not None:
            return able
        refusals: list[ServiceError] = []
        for deployment in self.deployments:
            try:
                deployment.check(within)
            except ServiceError as refusal:
                refusals.append(refusal)
            else:
                return deployment
        raise max(refusals, key=lambda refusal: refusal.status)

    def pick_another(
        self, within: Sequence[Demand], tried: Collection[Deployment]
    ) -> Deployment | None:
        """The same among those that were not tried; None where there is none."""
        able = [
            one for one in self.deployments if one not in tried and one.can_be_asked(within)
        ]
        now_s = time.monotonic()
        return min(
            able,
            key=lambda one: (one.rests_until_s > now_s, one.in_flight, one.begun),
            default=None,
        )

    def ready(self, within: Sequence[Demand]) -> Sequence[ProviderRow]:
        """Its providers that are configured, able to answer, and within the demands."""
        return [
            one.row
            for one in self.deployments
            if one.is_ready and residency.unmet(within, one.site) is None
        ]


@dataclass(eq=False, slots=True)
class Generation:
    """A period with one catalogue in force, and the count of questions that began in it."""

    under_way: int = 0
    """Increased when a question begins."""
    _on_end: Callable[["Generation"], None] | None = None

    def left(self) -> None:
        """Called when one of its questions has ended."""
        self.under_way -= 1
        self._tell()

    def end(self, on_end: Callable[["Generation"], None]) -> None:
        """Ends it: no question begins any more, and `on_end` is called after the last one."""
        self._on_end = on_end
        self._tell()

    def _tell(self) -> None:
        if not self.under_way and self._on_end is not None:
            self._on_end(self)


@dataclass(slots=True)
class Upstreams:
    """Every model of the catalogue."""

    by_id: Mapping[str, Upstream]
    """By its id, and by each of its aliases."""
    providers: Collection[str]
    """The names of all providers, whether or not they run any of these models."""
    generation: Generation = field(default_factory=Generation)

    def adopt(self, other: "Upstreams") -> Generation:
        """Knows from now on what `other` knows; questions under way go on as they began.

        Returns the generation that is over.
        """
        before = self.generation
        self.by_id, self.providers, self.generation = (
            other.by_id,
            other.providers,
            other.generation,
        )
        return before

    def route(self, question: Question) -> Sequence[Upstream]:
        """The models that may answer, the asked one first, then its fallbacks in order.

        Raises:
            ModelNotFound: no such id.
            ModelNotAllowed: the caller may not ask it.
            InvalidValue: a demand names no place or no provider that we know.
        """
        asked = self.find(question.model, "model")
        if asked.successor is not None:
            asked = _not_ended(asked)
        if question.models is not None:
            refuse_foreign(question, asked, "model")
        if question.within:
            self._check(question.within)
        if question.fallbacks is None:
            if not asked.model.fallbacks:
                return (asked,)
            chosen = [self.by_id[one] for one in asked.model.fallbacks]
            others = [one for one in chosen if question.may_ask(one.model.id)]
        else:
            others = [
                self.find(one, f"visus.fallbacks[{index}]")
                for index, one in enumerate(question.fallbacks)
            ]
            for index, one in enumerate(others):
                refuse_foreign(question, one, f"visus.fallbacks[{index}]")
        return (asked, *(one for one in others if one is not asked))

    def ready(
        self, within: Sequence[Demand] = (), models: Collection[str] | None = None
    ) -> Sequence[tuple[ModelRow, Sequence[ProviderRow]]]:
        """The models that can answer now, and who runs each `within` every demand.

        Only those of `models`, where some are given.
        """
        return [
            (upstream.model, rows)
            for name, upstream in self.by_id.items()
            if name == upstream.model.id
            and (models is None or name in models)
            and (rows := upstream.ready(within))
        ]

    def find(self, model_id: str, param: str) -> Upstream:
        """The model of that id or alias.

        Raises:
            ModelNotFound: there is none; `param` is where the caller named it.
        """
        upstream = self.by_id.get(model_id)
        if upstream is None:
            name = model_id if len(model_id) <= 100 else f"{model_id[:100]}…"  # noqa: PLR2004 -- a screen line
            raise ModelNotFound(f"The model {name!r} does not exist here.", param=param)
        return upstream

    def _check(self, within: Sequence[Demand]) -> None:
        """Refuses unknown places and providers: a mistyped one would restrict nothing."""
        for demand in within:
            if not all(map(residency.is_known, demand.places)):
                raise InvalidValue(
                    "A residency is a country's two letters, 'eu' or 'local'.",
                    param=demand.param,
                )
            for name in (*demand.only, *demand.never):
                # A key's was checked when it was made, and may since have left the catalogue.
                if demand.param is not None and name not in self.providers:
                    message = f"There is no provider {name[:100]!r} here."
                    raise InvalidValue(message, param=demand.param)


def refuse_foreign(question: Question, asked: Upstream, param: str) -> None:
    """Raises `ModelNotAllowed` where the caller may not ask this model."""
    if not question.may_ask(asked.model.id):
        message = f"Your key may not ask the model {asked.model.id!r}."
        raise ModelNotAllowed(message, param=param)


def _not_ended(asked: Upstream) -> Upstream:
    """The model itself, or the first of its successors that has not ended either."""
    today = datetime.now(UTC).date()
    seen: list[Upstream] = []
    while asked.model.has_ended(today) and asked.successor is not None and asked not in seen:
        seen.append(asked)
        asked = asked.successor
    return asked
