"""Cells of a table as typed values."""

import json

import pytest
from question_specs import spec_of

from annotation.answer_check import Unfit
from annotation.answer_text import read_text
from schemas.answer_value import ChoicesValue, ChoiceValue, LinkValue, Picked, RegionValue, ScaleValue, TextValue, plain

SPEC = spec_of()


@pytest.mark.parametrize(
    ("question", "text", "value"),
    [
        ("sarcastic", "no", ChoiceValue(label="no")),
        ("feeling", "  quite   happy ", ChoiceValue(label="quite happy")),
        ("sentiment", "-1", ScaleValue(number=-1)),
        ("sentiment", "negative", ScaleValue(number=-1)),
        ("percent", "42", ScaleValue(number=42)),
        ("vad", '{"valence": 3, "arousal": 4}', ScaleValue(dimensions={"valence": 3, "arousal": 4})),
        ("themes", "work|home", ChoicesValue(picked=(Picked(label="home"), Picked(label="work")))),
        ("themes", "[]", ChoicesValue(picked=())),
        ("why", '{"a": 1}', TextValue(text='{"a": 1}')),
        ("cause", "talk#0000", LinkValue(targets=("talk#0000",))),
        ("cause", '["talk#0000", "talk#0001"]', LinkValue(targets=("talk#0000", "talk#0001"))),
        ("cause", "[]", LinkValue(targets=())),
        ("who", "2", RegionValue(faces=(2,))),
    ],
)
def test_a_cell_is_read_by_its_question(question, text, value):
    assert read_text(SPEC.question(question), text) == value
    assert read_text(SPEC.question(question), plain(value)) == value


@pytest.mark.parametrize(
    ("question", "text", "why"),
    [
        ("sarcastic", "maybe", "not offered; allowed: yes, no"),
        ("sentiment", "2", "2 is no level; allowed: -1, 0, 1"),
        ("sentiment", "nice", "neither a number nor a level; levels: negative, neutral, positive"),
        ("percent", "nan", "neither a number"),
        ("vad", "3", "a number for each of the dimensions"),
        ("vad", '{"valence": 3}', "no answer for arousal"),
        ("who", "left", "no region answer"),
        ("who", "[0, 1]", "one is expected, found 2"),
        ("cue", "0-4", "no span answer"),
        ("cue", json.dumps({"kind": "span", "unit": "characters", "stretches": [{"start": 1}]}), "no span answer"),
        ("emotion", "joy", "'joy' has no intensity"),
    ],
)
def test_a_cell_that_is_no_answer_says_why(question, text, why):
    with pytest.raises(Unfit, match="^.*" + why.replace("[", r"\[")):
        read_text(SPEC.question(question), text)
