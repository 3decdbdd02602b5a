"""Watchers that remember what they are shown, and one that fails."""

from typing import Any, ClassVar

import numpy as np

from schemas.errors import MeasurementError
from schemas.facts import Facts, Watched
from schemas.record import Record
from schemas.step import Recording
from schemas.watching import PicturesWanted, SoundWanted, Watcher


class Seen(Record):
    """Times in microseconds, mean brightness, and shapes."""

    times: tuple[int, ...]
    light: tuple[float, ...]
    shapes: tuple[tuple[int, ...], ...]
    left: tuple[float, ...] = ()
    """Brightness of the left half."""


class Heard(Record):
    samples: tuple[int, ...]


class Eyes(Watcher):
    key: ClassVar[str] = "test.eyes.v1"
    kind: str = "eyes"
    fps: float | None = None
    longest_side: int | None = None

    @property
    def makes(self):
        return (self.kind,)

    @property
    def wants(self):
        return PicturesWanted(fps=self.fps, longest_side=self.longest_side)

    def begin(self, recording: Recording, facts: Facts, model: Any):
        return Remembering(recording, self.kind)


class Ears(Watcher):
    key: ClassVar[str] = "test.ears.v1"
    kind: str = "ears"

    @property
    def makes(self):
        return (self.kind,)

    @property
    def wants(self):
        return SoundWanted()

    def begin(self, recording: Recording, facts: Facts, model: Any):
        return Remembering(recording, self.kind)


class Grumpy(Eyes):
    """Raises at the first picture, or at the end: `MeasurementError`, or a defect of the program."""

    kind: str = "mood"
    when: str = "picture"
    defect: bool = False

    def begin(self, recording: Recording, facts: Facts, model: Any):
        return Grumbling(recording, self)


class Remembering:
    def __init__(self, recording, kind):
        self.recording, self.kind = recording, kind
        self.seen, self.heard, self.abandoned = [], [], False

    def sound(self, samples):
        assert samples.dtype == np.int16
        self.heard.append(samples.copy())

    def picture(self, time_us, pixels):
        assert not pixels.flags.writeable
        left = pixels[:, : pixels.shape[1] // 2]
        self.seen.append((time_us, float(pixels.mean()), pixels.shape, float(left.mean())))

    def jpeg(self, time_us, data):
        raise AssertionError("no compressed pictures were wanted")

    def finish(self, watched: Watched):
        if self.heard:
            self.recording.write(self.kind, Heard(samples=tuple(np.concatenate(self.heard).tolist())))
        else:
            times, light, shapes, left = zip(*self.seen, strict=True)
            self.recording.write(self.kind, Seen(times=times, light=light, shapes=shapes, left=left))

    def abandon(self):
        self.abandoned = True


class Grumbling(Remembering):
    def __init__(self, recording, watcher):
        super().__init__(recording, watcher.kind)
        self.watcher = watcher

    def _grumble(self, when):
        if self.watcher.when == when:
            raise RuntimeError("a defect") if self.watcher.defect else MeasurementError("no mood for this")

    def picture(self, time_us, pixels):
        self._grumble("picture")

    def finish(self, watched: Watched):
        self._grumble("finish")
