"""Statistics against other people's programs, and against what has been published of other people's data."""

from itertools import product

import jiwer
import krippendorff
import numpy as np
import pandas as pd
import pytest
from crowdkit.aggregation import MACE, DawidSkene
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.metrics import jaccard_distance, masi_distance
from nltk.metrics.agreement import AnnotationTask
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.inter_rater import aggregate_raters, cohens_kappa
from statsmodels.stats.inter_rater import fleiss_kappa as their_fleiss

from annotation.aggregate import by_mace
from annotation.alpha import krippendorff_alpha, set_distance
from annotation.dawid_skene import dawid_skene
from annotation.icc import icc, icc_interval
from annotation.kappa import Weights, cohen_kappa, fleiss_kappa, gwet
from annotation.ratings import Level, Ratings, Undefined, ratings, tally
from annotation.spans import error_rate, set_alpha

LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval", "ratio")
MISSING = -1
CODES = st.tuples(st.integers(2, 12), st.integers(2, 5), st.integers(0, 2**32 - 1), st.floats(0, 0.5))
WORDS = st.lists(st.sampled_from(["a", "b", "cc", "dog"]), min_size=1, max_size=90)


def table_of(codes, values=None):
    items, raters = codes.shape
    named = tuple(values or range(int(codes.max()) + 1))
    return Ratings(codes.astype(np.int64), named, tuple(f"{at:04}" for at in range(items)),
                   tuple(f"r{at}" for at in range(raters)))  # fmt: skip


def drawn(items, raters, seed, missing, many=5):
    random = np.random.default_rng(seed)
    codes = random.integers(0, many, (items, raters))
    codes[random.random(codes.shape) < missing] = MISSING
    return codes


def value_of(one):
    return one if isinstance(one, Undefined) else one.value()


@settings(max_examples=60, deadline=None)
@given(CODES, st.sampled_from(LEVELS))
def test_alpha_is_that_of_krippendorff(told, level):
    codes = drawn(*told)
    found = value_of(krippendorff_alpha(table_of(codes, range(5)), level))
    given_ = np.where(codes < 0, np.nan, codes).T
    if isinstance(found, Undefined):
        paired = codes[(codes >= 0).sum(axis=1) > 1]
        assert len(np.unique(paired[paired >= 0])) < 2
    else:
        assert found == pytest.approx(krippendorff.alpha(given_, value_domain=range(5), level_of_measurement=level))


def test_ordinal_alpha_of_a_scale_of_a_hundred_and_one():
    random = np.random.default_rng(1)
    truth = random.integers(0, 101, 60)
    codes = np.clip(truth[:, None] + random.integers(-15, 16, (60, 4)), 0, 100)
    codes[random.random(codes.shape) < 0.2] = MISSING
    meant = krippendorff.alpha(np.where(codes < 0, np.nan, codes).T, level_of_measurement="ordinal")
    assert value_of(krippendorff_alpha(table_of(codes, range(101)), "ordinal")) == pytest.approx(meant)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 12), st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_fleiss_is_that_of_statsmodels(items, raters, seed):
    codes = drawn(items, raters, seed, 0)
    found = value_of(fleiss_kappa(table_of(codes, range(5))))
    if isinstance(found, Undefined):
        assert len(np.unique(codes)) == 1
    else:
        assert found == pytest.approx(their_fleiss(aggregate_raters(codes)[0]))


@pytest.mark.parametrize(("ours", "theirs"), [("none", None), ("linear", "linear"), ("quadratic", "quadratic")])
def test_cohen_is_that_of_statsmodels(ours: Weights, theirs):
    random = np.random.default_rng(2)
    one = random.integers(0, 4, 150)
    other = np.clip(one + random.integers(-1, 3, 150), 0, 3)
    cells = np.zeros((4, 4))
    np.add.at(cells, (one, other), 1)
    found = value_of(cohen_kappa(table_of(np.column_stack([one, other])), ours))
    assert found == pytest.approx(cohens_kappa(cells, wt=theirs, return_results=False))


def from_cells(cells):
    """Two raters whose ratings make this table of counts."""
    pairs = [pair for pair in product(range(len(cells)), repeat=2) for _ in range(cells[pair[0]][pair[1]])]
    return table_of(np.array(pairs))


def test_cohens_own_example_of_1968():
    # Two psychiatrists, 200 patients; personality disorder, neurosis, psychosis. His weights count disagreement:
    # 1 and 3 from the first, 6 between the last two. Cohen (1968), Psychological Bulletin 70(4), tables 1 and 2.
    table = from_cells([[88, 14, 18], [10, 40, 10], [2, 6, 12]])
    assert value_of(cohen_kappa(table)) == pytest.approx(0.492, abs=5e-4)
    apart = np.array([[0, 1, 3], [1, 0, 6], [3, 6, 0]])
    assert value_of(cohen_kappa(table, 1 - apart / 6)) == pytest.approx(0.348, abs=5e-4)


def test_linear_weights_of_married_couples():
    # Hout, Duncan, Sobel (1987), in Agresti, Categorical Data Analysis; R's vcd prints 0.1293 and 0.2374 of them.
    table = from_cells([[7, 7, 2, 3], [2, 8, 3, 7], [1, 5, 4, 9], [2, 8, 9, 14]])
    assert value_of(cohen_kappa(table)) == pytest.approx(0.1293, abs=5e-5)
    assert value_of(cohen_kappa(table, "linear")) == pytest.approx(0.2374, abs=5e-5)


N = MISSING
# Krippendorff (2011), section C, of which Gwet's irrCAC prints the following; values are 1 to 5.
FOUR_RATERS = table_of(np.array([
    [0, 1, 2, 2, 1, 0, 3, 0, 1, N, N, N], [0, 1, 2, 2, 1, 1, 3, 0, 1, 4, N, 2],
    [N, 2, 2, 2, 1, 2, 3, 1, 1, 4, 0, N], [0, 1, 2, 2, 1, 3, 3, 0, 1, 4, 0, N],
]).T)  # fmt: skip


@pytest.mark.parametrize(("weights", "printed"), [("none", 0.77544), ("linear", 0.85874), ("quadratic", 0.91400)])
def test_gwet_is_that_of_his_own_program(weights: Weights, printed):
    assert value_of(gwet(FOUR_RATERS, weights)) == pytest.approx(printed, abs=6e-6)


def test_alpha_of_three_raters_with_missing_values():
    # The teaching example of three coders and fifteen units: nominal 0.691, interval 0.811.
    codes = np.array([
        [N, N, N, N, N, 3, 4, 1, 2, 1, 1, 3, 3, N, 3], [1, N, 2, 1, 3, 3, 4, 3, N, N, N, N, N, N, N],
        [N, N, 2, 1, 3, 4, 4, N, 2, 1, 1, 3, 3, N, 4],
    ]).T  # fmt: skip
    table = table_of(np.where(codes == N, N, codes - 1), [1, 2, 3, 4])
    assert value_of(krippendorff_alpha(table)) == pytest.approx(0.691, abs=5e-4)
    assert value_of(krippendorff_alpha(table, "interval")) == pytest.approx(0.811, abs=5e-4)


@settings(max_examples=30, deadline=None)
@given(st.integers(3, 9), st.integers(2, 5), st.integers(0, 2**32 - 1), st.floats(0, 0.5))
def test_icc_of_unequal_raters_is_an_analysis_of_variance(items, raters, seed, missing):
    codes = drawn(items, raters, seed, missing, 8)
    kept = codes[(codes >= 0).sum(axis=1) > 1]
    found = value_of(icc(table_of(codes, range(8)), "1,1"))
    if isinstance(found, Undefined):
        assert len(kept) < 2 or len(np.unique(kept[kept >= 0])) == 1 or "differ" in found.reason
        return
    item, _ = np.nonzero(kept >= 0)
    frame = pd.DataFrame({"item": item, "value": kept[kept >= 0].astype(float)})
    told = anova_lm(ols("value ~ C(item)", frame).fit())
    between, within = told["mean_sq"]
    many = frame.groupby("item").size().to_numpy()
    k = (many.sum() - (many**2).sum() / many.sum()) / (len(many) - 1)
    assert found == pytest.approx((between - within) / (between + (k - 1) * within))
    average = value_of(icc(table_of(codes, range(8)), "1,k"))
    if not isinstance(average, Undefined):
        assert average == pytest.approx((between - within) / between)


def test_intervals_of_averages_are_those_of_pingouin():
    # Shrout, Fleiss (1979), table 2; pingouin 0.6 prints these for ICC(1,k) and ICC(2,k).
    table = table_of(np.array([[9, 6, 8, 7, 10, 6], [2, 1, 4, 1, 5, 2], [5, 3, 6, 2, 6, 4], [8, 2, 8, 6, 9, 7]]).T)
    assert icc_interval(table, "1,k") == pytest.approx((-0.88, 0.91), abs=6e-3)
    assert icc_interval(table, "2,k") == pytest.approx((0.07, 0.93), abs=6e-3)


SETS = st.frozensets(st.sampled_from("abcd"))


@settings(max_examples=60, deadline=None)
@given(st.lists(SETS, min_size=1, max_size=6, unique=True))
def test_distances_of_sets_are_those_of_nltk(sets):
    for at, to in product(range(len(sets)), repeat=2):
        if sets[at] or sets[to]:
            one, other = sets[at], sets[to]
            assert set_distance(sets)[at, to] == pytest.approx(masi_distance(one, other), abs=0.011)  # it rounds 1/3
            assert set_distance(sets, masi=False)[at, to] == pytest.approx(jaccard_distance(one, other))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(SETS, SETS, SETS), min_size=2, max_size=8))
def test_alpha_of_sets_is_that_of_nltk(items):
    rows = [(str(at), f"r{rater}", one) for at, sets in enumerate(items) for rater, one in enumerate(sets)]
    found = value_of(set_alpha(rows, masi=False))
    if isinstance(found, Undefined):
        assert len({one for _, _, one in rows}) == 1
        return

    def apart(one, other):
        return jaccard_distance(one, other) if one or other else 0.0

    theirs = AnnotationTask([(rater, item, one) for item, rater, one in rows], distance=apart)
    assert found == pytest.approx(theirs.alpha())


@settings(max_examples=60, deadline=None)
@given(WORDS, WORDS)
def test_error_rates_are_those_of_jiwer(one, other):
    mine, theirs = " ".join(one), " ".join(other)
    assert error_rate(mine, theirs) == pytest.approx(jiwer.wer(mine, theirs))
    assert error_rate(mine, theirs, words=False) == pytest.approx(jiwer.cer(mine, theirs))


def crowd(items=120, seed=4):
    """Three labels; five raters who know four times of five, and one who guesses."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 3, items)
    knows = np.array([0.8] * 5 + [0.0])
    codes = np.where(random.random((items, 6)) < knows, truth[:, None], random.integers(0, 3, (items, 6)))
    codes[random.random(codes.shape) < 0.2] = MISSING
    table = table_of(codes)
    item, rater = np.nonzero(codes >= 0)
    frame = pd.DataFrame({
        "task": [table.items[at] for at in item], "worker": [table.raters[at] for at in rater],
        "label": codes[item, rater],
    })  # fmt: skip
    return table, frame


@pytest.mark.filterwarnings("ignore:The (inplace|copy) keyword")
def test_dawid_skene_is_that_of_crowd_kit():
    table, frame = crowd()
    theirs = DawidSkene(n_iter=200, tol=1e-9).fit(frame).probas_.reindex(list(table.items))[[0, 1, 2]].to_numpy()
    item, rater = np.nonzero(table.codes >= 0)
    # Ours adds to each count of an error, so that nothing is impossible; theirs does not.
    ours = dawid_skene(item, rater, table.codes[item, rater], (120, 6, 3), smallest_change=1e-12, prior_count=1e-12)
    assert ours.probability == pytest.approx(theirs, abs=1e-3)


@pytest.mark.filterwarnings("ignore:The (inplace|copy) keyword")
def test_mace_says_what_crowd_kit_says_and_finds_who_guesses():
    table, frame = crowd()
    theirs = MACE(n_restarts=3, n_iter=20, random_state=0).fit(frame)
    found, knows = by_mace(table)
    labels = theirs.labels_.reindex(list(table.items)).to_numpy()
    assert (found.argmax(axis=1) == labels).mean() > 0.97
    assert int(np.argmin(knows)) == 5


def test_a_value_for_every_answer_takes_no_room():
    # As transcripts are: no two alike but those of one pair. Dense counts would be 40,000 by 80,000.
    items = 40_000
    codes = np.arange(2 * items).reshape(items, 2)
    codes[0, 1] = codes[0, 0]
    table = table_of(codes)
    assert len(tally(table).count) == 2 * items - 1
    assert value_of(fleiss_kappa(table)) == pytest.approx(1 / (2 * items), rel=1e-3)
    assert value_of(krippendorff_alpha(table)) == pytest.approx(1 / items, rel=1e-3)


def test_a_tally_is_the_same_with_and_without_patterns(monkeypatch):
    table = table_of(drawn(30, 4, 9, 0.3), range(5))
    meant = [value_of(make(table)) for make in (fleiss_kappa, gwet, krippendorff_alpha)]
    ordinal = value_of(krippendorff_alpha(table, "ordinal"))
    monkeypatch.setattr("annotation.ratings._MOST_COUNTED", 0)
    assert len(tally(table).total) == 30
    assert [value_of(make(table)) for make in (fleiss_kappa, gwet, krippendorff_alpha)] == pytest.approx(meant)
    assert value_of(krippendorff_alpha(table, "ordinal")) == pytest.approx(ordinal)


def test_two_raters_of_a_table_are_those_of_a_long_one():
    rows = [("a", "x", 1), ("a", "y", 1), ("b", "x", 2), ("b", "y", 3), ("c", "x", 3)]
    one = value_of(krippendorff_alpha(ratings(rows), "interval"))
    assert one == pytest.approx(krippendorff.alpha([[1, 2, 3], [1, 3, np.nan]], level_of_measurement="interval"))
