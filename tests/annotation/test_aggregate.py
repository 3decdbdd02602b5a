"""One label from several; what raters are like; what a modality tells alone; stretches, sets, links, transcripts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.aggregate import by_dawid_skene, by_mace, majority, mean, median, soft_labels
from annotation.modality import modality_agreement, modality_importance
from annotation.raters import rater_quality
from annotation.ratings import Undefined, ratings
from annotation.spans import (
    edits,
    error_rate,
    label_kappas,
    link_f1,
    recognition_error,
    set_alpha,
    span_alpha,
    span_f1,
    transcripts_apart,
)


def table(rows):
    return ratings((item, rater, value) for item, given in rows.items() for rater, value in given.items())


VOTES = table({"a": {"x": 1, "y": 1, "z": 2}, "b": {"x": 1, "y": 2}, "c": {"x": 2, "y": 4, "z": 4}})


def test_majority_has_a_rule_for_ties():
    assert majority(VOTES).tolist() == [0, -1, 2]
    assert majority(VOTES, "first").tolist() == [0, 0, 2]
    assert majority(VOTES, "last").tolist() == [0, 1, 2]


def test_shares_means_and_medians():
    assert soft_labels(VOTES).tolist() == [[2 / 3, 1 / 3, 0], [0.5, 0.5, 0], [0, 1 / 3, 2 / 3]]
    assert mean(VOTES).tolist() == pytest.approx([4 / 3, 1.5, 10 / 3])
    assert median(VOTES).tolist() == [1, 1.5, 4]


def crowd(items=300, seed=1):
    """Three who know nine times of ten, and three who always say 0 or guess."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 3, items)
    rows = {}
    for item, true in enumerate(truth):
        given = {f"good{at}": int(true if random.random() < 0.9 else random.integers(3)) for at in range(3)}
        given |= {"guess0": int(random.integers(3)), "guess1": int(random.integers(3)), "zero": 0}
        rows[f"{item:04}"] = given
    return truth, table(rows)


def test_models_of_raters_beat_the_majority():
    truth, votes = crowd()
    plain = (majority(votes, "first") == truth).mean()
    mace, competence = by_mace(votes)
    assert mace.sum(axis=1) == pytest.approx(np.ones(len(truth)))
    assert (mace.argmax(axis=1) == truth).mean() > plain + 0.05
    assert (by_dawid_skene(votes).probability.argmax(axis=1) == truth).mean() > plain + 0.05
    known = dict(zip(votes.raters, competence, strict=True))
    assert min(known[f"good{at}"] for at in range(3)) > 0.8
    assert max(known["guess0"], known["guess1"], known["zero"]) < 0.2
    assert np.array_equal(by_mace(votes)[0], mace)


def mace_one_number_at_a_time(votes, prior=0.1, rounds=200):
    """The model by its definition: a rater knows with `knows`, else says what `guess` of theirs says."""
    said = [(i, r, int(c)) for i, row in enumerate(votes.codes) for r, c in enumerate(row) if c >= 0]
    (items, raters), labels = votes.codes.shape, range(len(votes.values))
    knows, guess = [0.5] * raters, [[1 / len(labels)] * len(labels) for _ in range(raters)]
    for _ in range(rounds):
        likely = [[1.0 for _ in labels] for _ in range(items)]
        for i, r, c in said:
            for k in labels:
                likely[i][k] *= knows[r] * (k == c) + (1 - knows[r]) * guess[r][c]
        found = [[one / sum(row) for one in row] for row in likely]
        sure, unsure = [prior] * raters, [[prior for _ in labels] for _ in range(raters)]
        many = [2 * prior] * raters
        for i, r, c in said:
            known = found[i][c] * knows[r] / (knows[r] + (1 - knows[r]) * guess[r][c])
            sure[r], many[r] = sure[r] + known, many[r] + 1
            unsure[r][c] += 1 - known
        knows = [one / all_ for one, all_ in zip(sure, many, strict=True)]
        guess = [[one / sum(row) for one in row] for row in unsure]
    return found, knows


def test_mace_is_its_definition():
    _, votes = crowd(40)
    found, knows = by_mace(votes)
    slowly, known = mace_one_number_at_a_time(votes)
    assert found == pytest.approx(np.array(slowly), abs=1e-6)
    assert knows == pytest.approx(np.array(known), abs=1e-5)  # ours stops once labels no longer move


def test_raters_are_flagged_and_none_removed():
    truth, votes = crowd(100)
    seconds = {(item, rater): 1.0 if rater == "zero" else 10.0 for item in votes.items for rater in votes.raters}
    gold = {item: int(true) for item, true in zip(votes.items, truth, strict=True)}
    told = {one.rater: one for one in rater_quality(votes, gold=gold, seconds=seconds)}
    assert list(told) == list(votes.raters)
    assert told["good0"].flags == ()
    assert told["good0"].gold == pytest.approx((votes.codes[:, 0] == truth).mean())
    assert told["zero"].longest_run == 100
    assert any("gold" in flag for flag in told["zero"].flags)
    assert any("straight-lining" in flag for flag in told["zero"].flags)
    assert "fast" in told["zero"].flags
    assert told["zero"].median_s == pytest.approx(1)


def test_a_rater_alone_has_no_agreement_with_others():
    (told,) = rater_quality(table({"a": {"x": 1}}))
    assert told.others == Undefined("no item was rated by anybody else")
    assert told.gold == Undefined("no gold item was answered")


def test_the_modality_that_tells_all_is_most_important():
    full = table({str(at): {"x": at % 2, "y": at % 2} for at in range(8)})
    noise = table({str(at): {"z": at // 4} for at in range(8)})
    assert modality_agreement(full, full).value() == pytest.approx(1)
    assert modality_agreement(noise, full).value() == pytest.approx(0)
    assert modality_importance({"text": full, "audio": noise}, full) == pytest.approx({"text": 1, "audio": 0})
    assert isinstance(modality_importance({"audio": noise}, full)["audio"], Undefined)


def test_spans_agree_by_length():
    assert span_f1([(0, 4, "joy")], [(2, 6, "joy")]) == pytest.approx(0.5)
    assert span_f1([(0, 4, "joy")], [(0, 4, "fear")]) == 0
    assert span_f1([(0, 4, "joy"), (2, 4, "joy")], [(0, 4, "joy")]) == 1
    assert span_f1([], []) == Undefined("neither rater marked anything")


def test_alpha_of_positions():
    # Ten positions: 8 alike (2 joy, 6 nothing), 2 apart; by hand 1 - 19 * 4 / (2 * 6 * 14).
    found = span_alpha([("a", 10, {"x": [(0, 4, "joy")], "y": [(0, 2, "joy")]})])
    assert found.value() == pytest.approx(1 - 19 * 4 / (2 * 6 * 14))
    same = [("a", 10, {"x": [(0, 4, "joy")], "y": [(0, 4, "joy")]})]
    assert span_alpha(same).value() == pytest.approx(1)


def test_sets_and_their_labels():
    rows = [("a", "x", frozenset("pq")), ("a", "y", frozenset("p")), ("b", "x", frozenset()), ("b", "y", frozenset())]
    # MASI: apart 2/3 once; by hand over all pairs of {pq, p, {}, {}}: 2/3 + 1 + 1 + 1 + 1 + 0.
    assert set_alpha(rows).value() == pytest.approx(1 - (2 * 2 / 3 / 4) / (2 * (2 / 3 + 4) / 12))
    kappas = label_kappas(rows)
    assert kappas["p"] == pytest.approx(1)
    assert kappas["q"] == pytest.approx((3 / 6 - (1 / 16 + 9 / 16)) / (1 - 10 / 16))


def test_links():
    assert link_f1([("u2", "u1"), ("u3", "u1")], [("u2", "u1")]) == pytest.approx(2 / 3)
    assert isinstance(link_f1([], []), Undefined)


def test_the_error_of_recognised_texts_is_over_all_words():
    assert recognition_error([("the cat sat", "the cat sat"), ("a", "b c d")]) == pytest.approx(3 / 6)
    assert recognition_error([("x y", "")]) == Undefined("nobody wrote a word")
    assert recognition_error([("x y", ""), ("x", "x")]) == pytest.approx(2)


def test_error_rates():
    assert error_rate("the cat sat", "the bat sat down") == pytest.approx(2 / 3)
    assert error_rate("kitten", "sitting", words=False) == pytest.approx(3 / 6)
    assert error_rate(" ", "a") == Undefined("the reference is empty")
    assert transcripts_apart(["a b", "a b c"]) == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert transcripts_apart(["a"]) == Undefined("only one rater")


@given(one=st.text("ab", max_size=6), two=st.text("ab", max_size=6), three=st.text("ab", max_size=6))
def test_edits_are_a_distance(one, two, three):
    assert edits(one, two) == edits(two, one)
    assert (edits(one, two) == 0) == (one == two)
    assert edits(one, three) <= edits(one, two) + edits(two, three)
