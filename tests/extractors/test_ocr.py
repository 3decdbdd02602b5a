"""Text on the screen, from a film with captions and from a picture to the artifact and to the row."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from pictured_text import pictured
from PIL import Image
from recordings import FolderRecording

from extractors import weights
from extractors.ocr import Ocr, changed, is_a_shape
from extractors.text_reader import DETECTOR, Line
from pipelines import work
from schemas.facts import Facts, Watched
from schemas.screen_text import ScreenText

CAPTIONS = [("", 1.0), ("Where were you?", 2.0), ("At home, as always.", 1.5), ("", 1.0), ("1998", 1.5)]
RECIPE = """
name: seen
sources: sources.csv
segment: {by: window, window_s: 3.5}
measure:
  ocr: {fps: 4}
publish: {media: [], group_by: recording, splits: {all_of_it: 1.0}}
"""


class Scripted:
    """A reader that reads a given text, and counts how often it is asked."""

    def __init__(self, text: str, confidence: float) -> None:
        self.line = Line(text, (0.1, 0.2, 0.3, 0.4), confidence)
        self.asked = 0

    def lines(self, pixels):
        self.asked += 1
        return [self.line]


def film(path: Path) -> None:
    """The captions at the lower edge of a grey film with noise, 25 pictures a second."""
    draw = np.random.default_rng(0)
    pictures = []
    for text, seconds in CAPTIONS:
        drawn = pictured((text, (40, 290)), size=30, paper=40, picture=(480, 360)).astype(np.int16)
        noise = draw.integers(-3, 4, (round(seconds * 25), *drawn.shape))
        pictures += [(drawn + one).clip(0, 255).astype(np.uint8) for one in noise]
    command = "ffmpeg -v error -y -f rawvideo -pix_fmt rgb24 -s 480x360 -r 25 -i - -c:v libx264 -pix_fmt yuv420p"
    subprocess.run([*command.split(), str(path)], input=np.stack(pictures).tobytes(), check=True)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    datasets = pytest.importorskip("datasets")
    for part in ("onnxruntime", "cv2"):
        pytest.importorskip(part)
    if weights.find(DETECTOR) is None:
        pytest.skip("pip install --no-deps rapidocr")
    folder = tmp_path_factory.mktemp("ocr")
    film(folder / "film.mp4")
    meme = pictured(("When the tests pass", (20, 20)), ("the first time", (60, 250)), size=36, picture=(480, 320))
    Image.fromarray(meme).save(folder / "meme.png")
    (folder / "sources.csv").write_text("id,path\nfilm,film.mp4\nmeme,meme.png\n")
    (folder / "recipe.yaml").write_text(RECIPE)
    tally = work.build(folder / "recipe.yaml", str(folder / "store"), workers=1)
    assert tally.exit_code == 0, tally.reasons
    work.publish(folder / "recipe.yaml", str(folder / "store"), folder / "out")
    readme = (folder / "out" / "README.md").read_text()
    assert "`ocr`" in readme
    assert "text on the screen" in readme
    return datasets.load_dataset(str(folder / "out"), cache_dir=str(folder / "cache"))["all_of_it"]


def test_captions_are_read_once_with_their_times(rows):
    truth, at = [], 0.0
    for text, seconds in CAPTIONS:
        if text:
            truth.append((text, at, at + seconds))
        at += seconds
    found = {item["text"]: item for row in rows if row["recording"] == "film" for item in row["ocr"]}
    assert list(found) == [text for text, _, _ in truth]
    for text, start, end in truth:
        item = found[text]
        # Times are as exact as a quarter of a second.
        assert 0 <= item["start"] - start <= 0.25
        assert 0 <= item["end"] - end <= 0.25
        assert item["confidence"] > 0.8
        assert item["box"]["left"] == pytest.approx(40 / 480, abs=0.03)
        assert 0.75 < item["box"]["top"] < 0.85
        assert item["frames"] == pytest.approx(4 * (end - start), abs=1)


def test_a_segment_has_what_is_seen_during_it(rows):
    first, second = (row for row in rows if row["recording"] == "film")
    assert [item["text"] for item in first["ocr"]] == ["Where were you?", "At home, as always."]
    assert [item["text"] for item in second["ocr"]] == ["At home, as always.", "1998"]


def test_a_picture_has_its_text_without_times(rows):
    (meme,) = (row for row in rows if row["recording"] == "meme")
    assert [item["text"] for item in meme["ocr"]] == ["When the tests pass", "the first time"]
    assert all(item["start"] is None and item["end"] is None for item in meme["ocr"])


def look_at(folder: Path, reader, pictures, fps: float = 1.0, **how) -> FolderRecording:
    recording = FolderRecording(folder)
    looking = Ocr(fps=fps, **how).begin(recording, Facts(form="video"), reader)
    for at, picture in enumerate(pictures):
        looking.picture(at * 1_000_000, picture)
    looking.finish(Watched(duration_s=float(len(pictures)), frame_end_s=len(pictures) + 0.5))
    return recording


def test_a_picture_that_stays_the_same_is_read_once(tmp_path):
    draw = np.random.default_rng(1)
    still = draw.integers(0, 255, (90, 160, 3)).astype(np.int16)
    noisy = [(still + draw.integers(-4, 5, still.shape)).clip(0, 255).astype(np.uint8) for _ in range(3)]
    other = noisy[0].copy()
    other[40:50, 60:70] = 255
    reader = Scripted("words", 0.9)
    found = look_at(tmp_path / "a", reader, [*noisy, other]).read("ocr", ScreenText)
    assert reader.asked == 2
    assert (found.looks, len(found.items), found.items[0].end) == (4, 1, 4.5)


def test_changes_are_seen_wherever_they_are_and_other_shapes_are_changes():
    before = np.full((50, 70, 3), 100, np.uint8)
    for row, column in ((0, 0), (49, 69), (20, 33)):
        now = before.copy()
        now[max(row - 6, 0) : row + 6, max(column - 6, 0) : column + 6] = 200
        assert changed(before, now)
        assert changed(now, before)
    assert not changed(before, before + 4)
    assert changed(before, before[:40])


def test_what_is_read_with_little_confidence_is_left_out(tmp_path):
    blank = np.zeros((32, 32, 3), np.uint8)
    assert look_at(tmp_path / "a", Scripted("words", 0.59), [blank]).read("ocr", ScreenText).items == ()
    assert len(look_at(tmp_path / "b", Scripted("words", 0.6), [blank]).read("ocr", ScreenText).items) == 1
    kept = look_at(tmp_path / "c", Scripted("words", 0.2), [blank], min_confidence=0.1)
    assert len(kept.read("ocr", ScreenText).items) == 1


def test_a_letter_as_high_as_the_picture_is_a_shape_and_a_word_is_not():
    high, low = (0.2, 0.3, 0.6, 0.8), (0.2, 0.3, 0.6, 0.6)
    assert [is_a_shape(Line(text, box, 0.9)) for text in ("U", "66", "STOP") for box in (high, low)] == [
        True, False, True, False, False, False,
    ]  # fmt: skip


def test_shapes_are_left_out(tmp_path):
    reader = Scripted("U", 0.9)
    reader.line = Line("U", (0.1, 0.0, 0.9, 1.0), 0.9)
    blank = np.zeros((32, 32, 3), np.uint8)
    assert look_at(tmp_path / "a", reader, [blank]).read("ocr", ScreenText).items == ()


def test_without_pictures_nothing_is_said(tmp_path):
    recording = look_at(tmp_path / "a", Scripted("words", 0.9), [])
    assert recording.absences == {"ocr": "no picture could be decoded"}
