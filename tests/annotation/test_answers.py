"""Label Studio results and typed values: both ways, and what is refused."""

import json
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_studio_server import program
from question_specs import spec_of

from annotation.answer_check import check_value
from annotation.answers import Said, read_result
from annotation.interface import face_choices, interface, utterance_choices
from annotation.suggestions import write_result
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
    number_of,
    plain,
    value_json,
    value_of_json,
)

SPEC = spec_of()
TEXT = "Well \U0001f600 that was great, I mean great."
DATA = {
    "text": TEXT,
    "fps": 25.0,
    "utterances": utterance_choices([("talk#0000", "Hi"), ("talk#0001", "Ho"), ("talk#0002", TEXT)]),
    "faces": face_choices({0: "left", 2: "right"}),
}


def item(name, kind, value, to="video"):
    return {"id": "x", "from_name": name, "to_name": to, "type": kind, "value": value}


def chosen(name, *labels):
    return item(name, "choices", {"choices": list(labels)})


def read(*items, spec=SPEC, show="all", whole=False) -> Said:
    return read_result(spec, show, list(items), DATA, whole=whole)


def reasons(said: Said):
    return [(one.question, one.why) for one in said.bad]


words = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=8)


@st.composite
def stretches(draw, labels, seconds):
    """Distinct, in order."""
    most = 40 if seconds else len(TEXT)
    found = set()
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, most - 1))
        found.add((start, draw(st.integers(start + 1, most)), draw(st.sampled_from(labels))))
    ordered = sorted(found, key=lambda one: (one[0], one[1], labels.index(one[2])))
    if seconds:
        return tuple(Stretch(start=a / 25, end=b / 25, label=label) for a, b, label in ordered)
    return tuple(Stretch(start=a, end=b, label=label, text=TEXT[a:b]) for a, b, label in ordered)


@st.composite
def answered(draw):
    """A whole answer to every question, as a careful rater gives it."""
    emotions = draw(st.lists(st.sampled_from(["joy", "anger", "fear & awe"]), unique=True))
    emotions.sort(key=["joy", "anger", "fear & awe"].index)
    levels = st.sampled_from([1.0, 2.0, 3.0])
    values = {
        "sentiment": ScaleValue(number=draw(st.sampled_from([-1, 0, 1]))),
        "sarcastic": ChoiceValue(label=draw(st.sampled_from(["yes", "no"]))),
        "emotion": ChoicesValue(picked=tuple(Picked(label=one, intensity=draw(levels)) for one in emotions)),
        "feeling": ChoiceValue(label=draw(st.sampled_from(["calm", "tense"]) | words)),
        "themes": ChoicesValue(picked=tuple(Picked(label=one) for one in sorted(draw(st.sets(words, max_size=3))))),
        "vad": ScaleValue(dimensions={"valence": draw(st.integers(1, 9)), "arousal": draw(st.integers(1, 9))}),
        "percent": ScaleValue(number=draw(st.integers(0, 100))),
        "said": TextValue(text=draw(words)),
        "cue": SpanValue(unit="characters", stretches=draw(stretches(["cue", "filler"], seconds=False))),
        "laugh": SpanValue(unit="seconds", stretches=draw(stretches(["laugh", "sigh"], seconds=True))),
        "cause": LinkValue(targets=draw(st.sampled_from([(), ("talk#0000",), ("talk#0000", "talk#0002")]))),
        "who": RegionValue(faces=draw(st.sampled_from([(), (0,), (2,)]))),
    }
    if values["sarcastic"].label == "yes":
        values["why"] = TextValue(text=draw(words))
    return values


@given(answered())
def test_what_is_written_as_a_result_is_read_back(values):
    written = write_result(SPEC, "all", values, DATA, blind_too=True)
    assert read_result(SPEC, "all", written, DATA) == Said(values)


@given(answered())
def test_values_go_through_json_unchanged(values):
    for value in values.values():
        assert value_of_json(value_json(value)) == value


@settings(max_examples=30)
@given(stretches(["laugh", "sigh"], seconds=True), st.sampled_from([10.0, 24.0, 25.0, 29.97]))
def test_stretches_of_a_silent_video_move_by_less_than_a_frame(found, fps):
    data = {**DATA, "fps": fps}
    values = {"laugh": SpanValue(unit="seconds", stretches=found)}
    written = write_result(SPEC, "silent-video", values, data, blind_too=True)
    back = read_result(SPEC, "silent-video", written, data, whole=False).values["laugh"].stretches
    assert len(back) == len(found)
    for one in found:
        near = min(back, key=lambda other: (other.label != one.label, abs(other.start - one.start)))
        assert near.label == one.label
        assert abs(near.start - one.start) <= 0.5 / fps + 1e-6
        assert min(abs(other.end - one.end) for other in back) <= 1 / fps + 1e-6


def test_label_studio_finds_our_results_valid_and_a_bogus_one_not():
    values = {
        "sentiment": ScaleValue(number=1), "sarcastic": ChoiceValue(label="no"), "feeling": ChoiceValue(label="odd"),
        "emotion": ChoicesValue(picked=(Picked(label="fear & awe", intensity=2),)), "percent": ScaleValue(number=3),
        "vad": ScaleValue(dimensions={"valence": 3, "arousal": 9}), "said": TextValue(text="Hm"),
        "cue": SpanValue(unit="characters", stretches=(Stretch(start=0, end=4, label="cue"),)),
        "laugh": SpanValue(unit="seconds", stretches=(Stretch(start=0.4, end=1, label="sigh"),)),
        "cause": LinkValue(targets=("talk#0001",)), "who": RegionValue(faces=()),
    }  # fmt: skip
    asked = [(interface(SPEC, show), write_result(SPEC, show, values, DATA, blind_too=True)) for show in SPEC.views]
    asked.append((interface(SPEC, "all"), [chosen("sarcastic", "perhaps")]))
    check = (
        "import json, sys\nfrom label_studio_sdk.label_interface import LabelInterface\n"
        "print([LabelInterface(c).validate_annotation({'result': r}) for c, r in json.load(sys.stdin)])"
    )
    python = program().with_name("python")
    done = subprocess.run([python, "-c", check], input=json.dumps(asked), text=True, capture_output=True, check=False)
    assert done.stdout.strip() == "[True, True, True, True, False]", done.stderr


def test_offsets_of_a_browser_and_of_a_model_lead_to_the_same_words():
    start = TEXT.index("great")
    by_browser = {"start": start + 1, "end": start + 6, "text": "great", "labels": ["cue"]}
    by_model = {"start": start, "end": start + 5, "text": "great", "labels": ["cue"]}
    for value in (by_browser, by_model):
        said = read(item("cue", "labels", value, "transcript"))
        assert said.values["cue"].stretches == (Stretch(start=start, end=start + 5, label="cue", text="great"),)


def test_none_of_these_is_an_answer_and_no_answer_is_none():
    said = read(chosen("cause", "none"), chosen("who", "none"))
    assert said.values["cause"] == LinkValue(targets=())
    assert said.values["who"] == RegionValue(faces=())
    assert "cause" not in read().values


def test_nothing_chosen_is_an_answer_where_any_number_may_be():
    said = read_result(SPEC, "audio", [chosen("sentiment", "neutral")], DATA)
    assert said.values == {"sentiment": ScaleValue(number=0), "laugh": SpanValue(unit="seconds", stretches=())}


def test_what_a_hidden_question_still_held_is_no_answer():
    held = item("why", "textarea", {"text": ["because"]})
    assert "why" not in read(chosen("sarcastic", "no"), held).values
    assert read(chosen("sarcastic", "yes"), held).values["why"] == TextValue(text="because")


def test_a_required_question_without_an_answer_is_reported_and_an_optional_one_is_not():
    said = read(chosen("sarcastic", "yes"), whole=True)
    missing = [name for name, why in reasons(said) if why == "it is required and was not answered"]
    assert missing == ["sentiment", "why", "vad", "percent", "said", "cause", "who"]
    assert "why" not in dict(reasons(read(chosen("sarcastic", "no"), whole=True)))


@pytest.mark.parametrize(
    ("items", "question", "why"),
    [
        ([chosen("sarcastic", "perhaps")], "sarcastic", "'perhaps' is not offered; allowed: yes, no"),
        ([chosen("sarcastic", "yes", "no")], "sarcastic", "one choice is expected, found 'yes', 'no'"),
        ([chosen("sarcastic", "yes")] * 2, "sarcastic", "2 results of the control 'sarcastic'"),
        ([chosen("feeling", "calm"), item("feeling__other", "textarea", {"text": "odd"})], "feeling", "one choice"),
        ([chosen("sentiment", "great")], "sentiment", "expected one of negative, neutral, positive"),
        ([chosen("emotion", "joy"), chosen("emotion__joy", "mild")], "emotion", "expected one of weak, medium, strong"),
        ([item("percent", "number", {"number": 101})], "percent", "101 is not between 0 and 100"),
        ([item("percent", "number", {"number": 0.5})], "percent", "not in steps of 1 from 0"),
        ([item("percent", "number", {"number": "3"})], "percent", "expected a number"),
        ([item("percent", "number", {"number": True})], "percent", "expected a number"),
        ([chosen("vad__valence", "3")], "vad", "no answer for arousal"),
        ([chosen("cause", "talk#0009")], "cause", "no utterance of this task; offered: talk#0000"),
        ([chosen("cause", "none", "talk#0000")], "cause", "`none` stands beside other choices"),
        ([chosen("who", "0", "2")], "who", "one is expected, found 2"),
        ([item("cue", "labels", {"start": 0, "end": 4, "text": "Wall", "labels": ["cue"]})], "cue", "says 'Well'"),
        ([item("cue", "labels", {"start": 0, "end": 99, "labels": ["cue"]})], "cue", "cannot be placed"),
        ([item("cue", "labels", {"start": 0, "end": 4, "labels": ["nod"]})], "cue", "'nod' is not offered"),
        ([item("cue", "labels", {"start": 0, "end": 4})], "cue", "has no label"),
        ([item("laugh", "labels", {"start": 2, "end": 1, "labels": ["sigh"]})], "laugh", "cannot be placed"),
        ([item("laugh", "labels", {"labels": ["sigh"]})], "laugh", "cannot be placed"),
        ([item("said", "textarea", {"text": [3]})], "said", "expected text"),
        ([item("said", "textarea", {"text": "x" * 10_001})], "said", "10001 characters"),
        ([item("sarcastic", "rating", {"rating": 3})], "sarcastic", "type 'rating', expected 'choices'"),
        ([item("mood", "choices", {"choices": ["x"]})], "", "does not have the control 'mood'"),
        ([{"type": "relation", "from_id": "a", "to_id": "b"}], "", "a result of type 'relation'"),
        (["nonsense"], "", "a result of type None"),
        ([item("sarcastic", "choices", {"choices": "yes"})], "sarcastic", "expected a list of names"),
    ],
)
def test_a_bad_answer_is_reported_with_its_raw_result(items, question, why):
    said = read(*items)
    (bad,) = said.bad
    assert bad.question == question
    assert why in bad.why
    assert bad.raw == tuple(items)
    assert question not in said.values


def test_an_utterance_is_its_own_cause_only_where_that_may_be():
    spec = spec_of("questions: [{id: cause, kind: link, itself: false}]")
    data = {**DATA, "affectloom_id": "talk#0001~again1"}
    (bad,) = read_result(spec, "all", [chosen("cause", "talk#0001")], data).bad
    assert bad.why == "the utterance is linked to itself"
    assert not read_result(spec, "all", [chosen("cause", "talk#0000")], data).bad
    assert not read_result(
        spec_of("questions: [{id: cause, kind: link}]"), "all", [chosen("cause", "talk#0001")], data
    ).bad


def test_other_answers_of_the_same_result_are_kept():
    said = read(chosen("sarcastic", "perhaps"), chosen("sentiment", "negative"))
    assert said.values["sentiment"] == ScaleValue(number=-1)


def test_blind_questions_are_never_filled_in():
    spec = spec_of(
        "questions: [{id: a, kind: choice, choices: [b, c]}, {id: d, kind: choice, choices: [e, f], blind: false}]"
    )
    values = {"a": ChoiceValue(label="b"), "d": ChoiceValue(label="e")}
    assert [one["from_name"] for one in write_result(spec, "all", values, DATA)] == ["d"]


def test_a_suggestion_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="sarcastic: 'perhaps' is not offered"):
        write_result(SPEC, "all", {"sarcastic": ChoiceValue(label="perhaps")}, DATA)
    with pytest.raises(ValueError, match="no question 'mood'"):
        write_result(SPEC, "all", {"mood": ChoiceValue(label="x")}, DATA)
    assert check_value(SPEC.question("sarcastic"), TextValue(text="yes")) == "a text value answers a choice question"


def test_plain_values_stand_in_a_table_cell_as_they_are():
    assert plain(ChoiceValue(label="sad")) == "sad"
    assert plain(ScaleValue(number=-1)) == "-1"
    assert plain(ScaleValue(number=0.1234567891)) == "0.1234567891"
    assert number_of(ScaleValue(number=2)) == 2
    assert value_of_json(plain(RegionValue(faces=(1,)))) == RegionValue(faces=(1,))


def test_a_results_origin_and_score_do_not_matter():
    given = {**chosen("sarcastic", "no"), "origin": "prediction", "score": 0.7, "parentID": None}
    assert read(given).values == {"sarcastic": ChoiceValue(label="no")} | {
        "emotion": ChoicesValue(picked=()), "themes": ChoicesValue(picked=()),
        "cue": SpanValue(unit="characters", stretches=()), "laugh": SpanValue(unit="seconds", stretches=()),
    }  # fmt: skip
