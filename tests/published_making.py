"""A published dataset written by hand, with known values: three samples, one with a video, one hostile, one a text."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

TALK = Path(__file__).parents[1] / "pipelines" / "demo" / "media" / "talk.mp4"
HOSTILE = "</script><img src=x onerror='window.broken=1'> <b class=mark>bold</b> <!-- \u202e & ${title}"
CLASSES = ["anger", "joy"]
START = 10.0
WORDS = [("I", 0.1, 0.4), ("opened", 0.4, 0.9), ("morning", 1.2, 2.0)]


def sound() -> bytes:
    """Two seconds at 16 kHz; the second one is twice as loud."""
    out = io.BytesIO()
    loud = np.repeat([0.25, 0.5], 16_000) * np.sin(np.arange(32_000))
    soundfile.write(out, loud, 16_000, format="FLAC", subtype="PCM_16")
    return out.getvalue()


def sample(name: str, at: int, text: str, *, emotion: int | None, sentiment: float, **more) -> dict:
    votes = [{"label": "anger", "count": 1}, {"label": "joy", "count": 2}]
    answers = [{"rater": f"rater-{each}", "value": value} for each, value in enumerate(("joy", "joy", "anger"))]
    return {
        "id": f"{name}#{at:04d}", "recording": name, "index": at, "start": None, "end": None, "text": text,
        "words": None, "speaker": None, "language": "en", "video": None, "audio": None, "face": None,
        "prosody": None, "dinov2": None, "voices": None, "ocr": None,
        "present": {"text": True, "video": False}, "licence": "cc0-1.0",
        "emotion": emotion, "emotion_votes": votes, "emotion_answers": answers, "sentiment": sentiment,
        "sentiment_votes": None, "themes": [1, 0], "themes_answers": [],
        "why_answers": [], "moments_answers": [], **more,
    }  # fmt: skip


def talk() -> dict:
    times = [START + 0.5 * each for each in range(4)]
    return sample(
        "talk", 0, "I opened morning", emotion=1, sentiment=1.5, speaker="clara", start=START, end=START + 2,
        words=[{"start": START + at, "end": START + end, "text": word, "probability": 0.9} for word, at, end in WORDS],
        video={"bytes": TALK.read_bytes(), "path": "talk.mp4"}, audio={"bytes": sound(), "path": "talk.flac"},
        face={
            "times": times, "box_left": [0.25, 0.5, None, 0.5], "box_top": [0.25] * 4, "box_width": [0.5] * 4,
            "box_height": [0.5] * 4, "au12_proxy": [0.0, 1.0, None, 0.5],
        },
        prosody={"times": times, "f0_hz": [100.0, None, 200.0, 150.0], "intensity_db": [60.0, 61.0, 62.0, 63.0]},
        why_answers=[{"rater": "rater-1", "value": "because of <b>the letter</b>"}],
        moments_answers=[{"rater": "rater-1", "value": [
            {"label": "laugh", "start": 0.5, "end": 1.25, "text": None},
            {"label": "cause", "start": 2.0, "end": 8.0, "text": "opened"},
        ]}],
        dinov2={"times": [START, START + 1], "embedding": [[3.0, 0.0], [3.0, 4.0]]},
        voices=[
            {"start": START + at, "end": START + end, "voice": voice, "score": 0.9, "margin": 0.2, "overlap": both,
             "face_id": face, "face_score": 0.5}
            for at, end, voice, both, face in ((-1.0, 0.9, 3, 0.0, 1), (1.2, 2.5, 4, 0.4, None))
        ],
        ocr=[
            {"start": START + at, "end": START + end, "text": text, "confidence": 0.9, "frames": 2,
             "box": {"left": 0.1, "top": top, "width": 0.5, "height": 0.1}}
            for at, end, text, top in ((0.0, 1.5, "<u>Live</u>", 0.1), (0.5, 1.0, "Clara, at home", 0.8),
                (1.6, 2.0, "End", 0.1))
        ],
        present={"text": True, "video": True},
    )  # fmt: skip


def publish_by_hand(folder: Path) -> Path:
    """In two splits, `train` in two groups of rows."""
    hostile = sample("talk", 1, HOSTILE, emotion=0, sentiment=-2.0, speaker="<i>ben</i>", start=12.0, end=13.0)
    hostile["words"] = [{"start": 12.0, "end": 13.0, "text": HOSTILE, "probability": 0.1}]
    text = sample("letter", 0, "Nobody came. " + "a long way. " * 60, emotion=None, sentiment=-0.5)
    rows = [talk(), hostile, text]
    feature = {
        "emotion": {"_type": "ClassLabel", "names": CLASSES},
        "themes": {"_type": "List", "feature": {"_type": "ClassLabel", "names": ["home", "work"]}},
    }
    schema = pa.Table.from_pylist(rows).schema.with_metadata(
        {"huggingface": json.dumps({"info": {"features": feature}})}
    )
    (folder / "data").mkdir(parents=True)
    for split, kept in (("train", rows[:2]), ("test", rows[2:])):
        table = pa.Table.from_pylist(kept, schema)
        pq.write_table(table, folder / "data" / f"{split}-00000-of-00001.parquet", row_group_size=1)
    (folder / "manifest.json").write_text(json.dumps({"name": "by-hand", "version": "1.2.0"}))
    return folder
