"""CLIP from the recipe to the row: pictures, utterances and scores in one space, with a tiny random model."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from pipelines import work

pytest.importorskip("torch")
pytest.importorskip("transformers")

DEMO = Path(__file__).parents[2] / "pipelines" / "demo" / "media"
RECIPE = """
name: tiny
sources: sources.csv
segment: {by: subtitle}
measure:
  clip: {model: ./tiny, fps: 2, zero_shot: ["a happy face", "an empty street"], text: true, device: cpu}
align: {to: segment}
publish: {media: [], group_by: recording, splits: {all_of_it: 1.0}}
"""


def test_pictures_utterances_and_scores_reach_the_row(tmp_path: Path):
    from tiny_models import save_clip  # torch is needed to write it

    datasets = pytest.importorskip("datasets")
    save_clip(tmp_path / "tiny")
    shutil.copyfile(DEMO / "talk.mp4", tmp_path / "talk.mp4")
    shutil.copyfile(DEMO / "talk.srt", tmp_path / "talk.srt")
    shutil.copyfile(DEMO / "memo.jpg", tmp_path / "memo.jpg")
    (tmp_path / "sources.csv").write_text(
        "path,subtitles,text\ntalk.mp4,talk.srt,\nmemo.jpg,,The best coffee.\n", encoding="utf-8"
    )
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    tally = work.build(tmp_path / "recipe.yaml", str(tmp_path / "store"), workers=1)
    assert tally.exit_code == 0, tally.reasons
    work.publish(tmp_path / "recipe.yaml", str(tmp_path / "store"), tmp_path / "out")
    rows = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))["all_of_it"]
    assert len(rows) == 4
    memo, *talk = rows
    assert memo["clip"]["times"] == [0.0]
    for row in rows:
        vectors = np.array(row["clip"]["embedding"])
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
        assert vectors.shape[1] == len(row["aligned"]["clip_text"])
        scores = row["aligned"]["clip_scores"]
        assert scores["a happy face"] + scores["an empty street"] == pytest.approx(1, abs=1e-3)
    for row in talk:
        inside = np.array(row["clip"]["times"])
        assert (inside > row["start"] - 0.5).all()
        assert (inside < row["end"]).all()
