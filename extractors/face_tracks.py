"""Following faces over time: which observation belongs to which face.

A landmarker says where faces are in each frame, in no lasting order. Faces are followed by place and size, with a
constant-velocity guess and an optimal assignment (as in SORT: Bewley et al. 2016, ICIP, 3464-3468). Nothing is
linked across a cut, and no face is recognised again after it was lost: an id says "the same face, followed without a
break", not "the same person".
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from schemas.clock import MICROSECONDS_PER_SECOND, Microseconds

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


@dataclass
class _Followed:
    id: int
    at_us: int
    centre: NDArray[np.float64]
    size: float
    velocity: NDArray[np.float64]
    """Of the centre, pictures a second."""

    def expected(self, now_us: int) -> NDArray[np.float64]:
        ahead = min((now_us - self.at_us) / MICROSECONDS_PER_SECOND, _GUESS_S)
        return self.centre + self.velocity * ahead


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
    followed: list[_Followed] = []
    fresh = 0
    starts = np.searchsorted(frame, np.arange(len(frame_us) + 1))
    for index, (low, high) in enumerate(pairwise(starts.tolist())):
        if low == high:
            continue
        now = int(frame_us[index])
        mine = sorted(range(low, high), key=lambda row: tuple(boxes[row]))
        if index and followed and scene[index] != scene[_last_frame(frame, low)]:
            followed = []
        alive = [face for face in followed if now - face.at_us <= longest_gap_s * MICROSECONDS_PER_SECOND]
        seen: list[_Followed] = []
        for row, choice in zip(mine, _choose(boxes[mine], alive, now), strict=True):
            if choice is None:
                seen.append(_appeared(fresh, now, boxes[row]))
                fresh += 1
            else:
                seen.append(_moved(alive[choice], now, boxes[row]))
            out[row] = seen[-1].id
        ids = {face.id for face in seen}
        followed = [face for face in alive if face.id not in ids] + seen
    return out


def _last_frame(frame: NDArray[np.int64], low: int) -> int:
    return int(frame[low - 1])


def _place(box: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Centre, and size as the side of a square of the same area."""
    return box[:2] + box[2:] / 2, float(np.sqrt(max(box[2] * box[3], 1e-12)))


def _appeared(number: int, now: int, box: NDArray[np.float64]) -> _Followed:
    centre, size = _place(box)
    return _Followed(number, now, centre, size, np.zeros(2))


def _moved(face: _Followed, now: int, box: NDArray[np.float64]) -> _Followed:
    centre, size = _place(box)
    past_s = max((now - face.at_us) / MICROSECONDS_PER_SECOND, 1e-6)
    newest = (centre - face.centre) / past_s
    return _Followed(face.id, now, centre, size, _STEADY * newest + (1 - _STEADY) * face.velocity)


def _choose(boxes: NDArray[np.float64], faces: list[_Followed], now: int) -> list[int | None]:
    """For each box the index of the face that it continues, or None. Least total cost; being new costs 1."""
    known = len(faces)
    cost = np.full((len(boxes), known + len(boxes)), 1.0)
    for row, box in enumerate(boxes):
        centre, size = _place(box)
        for column, face in enumerate(faces):
            cost[row, column] = _misfit(centre, size, face, now)
    return [column if column < known and cost[row, column] < 1 else None for row, column in enumerate(assign(cost))]


def _misfit(centre: NDArray[np.float64], size: float, face: _Followed, now: int) -> float:
    """0 where the face is expected, below 1 within reach, else 2: dearer than being new."""
    past_s = (now - face.at_us) / MICROSECONDS_PER_SECOND
    reach = min(_REACH + _REACH_PER_S * past_s, _REACH_MOST)
    growth = max(size / face.size, face.size / size)
    away = float(np.hypot(*(centre - face.expected(now)))) / (reach * (size + face.size) / 2)
    return away if away < 1 and growth <= _GROWTH_MOST else 2.0


def assign(cost: NDArray[np.float64]) -> list[int]:
    """For each row its own column, such that the sum of costs is least. Shape (n, m), n <= m, finite.

    The Hungarian method with potentials (Kuhn 1955; Munkres 1957), O(n^2 m). Of equal sums the one found first.
    """
    rows, columns = cost.shape
    if rows > columns:
        raise ValueError(f"{rows} rows cannot each have one of {columns} columns")
    above, left = np.zeros(columns + 1), np.zeros(rows)
    owner = np.full(columns + 1, -1)
    spare = columns
    for row in range(rows):
        owner[spare], column = row, spare
        least, came = np.full(columns, np.inf), np.full(columns, spare)
        done = np.zeros(columns + 1, np.bool_)
        while owner[column] >= 0:
            done[column] = True
            here = owner[column]
            free = ~done[:columns]
            reduced = cost[here] - left[here] - above[:columns]
            better = free & (reduced < least)
            least[better], came[better] = reduced[better], column
            nearest = int(np.argmin(np.where(free, least, np.inf)))
            step = least[nearest]
            left[owner[done]] += step
            above[done] -= step
            least[free] -= step
            column = nearest
        while column != spare:
            owner[column] = owner[came[column]]
            column = int(came[column])
    found = [-1] * rows
    for column in range(columns):
        if owner[column] >= 0:
            found[owner[column]] = column
    return found


@dataclass(frozen=True, eq=False)
class Glance:
    """What is kept of a picture to see a cut: small, float32[h, w, 3] in 0..255, and colours, shares that sum to 1."""

    small: NDArray[np.float32]
    colours: NDArray[np.float64]


def glance(pixels: NDArray[np.uint8]) -> Glance:
    """Some 32 by 32 pixels of a picture, shape (height, width, 3), and its colours in 8 x 8 x 8 bins."""
    step = max(1, min(pixels.shape[:2]) // _GRID)
    small = pixels[step // 2 :: step, step // 2 :: step]
    coarse = (pixels[:: max(1, step // 4), :: max(1, step // 4)] >> (8 - _COLOUR_BITS)).astype(np.int64)
    bins = (coarse[..., 0] << 2 * _COLOUR_BITS) + (coarse[..., 1] << _COLOUR_BITS) + coarse[..., 2]
    counts = np.bincount(bins.reshape(-1), minlength=1 << 3 * _COLOUR_BITS)
    return Glance(small.astype(np.float32), counts / bins.size)


def is_cut(before: Glance, after: Glance) -> bool:
    """Whether two pictures that follow each other show different scenes: both pixels and colours changed a lot."""
    if before.small.shape != after.small.shape:
        return True
    change = float(np.abs(before.small - after.small).mean())
    exchanged = 1.0 - float(np.minimum(before.colours, after.colours).sum())
    return change >= _CUT_CHANGE and exchanged >= _CUT_COLOURS
