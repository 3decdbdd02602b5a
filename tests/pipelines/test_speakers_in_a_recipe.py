"""Two people in one clip: voices, faces and turns together, from the recipe to the row."""

import csv
import shutil
from pathlib import Path

import pytest

from extractors import voice_encoder, weights
from pipelines import work

DEMO = Path(__file__).parents[2] / "pipelines" / "demo"
RECIPE = """
name: two
sources: duo.mp4
segment: {by: turn, min_s: 0.5}
measure:
  speech: {model: tiny.en, language: en}
  faces: {fps: 5, max_faces: 2}
  speakers: {}
publish: {media: [], group_by: recording, splits: {all_of_it: 1.0}}
"""


def test_turns_are_those_of_the_voices_and_each_voice_has_its_face(tmp_path: Path):
    datasets = pytest.importorskip("datasets")
    for part in ("torch", "librosa", "faster_whisper", "mediapipe"):
        pytest.importorskip(part)
    if weights.find(voice_encoder.GE2E) is None:
        pytest.skip("pip install --no-deps Resemblyzer")
    shutil.copyfile(DEMO / "media" / "duo.mp4", tmp_path / "duo.mp4")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    tally = work.build(tmp_path / "recipe.yaml", str(tmp_path / "store"), workers=1)
    assert tally.exit_code == 0, tally.reasons
    work.publish(tmp_path / "recipe.yaml", str(tmp_path / "store"), tmp_path / "out")
    rows = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))["all_of_it"]
    with (DEMO / "truth.csv").open() as file:
        truth = [row for row in csv.DictReader(file) if row["recording"] == "duo" and row["what"] == "speech"]
    assert [row["speaker"] for row in rows] == [f"duo voice {number % 2}" for number in range(len(truth))]
    faces = {}
    for row, said in zip(rows, truth, strict=True):
        (turn,) = row["voices"]
        assert turn["start"] == pytest.approx(float(said["start_s"]), abs=0.3)
        assert turn["end"] == pytest.approx(float(said["end_s"]), abs=0.3)
        assert turn["face_id"] == row["face_id"]
        assert turn["face_score"] > 0.3
        faces.setdefault(said["who"], set()).add(turn["face_id"])
    assert [len(ids) for ids in faces.values()] == [1, 1]
    assert faces["clara"] != faces["ben"]
