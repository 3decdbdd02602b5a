"""A tone in the place of words that are not to be heard."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

_AROUND_S = 0.12
"""Times of words are off by so much: what a recogniser says of them is a few hundredths of a second late or early."""
_HERTZ, _LEVEL = 440.0, 0.06
_FADE_S = 0.01

Stretch = tuple[float, float]
"""From when to when, in seconds."""


def beeped(
    samples: NDArray[np.float64], rate_hz: int, start_s: float, stretches: Iterable[Stretch]
) -> NDArray[np.float64]:
    """The samples with nothing but a tone in these stretches, and a little around them.

    Args:
        samples: float64[n] in [-1, 1].
        rate_hz: of the samples.
        start_s: when the first of them is heard, on the clock of the stretches.
        stretches: in any order; what lies outside is passed over.
    """
    covered = np.zeros(len(samples), np.bool_)
    for begin, end in stretches:
        first, last = round((begin - _AROUND_S - start_s) * rate_hz), round((end + _AROUND_S - start_s) * rate_hz)
        covered[max(0, first) : max(0, last)] = True
    if not covered.any():
        return samples
    tone = _LEVEL * np.sin(2 * np.pi * _HERTZ * np.arange(len(samples)) / rate_hz)
    fade = round(_FADE_S * rate_hz)
    # Soft edges lie inside: outside of the stretch nothing is changed, and nothing of the words fades into it.
    share = np.convolve(covered, np.ones(fade) / fade)
    soft = np.minimum(share[: len(samples)], share[fade - 1 :])
    return np.where(covered, tone * soft, samples)
