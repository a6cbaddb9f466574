"""The networks from which administrators and Prometheus may call."""

import ipaddress
from typing import Final

import msgspec

ADMIN_PREFIX: Final = "/admin/"


class AdminSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The routes under `/admin`, which have keys of their own."""

    networks: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    """The client addresses that may call `/admin`; for all others these routes do not exist
    (404). Behind a proxy on this machine, every client has this machine's address."""

    def __post_init__(self) -> None:
        for network in self.networks:
            ipaddress.ip_network(network)


class MetricsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What Prometheus reads."""

    networks: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    """The client addresses that may read `/metrics` without a key; for all others, and for
    requests through a proxy, it does not exist (404). `/admin/metrics` is the same for
    administrators."""

    def __post_init__(self) -> None:
        for network in self.networks:
            ipaddress.ip_network(network)


class Networks:
    """The addresses that may call."""

    def __init__(self, settings: AdminSettings | MetricsSettings) -> None:
        self._networks = [ipaddress.ip_network(one) for one in settings.networks]

    def admits(self, client: str) -> bool:
        """Whether the client at this address is one."""
        try:
            address = ipaddress.ip_address(client.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(
            mapped.version == network.version and mapped in network
            for network in self._networks
        )
