"""Statistics of a question are those of its table; pairs, confusions and categories against counts by hand."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from question_specs import spec_of
from sklearn.metrics import cohen_kappa_score

from annotation.adjudicate import item_agreement
from annotation.agreement import agreement, hard_items
from annotation.alpha import krippendorff_alpha
from annotation.asked_agreement import by_category, question_agreement, statistics_of
from annotation.confusion import coincidences, confusion
from annotation.kappa import fleiss_by_category
from annotation.rated import rated
from annotation.ratings import Undefined, ratings
from annotation.spans import label_kappas, link_f1, set_alpha, span_f1, transcripts_apart
from annotation.unitizing import unitizing_alpha
from schemas.answer_value import (
    ChoicesValue,
    ChoiceValue,
    LinkValue,
    Picked,
    RegionValue,
    ScaleValue,
    SpanValue,
    Stretch,
    TextValue,
)

SPEC = spec_of(
    """
questions:
  - {id: mood, kind: choice, choices: [glad, sad, so]}
  - {id: word, kind: choice, open: true, choices: [calm, tense]}
  - {id: tags, kind: choices, choices: [a, b, c]}
  - {id: level, kind: scale, levels: [low, middle, high]}
  - {id: vad, kind: scale, range: [1, 9], measure: interval, dimensions: [valence, arousal]}
  - {id: said, kind: text, purpose: transcript}
  - {id: why, kind: text}
  - {id: cue, kind: span, labels: [cue, filler]}
  - {id: cause, kind: link}
  - {id: who, kind: region}
"""
)
MOOD, WORD, TAGS, LEVEL, VAD, SAID, WHY, CUE, CAUSE, WHO = SPEC.questions
TABLES = st.dictionaries(
    st.tuples(st.sampled_from("pqrstu"), st.sampled_from("xyz")), st.sampled_from(["glad", "sad", "so"]), min_size=2
)


def one_of(question, rows, **more):
    (found,) = rated(question, question.id, rows, **more)
    return found


def choice(rows):
    return [(item, rater, ChoiceValue(label=name)) for (item, rater), name in rows.items()]


def tags(names):
    return ChoicesValue(picked=tuple(Picked(label=name) for name in names))


def marks(*stretches):
    return SpanValue(unit="characters", stretches=tuple(Stretch(start=a, end=b, label=c) for a, b, c in stretches))


@settings(max_examples=30, deadline=None)
@given(TABLES)
def test_a_choice_is_measured_as_its_table_is(rows):
    told = one_of(MOOD, choice(rows))
    for statistic in statistics_of(MOOD):
        of = ["glad", "sad", "so"] if statistic == "gwet" else None
        table = ratings(((item, rater, name) for (item, rater), name in rows.items()), of)
        assert question_agreement(told, statistic, samples=20) == agreement(table, "nominal", statistic, samples=20)


@settings(max_examples=40, deadline=None)
@given(TABLES)
def test_agreement_on_an_item_is_that_of_the_table(rows):
    table = ratings((item, rater, name) for (item, rater), name in rows.items())
    by_item = {}
    for (item, _), name in rows.items():
        by_item.setdefault(item, []).append(ChoiceValue(label=name))
    found = {item: item_agreement(MOOD, values) for item, values in by_item.items() if len(values) > 1}
    assert found == pytest.approx(dict(hard_items(table)))


@settings(max_examples=40, deadline=None)
@given(TABLES)
def test_coincidences_are_the_pairs_of_an_item(rows):
    table = ratings((item, rater, name) for (item, rater), name in rows.items())
    expected = Counter()
    for item in table.items:
        mine = [name for (of, _), name in rows.items() if of == item]
        for one, other in permutations(range(len(mine)), 2):
            expected[mine[one], mine[other]] += 1 / (len(mine) - 1)
    found = coincidences(table)
    assert {
        (a, b): found[x, y] for x, a in enumerate(table.values) for y, b in enumerate(table.values)
    } == pytest.approx({(a, b): expected[a, b] for a in table.values for b in table.values})
    # Nominal alpha from the same matrix, as Krippendorff (2011) has it.
    alpha = krippendorff_alpha(table)
    if not isinstance(alpha, Undefined) and not isinstance(alpha.value(), Undefined):
        n, of = found.sum(), found.sum(axis=1)
        by_hand = 1 - (n - 1) * (n - np.trace(found)) / (n**2 - (of**2).sum())
        assert alpha.value() == pytest.approx(by_hand)


def test_numbers_go_by_the_level_of_the_scale():
    rows = {("p", "x"): 1, ("p", "y"): 2, ("q", "x"): 3, ("q", "y"): 3, ("r", "x"): 1, ("r", "y"): 1}
    told = one_of(LEVEL, [(*key, ScaleValue(number=number)) for key, number in rows.items()])
    (found,) = question_agreement(told, samples=0)
    expected = krippendorff_alpha(ratings((*key, float(number)) for key, number in rows.items()), "ordinal")
    assert (found.value, found.level) == (expected.value(), "ordinal")
    assert "icc" not in statistics_of(LEVEL)
    assert [told.label(key) for key in told.table.values] == ["low", "middle", "high"]
    assert list(by_category(told, samples=0)) == ["low", "middle", "high"]


def test_each_dimension_is_measured_by_itself():
    rows = [
        (item, rater, ScaleValue(dimensions={"valence": v, "arousal": a}))
        for item, rater, v, a in [("p", "x", 1, 9), ("p", "y", 1, 1), ("q", "x", 9, 9), ("q", "y", 9, 1)]
    ]
    valence, arousal = rated(VAD, "vad", rows)
    assert (valence.column, arousal.column) == ("vad_valence", "vad_arousal")
    assert question_agreement(valence, samples=0)[0].value == 1
    assert question_agreement(arousal, samples=0)[0].value == pytest.approx(1 - 3 * 256 / (2 * 4 * 64))
    assert question_agreement(valence, "icc", samples=0)[0].variant == "ICC(2,1)"
    assert item_agreement(VAD, [value for _, _, value in rows[:2]]) == pytest.approx(0.5)


def test_what_was_offered_and_not_used_counts_for_gwet_alone():
    said = {("p", "x"): "glad", ("p", "y"): "glad", ("q", "x"): "glad", ("q", "y"): "sad"}
    told = one_of(MOOD, choice(said))
    # AC1 by hand: observed 1/2, shares 3/4 and 1/4 of three labels: chance = (3/16 + 3/16) / 2.
    assert question_agreement(told, "gwet", samples=0)[0].value == pytest.approx((1 / 2 - 3 / 16) / (1 - 3 / 16))
    assert told.table.values == ("glad", "sad")
    steady = one_of(LEVEL, [(item, rater, ScaleValue(number=1)) for item, rater in said])
    assert question_agreement(steady, "gwet")[0].value == Undefined("only one category was used")


def test_weights_on_an_ordinal_scale_go_by_the_order_of_its_levels():
    uneven, even = (
        spec_of(f"questions: [{{id: much, kind: scale, levels: {levels}}}]").questions[0]
        for levels in ("{1: low, 2: some, 9: all}", "[low, some, all]")
    )
    said = [("p", 1, 2), ("q", 2, 2), ("r", 3, 2), ("s", 3, 3), ("t", 1, 1)]
    found = []
    for question, numbers in ((uneven, {1: 1, 2: 2, 3: 9}), (even, {1: 1, 2: 2, 3: 3})):
        rows = [(item, rater, ScaleValue(number=numbers[value]))
                for item, *values in said for rater, value in zip("xy", values, strict=True)]  # fmt: skip
        told = one_of(question, rows)
        found.append([question_agreement(told, name, samples=0)[0].value for name in ("cohen", "gwet", "krippendorff")])
    assert found[0] == found[1]
    assert found[0][0] == pytest.approx(cohen_kappa_score([1, 2, 3, 3, 1], [2, 2, 2, 3, 1], weights="linear"))


def test_an_icc_of_items_with_raters_of_their_own_is_the_one_way_form():
    said = {"p": (1, 2, None), "q": (4, None, 5), "r": (None, 8, 9), "s": (2, 2, 3)}
    rows = [(item, f"r{at}", ScaleValue(dimensions={"valence": one}))
            for item, given in said.items() for at, one in enumerate(given) if one is not None]  # fmt: skip
    valence = rated(VAD, "vad", rows)[0]
    found = question_agreement(valence, "icc", samples=50)
    assert found[0].variant == "ICC(1,1)"
    assert (found[0].items, found[0].ratings) == (4, 9)
    assert [one.value for one in found if one.variant[4] != "1"] == 4 * [
        Undefined("fewer than two items were rated by every rater")
    ]


def test_sets_are_measured_by_their_distance():
    rows = [("p", "x", "ab"), ("p", "y", "b"), ("q", "x", ""), ("q", "y", "c"), ("r", "x", "a"), ("r", "y", "a")]
    told = one_of(TAGS, [(item, rater, tags(names)) for item, rater, names in rows])
    plain = [(item, rater, frozenset(names)) for item, rater, names in rows]
    for statistic in ("masi", "jaccard"):
        (found,) = question_agreement(told, statistic, samples=0)
        assert found.value == pytest.approx(set_alpha(plain, masi=statistic == "masi").value())
    assert {label: one.value for label, one in by_category(told, samples=0).items()} == label_kappas(plain)
    (whole,) = question_agreement(told, "krippendorff", samples=0)
    order = sorted({names for _, _, names in plain}, key=sorted)
    assert whole.value == krippendorff_alpha(ratings(plain, order)).value()


def test_where_one_has_a_label_others_have_it_so_often():
    rows = [("p", "x", "ab"), ("p", "y", "b"), ("p", "z", "c"), ("q", "x", "a"), ("q", "y", "ac"), ("r", "x", "c")]
    found = confusion(one_of(TAGS, [(item, rater, tags(names)) for item, rater, names in rows]))
    assert found.labels == ("a", "b", "c")
    # `a` was given by p/x, q/x, q/y; the others of p have b and c, those of q a and c.
    expected = [[2 / 3, 0.5 / 3, 1.5 / 3], [0.25, 0.5, 0.5], [0.75, 0.5, 0]]
    assert found.share == pytest.approx(np.array(expected))


def test_confusion_says_what_others_said():
    rows = {("p", "x"): "glad", ("p", "y"): "sad", ("q", "x"): "glad", ("q", "y"): "glad", ("r", "x"): "so"}
    found = confusion(one_of(MOOD, choice(rows)))
    assert found.labels == ("glad", "sad", "so")
    assert found.share[:2] == pytest.approx(np.array([[2 / 3, 1 / 3, 0], [1, 0, 0]]))
    assert np.isnan(found.share[2]).all()
    assert confusion(one_of(SAID, [("p", "x", TextValue(text="a"))])) is None
    assert confusion(one_of(MOOD, choice({("p", "x"): "glad"}))) is None


def test_categories_have_fleiss_kappa_and_an_interval():
    rows = {(f"{n}", r): ("glad", "sad")[n % 2] if r != "z" or n % 3 else "so" for n in range(20) for r in "xyz"}
    told = one_of(MOOD, choice(rows))
    found = by_category(told)
    assert {label: one.value for label, one in found.items()} == fleiss_by_category(told.table)
    assert all(one.interval[0] <= one.value <= one.interval[1] for one in found.values())
    assert {label: one.ratings for label, one in found.items()} == Counter(rows.values())


@settings(max_examples=20, deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from("pqrs"), st.sampled_from("xyz")), st.sampled_from([(), (1,), (2,)]), min_size=2
    )
)
def test_one_face_is_a_name_and_distances_of_sets_say_the_same(rows):
    told = one_of(WHO, [(item, rater, RegionValue(faces=faces)) for (item, rater), faces in rows.items()])
    assert statistics_of(WHO) == ("krippendorff", "percent")
    values = [question_agreement(told, name, samples=10)[0] for name in ("krippendorff", "jaccard", "masi")]
    assert values[0].value == values[1].value == values[2].value
    assert values[0].interval == values[1].interval


@pytest.mark.parametrize("question", SPEC.questions, ids=lambda one: one.id)
def test_every_statistic_that_a_question_may_ask_for_is_there_or_says_why(question):
    value = {
        "choice": ChoiceValue(label="calm"), "choices": tags("ab"), "text": TextValue(text="so it is"),
        "span": marks((0, 3, "cue")), "link": LinkValue(targets=("q",)), "region": RegionValue(faces=(1,)),
        "scale": ScaleValue(number=None if question.id == "vad" else 2.0,
                            dimensions={"valence": 3.0, "arousal": 3.0} if question.id == "vad" else {}),
    }[question.kind]  # fmt: skip
    for part in rated(question, question.id, [("p", "x", value), ("p", "y", value), ("q", "x", value)]):
        for name in question.allowed_statistics:
            for one in question_agreement(part, name, samples=5, lengths={"p": 9, "q": 9}):
                assert (one.statistic, one.raters) == (name, 2)
                assert isinstance(one.value, Undefined) or 0 <= one.value <= 1


def test_transcripts_links_and_stretches_are_means_over_items():
    said = {"p": ["one two", "one too", "one two"], "q": ["x", "x y", "x"], "r": ["alone"]}
    rows = [(item, f"r{at}", TextValue(text=text)) for item, texts in said.items() for at, text in enumerate(texts)]
    for statistic, words in (("wer", True), ("cer", False)):
        (found,) = question_agreement(one_of(SAID, rows), statistic)
        assert found.value == pytest.approx(np.mean([transcripts_apart(said[item], words=words) for item in "pq"]))
        assert found.interval[0] <= found.value <= found.interval[1]
    links = [("p", "x", ["a"]), ("p", "y", ["a", "b"]), ("q", "x", []), ("q", "y", [])]
    (found,) = question_agreement(one_of(CAUSE, [(i, r, LinkValue(targets=tuple(t))) for i, r, t in links]), samples=0)
    assert found.value == pytest.approx(link_f1(["a"], ["a", "b"]))
    spans = {"x": [(0, 4, "cue")], "y": [(2, 6, "cue"), (8, 9, "filler")]}
    rows = [("p", rater, marks(*each)) for rater, each in spans.items()]
    (found,) = question_agreement(one_of(CUE, rows), "span-f1")
    assert found.value == pytest.approx(span_f1(spans["x"], spans["y"]))
    assert str(found.interval) == "undefined: only one item"
    (found,) = question_agreement(one_of(CUE, rows), lengths={"p": 12})
    assert found.value == pytest.approx(unitizing_alpha(12, spans))


@pytest.mark.parametrize(
    ("question", "rows", "statistic", "why"),
    [
        (MOOD, [], None, "nobody has answered"),
        (MOOD, [("p", "x", ChoiceValue(label="sad"))], None, "only one rater"),
        (
            MOOD,
            [("p", "x", ChoiceValue(label="sad")), ("q", "y", ChoiceValue(label="sad"))],
            None,
            "no item was rated by two raters",
        ),
        (MOOD, [("p", r, ChoiceValue(label="sad")) for r in "xy"], None, "only one category was used"),
        (SAID, [("p", "x", TextValue(text="a"))], None, "only one rater"),
        (CUE, [("p", r, marks()) for r in "xy"], "span-f1", "nobody marked or wrote anything"),
        (CUE, [("p", r, marks()) for r in "xy"], None, "the lengths of the samples are not known here"),
        (CAUSE, [("p", "x", LinkValue(targets=())), ("q", "y", LinkValue(targets=()))], None, "no item was rated"),
    ],
)
def test_what_is_undefined_says_why(question, rows, statistic, why):
    (found,) = question_agreement(one_of(question, rows), statistic)
    assert isinstance(found.value, Undefined)
    assert why in str(found.value)
    assert isinstance(found.interval, Undefined)


def test_stretches_of_items_with_raters_of_their_own_are_compared():
    said = {"p": {"x": (0, 4), "y": (1, 4)}, "q": {"z": (2, 6), "x": (2, 6)}, "r": {"y": (0, 3), "z": (5, 8)}}
    rows = [(item, rater, marks((*span, "cue"))) for item, by in said.items() for rater, span in by.items()]
    rows += [("s", "x", marks((0, 9, "cue"))), *(("t", rater, marks((3, 5, "cue"))) for rater in "xyz")]
    (found,) = question_agreement(one_of(CUE, rows), lengths=dict.fromkeys("pqrst", 9), samples=20)
    # Two raters an item is the most usual number: one with one rater and one with three are left out.
    assert (found.items, found.ratings) == (3, 6)
    columns = [[(0, 4), (11, 15), (18, 21)], [(1, 4), (11, 15), (23, 26)]]
    whole = {str(at): [(a, b, "cue") for a, b in spans] for at, spans in enumerate(columns)}
    assert found.value == pytest.approx(unitizing_alpha(27, whole))


def test_the_unitizing_alpha_has_an_interval_over_items():
    rows = [
        (f"{n}", rater, marks((n % 3, 4 + n % 2 * (rater == "y"), "cue"))) for n in range(12) for rater in ("x", "y")
    ]
    lengths = {f"{n}": 20 for n in range(12)}
    (found,) = question_agreement(one_of(CUE, rows), lengths=lengths, samples=50)
    assert found.interval[0] <= found.value <= found.interval[1]
    assert found.interval[0] < found.interval[1]


def test_own_words_count_as_their_group():
    rows = [("p", "x", ChoiceValue(label="Tense")), ("p", "y", ChoiceValue(label="wired"))]
    synonyms = {"wired": "tense"}
    told = one_of(WORD, rows, group=lambda _, label: synonyms.get(label, label))
    assert {key for _, _, key in told.keyed} == {"tense"}
    assert item_agreement(WORD, [value for _, _, value in rows]) == 0
    assert item_agreement(WORD, [value for _, _, value in rows], told.group) == 1


def test_stretches_and_transcripts_agree_by_what_they_share():
    assert item_agreement(CUE, [marks((0, 4, "cue")), marks((2, 6, "cue"))]) == pytest.approx(0.5)
    assert item_agreement(SAID, [TextValue(text="a b"), TextValue(text="a c")]) == pytest.approx(0.5)
    assert item_agreement(WHY, [TextValue(text="a b"), TextValue(text="a c")]) is None
    assert item_agreement(WHO, [RegionValue(faces=()), RegionValue(faces=())]) == 1
    assert item_agreement(WHO, [RegionValue(faces=(1,)), RegionValue(faces=())]) == 0
