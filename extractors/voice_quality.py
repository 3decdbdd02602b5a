"""Jitter and shimmer in a window that slides over the pulses of a voice."""

import numpy as np
from numpy.typing import NDArray

from extractors.praat import PERIOD_FACTOR, PERIOD_S, Pulses

Floats = NDArray[np.float64]

AMPLITUDE_FACTOR = 1.6
"""Neighbouring amplitudes that differ by more do not count: Praat's standard."""
_SAME_S = 1e-9


def jitter_local(pulses: Pulses, centres: Floats, window_s: float) -> Floats:
    """Mean absolute difference of neighbouring periods, as a share of the mean period; Praat's "jitter (local)".

    Args:
        pulses: times of the glottal pulses.
        centres: float64[T], seconds.
        window_s: pulses in [centre - window_s / 2, centre + window_s / 2] count.

    Returns:
        shape (T,), 0 or more (0.01 is 1 %); NaN where the window holds no two neighbouring regular periods.
    """
    periods = np.diff(pulses.times)
    if len(periods) < 2:  # noqa: PLR2004 - a difference takes two
        return np.full(len(centres), np.nan)
    in_range = (periods >= PERIOD_S[0]) & (periods <= PERIOD_S[1])
    leaps = _ratio(periods[:-1], periods[1:]) > PERIOD_FACTOR
    counted = in_range[:-1] & in_range[1:] & ~leaps
    # As Praat counts: a period is regular where it follows or leads to a like one.
    edge = np.ones(1, np.bool_)
    regular = in_range & ~(np.concatenate([edge, leaps]) & np.concatenate([leaps, edge]))
    first, stop = _inside(pulses.times, centres, window_s)
    difference, pairs = _sums(np.abs(np.diff(periods)), counted, first, stop - 2)
    total, number = _sums(periods, regular, first, stop - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (difference / pairs) / (total / number)
    return np.where((pairs > 0) & (number > 0), share, np.nan)


def shimmer_local(pulses: Pulses, centres: Floats, window_s: float) -> Floats:
    """Mean absolute difference of neighbouring periods' amplitudes, as a share of their mean: "shimmer (local)".

    Arguments as in `jitter_local`. Returns shape (T,), 0 or more; NaN where the window holds no two neighbouring
    periods with amplitudes.
    """
    at, amplitudes = pulses.amplitude_times, pulses.amplitudes
    if len(at) < 2 or len(pulses.times) < 3:  # noqa: PLR2004 - a difference takes two, each inside three pulses
        return np.full(len(centres), np.nan)
    period = np.diff(at)
    counted = (period >= PERIOD_S[0]) & (period <= PERIOD_S[1])
    counted &= _ratio(amplitudes[:-1], amplitudes[1:]) <= AMPLITUDE_FACTOR
    outer_first, outer_stop = _inside(pulses.times, centres, window_s)
    # A pulse has an amplitude in the window only where its neighbours are in the window too.
    last = len(pulses.times) - 1
    begin = pulses.times[np.clip(outer_first + 1, 0, last)]
    end = pulses.times[np.clip(outer_stop - 2, 0, last)]
    first = np.searchsorted(at, begin - _SAME_S, "left")
    stop = np.where(outer_stop - outer_first > 2, np.searchsorted(at, end + _SAME_S, "right"), first)  # noqa: PLR2004
    difference, pairs = _sums(np.abs(np.diff(amplitudes)), counted, first, stop - 1)
    total, number = _sums(amplitudes, np.ones(len(at), np.bool_), first, stop - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (difference / pairs) / (total / number)
    return np.where((pairs > 0) & (number > 0), share, np.nan)


def _ratio(one: Floats, other: Floats) -> Floats:
    ratio: Floats = np.maximum(one, other) / np.minimum(one, other)
    return ratio


def _inside(times: Floats, centres: Floats, window_s: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    first = np.searchsorted(times, centres - window_s / 2, "left")
    return first.astype(np.int64), np.searchsorted(times, centres + window_s / 2, "right").astype(np.int64)


def _sums(
    values: Floats, counted: NDArray[np.bool_], first: NDArray[np.int64], stop: NDArray[np.int64]
) -> tuple[Floats, NDArray[np.int64]]:
    """For each window: the sum of the values that count from first to before stop, and their number."""
    first = np.minimum(first, len(values))
    stop = np.clip(stop, first, len(values))
    total = np.concatenate([[0.0], np.cumsum(np.where(counted, values, 0.0))])
    number = np.concatenate([[0], np.cumsum(counted)])
    return total[stop] - total[first], number[stop] - number[first]
