"""Makes the address policy of a server, and looks up host names for it.

Names are looked up once for each connection and never kept.
"""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, ip_address
from typing import Protocol

from visus.media.addresses import Address, AddressPolicy
from visus.media.settings import MediaSettings
from visus.media.urls import MediaUrl

_DISCARD_PORT = 9


class AddressRefused(OSError):
    """An address that may not be connected to; an OSError, as clients expect of sockets."""


class ExchangeFailed(Exception):
    """An answer that is of no use, or a request that is not sent; the text is our own."""


class Lookup(Protocol):
    """Finds the addresses of a name."""

    async def addresses(self, name: str) -> Sequence[Address]:
        """All addresses of `name`; none, or an OSError, when there is no such name."""
        ...


class Gate(Protocol):
    """Says which connections may be opened."""

    def admits(self, address: Address, port: int) -> bool:
        """Whether a connection to `address` and `port` may be opened."""
        ...


class SystemLookup:
    """The operating system's resolver, in threads of its own.

    A name server that does not answer occupies these threads and no others.
    """

    def __init__(self, *, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="lookup")

    async def addresses(self, name: str) -> Sequence[Address]:
        """All addresses of `name`, as the system orders them."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, _system_addresses, name
        )
        return [ip_address(text) for text in found]

    def close(self) -> None:
        """Start no further lookup; those under way are not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _system_addresses(name: str) -> list[str]:
    # The name goes in as bytes: as text it would pass Python's own, older IDNA encoder.
    found = socket.getaddrinfo(
        name.encode("ascii"), None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
    )
    return [str(entry[4][0]) for entry in found]


def is_own_address(address: Address) -> bool:
    """Whether `address` is one of this machine's interfaces.

    The system is asked which source address it would use: for its own addresses, the same one.
    No packet is sent.
    """
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), _DISCARD_PORT))
            return ip_address(probe.getsockname()[0]) == address
    except OSError:
        return False


def address_policy(
    settings: MediaSettings,
    *,
    own_ports: frozenset[int],
    refused_origins: frozenset[tuple[str, int]],
) -> AddressPolicy:
    """The policy of a running server.

    Args:
        settings: whose `admit_networks` are allowed although they are not public.
        own_ports: the ports that this server listens on.
        refused_origins: host (lower case) and port of every upstream, and of the names under
            which this server is known.
    """
    policy = AddressPolicy(
        admit_networks=settings.admitted(), own_ports=own_ports, is_own=is_own_address
    )
    refuse_upstreams(policy, refused_origins)
    return policy


def refuse_upstreams(policy: AddressPolicy, origins: frozenset[tuple[str, int]]) -> None:
    """Has `policy` refuse these hosts (lower case) and ports from now on."""
    # An upstream on this machine may be reached by more addresses than its configuration says.
    ports = frozenset(port for host, port in origins if _is_this_machine(host))
    policy.refuse(ports, origins)


def _is_this_machine(host: str) -> bool:
    return host == "localhost" or any(
        address.is_loopback or address.is_unspecified or is_own_address(address)
        for address in _written_out(host)
    )


def check_origin(url: MediaUrl, policy: AddressPolicy) -> None:
    """Refuses what can be refused without a socket; the connector checks all the rest.

    Raises:
        ExchangeFailed: `policy` does not admit it.
    """
    if not policy.admits_origin(url.host.name, url.port):
        raise ExchangeFailed("our own or an upstream's origin")
    address = url.host.address
    if address is not None and not policy.admits(address, url.port):
        raise ExchangeFailed("address refused")


class ProxyGate:
    """Lets connections out to the proxy and to nothing else, however it is asked."""

    def __init__(self, host: str, port: int, *, lookup: Lookup) -> None:
        self._host = host
        self._port = port
        self._lookup = lookup
        self._addresses: frozenset[Address] = frozenset(_written_out(host))

    async def addresses(self, name: str) -> Sequence[Address]:
        """The proxy's addresses; no other name is looked up."""
        if name != self._host:
            raise AddressRefused("not the proxy")
        found = await self._lookup.addresses(name)
        self._addresses = frozenset(found)
        return found

    def admits(self, address: Address, port: int) -> bool:
        """Whether this is the proxy."""
        return port == self._port and address in self._addresses


def _written_out(host: str) -> tuple[Address, ...]:
    try:
        return (ip_address(host),)
    except ValueError:
        return ()


def trusted_authorities(ca_file: str | None) -> ssl.SSLContext:
    """TLS that always verifies, against the system's authorities and those of `ca_file`."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    context.set_alpn_protocols(["http/1.1"])
    return context
