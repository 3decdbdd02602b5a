"""Agreement: published figures, a second way of computing, and what must hold of any table."""

from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from annotation.alpha import krippendorff_alpha, set_distance
from annotation.bootstrap import Statistic, draws, interval, resampled
from annotation.icc import FORMS, counted, icc, icc_interval
from annotation.kappa import cohen_kappa, cohen_pairs, fleiss_by_category, fleiss_kappa, gwet, percent_agreement
from annotation.ratings import Ratings, Undefined, ratings
from schemas.errors import SourceTableError


def from_rows(rows, values=None):
    """rows: one of a rater, None where missing."""
    return ratings(
        ((f"{item:03}", f"r{rater}", value) for rater, row in enumerate(rows) for item, value in enumerate(row)
         if value is not None),
        values,
    )  # fmt: skip


def value_of(statistic):
    return statistic if isinstance(statistic, Undefined) else statistic.value()


N = None
# Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section C.
KRIPPENDORFF = from_rows([
    [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
    [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
])  # fmt: skip
# Shrout, Fleiss (1979), table 2: four judges, six targets.
SHROUT_FLEISS = from_rows([[9, 6, 8, 7, 10, 6], [2, 1, 4, 1, 5, 2], [5, 3, 6, 2, 6, 4], [8, 2, 8, 6, 9, 7]])
# The worked example of Fleiss' kappa that is often shown: 10 items, 14 raters, 5 categories; 0.210.
TEN_BY_FIVE = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip

# Fleiss (1971), table 1: 30 patients, 6 diagnoses each, of 5 categories.
FLEISS_1971 = """444444 222555 233335 555555 222444 113333 333355 113334 114444 555555 144444 124444 222333 144444
224445
333335 111455 111112 224444 133555 555555 244444 224555 114444 144445 222224 111155 224444 133333 555555"""


def from_counts(counts):
    return from_rows(np.array([np.repeat(range(len(row)), row) for row in counts]).T.tolist())


@pytest.mark.parametrize(
    ("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_alpha_of_krippendorffs_own_data(level, published):
    assert value_of(krippendorff_alpha(KRIPPENDORFF, level)) == pytest.approx(published, abs=5e-4)


def test_gwet_fleiss_and_percent_of_four_raters_with_missing_ratings():
    # The same data in Gwet's handbook and the package irrCAC: AC1 0.77544, Fleiss 0.76117, percent 0.81818.
    assert value_of(gwet(KRIPPENDORFF)) == pytest.approx(0.77544, abs=1e-5)
    assert value_of(fleiss_kappa(KRIPPENDORFF)) == pytest.approx(0.76117, abs=1e-5)
    assert value_of(percent_agreement(KRIPPENDORFF)) == pytest.approx(0.8181818)


def test_fleiss_of_the_worked_example():
    assert value_of(fleiss_kappa(from_counts(TEN_BY_FIVE))) == pytest.approx(0.209931, abs=1e-6)


def test_fleiss_of_his_psychiatric_diagnoses():
    table = from_rows(np.array([list(map(int, one)) for one in FLEISS_1971.split()]).T.tolist())
    assert value_of(fleiss_kappa(table)) == pytest.approx(0.430, abs=5e-4)
    assert value_of(krippendorff_alpha(table)) == pytest.approx(0.43341, abs=1e-5)


def test_icc_of_shrout_and_fleiss():
    found = [value_of(icc(SHROUT_FLEISS, form)) for form in FORMS]
    assert found == pytest.approx([0.17, 0.29, 0.71, 0.44, 0.62, 0.91], abs=5e-3)


@pytest.mark.parametrize(
    ("form", "published"),  # McGraw and Wong's intervals of the same data, as R's psych::ICC prints them
    [("1,1", (-0.13, 0.72)), ("2,1", (0.02, 0.76)), ("3,1", (0.34, 0.95)), ("3,k", (0.68, 0.99))],
)
def test_interval_of_icc(form, published):
    assert icc_interval(SHROUT_FLEISS, form) == pytest.approx(published, abs=6e-3)


def naive_alpha(rows, metric):
    """Straight from the definition: every pair of ratings of a unit, against every pair of all."""
    units = [[row[at] for row in rows if row[at] is not None] for at in range(len(rows[0]))]
    units = [unit for unit in units if len(unit) > 1]
    everything = [one for unit in units for one in unit]
    n = len(everything)
    if n < 2:
        return None
    distance = metric(everything)
    observed = sum(distance(a, b) / (len(unit) - 1) for unit in units for a, b in permutations(unit, 2)) / n
    expected = sum(distance(a, b) for a, b in permutations(everything, 2)) / (n * (n - 1))
    return None if expected == 0 else 1 - observed / expected


def ordinal(everything):
    def distance(a, b):
        low, high = min(a, b), max(a, b)
        between = sum(low <= one <= high for one in everything)
        return (between - (everything.count(low) + everything.count(high)) / 2) ** 2

    return distance


METRICS = {
    "nominal": lambda _: lambda a, b: float(a != b),
    "ordinal": ordinal,
    "interval": lambda _: lambda a, b: (a - b) ** 2,
    "ratio": lambda _: lambda a, b: ((a - b) / (a + b)) ** 2 if a + b else 0.0,
}
TABLES = st.integers(2, 4).flatmap(
    lambda raters: st.integers(2, 7).flatmap(
        lambda items: st.lists(
            st.lists(st.sampled_from([0, 1, 2, 4, None]), min_size=items, max_size=items),
            min_size=raters,
            max_size=raters,
        )
    )
).filter(lambda rows: any(one is not None for row in rows for one in row))  # fmt: skip


@given(rows=TABLES, level=st.sampled_from(sorted(METRICS)))
@settings(max_examples=150, deadline=None)
def test_alpha_is_its_definition(rows, level):
    found, meant = value_of(krippendorff_alpha(from_rows(rows), level)), naive_alpha(rows, METRICS[level])
    if meant is None:
        assert isinstance(found, Undefined)
    else:
        assert found == pytest.approx(meant)


@given(rows=TABLES, data=st.data())
@settings(max_examples=60, deadline=None)
def test_the_order_of_items_and_raters_does_not_matter(rows, data):
    turned = data.draw(st.permutations(rows))
    place = data.draw(st.permutations(range(len(rows[0]))))
    turned = [[row[at] for at in place] for row in turned]
    for statistic in (percent_agreement, fleiss_kappa, gwet, cohen_kappa, krippendorff_alpha):
        one, other = (value_of(statistic(from_rows(each))) for each in (rows, turned))
        assert isinstance(one, Undefined) == isinstance(other, Undefined)
        assert isinstance(one, Undefined) or one == pytest.approx(other)


@given(row=st.lists(st.integers(0, 3), min_size=2, max_size=9).filter(lambda row: len(set(row)) > 1))
@settings(max_examples=30, deadline=None)
def test_raters_who_agree_have_one(row):
    table = from_rows([row, row, row])
    for statistic in (percent_agreement, fleiss_kappa, gwet, cohen_kappa, krippendorff_alpha, icc):
        assert value_of(statistic(table)) == pytest.approx(1)
    assert value_of(krippendorff_alpha(table, "ordinal")) == pytest.approx(1)


def test_raters_who_guess_have_none():
    table = from_rows(np.random.default_rng(3).integers(0, 4, (4, 4000)).tolist())
    for statistic in (fleiss_kappa, gwet, cohen_kappa, krippendorff_alpha, icc):
        assert value_of(statistic(table)) == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
def test_cohen_is_scikit_learns(weights):
    random = np.random.default_rng(5)
    one = random.integers(0, 5, 200)
    other = np.clip(one + random.integers(-1, 2, 200), 0, 4)
    meant = cohen_kappa_score(one, other, weights=None if weights == "none" else weights)
    table = from_rows([one.tolist(), other.tolist()], range(5))
    assert value_of(cohen_kappa(table, weights)) == pytest.approx(meant)
    assert cohen_pairs(table, weights) == {("r0", "r1"): pytest.approx(meant)}


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval", "ratio"])
def test_bootstrap_is_resampling(level):
    found = resampled(krippendorff_alpha(KRIPPENDORFF, level), 40, 7)
    source = draws(12, 40, 7)
    for one in found:
        chosen = source.integers(12, size=12)
        codes = KRIPPENDORFF.codes[chosen]
        again = Ratings(codes, KRIPPENDORFF.values, tuple(map(str, range(12))), KRIPPENDORFF.raters)
        meant = value_of(krippendorff_alpha(again, level))
        assert one == pytest.approx(np.nan if isinstance(meant, Undefined) else meant, nan_ok=True)


@pytest.mark.parametrize(
    "make", [cohen_kappa, lambda table: cohen_kappa(table, "linear"), fleiss_kappa, gwet, percent_agreement,
             lambda table: gwet(table, "quadratic"), icc, lambda table: icc(table, "1,1")],
)  # fmt: skip
def test_every_bootstrap_is_resampling(make):
    one = make(KRIPPENDORFF)
    # An ICC is of some of the items: those are resampled.
    used = KRIPPENDORFF
    if len(one.pattern) != len(used.items):
        used = counted(used, "2,1" if len(one.pattern) == len(counted(used, "2,1").items) else "1,1")
    many = len(used.items)
    assert many == len(one.pattern)
    source = draws(many, 30, 3)
    for found in resampled(one, 30, 3):
        codes = used.codes[source.integers(many, size=many)]
        meant = value_of(make(Ratings(codes, used.values, tuple(map(str, range(many))), used.raters)))
        assert found == pytest.approx(np.nan if isinstance(meant, Undefined) else meant, nan_ok=True)


def test_a_long_list_of_labels_has_a_kappa():
    random = np.random.default_rng(8)
    truth = random.integers(0, 40, 3000)
    codes = np.where(random.random((3000, 4)) < 0.5, truth[:, None], random.integers(0, 40, (3000, 4)))
    table = Ratings(codes, tuple(range(40)), tuple(map(str, range(3000))), tuple("abcd"))
    meant = np.mean([cohen_kappa_score(codes[:, a], codes[:, b]) for a, b in combinations(range(4), 2)])
    assert value_of(cohen_kappa(table)) == pytest.approx(meant)


def test_interval_holds_the_value_and_is_the_same_each_time():
    for statistic in (fleiss_kappa(KRIPPENDORFF), gwet(KRIPPENDORFF), cohen_kappa(KRIPPENDORFF), icc(SHROUT_FLEISS)):
        assert isinstance(statistic, Statistic)
        low, high = interval(statistic, 300)
        assert low < statistic.value() < high
        assert interval(statistic, 300) == (low, high)


def test_what_is_undefined_says_why():
    same = from_rows([[1, 1, 1], [1, 1, 1]])
    for statistic in (fleiss_kappa, gwet, krippendorff_alpha, icc):
        assert value_of(statistic(same)) == Undefined("only one category was used")
    assert value_of(percent_agreement(same)) == 1
    assert value_of(krippendorff_alpha(from_rows([[1, 2]]))) == Undefined("only one rater")
    apart = from_rows([[1, N], [N, 2]])
    assert str(value_of(fleiss_kappa(apart))) == "undefined: no item was rated by two raters"
    assert value_of(icc(KRIPPENDORFF, "1,1")) != 0


def test_categories_of_fleiss_are_each_against_the_rest():
    found = fleiss_by_category(from_counts(TEN_BY_FIVE))
    counts = np.array(TEN_BY_FIVE)
    for at, value in enumerate(found.values()):
        share = counts[:, at].sum() / 140
        meant = 1 - (counts[:, at] * (14 - counts[:, at])).sum() / (10 * 14 * 13 * share * (1 - share))
        assert value == pytest.approx(meant)


def test_masi_of_sets():
    a, ab, bc, none = frozenset("a"), frozenset("ab"), frozenset("bc"), frozenset()
    found = set_distance([a, ab, bc, none])
    assert found[0].tolist() == pytest.approx([0, 1 - 1 / 2 * 2 / 3, 1, 1])
    assert found[1, 2] == pytest.approx(1 - 1 / 3 * 1 / 3)
    assert found[3, 3] == 0


@pytest.mark.parametrize(
    ("rows", "said"),
    [([], "no answers"), ([("a", "r", 1), ("a", "r", 2)], "answered twice"), ([("a", "r", 9)], "not among")],
)
def test_bad_tables_are_refused(rows, said):
    with pytest.raises(SourceTableError, match=said):
        ratings(rows, [1, 2])


def test_words_are_no_numbers():
    with pytest.raises(SourceTableError, match="no number"):
        krippendorff_alpha(from_rows([["a", "b"], ["a", "b"]]), "interval")
