"""The step that scores samples by the rules of a recipe. Thresholds are no part of it: another one measures nothing."""

from collections.abc import Sequence
from typing import ClassVar, Final

import numpy as np

from pipelines.sifting.known import Known
from pipelines.sifting.rules import RULES, scores
from schemas.clock import to_us
from schemas.faces import Faces
from schemas.faces_file import FacesFile
from schemas.gates import Scores
from schemas.segment import Segment, Segments
from schemas.speaking import Speaking
from schemas.step import Needs, Recording, Step
from schemas.track import Track
from schemas.track_file import TrackFile
from schemas.transcript import Transcript, VoiceActivity

_SOUND: Final = ("voiced", "intensity_db")
_FACE: Final = ("box_height", "mouth_open")


class Scoring(Step):
    """Scores each sample by each rule. Filled in from the recipe's `gates` and `measure`."""

    key: ClassVar[str] = "scores.v1"
    reads: ClassVar[tuple[str, ...]] = ("segments",)

    rules: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    """The artifacts that they need."""
    allow: tuple[str, ...] = ()
    """The wanted languages."""

    @property
    def uses(self) -> tuple[str, ...]:  # type: ignore[override]  # what is used depends on the rules
        """What the rules need; a recording that lacks some of it cannot be judged by them."""
        return self.kinds

    @property
    def makes(self) -> tuple[str, ...]:
        """`scores`: a schemas.gates.Scores."""
        return ("scores",)

    @property
    def needs(self) -> Needs:
        """One core, for moments."""
        return Needs(memory_mb=400, batch=16)

    def run(self, recordings: Sequence[Recording], model: object) -> None:
        """Score each recording's samples."""
        for recording in recordings:
            segments = recording.read("segments", Segments).segments
            index = np.array([segment.index for segment in segments], np.int32)
            recording.write("scores", Scores(index, scores(self._known(recording, segments), self.rules), self.rules))

    def _known(self, recording: Recording, segments: Sequence[Segment]) -> Known:
        has = {kind for kind in self.kinds if recording.has(kind)}
        voice = recording.read("voice", VoiceActivity) if "voice" in has else None
        pictures = next((kind for kind in ("clip", "siglip", "dinov2") if kind in has), None)
        texts = next((kind for kind in ("clip_text", "siglip_text") if kind in has), None)
        spans = np.array([(to_us(one.start or 0.0), to_us(one.end or 0.0)) for one in segments], np.int64)
        return Known(
            spans=spans.reshape(-1, 2),
            voice=None if voice is None else np.array([(one.start, one.end) for one in voice.spans]).reshape(-1, 2),
            prosody=_sound(recording) if "prosody" in has else None,
            faces=_faces(recording) if "faces" in has else None,
            speaking=recording.read("speaking", Speaking) if "speaking" in has else None,
            words=recording.read("words", Transcript) if "words" in has else None,
            pictures=recording.read(pictures, Track) if pictures else None,
            texts=recording.read(texts, Track) if texts else None,
            allow=self.allow,
        )


def _sound(recording: Recording) -> Track:
    """Two columns of the prosody, out of some eighty."""
    with recording.open("prosody", TrackFile) as file:
        wanted = [file.columns.index(name) for name in _SOUND]
        parts = [Track(part.times, part.spans, part.values[:, wanted], _SOUND) for part in file.parts()]
        return Track.joined(parts, _SOUND)


def _faces(recording: Recording) -> Faces:
    with recording.open("faces", FacesFile) as file:
        return file.with_columns([name for name in _FACE if name in file.columns])


def scoring(rules: Sequence[str], made: Sequence[str], allow: Sequence[str]) -> Scoring:
    """The step for some rules. made: all artifacts that the recipe makes. Raises KeyError with what a rule lacks.

    In whatever order a recipe names rules, it is the same step.
    """
    kinds: dict[str, None] = {}
    for rule in sorted(rules):
        for choices in RULES[rule].needs:
            found = next((kind for kind in choices if kind in made), None)
            if found is None:
                raise KeyError(rule, choices[0])
            kinds[found] = None
    return Scoring(rules=tuple(sorted(rules)), kinds=tuple(sorted(kinds)), allow=tuple(allow))
