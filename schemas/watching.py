"""Steps that are fed by the decode pass. However many there are, a recording is decoded once for all of them."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.facts import Facts, Watched
from schemas.step import Recording, Step


@dataclass(frozen=True)
class SoundWanted:
    """16-bit mono sound at `rate_hz`, placed on the clock: sample n is at n / rate_hz seconds."""

    rate_hz: int = 16_000


@dataclass(frozen=True)
class PicturesWanted:
    """Pictures, each with its own presentation time.

    fps: at most so many a second, namely the first one shown in each 1/fps of the clock; None: every one.
    longest_side: scaled down (never up) so that the longer side is at most this many pixels, aspect kept.
    exact_size: (width, height) instead, aspect not kept.
    jpeg: compressed pictures (bytes) instead of pixels.
    """

    fps: float | None = None
    longest_side: int | None = None
    exact_size: tuple[int, int] | None = None
    jpeg: bool = False


class Watching(Protocol):
    """One recording being watched by one watcher. Calls come in the order of time."""

    def sound(self, samples: NDArray[np.int16]) -> None:
        """The next samples, shape (n,). Where the recording has a gap, zeros come."""
        ...

    def picture(self, time_us: int, pixels: NDArray[np.uint8]) -> None:
        """RGB pixels, shape (height, width, 3); read-only, valid during the call."""
        ...

    def jpeg(self, time_us: int, data: bytes) -> None:
        """A compressed picture."""
        ...

    def finish(self, watched: Watched) -> None:
        """The recording has ended: write the artifact."""
        ...

    def abandon(self) -> None:
        """The recording could not be decoded to its end: release what is held, write nothing."""
        ...


class Watcher(Step):
    """A step that sees the recording as it is decoded. `pipelines.watching.watch` runs all of a recipe as one step."""

    reads = ("media", "facts")

    @property
    @abstractmethod
    def wants(self) -> SoundWanted | PicturesWanted:
        """What it is fed. A recording without such a stream is marked absent without asking the watcher."""

    @abstractmethod
    def begin(self, recording: Recording, facts: Facts, model: Any) -> Watching:
        """Start on one recording."""

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        """Watchers are run by the decode pass, never alone."""
        raise TypeError(f"{self.key} is fed by the decode pass (pipelines.watching.watch)")
