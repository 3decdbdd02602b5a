"""Small compressed pictures, for what looks at pictures later."""

from contextlib import ExitStack, suppress
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from schemas.clock import MICROSECONDS_PER_SECOND
from schemas.facts import Facts, Watched
from schemas.pictures import Pictures
from schemas.step import Recording
from schemas.tables import TableWriter
from schemas.watching import PicturesWanted, Watcher

_AT_A_TIME = 200
"""Pictures; some 4 MB."""


class Frames(Watcher):
    """Keeps pictures as JPEG: the first one shown in each 1/fps of the clock, with its own time."""

    key: ClassVar[str] = "frames.v1"

    fps: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """At most so many a second."""
    longest_side: Annotated[int, Field(ge=16, le=8192)] = 398
    """Pixels; smaller pictures stay as they are. 398 leaves 224 on the shorter side of 16:9."""

    @property
    def makes(self) -> tuple[str, ...]:
        """The `frames` artifact, schemas.pictures.Pictures."""
        return ("frames",)

    @property
    def wants(self) -> PicturesWanted:
        """Compressed pictures."""
        return PicturesWanted(fps=self.fps, longest_side=self.longest_side, jpeg=True)

    def begin(self, recording: Recording, facts: Facts, model: Any) -> "Keeping":
        """Open the file."""
        return Keeping(recording, self.fps)


class Keeping:
    """Pictures being written, some at a time: memory does not grow with the length.

    The file is what schemas.pictures.Pictures reads. schemas.watching.Watching says when what is called.
    """

    def __init__(self, recording: Recording, fps: float) -> None:
        self._longest_us = round(MICROSECONDS_PER_SECOND / fps)
        self._waiting: list[tuple[int, bytes]] = []
        nothing = Pictures(np.zeros(0), np.zeros((0, 2), np.int64), ()).table()
        self._schema = nothing.schema
        with ExitStack() as opening:
            path = opening.enter_context(recording.create("frames", Pictures.suffix))
            self._file = TableWriter(path, self._schema, None, rows=_AT_A_TIME)
            self._place = opening.pop_all()

    def sound(self, samples: NDArray[np.int16]) -> None:
        """Not wanted."""

    def picture(self, time_us: int, pixels: NDArray[np.uint8]) -> None:
        """Not wanted."""

    def jpeg(self, time_us: int, data: bytes) -> None:
        """Add a picture."""
        self._waiting.append((time_us, data))
        if len(self._waiting) > _AT_A_TIME:
            self._write(self._waiting[:-1], next_us=time_us)
            del self._waiting[:-1]

    def _write(self, pictures: list[tuple[int, bytes]], next_us: int | None) -> None:
        """A picture is shown until the next one, at most for 1/fps."""
        import pyarrow as pa

        start = np.array([time for time, _ in pictures], np.int64)
        following = np.append(start[1:], start[-1] + self._longest_us if next_us is None else next_us)
        table = pa.table(
            {
                "time_s": pa.array(start / MICROSECONDS_PER_SECOND),
                "start_us": pa.array(start),
                "end_us": pa.array(np.minimum(start + self._longest_us, following)),
                "jpeg": pa.array([data for _, data in pictures], pa.binary()),
            },
            schema=self._schema,
        )
        try:
            self._file.add(table)
        except OSError as error:
            # The place knows what a full disk means for the run.
            self._place.__exit__(type(error), error, error.__traceback__)
            raise

    def finish(self, watched: Watched) -> None:
        """Make the artifact."""
        with self._place:
            if self._waiting:
                self._write(self._waiting, next_us=None)
            self._file.__exit__(None, None, None)

    def abandon(self) -> None:
        """Leave nothing behind."""
        with suppress(OSError):  # why it is abandoned is known already
            self._file.__exit__(_Abandoned, _Abandoned(), None)
        with suppress(_Abandoned), self._place:
            raise _Abandoned


class _Abandoned(Exception):
    """Tells the place that the file is not to become the artifact."""
