"""Corrects token estimates by what a model's server reports.

Every answer that reports its usage is compared with the estimate made for it. From the last
`KEPT` answers of a model a correction is computed: so many times the tokens of media, so many
for each piece of media, so many times the tokens of text, so many for each request. Where the
answers cannot tell these apart, the blame goes to what is large; of what they say nothing
about, earlier answers have the last word. Answers that agree with no others have no say.

Pure and without threads: numbers in, numbers out, `KEPT` answers of `MODELS` models in memory.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from math import log1p
from statistics import median
from typing import Final, NamedTuple, TypeAlias

KEPT: Final = 20
"""Answers that are remembered: after so many a change upstream has replaced what was before."""
ENOUGH: Final = 5
"""With fewer answers nothing is corrected."""
MODELS: Final = 1000
"""The most models remembered; the least recently used one is forgotten first."""

_EXPECTED: Final = (1.0, 0.0, 1.0, 0.0)
_SPREAD: Final = (2.0, 200.0, 2.0, 100.0)
"""How far from what is expected each coefficient may well be; second and last in tokens."""
_NOISE: Final = 0.002
"""What counts as agreement, of the larger of the two numbers; half a token at least."""
_ROUNDING: Final = 0.5
"""How far off a whole number is from what it was rounded from, at most."""
_WHOLE: Final = 1.0
"""How far off a rule may be that counts to the token."""
_FEW: Final = 5
_STRIDES: Final = (1, 7)
"""Which few are tried as a beginning: each answer with its next ones, and every seventh."""
_ROUNDS: Final = 3
_ODD: Final = 6.0
"""An answer that is so many times further off than most has no say."""
_SCALE_OF_MEDIAN: Final = 1.4826

_Vector: TypeAlias = tuple[float, ...]


class Estimate(NamedTuple):
    """What the formulas say of one request."""

    media_tokens: int
    media_parts: int
    """How many pictures, videos and documents there are."""
    text_tokens: int


class Correction(NamedTuple):
    """That an estimate was corrected, and how."""

    answers: int
    """From how many answers."""
    factor: float
    """By what the sum was multiplied."""


class Corrected(NamedTuple):
    """An estimate with what was learnt."""

    media_tokens: int
    text_tokens: int
    """Text, and what the server puts around everything."""
    correction: Correction | None
    """None where too little is known: then these are the numbers of the formulas."""

    @property
    def tokens(self) -> int:
        """All of them."""
        return self.media_tokens + self.text_tokens


class _Answer(NamedTuple):
    features: _Vector
    reported: int
    noise: float


class Calibration:
    """What is known of every model. At most `KEPT` answers of `MODELS` models are kept."""

    def __init__(self) -> None:
        self._models: OrderedDict[str, _Drift] = OrderedDict()

    def learn(self, model_id: str, estimate: Estimate, *, reported: int) -> None:
        """Remember one answer. A report without tokens says nothing and is passed over.

        Args:
            model_id: the model that answered.
            estimate: the formulas' own numbers, never corrected ones.
            reported: the tokens of the prompt as its server counted them.
        """
        if reported <= 0:
            return
        drift = self._models.setdefault(model_id, _Drift())
        self._models.move_to_end(model_id)
        drift.learn(estimate, reported)
        while len(self._models) > MODELS:
            self._models.popitem(last=False)

    def corrected(self, model_id: str, estimate: Estimate) -> Corrected:
        """The estimate, corrected where enough is known of this model."""
        drift = self._models.get(model_id)
        if drift is None:
            return Corrected(estimate.media_tokens, estimate.text_tokens, None)
        return drift.corrected(estimate)


class _Drift:
    """One model's last answers, and the coefficients that explain them."""

    def __init__(self) -> None:
        self._answers: deque[_Answer] = deque(maxlen=KEPT)
        self._found: _Vector = _EXPECTED
        self._is_settled = False
        self._since = 0
        """Answers since the coefficients were looked at: none goes without having been."""

    def learn(self, estimate: Estimate, reported: int) -> None:
        noise = max(0.5, _NOISE * max(reported, estimate.media_tokens + estimate.text_tokens))
        answer = _Answer(_features(estimate), reported, noise)
        self._answers.append(answer)
        self._is_settled = self._is_settled and _miss(answer, self._found) <= 1
        self._since += 1
        if self._since >= KEPT:
            self._settle()

    def corrected(self, estimate: Estimate) -> Corrected:
        if len(self._answers) < ENOUGH:
            return Corrected(estimate.media_tokens, estimate.text_tokens, None)
        self._settle()
        parts = [
            coefficient * feature
            for coefficient, feature in zip(self._found, _features(estimate), strict=True)
        ]
        media, text = max(0, round(sum(parts[:2]))), max(0, round(sum(parts[2:])))
        before = estimate.media_tokens + estimate.text_tokens
        factor = round((media + text) / before, 4) if before else 1.0
        return Corrected(media, text, Correction(len(self._answers), factor))

    def _settle(self) -> None:
        if not self._is_settled:
            self._found = _explained(self._answers, self._found)
        self._is_settled, self._since = True, 0


def _features(estimate: Estimate) -> _Vector:
    return (*map(float, estimate), 1.0)


# --- Least squares ---------------------------------------------------------------------------


def _explained(answers: Sequence[_Answer], before: _Vector) -> _Vector:
    """The coefficients under which most answers are what was reported.

    Of what these answers say nothing about, such as pictures where none had any, they are as
    they were `before`.
    """
    found = _fitted(answers, before)
    if max(_miss(answer, found) for answer in answers) <= 1:
        return _sharpened(answers, found, before)
    found = min(
        (found, *_beginnings(answers, before)), key=lambda each: _disagreement(answers, each)
    )
    for _ in range(_ROUNDS):
        found = _fitted(_agreeing(answers, found), before)
    return _sharpened(_agreeing(answers, found), found, before)


def _sharpened(answers: Sequence[_Answer], found: _Vector, before: _Vector) -> _Vector:
    """The coefficients that meet every answer to the token, where there are any; else `found`.

    A server that counts by a rule of its own differs from it by rounding alone. Its large
    answers then say as much to the token as its small ones.
    """
    exact = [answer._replace(noise=_ROUNDING) for answer in answers]
    sharp = _fitted(exact, before)
    is_met = all(_miss(answer, sharp) <= _WHOLE / _ROUNDING for answer in exact)
    return sharp if is_met else found


def _beginnings(answers: Sequence[_Answer], before: _Vector) -> Iterator[_Vector]:
    """What a few answers say by themselves: odd ones are in some of them only."""
    count = len(answers)
    for first in range(count):
        for stride in _STRIDES:
            few = [answers[(first + stride * step) % count] for step in range(_FEW)]
            yield _fitted(few, before)


def _disagreement(answers: Sequence[_Answer], found: _Vector) -> float:
    """Grows slowly with a miss, so that many small ones weigh more than a few great ones."""
    return sum(log1p(_miss(answer, found)) for answer in answers)


def _agreeing(answers: Sequence[_Answer], found: _Vector) -> list[_Answer]:
    misses = [_miss(answer, found) for answer in answers]
    usual = max(1.0, _SCALE_OF_MEDIAN * median(misses))
    return [answer for answer, miss in zip(answers, misses, strict=True) if miss < _ODD * usual]


def _miss(answer: _Answer, found: _Vector) -> float:
    """How far off an answer is; up to 1 counts as agreement."""
    return abs(answer.reported - _product(found, answer.features)) / answer.noise


def _fitted(answers: Iterable[_Answer], before: _Vector) -> _Vector:
    """Least squares around `before`, in units of `_SPREAD`."""
    size = len(_SPREAD)
    matrix = [[float(row == column) for column in range(size)] for row in range(size)]
    wanted = [0.0] * size
    for answer in answers:
        scaled = [
            feature * spread / answer.noise
            for feature, spread in zip(answer.features, _SPREAD, strict=True)
        ]
        miss = (answer.reported - _product(before, answer.features)) / answer.noise
        for row in range(size):
            wanted[row] += scaled[row] * miss
            for column in range(size):
                matrix[row][column] += scaled[row] * scaled[column]
    steps = _solved(matrix, wanted)
    return tuple(
        known + step * spread
        for known, step, spread in zip(before, steps, _SPREAD, strict=True)
    )


def _solved(matrix: list[list[float]], wanted: list[float]) -> list[float]:
    """The solution for a symmetric matrix with no eigenvalue under 1, by elimination."""
    size = len(wanted)
    for pivot in range(size):
        for row in range(pivot + 1, size):
            share = matrix[row][pivot] / matrix[pivot][pivot]
            wanted[row] -= share * wanted[pivot]
            for column in range(pivot, size):
                matrix[row][column] -= share * matrix[pivot][column]
    found = [0.0] * size
    for row in reversed(range(size)):
        known = sum(matrix[row][column] * found[column] for column in range(row + 1, size))
        found[row] = (wanted[row] - known) / matrix[row][row]
    return found


def _product(left: _Vector, right: _Vector) -> float:
    return sum(one * other for one, other in zip(left, right, strict=True))
