"""Where one shot ends and the next begins."""

from collections import deque
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from schemas.clock import MICROSECONDS_PER_SECOND, to_us
from schemas.facts import Facts, Watched
from schemas.shots import Cuts
from schemas.step import Recording
from schemas.watching import PicturesWanted, Watcher

_SMALL = (48, 27)
_STANDS_OUT = 3.0
"""PySceneDetect's AdaptiveDetector asks for the same ratio."""
_TWICE = 2.0
_AROUND = 6
_FLASH_S = 0.25
_STAYS = 0.5
_CHANGED = 0.5
_SAME_TO = 4
_DARK_TO = 16


class Shots(Watcher):
    """Finds hard cuts in all pictures. Dissolves and fades are not found.

    A cut is where two neighbouring pictures differ (mean absolute difference of small RGB pictures, as in
    PySceneDetect's content detector), by much more than the pictures around do (its adaptive detector: motion is
    no cut), in more than half of what is not black (a caption or a picture set in is no cut), and where what was
    seen before does not come back within a quarter of a second (a flash is no cut). Shots shorter than that are
    not told apart; a cut under a flash, or in the midst of a pan as fast as the cut itself, may be missed.
    """

    key: ClassVar[str] = "shots.v1"

    threshold: Annotated[float, Field(gt=0, lt=255)] = 8.0
    """Smallest difference, of 255."""

    @property
    def makes(self) -> tuple[str, ...]:
        """The `shots` artifact, schemas.shots.Cuts."""
        return ("shots",)

    @property
    def wants(self) -> PicturesWanted:
        """Every picture, very small."""
        return PicturesWanted(exact_size=_SMALL)

    def begin(self, recording: Recording, facts: Facts, model: Any) -> "Looking":
        """Start before the first picture."""
        return Looking(recording, self.threshold)


class Looking:
    """Cuts being looked for; remembers a fraction of a second. schemas.watching.Watching says when what is called."""

    def __init__(self, recording: Recording, threshold: float) -> None:
        self._recording = recording
        self._threshold = threshold
        self._finder = CutFinder(threshold)
        self._cuts: list[int] = []

    def sound(self, samples: NDArray[np.int16]) -> None:
        """Not wanted."""

    def picture(self, time_us: int, pixels: NDArray[np.uint8]) -> None:
        """Look at the next one."""
        self._cuts += self._finder.add(time_us, pixels)

    def jpeg(self, time_us: int, data: bytes) -> None:
        """Not wanted."""

    def finish(self, watched: Watched) -> None:
        """Make the artifact."""
        cuts = [*self._cuts, *self._finder.end()]
        seconds = tuple(cut / MICROSECONDS_PER_SECOND for cut in cuts)
        self._recording.write("shots", Cuts(cuts=seconds, threshold=self._threshold))

    def abandon(self) -> None:
        """Nothing is held."""


def find_cuts(pictures: Iterable[tuple[int, NDArray[np.uint8]]], threshold: float = 8.0) -> list[int]:
    """Times of the first pictures of new shots.

    Args:
        pictures: (time in microseconds, uint8 pixels), in the order of time, all of one shape.
        threshold: smallest difference, of 255.
    """
    finder = CutFinder(threshold)
    return [cut for time, pixels in pictures for cut in finder.add(time, pixels)] + finder.end()


class CutFinder:
    """Finds cuts in pictures as they come. A cut is told when a quarter of a second and six pictures more are seen."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._flash_us = to_us(_FLASH_S)
        self._times: deque[int] = deque()
        self._pictures: deque[NDArray[np.int16]] = deque()
        self._steps: deque[float] = deque()  # steps[i]: difference of picture i from the one before
        self._next = 1  # index of the first picture that is not decided
        self._last: int | None = None

    def add(self, time_us: int, pixels: NDArray[np.uint8]) -> list[int]:
        """The next picture; times of cuts that are sure by now."""
        picture = pixels.astype(np.int16)
        self._steps.append(_difference(self._pictures[-1], picture) if self._pictures else 0.0)
        self._times.append(time_us)
        self._pictures.append(picture)
        found = []
        while self._next + _AROUND < len(self._times) and self._times[-1] - self._times[self._next] >= self._flash_us:
            found += self._decide()
        return found

    def end(self) -> list[int]:
        """Times of the last cuts."""
        found = []
        while self._next < len(self._times):
            found += self._decide()
        return found

    def _decide(self) -> list[int]:
        at = self._next
        found = []
        if (self._last is None or self._times[at] - self._last > self._flash_us) and self._is_cut(at):
            self._last = self._times[at]
            found = [self._last]
        self._next += 1
        # What lies further back than a flash and the neighbourhood is not needed any more.
        while self._next > _AROUND + 1 and self._times[self._next - 1] - self._times[1] > self._flash_us:
            for remembered in (self._times, self._pictures, self._steps):
                remembered.popleft()
            self._next -= 1
        return found

    def _is_cut(self, at: int) -> bool:
        step = self._steps[at]
        if step < self._threshold:
            return False
        first = max(1, at - _AROUND)
        around = [self._steps[i] for i in range(first, min(len(self._steps), at + _AROUND + 1)) if i != at]
        # Of two steps over a blended picture the larger one counts. The second largest of the others, not only their
        # mean: where each picture is shown three times, two of three steps are zero. The largest may be another cut.
        following = self._steps[at + 1] if at + 1 < len(self._steps) else 0.0
        second = sorted(around)[-2] if len(around) > 1 else 0.0
        if step <= following or step < _STANDS_OUT * float(np.mean(around or [0.0])) or step < _TWICE * second:
            return False
        if _changed(self._pictures[at - 1], self._pictures[at]) < _CHANGED:
            return False
        before = [i for i in range(at) if self._times[at] - self._times[i] <= self._flash_us] or [at - 1]
        after = [i for i in range(at, len(self._times)) if self._times[i] - self._times[at] <= self._flash_us]
        return all(
            _difference(self._pictures[i], self._pictures[k]) > _STAYS * step
            for i in before
            for k in after
            if (i, k) != (at - 1, at)
        )


def _difference(one: NDArray[np.int16], other: NDArray[np.int16]) -> float:
    """Mean absolute difference of the pixels, in [0, 255]."""
    return float(np.abs(one - other).mean())


def _changed(one: NDArray[np.int16], other: NDArray[np.int16]) -> float:
    """The part of the picture that is different, in [0, 1], leaving out what is black in both."""
    lit = np.maximum(one.max(axis=2), other.max(axis=2)) > _DARK_TO
    different = np.abs(one - other).mean(axis=2) > _SAME_TO
    return float((different & lit).sum() / max(1, lit.sum()))
