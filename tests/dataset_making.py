"""Samples, sound and facts of recordings that were never made: what `publish` reads, with known truth."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import soundfile
from recordings import FolderRecording

from schemas.facts import Facts, SoundStream
from schemas.sample import SampleRows, present_names, sample_schema
from schemas.source import Source

RATE = 16_000
SCHEMA = sample_schema({"prosody": ("f0_hz",), "dinov2": ()}, "word")
ABSENT = dict.fromkeys(present_names({"prosody": (), "dinov2": ()}), False)


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def tone(seconds: float, seed: int) -> np.ndarray:
    """Noise that no other stretch of sound equals. int16[n] at 16 kHz."""
    return np.random.default_rng(seed).integers(-8000, 8000, round(seconds * RATE)).astype(np.int16)


def spoken(folder: Path, name: str, cuts: list[tuple[float, float]], *, seed: int = 0, **source) -> FolderRecording:
    """A recording with sound and a sample for each cut."""
    made = FolderRecording(
        folder / name, source=Source(id=name, uri=f"/home/somebody/{name}.wav", sha256=sha256_of(name), **source)
    )
    length = max(end for _, end in cuts)
    soundfile.write(made.folder / "audio.flac", tone(length, seed), RATE, subtype="PCM_16")
    made.write(
        "facts", Facts(form="audio", duration_s=length, sound=SoundStream(codec="pcm", rate_hz=RATE, channels=1))
    )
    rows = [
        {
            "id": f"{name}#{at:04d}",
            "recording": name,
            "index": at,
            "start": start,
            "end": end,
            "text": f"words of {name}, {at}",
            "words": [{"start": start, "end": end, "text": "word", "probability": 0.5}],
            "language": "en",
            "speaker": None,
            "prosody": {"times": [start, end], "f0_hz": [120.0, None]},
            "dinov2": {"times": [start, end], "embedding": [[0.0, 1.0], [2.0, 3.0]]} if at == 0 else None,
            "present": {**ABSENT, "text": True, "audio": True, "prosody": True, "dinov2": at == 0},
        }
        for at, (start, end) in enumerate(cuts)
    ]
    made.write("samples", SampleRows(pa.Table.from_pylist(rows, SCHEMA)))
    return made


def written(folder: Path, name: str, text: str, **source) -> FolderRecording:
    """A text: one sample without times, sound or most columns."""
    made = FolderRecording(folder / name, source=Source(id=name, uri=None, text=text, sha256=sha256_of(text), **source))
    made.write("facts", Facts(form="text"))
    row = {"id": f"{name}#0000", "recording": name, "index": 0, "text": text, "present": {"text": True}}
    # Another recipe's samples may lack columns, and know no type of those that are empty.
    kept = [SCHEMA.field(column) for column in ("id", "recording", "index", "start", "end", "text")]
    schema = pa.schema([*kept, ("language", pa.null()), ("present", pa.struct([("text", pa.bool_())]))])
    made.write("samples", SampleRows(pa.Table.from_pylist([row], schema)))
    return made
