"""Marks of the sound by which a copy of it is known: re-encoded, louder, band-limited, cut, or played a little faster.

Peaks of the spectrum outlive codecs and noise (Wang 2003: An industrial-strength audio search algorithm, ISMIR). Three
of them, on an axis of octaves, make a shape that stays what it is when the sound is played faster, with or without its
pitch (Six and Leman 2014: Panako, ISMIR): the intervals between the peaks, and the proportion of the times.
"""

from functools import cache
from typing import Annotated, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from schemas.facts import Facts, Watched
from schemas.likeness import SoundMarks
from schemas.step import Recording
from schemas.watching import SoundWanted, Watcher

RATE_HZ: Final = 16_000
_WINDOW: Final = 2048
_HOP: Final = 256
_LOWEST_HZ: Final = 300.0
_BANDS_AN_OCTAVE: Final = 24
_BANDS: Final = 84
"""Three and a half octaves: 300 to 3,394 Hz, which a telephone lets through."""
_AROUND_BANDS: Final = 4
_AROUND_FRAMES: Final = 8
"""A peak is the largest within a sixth of an octave and an eighth of a second on each side."""
_QUIET_DB: Final = 50.0
"""Peaks so far below the loudest one are no marks."""
_FAINT_DB: Final = 20.0
"""Nor are those that a sound of the size of one or two steps of 16 bits makes."""
_STANDS_OUT_DB: Final = 3.0
"""Over the mean of what is around."""
_SWELLS_DB: Final = 1.0
"""Over the mean of its own band: where a steady tone is largest, nothing but rounding says."""
_FOLLOWERS: Final = 5
_NEAREST_S: Final = 0.04
_FURTHEST_S: Final = 1.5
_WIDEST: Final = 1.5
"""Octaves between the peaks of a mark."""
_KEPT: Final = 2
"""One mark in so many is kept: which, its key says, so that copies keep the same ones."""
_MANY_FRAMES: Final = 2048
"""Frames whose spectra are made at a time."""


class SoundMarking(Watcher):
    """Marks of the first minutes of the sound."""

    key: ClassVar[str] = "sound-marks.v2"

    seconds: Annotated[float, Field(gt=0, le=3600)] = 120
    """Of the sound, from the start."""

    @property
    def makes(self) -> tuple[str, ...]:
        """The `sound_marks` artifact, schemas.likeness.SoundMarks."""
        return ("sound_marks",)

    @property
    def wants(self) -> SoundWanted:
        """The sound that others listen to."""
        return SoundWanted(rate_hz=RATE_HZ)

    def begin(self, recording: Recording, facts: Facts, model: Any) -> "Marking":
        """Start to listen."""
        return Marking(recording, self.seconds)


class Marking:
    """Sound being listened to. schemas.watching.Watching says when what is called."""

    def __init__(self, recording: Recording, seconds: float) -> None:
        self._recording = recording
        self._most = round(seconds * RATE_HZ)
        self._heard = 0
        self._sound: list[NDArray[np.int16]] = []

    def sound(self, samples: NDArray[np.int16]) -> None:
        """Keep what is wanted of it."""
        wanted = samples[: self._most - self._heard]
        if len(wanted):
            self._sound.append(wanted.copy())
            self._heard += len(wanted)

    def picture(self, time_us: int, pixels: NDArray[np.uint8]) -> None:
        """Not wanted."""

    def jpeg(self, time_us: int, data: bytes) -> None:
        """Not wanted."""

    def finish(self, watched: Watched) -> None:
        """Make the artifact."""
        sound = np.concatenate([np.zeros(0, np.int16), *self._sound])
        keys, times = marks(sound)
        self._recording.write("sound_marks", SoundMarks(keys, times, self._heard / RATE_HZ))

    def abandon(self) -> None:
        """Let go of the sound."""
        self._sound.clear()


def marks(sound: NDArray[np.int16]) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """Keys and times in seconds of the marks of a sound, in the order of time.

    sound: int16[n] at 16 kHz. A sound without contrast (silence, one tone, steady noise of no account) has none.
    """
    times, octaves = peaks(levels(sound))
    keys, at = _shapes(times, octaves)
    mine = _mixed(keys) % _KEPT == 0
    keys, at = keys[mine], at[mine]
    order = np.lexsort((keys, at))
    return keys[order], at[order].astype(np.float32)


def levels(sound: NDArray[np.int16]) -> NDArray[np.float32]:
    """Levels in dB re one step of 16 bits, float32[frames, bands]: frame k is about sample 256 k."""
    padded = np.concatenate([np.zeros(_WINDOW // 2, np.int16), sound, np.zeros(_WINDOW // 2, np.int16)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    window = (np.hanning(_WINDOW) / (_WINDOW / 4)).astype(np.float32)
    bins, bands = _heard()
    found: list[NDArray[np.float32]] = [np.zeros((0, _BANDS), np.float32)]
    for first in range(0, len(frames), _MANY_FRAMES):
        spectrum = np.fft.rfft(frames[first : first + _MANY_FRAMES] * window, axis=1)[:, bins]
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        found.append(np.float32(10) * np.log10(power @ bands + np.float32(1e-3)))
    return np.concatenate(found)


@cache
def _heard() -> tuple[slice, NDArray[np.float32]]:
    """The bins of the spectrum that any band reaches to, and the bands over these, float32[bins, bands]."""
    bands = _filters()
    reached = np.flatnonzero(bands.any(axis=1))
    bins = slice(int(reached[0]), int(reached[-1]) + 1)
    return bins, bands[bins].astype(np.float32)


def _filters() -> NDArray[np.float64]:
    """Triangles over the spectrum's bins, one a band, each reaching to its neighbours' centres or two bins far."""
    centres = _LOWEST_HZ * 2 ** (np.arange(-1, _BANDS + 1) / _BANDS_AN_OCTAVE)
    bins = np.arange(_WINDOW // 2 + 1) * RATE_HZ / _WINDOW
    least = 2 * RATE_HZ / _WINDOW
    below = np.maximum(centres[1:-1] - centres[:-2], least)
    above = np.maximum(centres[2:] - centres[1:-1], least)
    away = bins[:, None] - centres[1:-1]
    filters: NDArray[np.float64] = np.clip(1 - np.where(away < 0, -away / below, away / above), 0, None)
    return np.asarray(filters / filters.sum(axis=0))


def peaks(level: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times in seconds and heights in octaves above 300 Hz of the peaks, in the order of time.

    level: float32[frames, bands], dB. Places between frames and bands are those of a parabola through three of them.
    """
    nothing = np.zeros(0), np.zeros(0)
    if len(level) < 3:  # noqa: PLR2004 - a peak has a neighbour on each side
        return nothing
    around = _largest(_largest(level, _AROUND_FRAMES, 0), _AROUND_BANDS, 1)
    floor = max(float(level.max()) - _QUIET_DB, _FAINT_DB)
    before_and_after = _mean(level, 2 * _AROUND_FRAMES, 0)
    usual = _mean(before_and_after, 2 * _AROUND_BANDS, 1)
    is_peak = (level == around) & (level > floor) & (level > usual + _STANDS_OUT_DB)
    is_peak &= level > before_and_after + _SWELLS_DB
    is_peak[[0, -1]] = False
    is_peak[:, [0, -1]] = False
    frame, band = np.nonzero(is_peak)
    in_time = _offset(level[frame - 1, band], level[frame, band], level[frame + 1, band])
    in_height = _offset(level[frame, band - 1], level[frame, band], level[frame, band + 1])
    times = (frame + in_time) * _HOP / RATE_HZ
    order = np.lexsort((band, times))
    return times[order], ((band + in_height) / _BANDS_AN_OCTAVE)[order]


def _largest(values: NDArray[np.float32], reach: int, axis: int) -> NDArray[np.float32]:
    widths = [(reach, reach) if at == axis else (0, 0) for at in range(2)]
    padded = np.pad(values, widths, constant_values=-np.inf)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis).max(axis=-1))


def _mean(values: NDArray[np.float32], reach: int, axis: int) -> NDArray[np.float32]:
    widths = [(reach, reach) if at == axis else (0, 0) for at in range(2)]
    padded = np.pad(values, widths, mode="edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis).mean(axis=-1))


def _offset(before: NDArray[np.float32], here: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.float64]:
    """Where between -1/2 and 1/2 the top of the parabola is."""
    bend = before.astype(np.float64) - 2.0 * here + after
    with np.errstate(divide="ignore", invalid="ignore"):
        offset = np.where(bend < 0, (before.astype(np.float64) - after) / (2 * bend), 0.0)
    return np.asarray(np.clip(offset, -0.5, 0.5))


def _shapes(times: NDArray[np.float64], octaves: NDArray[np.float64]) -> tuple[NDArray[np.uint32], NDArray[np.float64]]:
    """Keys and times of all shapes of a peak and two of the five that follow it."""
    keys: list[NDArray[np.uint32]] = [np.zeros(0, np.uint32)]
    at: list[NDArray[np.float64]] = [np.zeros(0)]
    count = len(times)
    first = np.searchsorted(times, times + _NEAREST_S)
    for one in range(_FOLLOWERS):
        for other in range(one + 1, _FOLLOWERS):
            second, third = first + one, first + other
            here = np.flatnonzero(third < count)
            b, c = second[here], third[here]
            long, short = times[c] - times[here], times[b] - times[here]
            up, further = octaves[b] - octaves[here], octaves[c] - octaves[here]
            fits = (long < _FURTHEST_S) & (np.abs(up) < _WIDEST) & (np.abs(further) < _WIDEST)
            keys.append(_key(octaves[here], up, further, short / long, long)[fits])
            at.append(times[here][fits])
    return np.concatenate(keys), np.concatenate(at)


def _key(
    height: NDArray[np.float64],
    up: NDArray[np.float64],
    further: NDArray[np.float64],
    share: NDArray[np.float64],
    long: NDArray[np.float64],
) -> NDArray[np.uint32]:
    """Height to a quarter of an octave, intervals to a twelfth, the proportion to a sixteenth, the length to an eighth.

    So coarse that a twenty-fifth more speed changes few of them: 4 + 6 + 6 + 4 + 5 bits.
    """
    parts = (
        (np.clip(np.floor(height * 4), 0, 15), 16),
        (np.floor((up + _WIDEST) * 12), 64),
        (np.floor((further + _WIDEST) * 12), 64),
        (np.clip(np.floor(share * 16), 0, 15), 16),
        (np.clip(np.floor(np.log2(np.maximum(long, _NEAREST_S) / _NEAREST_S) * 6), 0, 31), 32),
    )
    key = np.zeros(len(height), np.uint32)
    for value, many in parts:
        key = key * np.uint32(many) + value.astype(np.uint32)
    return key


def _mixed(keys: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The keys, shuffled: MurmurHash3's last step (Appleby 2011)."""
    mixed = keys.copy()
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        mixed ^= mixed >> np.uint32(shift)
        mixed *= np.uint32(factor)
    return mixed ^ (mixed >> np.uint32(16))
