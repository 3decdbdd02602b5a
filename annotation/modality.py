"""How much of the label people give to a whole sample they give to one modality of it alone."""

from collections.abc import Mapping

from annotation.aggregate import NO_LABEL, majority
from annotation.bootstrap import Statistic
from annotation.kappa import cohen_kappa
from annotation.ratings import Ratings, Undefined, ratings

_LEAST = 1e-12


def modality_agreement(alone: Ratings, full: Ratings) -> Statistic | Undefined:
    """Cohen's kappa between the majority of raters shown one modality, and of those shown all.

    Items that are tied in either, or are not in both, count nowhere. 1: the modality alone tells all; 0: nothing.

    Labels of single modalities beside those of all: Yu et al. (2020), CH-SIMS, ACL, 3718-3727. The statistic is ours.
    """
    rows = []
    for rater, table in (("alone", alone), ("full", full)):
        rows += [
            (item, rater, table.values[code])
            for item, code in zip(table.items, majority(table), strict=True)
            if code != NO_LABEL
        ]
    return cohen_kappa(ratings(rows)) if rows else Undefined("every item is tied or unrated")


def modality_importance(alone: Mapping[str, Ratings], full: Ratings) -> dict[str, float | Undefined]:
    """Each modality's share of what the modalities tell alone; the shares sum to 1.

    A modality's share is its `modality_agreement`, not below 0, over the sum of all. Undefined for a modality without
    agreement, and for all if none tells anything.
    """
    each: dict[str, float | Undefined] = {}
    for name, table in alone.items():
        one = modality_agreement(table, full)
        each[name] = one if isinstance(one, Undefined) else one.value()
    total = sum(max(one, 0.0) for one in each.values() if not isinstance(one, Undefined))
    return {
        name: one
        if isinstance(one, Undefined)
        else max(one, 0.0) / total
        if total > _LEAST
        else Undefined("no modality alone agrees with the whole beyond chance")
        for name, one in each.items()
    }
