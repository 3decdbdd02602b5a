"""What chance alone would do is not told; what it would not is told with the right numbers."""

from collections import Counter

import numpy as np

from pipelines.auditing.answer_bias import by_rater, lopsided
from pipelines.auditing.codes import Codes
from pipelines.auditing.missing_by_label import missing
from pipelines.auditing.speaker_label import each, overall


def test_speakers_who_differ_by_chance_are_not_told():
    drawn = np.random.default_rng(1)
    speaker = Codes.of(f"s{number // 10}" for number in range(600))
    label = Codes.of(["no", "yes"][one] for one in drawn.integers(0, 2, 600))
    shares = [np.mean(label.codes[speaker.codes == one] == 0) for one in range(60)]
    assert max(shares) > 0.8  # there are some that look odd
    assert list(each("mood", speaker, label)) == list(overall("mood", speaker, label)) == []


def test_a_speaker_who_differs_is_told_with_counts_and_the_share_of_the_others():
    speaker = Codes.of(["ann"] * 20 + [f"s{number % 10}" for number in range(200)])
    label = Codes.of(["yes"] * 19 + ["no"] + [("yes", "no")[number // 10 % 2] for number in range(200)])
    (told,) = each("mood", speaker, label)
    assert (told.count, told.of) == (1, 11)
    assert told.examples[0].startswith("ann: 19 of 20 are yes, of the others 50% (p = ")


def test_two_odd_raters_are_both_told_and_nobody_else():
    counts = Counter({(rater, value): 25 for rater in "abcdef" for value in ("calm", "glad", "sad")})
    counts |= Counter({("x", "sad"): 75, ("y", "calm"): 70, ("y", "glad"): 5})
    (told,) = by_rater("mood", counts)
    assert (told.count, told.of) == (2, 8)
    assert {one.split(" (V")[0] for one in told.examples} <= {
        "x: sad in 100% of 75, the others in 29%",
        "x: sad in 100% of 75, the others in 33%",
        "y: calm in 93% of 75, the others in 29%",
        "y: calm in 93% of 75, the others in 33%",
    }
    assert {one[0] for one in told.examples} == {"x", "y"}
    del counts["x", "sad"], counts["y", "calm"], counts["y", "glad"]
    assert list(by_rater("mood", counts)) == []


def test_answers_that_many_give_are_lopsided_from_nine_tenths_on():
    assert [one.count for one in lopsided("mood", Codes.of(["a"] * 90 + ["b"] * 10))] == [90]
    assert list(lopsided("mood", Codes.of(["a"] * 89 + ["b"] * 11))) == []
    assert list(lopsided("mood", Codes.of(["a"] * 19))) == []


def test_a_modality_that_is_missing_by_chance_is_not_told():
    label = Codes.of(["sad"] * 6 + ["glad"] * 6)
    there = np.asarray([False] * 3 + [True] * 9)
    assert list(missing("mood", label, "audio", there, 0.001)) == []
    (told,) = missing("mood", Codes.of(["sad"] * 60 + ["glad"] * 60), "audio", np.repeat(there, 10), 0.001)
    assert (told.count, told.of) == (30, 120)
    assert told.examples == ("sad: missing in 50% of 60", "glad: missing in 0% of 60")
