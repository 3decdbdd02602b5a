"""Looking at a picture in overlapping parts, for faces too small to be found in the whole. Pure arithmetic.

A detector that scales every picture down to a fixed size misses small faces. A part of the picture is scaled down less
(as in SAHI: Akyon, Altinuc & Temizel 2022, ICIP, 966-970).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Box = Sequence[float]
"""Left, top, width, height, in shares of the picture's sides."""

_SMALL = 0.15
"""Neighbouring parts share this much of the picture's longer side: more than a face that is missed in the whole
measures (about 0.12), so that each such face lies wholly inside one of them. Parts are not asked for larger ones: what
they made of those was, in our clips, the ears and hair of heads seen from the side."""
_SAME = 0.5
"""Two boxes show one face if they share this much of the smaller one's area. Not of their union: a piece of a large
face may be taken for a small one."""


@dataclass(frozen=True)
class Part:
    """A rectangle of a picture, in pixels: rows top to bottom, columns left to right, ends excluded.

    It may reach beyond the picture.
    """

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.right - self.left, self.bottom - self.top

    def cut(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The part of a picture of shape (height, width, 3); black where it reaches beyond the picture."""
        height, width = pixels.shape[:2]
        left, top, right, bottom = max(self.left, 0), max(self.top, 0), min(self.right, width), min(self.bottom, height)
        inside = pixels[top:bottom, left:right]
        beyond = ((top - self.top, self.bottom - bottom), (left - self.left, self.right - right), (0, 0))
        return np.pad(inside, beyond) if any(map(any, beyond)) else inside

    def in_whole(self, x: float, y: float, width: int, height: int) -> tuple[float, float]:
        """A place in shares of the part's sides, in shares of the sides of the picture of width x height pixels.

        Exactly the same numbers where the part is the whole picture.
        """
        across, down = self.size
        return self.left / width + x * (across / width), self.top / height + y * (down / height)


def whole(width: int, height: int) -> Part:
    """All of a picture."""
    return Part(0, 0, width, height)


def parts_of(width: int, height: int, along: int) -> list[Part]:
    """`along` x `along` parts of one size that cover a picture and overlap, row by row; fewer along a short side.

    A side shorter than what parts share is not divided. For `along` 1 there are none: the whole is no part.
    """
    if along == 1:
        return []
    overlap = math.ceil(_SMALL * max(width, height))
    rows, columns = _stretches(height, along, overlap), _stretches(width, along, overlap)
    return [Part(left, top, right, bottom) for top, bottom in rows for left, right in columns]


def _stretches(side: int, along: int, overlap: int) -> list[tuple[int, int]]:
    length = math.ceil((side + (along - 1) * overlap) / along)
    if length >= side:
        return [(0, side)]
    starts = [index * (side - length) // (along - 1) for index in range(along)]
    return [(start, start + length) for start in starts]


def around(box: Box, width: int, height: int) -> Part:
    """A square with a small face in its middle, twice as wide as the largest small face."""
    half = math.ceil(_SMALL * max(width, height))
    left = round((box[0] + box[2] / 2) * width) - half
    top = round((box[1] + box[3] / 2) * height) - half
    return Part(left, top, left + 2 * half, top + 2 * half)


def is_small(box: Box, width: int, height: int) -> bool:
    """Whether a face is of the size that parts are looked at for, in a picture of width x height pixels."""
    return max(box[2] * width, box[3] * height) <= _SMALL * max(width, height)


def different(boxes: Sequence[Box], most: int) -> list[int]:
    """Which of the boxes to keep: one of each face, the `most` largest, from the largest to the smallest.

    Of boxes that show one face the first in the sequence stays. Equally large ones from left to right, then downwards.
    """
    kept: list[int] = []
    for index, box in enumerate(boxes):
        if all(shared(box, boxes[other]) < _SAME for other in kept):
            kept.append(index)
    return sorted(kept, key=lambda index: (-boxes[index][2] * boxes[index][3], *boxes[index], index))[:most]


def nearest(boxes: Sequence[Box], to: Box) -> int | None:
    """Which of the boxes shows the same face; None where none does. Of several the one that shares the most."""
    shares = [shared(box, to) for box in boxes]
    return shares.index(max(shares)) if max(shares, default=0.0) >= _SAME else None


def shared(one: Box, other: Box) -> float:
    """The area that two boxes have in common, as a share of the smaller one's; in [0, 1], 0 where that has none."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    smaller = min(one[2] * one[3], other[2] * other[3])
    return min(1.0, max(across, 0.0) * max(down, 0.0) / smaller) if smaller > 0 else 0.0
