"""Connects to hosts that callers name, where the address policy allows it (SSRF guard).

The check sits where aiohttp makes the socket, after resolution: it sees every address that is
about to be connected, whether it was looked up, written out in the URL or set by the operator.
"""

import socket
import ssl
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, ip_address

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override

from visus.media.addresses import Address, AddressPolicy
from visus.media.guard import AddressRefused, Gate, Lookup, ProxyGate
from visus.media.settings import MediaSettings


class GuardedResolver(AbstractResolver):
    """Answers with a name's addresses, or not at all when one of them is refused."""

    def __init__(
        self,
        *,
        gate: Gate,
        lookup: Lookup,
        hosts: Mapping[str, tuple[Address, int | None]],
    ) -> None:
        self._gate = gate
        self._lookup = lookup
        self._hosts = hosts

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Every address of `host`, checked."""
        found, port = await self._find(host, port)
        if not found or not all(self._gate.admits(address, port) for address in found):
            raise AddressRefused("no address, or one that is refused")
        return [_resolved(host, address, port) for address in found]

    async def _find(self, host: str, port: int) -> tuple[Sequence[Address], int]:
        if host in self._hosts:
            address, set_port = self._hosts[host]
            return [address], set_port or port
        return await self._lookup.addresses(host), port

    @override
    async def close(self) -> None:
        """Nothing is held."""


def _resolved(host: str, address: Address, port: int) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=str(address),
        port=port,
        family=socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6,
        proto=socket.IPPROTO_TCP,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )


class GuardedSockets:
    """Makes the sockets: none for an address that the gate refuses."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def __call__(self, info: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
        """A socket for the address in `info` (as of `getaddrinfo`), which is connected next."""
        family, kind, protocol, _, endpoint = info
        match endpoint:
            case (str() as host, int() as port, *_) if self._admits(host, port):
                return socket.socket(family, kind, protocol)
            case _:
                raise AddressRefused("the address is refused")

    def _admits(self, host: str, port: int) -> bool:
        try:
            return self._gate.admits(ip_address(host), port)
        except ValueError:
            return False


def guarded_connector(
    settings: MediaSettings, *, policy: AddressPolicy, lookup: Lookup, tls: ssl.SSLContext
) -> aiohttp.TCPConnector:
    """The connector of the client: direct behind `policy`, or to the proxy alone."""
    proxy = settings.proxy_origin()
    if proxy is None:
        return _connector(policy, lookup, tls, settings.host_addresses())
    gate = ProxyGate(*proxy, lookup=lookup)
    return _connector(gate, gate, tls, {})


def _connector(
    gate: Gate,
    lookup: Lookup,
    tls: ssl.SSLContext,
    hosts: Mapping[str, tuple[Address, int | None]],
) -> aiohttp.TCPConnector:
    return aiohttp.TCPConnector(
        resolver=GuardedResolver(gate=gate, lookup=lookup, hosts=hosts),
        socket_factory=GuardedSockets(gate),
        ssl=tls,
        use_dns_cache=False,
        limit=0,
    )
