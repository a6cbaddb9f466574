"""What a question costs: held before a model is asked, settled exactly once afterwards.

A `Bill` goes with each question. Nothing of a question is in it but numbers and names.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, TypeAlias

import anyio
import anyio.to_thread
import msgspec

from visus.accounts import entries
from visus.accounts.clock import MS, now_ms
from visus.accounts.entries import Hold, Settlement
from visus.accounts.faults import storage_faults
from visus.accounts.journal import Journal
from visus.accounts.keys import Key
from visus.accounts.limiter import Admission
from visus.core.events import TokensUsed
from visus.core.places import Site
from visus.core.price import cost
from visus.errors import QuotaExhausted, ServiceError
from visus.models.catalogue import ModelRow

_MILLION: Final = 1_000_000
_HOLDING: Final = 8
"""Threads that hold money: where the database makes them wait, others are left for the rest."""
Rate: TypeAlias = Annotated[int, msgspec.Meta(gt=0)]


class LedgerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The currency of costs, and how costs are written down."""

    currency: str = "EUR"
    """ISO 4217; budgets and all sums are in it."""
    rates: dict[str, Rate] = {}
    """What a unit of another currency is worth, in millionths of `currency`: `USD = 860_000`.
    Every currency that a price is in has to be here."""
    lease_s: Annotated[float, msgspec.Meta(ge=1)] = 900.0
    """How long after the death of its process a question is settled as lost, and its reserved
    cost freed. It must be longer than any answer takes."""
    write_every_s: Annotated[float, msgspec.Meta(ge=0, le=60)] = 0.5
    """How often entries are written to the database; until then they are in files in `[state]
    dir`, where they survive a crash."""
    when_unavailable: Literal["serve", "refuse"] = "serve"
    """While the database takes no writes, questions are answered and their records stay in
    those files (`serve`), or they are refused with 503 (`refuse`). Projects with a budget are
    always refused."""
    sweep_s: Annotated[float, msgspec.Meta(gt=0)] = 15.0
    """How often questions of dead processes are looked for."""

    def micros(self, model: ModelRow, at_ms: int, *, inputs: int, outputs: int) -> int:
        """What so many tokens of that model cost on that day, in millionths of `currency`."""
        if model.price is None:
            return 0
        price = model.price_on(datetime.fromtimestamp(at_ms / MS, UTC).date())
        if price is None:
            return 0
        owed = cost(price.rates, input_tokens=inputs, output_tokens=outputs)
        if price.currency == self.currency:
            return owed
        return -(-owed * self.rates.get(price.currency, 0) // _MILLION)


class Size(msgspec.Struct, frozen=True, gc=False):
    """The estimated size of a question, in tokens, before its model's server reports usage."""

    inputs: int
    """Tokens, pictures and all."""
    outputs: int
    """Tokens that the answer may have."""
    image_tokens: int = 0
    video_tokens: int = 0
    document_tokens: int = 0
    images: int = 0
    """Pictures, single frames and pages."""

    def and_also(self, other: "Size") -> "Size":
        """Both together."""
        return Size(
            self.inputs + other.inputs,
            self.outputs + other.outputs,
            self.image_tokens + other.image_tokens,
            self.video_tokens + other.video_tokens,
            self.document_tokens + other.document_tokens,
            self.images + other.images,
        )


NOTHING: Final = Size(0, 0)


def media_tokens(used: TokensUsed, size: Size) -> tuple[int, int, int]:
    """Input tokens of pictures, of videos and of documents.

    As the model's server counted them, else as estimated; together never more than it counted
    of the whole question.
    """
    images = min(used.prompt, used.of_images or size.image_tokens)
    videos = min(used.prompt - images, used.of_videos or size.video_tokens)
    rest = used.prompt - images - videos
    return images, videos, min(rest, used.of_documents or size.document_tokens)


class Line(msgspec.Struct, frozen=True):
    """What one model was asked for, on the way to the answer."""

    model: ModelRow
    used: TokensUsed


class Outcome(msgspec.Struct, frozen=True):
    """What became of a question."""

    status: int
    lines: Sequence[Line]
    model: str
    site: Site | None
    """The provider that answered, or was asked last; None: none was."""
    attempts: int
    is_estimated: bool = False


class Bill(msgspec.Struct, eq=False):
    """One question's account."""

    ledger: "Ledger"
    key: Key
    record_id: str
    admission: Admission
    began_ms: int = msgspec.field(default_factory=now_ms)
    _held: Hold | None = None
    _size: Size = NOTHING
    is_settled: bool = False

    async def hold(self, model: ModelRow, size: Size) -> None:
        """Holds what the question may cost, before that model is asked.

        Where another one is asked after it, what is held stays as it is.

        Raises:
            RateLimited: it does not fit into the minute.
            QuotaExhausted: it does not fit into the month.
            StorageUnavailable: it cannot be written down, so it is not asked.
        """
        await self.admission.count(size.inputs, size.outputs)
        self._size = size
        if self._held is None:
            # Set first: one whose caller hangs up meanwhile has to be settled too.
            self._held = self.ledger.hold_for(self, model, size)
            try:
                await self.ledger.hold(self._held)
            except ServiceError:
                self._held = None
                raise

    def settle(self, outcome: Outcome) -> None:
        """Writes down what became of it; from then on that cannot be lost.

        Only the first call counts.

        Raises:
            StorageUnavailable: it cannot be written.
        """
        settlement = self._settlement(outcome)
        if settlement is not None:
            self.ledger.journal.enter(settlement)

    def _settlement(self, outcome: Outcome) -> Settlement | None:
        held, self.is_settled = (None if self.is_settled else self._held), True
        if held is None:
            return None
        used = _sum(outcome.lines)
        self.admission.correct(used.prompt, used.completion)
        site, size = outcome.site, self._size
        if not outcome.lines:
            size = NOTHING
        return Settlement(
            held.record_id,
            held.began_ms,
            now_ms(),
            held.key_id,
            held.project_id,
            held.held_micros,
            outcome.model,
            site.provider if site is not None else "",
            site.region if site is not None else "",
            outcome.status,
            outcome.attempts,
            used.prompt,
            used.completion,
            used.cached,
            used.reasoning,
            *media_tokens(used, size),
            size.images,
            outcome.is_estimated,
            self.ledger.cost_of(outcome.lines, held.began_ms),
        )


@dataclass(frozen=True, slots=True)
class Ledger:
    """Opens bills."""

    journal: Journal
    settings: LedgerSettings
    _threads: anyio.CapacityLimiter = field(
        default_factory=lambda: anyio.CapacityLimiter(_HOLDING)
    )

    async def hold(self, held: Hold) -> None:
        """Writes a hold down.

        Raises:
            QuotaExhausted: its project's budget has no room for it.
            StorageUnavailable: it cannot be written.
        """
        if not held.held_micros:  # no budget, or a model that costs nothing
            self.journal.enter(held)
        elif not await anyio.to_thread.run_sync(
            self.journal.hold_money, held, limiter=self._threads
        ):
            raise QuotaExhausted(
                "The project's budget for this month does not cover this request."
            )

    def sweep(self) -> int:
        """Gives up records whose lease is over. Blocking; says how many they were."""
        with storage_faults(), self.journal.engine.begin() as connection:
            return entries.release_leases(connection, now_ms=now_ms())

    def hold_for(self, bill: Bill, model: ModelRow, size: Size) -> Hold:
        """What is entered before the question is asked."""
        key, held = bill.key, 0
        if key.budget_micros is not None:
            held = self.settings.micros(
                model, bill.began_ms, inputs=size.inputs, outputs=size.outputs
            )
        lease_ms = int(self.settings.lease_s * MS)
        return Hold(
            bill.record_id,
            bill.began_ms,
            bill.began_ms + lease_ms,
            self.journal.node,
            key.key_id,
            key.project_id,
            model.id,
            held,
            key.budget_micros,
        )

    def cost_of(self, lines: Sequence[Line], at_ms: int) -> int:
        """What these lines cost, in millionths of the ledger's currency."""
        micros = self.settings.micros
        owed = 0
        for line in lines:
            used = line.used
            owed += micros(line.model, at_ms, inputs=used.prompt, outputs=used.completion)
        return owed


def _sum(lines: Sequence[Line]) -> TokensUsed:
    if len(lines) == 1:
        return lines[0].used
    columns = zip(*(line.used for line in lines), strict=True)
    return TokensUsed(*map(sum, columns)) if lines else TokensUsed(0, 0)
