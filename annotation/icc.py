"""Intraclass correlations of raters on a scale, with intervals of the F distribution."""

from typing import Literal

import numpy as np

from annotation.bootstrap import Statistic
from annotation.ratings import Floats, Ratings, Undefined, why_too_few
from schemas.errors import MissingPart

Form = Literal["1,1", "2,1", "3,1", "1,k", "2,k", "3,k"]
FORMS: tuple[Form, ...] = ("1,1", "2,1", "3,1", "1,k", "2,k", "3,k")


def _squares(sums: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """n, and mean squares: between items, within items, between raters, residual."""
    n, of_items, of_all, of_raters = sums[:, 0], sums[:, 1], sums[:, 2], sums[:, 3:]
    k = of_raters.shape[1]
    middle = of_raters.sum(axis=1) ** 2 / (n * k)
    items = of_items / k - middle
    raters = (of_raters**2).sum(axis=1) / n - middle
    within = of_all - of_items / k
    free = np.maximum(n - 1, 1)
    return n, items / free, within / (n * (k - 1)), raters / (k - 1), (within - raters) / (free * (k - 1))


def _of_squares(form: Form, k: int, sums: Floats) -> Floats:
    """Of raters who rated every item."""
    n, items, _, raters, rest = _squares(sums)
    bottom = {
        "2,1": items + (k - 1) * rest + k * (raters - rest) / n,
        "2,k": items + (raters - rest) / n,
        "3,1": items + (k - 1) * rest,
        "3,k": items,
    }[form]
    return _ratio(items - rest, bottom, n)


def _of_own_raters(form: Form, sums: Floats) -> Floats:
    """Of raters of each item's own, in unequal numbers: mean squares of a one-way analysis of variance."""
    n, many, squares, of_items, total, of_all = sums.T
    free = np.maximum(n - 1, 1)
    between = (of_items - total**2 / many) / free
    within = (of_all - of_items) / (many - n)
    k = (many - squares / many) / free
    return _ratio(between - within, between if form == "1,k" else between + (k - 1) * within, n)


def _ratio(top: Floats, bottom: Floats, n: Floats) -> Floats:
    fine = (np.abs(bottom) > 1e-12) & (n > 1)  # noqa: PLR2004
    return np.where(fine, top / np.where(fine, bottom, 1), np.nan)


def counted(table: Ratings, form: Form = "2,1") -> Ratings:
    """The items that `icc` is of: for `1,`, those with two raters or more; for the others, those that all rated."""
    many = (table.codes >= 0).sum(axis=1)
    return table.of_items(many > 1 if form[0] == "1" else many == len(table.raters))


def icc(table: Ratings, form: Form = "2,1") -> Statistic | Undefined:
    """Intraclass correlation.

    Args:
        table: ratings in numbers.
        form: `1`: each item has raters of its own, in any number from two on; `2`: the raters, who rated every item,
            are a sample of many; `3`: these raters alone. Items that do not fit the form count nowhere (`counted`).
            `1`: of a single rating; `k`: of the mean of all raters; in unequal numbers k is (N - sum of k_i^2 / N) /
            (n - 1), with k_i of N ratings of each of n items.

    Source: Shrout, Fleiss (1979), Psychological Bulletin 86(2), 420-428; unequal numbers: Donner (1986), International
    Statistical Review 54(1), 67-82.
    """
    if why := why_too_few(table):
        return why
    used = counted(table, form)
    if len(used.items) < 2:  # noqa: PLR2004
        by = "two raters" if form[0] == "1" else "every rater"
        return Undefined(f"fewer than two items were rated by {by}")
    given = used.codes >= 0
    numbers = table.numbers[used.codes]
    low, high = numbers[given].min(), numbers[given].max()
    if low == high:
        return Undefined("only one category was used")
    # Centred and scaled, so that squares lose no digits wherever the scale lies.
    scores = np.where(given, (numbers - numbers[given].mean()) / (high - low), 0)
    total, many = scores.sum(axis=1), given.sum(axis=1)
    of_all = (scores**2).sum(axis=1)
    if form[0] == "1":
        rows = np.column_stack([np.ones(len(scores)), many, many**2, total**2 / many, total, of_all])
    else:
        rows = np.column_stack([np.ones(len(scores)), total**2, of_all, scores])
    k = scores.shape[1]
    kept, pattern = np.unique(rows, axis=0, return_inverse=True)

    def of(sums: Floats) -> Floats:
        return _of_own_raters(form, sums) if form[0] == "1" else _of_squares(form, k, sums)

    return Statistic(kept, pattern.reshape(-1), of, "items do not differ")


def icc_interval(  # noqa: PLR0911 - each reason has its own
    table: Ratings, form: Form = "2,1", coverage: float = 0.95
) -> tuple[float, float] | Undefined:
    """The interval of `icc` by the F distribution, of items that every rater rated.

    Raises:
        MissingPart: scipy is not there.

    Source: Shrout, Fleiss (1979); McGraw, Wong (1996), Psychological Methods 1(1), 30-46, table 7.
    """
    try:
        from scipy.stats import f as fisher
    except ImportError as error:
        raise MissingPart("scipy is not there", do="pip install 'affectloom[agree]'") from error
    if len(counted(table).items) != len(counted(table, form).items):
        return Undefined("items have unequal numbers of raters")
    one = icc(table, "2,1")
    if isinstance(one, Undefined):
        return one
    value = one.value()
    if isinstance(value, Undefined):
        return value
    sums = (np.bincount(one.pattern, minlength=len(one.rows)).astype(np.float64) @ one.rows)[None, :]
    n, items, within, raters, rest = (float(found[0]) for found in _squares(sums))
    k = len(table.raters)
    upto = (1 + coverage) / 2
    if form[0] == "2":
        if rest <= 0:
            return Undefined("raters differ by a constant alone")
        ratio, single = raters / rest, value
        a = k * single * ratio + n * (1 + (k - 1) * single) - k * single
        free = (
            (k - 1)
            * (n - 1)
            * a**2
            / ((n - 1) * k**2 * single**2 * ratio**2 + (n * (1 + (k - 1) * single) - k * single) ** 2)
        )
        high_f, low_f = float(fisher.ppf(upto, n - 1, free)), float(fisher.ppf(upto, free, n - 1))
        spread = k * raters + (k * n - k - n) * rest
        low = n * (items - high_f * rest) / (high_f * spread + n * items)
        high = n * (low_f * items - rest) / (spread + n * low_f * items)
        if form == "2,k":
            low, high = k * low / (1 + (k - 1) * low), k * high / (1 + (k - 1) * high)
        return low, high
    noise, free = (within, n * (k - 1)) if form[0] == "1" else (rest, (n - 1) * (k - 1))
    if noise <= 0:
        return Undefined("raters differ by a constant alone") if form[0] == "3" else (1.0, 1.0)
    low_f = items / noise / float(fisher.ppf(upto, n - 1, free))
    high_f = items / noise * float(fisher.ppf(upto, free, n - 1))
    if form.endswith("k"):
        return 1 - 1 / low_f, 1 - 1 / high_f
    return (low_f - 1) / (low_f + k - 1), (high_f - 1) / (high_f + k - 1)
