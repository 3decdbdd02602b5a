from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipelines.publishing.raked import MISSING, effective, raked, selected

tables = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1)), min_size=1, max_size=40)


def sums(codes, weights) -> dict[int, float]:
    return {int(value): float(weights[codes == value].sum()) for value in np.unique(codes)}


@settings(deadline=None)
@given(tables)
def test_every_value_has_the_same_weight_where_all_combinations_occur(table):
    full = [(a, b) for a in range(3) for b in range(2)]
    codes = np.array([*table, *full])
    weights = raked(codes)
    assert weights.mean() == pytest.approx(1, abs=1e-5)
    for column in codes.T:
        each = sums(column, weights)
        assert list(each.values()) == pytest.approx([len(codes) / len(each)] * len(each), abs=1e-3)


def test_one_column_is_the_inverse_of_its_counts():
    codes = np.array([[0]] * 8 + [[1]] * 2)
    assert raked(codes).tolist() == [0.625] * 8 + [2.5] * 2


def test_two_columns_against_the_closed_form_of_a_two_by_two_table():
    """Raking keeps the odds ratio: with uniform margins the cells are a, 1/2 - a, with (a / (1/2 - a))^2 = it."""
    cells = {(0, 0): 40, (0, 1): 10, (1, 0): 5, (1, 1): 20}
    codes = np.array([cell for cell, count in cells.items() for _ in range(count)])
    weights = raked(codes)
    root = np.sqrt(40 * 20 / (10 * 5))
    share = 0.5 * root / (1 + root)
    mine = weights[(codes == (0, 0)).all(axis=1)].sum() / weights.sum()
    assert mine == pytest.approx(share, abs=1e-6)


def test_pairs_have_equal_weight():
    cells = {(0, 0): 40, (0, 1): 10, (1, 0): 5}
    codes = np.array([cell for cell, count in cells.items() for _ in range(count)])
    weights = raked(codes, pairs=True)
    for cell in cells:
        assert weights[(codes == cell).all(axis=1)].sum() == pytest.approx(55 / 3, abs=1e-3)


def test_missing_values_constrain_nothing():
    codes = np.array([[0, MISSING], [0, 0], [1, 0], [MISSING, 1], [MISSING, MISSING]])
    weights = raked(codes)
    assert weights[:2].sum() == pytest.approx(weights[2], abs=1e-5)
    assert weights[1:3].sum() == pytest.approx(weights[3], abs=1e-5)
    assert raked(np.empty((0, 2), np.int64)).tolist() == []
    assert raked(np.full((3, 2), MISSING)).tolist() == [1, 1, 1]


@settings(deadline=None)
@given(tables, st.randoms())
def test_a_selection_has_each_cell_within_a_row_of_its_share_whatever_the_order(table, random):
    codes = np.array(table)
    weights = raked(codes)
    assume(weights.max() > 0)
    names = [f"s{at}" for at in range(len(codes))]
    kept = selected(weights, codes, names, "")
    for cell in np.unique(codes, axis=0):
        mine = (codes == cell).all(axis=1)
        assert abs(kept[mine].sum() - weights[mine].sum() / weights.max()) < 1 + 1e-6
    order = list(range(len(codes)))
    random.shuffle(order)
    again = selected(weights[order], codes[order], [names[at] for at in order], "")
    assert [kept[at] for at in order] == again.tolist()


def test_rows_of_the_largest_weight_are_all_kept():
    codes = np.array([[0]] * 30 + [[1]] * 3)
    kept = selected(raked(codes), codes, [str(at) for at in range(33)], "x")
    assert kept[30:].all()
    assert kept[:30].sum() == 3
    others = [selected(raked(codes), codes, [str(at) for at in range(33)], seed).tolist() for seed in "abcd"]
    assert any(one != other for one, other in pairwise(others))


def test_the_effective_number_of_rows():
    assert effective(np.ones(7)) == 7
    assert effective(np.array([1.0, 0.0, 0.0])) == 1
