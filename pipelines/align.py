"""Interval arithmetic: what a track says about words, segments or a grid.

An interval is half-open, `[start, end)`, in whole microseconds, so that who owns a frame is decided exactly. An
interval is valid in a column where at least one measured frame covers some of it; nothing is made up elsewhere.

Frames may be in any order, overlap and nest; intervals too. The work is O((T + S) log T) in T frames and S intervals
for `mean`, `touching`, `max` and `min`, however much the intervals overlap; the other rules look at each pair of an
interval and a frame that overlaps it. Only what lies inside an interval enters its value: there are no running sums
whose difference would lose digits.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from schemas.clock import Microseconds, to_us_array
from schemas.track import Track
from schemas.transcript import Word

Rule = Literal["mean", "touching", "max", "min", "sd", "first", "last", "nearest"]
"""mean: weighted by the microseconds for which a frame overlaps the interval.
touching: every frame that overlaps counts the same (the rule of the CMU-MultimodalSDK).
max, min: over the frames that overlap. sd: weighted like mean, of the population.
first, last: the earliest and latest measured frame that overlaps.
nearest: of the measured frames that overlap, the one whose time is nearest to the interval's middle.
"""
RULES: Final[tuple[Rule, ...]] = get_args(Rule)

_BLOCK: Final = 64
"""Frames summed beforehand for intervals that hold many."""
_ELEMENTS: Final = 1 << 17
"""Values worked on at a time: they stay in the processor's cache."""

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Combine = Callable[[Floats, Indices], Floats]


@dataclass(frozen=True, eq=False)
class Aligned:
    """One value an interval and column. values: float32[S, D], NaN exactly where not valid; valid: bool[S, D]."""

    values: NDArray[np.float32]
    valid: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Which frames overlap which intervals.

    frames: int64[N], row numbers of the track, for each interval in the order of their start.
    offsets: int64[S + 1]: interval i has `frames[offsets[i]:offsets[i + 1]]`.
    """

    frames: Indices
    offsets: Indices


def align(track: Track, spans: Microseconds, how: Rule = "mean") -> Aligned:
    """What the track says about each interval.

    Args:
        track: T frames, D columns; a NaN is left out of its column alone.
        spans: int64[S, 2], microseconds, in any order; they may overlap. An interval of no length is not valid.
        how: the rule; see `Rule`.

    Raises:
        ValueError: an unknown rule, or spans of another shape.
    """
    wanted = np.ascontiguousarray(spans, np.int64)
    if wanted.ndim != 2 or wanted.shape[1] != 2:  # noqa: PLR2004 - start and end
        raise ValueError(f"spans have the shape (S, 2), found {wanted.shape}")
    frames = _Frames.of(track)
    if how in ("mean", "touching"):
        total, weight = _sums(frames, wanted, weighted=how == "mean")
        return _finished(total, weight)
    if how == "sd":
        return _deviation(frames, wanted)
    if how in ("max", "min"):
        return _aligned(_extreme(frames, wanted, np.fmax if how == "max" else np.fmin))
    if how in ("first", "last", "nearest"):
        return _aligned(_chosen(frames, wanted, how))
    raise ValueError(f"there is no rule {how!r}; there are {', '.join(RULES)}")


def overlaps(frame_spans: Microseconds, spans: Microseconds) -> Overlaps:
    """The frames that overlap each interval for a time above zero. int64[T, 2] and int64[S, 2], microseconds."""
    frames = _Frames.sorted(np.asarray(frame_spans, np.int64))
    wanted = np.asarray(spans, np.int64).reshape(-1, 2)
    low, high = frames.reach(wanted)
    rows, owner = _pairs(low, high)
    shared = frames.shared(rows, wanted[owner]) > 0
    counts = np.bincount(owner[shared], minlength=len(wanted))
    return Overlaps(frames.order[rows[shared]], np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def grid(start_us: int, end_us: int, grid_s: float) -> Microseconds:
    """Cells of `grid_s` seconds from `start_us` on; the last one ends at `end_us`. int64[N, 2], microseconds.

    Raises ValueError where a cell would be shorter than a microsecond.
    """
    step = grid_s * 1_000_000
    if not step >= 1:
        raise ValueError(f"a grid of {grid_s} s is finer than the clock's microsecond")
    cells = max(0, int(np.ceil((end_us - start_us) / step)))
    edges = start_us + np.rint(np.arange(cells + 1) * step).astype(np.int64)
    edges[-1:] = max(start_us, end_us)
    cut = np.stack([edges[:-1], edges[1:]], axis=1)
    whole: Microseconds = cut[cut[:, 1] > cut[:, 0]]
    return whole


def word_spans(words: Sequence[Word]) -> Microseconds:
    """The words' times. int64[W, 2], microseconds. Which of them were interpolated stays with the words."""
    return to_us_array([(word.start, word.end) for word in words]).reshape(-1, 2)


@dataclass(frozen=True, eq=False)
class _Frames:
    """Frames in the order of their start, without those of no length."""

    order: Indices
    start: Microseconds
    end: Microseconds
    reached: Microseconds
    """The latest end so far: it does not decrease even where spans nest."""
    times: Floats
    values: NDArray[np.float32]

    @classmethod
    def sorted(cls, spans: Microseconds) -> "_Frames":
        order = np.flatnonzero(spans[:, 1] > spans[:, 0])
        if (np.diff(spans[order, 0]) < 0).any():
            order = order[np.argsort(spans[order, 0], kind="stable")]
        start, end = spans[order, 0], spans[order, 1]
        return cls(order, start, end, np.maximum.accumulate(end), np.empty(0), np.empty((0, 0), np.float32))

    @classmethod
    def of(cls, track: Track) -> "_Frames":
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
        first = -(-np.maximum(low, np.searchsorted(self.start, spans[:, 0], side="left")) // _BLOCK)
        last = np.minimum(high, np.searchsorted(self.reached, spans[:, 1], side="right")) // _BLOCK
        few = last - first < 2  # noqa: PLR2004 - one block alone saves nothing
        return np.where(few, 0, first), np.where(few, 0, last)

    def shared(self, rows: Indices, spans: Microseconds) -> Microseconds:
        """Microseconds for which row i overlaps span i; at least 0."""
        common = np.minimum(self.end[rows], spans[:, 1]) - np.maximum(self.start[rows], spans[:, 0])
        atleast_0: Microseconds = np.maximum(common, 0)
        return atleast_0


def _pairs(low: Indices, high: Indices) -> tuple[Indices, Indices]:
    """Rows `low[i]..high[i] - 1` for each i one after the other, and which i each belongs to."""
    counts = high - low
    owner = np.repeat(np.arange(len(low)), counts)
    rows = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts - low, counts)
    return rows, owner


def _portions(low: Indices, high: Indices, width: int) -> Iterator[slice]:
    """Stretches of the ranges with about `_ELEMENTS` values each."""
    filled = np.cumsum(high - low) * max(1, width) // _ELEMENTS
    edges = np.concatenate([[0], np.flatnonzero(np.diff(filled)) + 1, [len(low)]])
    for begin, end in itertools.pairwise(edges.tolist()):
        if end > begin:
            yield slice(begin, end)


def _reduce(ufunc: np.ufunc, rows: Floats, counts: Indices, out: Floats) -> None:
    """Fold stretches of `counts` rows into `out`, row by row; an empty stretch leaves its row alone."""
    filled = counts > 0
    if filled.any():
        begins = (np.cumsum(counts) - counts)[filled]
        out[filled] = ufunc(out[filled], ufunc.reduceat(rows, begins, axis=0))


def _over_blocks(ufunc: np.ufunc, rows: Floats, first: Indices, last: Indices, out: Floats) -> None:
    """Fold rows `[first, last)` into `out`, by blocks of blocks where there are many."""
    inner_first, inner_last = -(-first // _BLOCK), last // _BLOCK
    few = inner_last - inner_first < 2  # noqa: PLR2004 - one block alone saves nothing
    inner_first, inner_last = np.where(few, last, inner_first * _BLOCK), np.where(few, last, inner_last * _BLOCK)
    for low, high in ((first, inner_first), (inner_last, last)):
        for part in _portions(low, high, rows.shape[1]):
            picked, _ = _pairs(low[part], high[part])
            _reduce(ufunc, rows[picked], (high - low)[part], out[part])
    if not few.all():
        coarse = ufunc.reduceat(rows, np.arange(0, len(rows), _BLOCK), axis=0)
        some = np.flatnonzero(~few)
        inner = out[some]
        _over_blocks(ufunc, coarse, inner_first[some] // _BLOCK, inner_last[some] // _BLOCK, inner)
        out[some] = inner


def _fold(
    frames: _Frames,
    spans: Microseconds,
    ufuncs: Sequence[np.ufunc],
    terms: Callable[[NDArray[np.float32], Floats], Sequence[Floats]],
    outs: Sequence[Floats],
) -> None:
    """Fold the terms of every frame that overlaps an interval into the interval's row of `outs`.

    terms: of values (n, D) and microseconds shared (n, 1): one array (n, D) for each of `ufuncs`.
    """
    low, high = frames.reach(spans)
    first, last = frames.whole_blocks(spans, low, high)
    long = last > first
    head_end, tail_begin = np.where(long, first * _BLOCK, high), np.where(long, last * _BLOCK, high)
    width = frames.values.shape[1]
    for begin, end in ((low, head_end), (tail_begin, high)):
        for part in _portions(begin, end, width):
            rows, owner = _pairs(begin[part], end[part])
            if len(rows):
                shared = frames.shared(rows, spans[part][owner]).astype(np.float64)[:, None]
                for ufunc, term, out in zip(ufuncs, terms(frames.values[rows], shared), outs, strict=True):
                    _reduce(ufunc, term, (end - begin)[part], out[part])
    if not long.any():
        return
    blocks = _blocks(frames, ufuncs, terms)
    some = np.flatnonzero(long)
    for ufunc, block, out in zip(ufuncs, blocks, outs, strict=True):
        inner = out[some]
        _over_blocks(ufunc, block, first[some], last[some], inner)
        out[some] = inner


def _blocks(
    frames: _Frames,
    ufuncs: Sequence[np.ufunc],
    terms: Callable[[NDArray[np.float32], Floats], Sequence[Floats]],
) -> list[Floats]:
    """The terms of all frames at their full length, folded over blocks of frames."""
    length = (frames.end - frames.start).astype(np.float64)[:, None]
    step = _BLOCK * max(1, _ELEMENTS // (_BLOCK * max(1, frames.values.shape[1])))
    parts: list[list[Floats]] = [[] for _ in ufuncs]
    for begin in range(0, len(length), step):
        some = slice(begin, begin + step)
        starts = np.arange(0, len(length[some]), _BLOCK)
        for ufunc, term, part in zip(ufuncs, terms(frames.values[some], length[some]), parts, strict=True):
            part.append(ufunc.reduceat(term, starts, axis=0))
    return [np.concatenate(part) for part in parts]


def _sums(frames: _Frames, spans: Microseconds, *, weighted: bool) -> tuple[Floats, Floats]:
    """Weighted sum and weight of each interval and column, (S, D) each."""

    def terms(values: NDArray[np.float32], shared: Floats) -> tuple[Floats, Floats]:
        weight = shared if weighted else np.sign(shared)
        blank = np.isnan(values)
        if not blank.any():
            return values * weight, np.broadcast_to(weight, values.shape)
        return np.where(blank, 0.0, values) * weight, np.where(blank, 0.0, weight)

    shape = (len(spans), frames.values.shape[1])
    total, weight = np.zeros(shape), np.zeros(shape)
    _fold(frames, spans, (np.add, np.add), terms, (total, weight))
    return total, weight


def _extreme(frames: _Frames, spans: Microseconds, ufunc: np.ufunc) -> Floats:
    """The largest (fmax) or smallest (fmin) measured value of each interval and column; NaN where there is none."""

    def terms(values: NDArray[np.float32], shared: Floats) -> tuple[Floats]:
        return (np.where(shared > 0, values, np.nan).astype(np.float64),)

    out = np.full((len(spans), frames.values.shape[1]), np.nan)
    _fold(frames, spans, (ufunc,), terms, (out,))
    return out


def _each_pair(frames: _Frames, spans: Microseconds) -> Iterator[tuple[slice, Indices, Indices, Indices]]:
    """Portions of the intervals: which, the frames that may overlap them, the owner of each, counts."""
    low, high = frames.reach(spans)
    for part in _portions(low, high, frames.values.shape[1]):
        rows, owner = _pairs(low[part], high[part])
        if len(rows):
            yield part, rows, owner, (high - low)[part]


def _deviation(frames: _Frames, spans: Microseconds) -> Aligned:
    """Weighted standard deviation: the mean first, then the mean square of what differs from it."""
    total, weight = _sums(frames, spans, weighted=True)
    mean = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
    square = np.zeros_like(total)
    for part, rows, owner, counts in _each_pair(frames, spans):
        off = frames.values[rows] - mean[part][owner]
        shared = frames.shared(rows, spans[part][owner])[:, None]
        _reduce(np.add, np.where(np.isnan(off), 0.0, off * off) * shared, counts, square[part])
    ready = _finished(square, weight)
    return Aligned(np.sqrt(ready.values), ready.valid)


def _chosen(frames: _Frames, spans: Microseconds, how: Literal["first", "last", "nearest"]) -> Floats:
    """One frame's value for each interval and column: the first measured one in the rule's order."""
    out = np.full((len(spans), frames.values.shape[1]), np.nan)
    for part, rows, owner, counts in _each_pair(frames, spans):
        some = spans[part][owner]
        if how == "nearest":
            rank = np.abs(frames.times[rows] - (some[:, 0] + some[:, 1]) / 2e6)
            ranked = rows[np.lexsort((rows, rank, owner))]
        elif how == "last":
            ranked = rows[np.lexsort((-rows, owner))]
        else:
            ranked = rows
        values = np.where(frames.shared(ranked, some)[:, None] > 0, frames.values[ranked], np.nan)
        place = np.where(np.isnan(values), len(ranked), np.arange(len(ranked))[:, None])
        best = np.full((len(counts), values.shape[1]), len(ranked))
        filled = counts > 0
        best[filled] = np.minimum.reduceat(place, (np.cumsum(counts) - counts)[filled], axis=0)
        padded = np.concatenate([values, np.full((1, values.shape[1]), np.nan)])
        out[part] = np.take_along_axis(padded, best, axis=0)
    return out


def _finished(total: Floats, weight: Floats) -> Aligned:
    valid = weight > 0
    mean = np.divide(total, weight, out=np.full_like(total, np.nan), where=valid)
    return Aligned(mean.astype(np.float32), valid)


def _aligned(values: Floats) -> Aligned:
    return Aligned(values.astype(np.float32), ~np.isnan(values))
