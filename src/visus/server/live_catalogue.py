"""The catalogue in force, and how a reload replaces it while questions are under way."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlsplit

import msgspec

from visus.config import Configuration, ProviderAccess, Settings
from visus.media.addresses import AddressPolicy
from visus.media.guard import refuse_upstreams
from visus.models.catalogue import DeploymentRow, ModelRow, ProviderRow
from visus.providers.base import LoadsModels, Provider, RunsHere
from visus.providers.checked import Checked, Judge
from visus.providers.grounded import Grounded
from visus.providers.traced import Traced
from visus.providers.transport import Transport
from visus.routing.breaker import Breaker
from visus.routing.choose import Generation, Upstream, Upstreams
from visus.routing.deployment import Deployment
from visus.routing.dialects import Given
from visus.server.open_resources import Opened, OpenResources
from visus.workers.pool import WorkerPool


@dataclass(slots=True, kw_only=True)
class LiveCatalogue:
    """The providers and models in force; `adopt` replaces them."""

    settings: Settings
    transport: Transport
    judge: Judge
    policies: Sequence[AddressPolicy]
    """Rules for addresses that callers name; they never admit a provider."""
    resources: OpenResources
    is_traced: bool = False
    """Whether answers are recorded in traces."""
    pools: list[WorkerPool] = field(default_factory=list[WorkerPool])
    """Those of providers."""
    upstreams: Upstreams = field(default_factory=lambda: Upstreams({}, ()))
    """Always the same object; `adopt` changes what is in it."""
    _access: Mapping[str, ProviderAccess] = field(default_factory=dict[str, ProviderAccess])
    _kept: Mapping[str, Opened[Provider] | None] = field(
        default_factory=dict[str, "Opened[Provider] | None"]
    )
    _past: set[Generation] = field(default_factory=set[Generation])
    """Earlier catalogues with questions still under way."""
    _leaving: list[tuple[Opened[Provider], set[Generation]]] = field(
        default_factory=list[tuple[Opened[Provider], set[Generation]]]
    )
    """Providers without a row, and the generations whose questions may still use them."""

    async def adopt(self, configuration: Configuration) -> None:
        """Takes over the providers and models of `configuration`, and nothing else of it.

        Providers whose row did not change are kept, with their processes; breakers and counts
        start afresh. The others are closed once the last earlier question has ended.
        """
        for policy in self.policies:
            refuse_upstreams(policy, origins(configuration.access))
        kept = await self._all_of(configuration.access)
        providers = {name: one.value if one else None for name, one in kept.items()}
        for name, provider in providers.items():
            if isinstance(provider, LoadsModels):
                provider.know(configuration.catalogue.run_by(name))
        adopted = Configuration(self.settings, configuration.catalogue, configuration.access)
        wiring = _Wiring(
            configuration=adopted,
            providers=providers,
            judge=self.judge,
            is_traced=self.is_traced,
        )
        before = self.upstreams.adopt(wiring.upstreams())
        gone = [one for name, one in self._kept.items() if one and one is not kept.get(name)]
        self._access, self._kept = configuration.access, kept
        self._past.add(before)
        self._leaving += [(one, set(self._past)) for one in gone]
        before.end(self._is_over)

    async def _all_of(
        self, access: Mapping[str, ProviderAccess]
    ) -> dict[str, Opened[Provider] | None]:
        """Every provider: kept where its row did not change, otherwise made."""
        kept: dict[str, Opened[Provider] | None] = {}
        made: list[Opened[Provider]] = []
        try:
            for name, row in access.items():
                if self._access.get(name) == row:
                    kept[name] = self._kept[name]
                    continue
                kept[name] = one = await self._made(row)
                made += [one] if one else []
        except BaseException:
            for one in made:
                one.close_soon()
            raise
        return kept

    def _is_over(self, generation: Generation) -> None:
        """Closes providers that no question can use any more."""
        self._past.discard(generation)
        for one, past in self._leaving:
            past.discard(generation)
            if not past:
                one.close_soon()
        self._leaving = [(one, past) for one, past in self._leaving if past]

    async def _made(self, access: ProviderAccess) -> Opened[Provider] | None:
        """The provider of a row; None where something is missing."""
        if access.missing:
            return None
        return await self.resources.open(partial(self._make, access))

    async def _make(self, access: ProviderAccess, until_closed: AsyncExitStack) -> Provider:
        given = Given(
            row=access.row,
            options=access.options,
            base_url=access.base_url,
            api_key=access.api_key.reveal() if access.api_key else None,
            transport=self.transport,
            upstream=self.settings.upstream,
            lite=self.settings.lite,
            gguf=self.settings.gguf,
            until_closed=until_closed,
            shared=self.resources.shared,
            pools=self.pools,
        )
        return await access.dialect.make(given)


def origins(access: Mapping[str, ProviderAccess]) -> frozenset[tuple[str, int]]:
    """Hosts and ports of every provider; no caller's URL may lead there."""
    origins: set[tuple[str, int]] = set()
    for one in access.values():
        url = urlsplit(one.base_url or "")
        if url.hostname:
            origins.add((url.hostname, url.port or (443 if url.scheme == "https" else 80)))
    return frozenset(origins)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wiring:
    """Makes the upstreams of a catalogue from its providers."""

    configuration: Configuration
    providers: Mapping[str, Provider | None]
    judge: Judge
    is_traced: bool

    def upstreams(self) -> Upstreams:
        """Every model, by its id and by each of its aliases."""
        catalogue, routing = self.configuration.catalogue, self.configuration.settings.routing
        by_id = {
            model.id: Upstream(
                msgspec.structs.replace(model, refuses=catalogue.refused_by(model)),
                [self._deployment(model, one) for one in model.run_by],
            )
            for model in catalogue.models
        }
        for upstream in by_id.values():
            wanted = upstream.model.follow_successor
            if routing.follow_successors if wanted is None else wanted:
                upstream.successor = by_id.get(upstream.model.successor or "")
        aliases = {
            alias: upstream for upstream in by_id.values() for alias in upstream.model.aliases
        }
        return Upstreams(by_id | aliases, providers=frozenset(self.configuration.access))

    def _deployment(self, model: ModelRow, run_by: DeploymentRow) -> Deployment:
        access = self.configuration.access[run_by.provider]
        provider = self.providers[run_by.provider]
        return Deployment(
            row=access.row,
            site=access.row.site,
            upstream_id=run_by.upstream_id or model.id,
            provider=None if provider is None else self._around(provider, model, access.row),
            breaker=Breaker(self.configuration.settings.routing.breaker),
            missing=access.missing,
            stuck=_reason_of(provider),
            loads=provider if isinstance(provider, LoadsModels) else None,
        )

    def _around(self, provider: Provider, model: ModelRow, row: ProviderRow) -> Provider:
        """The provider, wrapped in what Visus does with its answers."""
        finished: Provider = Checked(
            inner=provider,
            ability=model.structured_output,
            judge=self.judge,
            max_repairs=self.configuration.settings.answers.max_repairs,
        )
        if (convention := model.vision.box_convention) is not None:
            finished = Grounded(finished, convention)
        return Traced(finished, model.id, row.name) if self.is_traced else finished


def _reason_of(provider: Provider | None) -> Callable[[], str | None] | None:
    """Tells why the provider cannot answer now; None for a remote provider."""
    return (lambda: provider.why_not) if isinstance(provider, RunsHere) else None
