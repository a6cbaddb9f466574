"""How often a question is tried before its caller hears of a failure."""

from typing import Annotated, TypeAlias

import msgspec

from visus.core.question import Blind

Duration: TypeAlias = Annotated[float, msgspec.Meta(gt=0)]


class BreakerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a deployment that fails is left alone for a while."""

    failures: Annotated[int, msgspec.Meta(ge=0)] = 5
    """Failures within `window_s` after which it is left alone; 0: never."""
    ratio: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.4
    """The share of failures among all answers of that time, below which it is not."""
    window_s: Duration = 30.0
    """How long is counted, from a first failure on."""
    open_s: Duration = 10.0
    """For how long it is left alone; then one question is let through to see how it does."""


class RoutingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One budget for everything that is tried before the first word of an answer."""

    attempts: Annotated[int, msgspec.Meta(ge=1, le=50)] = 3
    """Requests to models' servers for one question, retries and fallbacks together. One is kept
    back for each model that may still be asked; other servers of the same model come before all
    of these but one."""
    budget_s: Duration = 180.0
    """After the first of them none is begun later. Each has the deadlines of `[upstream]`."""
    backoff_s: Duration = 0.25
    """The wait before the same server is asked again is drawn at random below this, and below
    twice as much each time after."""
    max_wait_s: Annotated[float, msgspec.Meta(ge=0)] = 10.0
    """A longer wait, such as `Retry-After` may ask for, is not made here but left to the
    caller."""
    blind: Blind = "refuse"
    """What becomes of a question with pictures for a model that takes text alone, unless the
    key says otherwise: `refuse` it, `reroute` it to a model that sees, or have one `describe`
    the pictures first. Pictures of earlier turns are replaced by a note in any case."""
    seeing: tuple[str, ...] = ()
    """The models that look where one does not see, in order, behind its own `fallbacks`; with
    neither, the first of the catalogue that can."""
    description_tokens: Annotated[int, msgspec.Meta(ge=1)] = 1000
    """How long a description may be, of one picture."""
    follow_successors: bool = False
    """Whether the `successor` of a model that has ended is asked, for rows that do not say."""
    breaker: BreakerSettings = BreakerSettings()
    """See below."""
