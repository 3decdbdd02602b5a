"""Answers to the questions of a spec, published and read back as users read them."""

import json
import re

import pyarrow.parquet as pq
import pytest
from asking_for_tests import built
from dataset_making import written
from question_specs import spec_of

from annotation.answered import table
from annotation.unitizing import unitizing_alpha
from pipelines import work
from pipelines.publishing.publish import publish
from schemas.answer import Answer
from schemas.answer_value import ChoiceValue, ScaleValue
from schemas.publication import About, Publication

SALT = "a secret that is long enough"
VALUES = {
    "sentiment": "positive",
    "sarcastic": "yes",
    "why": "it was said with a sigh",
    "emotion": '{"kind": "choices", "picked": [{"label": "fear & awe", "intensity": 3}]}',
    "feeling": "uneasy",
    "themes": "work|home",
    "vad": '{"valence": 3, "arousal": 7}',
    "percent": "40",
    "said": "words",
    "cue": json.dumps(
        {"kind": "span", "unit": "characters", "stretches": [{"start": 0, "end": 4, "label": "cue", "text": "word"}]}
    ),
    "laugh": '{"kind": "span", "unit": "seconds", "stretches": []}',
    "cause": "[]",
    "who": "[0]",
}


@pytest.fixture
def read(tmp_path, monkeypatch):
    """What was published of two texts, the first of which two raters answered every question about."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    datasets.disable_progress_bars()
    rows = [
        {"item": "one", "rater": rater, "question": question, "value": value}
        for rater in ("ann", "bob")
        for question, value in VALUES.items()
    ]
    rows.append({"item": "one", "rater": "ann", "question": "sentiment", "value": "-1", "shown": "text"})
    table = tmp_path / "answers.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    made = [written(tmp_path, name, f"words of {name}") for name in ("one", "two")]
    how = Publication(media=(), splits={"train": 1.0})
    publish(made, how, str(tmp_path / "out"), about=About(name="asked"), labels=table, spec=spec_of(), salt=SALT)
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    return datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))["train"], card


def test_every_kind_of_question_is_read_back(read):
    data, card = read
    one, two = sorted(data, key=lambda row: row["id"])
    assert data.features["sarcastic"].names == ["yes", "no"]
    assert data.features["emotion"].feature.names == ["joy", "anger", "fear & awe"]
    assert (one["sentiment"], one["sentiment_text"], one["sarcastic"]) == (1, -1, 0)
    assert (one["emotion"], one["emotion_intensities"]) == ([2], [3])
    assert (one["feeling"], sorted(one["themes"])) == ("uneasy", ["home", "work"])
    assert (one["vad_valence"], one["vad_arousal"], one["percent"]) == (3, 7, 40)
    assert (one["cause"], one["who"]) == ([], [0])
    assert {answer["value"] for answer in one["why_answers"]} == {"it was said with a sigh"}
    assert one["cue_answers"][0]["value"] == [{"start": 0, "end": 4, "label": "cue", "text": "word"}]
    assert one["laugh_answers"][0]["value"] == []
    assert "ann" not in {answer["rater"] for answer in one["said_answers"]}
    assert two["sentiment"] is None
    assert two["sentiment_answers"] is None or two["sentiment_answers"] == []
    told = "**`cause`**: answers 2, raters 2, samples 1, answers a sample 2. The aggregate is what more than half of"
    assert told in card
    assert "**`why`**" in card


def test_the_card_tells_the_unitizing_alpha_of_stretches(tmp_path):
    def stretch(start: int, end: int) -> str:
        one = {"start": start, "end": end, "label": "cue", "text": "words of one"[start:end]}
        return json.dumps({"kind": "span", "unit": "characters", "stretches": [one]})

    marks = {"one": {"ann": (0, 5), "bob": (0, 5)}, "two": {"ann": (0, 5), "bob": (6, 12)}}
    rows = [
        {"item": item, "rater": rater, "question": "cue", "value": stretch(*where)}
        for item, by in marks.items()
        for rater, where in by.items()
    ]
    (tmp_path / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    made = [written(tmp_path, name, f"words of {name}") for name in marks]
    about, how = About(name="asked"), Publication(media=(), splits={"train": 1.0})
    publish(made, how, str(tmp_path / "out"), about=about, labels=tmp_path / "answers.jsonl", spec=spec_of(), salt=SALT)
    both = {"ann": [(0, 5, "cue"), (12, 17, "cue")], "bob": [(0, 5, "cue"), (18, 24, "cue")]}
    alpha = unitizing_alpha(2 * len("words of one"), both)
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert re.search(rf"unitizing alpha[^|]*\| {alpha:.3f} ", card)


def test_answers_that_were_pulled_are_published_by_the_questions(tmp_path):
    home = built(tmp_path, name="pulled")
    value = ChoiceValue(label="positive")
    answer = Answer("talk#0000", "rater-x", "sentiment", "positive", None, "task 1", value, source="label-studio")
    model = Answer("talk#0000", "m", "intensity", "3", 3.0, "task 1", ScaleValue(number=3), origin="some-model")
    home.store.write(f"{home.folder}/answers.jsonl", table([answer, model]))
    work.publish(tmp_path / "recipe.yaml", str(tmp_path / "store"), tmp_path / "out", workers=1)
    rows = [row for path in (tmp_path / "out" / "data").iterdir() for row in pq.read_table(path).to_pylist()]
    assert {row["id"]: row["sentiment"] for row in rows if row["sentiment"] is not None} == {"talk#0000": 2}
    assert "intensity" not in rows[0]
