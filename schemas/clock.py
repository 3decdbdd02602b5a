"""One clock: seconds at the edges that people see, whole microseconds inside.

Intervals are half-open, `[start, end)`, so that no comparison of floats decides who owns a frame.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Microseconds = NDArray[np.int64]

MICROSECONDS_PER_SECOND = 1_000_000


def to_us(seconds: float) -> int:
    """Whole microseconds nearest to `seconds`."""
    return round(seconds * MICROSECONDS_PER_SECOND)


def to_s(microseconds: int) -> float:
    """Seconds of a count of microseconds. `to_us(to_s(n)) == n` for every clock time below 285 years."""
    return microseconds / MICROSECONDS_PER_SECOND


def to_us_array(seconds: ArrayLike) -> Microseconds:
    """`to_us` of an array; shape is kept."""
    scaled: NDArray[Any] = np.rint(np.asarray(seconds, np.float64) * MICROSECONDS_PER_SECOND)
    return scaled.astype(np.int64)
