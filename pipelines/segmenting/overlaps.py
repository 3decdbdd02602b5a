"""Which frames overlap which intervals. All times are whole microseconds; intervals are half-open, `[start, end)`."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.clock import Microseconds
from schemas.track import Track

BLOCK: Final = 64
"""Frames summed beforehand for intervals that hold many."""
ELEMENTS: Final = 1 << 17
"""Values worked on at a time: they stay in the processor's cache."""

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Which frames overlap which intervals.

    frames: int64[N], row numbers of the track, for each interval in the order of their start.
    offsets: int64[S + 1]: interval i has `frames[offsets[i]:offsets[i + 1]]`.
    """

    frames: Indices
    offsets: Indices


def overlaps(frame_spans: Microseconds, spans: Microseconds) -> Overlaps:
    """The frames that overlap each interval for a time above zero. int64[T, 2] and int64[S, 2], microseconds."""
    frames = Frames.sorted(np.asarray(frame_spans, np.int64))
    wanted = np.asarray(spans, np.int64).reshape(-1, 2)
    low, high = frames.reach(wanted)
    rows, owner = pairs(low, high)
    shared = frames.shared(rows, wanted[owner]) > 0
    counts = np.bincount(owner[shared], minlength=len(wanted))
    return Overlaps(frames.order[rows[shared]], np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


@dataclass(frozen=True, eq=False)
class Frames:
    """Frames in the order of their start, without those of no length."""

    order: Indices
    start: Microseconds
    end: Microseconds
    reached: Microseconds
    """The latest end so far: it does not decrease even where spans nest."""
    times: Floats
    values: NDArray[np.float32]

    @classmethod
    def sorted(cls, spans: Microseconds) -> "Frames":
        """Spans alone, int64[T, 2]."""
        order = np.flatnonzero(spans[:, 1] > spans[:, 0])
        if (np.diff(spans[order, 0]) < 0).any():
            order = order[np.argsort(spans[order, 0], kind="stable")]
        start, end = spans[order, 0], spans[order, 1]
        return cls(order, start, end, np.maximum.accumulate(end), np.empty(0), np.empty((0, 0), np.float32))

    @classmethod
    def of(cls, track: Track) -> "Frames":
        """With times and values."""
        bare = cls.sorted(track.spans)
        as_they_are = len(bare.order) == len(track) and (np.diff(bare.order) == 1).all()
        values = track.values if as_they_are else track.values[bare.order]
        return cls(bare.order, bare.start, bare.end, bare.reached, track.times[bare.order], values)

    def reach(self, spans: Microseconds) -> tuple[Indices, Indices]:
        """Rows `[low, high)` outside of which no frame overlaps the interval."""
        low = np.searchsorted(self.reached, spans[:, 0], side="right")
        high = np.searchsorted(self.start, spans[:, 1], side="left")
        high[spans[:, 1] <= spans[:, 0]] = 0
        return low, np.maximum(low, high)

    def whole_blocks(self, spans: Microseconds, low: Indices, high: Indices) -> tuple[Indices, Indices]:
        """Blocks `[first, last)` all of whose frames lie inside the interval; empty unless there are several."""
        first = -(-np.maximum(low, np.searchsorted(self.start, spans[:, 0], side="left")) // BLOCK)
        last = np.minimum(high, np.searchsorted(self.reached, spans[:, 1], side="right")) // BLOCK
        few = last - first < 2  # noqa: PLR2004 - one block alone saves nothing
        return np.where(few, 0, first), np.where(few, 0, last)

    def shared(self, rows: Indices, spans: Microseconds) -> Microseconds:
        """Microseconds for which row i overlaps span i; at least 0."""
        common = np.minimum(self.end[rows], spans[:, 1]) - np.maximum(self.start[rows], spans[:, 0])
        atleast_0: Microseconds = np.maximum(common, 0)
        return atleast_0


def pairs(low: Indices, high: Indices) -> tuple[Indices, Indices]:
    """Rows `low[i]..high[i] - 1` for each i one after the other, and which i each belongs to."""
    counts = high - low
    owner = np.repeat(np.arange(len(low)), counts)
    rows = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts - low, counts)
    return rows, owner


def portions(low: Indices, high: Indices, width: int) -> Iterator[slice]:
    """Stretches of the ranges with about `ELEMENTS` values each."""
    filled = np.cumsum(high - low) * max(1, width) // ELEMENTS
    edges = np.concatenate([[0], np.flatnonzero(np.diff(filled)) + 1, [len(low)]])
    for begin, end in itertools.pairwise(edges.tolist()):
        if end > begin:
            yield slice(begin, end)
