"""Who pays for a question: what is told to the account of a question, and by whom.

The account itself is `accounts.ledger.Bill`; a question that nobody pays for has `FREE`.
"""

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from visus.accounts.ledger import Line, Outcome, Size
from visus.accounts.limiter import LimitsSettings
from visus.core.endings import CLIENT_CLOSED
from visus.core.events import Event, TextDelta, TokensUsed
from visus.core.prompt import Prompt
from visus.core.question import MediaKind
from visus.errors import ServiceError
from visus.flow.estimate import text_tokens
from visus.models.catalogue import ModelRow
from visus.routing.dispatch import Attempt


class Account(Protocol):
    """Holds what a question may cost, and settles it once."""

    async def hold(self, model: ModelRow, size: Size) -> None:
        """Before a model is asked; raises where it must not be."""
        ...

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to be written down."""
        ...

    def settle(self, outcome: Outcome) -> None:
        """Writes down what became of it; only the first call counts."""
        ...


class _Free:
    """Nobody pays, nothing is counted."""

    is_settled = True

    async def hold(self, model: ModelRow, size: Size) -> None:
        """Anything may be asked."""

    def settle(self, outcome: Outcome) -> None:
        """Nothing is kept."""


FREE: Final[Account] = _Free()


class Tab(msgspec.Struct, eq=False):
    """What a question runs up: every request to a model's server, and who pays."""

    account: Account = FREE
    attempts: list[Attempt] = []
    lines: list[Line] = []
    """What was asked of models besides the answer itself."""
    is_estimated: bool = False
    """Whether something of that was counted by nobody."""

    def charge(self, model: ModelRow, size: Size, events: Sequence[Event]) -> None:
        """Puts on what an answer cost of which `events` were heard, to a question of `size`."""
        used = next((one for one in reversed(events) if type(one) is TokensUsed), None)
        if used is None:
            self.is_estimated = True
            heard = len(text_of(events).encode())
            used = thought(size, heard_bytes=heard, model=model)
        self.lines.append(Line(model, used))


def text_of(events: Sequence[Event]) -> str:
    """The words among them."""
    return "".join(one.text for one in events if type(one) is TextDelta)


def size_of(model: ModelRow, prompt: Prompt, assumed: LimitsSettings) -> Size:
    """How large a question is thought to be.

    The answer counts with all that it may have; a picture without a formula with what is
    assumed.
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
    """What the record says of a question that ended with `fault`."""
    return fault.status if isinstance(fault, ServiceError) else CLIENT_CLOSED


def thought(size: Size, *, heard_bytes: int, model: ModelRow, answers: int = 1) -> TokensUsed:
    """What answers cost whose server never said: the estimate, and what was heard of them."""
    heard = -(-heard_bytes * 100 // model.text_tokens.rule.bytes_per_100_tokens)
    return TokensUsed(size.inputs * answers, heard, answers=answers)
