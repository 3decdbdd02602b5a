"""What a decode pass found: how far the recording really goes, and what a reader should know of it."""

import re

import numpy as np
from numpy.typing import NDArray

from pipelines.watching.decode import Ended
from schemas.facts import Facts, Watched
from schemas.watching import SoundWanted

_APART_S = 0.5
"""Sound and pictures rarely end together; more than this is worth a remark."""
_SHORT = 0.02
_MUTE_S = 3.0
"""A microphone is never without noise: so long a stretch of zeros at the end means that sound was cut off or lost."""
_UNKNOWN_RATE_FPS = 25.0


class Gauge:
    """Collects times while a recording is decoded."""

    def __init__(self) -> None:
        self._frames = 0
        self._first_us = 0
        self._last_us = 0
        self._length_us = 0
        self._samples = 0
        self._heard = 0
        self._spans: tuple[tuple[float, float], ...] = ()
        self._ended: Ended | None = None

    @property
    def anything(self) -> bool:
        """Whether anything could be decoded."""
        return bool(self._frames or self._spans)

    def picture(self, time_us: int, length_us: int) -> None:
        """A picture; those before the clock's zero are not shown and do not count."""
        if time_us < 0:
            return
        self._first_us = min(self._first_us, time_us) if self._frames else time_us
        if not self._frames or time_us > self._last_us:
            self._last_us, self._length_us = time_us, length_us
        self._frames += 1

    def sound(self, samples: NDArray[np.int16]) -> None:
        """The next samples, int16[N], at the rate of `SoundWanted`."""
        if samples.any():
            self._heard = self._samples + int(np.flatnonzero(samples)[-1]) + 1
        self._samples += len(samples)

    def end(self, ended: Ended, spans: tuple[tuple[float, float], ...]) -> None:
        """The pass is over; spans: where there is sound, in seconds."""
        self._ended = ended
        self._spans = spans

    def watched(self, facts: Facts) -> Watched:
        """The artifact."""
        if facts.form == "image":
            return Watched(
                duration_s=None,
                frames=self._frames,
                frame_start_s=0.0 if self._frames else None,
                defects=self._errors(),
            )
        rate_fps = (facts.picture.rate_fps if facts.picture else None) or _UNKNOWN_RATE_FPS
        frame_end_us = self._last_us + (self._length_us if self._length_us > 0 else round(1e6 / rate_fps))
        frame_end_s = frame_end_us / 1e6 if self._frames else 0.0
        sound_end_s = self._spans[-1][1] if self._spans else 0.0
        duration_s = max(frame_end_s, sound_end_s)
        return Watched(
            duration_s=duration_s,
            frames=self._frames,
            frame_start_s=self._first_us / 1e6 if self._frames else None,
            frame_end_s=frame_end_s if self._frames else None,
            sound_spans=self._spans,
            defects=(
                *_shortfalls(facts, duration_s, frame_end_s, sound_end_s),
                *self._gaps(),
                *self._mute(),
                *self._errors(),
            ),
        )

    def _gaps(self) -> tuple[str, ...]:
        gaps = [after[0] - before[1] for before, after in zip(self._spans, self._spans[1:], strict=False)]
        if not gaps:
            return ()
        count = "1 gap" if len(gaps) == 1 else f"{len(gaps)} gaps"
        return (f"the sound has {count}, {sum(gaps):.2f} s in all",)

    def _mute(self) -> tuple[str, ...]:
        rate_hz = SoundWanted().rate_hz
        if self._samples - self._heard < _MUTE_S * rate_hz:
            return ()
        return (f"the sound holds nothing but zeros from {self._heard / rate_hz:.2f} s to its end",)

    def _errors(self) -> tuple[str, ...]:
        if self._ended is None or not (self._ended.complaints.count or self._ended.code):
            return ()
        told = self._ended.complaints
        count = "1 error" if told.count == 1 else f"{told.count} errors"
        return (f"ffmpeg reports {count} while decoding, first: {readable(told.first) or 'nothing said'}",)


def readable(line: str) -> str:
    """A line of ffmpeg without what only ffmpeg's authors need."""
    return re.sub(r"/dev/fd/\d+", "the file", line)


def _shortfalls(facts: Facts, duration_s: float, frame_end_s: float, sound_end_s: float) -> tuple[str, ...]:
    found = []
    declared = facts.duration_s
    if declared is not None and declared - duration_s > max(_APART_S, _SHORT * declared):
        found.append(f"declares {declared:.1f} s, {duration_s:.1f} s could be decoded")
    if facts.picture is not None and facts.form == "video" and not frame_end_s:
        found.append("no picture could be decoded")
    elif facts.sound is not None and not sound_end_s:
        found.append("no sound could be decoded")
    elif facts.picture is not None and facts.sound is not None:
        if frame_end_s - sound_end_s > _APART_S:
            found.append(f"the sound ends at {sound_end_s:.2f} s, the pictures at {frame_end_s:.2f} s")
        elif sound_end_s - frame_end_s > _APART_S:
            found.append(f"the pictures end at {frame_end_s:.2f} s, the sound at {sound_end_s:.2f} s")
    return tuple(found)
