"""Chance that can be repeated: one seed, and a stream of its own for every part."""

import zlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


class Dice:
    """Draws from one stream; the same seed and name give the same draws on every machine."""

    def __init__(self, seed: int, name: str) -> None:
        self._stream = np.random.default_rng([seed, zlib.crc32(name.encode())])

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return int(self._stream.integers(low, high + 1))

    def real(self, low: float, high: float) -> float:
        """A number from `low` up to `high`."""
        return float(self._stream.uniform(low, high))

    def chance(self, share: float) -> bool:
        """True in `share` of all cases."""
        return bool(self._stream.random() < share)

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.between(0, len(options) - 1)]

    def some(self, options: Sequence[T], count: int) -> list[T]:
        """`count` different options, in drawn order."""
        order = self._stream.permutation(len(options))[:count]
        return [options[int(place)] for place in order]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """All options, in drawn order."""
        return self.some(options, len(options))

    def digits(self, count: int) -> str:
        """A run of digits that does not begin with 0."""
        return "".join(str(self.between(1 if place == 0 else 0, 9)) for place in range(count))

    def grain(self, shape: tuple[int, ...], sigma: float) -> np.ndarray:
        """Normal noise, float64 of `shape`."""
        return self._stream.normal(0.0, sigma, shape)
