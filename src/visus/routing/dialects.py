"""Dialects: the APIs that providers speak, as entry points of the group `visus.providers`.

A row's `dialect` is the name of an entry point, and the entry point is a `Dialect`. Those that
come with Visus (`built_in`) are loaded like those of other packages.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoints, entry_points, version
from typing import Any, Final, Generic, Protocol, TypeGuard, TypeVar

import msgspec

from visus.local.settings import GgufSettings, LiteSettings
from visus.models.catalogue import ProviderRow
from visus.providers.base import Provider
from visus.providers.settings import UpstreamSettings
from visus.providers.transport import Endpoint, Transport
from visus.workers.pool import WorkerPool

GROUP: Final = "visus.providers"


class NoOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The options of a dialect that has none."""


T = TypeVar("T")
Options = TypeVar("Options", bound=msgspec.Struct)


class Sharing(Protocol):
    """Opens resources that several providers share."""

    async def __call__(
        self, kind: type[T], make: Callable[[], AbstractAsyncContextManager[T]]
    ) -> T:
        """The one `kind` of this service: made for the first who asks, open to the end."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Given(Generic[Options]):
    """What a dialect is given to make the provider of a row."""

    row: ProviderRow
    options: Options
    """`[providers.options]` of the row, checked."""
    base_url: str | None
    """Without a slash at its end; of a remote dialect never None."""
    api_key: str | None = field(repr=False)
    """None where the row names no key."""
    transport: Transport
    """The one way to a model's server: it holds to deadlines, bounds and residency."""
    upstream: UpstreamSettings
    lite: LiteSettings
    gguf: GgufSettings
    until_closed: AsyncExitStack
    """Closed with the service; or before, once a catalogue is in force in which the row has
    changed or is gone, and the last question that knew it has ended. What the provider has to
    end, such as processes, is entered here."""
    shared: Sharing
    """For what all rows have in common, such as the memory of this machine."""
    pools: list[WorkerPool] = field(default_factory=list[WorkerPool])
    """Where a provider adds those that operators should see."""

    def endpoint(self, path: str) -> Endpoint:
        """Where `base_url` and `path` lead, with the key in the header that the row names."""
        return self.reach("POST", f"{self.base_url}{path}", {})

    def reach(self, method: str, url: str, headers: Mapping[str, str]) -> Endpoint:
        """The same for any method and URL of the provider, with `headers` besides.

        Only for URLs at the host of `base_url`: the key goes there.
        """
        ours = {"Accept-Encoding": "identity", "User-Agent": f"visus/{version('visus')}"}
        if self.api_key is not None:
            name = self.row.api_key_header
            is_bearer = name == "Authorization"
            ours[name] = f"Bearer {self.api_key}" if is_bearer else self.api_key
        return Endpoint.of(url, {**ours, **headers}, self.row.site, method=method)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect(Generic[Options]):
    """A language that providers speak."""

    make: Callable[[Given[Options]], Awaitable[Provider]]
    """Called once for each row that lacks nothing, when it comes into the catalogue."""
    options: type[Options]
    """A struct that refuses unknown fields: how `[providers.options]` is read."""
    is_remote: bool = True
    """Whether the model is asked over a network; its row then needs a `base_url`."""


def dialect(name: str) -> Dialect[Any]:
    """The dialect of that name.

    Raises:
        ValueError: there is none, or it cannot be loaded.
    """
    found = {entry.value: entry for entry in _installed().select(name=name)}
    if not found:
        known = ", ".join(sorted(_installed().names))
        hint = f"known: {known}" if known else "none is known: install Visus again"
        raise ValueError(f"there is no dialect {name!r}; {hint}")
    if len(found) > 1:
        raise ValueError(f"several packages bring a dialect {name!r}: {', '.join(found)}")
    (value, entry) = found.popitem()
    try:
        loaded: object = entry.load()
    except Exception as fault:
        message = f"the dialect {name!r} ({value}) cannot be loaded: {fault}"
        raise ValueError(message) from fault
    if not _is_dialect(loaded):
        raise ValueError(f"{value} is no visus.routing.dialects.Dialect")
    return loaded


@cache
def _installed() -> EntryPoints:
    """Every dialect of this environment; finding them reads the metadata of all packages."""
    return entry_points(group=GROUP)


def _is_dialect(loaded: object) -> TypeGuard[Dialect[Any]]:
    return isinstance(loaded, Dialect)
