"""Chance-corrected agreement on categories: percent, Fleiss, Gwet and Cohen.

Where items have unequal numbers of raters, observed agreement is the mean over items with at least two, and a
category's share is the mean over all rated items of its share in an item: Gwet (2014), Handbook of Inter-Rater
Reliability, 4th edition, chapter 3. With equal numbers this is what the first authors wrote.
"""

from itertools import combinations
from typing import Literal

import numpy as np

from annotation.bootstrap import Statistic
from annotation.ratings import Floats, Ratings, Tally, Undefined, tally, why_too_few

Weights = Literal["none", "linear", "quadratic"]
_MOST_SUMS = 50_000_000
_MOST_CELLS = 2_000_000
_LEAST = 1e-12


def weight_matrix(table: Ratings, weights: Weights) -> Floats:
    """float64[values, values]: 1 on the diagonal; distances of numbers, or of places where values are words.

    Source: Cohen (1968), Psychological Bulletin 70(4), 213-220.
    """
    many = len(table.values)
    if weights == "none" or many < 2:  # noqa: PLR2004
        return np.eye(many)
    numeric = all(isinstance(one, int | float) and not isinstance(one, bool) for one in table.values)
    at = table.numbers if numeric else np.arange(many, dtype=np.float64)
    apart = np.abs(at[:, None] - at[None, :]) / (at.max() - at.min())
    return np.asarray(1 - (apart if weights == "linear" else apart**2))


def _ratio(top: Floats, bottom: Floats) -> Floats:
    """The ratio; nan where the bottom is 0 but for rounding."""
    fine = np.abs(bottom) > _LEAST
    return np.where(fine, top / np.where(fine, bottom, 1), np.nan)


def _agreeing(many: Tally, agree: Floats) -> Floats:
    """Of each pattern: the share of its pairs that agree, whether it has any, whether it is rated."""
    pairs = many.total * (many.total - 1)
    return np.column_stack([agree / np.maximum(pairs, 1), pairs > 0, many.total > 0]).astype(np.float64)


def _shares(many: Tally, weights: Floats) -> Floats:
    """Each category's mean share in an item's ratings, float64[samples, values]."""
    rated = (weights @ (many.total > 0))[:, None]
    return _ratio(many.by_value(weights, many.count / many.total[many.item]), rated)


def percent_agreement(table: Ratings) -> Statistic | Undefined:
    """The share of pairs of raters that agree, mean over items with at least two raters; in [0, 1]."""
    if why := why_too_few(table):
        return why
    many = tally(table)
    rows = _agreeing(many, many.sums(many.count * (many.count - 1)))
    return Statistic(rows, many.pattern, lambda sums: _ratio(sums[:, 0], sums[:, 1]), "no item was rated by two raters")


def fleiss_kappa(table: Ratings) -> Statistic | Undefined:
    """Fleiss' kappa; undefined where only one category was used.

    Source: Fleiss (1971), Psychological Bulletin 76(5), 378-382; for unequal numbers of raters see the module.
    """
    if why := why_too_few(table):
        return why
    many = tally(table)
    rows = _agreeing(many, many.sums(many.count * (many.count - 1)))

    def of(weights: Floats) -> Floats:
        sums = weights @ rows
        observed = _ratio(sums[:, 0], sums[:, 1])
        chance = (_shares(many, weights) ** 2).sum(axis=1)
        return _ratio(observed - chance, 1 - chance)

    return Statistic(rows, many.pattern, of, summed=False)


def fleiss_by_category(table: Ratings) -> dict[str, float | Undefined]:
    """Fleiss' kappa of each category against all others."""
    found: dict[str, float | Undefined] = {}
    for at, value in enumerate(table.values):
        codes = np.where(table.codes < 0, -1, (table.codes == at).astype(np.int64))
        one = fleiss_kappa(Ratings(codes, (0, 1), table.items, table.raters))
        found[str(value)] = one if isinstance(one, Undefined) else one.value()
    return found


def gwet(table: Ratings, weights: Weights = "none") -> Statistic | Undefined:
    """Gwet's AC1, or AC2 with linear or quadratic weights; undefined where only one category was used.

    Chance agreement is less the more values there could have been: `table.values` are those, used or not.

    Source: Gwet (2008), British Journal of Mathematical and Statistical Psychology 61(1), 29-48; AC2: Gwet (2014).
    """
    if why := why_too_few(table):
        return why
    size, many = len(table.values), tally(table)
    if size < 2:  # noqa: PLR2004
        return Undefined("only one category was used")
    if weights == "none":
        agree, of_weights = many.sums(many.count * (many.count - 1)), float(size)
    elif len(many.total) * size > _MOST_SUMS:
        return Undefined(f"{size} values are too many; take krippendorff")
    else:
        weight, counts = weight_matrix(table, weights), np.zeros((len(many.total), size))
        counts[many.item, many.value] = many.count
        agree, of_weights = (counts * (counts @ weight - 1)).sum(axis=1), float(weight.sum())
    rows = _agreeing(many, agree)

    def of(weights: Floats) -> Floats:
        sums = weights @ rows
        observed = _ratio(sums[:, 0], sums[:, 1])
        share = _shares(many, weights)
        chance = of_weights / (size * (size - 1)) * (share * (1 - share)).sum(axis=1)
        return _ratio(observed - chance, np.where(chance > _LEAST, 1 - chance, 0))

    return Statistic(rows, many.pattern, of, summed=False)


def _of_cells(cells: Floats, weight: Floats) -> Floats:
    """Cohen's kappa of confusion matrices, float64[..., values, values]."""
    total = cells.sum(axis=(-2, -1))
    observed = (cells * weight).sum(axis=(-2, -1))
    chance = np.einsum("...a,ab,...b->...", cells.sum(axis=-1), weight, cells.sum(axis=-2))
    return _ratio(observed * total - chance, total**2 - chance)


def cohen_kappa(table: Ratings, weights: Weights | Floats = "none") -> Statistic | Undefined:
    """Cohen's kappa of two raters; of more, the mean over pairs that have one (Light's kappa).

    Args:
        table: the ratings.
        weights: of agreement; or one's own, float64[values, values], 1 on the diagonal.

    Source: Cohen (1960), Educational and Psychological Measurement 20(1), 37-46; weights: Cohen (1968); the mean over
    pairs: Light (1971), Psychological Bulletin 76(5), 365-377.
    """
    if why := why_too_few(table):
        return why
    many, pairs = len(table.values), list(combinations(range(len(table.raters)), 2))
    weight = weight_matrix(table, weights) if isinstance(weights, str) else weights
    codes, pattern = np.unique(table.codes, axis=0, return_inverse=True)
    size = len(pairs) * many**2
    if size > _MOST_CELLS or len(pairs) * len(codes) > _MOST_SUMS:
        return Undefined(f"{len(pairs):,} pairs of raters and {many:,} values are too many; take krippendorff")
    # Of every pair of raters, the items that both rated, and the cell of their table that each lies in.
    both = [np.flatnonzero((codes[:, a] >= 0) & (codes[:, b] >= 0)) for a, b in pairs]
    item = np.concatenate(both)
    cell = np.concatenate([
        at * many**2 + codes[rows, a] * many + codes[rows, b]
        for at, ((a, b), rows) in enumerate(zip(pairs, both, strict=True))
    ])  # fmt: skip

    def one(weights: Floats) -> float:
        cells = np.bincount(cell, weights[item], minlength=size).astype(np.float64)
        each = _of_cells(cells.reshape(len(pairs), many, many), weight)
        has = np.isfinite(each)
        return float(each[has].mean()) if has.any() else np.nan

    def of(weights: Floats) -> Floats:
        return np.array([one(each) for each in weights])

    reason = "every pair of raters used one category only"
    return Statistic(codes.astype(np.float64), pattern.reshape(-1), of, reason, summed=False)


def cohen_pairs(table: Ratings, weights: Weights = "none") -> dict[tuple[str, str], float | Undefined]:
    """Cohen's kappa of every pair of raters."""
    found: dict[tuple[str, str], float | Undefined] = {}
    for a, b in combinations(range(len(table.raters)), 2):
        names = table.raters[a], table.raters[b]
        both = Ratings(table.codes[:, [a, b]], table.values, table.items, names)
        one = cohen_kappa(both, weights)
        value = one if isinstance(one, Undefined) else one.value()
        lone = isinstance(one, Statistic) and isinstance(value, Undefined)
        found[names] = Undefined("only one category was used") if lone else value
    return found
