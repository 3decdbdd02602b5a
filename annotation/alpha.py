"""Krippendorff's alpha: any number of raters, missing ratings, any level of measurement; of sets too."""

from collections.abc import Collection

import numpy as np

from annotation.bootstrap import Statistic
from annotation.ratings import Floats, Level, Ratings, Undefined, tally, why_too_few

_MOST_APART = 2000
"""Values between which distances are held in a table."""


def krippendorff_alpha(
    table: Ratings, level: Level = "nominal", distance: Floats | None = None
) -> Statistic | Undefined:
    """Krippendorff's alpha, at most 1; 0 is what chance gives.

    Args:
        table: ratings; items with fewer than two count nowhere.
        level: of measurement; `ordinal` goes by the order of `table.values`, `interval` and `ratio` take numbers.
        distance: float64[values, values], squared distances in place of a level's own, such as `set_distance` gives.

    Raises:
        SourceTableError: a value is no number, or is negative on a ratio scale.

    Source: Krippendorff (2011), Computing Krippendorff's Alpha-Reliability; Krippendorff (2019), Content Analysis,
    4th edition, chapter 12.
    """
    if why := why_too_few(table):
        return why
    if distance is None and level == "interval":
        return _of_moments(table)
    if distance is None and level == "ordinal":
        return _of_ranks(table)
    if distance is None and level == "nominal":
        return _of_names(table)
    if len(table.values) > _MOST_APART:
        return Undefined(f"{len(table.values):,} values are more than {_MOST_APART:,}")
    delta = _ratio_distance(table.numbers) if distance is None else distance
    counts, pattern = np.unique(table.counts, axis=0, return_inverse=True)
    total = counts.sum(axis=1)
    counts = np.where(total[:, None] > 1, counts, 0)
    apart = ((counts @ delta) * counts).sum(axis=1) / np.maximum(total - 1, 1)

    def of(sums: Floats) -> Floats:
        n = sums[:, 1:].sum(axis=1)
        expected = ((sums[:, 1:] @ delta) * sums[:, 1:]).sum(axis=1)
        return _alpha(sums[:, 0], expected, n)

    return Statistic(np.column_stack([apart, counts]), pattern.reshape(-1), of)


def _of_names(table: Ratings) -> Statistic:
    many = tally(table)
    paired = many.total > 1
    count = many.count * paired[many.item]
    apart = (many.total**2 - many.sums(many.count * many.count)) / np.maximum(many.total - 1, 1) * paired

    def of(weights: Floats) -> Floats:
        seen = many.by_value(weights, count)
        n = seen.sum(axis=1)
        return _alpha(weights @ apart, n**2 - (seen**2).sum(axis=1), n)

    return Statistic(apart[:, None], many.pattern, of, summed=False)


def _alpha(observed: Floats, expected: Floats, n: Floats) -> Floats:
    fine = (expected > 1e-12 * np.maximum(n, 1) ** 2) & (n > 1)
    return np.where(fine, 1 - (n - 1) * observed / np.where(fine, expected, 1), np.nan)


def _ratio_distance(numbers: Floats) -> Floats:
    from schemas.errors import SourceTableError

    if (numbers < 0).any():
        raise SourceTableError("a ratio scale has no negative values", do="take --level interval")
    total = numbers[:, None] + numbers[None, :]
    return np.asarray(((numbers[:, None] - numbers[None, :]) / np.where(total == 0, 1, total)) ** 2)


def _of_moments(table: Ratings) -> Statistic:
    """Interval alpha from sums of numbers and of squares: no table of pairs, however many values there are."""
    numbers = table.numbers
    given = table.codes >= 0
    counts = given.sum(axis=1)
    paired = counts > 1
    used = np.where(given & paired[:, None], numbers[table.codes], np.nan)
    middle, width = np.nanmean(used), np.nanmax(used) - np.nanmin(used)
    # Centred and scaled, squares lose no digits however far from 0 the scale lies.
    scaled = np.nan_to_num((used - middle) / (width or 1.0))
    first, second = scaled.sum(axis=1), (scaled**2).sum(axis=1)
    apart = np.maximum(2 * (counts * second - first**2), 0) / np.maximum(counts - 1, 1)
    rows = np.column_stack([np.where(paired, apart, 0), np.where(paired, counts, 0), first, second])
    kept, pattern = np.unique(rows, axis=0, return_inverse=True)

    def of(sums: Floats) -> Floats:
        expected = 2 * (sums[:, 1] * sums[:, 3] - sums[:, 2] ** 2)
        return _alpha(sums[:, 0], expected, sums[:, 1])

    return Statistic(kept, pattern.reshape(-1), of)


def _of_ranks(table: Ratings) -> Statistic:
    """Ordinal alpha: distances are between mean ranks, which every resample has of its own."""
    many = tally(table)
    paired = np.where(many.total > 1, many.total, 0)
    count = many.count * (paired[many.item] > 0)
    per_pair = 2 / np.maximum(paired - 1, 1)

    def observed(weights: Floats, rank: Floats) -> float:
        first, second = (many.sums(count * rank[many.value] ** power) for power in (1, 2))
        return float((weights * per_pair * np.maximum(paired * second - first**2, 0)).sum())

    def of(weights: Floats) -> Floats:
        seen = many.by_value(weights, count)
        n = seen.sum(axis=1, keepdims=True)
        # Ranks as shares of n around the middle, so that no digits are lost.
        ranks = (seen.cumsum(axis=1) - seen / 2) / np.maximum(n, 1) - 0.5
        expected = 2 * (n[:, 0] * (seen * ranks**2).sum(axis=1) - (seen * ranks).sum(axis=1) ** 2)
        apart = np.array([observed(each, rank) for each, rank in zip(weights, ranks, strict=True)])
        return _alpha(apart, expected, n[:, 0])

    return Statistic(paired[:, None].astype(np.float64), many.pattern, of, summed=False)


def set_distance(values: Collection[frozenset[str]], *, masi: bool = True) -> Floats:
    """Distances between sets, float64[values, values] in [0, 1]: MASI's, or Jaccard's. Two empty sets are alike.

    MASI is 1 - Jaccard x monotonicity: 1 for equal sets, 2/3 where one holds the other, 1/3 where they overlap, 0 else.

    Source: Passonneau (2006), Measuring Agreement on Set-valued Items (MASI), LREC.
    """
    labels = sorted({label for one in values for label in one})
    holds = np.array([[label in one for label in labels] for one in values], np.float64).reshape(
        len(values), len(labels)
    )
    size = holds.sum(axis=1)
    shared = holds @ holds.T
    either = size[:, None] + size[None, :] - shared
    smaller = np.minimum(size[:, None], size[None, :])
    whole = either == shared
    monotone = np.where(whole | (not masi), 1.0, np.where(shared == smaller, 2 / 3, 1 / 3))
    return np.where(whole, 0, 1 - shared / np.maximum(either, 1) * monotone)
