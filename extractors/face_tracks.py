"""Following faces over time: which observation belongs to which face.

A landmarker says where faces are in each frame, in no lasting order. Faces are followed by place and size, with a
constant-velocity guess and an optimal assignment (as in SORT: Bewley et al. 2016, ICIP, 3464-3468). Nothing is
linked across a cut, and no face is recognised again after it was lost: an id says "the same face, followed without a
break", not "the same person".
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from schemas.clock import MICROSECONDS_PER_SECOND, Microseconds, to_us

_REACH = 0.5
"""Face sizes that a face may be off its expected place at once..."""
_REACH_PER_S = 2.0
"""...and more for each second since it was seen..."""
_REACH_MOST = 1.0
"""...but never more: farther off, it is another face."""
_GROWTH_MOST = 1.6
"""A face grows or shrinks at most by this factor between two sights."""
_STEADY = 0.5
"""Share of the newest velocity in the smoothed one."""
_GUESS_S = 0.5
"""A velocity is trusted for so long; after that the face is expected where the guess ended."""

_CUT_CHANGE = 18.0
"""Mean change of a pixel, of 255, at a cut at least; shaking cameras and dancers reach 24, ..."""
_CUT_COLOURS = 0.15
"""... but exchange less of the picture's colours than this share."""
_COLOUR_BITS = 3
_GRID = 32


@dataclass(frozen=True)
class _Followed:
    """A face where it was last seen: centre and size in the boxes' unit, velocity of the centre in units a second."""

    id: int
    at_us: int
    x: float
    y: float
    size: float
    x_per_s: float = 0.0
    y_per_s: float = 0.0

    def off(self, x: float, y: float, now_us: int) -> float:
        """Distance of a place from where the face is expected by now."""
        ahead = min((now_us - self.at_us) / MICROSECONDS_PER_SECOND, _GUESS_S)
        return math.hypot(x - self.x - self.x_per_s * ahead, y - self.y - self.y_per_s * ahead)


def stable_ids(
    frame: NDArray[np.int64],
    frame_us: Microseconds,
    boxes: NDArray[np.float64],
    scene: NDArray[np.int64],
    *,
    longest_gap_s: float = 1.0,
) -> NDArray[np.int64]:
    """The face of each observation: int64[N], numbered from 0 in the order of first appearance.

    frame: int64[N], the frame of each observation, not decreasing. frame_us: int64[F], when frames are shown.
    boxes: float64[N, 4], left, top, width, height in one unit for both axes (not in shares of width and height).
    scene: int64[F]: frames with different numbers lie on two sides of a cut.
    longest_gap_s: a face unseen for longer is a new one when it comes back.

    Two faces of one frame never get one id. The order of observations within a frame changes nothing but the order in
    which new faces are numbered; these are numbered from left to right, so it does not change that either.
    """
    out = np.empty(len(frame), np.int64)
    starts = np.searchsorted(frame, np.arange(len(frame_us) + 1)).tolist()
    times, scenes, places = frame_us.tolist(), scene.tolist(), [_place(*box) for box in boxes.tolist()]
    longest_us = to_us(longest_gap_s)
    followed: list[_Followed] = []
    fresh, before = 0, None
    for now, here, (low, high) in zip(times, scenes, pairwise(starts), strict=True):
        if low == high:
            continue
        followed = [face for face in followed if here == before and now - face.at_us <= longest_us]
        before = here
        mine = sorted(range(low, high), key=places.__getitem__)
        seen = []
        for row, choice in zip(mine, _choose([places[row] for row in mine], followed, now), strict=True):
            if choice is None:
                seen.append(_Followed(fresh, now, *places[row]))
                fresh += 1
            else:
                seen.append(_moved(followed[choice], now, *places[row]))
            out[row] = seen[-1].id
        ids = {face.id for face in seen}
        followed = [face for face in followed if face.id not in ids] + seen
    return out


def _place(left: float, top: float, width: float, height: float) -> tuple[float, float, float]:
    """Centre, and size as the side of a square of the same area."""
    return left + width / 2, top + height / 2, math.sqrt(max(width * height, 1e-12))


def _moved(face: _Followed, now: int, x: float, y: float, size: float) -> _Followed:
    past_s = max((now - face.at_us) / MICROSECONDS_PER_SECOND, 1e-6)
    x_per_s = _STEADY * (x - face.x) / past_s + (1 - _STEADY) * face.x_per_s
    y_per_s = _STEADY * (y - face.y) / past_s + (1 - _STEADY) * face.y_per_s
    return _Followed(face.id, now, x, y, size, x_per_s, y_per_s)


def _choose(places: list[tuple[float, float, float]], faces: list[_Followed], now: int) -> list[int | None]:
    """For each place the index of the face that goes on there, or None. Least total cost; being new costs 1."""
    known = len(faces)
    cost = [[_misfit(*place, face, now) for face in faces] + [1.0] * len(places) for place in places]
    return [
        column if column < known and row[column] < 1 else None for row, column in zip(cost, assign(cost), strict=True)
    ]


def _misfit(x: float, y: float, size: float, face: _Followed, now: int) -> float:
    """0 where the face is expected, below 1 within reach, else 2: dearer than being new."""
    past_s = (now - face.at_us) / MICROSECONDS_PER_SECOND
    reach = min(_REACH + _REACH_PER_S * past_s, _REACH_MOST) * (size + face.size) / 2
    away = face.off(x, y, now) / reach
    return away if away < 1 and max(size / face.size, face.size / size) <= _GROWTH_MOST else 2.0


def assign(cost: Sequence[Sequence[float]]) -> list[int]:
    """For each row a column of its own, such that the sum of costs is least.

    cost: n rows of m >= n finite numbers. Of equal sums the one found first. Raises ValueError where n > m.
    The Hungarian method with potentials (Kuhn 1955; Munkres 1957), O(n^2 m).
    """
    rows, columns = len(cost), len(cost[0]) if cost else 0
    if rows > columns:
        raise ValueError(f"{rows} rows cannot each have one of {columns} columns")
    up, down = [0.0] * rows, [0.0] * columns
    owner = [-1] * columns
    for start in range(rows):
        least, came = [math.inf] * columns, [-1] * columns
        done: list[int] = []
        row, column = start, -1
        while True:
            free = [index for index in range(columns) if index not in done]
            for index in free:
                reduced = cost[row][index] - up[row] - down[index]
                if reduced < least[index]:
                    least[index], came[index] = reduced, column
            column = min(free, key=least.__getitem__)
            step = least[column]
            up[start] += step
            for index in done:
                up[owner[index]] += step
                down[index] -= step
            for index in free:
                least[index] -= step
            taken = owner[column]
            if taken < 0:
                break
            done.append(column)
            row = taken
        while came[column] >= 0:
            owner[column] = owner[came[column]]
            column = came[column]
        owner[column] = start
    found = {row: column for column, row in enumerate(owner) if row >= 0}
    return [found[row] for row in range(rows)]


@dataclass(frozen=True, eq=False)
class Glance:
    """What is kept of a picture to see a cut: small, float32[h, w, 3] in 0..255, and colours, shares that sum to 1."""

    small: NDArray[np.float32]
    colours: NDArray[np.float64]


def glance(pixels: NDArray[np.uint8]) -> Glance:
    """Some pixels of a picture, shape (height, width, 3): 32 along its shorter side; its colours in 8 x 8 x 8 bins."""
    step = max(1, min(pixels.shape[:2]) // _GRID)
    small = np.ascontiguousarray(pixels[step // 2 :: step, step // 2 :: step])
    bins = (small >> (8 - _COLOUR_BITS)) @ np.array([1 << 2 * _COLOUR_BITS, 1 << _COLOUR_BITS, 1], np.int32)
    counts = np.bincount(bins.reshape(-1), minlength=1 << 3 * _COLOUR_BITS)
    return Glance(small.astype(np.float32), counts / bins.size)


def is_cut(before: Glance, after: Glance) -> bool:
    """Whether two pictures that follow each other show different scenes: both pixels and colours changed a lot."""
    if before.small.shape != after.small.shape:
        return True
    change = float(np.abs(before.small - after.small).mean())
    exchanged = 1.0 - float(np.minimum(before.colours, after.colours).sum())
    return change >= _CUT_CHANGE and exchanged >= _CUT_COLOURS
