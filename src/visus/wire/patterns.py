"""Can matching this regular expression take exponential time?

A pattern in a schema is matched by whoever fills it: by us, or by a model's server that a
stranger's pattern must not bring down. What is looked for is what makes backtracking explode:
a repeat whose rounds can be told apart in several ways (`(a+)+`, `(a|a)*`, `(a?b?)*`), repeats
side by side that take the same characters (`a*a*`), and long rows of such repeats with
something between (`.*a.*b.*c.*`).

The pattern becomes an automaton of its characters, and the search walks pairs and triples of
its places, no more steps than a budget: nothing is ever matched here. A pattern that needs more
is refused as too intricate.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from visus.wire.pattern_syntax import (
    Characters,
    Choice,
    Expression,
    One,
    PatternRefused,
    Repeat,
    Row,
    expressions,
)

STEPS: Final = 50_000
"""What one `Budget` allows: about 30 ms of work."""
MOST_COPIES: Final = 64
"""Counted repeats up to here are written out; larger ones count as unbounded."""
MOST_ROUNDS: Final = 16
"""Counted rounds, of all repeats around each other, that may be told apart in two ways: each
doubles what there is to try."""
LONGEST_ROW: Final = 3
"""Repeats of the same characters in one row, with something else between them."""


@dataclass(slots=True)
class Budget:
    """How much work may be spent, on all patterns of a request together."""

    steps: int = STEPS

    def spend(self, steps: int = 1) -> None:
        """Takes some of it.

        Raises:
            PatternRefused: nothing is left.
        """
        self.steps -= steps
        if self.steps < 0:
            raise PatternRefused("is too intricate to be checked")


def check(pattern: str, budget: Budget) -> None:
    """Refuses a pattern that could take for ever.

    Raises:
        PatternRefused: it could, it needs more than `budget` to know, or it is no pattern.
    """
    budget.spend(len(pattern) + 1)
    for expression in expressions(pattern):
        automaton = _Automaton(budget)
        automaton.build(expression)
        automaton.refuse_what_explodes()


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of the automaton: where it begins and ends, and whether it may be left out."""

    first: Sequence[int] = ()
    last: Sequence[int] = ()
    may_be_empty: bool = True


@dataclass(slots=True)
class _Automaton:
    """A place for each character of the pattern; from each the places that may come next."""

    budget: Budget
    characters: list[Characters] = field(default_factory=list[Characters])
    after: list[list[int]] = field(default_factory=list[list[int]])
    twice: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """Steps that can be taken in two ways."""
    _steps: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    _rounds: int = 1
    """How often what is being built is repeated by counted repeats around it."""

    def build(self, expression: Expression) -> _Piece:
        """Adds an expression."""
        match expression:
            case One(characters=characters):
                self.budget.spend()
                self.characters.append(characters)
                self.after.append([])
                place = (len(self.after) - 1,)
                return _Piece(place, place, may_be_empty=False)
            case Row(parts=parts):
                return self._row(self.build(part) for part in parts)
            case Choice(options=options):
                pieces = [self.build(option) for option in options]
                return _Piece(
                    [place for piece in pieces for place in piece.first],
                    [place for piece in pieces for place in piece.last],
                    any(piece.may_be_empty for piece in pieces),
                )
            case Repeat():
                return self._repeat(expression)

    def _row(self, pieces: Iterable[_Piece]) -> _Piece:
        whole = _Piece()
        run: list[_Piece] = []
        for piece in pieces:
            self.budget.spend()
            run = self._run(run, piece)
            self._join(whole.last, piece.first)
            whole = _Piece(
                [*whole.first, *piece.first] if whole.may_be_empty else whole.first,
                [*whole.last, *piece.last] if piece.may_be_empty else piece.last,
                whole.may_be_empty and piece.may_be_empty,
            )
        return whole

    def _run(self, before: list[_Piece], piece: _Piece) -> list[_Piece]:
        """Those pieces in direct succession, up to this one, of which each may be left out."""
        if not piece.may_be_empty:
            return []
        run = [*before, piece] if before and self._alike(before[-1], piece) else [piece]
        if len(run) * self._rounds > MOST_ROUNDS and len(run) > 1:
            raise PatternRefused(
                f"has more than {MOST_ROUNDS} optional parts in a row that match the same "
                "characters, so matching may take very long"
            )
        return run

    def _alike(self, one: _Piece, other: _Piece) -> bool:
        self.budget.spend(len(one.last) * len(other.first) + 1)
        of = self.characters
        return any(of[first] & of[second] for first in one.last for second in other.first)

    def _refuse_rounds(self, repeat: Repeat, most: int) -> None:
        """Refuses a counted repeat of many rounds that would explode if they were endless."""
        if most > 1 and self._rounds * most > MOST_ROUNDS:
            endless = _Automaton(self.budget)
            endless.build(Repeat(repeat.what, 1, None))
            endless.refuse_ambiguous()

    def _repeat(self, repeat: Repeat) -> _Piece:
        if repeat.most is None:
            return self._copies(repeat)
        self._refuse_rounds(repeat, repeat.most)
        around, self._rounds = self._rounds, self._rounds * max(repeat.most, 1)
        whole = self._copies(repeat)
        self._rounds = around
        return whole

    def _copies(self, repeat: Repeat) -> _Piece:
        least, most = repeat.least, repeat.most
        if least > MOST_COPIES or (most is not None and most - least > MOST_COPIES):
            least, most = min(least, 1), None
        if most is None:
            copies = [self.build(repeat.what) for _ in range(max(least, 1))]
            self._join(copies[-1].last, copies[-1].first)
            whole = self._row(copies)
            return _Piece(whole.first, whole.last, whole.may_be_empty or least == 0)
        optional = _Piece()
        for _ in range(most - least):
            inner = self._row([self.build(repeat.what), optional])
            optional = _Piece(inner.first, inner.last)
        return self._row([*(self.build(repeat.what) for _ in range(least)), optional])

    def _join(self, ends: Iterable[int], beginnings: Sequence[int]) -> None:
        for end in ends:
            self.budget.spend(len(beginnings))
            for beginning in beginnings:
                step = (end, beginning)
                if step in self._steps:
                    self.twice.append(step)
                else:
                    self._steps.add(step)
                    self.after[end].append(beginning)

    # --- What explodes -----------------------------------------------------------------------

    def refuse_what_explodes(self) -> None:
        """Looks at every circle, at every two circles, and at rows of them.

        Raises:
            PatternRefused: something does.
        """
        self._refuse_rows(self.refuse_ambiguous())

    def refuse_ambiguous(self) -> Sequence[frozenset[int]]:
        """Looks at every circle, and returns them.

        Raises:
            PatternRefused: the rounds of one can be told apart in several ways.
        """
        circles = self._circles()
        circle_of = {place: circle for circle in circles for place in circle}
        for begin, end in self.twice:
            if end in circle_of.get(begin, ()):
                raise PatternRefused("repeats what already repeats, so matching may never end")
        if any(self._is_ambiguous(circle) for circle in circles):
            raise PatternRefused(
                "repeats something that matches the same text in several ways, "
                "so matching may never end"
            )
        return circles

    def _refuse_rows(self, circles: Sequence[frozenset[int]]) -> None:
        everything = frozenset(range(len(self.after)))
        rows = [1] * len(circles)
        # Circles come in the reverse of the order in which they are walked through.
        for place, late in enumerate(circles):
            for number in range(place):
                follows = circles[number]
                self.budget.spend(len(late) * len(follows) // 8 + 1)
                if self._overlap(late, follows, through=late | follows):
                    raise PatternRefused(
                        "has repeats side by side that match the same characters, "
                        "so matching may take very long"
                    )
                if self._overlap(late, follows, through=everything):
                    rows[place] = max(rows[place], rows[number] + 1)
        if max(rows, default=0) > LONGEST_ROW:
            raise PatternRefused(
                f"has more than {LONGEST_ROW} repeats in a row that match the same characters, "
                "so matching may take very long"
            )

    def _circles(self) -> list[frozenset[int]]:
        """The places of each repeat; where one leads to another, the later one comes first."""
        before: dict[int, list[int]] = {place: [] for place in range(len(self.after))}
        for begin, end in self._steps:
            before[end].append(begin)
        forward = dict(enumerate(self.after))
        seen: set[int] = set()
        order = [one for root in forward for one in self._left(root, forward, seen)]
        seen = set()
        found = [frozenset(self._left(root, before, seen)) for root in reversed(order)]
        return [
            circle
            for circle in reversed(found)
            if len(circle) > 1 or any(place in self.after[place] for place in circle)
        ]

    def _left(self, root: int, steps: Mapping[int, Sequence[int]], seen: set[int]) -> list[int]:
        """What is newly reached from `root`, in the order in which a walk leaves it."""
        order: list[int] = []
        waiting = [] if root in seen else [(root, iter(steps[root]))]
        seen.add(root)
        while waiting:
            place, following = waiting[-1]
            other = next((one for one in following if one not in seen), None)
            if other is None:
                waiting.pop()
                order.append(place)
            else:
                seen.add(other)
                waiting.append((other, iter(steps[other])))
        return order

    def _is_ambiguous(self, circle: frozenset[int]) -> bool:
        """Whether two ways through the circle part on some text and meet again."""
        seen: set[tuple[int, int]] = {(place, place) for place in circle}
        waiting = list(seen)
        while waiting:
            one, other = waiting.pop()
            for step in self._together(one, other, circle, circle):
                if step[0] == step[1] and one != other:
                    return True
                if step not in seen:
                    seen.add(step)
                    waiting.append(step)
        return False

    def _together(
        self, one: int, other: int, inside: frozenset[int], other_inside: frozenset[int]
    ) -> Iterator[tuple[int, int]]:
        """Steps that both can take on the same character."""
        for first in self.after[one]:
            self.budget.spend()
            if first not in inside:
                continue
            for second in self.after[other]:
                self.budget.spend()
                if second in other_inside and self.characters[first] & self.characters[second]:
                    yield first, second

    def _overlap(
        self, early: frozenset[int], late: frozenset[int], *, through: frozenset[int]
    ) -> bool:
        """Whether a text that keeps both circles turning leads from one to the other."""
        return any(
            self.characters[one] & self.characters[other]
            and self._crosses(one, other, early, late, through)
            for one in early
            for other in late
        )

    def _crosses(
        self, one: int, other: int, early: frozenset[int], late: frozenset[int],
        through: frozenset[int],
    ) -> bool:  # fmt: skip
        """Whether one text leads from `one` to itself and to `other`, and `other` to itself."""
        begin, wanted = (one, one, other), (one, other, other)
        seen, waiting = {begin}, [begin]
        while waiting:
            stays, goes, turns = waiting.pop()
            for new_stays, new_turns in self._together(stays, turns, early, late):
                common = self.characters[new_stays] & self.characters[new_turns]
                for new_goes in self.after[goes]:
                    self.budget.spend()
                    step = (new_stays, new_goes, new_turns)
                    if new_goes not in through or not common & self.characters[new_goes]:
                        continue
                    if step == wanted:
                        return True
                    if step not in seen:
                        seen.add(step)
                        waiting.append(step)
        return False
