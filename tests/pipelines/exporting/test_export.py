"""Every export, read back by who reads it in the field, with the numbers that were published."""

import csv
import io
import json
import math
import pickle
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import soundfile
from dataset_making import RATE, tone, written
from recordings import FolderRecording
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.exporting.export import export
from pipelines.exporting.features import hashed
from pipelines.exporting.published import open_published
from pipelines.exporting.timed import Tier, clock, tiers
from pipelines.publishing.publish import publish
from pipelines.watching import ffmpeg
from schemas.errors import StoreError, UsageError
from schemas.facts import Facts, SoundStream
from schemas.publication import About, Publication
from schemas.sample import SampleRows, present_names, sample_schema
from schemas.source import Source

FACE = ("pitch_deg", "yaw_deg", "roll_deg", "gaze_yaw_deg", "gaze_pitch_deg", "au12_proxy")
MEASURED = {"prosody": ("f0_hz", "intensity_db"), "faces": FACE}
SCHEMA = sample_schema(MEASURED, "word")
PRESENT = dict.fromkeys(present_names(MEASURED), True)
HOSTILE = 'She said: "<b>no</b> & --> yes"\x07 \u0b95\u0bbe'
NAMES = [f"talk.{number}" for number in range(12)]


def made(folder: Path, name: str, cuts: list[tuple[float, float]], seed: int) -> FolderRecording:
    recording = FolderRecording(folder / name, source=Source(id=name, uri=f"/x/{name}.wav", sha256=f"{seed:064x}"))
    length = max(end for _, end in cuts)
    soundfile.write(recording.folder / "audio.flac", tone(length, seed), RATE, subtype="PCM_16")
    sound = SoundStream(codec="pcm", rate_hz=RATE, channels=1)
    recording.write("facts", Facts(form="audio", duration_s=length, sound=sound))
    rows = [row(name, at, *cut, seed) for at, cut in enumerate(cuts)]
    recording.write("samples", SampleRows(pa.Table.from_pylist(rows, SCHEMA)))
    return recording


def row(name: str, at: int, start: float, end: float, seed: int) -> dict[str, Any]:
    middle = (start + end) / 2
    times = [start + 0.25 * step for step in range(round((end - start) / 0.25))]
    words = [(start, middle, "good"), (middle, end, HOSTILE if at == 0 else "bye")]
    angles = {key: [None, *([10.0 if key != "au12_proxy" else 0.5] * (len(times) - 1))] for key in FACE}
    return {
        "id": f"{name}#{at:04d}",
        "recording": name,
        "index": at,
        "start": start,
        "end": end,
        "text": f"good {HOSTILE if at == 0 else 'bye'}",
        "words": [{"start": a, "end": b, "text": c, "probability": 0.5, "interpolated": False} for a, b, c in words],
        "language": "en",
        "speaker": f"s{seed % 3}",
        "face_id": 1,
        "prosody": {"times": times, "f0_hz": [100.0 + seed] * (len(times) - 1) + [None], "intensity_db": times},
        "face": {"times": times, **angles},
        "aligned": {
            "start": [start, middle],
            "end": [middle, end],
            "prosody": {"f0_hz": [100.0 + seed, None], "intensity_db": [50.0, 51.0]},
            "face": {key: [10.0, 20.0] for key in FACE},
        },
        "present": PRESENT,
    }


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve recordings of two samples and a text; moods in words, valence in numbers."""
    folder = tmp_path_factory.mktemp("export")
    recordings = [made(folder, name, [(0.0, 2.0), (2.5, 5.0)], seed) for seed, name in enumerate(NAMES)]
    recordings.append(written(folder, "note", "a text"))
    answers = folder / "answers.csv"
    with answers.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["item", "rater", "question", "value"])
        for seed, name in enumerate(NAMES):
            for at in range(2):
                writer.writerow([f"{name}#{at:04d}", "r1", "mood", ("joy", "anger")[(seed + at) % 2]])
                writer.writerow([f"{name}#{at:04d}", "r1", "valence", (seed % 5) - 2])
    how = Publication(splits={"train": 0.4, "validation": 0.3, "test": 0.3}, group_by="recording", media=("audio",))
    publish(recordings, how, str(folder / "out"), about=About(name="x"), labels=answers, salt="s" * 16)
    return folder / "out"


def rows_of(dataset: Path) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in open_published(dataset).rows()}


def test_what_is_published_is_read_as_it_is(dataset: Path):
    data = open_published(dataset)
    assert list(data.splits) == ["train", "validation", "test"]
    assert data.labels == ("mood", "valence")
    assert {name: sorted(classes) for name, classes in data.classes.items()} == {"mood": ["anger", "joy"]}
    assert data.measured == ("prosody", "face")
    rows = rows_of(dataset)
    assert len(rows) == 25
    assert rows["talk.3#0001"]["mood"] == "joy"
    assert rows["talk.3#0001"]["valence"] == 1.0
    assert [len(rows) for _, rows in data.recordings()] == [2] * 12


def test_praat_reads_the_textgrid(dataset: Path, tmp_path: Path):
    import parselmouth
    from parselmouth.praat import call

    done = export(dataset, "textgrid", tmp_path / "out")
    assert (done.files, done.samples, done.left_out) == (12, 24, 1)
    grid = parselmouth.read(str(tmp_path / "out" / "talk.0.TextGrid"))
    names = [call(grid, "Get tier name", number + 1) for number in range(call(grid, "Get number of tiers"))]
    assert names == ["words", "samples", "speaker", "mood", "valence"]
    assert call(grid, "Get label of interval", 1, 2) == HOSTILE
    assert call(grid, "Get label of interval", 1, 3) == "", "between the samples"
    assert call(grid, "Get start time of interval", 2, 3) == 2.5
    assert call(grid, "Get end time of interval", 2, 3) == 5.0
    assert call(grid, "Get label of interval", 5, 1) == "-2"


def test_pympi_reads_the_elan_file(dataset: Path, tmp_path: Path):
    from pympi.Elan import Eaf

    export(dataset, "elan", tmp_path / "out")
    eaf = Eaf(str(tmp_path / "out" / "talk.0.eaf"))
    assert list(eaf.get_tier_names()) == ["words", "samples", "speaker", "mood", "valence"]
    assert eaf.get_annotation_data_for_tier("words")[1] == (1000, 2000, HOSTILE.replace("\x07", ""))
    assert eaf.get_annotation_data_for_tier("valence") == [(0, 2000, "-2"), (2500, 5000, "-2")]


def test_the_subtitles_are_read_back(dataset: Path, tmp_path: Path):
    from pipelines.segmenting.subtitle_files import read_subtitles

    for kind in ("srt", "vtt"):
        export(dataset, kind, tmp_path / kind)
        path = tmp_path / kind / f"talk.0.{kind}"
        cues = read_subtitles(path.read_bytes()).cues
        assert [(cue.start, cue.end) for cue in cues] == [(0, 2), (2.5, 5)]
        assert cues[1].text == "good bye"
    text = (tmp_path / "vtt" / "talk.0.vtt").read_text()
    assert '<v s0>good <00:00:01.000>She said: "&lt;b&gt;no&lt;/b&gt; &amp; → yes"' in text


def test_ffmpeg_reads_the_subtitles(dataset: Path, tmp_path: Path):
    for kind in ("srt", "vtt"):
        export(dataset, kind, tmp_path / kind)
        command = [str(ffmpeg.find()), "-v", "error", "-i", str(tmp_path / kind / f"talk.3.{kind}"), "-f", "srt", "-"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        cues = [cue.split("\n", 2) for cue in done.stdout.strip().split("\n\n")]
        assert [when for _, when, _ in cues] == [
            "00:00:00,000 --> 00:00:02,000", "00:00:02,500 --> 00:00:05,000"
        ]  # fmt: skip
        assert cues[1][2] == "good bye"
        assert cues[0][2].startswith('good She said: "')


@pytest.mark.filterwarnings("ignore")  # webdataset leaves files open
def test_webdataset_reads_the_tars(dataset: Path, tmp_path: Path):
    import webdataset

    done = export(dataset, "webdataset", tmp_path / "out")
    assert (done.files, done.samples, done.left_out) == (3, 25, 0)
    rows = rows_of(dataset)
    seen = {}
    for path in sorted((tmp_path / "out").glob("*.tar")):
        for sample in webdataset.WebDataset(str(path), shardshuffle=False).decode():
            one = rows[sample["json"]["id"]]
            assert sample["txt"] == one["text"]
            assert sample["json"]["split"] == path.name.split("-")[0]
            assert sample["json"]["prosody"] == one["prosody"]
            assert sample.get("flac") == (one["audio"]["bytes"] if one["audio"] else None)
            seen[sample["json"]["id"]] = sample["__key__"]
    assert sorted(seen) == sorted(rows)
    assert len(set(seen.values())) == len(seen)
    again = export(dataset, "webdataset", tmp_path / "again")
    assert again.files == 3
    first, second = ((tmp_path / name / "train-000000.tar").read_bytes() for name in ("out", "again"))
    assert first == second


def test_tars_end_where_they_are_full(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipelines.exporting.clips._SHARD_ROWS", 3)
    export(dataset, "webdataset", tmp_path / "out")
    names, ids = [], []
    for path in sorted((tmp_path / "out").glob("*.tar")):
        with tarfile.open(path) as tar:
            texts = [json.load(tar.extractfile(one) or io.BytesIO()) for one in tar if one.name.endswith(".json")]
        names.append(path.name)
        ids += [one["id"] for one in texts]
        assert 1 <= len(texts) <= 3
    assert sorted(ids) == sorted(rows_of(dataset))
    assert "train-000001.tar" in names


def test_lhotse_reads_the_manifests(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from lhotse import CutSet, RecordingSet, SupervisionSet
    from lhotse.qa import validate

    done = export(dataset, "lhotse", tmp_path / "out")
    assert (done.samples, done.left_out) == (24, 1)
    monkeypatch.chdir(tmp_path / "out")
    rows = rows_of(dataset)
    seen = set()
    for split in ("train", "validation", "test"):
        cuts = CutSet.from_manifests(
            recordings=RecordingSet.from_file(f"{split}_recordings.jsonl.gz"),
            supervisions=SupervisionSet.from_file(f"{split}_supervisions.jsonl.gz"),
        )
        for cut in cuts:
            validate(cut, read_data=True)
            [said] = cut.supervisions
            one = rows[said.id]
            sound, _ = soundfile.read(io.BytesIO(one["audio"]["bytes"]), dtype="float32")
            assert np.array_equal(cut.load_audio()[0], sound)
            assert (said.text, said.speaker, said.custom["mood"]) == (one["text"], one["speaker"], one["mood"])
            words = [(word.symbol, word.start, word.end) for word in said.alignment["word"]]
            half = (one["end"] - one["start"]) / 2
            assert words == [("good", 0.0, half), (one["words"][1]["text"], half, 2 * half)]
            seen.add(said.id)
    assert seen == {name for name in rows if name.startswith("talk")}


def test_datasets_reads_the_conversations(dataset: Path, tmp_path: Path):
    import datasets

    done = export(dataset, "chat", tmp_path / "out")
    assert (done.samples, done.left_out) == (24, 1)
    files = {split: str(tmp_path / "out" / f"{split}.jsonl") for split in ("train", "validation", "test")}
    lines = datasets.load_dataset("json", data_files=files, cache_dir=str(tmp_path / "cache"))
    rows = rows_of(dataset)
    told = {line["id"]: line["messages"] for split in lines.values() for line in split}
    assert len(told) == 48
    user, assistant = told["talk.3#0001/mood"]
    assert assistant["content"][0]["text"] == "joy"
    assert told["talk.3#0001/valence"][1]["content"][0]["text"] == "1"
    sound, said, asked = user["content"]
    assert (tmp_path / "out" / sound["audio"]).read_bytes() == rows["talk.3#0001"]["audio"]["bytes"]
    assert said["text"] == rows["talk.3#0001"]["text"]
    assert asked["text"].startswith("What is the mood? One of: ")


def test_openface_columns_under_their_usual_names(dataset: Path, tmp_path: Path):
    done = export(dataset, "openface", tmp_path / "out")
    assert (done.files, done.samples, done.left_out) == (12, 24, 1)
    with (tmp_path / "out" / "talk.0.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 7 + 9, "the first frame of each sample had no face"
    assert [int(line["frame"]) for line in lines] == list(range(1, 17))
    assert [float(line["timestamp"]) for line in lines][:2] == [0.25, 0.5]
    assert {float(line["AU12_r"]) for line in lines} == {2.5}
    assert {float(line["pose_Ry"]) for line in lines} == {round(math.radians(10), 4)}


def test_the_sdk_reads_the_computational_sequences(dataset: Path, tmp_path: Path):
    from mmsdk import mmdatasdk

    export(dataset, "csd", tmp_path / "out")
    names = {path.stem for path in (tmp_path / "out").iterdir()}
    assert names == {"face", "prosody", "words", "mood", "valence"}
    read = mmdatasdk.mmdataset({name: str(tmp_path / "out" / f"{name}.csd") for name in names})
    rows = rows_of(dataset)
    for seed, name in enumerate(NAMES):
        ours = [rows[f"{name}#{at:04d}"] for at in range(2)]
        prosody = read["prosody"][name]
        assert np.array_equal(prosody["intervals"][:, 0], [at for one in ours for at in one["prosody"]["times"]])
        assert np.allclose(np.diff(prosody["intervals"], axis=1), [[0.25]] * 7 + [[0.5]] + [[0.25]] * 10)
        wanted = np.array([value for one in ours for value in one["prosody"]["f0_hz"]], dtype=np.float32)
        assert np.array_equal(prosody["features"][:, 0], wanted, equal_nan=True)
        assert np.array_equal(read["valence"][name]["features"], [[seed % 5 - 2]] * 2)
        assert np.array_equal(read["valence"][name]["intervals"], [[0, 2], [2.5, 5]])
        assert [word.decode() for word in read["words"][name]["features"][:, 0]] == ["good", HOSTILE, "good", "bye"]
    classes = json.loads(read["mood"].metadata["dimension names"])
    assert [classes[int(one)] for one in read["mood"]["talk.3"]["features"][:, 0]] == ["anger", "joy"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("model", "aligned"), [("lf_dnn", False), ("ef_lstm", True)])
def test_mmsa_trains_on_the_pickle(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, model: str, aligned: bool
):
    import torch
    from MMSA import MMSA_run, get_config_regression

    export(dataset, "mmsa", tmp_path / "out", label="valence", aligned=aligned)
    monkeypatch.setattr(torch.cuda, "set_device", lambda _device: None)  # MMSA asks for it of a CPU too
    config = get_config_regression(model, "mosi")
    config["early_stop"], config["use_bert"], config["batch_size"] = 1, False, 64
    assert config["need_data_aligned"] == aligned
    places = {f"{kind}_dir": str(tmp_path / kind) for kind in ("model_save", "res_save", "log")}
    options: dict[str, Any] = {"seeds": [1], "gpu_ids": [], "num_workers": 0, "verbose_level": 0, **places}
    MMSA_run(model, "mosi", config=config, custom_feature=str(tmp_path / "out" / "features.pkl"), **options)
    [log] = (tmp_path / "log").glob("*.log")
    assert f"TRAIN-({model}) [1/2/1]" in log.read_text(), "a second epoch"
    assert f"TEST-({model})" in log.read_text()


@pytest.mark.parametrize("aligned", [False, True])
def test_the_pickle_holds_what_was_measured(dataset: Path, tmp_path: Path, *, aligned: bool):
    done = export(dataset, "mmsa", tmp_path / "out", aligned=aligned)
    assert (done.samples, done.left_out) == (24, 1)
    told = pickle.loads((tmp_path / "out" / "features.pkl").read_bytes())  # noqa: S301 - our own
    rows = rows_of(dataset)
    assert sorted(one for part in told.values() for one in part["id"]) == sorted(
        name for name in rows if "#" in name and "talk" in name
    )
    for split, part in told.items():
        assert part["text"].shape[1:] == (2, 300)
        assert part["audio"].shape[1:] == ((2, 2) if aligned else (10, 2))
        assert part["vision"].dtype == np.float32
        for place, name in enumerate(part["id"]):
            one = rows[name]
            assert one["split"] == {"valid": "validation"}.get(split, split)
            assert part["regression_labels"][place] == one["valence"]
            assert np.array_equal(part["text"][place, 0], hashed("good"))
            if not aligned:
                assert part["audio_lengths"][place] == len(one["prosody"]["times"])
                wanted = [0 if value is None else value for value in one["prosody"]["f0_hz"]]
                assert part["audio"][place, : len(wanted), 0].tolist() == wanted
                assert not part["audio"][place, len(wanted) :].any()
            else:
                assert part["audio"][place].tolist() == [[one["prosody"]["f0_hz"][0], 50.0], [0.0, 51.0]]


def test_a_words_hash_tells_it_from_others_and_is_of_length_one():
    vectors = {word: hashed(word) for word in ("good", "Good ", "bad", "\u0b95\u0bbe", "")}
    assert np.array_equal(vectors["good"], vectors["Good "])
    assert not np.array_equal(vectors["good"], vectors["bad"])
    assert all(np.linalg.norm(vector) == pytest.approx(float(bool(word))) for word, vector in vectors.items())


def test_samples_that_overlap_have_tiers_of_their_own():
    rows = [
        {"start": start, "end": start + 2.0, "text": str(start), "words": [], "speaker": None, "q": None}
        for start in (0.0, 1.0, 2.0, 3.0)
    ]
    assert tiers(rows, ["q"]) == [
        Tier("samples", ((0.0, 2.0, "0.0"), (2.0, 4.0, "2.0"))),
        Tier("samples 2", ((1.0, 3.0, "1.0"), (3.0, 5.0, "3.0"))),
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00:00.000"), (59.9996, "00:01:00.000"), (3725.5, "01:02:05.500")],
)
def test_clock(seconds: float, text: str):
    assert clock(seconds) == text


def test_the_command_says_what_was_written_and_what_was_left_out(dataset: Path, tmp_path: Path):
    out = tmp_path / "out"
    told = CliRunner().invoke(app, ["export", str(dataset), "--to", "srt", "--out", str(out)])
    assert told.exit_code == 0, told.output
    assert "24 samples in 12 files" in told.output
    assert "1 left out: no place on a clock" in told.output
    told = CliRunner().invoke(app, ["export", str(dataset), "--to", "srt", "--out", str(out)])
    assert isinstance(told.exception, UsageError)
    assert "holds something already" in str(told.exception)
    assert len(list(out.iterdir())) == 12


def test_wrong_use_is_told(dataset: Path, tmp_path: Path):
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="no published dataset"):
        export(tmp_path, "srt", out)
    with pytest.raises(UsageError, match="no format subrip"):
        export(dataset, "subrip", out)
    with pytest.raises(UsageError, match="mood is no numeric question") as told:
        export(dataset, "mmsa", out, label="mood")
    assert "valence" in told.value.do
    with pytest.raises(UsageError, match="no tokenizer at"):
        export(dataset, "mmsa", out, tokenizer=str(tmp_path / "nowhere"))
    assert not list(tmp_path.glob("*out*"))
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        export(dataset, "srt", tmp_path / "file" / "out")
