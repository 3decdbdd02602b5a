"""Intervals by resampling items: statistics as functions of sums over items, so that a resample is a product."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from annotation.ratings import Floats, Ints, Undefined

_MOST_CELLS = 20_000_000
"""Of weights held at once: 160 MB."""
_FEWEST_DEFINED = 0.5


@dataclass(frozen=True, eq=False)
class Statistic:
    """A statistic of items.

    rows: float64[patterns, sums], what an item of each pattern adds. pattern: int64[items], each item's pattern: items
    that were rated alike add alike. of: float64[samples, sums] to float64[samples], nan where undefined.
    summed: where False, the statistic is no function of sums, and `of` takes float64[samples, patterns], how often
    each pattern is there.
    """

    rows: Floats
    pattern: Ints
    of: Callable[[Floats], Floats]
    reason: str = "only one category was used"
    summed: bool = True

    def of_weights(self, weights: Floats) -> Floats:
        """The statistic of float64[samples, patterns], how often each pattern is there."""
        return self.of(weights @ self.rows if self.summed else weights)

    def value(self) -> float | Undefined:
        """The statistic of all items, or why there is none."""
        weights = np.bincount(self.pattern, minlength=len(self.rows)).astype(np.float64)
        found = float(self.of_weights(weights[None, :])[0])
        return found if np.isfinite(found) else Undefined(self.reason)


def draws(items: int, samples: int, seed: int) -> np.random.Generator:
    """The generator behind `resampled`: `integers(items, size=items)` once for each sample, in order."""
    return np.random.default_rng([seed, items, samples])


def resampled(statistic: Statistic, samples: int = 1000, seed: int = 0) -> Floats:
    """The statistic of `samples` resamples of the items, drawn with replacement; float64[samples], nan: undefined."""
    items, patterns = len(statistic.pattern), len(statistic.rows)
    source = draws(items, samples, seed)
    step = max(1, _MOST_CELLS // max(patterns, 1))
    found = []
    for start in range(0, samples, step):
        weights = np.empty((min(step, samples - start), patterns))
        for at in range(len(weights)):
            drawn = statistic.pattern[source.integers(items, size=items)]
            weights[at] = np.bincount(drawn, minlength=patterns)
        found.append(statistic.of_weights(weights))
    return np.concatenate(found)


def interval(
    statistic: Statistic, samples: int = 1000, seed: int = 0, coverage: float = 0.95
) -> tuple[float, float] | Undefined:
    """The percentile interval of the bootstrap over items; resamples without a value are left out.

    Source: Efron, Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.
    """
    value = statistic.value()
    if isinstance(value, Undefined):
        return value
    if len(statistic.pattern) < 2:  # noqa: PLR2004 - every resample would be the same
        return Undefined("only one item")
    found = resampled(statistic, samples, seed)
    defined = found[np.isfinite(found)]
    if len(defined) < _FEWEST_DEFINED * samples:
        return Undefined("most resamples have no value")
    low, high = np.quantile(defined, [(1 - coverage) / 2, (1 + coverage) / 2])
    return float(low), float(high)


def with_interval(
    one: Statistic | Undefined, samples: int = 1000, seed: int = 0
) -> tuple[float | Undefined, tuple[float, float] | Undefined]:
    """The value and its interval; without a value, the reason stands in both places. samples: 0 for no interval."""
    if isinstance(one, Undefined):
        return one, one
    value = one.value()
    if isinstance(value, Undefined):
        return value, value
    return value, interval(one, samples, seed) if samples else Undefined("not asked for")
