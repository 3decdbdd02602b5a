"""Decoded sound put on the clock: sample n is at n / rate seconds, whatever the packets' times say on the way."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_ZEROS = 1 << 18


class Placing:
    """The sound of one recording as its packets come.

    A packet that starts more than `tolerance_ms` after the end of the one before leaves a gap, filled with zeros;
    one that starts as much before it has its beginning cut off. Less than that is the wobble of containers that
    count in milliseconds, and the samples are joined. The first packet is placed exactly.
    """

    def __init__(self, rate_hz: int, tolerance_ms: float = 20.0) -> None:
        self._rate_hz = rate_hz
        self._tolerance = round(rate_hz * tolerance_ms / 1000)
        self.samples = 0
        """How many samples there are by now, zeros included."""
        self._spans: list[list[int]] = []

    def place(self, time_us: int, samples: NDArray[np.int16]) -> Iterator[NDArray[np.int16]]:
        """What to add to the sound: zeros of a gap in pieces, then the packet's samples, shape (n,)."""
        late = round(time_us * self._rate_hz / 1_000_000) - self.samples
        if not self._spans or abs(late) > self._tolerance:
            if late < 0:
                samples = samples[-late:]
            elif late > 0 and len(samples):
                for start in range(0, late, _ZEROS):
                    yield np.zeros(min(_ZEROS, late - start), np.int16)
                self.samples += late
        if not len(samples):
            return
        if self._spans and self._spans[-1][1] == self.samples:
            self._spans[-1][1] += len(samples)
        else:
            self._spans.append([self.samples, self.samples + len(samples)])
        self.samples += len(samples)
        yield samples

    @property
    def spans_s(self) -> tuple[tuple[float, float], ...]:
        """Where there is sound: (start, end) in seconds."""
        return tuple((start / self._rate_hz, end / self._rate_hz) for start, end in self._spans)
