"""Where a long recording is cut into blocks, so that memory does not grow with its length.

A cut lies in the quietest place near the end of a block: a voiced stretch is then rarely cut. Cuts depend on the sound
alone, never on the machine or on what else is measured.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Read = Callable[[int, int], NDArray[np.float32]]
"""Samples from the first to before the second index, in [-1, 1]; cut to where there are any."""

BLOCK_S = 120.0
"""No block is longer, unless something else is asked for."""
SEARCH_SHARE = 0.125
"""The cut lies in this last share of a block."""
QUIET_S = 0.2
"""The mean square is taken over so long a stretch around a cut."""


def cuts(read: Read, length: int, rate_hz: int, hop: int, longest_s: float = BLOCK_S) -> list[int]:
    """Sample indices 0, ..., length that bound the blocks; all but the last are multiples of `hop`. [0] of no sound.

    The earliest of equally quiet places is taken.
    """
    if not length:
        return [0]
    found = [0]
    block = int(longest_s * rate_hz)
    search = int(SEARCH_SHARE * block)
    while length - found[-1] > block:
        first = -(-(found[-1] + block - search) // hop) * hop
        sound = read(first, found[-1] + block).astype(np.float64)
        hops = len(sound) // hop
        power = np.square(sound[: hops * hop]).reshape(hops, hop).sum(axis=1)
        width = max(round(QUIET_S * rate_hz / hop / 2), 1)
        # Sums of so many hops on either side of each inner border between two hops.
        total = np.concatenate([[0.0], np.cumsum(power)])
        around = total[2 * width :] - total[: -2 * width]
        found.append(first + (int(np.argmin(around)) + width) * hop)
    return [*found, length]


def mean_and_peak(read: Read, length: int, rate_hz: int) -> tuple[float, float]:
    """The mean of the whole sound, and its largest distance from it: Praat's thresholds are shares of that."""
    total, least, most = 0.0, np.inf, -np.inf
    at_a_time = int(BLOCK_S * rate_hz)
    for first in range(0, length, at_a_time):
        sound = read(first, min(first + at_a_time, length))
        total += float(sound.sum(dtype=np.float64))
        least, most = min(least, float(sound.min())), max(most, float(sound.max()))
    mean = total / length if length else 0.0
    return mean, max(most - mean, mean - least, 0.0)
