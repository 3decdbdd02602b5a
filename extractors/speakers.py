"""Speaker diarization: how many voices there are, and which one each stretch of speech has.

Embeddings of 1.6 s windows over speech, average linkage with an unknown number of voices, and Viterbi's search for the
turns: the plain form of what Anguera et al. (2012, https://doi.org/10.1109/TASL.2011.2125954) review. Two people who
speak at once are heard as one of them, or as a voice of their own; where a stretch is hardly more like one voice than
like another, that is marked.
"""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from extractors import voice_encoder
from extractors.sound import RATE_HZ, Sound, SoundTrack, opened_sound
from extractors.voice_activity import VoiceActivity
from extractors.voice_clusters import windows_of
from extractors.voice_turns import HOP_S, embeddings_of, told_apart, voices_of
from schemas.errors import MeasurementError
from schemas.speakers import Speakers
from schemas.speaking import Speaking
from schemas.step import Needs, Recording, Step
from schemas.transcript import VoiceActivity as Voiced

LEAST_S: Final = 0.4
"""Shorter stretches are too short for an embedding: they go with what is around them."""
JOIN_S: Final = 0.3
_AT_ONCE = 256


class Diarization(Step):
    """Turns of speakers from their voices alone. Labels hold within one recording: nobody is identified."""

    key: ClassVar[str] = "speakers.ge2e.v3"
    packages: ClassVar[tuple[str, ...]] = ("torch", "librosa", "scipy")
    reads: ClassVar[tuple[str, ...]] = ("audio", "voice")
    uses: ClassVar[tuple[str, ...]] = ("watched", "speaking")

    similarity: Annotated[float, Field(gt=0, lt=1)] = 0.7
    """Speech with at least this mean cosine similarity is one voice: more makes more voices."""
    count: Annotated[int | None, Field(ge=1, le=100)] = None
    """How many voices there are in each recording, where that is known."""
    embeddings: bool = False
    """Whether each turn's embedding is kept and published: by it a person can be found again elsewhere."""

    @property
    def makes(self) -> tuple[str, ...]:
        """The `speakers` artifact, schemas.speakers.Speakers; with embeddings `speaker_embedding`, a Track."""
        return ("speakers", "speaker_embedding") if self.embeddings else ("speakers",)

    @property
    def track_columns(self) -> dict[str, tuple[str, ...]]:
        """An embedding, where it is wanted."""
        return {"speaker_embedding": ()} if self.embeddings else {}

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
                windows, embeddings = _embedded(spans, sound, model)
            turns, overlaps = told_apart(spans, windows, embeddings, similarity=self.similarity, count=self.count)
            speaking = recording.read("speaking", Speaking) if recording.has("speaking") else None
            voices = voices_of(turns, speaking)
            recording.write("speakers", Speakers(turns=tuple(turns), voices=tuple(voices), overlaps=tuple(overlaps)))
            if self.embeddings and turns:
                recording.write("speaker_embedding", embeddings_of(turns, windows, embeddings))
            elif self.embeddings:
                recording.absent("speaker_embedding", "nobody speaks")


def _embedded(
    spans: Sequence[tuple[float, float]], sound: Sound, model: Any
) -> tuple[list[tuple[float, float]], NDArray[np.float32]]:
    """Windows over speech, and the embedding of each."""
    if not spans:
        return [], np.zeros((0, voice_encoder.DIMENSIONS), np.float32)
    windows = windows_of(spans, length_s=voice_encoder.WINDOW_S, hop_s=HOP_S, least_s=LEAST_S, join_s=JOIN_S)
    # Where nothing is long enough, what there is must do.
    windows = windows or [max(spans, key=lambda span: (span[1] - span[0], -span[0]))]
    gain = voice_encoder.loudness_gain(_mean_square(sound, spans))
    parts = [windows[first : first + _AT_ONCE] for first in range(0, len(windows), _AT_ONCE)]
    return windows, np.concatenate(
        [voice_encoder.embed(model, [gain * _heard(sound, *window) for window in part]) for part in parts]
    )


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
