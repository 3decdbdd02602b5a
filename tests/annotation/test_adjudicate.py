"""Items in dispute go to another round, and come back."""

import pytest

from annotation.adjudicate import contested, is_tied, item_agreement, with_raters
from schemas.answer import Answer
from schemas.answer_value import ChoicesValue, ChoiceValue, Picked, ScaleValue, TextValue
from schemas.question import QuestionSpec

SPEC = QuestionSpec.model_validate(
    {
        "questions": [
            {"id": "mood", "kind": "choice", "choices": ["good", "bad", "so"]},
            {"id": "tags", "kind": "choices", "choices": ["a", "b", "c"]},
            {"id": "warmth", "kind": "scale", "range": [0, 10]},
            {"id": "note", "kind": "text"},
        ]
    }
)
MOOD, TAGS, WARMTH, NOTE = SPEC.questions


def label(name):
    return ChoiceValue(label=name)


def tags(names):
    return ChoicesValue(picked=tuple(Picked(label=name) for name in names))


def said(item, rater, name, question="mood", **more):
    return Answer(item, rater, question, name, None, "here", given=label(name), **more)


@pytest.mark.parametrize(
    ("names", "agreed", "tied"),
    [
        (["good", "good"], 1.0, False),
        (["good", "bad"], 0.0, True),
        (["good", "good", "bad"], 1 / 3, False),
        (["good", "good", "bad", "bad"], 1 / 3, True),
        (["good", "good", "good", "bad", "so"], 3 / 10, False),
    ],
)
def test_agreement_on_an_item_is_the_share_of_agreeing_pairs(names, agreed, tied):
    values = [label(name) for name in names]
    assert item_agreement(MOOD, values) == pytest.approx(agreed)
    assert is_tied(MOOD, values) is tied


def test_sets_agree_by_what_they_share():
    assert item_agreement(TAGS, [tags("ab"), tags("bc")]) == pytest.approx(1 / 3)
    assert item_agreement(TAGS, [tags(""), tags("")]) == 1
    assert item_agreement(TAGS, [tags("a"), tags("")]) == 0
    assert not is_tied(TAGS, [tags("a"), tags("b")])


def test_numbers_agree_by_their_distance():
    assert item_agreement(WARMTH, [ScaleValue(number=2), ScaleValue(number=7)]) == pytest.approx(0.5)
    three = [ScaleValue(number=number) for number in (0, 5, 10)]
    assert item_agreement(WARMTH, three) == pytest.approx(1 - (5 + 5 + 10) / 30)


def test_one_rater_and_texts_have_no_agreement():
    assert item_agreement(MOOD, [label("good")]) is None
    assert item_agreement(NOTE, [TextValue(text="a"), TextValue(text="b")]) is None


def test_ties_and_low_agreement_are_found_and_nothing_else():
    answers = [
        said("tied", "r1", "good"), said("tied", "r2", "bad"),
        said("low", "r1", "good"), said("low", "r2", "good"), said("low", "r3", "bad"),
        said("clear", "r1", "so"), said("clear", "r2", "so"),
        said("model", "r1", "so"), said("model", "m", "bad", origin="model"),
        said("alone", "r1", "bad"),
    ]  # fmt: skip
    found = {one.item: one for one in contested(answers, SPEC, 0.5)}
    assert set(found) == {"tied", "low"}
    assert found["tied"].why == {"mood": "tied"}
    assert found["low"].why == {"mood": "agreement 0.33"}
    assert found["low"].votes == {"mood": {"good": 2, "bad": 1}}
    assert found["low"].key == "low~round2"
    assert found["low"].asked == ("r1", "r2", "r3")


def test_an_item_goes_to_a_third_round_only_when_the_second_was_answered():
    answers = [said("x", "r1", "good"), said("x", "r2", "bad")]
    first, _ = with_raters(contested(answers, SPEC, 0.5), ["r1", "r2", "r3"])
    assert [(one.key, one.raters) for one in first] == [("x~round2", ("r3",))]
    assert contested(answers, SPEC, 0.5, first) == []
    answers.append(said("x", "r3", "so"))
    (third,) = contested(answers, SPEC, 0.5, first)
    assert third.key == "x~round3"
    assert contested([*answers[:2], said("x", "r3", "good")], SPEC, 0.3, first) == []


def test_what_went_to_experts_stays_there():
    answers = [said("x", "r1", "good"), said("x", "r2", "bad")]
    experts = contested(answers, SPEC, 0.5)
    assert contested([*answers, said("x", "r3", "so")], SPEC, 0.5, experts) == []


def test_other_raters_get_about_equally_many():
    answers = [said(f"i{at}", rater, name) for at in range(9) for rater, name in (("r1", "good"), ("r2", "bad"))]
    dealt, left = with_raters(contested(answers, SPEC, 0.5), ["r1", "r2", "r3", "r4", "r5"])
    assert not left
    assert sorted(rater for one in dealt for rater in one.raters) == ["r3"] * 3 + ["r4"] * 3 + ["r5"] * 3
    dealt, left = with_raters(contested(answers, SPEC, 0.5), ["r1", "r2"])
    assert (dealt, len(left)) == ([], 9)
