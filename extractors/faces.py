"""Faces with head pose, gaze, blendshapes and action unit proxies, by MediaPipe on the frames that stream by.

Each frame is looked at for itself (image mode): what is found does not depend on the frames before, on the recordings
before, nor on where a run was resumed. The video mode's tracker would make it so, and saved little when measured.
"""

import tempfile
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from extractors.face_landmarker import COLUMNS, LANDMARKER, Landmarker
from extractors.face_tracks import Glance, glance, is_cut, stable_ids
from schemas.clock import to_s
from schemas.errors import StoreError
from schemas.faces import Faces
from schemas.faces_file import write_faces
from schemas.facts import Facts, Watched
from schemas.step import Needs, Recording
from schemas.track import Track
from schemas.watching import PicturesWanted, Watcher

_AT_A_TIME = 8192
"""Observations in memory at a time; some 3 MB."""


class FaceLandmarks(Watcher):
    """Faces with head pose, gaze, 52 blendshapes and action unit proxies, followed over time under stable ids."""

    key: ClassVar[str] = "faces.mediapipe.v3"
    packages: ClassVar[tuple[str, ...]] = ("mediapipe",)

    fps: Annotated[float, Field(gt=0, le=120)] = 10
    """Frames a second that are looked at, at most."""
    max_faces: Annotated[int, Field(ge=1, le=10)] = 2
    """Faces in one frame, at most. Each costs about 7 ms a frame."""
    longest_side: Annotated[int, Field(ge=128, le=4096)] = 640
    """Frames are scaled down to this many pixels."""
    min_confidence: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Of the detector and of the landmark model; a face under it is not reported. Neither is told for each face."""
    parts: Annotated[int, Field(ge=1, le=4)] = 1
    """For small faces each frame is also looked at in parts x parts overlapping pieces; costs about 1 + parts² times
    as much. A face must still have pixels: raise `longest_side` with it."""

    @property
    def makes(self) -> tuple[str, ...]:
        """The `faces` artifact, schemas.faces.Faces."""
        return ("faces",)

    @property
    def columns(self) -> tuple[str, ...]:
        """The same for all settings."""
        return COLUMNS

    @property
    def needs(self) -> Needs:
        """One core."""
        return Needs(memory_mb=600)

    @property
    def wants(self) -> PicturesWanted:
        """Pixels."""
        return PicturesWanted(fps=self.fps, longest_side=self.longest_side)

    def weights(self) -> dict[str, str]:
        """The task bundle: detector, landmarks, blendshapes."""
        return {LANDMARKER.name: LANDMARKER.sha256}

    def load(self) -> "Landmarker":
        """The landmarker; it keeps nothing from frame to frame. Raises MissingPart."""
        return Landmarker.load(max_faces=self.max_faces, min_confidence=self.min_confidence, parts=self.parts)

    def identity(self) -> dict[str, object]:
        """One part is what was done before there were parts: what was measured then stays."""
        fields = self.model_dump(mode="json", exclude={"parts"} if self.parts == 1 else None)
        return {**super().identity(), "fields": fields}

    def begin(self, recording: Recording, facts: Facts, model: Any) -> "Looking":
        """Start on one recording."""
        return Looking(recording, model, longest_s=2 / self.fps)


class Looking:
    """One recording's faces being collected. schemas.watching.Watching says when what is called."""

    def __init__(self, recording: Recording, model: Landmarker, *, longest_s: float) -> None:
        """longest_s: a frame stands until the next one, at most for so long."""
        self._recording = recording
        self._model = model
        self._longest_s = longest_s
        self._times_us = array("q")
        self._scene = array("q")
        self._frame = array("q")
        self._aspect = array("d")
        self._boxes = array("f")
        self._values = tempfile.TemporaryFile()  # noqa: SIM115 - closed by finish or abandon
        """Values wait on the disk: who is who is known at the end alone."""
        self._last: Glance | None = None

    def sound(self, samples: NDArray[np.int16]) -> None:
        """Not wanted."""

    def jpeg(self, time_us: int, data: bytes) -> None:
        """Not wanted."""

    def picture(self, time_us: int, pixels: NDArray[np.uint8]) -> None:
        """Look at one frame."""
        now = glance(pixels)
        cut = self._last is not None and is_cut(self._last, now)
        self._scene.append((self._scene[-1] if self._scene else 0) + cut)
        self._last = now
        for face in self._model.faces(pixels):
            self._frame.append(len(self._times_us))
            self._aspect.append(pixels.shape[1] / pixels.shape[0])
            self._boxes.extend(face[:4])
            with _written():
                self._values.write(array("f", face).tobytes())
        self._times_us.append(time_us)

    def abandon(self) -> None:
        """Let go of the values."""
        self._values.close()

    def finish(self, watched: Watched) -> None:
        """Give the faces their ids and write them."""
        with self._values:
            self._finish()

    def _finish(self) -> None:
        times_us = np.array(self._times_us, np.int64)
        if not len(times_us):
            self._recording.absent("faces", "no picture could be decoded")
            return
        frame = np.array(self._frame, np.int64)
        boxes = np.array(self._boxes, np.float32).reshape(len(frame), 4).astype(np.float64)
        boxes[:, [0, 2]] *= np.array(self._aspect)[:, None]
        face = stable_ids(frame, times_us, boxes, np.array(self._scene, np.int64))
        times = np.array([to_s(int(time_us)) for time_us in times_us], np.float64)
        spans = Track.held(times, self._longest_s, np.zeros((len(times), 0)), ()).spans
        order = np.lexsort((face, frame))
        nobody = np.zeros(0, np.int64)
        looked = Faces(times, spans, nobody, nobody, np.zeros((0, len(COLUMNS)), np.float32), COLUMNS)
        with _written():
            self._values.flush()
        with self._recording.create("faces", Faces.suffix) as path:
            write_faces(path, looked, self._seen(frame, face, order))

    def _seen(self, frame: NDArray[np.int64], face: NDArray[np.int64], order: NDArray[np.int64]) -> Iterator[Faces]:
        """The observations in their order, some at a time. Within a frame they may change places."""
        row = 4 * len(COLUMNS)
        for first in range(0, len(order), _AT_A_TIME):
            wanted = order[first : first + _AT_A_TIME]
            low, high = int(wanted.min()), int(wanted.max()) + 1
            self._values.seek(low * row)
            values = np.frombuffer(self._values.read((high - low) * row), np.float32).reshape(-1, len(COLUMNS))
            no_time, no_span = np.zeros(0), np.zeros((0, 2), np.int64)
            yield Faces(no_time, no_span, frame[wanted], face[wanted], values[wanted - low], COLUMNS)


@contextmanager
def _written() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"faces cannot be kept for a while in {tempfile.gettempdir()}: {error}",
            do="is the disk full? TMPDIR names another place",
        ) from error
