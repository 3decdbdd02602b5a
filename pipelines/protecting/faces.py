"""Where faces are in a clip, as stretches of time and boxes that hide them whole."""

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.faces import Faces

BOX = ("box_left", "box_top", "box_width", "box_height")
_GAP_S = 4.0
"""A face that is not found for less than this is taken to be between where it was and where it is next."""
_HOLD_S = 2.0
"""So long before it is first found, and after it is last found, it is hidden too: who turns away is still there."""
_NEAR_S = 0.5
"""So long before and after each measurement its place is hidden too."""
AROUND_S = _GAP_S + _HOLD_S
"""So far outside a clip faces bear on it."""
_MARGIN = 0.4
"""Of the larger side, on each side: the box ends at the outline of the face, hair and ears lie outside."""
_STEP_S = 0.4
_MOST = 300

Box = tuple[float, float, float, float]


class Cover(NamedTuple):
    """From `start` to `end` (s) this part of the picture is hidden. left, top, width, height: shares of its sides."""

    start: float
    end: float
    left: float
    top: float
    width: float
    height: float


def covers(faces: Faces, start_s: float, end_s: float) -> tuple[Cover, ...]:
    """What hides every measured face in `[start_s, end_s)`, each of the times from `start_s` on.

    Between two measurements of a face its cover holds the places of both, so that it stays hidden at any frame rate.
    Covers come in steps, each holding all places of a face in that time; longer steps for long clips.
    """
    places = [faces.columns.index(name) for name in BOX]
    runs: dict[int, list[tuple[float, Box]]] = defaultdict(list)
    for frame, face, row in zip(faces.frame, faces.face, faces.values[:, places].astype(np.float64), strict=True):
        if not np.isnan(row).any():
            runs[int(face)].append((float(faces.frame_times[frame]), _wider(row)))
    step = max(_STEP_S, (end_s - start_s) * len(runs) / _MOST)
    found: list[Cover] = []
    for face in sorted(runs):
        held: dict[int, Box] = {}
        for since, until, box in _stretches(runs[face]):
            low, high = max(since, start_s) - start_s, min(until, end_s) - start_s
            for at in range(math.floor(low / step), math.floor(high / step) + 1) if low <= high else ():
                held[at] = _both(held[at], box) if at in held else box
        found += [Cover(at * step, (at + 1) * step, *_as_size(box)) for at, box in sorted(held.items())]
    return tuple(found)


def still_covers(faces: Faces) -> tuple[Cover, ...]:
    """What hides every face of a picture."""
    places = [faces.columns.index(name) for name in BOX]
    rows = faces.values[:, places].astype(np.float64)
    return tuple(Cover(0, 0, *_as_size(_wider(row))) for row in rows if not np.isnan(row).any())


def _stretches(run: list[tuple[float, Box]]) -> Iterator[tuple[float, float, Box]]:
    """From when to when one face is in which box."""
    before = -math.inf
    for at, (time, box) in enumerate(run):
        after, following = run[at + 1] if at + 1 < len(run) else (math.inf, box)
        since = _NEAR_S if time - before < _GAP_S else _HOLD_S
        until = _NEAR_S if after - time < _GAP_S else _HOLD_S
        yield time - since, time + until, box
        if after - time < _GAP_S:
            yield time, after, _both(box, following)
        before = time


def _wider(row: NDArray[np.float64]) -> Box:
    """The box with its margin, as left, top, right and bottom."""
    left, top, width, height = (float(one) for one in row)
    across, down = _MARGIN * width, _MARGIN * height
    return left - across, top - down, left + width + across, top + height + down


def _both(one: Box, other: Box) -> Box:
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def _as_size(box: Box) -> Box:
    left, top = max(0.0, box[0]), max(0.0, box[1])
    return left, top, max(0.0, min(1.0, box[2]) - left), max(0.0, min(1.0, box[3]) - top)
