"""The media of one recording's samples, cut as they are published."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from pipelines.protecting import voices
from pipelines.protecting.beeps import Stretch, beeped
from pipelines.protecting.faces import AROUND_S, Cover, covers, still_covers
from pipelines.watching.clips import cut_sound, cut_video, picture_file
from pipelines.watching.stills import published_picture
from schemas.clock import to_us
from schemas.errors import MeasurementError, RecordingError, StoreError
from schemas.faces_file import FacesFile
from schemas.facts import Facts
from schemas.privacy import Privacy
from schemas.publication import MediaProblem, Medium
from schemas.step import Recording

if TYPE_CHECKING:
    import soundfile

Cut = dict[str, dict[str, Any] | None]
"""Medium to the bytes and the name of a file; None where the sample has none."""


class Concealed(NamedTuple):
    """What of one sample's media is kept back, besides faces. Times are those of the recording.

    who: speaks, or the recording. beeps: when words are not to be heard. lines: where text on the screen is not to be
    read. whole: why nothing is to be heard at all; empty where something is.
    """

    who: str
    beeps: tuple[Stretch, ...] = ()
    lines: tuple[Cover, ...] = ()
    whole: str = ""


class Media:
    """Opens a recording's files when the first sample asks for them, and keeps them open until the last."""

    def __init__(
        self,
        recording: Recording,
        facts: Facts | None,
        wanted: Sequence[Medium],
        privacy: Privacy | None = None,
        secret: str = "",
    ) -> None:
        self.problems: list[MediaProblem] = []
        self._recording = recording
        self._form = facts.form if facts else None
        self._has_sound = facts is not None and facts.sound is not None
        self._wanted = wanted
        self._privacy = privacy or Privacy()
        self._secret = secret
        self._faces: FacesFile | None = None
        self._stack = ExitStack()
        self._sound: Any = None
        self._file: Path | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def cut(self, sample: str, start: float | None, end: float | None, concealed: Concealed | None = None) -> Cut:
        """Each wanted medium of one sample. What should be there and cannot be cut is null, and a problem."""
        cut: Cut = {}
        concealed = concealed or Concealed(self._recording.id)
        name = sample.replace("/", "_")
        for medium in self._wanted:
            data, suffix = None, ""
            try:
                if medium == "audio" and start is not None and end is not None:
                    data, suffix = self._cut_sound(start, end, concealed), "flac"
                elif medium == "video" and self._form == "video" and start is not None and end is not None:
                    data, suffix = self._cut_video(start, end, concealed), "mp4"
                elif medium == "image" and self._form == "image":
                    data, suffix = self._picture(concealed)
            except (RecordingError, FileNotFoundError) as error:
                self.problems.append(MediaProblem(sample=sample, medium=medium, message=str(error)))
            cut[medium] = None if data is None else {"bytes": data, "path": f"{name}.{suffix}"}
        return cut

    def _cut_sound(self, start: float, end: float, concealed: Concealed) -> bytes | None:
        sound = self._opened_sound()
        if sound is None:
            return None
        if concealed.whole:
            raise MeasurementError(concealed.whole)
        if not self._privacy.changes_sound:
            return cut_sound(sound, start, end)
        shift = voices.shift_of(concealed.who, self._secret) if self._privacy.change_voices else None

        def change(sound: "soundfile.SoundFile", first: int, last: int) -> NDArray[np.float64]:
            if shift is not None:
                samples = voices.changed(sound, first, last, shift)
            else:
                sound.seek(first)
                samples = sound.read(last - first, dtype="float64")
            return beeped(samples, sound.samplerate, first / sound.samplerate, concealed.beeps)

        return cut_sound(sound, start, end, change=change)

    def _opened_sound(self) -> Any:
        import soundfile

        recording = self._recording
        if self._sound is None:
            if not recording.has("audio"):
                if self._has_sound and self._privacy.changes_sound:
                    raise MeasurementError(
                        "the sound was not decoded, so that nothing of it can be hidden", do="see `affectloom failures`"
                    )
                return None
            path = self._stack.enter_context(recording.local("audio"))
            try:
                self._sound = self._stack.enter_context(soundfile.SoundFile(path))
            except soundfile.LibsndfileError as error:
                raise StoreError(
                    f"the sound of {recording.id} cannot be read: {error}", do="build once more"
                ) from error
        return self._sound

    def _cut_video(self, start: float, end: float, concealed: Concealed) -> bytes:
        blur = tuple(
            line._replace(start=line.start - start, end=line.end - start)
            for line in concealed.lines
            if line.start < end and line.end > start
        )
        if self._privacy.blur_faces:
            seen = self._measured_faces()
            around = to_us(max(0.0, start - AROUND_S)), to_us(end + AROUND_S)
            blur = (*covers(seen.between(*around), start, end), *blur)
        sound: bool | bytes = self._has_sound
        if sound and self._privacy.changes_sound:
            sound = False if concealed.whole else self._cut_sound(start, end, concealed) or False
        return cut_video(self._media(), start, end, sound=sound, blur=blur)

    def _picture(self, concealed: Concealed) -> tuple[bytes, str]:
        blur = still_covers(self._measured_faces().whole()) if self._privacy.blur_faces else ()
        blur = (*blur, *concealed.lines)
        return (picture_file(self._media(), blur=blur), "png") if blur else published_picture(self._media())

    def _measured_faces(self) -> FacesFile:
        """Raises MeasurementError: without them nothing says what to hide."""
        if self._faces is None:
            if not self._recording.has("faces"):
                raise MeasurementError(
                    "faces were not measured, so that they cannot be blurred", do="see `affectloom failures`"
                )
            self._faces = self._stack.enter_context(self._recording.open("faces", FacesFile))
        return self._faces

    def _media(self) -> Path:
        if self._file is None:
            self._file = self._stack.enter_context(self._recording.local("media"))
        return self._file
