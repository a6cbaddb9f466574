"""Limits wrong keys by client address: after so many a minute, 429 in place of 401.

A valid key is never refused for what others did at its address. Addresses are kept in bounded
memory; of IPv6 the first 64 bits count, for a single client has all the others to choose from.
"""

import math
import time
from collections import OrderedDict
from ipaddress import IPv6Address, ip_address
from typing import Final

from visus.errors import RateLimited

MAX_ADDRESSES: Final = 10_000
"""The most addresses remembered; the least recently seen one is forgotten first."""
_MINUTE_S: Final = 60.0
_PREFIX_BITS: Final = 64


class WrongKeys:
    """How many wrong keys each address may still send."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._spare: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """What is left of each address, and when that was so."""

    def __len__(self) -> int:
        return len(self._spare)

    def count(self, client: str) -> None:
        """One more from this address.

        Raises:
            RateLimited: it has sent too many.
        """
        if not self._per_minute:
            return
        network = _network(client)
        now_s = time.monotonic()
        spare, since_s = self._spare.pop(network, (float(self._per_minute), now_s))
        a_second = self._per_minute / _MINUTE_S
        spare = min(float(self._per_minute), spare + (now_s - since_s) * a_second)
        self._spare[network] = (spare - 1 if spare >= 1 else spare), now_s
        if len(self._spare) > MAX_ADDRESSES:
            self._spare.popitem(last=False)
        if spare < 1:
            raise RateLimited(
                "Too many wrong API keys came from your address.",
                retry_after_s=math.ceil((1 - spare) / a_second),
            )


def _network(client: str) -> str:
    try:
        address = ip_address(client.partition("%")[0])
    except ValueError:
        return client
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return f"{int(address) >> (128 - _PREFIX_BITS):x}/64"
    return str(address)
