"""Small compressed pictures, for what looks at pictures later."""

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from schemas.clock import MICROSECONDS_PER_SECOND
from schemas.facts import Facts, Watched
from schemas.pictures import Pictures
from schemas.step import Recording
from schemas.watching import PicturesWanted, Watcher


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
        """Start with no picture."""
        return Keeping(recording, self.fps)


class Keeping:
    """Pictures being collected; a few kB each. schemas.watching.Watching says when what is called."""

    def __init__(self, recording: Recording, fps: float) -> None:
        self._recording = recording
        self._longest_us = round(MICROSECONDS_PER_SECOND / fps)
        self._times: list[int] = []
        self._data: list[bytes] = []

    def sound(self, samples: NDArray[np.int16]) -> None:
        """Not wanted."""

    def picture(self, time_us: int, pixels: NDArray[np.uint8]) -> None:
        """Not wanted."""

    def jpeg(self, time_us: int, data: bytes) -> None:
        """Add a picture."""
        self._times.append(time_us)
        self._data.append(data)

    def finish(self, watched: Watched) -> None:
        """Make the artifact: a picture is shown until the next one, at most for 1/fps."""
        start = np.array(self._times, np.int64)
        end = start + self._longest_us
        end[:-1] = np.minimum(end[:-1], start[1:])
        pictures = Pictures(start / MICROSECONDS_PER_SECOND, np.stack([start, end], axis=1), tuple(self._data))
        self._recording.write("frames", pictures)

    def abandon(self) -> None:
        """Nothing is held."""
