"""`GET /v1/models`: OpenAI's list, and per model a `meta_data` object."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from visus.errors import ModelNotFound
from visus.models.catalogue import ModelRow, ProviderRow
from visus.models.residency import LOCAL
from visus.providers.base import LoadState
from visus.routing.choose import Upstreams
from visus.server.exchange import Exchange

CREATED: Final = 1_764_547_200
"""OpenAI's list has a time per model; ours have none of their own, so all share one."""


def model_json(
    model: ModelRow, providers: Sequence[ProviderRow], *, load_state: LoadState | None
) -> dict[str, object]:
    """One entry of the list, for a model that these run; the first of them speaks for all."""
    provider = providers[0]
    return {
        "id": model.id,
        "object": "model",
        "created": CREATED,
        "owned_by": provider.name,
        "meta_data": {
            "display_name": model.display_name or model.id,
            "model_type": model.model_type,
            "provider": provider.name,
            "max_sequence_length": model.max_sequence_length,
            "max_output_length": model.max_output_length,
            "hidden_size": model.hidden_size,
            "deployment_region": provider.region,
            "deployment_country": provider.country,
            "location": provider.location,
            "deployments": [
                {"provider": one.name, "region": one.region, "country": one.country}
                for one in providers
            ],
            "license": model.license,
            "input_modalities": model.input_modalities,
            "output_modalities": model.output_modalities,
            "model_lifecycle_stage": model.lifecycle_stage,
            "is_externally_hosted": provider.region != LOCAL,
            "end_of_life_date": model.end_of_life_date,
            "successor": model.successor,
            "vision": model.sees,
            "aliases": model.aliases,
            "price": model.price_on(datetime.now(UTC).date()),
            "load_state": load_state,
        },
    }


@dataclass(frozen=True, slots=True)
class ModelsRoute:
    """The models that can answer this caller now."""

    upstreams: Upstreams

    async def __call__(self, exchange: Exchange) -> None:
        """Sends the list."""
        entries = _entries(self.upstreams, exchange)
        body = msgspec.json.encode({"object": "list", "data": entries})
        await exchange.finish(200, body)


@dataclass(frozen=True, slots=True)
class ModelRoute:
    """One model by its id, which may hold slashes."""

    upstreams: Upstreams

    async def __call__(self, exchange: Exchange) -> None:
        """Sends the entry.

        Raises:
            ModelNotFound: no such model, or none that can answer this caller now.
        """
        wanted = exchange.path_params["model_id"]
        upstream = self.upstreams.by_id.get(wanted)  # by an alias, too
        known = None if upstream is None else upstream.model.id
        entries = _entries(self.upstreams, exchange)
        found = next((one for one in entries if one["id"] == known), None)
        if found is None:
            raise ModelNotFound("This model does not exist here.", param="model")
        await exchange.finish(200, msgspec.json.encode(found))


def _entries(upstreams: Upstreams, exchange: Exchange) -> list[dict[str, object]]:
    """What this caller may ask now."""
    return [
        model_json(model, providers, load_state=upstreams.by_id[model.id].load_state)
        for model, providers in upstreams.ready(exchange.key.within, exchange.key.models)
    ]
