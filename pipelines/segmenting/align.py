"""Interval arithmetic: what a track says about words, segments or a grid.

An interval is half-open, `[start, end)`, in whole microseconds, so that who owns a frame is decided exactly. An
interval is valid in a column where at least one measured frame covers some of it; nothing is made up elsewhere.

Frames may be in any order, overlap and nest; intervals too. The work is O((T + S) log T) in T frames and S intervals
for `mean`, `touching`, `max` and `min`, however much the intervals overlap; the other rules look at each pair of an
interval and a frame that overlaps it. Only what lies inside an interval enters its value: there are no running sums
whose difference would lose digits.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pipelines.segmenting.overlaps import BLOCK, ELEMENTS, Floats, Frames, Indices, pairs, portions
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


@dataclass(frozen=True, eq=False)
class Aligned:
    """One value an interval and column. values: float32[S, D], NaN exactly where not valid; valid: bool[S, D]."""

    values: NDArray[np.float32]
    valid: NDArray[np.bool_]


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
    frames = Frames.of(track)
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


def _reduce(ufunc: np.ufunc, rows: Floats, counts: Indices, out: Floats) -> None:
    """Fold stretches of `counts` rows into `out`, row by row; an empty stretch leaves its row alone."""
    filled = counts > 0
    if filled.any():
        begins = (np.cumsum(counts) - counts)[filled]
        out[filled] = ufunc(out[filled], ufunc.reduceat(rows, begins, axis=0))


def _over_blocks(ufunc: np.ufunc, rows: Floats, first: Indices, last: Indices, out: Floats) -> None:
    """Fold rows `[first, last)` into `out`, by blocks of blocks where there are many."""
    inner_first, inner_last = -(-first // BLOCK), last // BLOCK
    few = inner_last - inner_first < 2  # noqa: PLR2004 - one block alone saves nothing
    inner_first, inner_last = np.where(few, last, inner_first * BLOCK), np.where(few, last, inner_last * BLOCK)
    for low, high in ((first, inner_first), (inner_last, last)):
        for part in portions(low, high, rows.shape[1]):
            picked, _ = pairs(low[part], high[part])
            _reduce(ufunc, rows[picked], (high - low)[part], out[part])
    if not few.all():
        coarse = ufunc.reduceat(rows, np.arange(0, len(rows), BLOCK), axis=0)
        some = np.flatnonzero(~few)
        inner = out[some]
        _over_blocks(ufunc, coarse, inner_first[some] // BLOCK, inner_last[some] // BLOCK, inner)
        out[some] = inner


def _fold(
    frames: Frames,
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
    head_end, tail_begin = np.where(long, first * BLOCK, high), np.where(long, last * BLOCK, high)
    width = frames.values.shape[1]
    for begin, end in ((low, head_end), (tail_begin, high)):
        for part in portions(begin, end, width):
            rows, owner = pairs(begin[part], end[part])
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
    frames: Frames,
    ufuncs: Sequence[np.ufunc],
    terms: Callable[[NDArray[np.float32], Floats], Sequence[Floats]],
) -> list[Floats]:
    """The terms of all frames at their full length, folded over blocks of frames."""
    length = (frames.end - frames.start).astype(np.float64)[:, None]
    step = BLOCK * max(1, ELEMENTS // (BLOCK * max(1, frames.values.shape[1])))
    parts: list[list[Floats]] = [[] for _ in ufuncs]
    for begin in range(0, len(length), step):
        some = slice(begin, begin + step)
        starts = np.arange(0, len(length[some]), BLOCK)
        for ufunc, term, part in zip(ufuncs, terms(frames.values[some], length[some]), parts, strict=True):
            part.append(ufunc.reduceat(term, starts, axis=0))
    return [np.concatenate(part) for part in parts]


def _sums(frames: Frames, spans: Microseconds, *, weighted: bool) -> tuple[Floats, Floats]:
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


def _extreme(frames: Frames, spans: Microseconds, ufunc: np.ufunc) -> Floats:
    """The largest (fmax) or smallest (fmin) measured value of each interval and column; NaN where there is none."""

    def terms(values: NDArray[np.float32], shared: Floats) -> tuple[Floats]:
        return (np.where(shared > 0, values, np.nan).astype(np.float64),)

    out = np.full((len(spans), frames.values.shape[1]), np.nan)
    _fold(frames, spans, (ufunc,), terms, (out,))
    return out


def _each_pair(frames: Frames, spans: Microseconds) -> Iterator[tuple[slice, Indices, Indices, Indices]]:
    """Portions of the intervals: which, the frames that may overlap them, the owner of each, counts."""
    low, high = frames.reach(spans)
    for part in portions(low, high, frames.values.shape[1]):
        rows, owner = pairs(low[part], high[part])
        if len(rows):
            yield part, rows, owner, (high - low)[part]


def _deviation(frames: Frames, spans: Microseconds) -> Aligned:
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


def _chosen(frames: Frames, spans: Microseconds, how: Literal["first", "last", "nearest"]) -> Floats:
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
