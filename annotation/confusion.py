"""What raters say where others say something else: how often labels stand for the same item."""

from dataclasses import dataclass

import numpy as np

from annotation.asked_agreement import MOST_VALUES
from annotation.rated import Rated
from annotation.ratings import Floats, Ratings


@dataclass(frozen=True, eq=False)
class Confusion:
    """labels: of rows and columns.

    pairs: float64[labels, labels], pairs of different raters of the same item of whom one gave the row's label and the
    other the column's; each rating counts once, however many raters its item has, so that a row sums to the ratings.
    share: float64[labels, labels], of a row's ratings, the share of the other's that are the column's; nan: none. For
    sets, the share of other raters whose set has the column's label; rows then do not sum to 1.
    """

    labels: tuple[str, ...]
    pairs: Floats
    share: Floats


def coincidences(table: Ratings) -> Floats:
    """Krippendorff's matrix of coincidences, float64[values, values], symmetric.

    Of an item with m ratings, every ordered pair counts 1 / (m - 1); items with one rating count nowhere.

    Source: Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section C.
    """
    counts = table.counts[table.counts.sum(axis=1) > 1].astype(np.float64)
    weight = 1 / np.maximum(counts.sum(axis=1) - 1, 1)
    found = (counts * weight[:, None]).T @ counts
    return np.asarray(found - np.diag((counts * weight[:, None]).sum(axis=0)))


def confusion(rated: Rated) -> Confusion | None:
    """None where there is nothing to confuse: texts, stretches, links, faces, many numbers, or no shared item."""
    if not rated.keyed or rated.level in {"text", "spans"} or rated.question.kind in {"link", "region"}:
        return None
    if rated.level == "set":
        return _of_sets(rated)
    table = rated.table
    if len(table.values) > MOST_VALUES:
        return None
    pairs = coincidences(table)
    total = pairs.sum(axis=1, keepdims=True)
    share = np.where(total > 0, pairs / np.where(total > 0, total, 1), np.nan)
    return Confusion(tuple(map(rated.label, table.values)), pairs, share) if total.any() else None


def _of_sets(rated: Rated) -> Confusion | None:
    table = rated.table
    options = [option.name for option in rated.question.options]
    found = sorted({label for one in table.values if isinstance(one, frozenset) for label in one})
    labels = [*(one for one in options if one in found), *(one for one in found if one not in options)]
    if not labels or len(labels) > 2 * MOST_VALUES:
        return None
    holds = np.array([[label in one for label in labels] for one in table.values if isinstance(one, frozenset)], float)
    shared = table.of_items(table.counts.sum(axis=1) > 1)
    many = np.maximum(shared.counts.sum(axis=1) - 1, 1)
    given = shared.counts @ holds
    weighted = given / many[:, None]
    both = np.einsum("va,vb,v->ab", holds, holds, (shared.counts / many[:, None]).sum(axis=0))
    pairs = weighted.T @ given - both
    total = given.sum(axis=0)[:, None]
    share = np.where(total > 0, pairs / np.where(total > 0, total, 1), np.nan)
    return Confusion(tuple(labels), pairs, share) if total.any() else None
