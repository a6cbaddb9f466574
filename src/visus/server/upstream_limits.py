"""A provider's rate limit headers, renamed so that clients do not take them for ours."""

from collections.abc import Mapping
from typing import Final

from visus.server.request import Header

LONGEST: Final = 100
"""Characters of such a value; it is a number or a duration."""


def as_headers(limits: Mapping[str, str]) -> tuple[Header, ...]:
    """`x-ratelimit-limit-tokens` of a provider becomes `x-upstream-ratelimit-limit-tokens`."""
    return tuple(
        (name.replace("x-", "x-upstream-", 1).encode("ascii"), value.encode("ascii"))
        for name, value in limits.items()
        if value.isascii() and value.isprintable() and len(value) <= LONGEST
    )
