"""One sample as its page shows it: words, curves, faces and answers on the sample's own clock."""

import io
import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from dataset_cards.viewer.told import Boxes, Curve, Heat, Sample, Votes, Word
from pipelines.exporting.published import MEDIA
from pipelines.viewing.bands import bands, on_pictures
from pipelines.viewing.index import Index, shown

_BINS = 480
_MOST_POINTS = 1200
_CURVES = (("f0_hz", "pitch", "Hz"), ("intensity_db", "intensity", "dB"))
_BOX = ("box_left", "box_top", "box_width", "box_height")
_FACTS = ("recording", "dialogue", "turn", "face_chosen", "source", "licence", "consent", "sha256")
_IMAGES = ((b"\x89PNG", "image/png"), (b"\xff\xd8", "image/jpeg"), (b"GIF8", "image/gif"), (b"RIFF", "image/webp"))


def detail(index: Index, at: int) -> Sample:
    """Raises IndexError where there is no such sample."""
    row = index.whole(at)
    start = row["start"] or 0.0
    media = {name: medium_type(name, data) for name in MEDIA if (data := index.medium(at, name))}
    sound = index.medium(at, "audio")
    face, prosody = row.get("face"), row.get("prosody")
    measured = (name for name in index.published.measured if name != "speaker_embedding")
    vectors = next((name for name in measured if (row.get(name) or {}).get("embedding")), None)
    return Sample(
        brief=index.samples[at],
        text=row["text"] or "",
        words=words(row, start),
        media=media,
        waveform=waveform(sound) if sound else (),
        curves=curves(prosody, start) if prosody else (),
        bands=bands(row, start),
        units=action_units(face, start) if face else None,
        boxes=boxes(face, start) if face else None,
        likeness=likeness(vectors, row[vectors], start) if vectors else None,
        votes=tuple(votes(name, row) for name in index.asked),
        facts=tuple((name, str(row[name])) for name in _FACTS if row.get(name) not in (None, ""))
        + tuple((name, str(value)) for name, value in (row.get("extra") or {}).items() if value not in (None, ""))
        + on_pictures(row)
        + tuple(("doubt", str(one)) for one in row.get("doubts") or ()),
        absent=tuple(name for name, there in (row.get("present") or {}).items() if not there),
    )


def medium_type(name: str, data: bytes) -> str:
    """What a browser is told that the bytes are; never HTML or SVG, which could run."""
    if name == "image":
        return next((kind for begin, kind in _IMAGES if data.startswith(begin)), "application/octet-stream")
    return {"audio": "audio/flac", "video": "video/mp4"}[name]


def words(row: dict[str, Any], start: float) -> tuple[Word, ...]:
    """The transcript, from the sample's start; nothing where the text came without words."""
    return tuple(
        Word(one["text"], _since(one["start"], start), _since(one["end"], start), one.get("probability"))
        for one in row.get("words") or ()
    )


def _since(time: float | None, start: float) -> float | None:
    return None if time is None else round(time - start, 3)


def waveform(data: bytes) -> tuple[float, ...]:
    """The loudest value of each of 480 equal stretches; nothing where the sound cannot be read."""
    try:
        samples, _ = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        return ()
    return peaks(np.abs(samples).max(axis=1)) if len(samples) else ()


def peaks(loud: NDArray[np.float32]) -> tuple[float, ...]:
    """loud: float32[n], n at least 1, the size of each sound sample."""
    edges = np.linspace(0, len(loud), min(_BINS, len(loud)) + 1).astype(np.int64)[:-1]
    return tuple(round(float(value), 3) for value in np.minimum(np.maximum.reduceat(loud, edges), 1))


def curves(prosody: dict[str, Any], start: float) -> tuple[Curve, ...]:
    """Pitch and intensity, where they were measured."""
    every = _every(prosody["times"])
    times = _times(prosody["times"], start)
    return tuple(
        Curve(name, unit, times, _rounded(prosody[column][::every], 2))
        for column, name, unit in _CURVES
        if prosody.get(column)
    )


def _every(times: Sequence[float]) -> int:
    """Every so manieth point is shown: a screen has no more."""
    return max(1, math.ceil(len(times) / _MOST_POINTS))


def _times(times: Sequence[float], start: float) -> tuple[float, ...]:
    return tuple(round(time - start, 3) for time in times[:: _every(times)])


def _rounded(values: Sequence[float | None], digits: int) -> tuple[float | None, ...]:
    return tuple(None if value is None or not math.isfinite(value) else round(value, digits) for value in values)


def action_units(face: dict[str, Any], start: float) -> Heat | None:
    """Proxies of action units, in [0, 1], under the usual names: AU12."""
    every = _every(face["times"])
    rows = {
        f"AU{name[2:4]}": _rounded(face[name][::every], 2)
        for name in sorted(face)
        if name.startswith("au") and name.endswith("_proxy") and face[name]
    }
    seen = {name: row for name, row in rows.items() if any(value is not None for value in row)}
    return Heat(_times(face["times"], start), seen) if seen else None


def boxes(face: dict[str, Any], start: float) -> Boxes | None:
    """Where the sample's face is in the video."""
    if any(not face.get(name) for name in _BOX):
        return None
    every = _every(face["times"])
    found = zip(*(_rounded(face[name][::every], 4) for name in _BOX), strict=True)
    places = tuple(
        None if left is None or top is None or width is None or height is None else (left, top, width, height)
        for left, top, width, height in found
    )
    return Boxes(_times(face["times"], start), places) if any(places) else None


def likeness(name: str, track: dict[str, Any], start: float) -> Curve | None:
    """The cosine of each picture's vector with that of the first picture that has one."""
    every = _every(track["times"])
    vectors = [None if one is None else np.asarray(one, np.float64) for one in track["embedding"][::every]]
    first = next((one for one in vectors if one is not None), None)
    if first is None:
        return None
    values = [None if one is None else _cosine(first, one) for one in vectors]
    return Curve(name, "cosine", _times(track["times"], start), _rounded(values, 3))


def _cosine(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / size if size else math.nan


def votes(name: str, row: dict[str, Any]) -> Votes:
    """Answers to one question."""
    answers = tuple((str(one.get("rater")), said(one.get("value"))) for one in row.get(f"{name}_answers") or ())
    given = row.get(f"{name}_votes") or ()
    counts = tuple((shown(one["label"]), int(one["count"])) for one in given if {"label", "count"} <= one.keys())
    spread = row.get(f"{name}_spread")
    return Votes(
        question=name,
        label=said(row.get(name)),
        counts=counts,
        answers=answers,
        agreement=agreement([value for _, value in answers]) if name in row else None,
        spread=None if not isinstance(spread, float) or not math.isfinite(spread) else round(spread, 3),
        kept=name not in row,
    )


def said(value: object) -> str:
    """One person's answer in words; marked stretches one after the other."""
    if isinstance(value, list) and value and all(isinstance(one, dict) and "label" in one for one in value):
        return "; ".join(_stretch(one) for one in value)
    return shown(value)


def _stretch(one: dict[str, Any]) -> str:
    """A marked stretch: of the transcript with its words, of the timeline with its seconds."""
    label = one.get("label") or ""
    if one.get("text"):
        return f"{label}: “{one['text']}”"
    begins, ends = one.get("start"), one.get("end")
    return label if begins is None or ends is None else f"{label}: {begins:.2f} to {ends:.2f} s"


def agreement(answers: Sequence[str]) -> float | None:
    """The share of pairs of answers that are the same, as in Fleiss (1971); None for less than two answers."""
    pairs = [one == other for one, other in combinations(answers, 2)]
    return round(sum(pairs) / len(pairs), 3) if pairs else None
