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
    n, items, within, raters, rest = _squares(sums)
    if form == "1,1":
        top, bottom = items - within, items + (k - 1) * within
    elif form == "1,k":
        top, bottom = items - within, items
    elif form == "2,1":
        top, bottom = items - rest, items + (k - 1) * rest + k * (raters - rest) / n
    elif form == "2,k":
        top, bottom = items - rest, items + (raters - rest) / n
    elif form == "3,1":
        top, bottom = items - rest, items + (k - 1) * rest
    else:
        top, bottom = items - rest, items
    fine = (np.abs(bottom) > 1e-12) & (n > 1)  # noqa: PLR2004
    return np.where(fine, top / np.where(fine, bottom, 1), np.nan)


def _complete(table: Ratings) -> Floats | Undefined:
    if why := why_too_few(table):
        return why
    full = table.codes[(table.codes >= 0).all(axis=1)]
    if len(full) < 2:  # noqa: PLR2004
        return Undefined("fewer than two items were rated by every rater")
    scores = table.numbers[full]
    if scores.min() == scores.max():
        return Undefined("only one category was used")
    return np.asarray((scores - scores.mean()) / (scores.max() - scores.min()))


def icc(table: Ratings, form: Form = "2,1") -> Statistic | Undefined:
    """Intraclass correlation of items that every rater rated; others count nowhere.

    Args:
        table: ratings in numbers.
        form: `1`: each item has raters of its own; `2`: the raters are a sample of many; `3`: these raters alone.
            `1`: of a single rating; `k`: of the mean of all raters.

    Source: Shrout, Fleiss (1979), Psychological Bulletin 86(2), 420-428.
    """
    scores = _complete(table)
    if isinstance(scores, Undefined):
        return scores
    k = scores.shape[1]
    rows = np.column_stack([np.ones(len(scores)), scores.sum(axis=1) ** 2, (scores**2).sum(axis=1), scores])
    kept, pattern = np.unique(rows, axis=0, return_inverse=True)
    return Statistic(kept, pattern.reshape(-1), lambda sums: _of_squares(form, k, sums), "items do not differ")


def icc_interval(  # noqa: PLR0911 - each reason has its own
    table: Ratings, form: Form = "2,1", coverage: float = 0.95
) -> tuple[float, float] | Undefined:
    """The interval of `icc` by the F distribution.

    Raises:
        MissingPart: scipy is not there.

    Source: Shrout, Fleiss (1979); McGraw, Wong (1996), Psychological Methods 1(1), 30-46, table 7.
    """
    try:
        from scipy.stats import f as fisher
    except ImportError as error:
        raise MissingPart("scipy is not there", do="pip install 'affectloom[agree]'") from error
    one = icc(table, form)
    if isinstance(one, Undefined):
        return one
    value = one.value()
    if isinstance(value, Undefined):
        return value
    weights = np.bincount(one.pattern, minlength=len(one.rows)).astype(np.float64)
    n, items, within, raters, rest = (float(found[0]) for found in _squares((weights @ one.rows)[None, :]))
    k = one.rows.shape[1] - 3
    upto = (1 + coverage) / 2
    if form[0] == "2":
        if rest <= 0:
            return Undefined("raters differ by a constant alone")
        single = _of_squares("2,1", k, (weights @ one.rows)[None, :])[0]
        ratio = raters / rest
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
