"""Speaker diarization: how many voices there are, and which one each stretch of speech has.

Embeddings of 1.6 s windows over speech, average linkage with an unknown number of voices, and Viterbi's search for the
turns: the plain form of what Anguera et al. (2012, https://doi.org/10.1109/TASL.2011.2125954) review. Two people who
speak at once are heard as one of them, or as a voice of their own.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from extractors import voice_encoder
from extractors.sound import RATE_HZ, Sound, SoundTrack, opened_sound
from extractors.speaking import speaker_of
from extractors.voice_activity import VoiceActivity
from extractors.voice_clusters import FRAME_S, frame_similarities, voice_of_frames, voices, windows_of
from schemas.errors import MeasurementError
from schemas.speakers import Speakers, Turn, Voice
from schemas.speaking import Speaking
from schemas.step import Needs, Recording, Step
from schemas.transcript import VoiceActivity as Voiced

HOP_S: Final = 0.4
LEAST_S: Final = 0.4
"""Shorter stretches are too short for an embedding: they go with what is around them."""
JOIN_S: Final = 0.3
LEAST_VOICE_S: Final = 1.0
PAUSE_S: Final = 0.15
_AT_ONCE = 256


class Diarization(Step):
    """Turns of speakers from their voices alone. Labels hold within one recording: nobody is identified."""

    key: ClassVar[str] = "speakers.ge2e.v1"
    packages: ClassVar[tuple[str, ...]] = ("torch", "librosa", "scipy")
    reads: ClassVar[tuple[str, ...]] = ("audio", "voice")
    uses: ClassVar[tuple[str, ...]] = ("watched", "speaking")

    similarity: Annotated[float, Field(gt=0, lt=1)] = 0.7
    """Speech with at least this mean cosine similarity is one voice: more makes more voices."""
    count: Annotated[int | None, Field(ge=1, le=100)] = None
    """How many voices there are in each recording, where that is known."""

    @property
    def makes(self) -> tuple[str, ...]:
        """The `speakers` artifact, schemas.speakers.Speakers."""
        return ("speakers",)

    @property
    def needs(self) -> Needs:
        """One core."""
        return Needs(memory_mb=700)

    def requires(self) -> tuple[Step, ...]:
        """The sound track and the stretches with speech."""
        return (SoundTrack(), VoiceActivity())

    def weights(self) -> dict[str, str]:
        """The encoder of voices."""
        return {voice_encoder.GE2E.name: voice_encoder.GE2E.sha256}

    def load(self) -> Any:
        """The encoder in memory. Raises MissingPart."""
        return voice_encoder.load()

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        """Find the turns of each recording; its sound is never in memory as a whole."""
        for recording in recordings:
            spans = [(span.start, span.end) for span in recording.read("voice", Voiced).spans]
            with opened_sound(recording) as sound:
                turns = self._turns(spans, sound, model)
            speaking = recording.read("speaking", Speaking) if recording.has("speaking") else None
            recording.write("speakers", Speakers(turns=tuple(turns), voices=tuple(voices_of(turns, speaking))))

    def _turns(self, spans: Sequence[tuple[float, float]], sound: Sound, model: Any) -> list[Turn]:
        if not spans:
            return []
        windows = windows_of(spans, length_s=voice_encoder.WINDOW_S, hop_s=HOP_S, least_s=LEAST_S, join_s=JOIN_S)
        # Where nothing is long enough, what there is must do.
        windows = windows or [max(spans, key=lambda span: (span[1] - span[0], -span[0]))]
        gain = voice_encoder.loudness_gain(_mean_square(sound, spans))
        parts = [windows[first : first + _AT_ONCE] for first in range(0, len(windows), _AT_ONCE)]
        embeddings = np.concatenate(
            [voice_encoder.embed(model, [gain * _heard(sound, *window) for window in part]) for part in parts]
        )
        return turns_of(spans, windows, embeddings, similarity=self.similarity, count=self.count)


def _heard(sound: Sound, start_s: float, end_s: float) -> NDArray[np.float32]:
    return sound.read(round(start_s * RATE_HZ), round(end_s * RATE_HZ))


def _mean_square(sound: Sound, spans: Sequence[tuple[float, float]]) -> float:
    total, samples = 0.0, 0
    for span in spans:
        part = _heard(sound, *span)
        total += float(np.square(part, dtype=np.float64).sum())
        samples += len(part)
    if not samples:
        raise MeasurementError("its stretches with speech lie outside of its sound", do="build it again")
    return total / samples


def turns_of(
    spans: Sequence[tuple[float, float]],
    windows: Sequence[tuple[float, float]],
    embeddings: NDArray[np.float32],
    *,
    similarity: float = 0.7,
    count: int | None = None,
) -> list[Turn]:
    """Turns out of the embeddings of windows.

    spans: where somebody speaks, (start, end) in seconds, in order, not overlapping; all of it is in exactly one turn.
    windows: (start, end) in seconds. embeddings: unit vectors float32[n, D], one a window.
    """
    mass = np.array([min(end - start, HOP_S) for start, end in windows])
    centroids = voices(embeddings, mass, similarity=similarity, count=count, least=LEAST_VOICE_S)
    moments = [moment for start, end in spans for moment in _moments(start, end)]
    edges = np.array(moments)
    alike = frame_similarities(edges.mean(axis=1), np.array(windows), embeddings, centroids)
    breaks = np.concatenate([[False], edges[1:, 0] - edges[:-1, 1] >= PAUSE_S])
    found = voice_of_frames(alike, breaks)
    numbers = {voice: place for place, voice in enumerate(dict.fromkeys(found.tolist()))}
    cuts = np.flatnonzero((found[1:] != found[:-1]) | (edges[1:, 0] > edges[:-1, 1])) + 1
    turns = []
    for part in np.split(np.arange(len(found)), cuts):
        mean = alike[part].mean(axis=0)
        own = float(mean[found[part[0]]])
        others = np.delete(mean, found[part[0]])
        turns.append(
            Turn(
                start=round(float(edges[part[0], 0]), 3),
                end=round(float(edges[part[-1], 1]), 3),
                voice=numbers[int(found[part[0]])],
                score=_rounded(own),
                margin=_rounded(own - float(others.max()) if len(others) else own),
            )
        )
    return turns


def _moments(start: float, end: float) -> list[tuple[float, float]]:
    """A span in moments of about `FRAME_S`, all of one length."""
    edges = np.linspace(start, end, max(round((end - start) / FRAME_S), 1) + 1)
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def _rounded(value: float) -> float:
    return round(min(max(value, 0.0), 1.0), 3)


def voices_of(turns: Sequence[Turn], speaking: Speaking | None) -> list[Voice]:
    """How long each voice speaks, and the face that does so with it: the one with the greatest score over its turns."""
    found: list[Voice] = []
    for number in range(max((turn.voice for turn in turns), default=-1) + 1):
        own = [turn for turn in turns if turn.voice == number]
        seconds = sum(turn.end - turn.start for turn in own)
        scores: dict[int, float] = {}
        for turn in own if speaking is not None else ():
            face, score = speaker_of(speaking, turn.start, turn.end) if speaking is not None else (None, 0.0)
            if face is not None:
                scores[face] = scores.get(face, 0.0) + score * (turn.end - turn.start)
        best = max(scores, key=lambda face: (scores[face], -face), default=None)
        share = 0.0 if best is None or not seconds else scores[best] / seconds
        found.append(Voice(seconds=round(seconds, 3), face=best, face_score=_rounded(share)))
    return found


def turns_within(turns: Sequence[Turn], start_s: float, end_s: float) -> Sequence[Turn]:
    """Those that share some time with a stretch. turns: in order, not overlapping."""
    first = bisect_right(turns, start_s, key=lambda turn: turn.end)
    return turns[first : max(bisect_left(turns, end_s, key=lambda turn: turn.start), first)]


def voice_at(turns: Sequence[Turn], start_s: float, end_s: float) -> int | None:
    """The voice that has most of a stretch; of equals the earlier one. None where no turn touches it."""
    held: dict[int, float] = {}
    for turn in turns_within(turns, start_s, end_s):
        overlap = min(turn.end, end_s) - max(turn.start, start_s)
        held[turn.voice] = held.get(turn.voice, 0.0) + overlap
    return max(held, key=lambda voice: held[voice], default=None)
