"""What a question costs, and the account that pays for it.

The account itself is `accounts.ledger.Bill`; a question that nobody pays for has `FREE`.
"""

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from visus.accounts.ledger import Line, Outcome, Size
from visus.accounts.limiter import LimitsSettings
from visus.core.endings import CLIENT_CLOSED
from visus.core.events import Event, TextDelta, TokensUsed, said_bytes
from visus.core.prompt import Prompt
from visus.core.question import MediaKind
from visus.errors import ServiceError
from visus.flow.estimate import text_tokens
from visus.models.catalogue import ModelRow
from visus.routing.dispatch import Attempt


class Account(Protocol):
    """Holds what a question may cost, and settles it once."""

    async def hold(self, model: ModelRow, size: Size) -> None:
        """Reserves the cost before a model is asked; raises where it must not be asked."""
        ...

    @property
    def is_settled(self) -> bool:
        """Whether the outcome is recorded."""
        ...

    def settle(self, outcome: Outcome) -> None:
        """Records the outcome and its cost; only the first call counts."""
        ...


class _Free:
    """An account that costs nothing and records nothing."""

    is_settled = True

    async def hold(self, model: ModelRow, size: Size) -> None:
        """Anything may be asked."""

    def settle(self, outcome: Outcome) -> None:
        """Nothing is kept."""


FREE: Final[Account] = _Free()


class Tab(msgspec.Struct, eq=False):
    """Everything that one question cost so far, and the account that pays."""

    account: Account = FREE
    attempts: list[Attempt] = []
    lines: list[Line] = []
    """The cost of requests other than the answer itself."""
    is_estimated: bool = False
    """Whether any of these costs is an estimate."""

    def charge(self, model: ModelRow, size: Size, events: Sequence[Event]) -> None:
        """Adds the cost of an answer made of `events` to a question of `size`."""
        used = next((one for one in reversed(events) if type(one) is TokensUsed), None)
        if used is None:
            self.is_estimated = True
            used = estimated_usage(size, heard_bytes=said_bytes(events), model=model)
        self.lines.append(Line(model, used))


def text_of(events: Sequence[Event]) -> str:
    """Their text, joined."""
    return "".join(one.text for one in events if type(one) is TextDelta)


def size_of(model: ModelRow, prompt: Prompt, assumed: LimitsSettings) -> Size:
    """The estimated size of a question, in tokens.

    The answer counts at its longest; a picture without a formula counts as `assumed`.
    """
    reports = prompt.reports
    options = prompt.options
    text = text_tokens(model, prompt)
    longest = options.max_tokens or assumed.assumed_output_tokens
    outputs = longest * (options.n or 1)
    if not reports:
        return Size(text, outputs)
    by_kind: dict[MediaKind, int] = {"image": 0, "video": 0, "file": 0}
    images = 0
    for report in reports:
        count, tokens = len(report.images), report.tokens
        images += count
        by_kind[report.kind] += (
            count * assumed.assumed_image_tokens if tokens is None else tokens
        )
    return Size(
        text + sum(by_kind.values()),
        outputs,
        by_kind["image"],
        by_kind["video"],
        by_kind["file"],
        images,
    )


def status_of(fault: BaseException | None) -> int:
    """The status recorded for a question that ended with `fault`."""
    return fault.status if isinstance(fault, ServiceError) else CLIENT_CLOSED


def estimated_usage(
    size: Size, *, heard_bytes: int, model: ModelRow, answers: int = 1
) -> TokensUsed:
    """What answers cost whose server reported no usage.

    The question counts as estimated, the answers as the `heard_bytes` received.
    """
    heard = -(-heard_bytes * 100 // model.text_tokens.rule.bytes_per_100_tokens)
    return TokensUsed(size.inputs * answers, heard, answers=answers)
