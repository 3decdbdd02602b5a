"""Tables of published corpora become sources, answers, questions and a recipe that builds and publishes."""

import csv
import json
from pathlib import Path

import datasets
import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from pipelines import work
from pipelines.cli import app
from pipelines.importing.corpus import Corpus, write
from pipelines.importing.iemocap import iemocap
from pipelines.importing.label_csv import mosei
from pipelines.importing.meld import meld
from pipelines.importing.mustard import mustard
from pipelines.importing.plain import plain
from pipelines.publishing.mapped import read_map
from schemas.answer import Answer
from schemas.errors import RecipeError, SourceTableError, UsageError

HEAD = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\n"
TRAIN = (
    HEAD
    + '1,"Well, hello.",Ann,joy,positive,0,0,8,21,"00:16:16,059","00:16:21,731"\n'
    + '2,Go.,Ben,anger,negative,0,1,8,21,"00:16:22,000","00:16:23,000"\n'
    + '3,It rains.,Ann,neutral,neutral,0,3,8,21,"00:16:24,000","00:16:25,000"\n'
)
DEV = HEAD + '1,It rains.,Cid,sadness,negative,0,0,9,1,"00:00:01,000","00:00:02,000"\n'
SARCASM = {
    "1_60": {
        "utterance": "What a privilege.", "speaker": "ANN", "context": ["I know it.", "You do."],
        "context_speakers": ["BEN", "ANN"], "show": "BBT", "sarcasm": True,
    },
    "2_7": {
        "utterance": "It is late.", "speaker": "CID", "context": ["When?"], "context_speakers": ["DEE"],
        "show": "FRIENDS", "sarcasm": False,
    },
}  # fmt: skip


def files(folder: Path, **texts: str) -> list[Path]:
    for name, text in texts.items():
        (folder / name.replace("__", ".")).write_text(text, "utf-8")
    return [folder / name.replace("__", ".") for name in texts]


def tables(out: Path) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    found = []
    for name in ("sources.csv", "answers.csv"):
        with (out / name).open(newline="") as file:
            found.append(list(csv.DictReader(file)))
    return found[0], found[1]


def made(folder: Path, corpus: Corpus) -> datasets.DatasetDict:
    """The corpus written, built, published and loaded."""
    write(corpus, folder / "corpus")
    recipe = folder / "corpus" / "recipe.yaml"
    recipe.write_text(recipe.read_text() + ("" if corpus.has_splits else "publish: {splits: {train: 1}}\n"))
    assert work.build(recipe, str(folder / "store")).failed == set()
    work.publish(recipe, str(folder / "store"), folder / "out")
    return datasets.load_dataset(str(folder / "out"), cache_dir=str(folder / "cache"))


def named(dataset: datasets.Dataset, column: str) -> list[str | None]:
    names = dataset.features[column].names
    return [None if value is None else names[value] for value in dataset[column]]


def test_meld_as_texts_becomes_a_dataset_with_its_own_splits(tmp_path: Path):
    corpus = meld(files(tmp_path, train_sent_emo__csv=TRAIN, dev_sent_emo__csv=DEV), None)
    assert corpus.counts() == {
        "emotion": {"train": {"joy": 1, "anger": 1, "neutral": 1}, "dev": {"sadness": 1}},
        "sentiment": {"train": {"positive": 1, "negative": 1, "neutral": 1}, "dev": {"negative": 1}},
    }
    loaded = made(tmp_path, corpus)
    train = loaded["train"]
    assert set(loaded) == {"train", "dev"}
    assert train["recording"] == ["train_dia0_utt0", "train_dia0_utt1", "train_dia0_utt3"]
    assert named(train, "emotion") == ["joy", "anger", "neutral"]
    assert named(train, "sentiment") == ["positive", "negative", "neutral"]
    assert train["text"][0] == "Well, hello."
    assert train["context"][2] == ["train_dia0_utt0#0000", "train_dia0_utt1#0000"]
    assert (train["speaker"][1], train["turn"][2], train["dialogue"][0]) == ("Ben", 3, "train_dia0")
    assert train["extra"][1]["episode_start"] == "00:16:22,000"
    assert loaded["dev"]["context"] == [[]]


def test_meld_with_clips_names_each_clip(tmp_path: Path):
    (tmp_path / "clips" / "train_splits").mkdir(parents=True)
    given = files(tmp_path, meld_train_sent_emo__csv=TRAIN)
    write(meld(given, tmp_path / "clips"), tmp_path / "corpus")
    sources, _ = tables(tmp_path / "corpus")
    assert [row["path"] for row in sources] == [f"../clips/train_splits/dia0_utt{at}.mp4" for at in (0, 1, 3)]
    with pytest.raises(UsageError, match="no clips of dev"):
        meld(files(tmp_path, dev_sent_emo__csv=DEV), tmp_path / "clips")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("train.csv", HEAD.replace("Emotion", "Mood"), "no column 'Emotion'"),
        ("train.csv", TRAIN.replace(",anger,", ",rage,"), r"train\.csv:3: Emotion: found 'rage'"),
        ("train.csv", TRAIN.replace(",0,3,8", ",0,1,8"), r"train\.csv:4: dia0_utt1 is there already, in line 3"),
        ("train.csv", TRAIN.replace(",0,3,8", ",zero,3,8"), r"train\.csv:4: Dialogue_ID: found 'zero'"),
        ("train.csv", TRAIN.replace("Go.", ""), r"train\.csv:3: Utterance is empty"),
        ("some.csv", TRAIN, "does not say which split"),
        ("train_dev.csv", TRAIN, "does not say which split"),
    ],
)
def test_what_is_not_melds_table_is_told(tmp_path: Path, name: str, text: str, said: str):
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=said):
        meld([tmp_path / name], None)


def test_mustard_as_texts_keeps_what_led_to_each_utterance(tmp_path: Path):
    corpus = mustard(files(tmp_path, sarcasm_data__json=json.dumps(SARCASM)), None)
    assert corpus.counts() == {"sarcasm": {"train": {"yes": 1}, "test": {"no": 1}}}
    loaded = made(tmp_path, corpus)
    rows = {row["recording"]: row for split in loaded.values() for row in split}
    assert set(rows) == {"1_60", "1_60_c0", "1_60_c1", "2_7", "2_7_c0"}
    assert rows["1_60"]["context"] == ["1_60_c0#0000", "1_60_c1#0000"]
    assert [(rows[name]["speaker"], rows[name]["text"]) for name in ("1_60_c0", "1_60_c1")] == [
        ("BEN", "I know it."), ("ANN", "You do."),
    ]  # fmt: skip
    assert rows["1_60_c0"]["sarcasm"] is None
    assert {row["extra"]["part"] for name, row in rows.items() if "_c" in name} == {"context"}
    names = loaded["test"].features["sarcasm"].names
    assert {name: names[rows[name]["sarcasm"]] for name in ("1_60", "2_7")} == {"1_60": "yes", "2_7": "no"}


def test_mustard_with_clips_has_one_for_what_led_to_each(tmp_path: Path):
    write(mustard(files(tmp_path, sarcasm_data__json=json.dumps(SARCASM)), tmp_path), tmp_path / "corpus")
    sources, _ = tables(tmp_path / "corpus")
    assert [(row["id"], row["path"], row["turn"]) for row in sources] == [
        ("1_60_c", "../context_final/1_60_c.mp4", "0"),
        ("1_60", "../utterances_final/1_60.mp4", "2"),
        ("2_7_c", "../context_final/2_7_c.mp4", "0"),
        ("2_7", "../utterances_final/2_7.mp4", "1"),
    ]
    assert sources[0]["text"] == "BEN: I know it.\nANN: You do."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not valid JSON"),
        ("[]", "an object of items"),
        ('{"a": {"utterance": "x"}}', "a: needs utterance, speaker"),
        (json.dumps({"../a": SARCASM["2_7"]}), "cannot be an id"),
        (json.dumps({"a": SARCASM["2_7"] | {"sarcasm": "no"}}), "needs"),
        (json.dumps({"a": SARCASM["2_7"] | {"context": []}}), "0 sentences, 1 speakers"),
    ],
)
def test_what_is_not_mustards_table_is_told(tmp_path: Path, text: str, said: str):
    with pytest.raises(SourceTableError, match=said):
        mustard(files(tmp_path, data__json=text), None)


def test_a_label_of_each_modality_is_a_view_of_its_question(tmp_path: Path):
    text = (
        "video_id,clip_id,text,label,label_T,label_A,label_V,annotation,mode\n"
        "-3g5y,0,Fine.,0.6,-0.2,0.4,1.0,Positive,train\n"
        "-3g5y,1,No!,-0.8,-0.6,-1.0,0.0,Negative,test\n"
    )
    corpus = mosei(files(tmp_path, label__csv=text), None)
    loaded = made(tmp_path, corpus)
    row = loaded["test"][0]
    assert (row["sentiment"], row["sentiment_text"], row["sentiment_audio"], row["sentiment_silent_video"]) == (
        -0.8, -0.6, -1.0, 0.0,
    )  # fmt: skip
    assert corpus.questions[0]["range"] == [-1, 1]
    assert row["dialogue"] == "-3g5y"


def test_means_over_raters_are_labels_too(tmp_path: Path):
    text = "video_id,clip_id,text,label,label_T,annotation,mode\na,10,Fine.,2.3333333,,Positive,valid\n"
    corpus = mosei(files(tmp_path, label__csv=text), tmp_path / "Raw")
    assert corpus.questions[0]["range"] == [-3, 3]
    assert corpus.sources[0]["path"] == str(tmp_path / "Raw" / "a" / "10.mp4")
    loaded = made(tmp_path, mosei([tmp_path / "label.csv"], None))
    assert loaded["valid"][0]["sentiment"] == pytest.approx(2.3333333, abs=1e-5)
    with pytest.raises(SourceTableError, match="a label of 4"):
        mosei(files(tmp_path, label__csv=text.replace("2.3333333", "4")), None)


def test_any_table_with_raters_becomes_answers(tmp_path: Path):
    soundfile.write(tmp_path / "one.wav", np.random.default_rng(1).uniform(-0.2, 0.2, 16_000), 16_000)
    text = (
        "clip,file,who,mood,arousal,place\n"
        "one,one.wav,r1,sad,2.3333333333,home\none,one.wav,r2,sad,4,home\none,one.wav,r3,glad,3,home\n"
    )
    corpus = plain(files(tmp_path, t__csv=text), None, ["mood", "arousal"], key="clip", rater="who")
    assert len(corpus.sources) == 1
    loaded = made(tmp_path, corpus)
    (row,) = loaded["train"]
    assert (named(loaded["train"], "mood"), row["extra"]["place"]) == (["sad"], "home")
    assert row["arousal"] == pytest.approx((2.333333 + 4 + 3) / 3)
    assert len(row["mood_answers"]) == 3
    with pytest.raises(SourceTableError, match="one is there already"):
        plain([tmp_path / "t.csv"], None, ["mood"], key="clip")
    with pytest.raises(SourceTableError, match=r"no column 'mod'.*\n.*did you mean mood"):
        plain([tmp_path / "t.csv"], None, ["mod"], key="clip")


def test_a_table_of_times_and_labels_becomes_utterances_and_answers(tmp_path: Path):
    (tmp_path / "media").mkdir()
    soundfile.write(tmp_path / "media" / "-talk.wav", np.random.default_rng(1).uniform(-0.2, 0.2, 48_000), 16_000)
    text = (
        "video_id,clip,start_time,end_time,text,who,sentiment,split\n"
        "-talk,-talk[0],0,1.5,Hello,r1,2,train\n-talk,-talk[0],0,1.5,Hello,r2,3,train\n-talk,-talk[1],1.5,3,No,r1,-1,test\n"
        "lost,lost[0],0,1,Gone,r1,0,train\n"
    )
    given = files(tmp_path, t__csv=text)
    with pytest.raises(SourceTableError, match=r"u\.csv:3: start_time is empty"):
        plain(files(tmp_path, u__csv=text.replace("0,1.5,Hello,r2", ",1.5,Hello,r2")), tmp_path, ["sentiment"], "clip")
    with pytest.raises(UsageError, match="has times of utterances"):
        plain(given, None, ["sentiment"], key="clip", rater="who")
    corpus = plain(given, tmp_path / "media", ["sentiment"], key="clip", rater="who")
    assert corpus.counts() == {"sentiment": {"train": {"2": 1, "3": 1, "0": 1}, "test": {"-1": 1}}}
    write(corpus, tmp_path / "corpus")
    recipe = tmp_path / "corpus" / "recipe.yaml"
    assert work.build(recipe, str(tmp_path / "store")).failed == {"lost"}
    work.publish(recipe, str(tmp_path / "store"), tmp_path / "out")
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    found = [(row["utterance"], row["start"], row["end"], row["text"], row["sentiment"]) for row in loaded["train"]]
    assert found == [("-talk[0]", 0.0, 1.5, "Hello", 2.5)]
    assert loaded["test"]["utterance"] == ["-talk[1]"]


TURNS = """% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

[0.2500 - 1.5000]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]
C-E2:\tNeutral;\t()
C-E3:\tAnger; Frustration;\t()
C-F1:\tNeutral state;\t()
A-E3:\tval 3; act 2; dom  2;\t()
A-E4:\tval 2; act 3; dom  ;\t(unsure)
A-F1:\tval 3; act 2; dom  1;\t()

[1.4000 - 2.7500]\tSes01F_impro01_M000\txxx\t[3.0000, 3.0000, 3.0000]
C-E2:\tOther;\t(pensive)
C-E3:\tSadness;\t()
"""
SAID = """Ses01F_impro01_F000 [000.2500-001.5000]: Excuse me.
Ses01F_impro01_M000 [001.4000-002.7500]: Do you have your forms?
"""


def iemocap_folder(folder: Path, turns: str = TURNS) -> Path:
    dialog = folder / "IEMOCAP" / "Session1" / "dialog"
    for name in ("EmoEvaluation", "transcriptions", "wav"):
        (dialog / name).mkdir(parents=True)
    (dialog / "EmoEvaluation" / "Ses01F_impro01.txt").write_text(turns)
    (dialog / "EmoEvaluation" / "._Ses01F_impro01.txt").write_bytes(b"\x00\x05\x16\x07")
    (dialog / "transcriptions" / "Ses01F_impro01.txt").write_text(SAID)
    soundfile.write(dialog / "wav" / "Ses01F_impro01.wav", np.random.default_rng(1).uniform(-0.2, 0.2, 48_000), 16_000)
    return folder / "IEMOCAP"


def test_iemocap_keeps_its_raters_and_cuts_its_dialogues(tmp_path: Path):
    corpus = iemocap([iemocap_folder(tmp_path)], None)
    assert corpus.counts()["emotion"] == {"": {"neutral": 1, "anger|frustration": 1, "other": 1, "sadness": 1}}
    assert corpus.counts()["dominance"] == {"": {"2": 1}}
    write(corpus, tmp_path / "corpus")
    recipe = tmp_path / "corpus" / "recipe.yaml"
    assert "group_by: session" in recipe.read_text()
    assert work.build(recipe, str(tmp_path / "store")).failed == set()
    work.publish(recipe, str(tmp_path / "store"), tmp_path / "out")
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    first, second = sorted((row for split in loaded.values() for row in split), key=lambda row: row["index"])
    assert (first["utterance"], first["text"], first["speaker"]) == ("Ses01F_impro01_F000", "Excuse me.", "Ses01_F")
    assert (second["start"], second["end"], second["context"]) == (1.4, 2.75, [first["id"]])
    assert (first["valence"], first["activation"], first["dominance"]) == (2.5, 2.5, 2.0)
    assert (first["valence_self"], first["dominance_self"], second["valence"]) == (3.0, 1.0, None)
    assert len(first["emotion_answers"]) == 2
    assert first["extra"]["agreed"] == "neu"
    assert second["extra"]["agreed"] == "xxx"


@pytest.mark.parametrize(
    ("turns", "said"),
    [
        (TURNS.replace("Sadness;", "Gloom;"), r"Ses01F_impro01\.txt:13: found 'gloom'"),
        (TURNS.replace("[1.4000 - 2.7500]", "[soon]"), r"Ses01F_impro01\.txt:11: no turn"),
        ("% nothing\n", "no rater's answer"),
    ],
)
def test_what_is_not_iemocaps_file_is_told(tmp_path: Path, turns: str, said: str):
    with pytest.raises(SourceTableError, match=said):
        iemocap([iemocap_folder(tmp_path, turns)], None)
    with pytest.raises(UsageError, match="has no Session"):
        iemocap([tmp_path], None)


def test_labels_that_no_question_can_have_are_told(tmp_path: Path):
    given = files(tmp_path, t__csv="id,text,the mood\na,hi,sad\n", u__csv="id,text,mood\na,hi,sad: very\nb,ho,glad\n")
    with pytest.raises(UsageError, match=r"names a column.*found 'the mood'"):
        write(plain(given[:1], None, ["the mood"]), tmp_path / "a")
    with pytest.raises(UsageError, match=r"a name has letters.*found 'sad: very'"):
        write(plain(given[1:], None, ["mood"]), tmp_path / "b")


def test_nothing_is_overwritten_and_a_failure_writes_nothing(tmp_path: Path):
    given = files(tmp_path, train_sent_emo__csv=TRAIN)
    out = tmp_path / "corpus"
    out.mkdir()
    (out / "recipe.yaml").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        write(meld(given, None), out)
    assert [path.name for path in out.iterdir()] == ["recipe.yaml"]


def test_the_command_tells_the_counts(tmp_path: Path):
    files(tmp_path, train_sent_emo__csv=TRAIN)
    table = str(tmp_path / "train_sent_emo.csv")
    done = CliRunner().invoke(app, ["import", "meld", table, "--out", str(tmp_path / "a")])
    assert done.exit_code == 0
    assert "emotion, train: 3 (anger 1, joy 1, neutral 1)" in done.stdout
    told = CliRunner().invoke(app, ["import", "meld", table, "--out", str(tmp_path / "b"), "--json"])
    assert json.loads(told.stdout)["counts"]["emotion"] == {"train": {"joy": 1, "anger": 1, "neutral": 1}}
    wrong = CliRunner().invoke(app, ["import", "meld", table, "--out", str(tmp_path / "c"), "--question", "x"])
    assert isinstance(wrong.exception, UsageError)


MAP = "question,from,to\nemotion,joy,positive\nemotion,anger,negative\nemotion,sadness,negative\nemotion,neutral,\n"


def test_an_outside_set_is_mapped_and_kept(tmp_path: Path):
    corpus = meld(files(tmp_path, train_sent_emo__csv=TRAIN, dev_sent_emo__csv=DEV), None)
    write(corpus, tmp_path / "corpus")
    recipe = tmp_path / "corpus" / "recipe.yaml"
    recipe.write_text(
        "name: mapped\nsources: sources.csv\nsegment: {by: whole}\nask: q.yaml\nlabels: answers.csv\nmap: map.csv\n"
        "publish: {splits: split}\n"
    )
    (tmp_path / "corpus" / "q.yaml").write_text(
        "questions:\n- {id: emotion, kind: choice, choices: [negative, positive]}\n"
        "- {id: sentiment, kind: choice, choices: [negative, neutral, positive]}\n"
    )
    (tmp_path / "corpus" / "map.csv").write_text(MAP)
    work.build(recipe, str(tmp_path / "store"))
    work.publish(recipe, str(tmp_path / "store"), tmp_path / "out")
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert named(loaded["train"], "emotion") == ["positive", "negative", None]
    assert named(loaded["train"], "emotion_original") == ["joy", "anger", "neutral"]
    assert named(loaded["dev"], "emotion") == ["negative"]
    assert named(loaded["dev"], "emotion_original") == ["sadness"]
    assert named(loaded["train"], "sentiment") == ["positive", "negative", "neutral"]
    assert "sentiment_original" not in loaded["train"].features


def test_a_label_that_the_map_does_not_know_stops_the_publication(tmp_path: Path):
    (path,) = files(tmp_path, map__csv="from,to\nhappy,joy\n")
    table = read_map(path)
    answers = [Answer("a", "r", "q", value, None, f"t.csv, line {at}") for at, value in enumerate(["happy", "hapy"])]
    with pytest.raises(SourceTableError, match=r"line 1: q: 'hapy' \(is 'happy' meant\?\)"):
        table.apply(answers)
    now, before = table.apply(answers[:1])
    assert [(one.question, one.value) for one in (*now, *before)] == [("q", "joy"), ("q_original", "happy")]


@pytest.mark.parametrize(
    ("text", "said"),
    [("from,into\na,b\n", "no column 'to'"), ("from,to\n,b\n", "`from` is empty"), ("from,to\na,b\na,c\n", ":3: 'a'")],
)
def test_a_wrong_map_is_told(tmp_path: Path, text: str, said: str):
    with pytest.raises(SourceTableError, match=said):
        read_map(*files(tmp_path, map__csv=text))


def test_a_map_without_labels_is_a_mistake(tmp_path: Path):
    files(tmp_path, map__csv="from,to\na,b\n", r__yaml="name: n\nsources: x.txt\nmap: map.csv\n")
    with pytest.raises(RecipeError, match=r"r\.yaml:3: map: there are no labels"):
        work.load(tmp_path / "r.yaml")
