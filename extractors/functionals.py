"""One row of numbers for a segment: statistics of its prosody, and how fast and with what pauses was spoken.

In the manner of eGeMAPS (Eyben et al. 2016, IEEE Trans. Affective Computing 7(2)): the same kinds of statistics over
voiced frames, but of Praat's measurements, so the numbers are not openSMILE's. Those are made by extractors.egemaps.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.clock import to_us, to_us_array
from schemas.track import Track
from schemas.transcript import Word

SEMITONE_ZERO_HZ = 27.5
"""Zero of the semitone scale, as in eGeMAPS: the A of the lowest octave."""
PAUSE_S = 0.25
"""A silence between two words that long is a pause; shorter ones are articulation (Goldman-Eisler 1968)."""

_CONTOURS = (
    ("f0_semitone", "f0_hz"),
    *(
        (name, name)
        for name in (
            "intensity_db",
            "hnr_praat_db",
            "jitter_local_praat",
            "shimmer_local_praat",
            "f1_hz",
            "f2_hz",
            "f3_hz",
            "spectral_centroid_hz",
            "spectral_flux",
            "spectral_rolloff_hz",
        )
    ),
)
_CEPSTRA = tuple(f"mfcc_{number:02d}" for number in range(1, 14))
_COLUMNS = (*(column for _, column in _CONTOURS), *_CEPSTRA)
_NAMES = (*(name for name, _ in _CONTOURS), *_CEPSTRA)
_STATISTICS = ("mean", "sd", "p20", "p50", "p80", "range_p20_p80", "slope_per_s")
_MOVES = ("f0_semitone", "intensity_db")
_SHARES = (0.2, 0.5, 0.8)

FUNCTIONAL_NAMES: tuple[str, ...] = (
    "voiced_share",
    *(f"{name}_{statistic}" for name, _ in _CONTOURS for statistic in _STATISTICS),
    *(f"{name}_{move}_slope_per_s" for name in _MOVES for move in ("rising", "falling")),
    *(f"{name}_{statistic}" for name in _CEPSTRA for statistic in ("mean", "sd")),
)
"""The keys of `functionals`, in order."""

SPEECH_RATE_NAMES: tuple[str, ...] = (
    "words",
    "words_per_s",
    "articulation_words_per_s",
    "pauses",
    "pause_total_s",
    "pause_mean_s",
)
"""The keys of `speech_rate`, in order."""


def functionals(track: Track, start_s: float, end_s: float) -> dict[str, float | None]:
    """Statistics of the frames whose time lies in `[start_s, end_s)`.

    - mean, sd (of the population), 20th, 50th and 80th percentile (interpolated linearly), the distance of the outer
      two, and the slope of a straight line fitted by least squares, in units a second; over the frames that are valid.
      F0 in semitones re 27.5 Hz. Slopes, like sd, take two frames.
    - `_rising_slope_per_s`, `_falling_slope_per_s` of F0 and intensity: the mean slope of the stretches in which the
      contour, averaged over three neighbouring frames, moves one way without a break.
    - `voiced_share`: of the frames in which voicing could be judged.

    Args:
        track: the `prosody` track.
        start_s: seconds.
        end_s: seconds.

    Returns:
        FUNCTIONAL_NAMES to values; None where nothing was measured, or the track has no such column.
    """
    first, stop = _frames_from(track, start_s), _frames_from(track, end_s)
    times = track.times[first:stop]
    values = np.full((len(times), len(_COLUMNS)), np.nan)
    places = {column: place for place, column in enumerate(track.columns)}
    known = [place for place, column in enumerate(_COLUMNS) if column in places]
    values[:, known] = track.values[first:stop, [places[_COLUMNS[place]] for place in known]]
    values[:, 0] = 12 * np.log2(values[:, 0] / SEMITONE_ZERO_HZ)
    table = dict(zip(_NAMES, _statistics(times, values), strict=True))
    found: dict[str, float] = {
        f"{name}_{statistic}": value
        for name in _NAMES
        for statistic, value in zip(_STATISTICS, table[name], strict=True)
    }
    for name in _MOVES:
        rising, falling = moves(times, values[:, _NAMES.index(name)])
        found[f"{name}_rising_slope_per_s"], found[f"{name}_falling_slope_per_s"] = rising, falling
    voiced = track.values[first:stop, places["voiced"]] if "voiced" in places else np.empty(0)
    judged = voiced[~np.isnan(voiced)]
    found["voiced_share"] = float(judged.mean(dtype=np.float64)) if len(judged) else np.nan
    return {name: _or_none(found[name]) for name in FUNCTIONAL_NAMES}


def _frames_from(track: Track, moment_s: float) -> int:
    """Index of the first frame at or after a moment, compared in whole microseconds, without converting all times."""
    moment = to_us(moment_s)
    first, stop = np.searchsorted(track.times, [moment_s - 1e-6, moment_s + 1e-6], "left")
    return int(first + np.searchsorted(to_us_array(track.times[first:stop]), moment, "left"))


def _statistics(times: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The statistics of every column, shape (columns, 7), NaN where undefined."""
    measured = ~np.isnan(values)
    number = measured.sum(axis=0)
    filled = np.where(measured, values, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = filled.sum(axis=0) / number
        deviation = np.where(measured, values - mean, 0.0)
        sd = np.sqrt(np.square(deviation).sum(axis=0) / number)
        moment = np.where(measured, times[:, None], 0.0)
        lever = np.where(measured, times[:, None] - moment.sum(axis=0) / number, 0.0)
        slope = (lever * deviation).sum(axis=0) / np.square(lever).sum(axis=0)
    few = number < 2  # noqa: PLR2004 - spread and slope take two
    sd[few] = slope[few] = np.nan
    p20, p50, p80 = _percentiles(values, number)
    return np.stack([mean, sd, p20, p50, p80, p80 - p20, slope], axis=1)


def _percentiles(values: NDArray[np.float64], number: NDArray[np.int64]) -> list[NDArray[np.float64]]:
    """Percentiles of what is measured in each column, between neighbours linearly: one sort for all of them."""
    if not len(values):
        return [np.full(values.shape[1], np.nan)] * len(_SHARES)
    ordered = np.sort(values, axis=0)  # NaN last
    columns = np.arange(values.shape[1])
    found = []
    for share in _SHARES:
        place = share * np.maximum(number - 1, 0)
        low = np.floor(place).astype(np.int64)
        high = np.minimum(low + 1, np.maximum(number - 1, 0))
        below, above = ordered[low, columns], ordered[high, columns]
        found.append(below + (above - below) * (place - low))
    return found


def moves(times: NDArray[np.float64], contour: NDArray[np.float64]) -> tuple[float, float]:
    """Mean slope, in units a second, of the rising and of the falling stretches of a contour; NaN where there is none.

    The contour is averaged over three neighbouring frames; a stretch ends where it turns, or where a value is missing.

    Args:
        times: float64[T], seconds.
        contour: float64[T], NaN where not measured.
    """
    if len(contour) < 4:  # noqa: PLR2004 - two means of three
        return np.nan, np.nan
    smooth = (contour[:-2] + contour[1:-1] + contour[2:]) / 3
    at = times[1:-1]
    step = np.diff(smooth)
    direction = np.where(np.isnan(step), 0, np.sign(step)).astype(np.int64)
    begins = np.flatnonzero(np.concatenate([[True], direction[1:] != direction[:-1]]))
    ends = np.append(begins[1:], len(direction))
    slopes = (smooth[ends] - smooth[begins]) / (at[ends] - at[begins])
    way = direction[begins]
    rising, falling = slopes[way > 0], slopes[way < 0]
    return (float(rising.mean()) if len(rising) else np.nan, float(falling.mean()) if len(falling) else np.nan)


def speech_rate(words: Sequence[Word], start_s: float, end_s: float) -> dict[str, float | None]:
    """How fast was spoken, of the words whose middle lies in `[start_s, end_s)`.

    - `words`, `words_per_s`: over the whole segment, silences included.
    - `pauses`, `pause_total_s`, `pause_mean_s`: silences of at least 0.25 s between two of the words. Silence before
      the first and after the last word is no pause: it depends on where the segment was cut.
    - `articulation_words_per_s`: words a second from the first word's start to the last one's end without the pauses.

    No rate of syllables is given: none can be had from words without a dictionary for each language.

    Args:
        words: on the recording's clock, in any order.
        start_s: seconds.
        end_s: seconds.

    Returns:
        SPEECH_RATE_NAMES to values; None where undefined (no word, no time, the mean of no pause).
    """
    begin, end = to_us(start_s), to_us(end_s)
    inside = sorted(
        (to_us(word.start), to_us(word.end))
        for word in words
        if 2 * begin <= to_us(word.start) + to_us(word.end) < 2 * end
    )
    pauses = []
    said_to = inside[0][1] if inside else 0
    for word_begin, word_end in inside[1:]:
        if word_begin - said_to >= to_us(PAUSE_S):
            pauses.append((word_begin - said_to) / 1e6)
        said_to = max(said_to, word_end)
    number, total = len(inside), float(sum(pauses))
    lasts = (end - begin) / 1e6
    speaking = (said_to - inside[0][0]) / 1e6 - total if inside else 0.0
    found: dict[str, float | None] = {
        "words": float(number),
        "words_per_s": number / lasts if lasts > 0 else None,
        "articulation_words_per_s": number / speaking if speaking > 0 else None,
        "pauses": float(len(pauses)) if inside else None,
        "pause_total_s": total if inside else None,
        "pause_mean_s": total / len(pauses) if pauses else None,
    }
    return {name: found[name] for name in SPEECH_RATE_NAMES}


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
