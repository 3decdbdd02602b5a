"""The unitizing alpha: a published example, the observed part by positions, and what it must do."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.ratings import Undefined
from annotation.unitizing import disagreements, joined, unitizing_alpha

LENGTH = 60


@st.composite
def marked(draw):
    edges = sorted(draw(st.sets(st.integers(0, LENGTH), max_size=8)))
    pairs = zip(edges[::2], edges[1::2], strict=False)
    return [(start, end, draw(st.sampled_from("xy"))) for start, end in pairs]


def test_the_example_of_krippendorff_2004():
    # Content Analysis, 2nd edition, p. 254: a continuum of 300 from 150 on; c 0.7286, k 1, together 0.8591.
    ann = [(75, 145, "c"), (220, 250, "c"), (30, 90, "k"), (150, 200, "k")]
    ben = [(70, 150, "c"), (205, 225, "c"), (250, 270, "c"), (30, 90, "k"), (150, 200, "k")]
    found = disagreements(300, {"ann": ann, "ben": ben})
    assert found["c"].observed == pytest.approx(0.0144, abs=5e-5)
    assert found["c"].expected == pytest.approx(0.0532, abs=5e-5)
    assert found["c"].alpha == pytest.approx(0.7286, abs=2e-4)
    assert found["k"].observed == 0
    assert found["k"].expected == pytest.approx(0.0490, abs=5e-5)
    assert unitizing_alpha(300, {"ann": ann, "ben": ben}) == pytest.approx(0.8591, abs=5e-4)


@settings(max_examples=60, deadline=None)
@given(marked(), marked())
def test_observed_disagreement_is_that_of_sets_of_positions(mine, theirs):
    found = disagreements(LENGTH, {"ann": mine, "ben": theirs})
    for label, one in found.items():
        total = 0
        sets = [[set(range(b, e)) for b, e, of in given_ if of == label] for given_ in (mine, theirs)]
        for here, there in (sets, sets[::-1]):
            everywhere = set().union(*there)
            for stretch in here:
                if not stretch & everywhere:
                    total += 2 * len(stretch) ** 2  # met from both sides
                for other in there:
                    if stretch & other:
                        total += (min(stretch) - min(other)) ** 2 + (max(stretch) - max(other)) ** 2
        assert one.observed == pytest.approx(total / (2 * LENGTH**2))


@settings(max_examples=60, deadline=None)
@given(st.lists(marked(), min_size=2, max_size=3))
def test_expected_disagreement_is_its_formula_one_stretch_at_a_time(raters):
    found = disagreements(LENGTH, {str(at): spans for at, spans in enumerate(raters)})
    many = len(raters) * LENGTH
    for label, one in found.items():
        mine = [sorted((b, e) for b, e, of in spans if of == label) for spans in raters]
        lengths = [e - b for spans in mine for b, e in spans]
        edges = [[0, *(edge for span in spans for edge in span), LENGTH] for spans in mine]
        gaps = [e - b for each in edges for b, e in zip(each[::2], each[1::2], strict=True) if b < e]
        total = 0
        for length in lengths:
            total += (len(lengths) - 1) / 3 * (2 * length**3 - 3 * length**2 + length)
            total += sum(length**2 * (gap - length + 1) for gap in gaps if gap >= length)
        pairs = many * (many - 1) - sum(length * (length - 1) for length in lengths)
        assert one.expected == pytest.approx(2 / LENGTH * total / pairs)


@settings(max_examples=60, deadline=None)
@given(st.lists(marked(), min_size=2, max_size=4))
def test_who_is_named_first_and_which_end_is_first_do_not_matter(raters):
    def alpha(given_):
        return unitizing_alpha(LENGTH, {str(at): spans for at, spans in enumerate(given_)})

    found = alpha(raters)
    turned = alpha([[(LENGTH - e, LENGTH - b, of) for b, e, of in spans] for spans in raters])
    for other in (alpha(raters[::-1]), turned):
        assert other == (found if isinstance(found, Undefined) else pytest.approx(found))
    if not isinstance(found, Undefined):
        assert found <= 1
        assert alpha([raters[0]] * 3) in (1, Undefined("nobody marked anything"))


def test_overlapping_stretches_of_a_label_are_one():
    one, two = [(5, 20, "x")], [(5, 12, "x"), (10, 20, "x")]
    assert unitizing_alpha(LENGTH, {"ann": one, "ben": two}) == 1


def test_items_are_one_continuum_without_those_that_somebody_did_not_see():
    items = [(10, {"a": [(1, 3, "x")], "b": []}), (99, {"a": []}), (20, {"a": [(0, 4, "y")], "b": [(2, 5, "x")]})]
    assert joined(items, ["a", "b"]) == (30, {"a": [(1, 3, "x"), (10, 14, "y")], "b": [(12, 15, "x")]})


def test_what_is_undefined_says_why():
    assert unitizing_alpha(9, {"a": [(0, 1, "x")]}) == Undefined("only one rater")
    assert unitizing_alpha(9, {"a": [], "b": []}) == Undefined("nobody marked anything")


@pytest.mark.parametrize("span", [(-1, 2, "x"), (3, 3, "x"), (4, 3, "x"), (5, 10, "x")])
def test_stretches_outside_are_refused(span):
    with pytest.raises(ValueError, match="does not lie within 0 to 9"):
        unitizing_alpha(9, {"a": [span], "b": []})
