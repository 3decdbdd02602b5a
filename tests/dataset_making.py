"""Samples, sound and facts of recordings that were never made: what `publish` reads, with known truth."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
from recordings import FolderRecording

from schemas.facts import Facts, SoundStream
from schemas.source import Source

RATE = 16_000
WORD = pa.struct([("start", pa.float64()), ("end", pa.float64()), ("text", pa.string()), ("probability", pa.float32())])
PROSODY = pa.struct([("times", pa.list_(pa.float64())), ("f0_hz", pa.list_(pa.float32()))])
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("recording", pa.string()),
        ("index", pa.int64()),
        ("start", pa.float64()),
        ("end", pa.float64()),
        ("text", pa.string()),
        ("words", pa.list_(WORD)),
        ("language", pa.string()),
        ("speaker", pa.string()),
        ("prosody", PROSODY),
        ("dinov2", pa.struct([("values", pa.list_(pa.list_(pa.float32())))])),
        ("present", pa.struct([("text", pa.bool_()), ("prosody", pa.bool_())])),
    ]
)


def tone(seconds: float, seed: int) -> np.ndarray:
    """Noise that no other stretch of sound equals. int16[n] at 16 kHz."""
    return np.random.default_rng(seed).integers(-8000, 8000, round(seconds * RATE)).astype(np.int16)


def spoken(folder: Path, name: str, cuts: list[tuple[float, float]], *, seed: int = 0, **source) -> FolderRecording:
    """A recording with sound and a sample for each cut."""
    made = FolderRecording(folder / name, source=Source(id=name, uri=f"/home/somebody/{name}.wav", sha256="ab" * 32, **source))
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
            "dinov2": {"values": [[0.0, 1.0], [2.0, 3.0]]} if at == 0 else None,
            "present": {"text": True, "prosody": True},
        }
        for at, (start, end) in enumerate(cuts)
    ]
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), made.folder / "samples.parquet")
    return made


def written(folder: Path, name: str, text: str, **source) -> FolderRecording:
    """A text: one sample without times, sound or most columns."""
    made = FolderRecording(folder / name, source=Source(id=name, uri=None, text=text, sha256="cd" * 32, **source))
    made.write("facts", Facts(form="text"))
    row = {"id": f"{name}#0000", "recording": name, "index": 0, "start": None, "end": None, "text": text}
    row |= {"language": None, "present": {"text": True}}
    schema = pa.schema([*list(SCHEMA)[:6], ("language", pa.null()), ("present", pa.struct([("text", pa.bool_())]))])
    pq.write_table(pa.Table.from_pylist([row], schema), made.folder / "samples.parquet")
    return made
