"""What can be said of a sample by its sound and its words. NaN: it cannot be judged."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipelines.sifting.known import Known, Numbers
from schemas.clock import MICROSECONDS_PER_SECOND, Microseconds, to_us_array
from schemas.track import Track

_LEAST_NOISE_S: Final = 0.3
_QUIET_PART: Final = 10
"""Per cent: so much of the frames without voice are taken to be noise alone."""


def length(known: Known) -> Numbers:
    """Seconds."""
    lasts = (known.spans[:, 1] - known.spans[:, 0]) / MICROSECONDS_PER_SECOND
    return np.where(known.has_clock, lasts, np.nan)


def speech(known: Known) -> Numbers:
    """Share of the time in which somebody speaks, in [0, 1]."""
    if known.voice is None:
        return known.nothing
    spoken = overlap_us(known.spans, to_us_array(known.voice.reshape(-1, 2)))
    return _share(spoken, known)


def _share(part_us: NDArray[np.int64], known: Known) -> Numbers:
    whole = known.spans[:, 1] - known.spans[:, 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(known.has_clock, part_us / whole, np.nan)


def overlap_us(spans: Microseconds, others: Microseconds) -> NDArray[np.int64]:
    """Of each span, how much the others cover: int64[S]. others: in order, not overlapping."""
    before = np.concatenate([[0], np.cumsum(others[:, 1] - others[:, 0])])

    def until(at: NDArray[np.int64]) -> NDArray[np.int64]:
        index = np.searchsorted(others[:, 0], at, side="right")
        last = np.maximum(index - 1, 0)
        part = np.clip(at - others[last, 0], 0, others[last, 1] - others[last, 0]) if len(others) else 0
        return np.asarray(np.where(index > 0, before[last] + part, 0), np.int64)

    return until(spans[:, 1]) - until(spans[:, 0])


def music(known: Known) -> Numbers:
    """Share of the time in which a pitch is heard while nobody speaks, in [0, 1]: music, singing, a hum."""
    if known.voice is None or known.prosody is None:
        return known.nothing
    track = known.prosody
    pitched = (track.column("voiced") > 0) & ~_in_voice(track, known.voice)
    return _mean_in(known, track, pitched.astype(np.float64))


def snr(known: Known) -> Numbers:
    """Level of the speech in the sample over that of the recording's pauses, in dB.

    The mean power of the frames in which somebody speaks, over that of the quietest tenth of those in which nobody
    does. NaN without speech in the sample, or with less than 0.3 s of pauses in the recording.
    """
    if known.voice is None or known.prosody is None:
        return known.nothing
    track = known.prosody
    level = track.column("intensity_db").astype(np.float64)
    spoken = _in_voice(track, known.voice)
    measured = ~np.isnan(level)
    pauses = level[measured & ~spoken]
    lengths = (track.spans[:, 1] - track.spans[:, 0])[measured & ~spoken]
    if lengths.sum() < _LEAST_NOISE_S * MICROSECONDS_PER_SECOND:
        return known.nothing
    noise_db = float(np.percentile(pauses, _QUIET_PART))
    power = np.where(spoken & measured, 10 ** (np.nan_to_num(level) / 10), np.nan)
    with np.errstate(divide="ignore"):
        return np.asarray(10 * np.log10(_mean_in(known, track, power)) - noise_db)


def _in_voice(track: Track, voice: Numbers) -> NDArray[np.bool_]:
    """bool[T]: frames whose middle lies in speech."""
    starts, ends = voice.reshape(-1, 2).T
    at = np.searchsorted(starts, track.times, side="right") - 1
    return (
        np.asarray((at >= 0) & (track.times < ends[np.maximum(at, 0)]), np.bool_)
        if len(starts)
        else np.zeros(len(track), np.bool_)
    )


def _mean_in(known: Known, track: Track, values: Numbers) -> Numbers:
    """The mean of the values, where they are known, of the frames whose time lies in each sample."""
    at = to_us_array(track.times)
    low, high = (np.searchsorted(at, known.spans[:, side]) for side in (0, 1))
    has = ~np.isnan(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(has, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(has)])
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(known.has_clock, (sums[high] - sums[low]) / (counts[high] - counts[low]), np.nan)


def language(known: Known) -> Numbers:
    """Probability that a wanted language is spoken; 1 or 0 where the language was given. NaN where nobody speaks."""
    if known.words is None or known.words.language is None:
        return known.nothing
    wanted = known.words.language in known.allow
    sure = known.words.language_probability
    given = 1.0 if sure is None else sure
    return np.full(len(known.spans), given if wanted else 1.0 - given)
