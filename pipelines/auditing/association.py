"""How strongly two columns of few values go together, and whether chance would do it.

Written out here because the audit runs before every publication, with no more installed than publishing needs.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]

_TINY = 1e-300
_MOST_TERMS = 10_000


class Association(NamedTuple):
    """strength: bias-corrected Cramér's V, 0 (none) to 1. p: of Pearson's chi-square test of independence."""

    strength: float
    p: float


def association(table: Counts) -> Association:
    """Of a table of counts, int64[r, c]; empty rows and columns do not count. Nothing to compare: V 0, p 1.

    Cramér's V with the correction of Bergsma (2013), "A bias-correction for Cramér's V and Tschuprow's T", Journal of
    the Korean Statistical Society 42(3): without it, many values and few samples look like an association.
    """
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    rows, columns = table.shape
    if rows < 2 or columns < 2:  # noqa: PLR2004 - nothing to compare
        return Association(0.0, 1.0)
    total = float(table.sum())
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / total
    squared = float(((table - expected) ** 2 / expected).sum())
    freedom = (rows - 1) * (columns - 1)
    if total <= 1:
        return Association(0.0, 1.0)
    phi = max(0.0, squared / total - freedom / (total - 1))
    most = min(rows - (rows - 1) ** 2 / (total - 1), columns - (columns - 1) ** 2 / (total - 1)) - 1
    return Association(min(1.0, math.sqrt(phi / most)) if most > 0 else 0.0, chi_square_tail(squared, freedom))


def chi_square_tail(value: float, freedom: int) -> float:
    """The probability that a chi-square variable of so many degrees of freedom is at least `value`.

    The regularised upper incomplete gamma function Q(freedom / 2, value / 2): by its series below the mean, by its
    continued fraction (modified Lentz) above. Abramowitz and Stegun (1964), 6.5.29 and 6.5.31.
    """
    a, x = freedom / 2, value / 2
    if x <= 0:
        return 1.0
    front = math.exp(max(-745.0, a * math.log(x) - x - math.lgamma(a)))
    if x < a + 1:
        term = total = 1 / a
        for at in range(1, _MOST_TERMS):
            term *= x / (a + at)
            total += term
            if term < total * 1e-16:
                break
        return min(1.0, max(0.0, 1 - front * total))
    b = x + 1 - a
    c, d = 1 / _TINY, 1 / b
    fraction = d
    for at in range(1, _MOST_TERMS):
        step = -at * (at - a)
        b += 2
        d = 1 / (step * d + b or _TINY)
        c = b + step / c or _TINY
        fraction *= d * c
        if abs(d * c - 1) < 1e-15:  # noqa: PLR2004 - to the last digit
            break
    return min(1.0, front * fraction)


def fisher_tail(hits: int, drawn: int, all_hits: int, everything: int) -> float:
    """The probability of so many hits or more among `drawn`, if they were drawn blindly (hypergeometric).

    One-sided exact test (Fisher, 1935) of a two by two table.
    """
    most = min(drawn, all_hits)
    if hits <= max(0, drawn + all_hits - everything):
        return 1.0
    base = _choose(everything, drawn)
    tail = math.fsum(
        math.exp(_choose(all_hits, one) + _choose(everything - all_hits, drawn - one) - base)
        for one in range(hits, most + 1)
    )
    return min(1.0, tail)


def guessed_right(table: Counts) -> tuple[float, float]:
    """The share of samples whose column is guessed right by the most frequent one of their row, and by that of all.

    Each sample is left out of its row's counts when it is guessed, so that rows of few samples give nothing away;
    where a row holds no other sample, the guess is that of all. table: int64[r, c].
    """
    total = int(table.sum())
    if total < 2:  # noqa: PLR2004
        return 0.0, 0.0
    of_all = table.sum(axis=0)
    most = int(of_all.argmax())
    by_row = 0
    for row in table:
        alone = int(row.sum()) == 1
        for column in np.flatnonzero(row):
            mine = row.copy()
            mine[column] -= 1
            right = most == column if alone else int(mine.argmax()) == column
            by_row += int(row[column]) * right
    return by_row / total, int(of_all[most]) / total


def _choose(whole: int, part: int) -> float:
    """The logarithm of the binomial coefficient; minus infinity where it is 0."""
    if part < 0 or part > whole:
        return -math.inf
    return math.lgamma(whole + 1) - math.lgamma(part + 1) - math.lgamma(whole - part + 1)
