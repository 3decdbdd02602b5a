"""The question spec: what it allows, what it works out, and what it refuses."""

from pathlib import Path

import pytest

from pipelines.annotating.question_file import read_questions
from schemas.errors import RecipeError
from schemas.question import QuestionSpec, Scale

EVERY_KIND = """\
instructions: Judge what the speaker feels.
consent: Your answers are published without your name.
examples: [{text: Great., answer: positive, why: said with joy}]
questions:
  - id: sentiment
    kind: scale
    title: How does the speaker feel?
    show: [text, audio, silent-video, all]
    levels: {-1: negative, 0: neutral, 1: positive}
  - {id: sarcastic, kind: choice, choices: [{name: 'yes', hotkey: y}, {name: 'no', hotkey: n}]}
  - {id: why, kind: text, purpose: rationale, when: {question: sarcastic, is: 'yes'}, required: false}
  - {id: emotion, kind: choices, choices: [joy, anger, fear], intensity: [weak, medium, strong]}
  - {id: feeling, kind: choice, open: true}
  - {id: vad, kind: scale, range: [1, 9], measure: interval, dimensions: [valence, arousal, dominance]}
  - {id: said, kind: text, purpose: transcript}
  - {id: cue, kind: span, along: transcript, labels: [cue]}
  - {id: laugh, kind: span, along: timeline, labels: [laugh, sigh], show: audio}
  - {id: cause, kind: link}
  - {id: who, kind: region}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "questions.yaml"
    path.write_text(text, "utf-8")
    return path


def spec(folder: Path, *questions: str) -> QuestionSpec:
    return read_questions(written(folder, "questions:\n" + "\n".join(f"  - {{{one}}}" for one in questions)))


def refused(folder: Path, *questions: str) -> str:
    with pytest.raises(RecipeError) as caught:
        spec(folder, *questions)
    return str(caught.value)


@pytest.fixture
def every(tmp_path: Path) -> QuestionSpec:
    return read_questions(written(tmp_path, EVERY_KIND))


def test_every_kind_says_level_statistic_and_aggregation(every: QuestionSpec):
    assert {one.id: (one.level, one.used_statistic, one.used_aggregation) for one in every.questions} == {
        "sentiment": ("ordinal", "krippendorff", "median"),
        "sarcastic": ("nominal", "krippendorff", "majority"),
        "why": ("text", "wer", "keep-all"),
        "emotion": ("set", "masi", "majority"),
        "feeling": ("nominal", "krippendorff", "majority"),
        "vad": ("interval", "krippendorff", "mean"),
        "said": ("text", "wer", "keep-all"),
        "cue": ("spans", "unitizing", "keep-all"),
        "laugh": ("spans", "unitizing", "keep-all"),
        "cause": ("set", "link-f1", "majority"),
        "who": ("nominal", "krippendorff", "majority"),
    }


def test_a_question_has_a_column_for_each_view_and_the_fullest_has_the_plain_name(every: QuestionSpec):
    question = every.question("sentiment")
    assert [question.column(show) for show in question.shows] == [
        "sentiment_text", "sentiment_audio", "sentiment_silent_video", "sentiment",
    ]  # fmt: skip
    assert every.question("laugh").column("audio") == "laugh"


def test_single_modalities_come_before_everything(every: QuestionSpec):
    assert every.views == ("text", "audio", "silent-video", "all")
    assert [one.id for one in every.asked_in("audio")] == ["sentiment", "laugh"]


def test_levels_may_be_names_numbers_or_numbers_to_names(tmp_path: Path):
    made = spec(
        tmp_path,
        "id: a, kind: scale, levels: [low, high]",
        "id: b, kind: scale, levels: [-1, 0.5]",
        "id: c, kind: scale, levels: {3: low, 7: high}",
        "id: d, kind: scale, levels: [{value: 2, name: low, hotkey: 2}, {value: 4, name: high}]",
    )
    scales = [one for one in made.questions if isinstance(one, Scale)]
    assert [[(point.value, point.name) for point in one.levels] for one in scales] == [
        [(1, "low"), (2, "high")], [(-1, "-1"), (0.5, "0.5")], [(3, "low"), (7, "high")], [(2, "low"), (4, "high")],
    ]  # fmt: skip


def test_features_are_those_of_the_kind(every: QuestionSpec):
    number = {"dtype": "float64", "_type": "Value"}
    emotions = {"names": ["joy", "anger", "fear"], "_type": "ClassLabel"}
    assert every.question("emotion").features("emotion") == {
        "emotion": {"feature": emotions, "_type": "List"},
        "emotion_intensities": {"feature": number, "_type": "List"},
    }
    assert every.question("sarcastic").features("s") == {"s": {"names": ["yes", "no"], "_type": "ClassLabel"}}
    assert list(every.question("vad").features("vad")) == [
        "vad_valence", "vad_valence_spread", "vad_arousal", "vad_arousal_spread", "vad_dominance",
        "vad_dominance_spread",
    ]  # fmt: skip
    assert every.question("why").features("why") == {}


MOOD = "id: mood, kind: choice, choices: [sad, happy]"


@pytest.mark.parametrize(
    ("questions", "parts"),
    [
        ((MOOD, MOOD), ["questions.yaml:3: questions.1.id", "'mood' is already another question's"]),
        (("id: mood, kind: choise, choices: [a, b]",), [":2: questions.0.kind", "choise", "Did you mean choice?"]),
        (("id: mood, choices: [a, b]",), [":2: questions.0.kind: this field is missing; allowed: choice, choices"]),
        (("id: a, kind: scale, levels: {1: low, 0: high}",), [":2: questions.0.levels", "levels go up: 'high' (0)"]),
        (("id: a, kind: scale, levels: [low, low]",), ["questions.0.levels.1: 'low' is there twice"]),
        (("id: a, kind: scale, range: [5, 1]",), ["from low to high, not from 5 to 1"]),
        (("id: a, kind: scale",), ["either `levels` or a `range`"]),
        (("id: a, kind: scale, range: [-1, 1], measure: ratio",), ["below zero"]),
        (("id: a, kind: choice, choices: [yes, no]",), ["truth value; put the word in quotes"]),
        (("id: a, kind: choice, choices: [a]",), ["at least 2 choices"]),
        (("id: a, kind: choice, choices: ['a,b', c]",), ["a name has letters"]),
        (("id: a, kind: choice, choices: [b, c], coices: 3",), ["unknown field", "Did you mean choices?"]),
        (("id: a, kind: choices, choices: [b, c], most: 3",), ["2 choices are offered"]),
        (("id: 3rd, kind: text",), ["it names a column"]),
        (("id: text, kind: text",), ["a column 'text', which is another's"]),
        ((MOOD, "id: mood_votes, kind: text"), ["a column 'mood_votes', which 'mood' makes"]),
        (("id: why, kind: text, when: {question: mood, is: sad}", MOOD), ["'mood' is not asked before this one"]),
        ((MOOD, "id: why, kind: text, when: {question: mod, is: sad}"), ["'mod' is not there; allowed: mood"]),
        ((MOOD, "id: why, kind: text, when: {question: mood, is: [sad, mad]}"), ["'mad' is no answer of 'mood'"]),
        (("id: a, kind: text", "id: b, kind: text, when: {question: a, is: x}"), ["no named answers to depend on"]),
        (
            (MOOD, "id: why, kind: text, show: text, when: {question: mood, is: sad}"),
            ["'mood' is asked under all alone, this one under text"],
        ),
        (
            ("id: a, kind: choice, choices: [{name: b, hotkey: x}, {name: c, hotkey: x}]",),
            ["questions.0.choices.1.hotkey: the key 'x' already"],
        ),
        (("id: a, kind: choice, choices: [{name: b, hotkey: enter}, c]",), ["a hotkey is a letter or digit"]),
        (("id: a, kind: span, along: transcript, labels: [x], show: audio",), ["do not have the transcript"]),
        (("id: a, kind: region, show: text",), ["do not have the picture", "allowed: silent-video, all"]),
        (("id: a, kind: text, statistic: cohen",), ["for this kind of question, allowed: wer, cer, percent"]),
        (("id: a, kind: text, show: smell",), ["questions.0.show", "smell"]),
        (("3",), ["questions.0"]),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, questions: tuple[str, ...], parts: list[str]):
    said = refused(tmp_path, *questions)
    for part in parts:
        assert part in said, said


def test_the_same_key_on_different_screens_is_fine(tmp_path: Path):
    spec(
        tmp_path,
        "id: a, kind: choice, show: text, choices: [{name: b, hotkey: x}, c]",
        "id: d, kind: choice, show: audio, choices: [{name: e, hotkey: x}, f]",
    )


def test_a_file_without_questions_is_refused(tmp_path: Path):
    for text in ("", "questions: []", "instructions: x", "- a"):
        with pytest.raises(RecipeError, match="at least one question"):
            read_questions(written(tmp_path, text))


def test_the_spec_goes_through_json_unchanged(every: QuestionSpec):
    assert QuestionSpec.model_validate_json(every.model_dump_json(by_alias=True)) == every
