"""The model of Dawid and Skene: against a second, plain implementation, and against known truth."""

import numpy as np
import pytest

from annotation.dawid_skene import dawid_skene


def answered(*, items=400, reliable=(0.9, 0.85, 0.6, 0.55), seed=0):
    """True labels of three, and what raters of known reliability say, who err evenly."""
    chance = np.random.default_rng(seed)
    truth = chance.choice(3, items, p=[0.5, 0.3, 0.2])
    rows = [
        (at, who, truth[at] if chance.random() < right else (truth[at] + chance.integers(1, 3)) % 3)
        for at in range(items)
        for who, right in enumerate(reliable)
    ]
    item, rater, label = np.array(rows, dtype=np.int64).T
    return truth, item, rater, label, (items, len(reliable), 3)


def plainly(item, rater, label, shape, *, prior, rounds):
    """The same equations, one number at a time."""
    items, raters, labels = shape
    rows = list(zip(item, rater, label, strict=True))
    found = [[sum(1 for i, _, g in rows if i == at and g == k) for k in range(labels)] for at in range(items)]
    found = [[count / sum(one) for count in one] for one in found]
    for _ in range(rounds):
        share = [sum(one[k] for one in found) / items for k in range(labels)]
        error = {}
        for r in range(raters):
            for k in range(labels):
                counts = [prior + sum(found[i][k] for i, who, g in rows if (who, g) == (r, j)) for j in range(labels)]
                for j in range(labels):
                    error[r, k, j] = counts[j] / sum(counts)
        likely = [list(share) for _ in range(items)]
        for i, r, g in rows:
            for k in range(labels):
                likely[i][k] *= error[r, k, g]
        found = [[value / sum(one) for value in one] for one in likely]
    return np.array(found)


def test_it_does_what_the_equations_say():
    _, item, rater, label, shape = answered(items=20)
    ours = dawid_skene(item, rater, label, shape, most_rounds=5, smallest_change=0)
    assert ours.probability == pytest.approx(plainly(item, rater, label, shape, prior=0.01, rounds=5), abs=1e-9)
    assert ours.rounds == 5


def test_it_is_right_more_often_than_the_majority_and_finds_who_errs():
    truth, item, rater, label, shape = answered(items=2000)
    made = dawid_skene(item, rater, label, shape)
    votes = np.zeros(shape[::2])
    np.add.at(votes, (item, label), 1)
    by_model = (made.probability.argmax(axis=1) == truth).mean()
    assert by_model > (votes.argmax(axis=1) == truth).mean() + 0.01
    assert np.einsum("rkk->rk", made.error).mean(axis=1) == pytest.approx([0.9, 0.85, 0.6, 0.55], abs=0.04)


def test_agreeing_raters_leave_no_doubt_and_missing_answers_are_allowed():
    item, rater, label = np.array([0, 0, 1, 2]), np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])
    made = dawid_skene(item, rater, label, (3, 2, 2))
    assert made.probability.argmax(axis=1).tolist() == [0, 1, 1]
    assert made.probability.sum(axis=1) == pytest.approx(np.ones(3))
