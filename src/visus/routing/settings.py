"""How often a question is tried before its caller gets an error."""

from typing import Annotated, TypeAlias

import msgspec

from visus.core.question import Blind

Duration: TypeAlias = Annotated[float, msgspec.Meta(gt=0)]


class BreakerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The circuit breaker: when a failing deployment is not asked for a while."""

    failures: Annotated[int, msgspec.Meta(ge=0)] = 5
    """Failures within `window_s` that open the breaker; 0: it never opens."""
    ratio: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.4
    """The least share of failures among all answers in that time that opens the breaker."""
    window_s: Duration = 30.0
    """How long failures are counted, from the first one on."""
    open_s: Duration = 10.0
    """How long the breaker stays open; then one question is let through as a probe."""


class RoutingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One budget for all attempts before the first event of an answer."""

    attempts: Annotated[int, msgspec.Meta(ge=1, le=50)] = 3
    """The most requests to models' servers for one question, retries and fallbacks together.
    One is reserved for each fallback that may still be asked; trying another server of the same
    model may use all of these but one."""
    budget_s: Duration = 180.0
    """No attempt begins later than this after the first one. Each has the deadlines of
    `[upstream]`."""
    backoff_s: Duration = 0.25
    """The wait before the same server is asked again is drawn at random below this, and below
    twice as much each time after."""
    max_wait_s: Annotated[float, msgspec.Meta(ge=0)] = 10.0
    """The longest wait before a retry; where `Retry-After` asks for more, the caller gets the
    error at once."""
    blind: Blind = "refuse"
    """What happens to a question with pictures for a model that takes text alone, unless the
    key says otherwise: `refuse` it, `reroute` it to a model with vision, or have such a model
    `describe` the pictures first. Pictures of earlier turns are always replaced by a note."""
    seeing: tuple[str, ...] = ()
    """The models with vision to use for that, in order, after the asked model's own
    `fallbacks`; with neither, the first model with vision in the catalogue."""
    description_tokens: Annotated[int, msgspec.Meta(ge=1)] = 1000
    """The longest description of one picture, in tokens."""
    follow_successors: bool = False
    """Whether the `successor` of a model that has ended is asked, for rows that do not say."""
    breaker: BreakerSettings = BreakerSettings()
    """See below."""
