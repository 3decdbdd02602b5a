"""`datasets` loads each configuration of a published folder, in memory and streaming, from the same files."""

import datasets
import numpy as np
import pytest
import yaml
from dataset_making import spoken, written

from dataset_cards.configurations import configurations
from pipelines.publishing.publish import publish
from schemas.features import list_of, value
from schemas.publication import About, Contents, Publication, SplitShare, StepUsed
from schemas.tally import Tally

HOW = Publication(splits="split", audit="skip")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("made")
    made = [
        spoken(place, "a", [(0, 1), (1, 2.5)], speaker="ann", extra={"split": "train"}),
        spoken(place, "b", [(0, 1)], seed=1, extra={"split": "test"}),
        written(place, "c", "வணக்கம்", language="ta", extra={"split": "train"}),
    ]
    answers = place / "answers.csv"
    answers.write_text("item,rater,question,value\na#0000,x,mood,good\na#0001,x,mood,bad\nc,x,mood,good\n")
    publish(made, HOW, str(place / "out"), about=About(name="x"), labels=answers, salt="a secret that is long enough")
    return place / "out"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return str(tmp_path / "cache")


def test_the_head_lists_them_and_the_card_tells_what_they_hold(folder):
    assert datasets.get_dataset_config_names(str(folder)) == [
        "default", "features", "text", "audio", "vision", "en", "ta",
    ]  # fmt: skip
    text = (folder / "README.md").read_text("utf-8")
    assert "| `ta` | every column, of the samples in this language | train 1 |" in text
    assert "| `en` | every column, of the samples in this language | train 2, test 1 |" in text
    assert (
        len({one["path"] for file in yaml.safe_load(text.split("---\n")[1])["configs"] for one in file["data_files"]})
        == 2
    )


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    ("name", "has", "lacks"),
    [
        ("default", {"audio", "text", "prosody", "mood"}, set()),
        ("features", {"text", "prosody", "dinov2", "mood", "sha256"}, {"audio"}),
        ("text", {"text", "words", "mood", "mood_votes", "present"}, {"audio", "prosody", "dinov2", "aligned"}),
        ("audio", {"audio", "prosody", "mood"}, {"text", "words", "dinov2"}),
        ("vision", {"dinov2", "mood"}, {"text", "audio", "prosody"}),
    ],
)
def test_columns(folder, cache, name, has, lacks, *, streaming):
    loaded = datasets.load_dataset(str(folder), name, streaming=streaming, cache_dir=cache)
    assert {*loaded} == {"train", "test"}
    columns = {*loaded["train"].column_names}
    assert columns >= has | {"id", "speaker", "start", "language"}
    assert not columns & lacks
    assert loaded["train"].features["mood"].names == ["bad", "good"]
    rows = list(loaded["train"])
    assert [row["id"] for row in rows] == ["a#0000", "a#0001", "c#0000"]
    if "audio" in has:
        decoded = rows[0]["audio"].get_all_samples()
        assert (decoded.sample_rate, tuple(decoded.data.shape)) == (16_000, (1, 16_000))
        assert np.abs(decoded.data.numpy()).max() > 0.1


@pytest.mark.parametrize("streaming", [False, True])
def test_languages(folder, cache, *, streaming):
    tamil = datasets.load_dataset(str(folder), "ta", streaming=streaming, cache_dir=cache)
    assert {*tamil} == {"train"}
    assert [(row["id"], row["text"]) for row in tamil["train"]] == [("c#0000", "வணக்கம்")]
    english = datasets.load_dataset(str(folder), "en", streaming=streaming, cache_dir=cache)
    assert [row["id"] for split in ("train", "test") for row in english[split]] == ["a#0000", "a#0001", "b#0000"]
    assert english["train"].features == datasets.load_dataset(str(folder), split="train", cache_dir=cache).features


def contents(**other):
    given = {
        "features": {"id": value("string"), "text": value("string")}, "recordings": 1, "forms": {}, "rows": 2,
        "seconds": 1.0, "languages": {}, "speakers": 0, "present": {}, "licences": {}, "consents": {}, "bytes": 1,
        "unpacked": {"train": 1}, "ungrouped": 0,
        "splits": (SplitShare(name="train", asked=1, rows=2, groups=1, seconds=1.0),),
    }  # fmt: skip
    return Contents(**(given | other))


def names(made, about=None):
    return [one["config_name"] for one in configurations(about or About(name="x"), made)]


def test_what_would_be_empty_or_the_whole_is_left_out():
    assert names(contents()) == ["default", "text"]
    assert names(contents(present={"text": 0})) == ["default"]
    one = Tally(rows=2)
    one.voices[("", "en")] = 2
    assert names(contents(tallies={"train": one})) == ["default", "text"]
    one.voices[("", "<script>")] = 2
    assert names(contents(tallies={"train": one})) == ["default", "text"]
    one.voices[("ann", "zh-TW")] = 2
    assert names(contents(tallies={"train": one})) == ["default", "text", "en", "zh-TW"]


def test_a_measurement_by_others_is_of_the_modality_it_is_made_from():
    track = {"times": list_of(value("float64")), "x": list_of(value("float32"))}
    features = {
        "id": value("string"),
        "words": list_of(value("string")),
        "gaze": track,
        "breath": track,
        "fusion": track,
    }
    steps = (
        StepUsed(key="gaze.v1", makes=("gaze",), reads=("faces", "frames")),
        StepUsed(key="breath.v1", makes=("breath",), reads=("audio",)),
        StepUsed(key="transcribe.v1", makes=("words",), reads=("audio", "voice")),
        StepUsed(key="fusion.v1", makes=("fusion",), reads=("audio", "frames")),
    )
    made = configurations(About(name="x", steps=steps), contents(features=features))
    assert {one["config_name"]: one.get("columns") for one in made} == {
        "default": None, "text": ["id", "words"], "audio": ["id", "breath"], "vision": ["id", "gaze"],
    }  # fmt: skip
