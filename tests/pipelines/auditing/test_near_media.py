"""Copies of clips among the samples of anybody's dataset, made by the real ffmpeg."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from copied_media import copy, film
from made_media import ffmpeg

from pipelines.auditing.audit import audit


def write(folder, medium, files):
    """files: id to path; the split is before the slash."""
    folder.mkdir(exist_ok=True)
    for split in sorted({name.partition("/")[0] for name in files}):
        rows = [
            {"id": name.partition("/")[2], medium: {"bytes": path.read_bytes(), "path": None}}
            for name, path in files.items()
            if name.startswith(f"{split}/")
        ]
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{split}.parquet")
    return folder


def near(report):
    assert "near-media" in report.checked
    return {
        (one.severity, example.partition(":")[0])
        for one in report.findings
        if one.check == "near-media"
        for example in one.examples
    }


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    return [film(folder / f"{seed}.mp4", seed) for seed in range(4)]


@pytest.mark.parametrize("variant", ["re-encoded", "sped-up", "silent"])
def test_a_video_encoded_anew_in_another_split_is_found_and_others_are_not(tmp_path, films, variant):
    copy(films[1], tmp_path / "copy.mp4", variant)
    files = {f"train/f{at}": path for at, path in enumerate(films)} | {"test/copy": tmp_path / "copy.mp4"}
    assert near(audit([str(write(tmp_path / "made", "video", files))])) == {("warning", "train/f1, test/copy")}


def test_a_copy_within_a_split_is_a_note(tmp_path, films):
    copy(films[1], tmp_path / "copy.mp4", "re-encoded")
    files = {f"train/f{at}": path for at, path in enumerate(films)} | {"train/copy": tmp_path / "copy.mp4"}
    assert near(audit([str(write(tmp_path / "made", "video", files))])) == {("note", "f1, copy")}


def test_a_picture_encoded_anew_is_found(tmp_path, films):
    files = {}
    for at, path in enumerate(films):
        ffmpeg("-i", path, "-frames:v", "1", tmp_path / f"{at}.png")
        files[f"train/f{at}"] = tmp_path / f"{at}.png"
    ffmpeg("-i", tmp_path / "2.png", "-vf", "scale=90:70", tmp_path / "copy.jpg")
    folder = write(tmp_path / "made", "image", files | {"test/copy": tmp_path / "copy.jpg"})
    assert near(audit([str(folder)])) == {("warning", "train/f2, test/copy")}


def test_what_cannot_be_decoded_is_no_copy_of_anything(tmp_path, films):
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(f"#EXTM3U\nfile:///etc/passwd\n{name}".encode())
    files = {"train/f0": films[0], "train/bad": tmp_path / "one", "test/bad": tmp_path / "two"}
    assert near(audit([str(write(tmp_path / "made", "video", files))])) == set()
