"""True labels behind those of raters who err in their own ways: the model of Dawid and Skene."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class TrueLabels:
    """probability: float64[items, labels], rows sum to 1. error: float64[raters, true label, given label], rows too."""

    probability: "NDArray[np.float64]"
    error: "NDArray[np.float64]"
    rounds: int


def dawid_skene(
    item: "NDArray[np.int64]",
    rater: "NDArray[np.int64]",
    label: "NDArray[np.int64]",
    shape: tuple[int, int, int],
    *,
    most_rounds: int = 200,
    smallest_change: float = 1e-7,
    prior_count: float = 0.01,
) -> TrueLabels:
    """Estimate every item's label and every rater's errors by expectation-maximisation, from shares of votes on.

    Args:
        item: of each answer, counted from 0; every item has an answer.
        rater: of each answer, counted from 0.
        label: of each answer, counted from 0.
        shape: how many items, raters and labels there are.
        most_rounds: of the estimation.
        smallest_change: of any item's probability; less, and it ends.
        prior_count: added to each count of an error, so that what was never seen is not impossible.

    Source: Dawid, Skene (1979), Applied Statistics 28(1), 20-28, https://doi.org/10.2307/2346806. The prior counts
    are ours.
    """
    import numpy as np

    items, raters, labels = shape
    votes = np.bincount(item * labels + label, minlength=items * labels).reshape(items, labels).astype(np.float64)
    found = votes / votes.sum(axis=1, keepdims=True)
    error = np.zeros((raters, labels, labels))
    given = rater * labels + label
    done = 0
    for done in range(1, most_rounds + 1):  # noqa: B007 - how many there were is told
        for true in range(labels):
            counts = np.bincount(given, found[item, true], minlength=raters * labels)
            error[:, true, :] = counts.reshape(raters, labels) + prior_count
        error /= error.sum(axis=2, keepdims=True)
        share = found.mean(axis=0) + np.finfo(np.float64).tiny
        likelihood = np.empty_like(found)
        for true in range(labels):
            told = np.log(error[rater, true, label])
            likelihood[:, true] = np.bincount(item, told, minlength=items) + np.log(share[true])
        likelihood -= likelihood.max(axis=1, keepdims=True)
        before, found = found, np.exp(likelihood)
        found /= found.sum(axis=1, keepdims=True)
        if np.abs(found - before).max() < smallest_change:
            break
    return TrueLabels(found, error, done)
