"""Statistics of spans, links and transcripts against their definitions, written a second time."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from annotation.ratings import Undefined
from annotation.spans import edits, error_rate, link_f1, span_f1

LENGTH = 12
SPANS = st.lists(
    st.tuples(st.integers(0, LENGTH - 1), st.integers(1, LENGTH), st.sampled_from("xy")).filter(lambda s: s[0] < s[1]),
    max_size=4,
)
WORDS = st.lists(st.sampled_from(["a", "b", "cc"]), max_size=6)


def fewest(one, two):
    """Levenshtein's distance as it is defined, from the front."""

    @cache
    def after(i, j):
        if i == len(one) or j == len(two):
            return len(one) - i + len(two) - j
        if one[i] == two[j]:
            return after(i + 1, j + 1)
        return 1 + min(after(i + 1, j), after(i, j + 1), after(i + 1, j + 1))

    return after(0, 0)


@settings(max_examples=80, deadline=None)
@given(WORDS, WORDS)
def test_edits_and_error_rates_by_recursion(one, two):
    assert edits(one, two) == fewest(tuple(one), tuple(two))
    if one:
        mine, theirs = " ".join(one), " ".join(two)
        assert error_rate(mine, theirs) == pytest.approx(fewest(tuple(one), tuple(two)) / len(one))
        assert error_rate(mine, theirs, words=False) == pytest.approx(fewest(mine, theirs) / len(mine))


@settings(max_examples=60, deadline=None)
@given(SPANS, SPANS)
def test_overlap_f1_is_scikit_learns_over_positions(one, two):
    def marks(spans):
        return [any(b <= at < e and of == label for b, e, of in spans) for at in range(LENGTH) for label in "xy"]

    found = span_f1(one, two)
    if one or two:
        assert found == pytest.approx(f1_score(marks(one), marks(two), zero_division=0))
    else:
        assert isinstance(found, Undefined)


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(0, 8)), st.sets(st.integers(0, 8)))
def test_f1_of_links_is_scikit_learns(one, two):
    found = link_f1(one, two)
    if one or two:
        assert found == pytest.approx(f1_score([x in one for x in range(9)], [x in two for x in range(9)]))
    else:
        assert isinstance(found, Undefined)
