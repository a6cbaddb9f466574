"""Where a question may go, and where a provider runs: values without judgement.

Whether one meets the other is for `models.residency` to say.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Site(NamedTuple):
    """Who runs models, and where: the operator's statement."""

    provider: str
    region: str = "global"
    """`local` is this machine; `global` is nowhere in particular."""
    country: str | None = None
    """The country where it runs, ISO 3166 alpha-2."""


class Demand(NamedTuple):
    """A restriction on where a question may go. Of several, all must be met."""

    param: str | None
    """Where in the request it stands; None for one that comes with the caller's key."""
    places: Sequence[str] = ()
    """Countries' two letters, `eu` or `local`, any of which will do; none: anywhere. As they
    were written: not checked."""
    only: Sequence[str] = ()
    """The providers that may be asked; none: any."""
    never: Sequence[str] = ()
    """Providers that may not be asked."""
