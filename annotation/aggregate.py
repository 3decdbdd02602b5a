"""One label from several raters', by a rule that is told: majority, shares, mean, median, Dawid-Skene, MACE."""

from typing import Literal

import numpy as np

from annotation.dawid_skene import TrueLabels, dawid_skene
from annotation.ratings import Floats, Ints, Ratings

Tie = Literal["none", "first", "last"]
NO_LABEL = -1


def soft_labels(table: Ratings) -> Floats:
    """The share of each value in an item's ratings, float64[items, values]; rows sum to 1, or are nan if unrated."""
    counts = table.counts
    total = counts.sum(axis=1, keepdims=True)
    return np.where(total > 0, counts / np.maximum(total, 1), np.nan)


def majority(table: Ratings, tie: Tie = "none") -> Ints:
    """The value given most often, int64[items], a place in `table.values`; -1 where there is none.

    Args:
        table: the ratings.
        tie: of several values given equally often: `none` of them, the `first` or the `last` in the values' order.
    """
    counts = table.counts
    most = counts.max(axis=1, keepdims=True)
    winners = counts == most
    first = winners.argmax(axis=1)
    last = counts.shape[1] - 1 - winners[:, ::-1].argmax(axis=1)
    found = last if tie == "last" else first
    without = (most[:, 0] == 0) | ((winners.sum(axis=1) > 1) & (tie == "none"))
    return np.where(without, NO_LABEL, found).astype(np.int64)


def mean(table: Ratings) -> Floats:
    """The mean of an item's numbers, float64[items]; nan where unrated."""
    return np.array([row.mean() if len(row) else np.nan for row in _numbers(table)])


def median(table: Ratings) -> Floats:
    """The median of an item's numbers, float64[items]; between the middle two of an even number; nan where unrated."""
    return np.array([np.median(row) if len(row) else np.nan for row in _numbers(table)])


def _numbers(table: Ratings) -> list[Floats]:
    numbers = table.numbers
    return [numbers[row[row >= 0]] for row in table.codes]


def by_dawid_skene(table: Ratings) -> TrueLabels:
    """Labels and raters' errors by the model of Dawid and Skene (1979); see `annotation.dawid_skene`."""
    item, rater = np.nonzero(table.codes >= 0)
    return dawid_skene(item, rater, table.codes[item, rater], (len(table.items), len(table.raters), len(table.values)))


def by_mace(table: Ratings, *, most_rounds: int = 200, prior_count: float = 0.1) -> tuple[Floats, Floats]:
    """Labels behind raters who either know or answer without looking: the model MACE.

    Expectation-maximisation from one start, shares of votes and raters who know half of the time, so that the same
    table gives the same labels. Every item has a rating.

    Args:
        table: the ratings.
        most_rounds: of the estimation.
        prior_count: added to every count.

    Returns:
        Probabilities of labels, float64[items, values], rows sum to 1; and each rater's competence, the probability of
        not guessing, float64[raters], in (0, 1).

    Source: Hovy, Berg-Kirkpatrick, Vaswani, Hovy (2013), Learning Whom to Trust with MACE, NAACL. The start and the
    prior counts are ours; the original starts many times at random.
    """
    item, rater = np.nonzero(table.codes >= 0)
    label = table.codes[item, rater]
    (items, raters), many = table.codes.shape, len(table.values)
    label_of = np.arange(many)[None, :] == label[:, None]
    knows = np.full(raters, 0.5)
    guess = np.full((raters, many), 1 / many)
    found = soft_labels(table)
    for _ in range(most_rounds):
        guessed = (1 - knows[rater]) * guess[rater, label]
        told = np.log(np.where(label_of, (knows[rater] + guessed)[:, None], guessed[:, None]))
        score = np.zeros((items, many))
        np.add.at(score, item, told)
        score = np.exp(score - score.max(axis=1, keepdims=True))
        before, found = found, score / score.sum(axis=1, keepdims=True)
        # Of each rating: the probability that it was known, which it can be only if it is the true label.
        known = found[item, label] * knows[rater] / (knows[rater] + guessed)
        sure = np.bincount(rater, known, minlength=raters) + prior_count
        total = np.bincount(rater, minlength=raters) + 2 * prior_count
        knows = sure / total
        guess = np.bincount(rater * many + label, 1 - known, minlength=raters * many).reshape(raters, many)
        guess = (guess + prior_count) / (guess + prior_count).sum(axis=1, keepdims=True)
        if np.abs(found - before).max() < 1e-9:  # noqa: PLR2004
            break
    return found, knows
