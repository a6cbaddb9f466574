"""The canonical host of a URL. Pure: nothing is resolved here.

`getaddrinfo` takes `2130706433`, `0x7f.1`, `127.1` and circled digits for 127.0.0.1; a host
that passes here is either a canonical address or a plain ASCII name: nothing that a resolver
could read in a second way.
"""

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

import idna
from typing_extensions import override

from visus.media.addresses import Address

MAX_NAME_LENGTH: Final = 253
REFUSED_SUFFIXES: Final = ("internal", "local", "localhost", "home.arpa", "onion")
"""Names that never mean a public server; `metadata.google.internal` is one of them."""

_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_NUMBER: Final = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)", re.ASCII)
_OTHER_DOT: Final = "\N{IDEOGRAPHIC FULL STOP}"


@dataclass(frozen=True, slots=True)
class Host:
    """A name, or an address that was written out."""

    name: str
    """Lower case ASCII, without brackets and without a trailing dot."""
    address: Address | None = None

    @override
    def __str__(self) -> str:
        return f"[{self.name}]" if isinstance(self.address, IPv6Address) else self.name


def canonical_host(text: str) -> Host:
    """The host that `text`, taken from between `//` and the port, stands for.

    Raises:
        ValueError: not a host, or one that could be read in two ways.
    """
    if text.startswith("["):
        return _ipv6_host(text)
    name = _ascii_name(text)
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        address = IPv4Address(name)
        return Host(str(address), address)
    if len(name) > MAX_NAME_LENGTH or not all(map(_LABEL.fullmatch, name.split("."))):
        raise ValueError("not a host name")
    return Host(name)


def _ipv6_host(text: str) -> Host:
    if not text.endswith("]") or "%" in text:
        raise AddressValueError("not an address in brackets")
    address = IPv6Address(text[1:-1])
    return Host(str(address), address)


def _ascii_name(text: str) -> str:
    """`text` in lower case, international labels in their ASCII form (IDNA 2008)."""
    if text.isascii():
        return text.lower()
    # What a lenient reader would fold into other characters is refused unread: full-width and
    # circled digits, other dots, the Kelvin sign, decomposed letters.
    if _OTHER_DOT in text or unicodedata.normalize("NFKC", text) != text:
        raise ValueError("a character of the host has a second spelling")
    if len(text) > MAX_NAME_LENGTH:
        raise ValueError("the host name is too long")
    return idna.encode(text.lower()).decode("ascii")


def matches(name: str, pattern: str) -> bool:
    """Whether a canonical `name` is `pattern`, or lies under it when it is `*.something`."""
    if pattern.startswith("*."):
        return name.endswith(pattern[1:]) and len(name) > len(pattern) - 1
    return name == pattern


def has_refused_suffix(name: str) -> bool:
    """Whether a canonical `name` is one that never means a public server."""
    return any(name == suffix or name.endswith(f".{suffix}") for suffix in REFUSED_SUFFIXES)
