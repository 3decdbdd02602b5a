"""Columns of answers to the questions of a spec."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from annotation.assign import ROUND
from pipelines.annotating.answer_table import read_decisions
from pipelines.publishing.asked_answers import read_by, read_synonyms
from pipelines.publishing.labels import label
from pipelines.publishing.ranges import at_levels, ranges
from schemas.answer import Answer
from schemas.errors import SourceTableError
from schemas.features import arrow_schema
from schemas.question import QuestionSpec

SALT = b"a secret of at least sixteen bytes"
SAMPLES = {"talk": ["talk#0000", "talk#0001"], "alone": ["alone#0000"]}


def spec(*questions: str) -> QuestionSpec:
    return QuestionSpec.model_validate({"questions": [yaml.safe_load(f"{{{one}}}") for one in questions]})


def answers(question: str, *values: str, item="alone#0000", **facts):
    return [Answer(item, f"rater {at}", question, value, None, f"row {at}", **facts) for at, value in enumerate(values)]


def row(spec_, given_, **more):
    made = label(given_, SAMPLES, salt=SALT, spec=spec_, **more)
    # Whatever is published has to fit the schema that says so.
    for one in made.rows.values():
        pa.Table.from_pylist([{"id": "x", **one}], schema=arrow_schema(made.features).append(pa.field("id", "string")))
    return made.rows["alone#0000"], made


MOOD = "id: mood, kind: choice, choices: [sad, happy, calm]"


def test_a_choice_is_a_class_label_in_the_order_of_the_spec():
    found, made = row(spec(MOOD), answers("mood", "happy", "happy", "sad"))
    assert made.features["mood"]["names"] == ["sad", "happy", "calm"]
    assert found["mood"] == 1
    assert found["mood_votes"] == [{"label": "sad", "count": 1}, {"label": "happy", "count": 2}]
    assert sorted(one["value"] for one in found["mood_answers"]) == ["happy", "happy", "sad"]
    (told,) = made.questions
    assert told.aggregates == (("sad", 0), ("happy", 1), ("calm", 0))
    assert (told.items, told.answers, told.raters, told.tied) == (1, 3, 3, 0)


def test_a_tie_has_no_winner():
    found, made = row(spec(MOOD), answers("mood", "happy", "sad"))
    assert found["mood"] is None
    assert made.questions[0].tied == 1


def test_soft_labels_are_shares():
    found, _ = row(spec(MOOD + ", aggregate: soft"), answers("mood", "happy", "happy", "sad", "happy"))
    assert found["mood_soft"] == [{"label": "sad", "share": 0.25}, {"label": "happy", "share": 0.75}]


@pytest.mark.parametrize("how", ["dawid-skene", "mace"])
@pytest.mark.parametrize("more", ["", ", open: true"])
def test_a_model_of_raters_breaks_a_tie_by_who_is_reliable(more: str, how: str):
    # Ann and Bob agree on everything but one item, where Cid, who contradicts them elsewhere, takes Bob's side.
    said = {"ann": "shshshshs", "bob": "shshshshh", "cid": "hshshshhh"}
    words = {"s": "sad", "h": "happy"}
    samples = {f"i{at}": [f"i{at}#0000"] for at in range(9)}
    given_ = [
        Answer(f"i{at}#0000", rater, "mood", words[letter], None, "x")
        for rater, letters in said.items()
        for at, letter in enumerate(letters)
    ]
    made = label(given_, samples, salt=SALT, spec=spec(f"{MOOD}, aggregate: {how}{more}"))
    wanted = ["sad", "happy", "sad", "happy", "sad", "happy", "sad", "happy"]
    found = [made.rows[f"i{at}#0000"]["mood"] for at in range(8)]
    assert found == (wanted if more else [["sad", "happy"].index(one) for one in wanted])
    for one in made.rows.values():
        assert sum(share["share"] for share in one["mood_soft"]) == pytest.approx(1, abs=2e-4)
    assert how.split("-", maxsplit=1)[0] in made.questions[0].rule.lower()


def test_several_labels_need_more_than_half_and_intensities_are_means_of_those_who_chose():
    asked = spec("id: emotion, kind: choices, choices: [joy, anger, fear], intensity: [weak, strong]")
    joy = '{"label": "joy", "intensity": %d}'
    anger = '{"label": "anger", "intensity": 2}'
    form = '{"kind": "choices", "picked": [%s]}'
    found, made = row(
        asked, answers("emotion", form % (joy % 1), form % f"{joy % 2}, {anger}", form % anger, form % (joy % 2))
    )
    assert found["emotion"] == [0]
    assert found["emotion_intensities"] == [pytest.approx(5 / 3)]
    assert found["emotion_votes"] == [{"label": "joy", "count": 3}, {"label": "anger", "count": 2}]
    assert made.questions[0].tied == 1  # anger, by two of four
    assert {"labels": ["joy", "anger"], "intensities": [2.0, 2.0]} in [one["value"] for one in found["emotion_answers"]]


def test_nobody_chose_anything_is_an_empty_list_not_null():
    found, _ = row(spec("id: emotion, kind: choices, choices: [joy, anger]"), answers("emotion", "[]", "[]"))
    assert found["emotion"] == []


def test_an_ordinal_scale_has_a_median_and_an_interval_scale_a_mean():
    levels = "kind: scale, levels: {-1: low, 0: middle, 2: high}"
    both = spec(f"id: a, {levels}", f"id: b, {levels}, measure: interval")
    given_ = [*answers("a", "-1", "high", "high"), *answers("b", "low", "2", "2")]
    found, made = row(both, given_)
    assert found["a"] == 2
    assert found["b"] == 1
    assert found["b_spread"] == pytest.approx(3**0.5)
    assert [one.is_number for one in made.questions] == [True, True]


def test_dimensions_have_columns_of_their_own():
    asked = spec("id: va, kind: scale, range: [1, 9], measure: interval, dimensions: [valence, arousal]")
    found, made = row(asked, answers("va", '{"valence": 2, "arousal": 9}', '{"valence": 4, "arousal": 9}'))
    assert {name: found[name] for name in made.features if name != "va_answers"} == {
        "va_valence": 3, "va_valence_spread": pytest.approx(2**0.5), "va_arousal": 9, "va_arousal_spread": 0,
    }  # fmt: skip
    assert found["va_answers"][0]["value"].keys() == {"valence", "arousal"}


def test_spans_and_texts_are_kept_as_they_were_given():
    asked = spec("id: cue, kind: span, labels: [cue]", "id: why, kind: text")
    stretch = {"start": 0, "end": 4, "label": "cue", "text": "Well"}
    cue = json.dumps({"kind": "span", "unit": "characters", "stretches": [stretch]})
    found, made = row(asked, [*answers("cue", cue), *answers("why", "it said so")])
    assert [one["value"] for one in found["cue_answers"]] == [[stretch]]
    assert [one["value"] for one in found["why_answers"]] == ["it said so"]
    assert list(made.features) == ["cue_answers", "why_answers"]
    assert not any(one.is_number or one.names for one in made.questions)


def test_links_and_faces_are_those_of_more_than_half():
    asked = spec("id: cause, kind: link", "id: who, kind: region")
    found, _ = row(asked, [*answers("cause", "talk#0000", '["talk#0000", "talk#0001"]', "[]"), *answers("who", "2")])
    assert found["cause"] == ["talk#0000"]
    assert found["cause_votes"] == [{"label": "talk#0000", "count": 2}, {"label": "talk#0001", "count": 1}]
    assert found["who"] == [2]


def test_each_view_has_its_column():
    asked = spec("id: mood, kind: choice, show: [text, all], choices: [sad, happy]")
    found, _ = row(asked, [*answers("mood", "sad", shown="text"), *answers("mood", "happy")])
    assert (found["mood_text"], found["mood"]) == (0, 1)


def test_a_table_without_views_is_about_the_fullest():
    asked = spec("id: mood, kind: choice, show: [text, audio], choices: [sad, happy]")
    found, _ = row(asked, answers("mood", "sad"))
    assert found["mood"] == 0


def test_a_question_may_be_named_by_its_column():
    asked = spec("id: mood, kind: choice, show: [text, all], choices: [sad, happy]")
    found, _ = row(asked, [*answers("mood_text", "sad", shown="text"), *answers("mood", "happy")])
    assert (found["mood_text"], found["mood"]) == (0, 1)
    twice = [*answers("mood_text", "sad"), *answers("mood", "sad", shown="text")]
    with pytest.raises(SourceTableError, match="answered 'mood' for alone#0000 before"):
        row(asked, twice)


def test_models_drafts_and_skips_are_left_out():
    people = answers("mood", "sad")
    others = [
        Answer("alone#0000", "m", "mood", "happy", None, "x", origin="some-model"),
        Answer("alone#0000", "d", "mood", "happy", None, "x", state="draft"),
        Answer("alone#0000", "s", "mood", "", None, "x", state="skipped"),
    ]
    found, _ = row(spec(MOOD), [*people, *others])
    assert found["mood_votes"] == [{"label": "sad", "count": 1}]


def test_words_of_raters_are_grouped_and_kept(tmp_path: Path):
    table = tmp_path / "synonyms.csv"
    table.write_text("label,group,question\nglad,happy,\nJOYFUL,happy,\nblue,sad,mood\nblue,a colour,\n", "utf-8")
    asked = spec("id: mood, kind: choice, open: true, choices: [Happy, Calm]")
    given_ = answers("mood", "Glad", " joyful", "blue", "Happy", "calm", "odd  one")
    found, _ = row(asked, given_, group=read_synonyms(table))
    assert found["mood"] == "Happy"
    assert found["mood_votes"] == [
        {"label": "Happy", "count": 3}, {"label": "Calm", "count": 1}, {"label": "odd one", "count": 1},
        {"label": "sad", "count": 1},
    ]  # fmt: skip
    assert {one["value"] for one in found["mood_answers"]} >= {"Glad", "blue"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("label,groop\na,b\n", "no column 'group'"),
        ("label,group\na,\n", "line 2: label or group is empty"),
        ("label,group\na,b\nA,c\n", "line 3: 'a' is already in the group 'b'"),
    ],
)
def test_a_bad_table_of_synonyms_is_refused(tmp_path: Path, text: str, why: str):
    path = tmp_path / "synonyms.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(SourceTableError, match=why):
        read_synonyms(path)
    with pytest.raises(SourceTableError, match="cannot be read"):
        read_synonyms(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("given_", "why"),
    [
        (answers("mood", "happy", "hapy"), "row 1: mood: 'hapy' is not offered; allowed: sad, happy, calm"),
        (answers("mod", "sad"), "no question 'mod'; did you mean mood"),
        (answers("mood", "sad", shown="text"), "row 0: 'mood' is not asked under 'text'"),
    ],
)
def test_what_does_not_fit_is_listed(given_, why: str):
    with pytest.raises(SourceTableError, match=why):
        read_by(spec(MOOD), given_)


def test_a_column_of_the_dataset_is_not_overwritten():
    with pytest.raises(SourceTableError, match="the column 'mood_votes' twice"):
        label(answers("mood", "sad"), SAMPLES, salt=SALT, spec=spec(MOOD), taken={"mood_votes"})


@given(st.lists(st.sampled_from(["sad", "happy", "calm"]), min_size=1, max_size=9), st.randoms())
def test_neither_the_order_of_answers_nor_raters_names_matter(values, chance):
    given_ = answers("mood", *values)
    shuffled = list(given_)
    chance.shuffle(shuffled)
    (one, _), (other, _) = row(spec(MOOD), given_), row(spec(MOOD), shuffled)
    assert one == other
    assert sum(vote["count"] for vote in one["mood_votes"]) == len(values)


@pytest.mark.parametrize("how", ["majority", "soft", "dawid-skene", "mace"])
def test_an_experts_decision_is_the_label_and_says_so(how: str):
    asked = spec(f"{MOOD}, aggregate: {how}")
    voted = answers("mood", "happy", "sad")
    first, second = answers("mood", "happy", "calm")
    found, made = row(asked, voted, decided=[(2, first), (3, second)])
    assert found["mood"] == 2  # calm: the last round's
    assert [(one["round"], one["value"]) for one in found["mood_decided"]] == [(2, "happy"), (3, "calm")]
    assert found["mood_votes"] == [{"label": "sad", "count": 1}, {"label": "happy", "count": 1}]
    assert len(found["mood_answers"]) == 2
    assert not {one["rater"] for one in found["mood_decided"]} & {first.rater, second.rater}
    assert made.questions[0].aggregates == (("sad", 0), ("happy", 0), ("calm", 1))
    assert "mood_decided" not in row(asked, voted)[0]


def test_decisions_are_those_of_experts_in_their_rounds(tmp_path):
    table = tmp_path / "adjudicated.jsonl"
    common = {"item": "alone#0000", "question": "mood", "value": "sad", "votes": {"sad": 1}}
    rows = [
        {**common, "rater": "eva", "round": f"alone#0000{ROUND}3", "expert": True},
        {**common, "rater": "ben", "round": f"alone#0000{ROUND}2", "expert": False},
    ]
    table.write_text("".join(json.dumps(one) + "\n" for one in rows), "utf-8")
    assert [(number, one.rater, one.value) for number, one in read_decisions(str(table))] == [(3, "eva", "sad")]


def test_agreement_is_told_for_each_column():
    given_ = [
        *answers("mood", "happy", "happy", item="alone#0000"),
        *answers("mood", "sad", "happy", item="talk#0000"),
        *answers("mood", "sad", "sad", item="talk#0001"),
    ]
    _, made = row(spec(MOOD), given_)
    (told,) = made.questions
    named = {one.name: one for one in told.agreement}
    # Coincidences by hand: sad-sad 2, happy-happy 2, sad-happy 2; alpha = 1 - 5 * 2 / (2 * 3 * 3).
    assert named["Krippendorff's alpha, nominal"].value == pytest.approx(1 - 5 * 2 / 18)
    assert named["percent agreement"].value == pytest.approx(2 / 3)
    assert (told.agreement[0].items, told.agreement[0].raters) == (3, 2)
    assert all(one.interval is not None for one in told.agreement)


def test_agreement_is_told_for_each_dimension_and_not_where_none_is_wanted():
    affect = "id: affect, kind: scale, measure: interval, range: [1, 9], dimensions: [{id: valence}, {id: arousal}]"
    values = [json.dumps({"valence": one, "arousal": 10 - one}) for one in (2, 7)]
    given_ = [*answers("affect", *values), *answers("affect", *values, item="talk#0000")]
    _, made = row(spec(affect), given_)
    assert [one.name for one in made.questions] == ["affect_valence", "affect_arousal"]
    assert {one.agreement[0].name for one in made.questions} == {"Krippendorff's alpha, interval"}
    _, made = row(spec(affect + ", agreement: false"), given_)
    assert [one.agreement for one in made.questions] == [(), ()]


def test_one_rater_has_no_agreement_and_the_reason_is_told():
    _, made = row(spec(MOOD), answers("mood", "happy"))
    assert {(one.value, one.interval, one.why) for one in made.questions[0].agreement} == {
        (None, None, "only one rater")
    }


def test_means_are_counted_at_the_nearest_level_and_ranges_hold_every_number():
    assert at_levels([-2.3333, 0.5, 1.0, 3.0], [-3, -2, -1, 0, 1, 2, 3]) == (
        ("-3", 0), ("-2", 1), ("-1", 0), ("0", 1), ("1", 1), ("2", 0), ("3", 1),
    )  # fmt: skip
    assert ranges([0.0, 1.0, 2.0, 10.0]) == (("0 to 2", 2), ("2 to 4", 1), ("4 to 6", 0), ("6 to 8", 0), ("8 to 10", 1))
