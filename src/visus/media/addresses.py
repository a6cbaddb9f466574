"""May we connect to this address for a caller? The SSRF rules.

Pure arithmetic on addresses and ports: no names are resolved, no socket is opened. `connect`
asks about the address it is about to use, after resolution, so a name that changes its mind
changes nothing. The table is our own, because `ipaddress.is_global` is True for multicast, for
some metadata services and for several spellings of 127.0.0.1 inside an IPv6 address.
"""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

METADATA_SERVICES: Final[frozenset[Address]] = frozenset(
    ip_address(text)
    for text in (
        "168.63.129.16",  # Azure's wire server, in a truly public range
        "169.254.169.254",  # AWS, Google, Azure and most others
        "169.254.170.2",  # AWS container credentials
        "169.254.170.23",  # AWS pod identity
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle, old
        "fd00:ec2::254",  # AWS
        "fd00:ec2::23",  # AWS pod identity
        "fd20:ce::254",  # Google
    )
)
"""Where clouds hand out credentials. Admitting a wider network does not open them."""

CLOSED_IPV4: Final = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by carriers; neither private nor global to `ipaddress`
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, metadata services
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays, withdrawn
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "168.63.129.16/32",  # Azure's wire server
    )
)

OPEN_IPV6: Final = IPv6Network("2000::/3")
"""The only part of IPv6 that is handed out as global unicast."""

CLOSED_IPV6: Final = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3ffe::/16",  # 6bone, withdrawn
        "3fff::/20",  # documentation
    )
)

_IPV4_LAST: Final = tuple(
    IPv6Network(text)
    for text in (
        "::ffff:0:0/96",  # mapped
        "::ffff:0:0:0/96",  # translated
        "::/96",  # compatible, withdrawn
        "64:ff9b::/96",  # NAT64
    )
)
"""Networks whose addresses end in an IPv4 address."""
_NAT64_LOCAL: Final = IPv6Network("64:ff9b:1::/48")
_ISATAP_MARKS: Final = frozenset({0x0000_5EFE, 0x0200_5EFE})


def embedded_ipv4(address: Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses that packets for `address` may end at; none for plain addresses."""
    if isinstance(address, IPv4Address):
        return ()
    bits = int(address)
    last = IPv4Address(bits & 0xFFFF_FFFF)
    if any(address in network for network in _IPV4_LAST) or _is_isatap(bits):
        return (last,)
    if address in _NAT64_LOCAL:
        # RFC 6052 spreads the address round bits 64 to 71 under a /48; others put it last.
        spread = ((bits >> 64) & 0xFFFF) << 16 | ((bits >> 40) & 0xFFFF)
        return (last, IPv4Address(spread))
    if address.sixtofour is not None:
        return (address.sixtofour,)
    return address.teredo or ()


def _is_isatap(bits: int) -> bool:
    return (bits >> 32) & 0xFFFF_FFFF in _ISATAP_MARKS


def is_public(address: Address) -> bool:
    """Whether `address` belongs to the open internet, in every reading of it."""
    if isinstance(address, IPv4Address):
        return _looks_global(address) and not any(address in net for net in CLOSED_IPV4)
    if address.scope_id is not None or address not in OPEN_IPV6:
        return False
    return (
        _looks_global(address)
        and not any(address in net for net in CLOSED_IPV6)
        and all(is_public(inner) for inner in embedded_ipv4(address))
    )


def _looks_global(address: Address) -> bool:
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )


def _nothing_is_ours(_: Address) -> bool:
    return False


@dataclass(slots=True, kw_only=True)
class AddressPolicy:
    """The addresses and ports to which a caller's URL may lead.

    Public addresses, and those of `admit_networks`; never this server's own sockets nor those
    of its upstreams, whatever is admitted.
    """

    admit_networks: tuple[Network, ...] = ()
    """Networks that are allowed although they are not public."""
    own_ports: frozenset[int] = frozenset()
    """The ports that this server listens on."""
    is_own: Callable[[Address], bool] = _nothing_is_ours
    """Whether an address is one of this machine's; loopback always counts as such."""
    refused_origins: frozenset[tuple[str, int]] = frozenset()
    """Host (lower case) and port of every upstream and of this server's public names."""

    def refuse(self, ports: frozenset[int], origins: frozenset[tuple[str, int]]) -> None:
        """Refuses these too from now on: ports of this machine, and hosts with their ports."""
        self.own_ports |= ports
        self.refused_origins |= origins

    def admits(self, address: Address, port: int) -> bool:
        """Whether a connection to `address` and `port` may be opened."""
        readings = (address, *embedded_ipv4(address))
        return all(self._admits_reading(reading, port) for reading in readings)

    def admits_origin(self, host: str, port: int) -> bool:
        """Whether this host may be asked at all; `host` is canonical, without brackets."""
        return (host, port) not in self.refused_origins

    def _admits_reading(self, address: Address, port: int) -> bool:
        if not self.admits_origin(str(address), port):
            return False
        if self._is_here(address):
            return port not in self.own_ports and self._is_admitted(address)
        if address in METADATA_SERVICES:
            return self._is_named(address)
        return self._is_admitted(address) or is_public(address)

    def _is_here(self, address: Address) -> bool:
        return address.is_loopback or address.is_unspecified or self.is_own(address)

    def _is_admitted(self, address: Address) -> bool:
        return any(address in network for network in self.admit_networks)

    def _is_named(self, address: Address) -> bool:
        return any(network == ip_network(address) for network in self.admit_networks)
