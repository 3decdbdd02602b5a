"""Weights under which values that are rare count as much as those that are frequent, and a selection by them."""

import hashlib
import json
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

MISSING = -1
UNIT = 1_000_000
"""Weights are whole numbers of millionths, so that sums are exact."""
_PASSES = 500
_CLOSE = 1e-9


def raked(codes: NDArray[np.int64], *, pairs: bool = False) -> NDArray[np.float64]:
    """Weights, mean 1, under which each value of a column has the same sum; with `pairs`, each pair that occurs.

    Raking, or iterative proportional fitting: Deming and Stephan: On a Least Squares Adjustment of a Sampled Frequency
    Table When the Expected Marginal Totals are Known, Annals of Mathematical Statistics 11 (1940). Where no weights
    give all the sums (values that occur only together), the last passes come as near as they do.

    Args:
        codes: int64[N, C], the value of each row in each column, from 0; MISSING values constrain nothing.
        pairs: of values in each two columns, instead of single values.

    Returns:
        float64[N], rounded to millionths.
    """
    rows, columns = codes.shape
    weights = np.ones(rows)
    sides = [_joined(codes, pair) for pair in combinations(range(columns), 2)] if pairs and columns > 1 else []
    sides = sides or [codes[:, at] for at in range(columns)]
    margins = [(side >= 0, np.unique(side[side >= 0], return_inverse=True)[1].ravel()) for side in sides]
    margins = [(some, places) for some, places in margins if len(places)]
    for _ in range(_PASSES):
        furthest = 0.0
        for some, places in margins:
            sums = np.bincount(places, weights[some])
            factors = sums.sum() / len(sums) / sums
            weights[some] *= factors[places]
            furthest = max(furthest, float(np.abs(factors - 1).max()))
        if furthest < _CLOSE:
            break
    return np.round(weights * (rows / weights.sum()), 6) if rows else weights


def _joined(codes: NDArray[np.int64], pair: tuple[int, int]) -> NDArray[np.int64]:
    one, other = codes[:, pair[0]], codes[:, pair[1]]
    both: NDArray[np.int64] = np.where((one < 0) | (other < 0), MISSING, one * (codes[:, pair[1]].max() + 1) + other)
    return both


def selected(
    weights: NDArray[np.float64], codes: NDArray[np.int64], names: Sequence[str], seed: str
) -> NDArray[np.bool_]:
    """bool[N]: rows kept with a chance in proportion to their weights, those of the largest weight always.

    Systematic sampling with unequal probabilities (Madow 1949) down the rows in the order of their values, so that
    any stretch of equal values keeps its share within one row; among equals, SHA-256 of seed and name decides.
    """
    kept = np.zeros(len(weights), np.bool_)
    if not len(weights):
        return kept
    ties = [hashlib.sha256(json.dumps([seed, name]).encode()).digest() for name in names]
    order = sorted(range(len(weights)), key=lambda at: (codes[at].tolist(), ties[at]))
    sizes = np.round(weights[order] * UNIT).astype(np.int64)
    ends = np.cumsum(sizes) + sizes.max() // 2
    kept[order] = ends // sizes.max() > (ends - sizes) // sizes.max()
    return kept


def effective(weights: NDArray[np.float64]) -> float:
    """How many equally weighted rows say as much (Kish 1965): the square of the sum over the sum of squares."""
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0
