"""The media of one recording's samples, cut as they are published."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pipelines.watching.clips import cut_sound, cut_video
from pipelines.watching.stills import published_picture
from schemas.errors import RecordingError, StoreError
from schemas.facts import Facts
from schemas.publication import MediaProblem, Medium
from schemas.step import Recording

Cut = dict[str, dict[str, Any] | None]
"""Medium to the bytes and the name of a file; None where the sample has none."""


class Media:
    """Opens a recording's files when the first sample asks for them, and keeps them open until the last."""

    def __init__(self, recording: Recording, facts: Facts | None, wanted: Sequence[Medium]) -> None:
        self.problems: list[MediaProblem] = []
        self._recording = recording
        self._form = facts.form if facts else None
        self._has_sound = facts is not None and facts.sound is not None
        self._wanted = wanted
        self._stack = ExitStack()
        self._sound: Any = None
        self._file: Path | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def cut(self, sample: str, start: float | None, end: float | None) -> Cut:
        """Each wanted medium of one sample. What should be there and cannot be cut is null, and a problem."""
        cut: Cut = {}
        name = sample.replace("/", "_")
        for medium in self._wanted:
            data, suffix = None, ""
            try:
                if medium == "audio" and start is not None and end is not None:
                    data, suffix = self._cut_sound(start, end), "flac"
                elif medium == "video" and self._form == "video" and start is not None and end is not None:
                    data, suffix = cut_video(self._media(), start, end, sound=self._has_sound), "mp4"
                elif medium == "image" and self._form == "image":
                    data, suffix = published_picture(self._media())
            except (RecordingError, FileNotFoundError) as error:
                self.problems.append(MediaProblem(sample=sample, medium=medium, message=str(error)))
            cut[medium] = None if data is None else {"bytes": data, "path": f"{name}.{suffix}"}
        return cut

    def _cut_sound(self, start: float, end: float) -> bytes | None:
        import soundfile

        recording = self._recording
        if self._sound is None:
            if not recording.has("audio"):
                return None
            path = self._stack.enter_context(recording.local("audio"))
            try:
                self._sound = self._stack.enter_context(soundfile.SoundFile(path))
            except soundfile.LibsndfileError as error:
                raise StoreError(
                    f"the sound of {recording.id} cannot be read: {error}", do="build once more"
                ) from error
        return cut_sound(self._sound, start, end)

    def _media(self) -> Path:
        if self._file is None:
            self._file = self._stack.enter_context(self._recording.local("media"))
        return self._file
