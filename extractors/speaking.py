"""Which face speaks: the one whose mouth moves while a voice is heard, in competition with the other faces.

Movement of the mouth against voice activity, the plain form of active speaker detection (Cutler & Davis 2000, ICME,
589-592, use the correlation of both). No picture and no sound is looked at again. It cannot tell a speaker from
somebody who chews or laughs while a person out of the picture speaks.
"""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from extractors.voice_activity import VoiceActivity
from schemas.clock import MICROSECONDS_PER_SECOND, Microseconds, to_us, to_us_array
from schemas.errors import MeasurementError
from schemas.faces import Faces
from schemas.faces_file import FacesFile
from schemas.speaking import Speaking
from schemas.step import Needs, Recording, Step
from schemas.transcript import VoiceActivity as Voice

WINDOW_S: Final = 1.0
"""Movement and voice are looked at in so much time around each frame: three to five syllables."""
STILL: Final = 0.01
"""Standard deviation of `mouth_open` at which movement counts half. In clips we tried speakers have 0.02 to 0.06,
still faces 0.0005 to 0.003."""
_LEAST_FRAMES: Final = 4
_ROWS_AT_ONCE: Final = 4096
_SURE_ENOUGH: Final = 0.3


class SpeakingFace(Step):
    """For every face and frame a score in [0, 1] that this face is the one heard."""

    key: ClassVar[str] = "speaking-face.mouth-movement.v1"
    reads: ClassVar[tuple[str, ...]] = ("faces", "voice")

    @property
    def makes(self) -> tuple[str, ...]:
        """The `speaking` artifact, schemas.speaking.Speaking."""
        return ("speaking",)

    @property
    def needs(self) -> Needs:
        """One core, for moments."""
        return Needs(memory_mb=300, batch=16)

    def requires(self) -> tuple[Step, ...]:
        """Voice activity. Faces are as the recipe asks for them."""
        return (VoiceActivity(),)

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        """Read faces and voice, write scores."""
        for recording in recordings:
            voice = recording.read("voice", Voice)
            with recording.open("faces", FacesFile) as file:
                if "mouth_open" not in file.columns:
                    raise MeasurementError(
                        "the faces of this recording tell nothing of the mouth, so nobody can be said to speak",
                        do="measure faces with a step that gives `mouth_open`, as `faces` does",
                    )
                faces = file.with_columns(("mouth_open",))
            recording.write("speaking", speaking_scores(faces, [(span.start, span.end) for span in voice.spans]))


def speaking_scores(faces: Faces, voice: Sequence[tuple[float, float]]) -> Speaking:
    """Score of every face in every frame: voice x movement x share.

    faces: with the column `mouth_open`. voice: (start, end) in seconds, in order, not overlapping.
    voice: share of the window around the frame in which somebody speaks. movement: s^2 / (s^2 + STILL^2) with s of
    `mouth_movement`. share: s^2 of this face in that of all faces of the frame.
    """
    opening = faces.values[:, faces.columns.index("mouth_open")].astype(np.float64)
    variance = np.full(len(faces.face), np.nan)
    for mine in _by_face(faces.face):
        variance[mine] = mouth_movement(faces.frame_times[faces.frame[mine]], opening[mine]) ** 2
    known = np.nan_to_num(variance)
    together = np.bincount(faces.frame, weights=known, minlength=len(faces.frame_times))[faces.frame]
    heard = voiced_share(faces.frame_times, voice)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(together > 0, known / together, 0.0)
    score = heard[faces.frame] * (known / (known + STILL**2)) * share
    score[np.isnan(variance)] = np.nan
    return Speaking(
        faces.frame_times,
        faces.frame_spans,
        heard.astype(np.float32),
        faces.frame,
        faces.face,
        score.astype(np.float32),
    )


def _by_face(face: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    order = np.argsort(face, kind="stable")
    edges = np.flatnonzero(np.diff(face[order])) + 1
    return (part for part in np.split(order, edges) if len(part))


def mouth_movement(times: NDArray[np.float64], opening: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much one mouth moves: standard deviation of its opening around its own trend in `WINDOW_S` about each time.

    times: float64[n], seconds, increasing. opening: float64[n], NaN where unknown.
    Returns float64[n] in the opening's unit; a mouth that opens or closes steadily has 0. NaN where fewer than four
    frames are known in the window.
    """
    out = np.full(len(times), np.nan)
    known = np.flatnonzero(~np.isnan(opening))
    at, level = times[known], opening[known]
    at_us = to_us_array(at)
    half = to_us(WINDOW_S / 2)
    low = np.searchsorted(at_us, at_us - half, side="left")
    high = np.searchsorted(at_us, at_us + half, side="right")
    for first in range(0, len(known), _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        counts = high[rows] - low[rows]
        reach = np.arange(counts.max())
        inside = reach < counts[:, None]
        index = np.minimum(low[rows, None] + reach, len(known) - 1)
        x = np.where(inside, at[index] - at[rows, None], 0.0)
        y = np.where(inside, level[index] - level[rows, None], 0.0)
        x = np.where(inside, x - (x.sum(axis=1) / counts)[:, None], 0.0)
        y = np.where(inside, y - (y.sum(axis=1) / counts)[:, None], 0.0)
        slope = (x * y).sum(axis=1) / np.maximum((x * x).sum(axis=1), 1e-12)
        spread = np.sqrt(((y - slope[:, None] * x) ** 2).sum(axis=1) / counts)
        out[known[rows]] = np.where(counts >= _LEAST_FRAMES, spread, np.nan)
    return out


def voiced_share(times: NDArray[np.float64], voice: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    """Share of `WINDOW_S` around each time in which somebody speaks: float64[n] in [0, 1].

    voice: (start, end) in seconds, in order, not overlapping. The window reaches beyond the recording's edges.
    """
    spans = to_us_array(np.asarray(voice, np.float64).reshape(-1, 2))
    lengths = spans[:, 1] - spans[:, 0]
    before = np.concatenate([[0], np.cumsum(lengths)])

    def spoken_until(at_us: Microseconds) -> Microseconds:
        index = np.searchsorted(spans[:, 0], at_us, side="right")
        last = np.maximum(index - 1, 0)
        part = np.clip(at_us - spans[last, 0], 0, lengths[last]) if len(spans) else np.zeros_like(at_us)
        return np.asarray(np.where(index > 0, before[last] + part, 0), np.int64)

    at_us, half = to_us_array(times), to_us(WINDOW_S / 2)
    share = (spoken_until(at_us + half) - spoken_until(at_us - half)) / (WINDOW_S * MICROSECONDS_PER_SECOND)
    return np.asarray(share, np.float64)


def speaker_of(speaking: Speaking, start_s: float, end_s: float) -> tuple[int | None, float]:
    """The face that speaks in a stretch, and its score in [0, 1].

    The score is the face's mean over the stretch, weighted by voice: frames in which it is not seen, or cannot be
    told, count 0. Where the best has less than 0.3 the speaker is none of the faces, or unknown: (None, that score).
    Nobody speaks, or no face: (None, 0.0). Of equal scores the lower id.
    """
    start, end = to_us(start_s), to_us(end_s)
    low = int(np.searchsorted(speaking.spans[:, 1], start, side="right"))
    high = int(np.searchsorted(speaking.spans[:, 0], end, side="left"))
    spans = speaking.spans[low:high]
    overlap = np.minimum(spans[:, 1], end) - np.maximum(spans[:, 0], start)
    heard = float((overlap * speaking.voice[low:high]).sum())
    first, last = np.searchsorted(speaking.frame, [low, high])
    if heard <= 0 or first == last:
        return None, 0.0
    ids, place = np.unique(speaking.face[first:last], return_inverse=True)
    weight = overlap[speaking.frame[first:last] - low] * np.nan_to_num(speaking.score[first:last].astype(np.float64))
    scores = np.bincount(place, weights=weight, minlength=len(ids)) / heard
    best = int(np.argmax(scores))
    score = round(min(float(scores[best]), 1.0), 4)
    return (int(ids[best]) if score >= _SURE_ENOUGH else None), score
