"""Head pose, gaze, mouth opening and place of a face, from what a landmarker returns. Pure arithmetic.

Left and right are the person's own, as in FACS; the person's left is on the right of the picture unless the picture
is mirrored. Landmarks are MediaPipe's 478.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Point = Sequence[float]

EYES_IN_PICTURE = ((33, 133, 468), (362, 263, 473))
"""For both eyes the landmarks of the corner at the picture's left, the corner at its right, the iris' centre."""
OUTER_CORNERS = (33, 263)
INNER_LIPS = (13, 14)

_FISSURE_MM = 30.0
"""From corner to corner of an adult's eye, about."""
_EYEBALL_RADIUS_MM = 12.1
"""Transverse diameter 24.2 mm (Bekerman, Gottlieb & Vaiman 2014, J Ophthalmol 503645)."""


def box(across: Sequence[float], down: Sequence[float]) -> tuple[float, float, float, float]:
    """Left, top, width, height of the landmarks' hull inside the picture, as shares of the picture's sides.

    across, down: landmarks, 0 to 1 within the picture, beyond it outside. A face wholly outside has width or height 0.
    """
    left, right = (min(max(edge, 0.0), 1.0) for edge in (min(across), max(across)))
    top, bottom = (min(max(edge, 0.0), 1.0) for edge in (min(down), max(down)))
    return left, top, right - left, bottom - top


def head_pose_deg(matrix: NDArray[np.floating]) -> tuple[float, float, float]:
    """Pitch, yaw and roll in degrees; 0, 0, 0 faces the camera upright.

    pitch: in [-90, 90], positive looks up. yaw: in (-180, 180], positive turns to the person's left. roll: positive
    tilts the head to the person's left shoulder, clockwise in the picture.
    matrix: (4, 4) or (3, 3), from the canonical face to the camera (x to the picture's right, y up, z to the camera),
    a rotation times a scale. It is read as yaw after pitch after roll: R = Ry(yaw) Rx(-pitch) Rz(-roll), so roll is
    about the face's own axis. Relative to the ray from camera to face perspective adds a few degrees off centre.
    """
    turn = np.asarray(matrix, np.float64)[:3, :3]
    turn = turn / np.cbrt(np.linalg.det(turn))
    pitch = math.asin(min(1.0, max(-1.0, float(turn[1, 2]))))
    yaw = math.atan2(turn[0, 2], turn[2, 2])
    roll = -math.atan2(turn[1, 0], turn[1, 1])
    return math.degrees(pitch), math.degrees(yaw), math.degrees(roll)


def gaze_deg(eyes: Sequence[tuple[Point, Point, Point]]) -> tuple[float, float]:
    """Yaw and pitch of the eyes in the head, degrees, mean of the eyes: positive to the person's left, and up.

    eyes: for each the corner at the picture's left, the corner at its right and the iris' centre, (x, y) in pixels,
    y downwards; further coordinates are not looked at.
    The iris' offset from the middle between the corners, measured along and across the line of the corners in shares
    of its length, is taken for the sine of the angle on an average eyeball in an average lid opening. NaN where the
    corners coincide, and where the iris lies further off than such an eyeball reaches: lids that are nearly closed, or
    a face too small for its landmarks.

    Weak: it ignores that the corners lie before the eyeball's centre (a turned head shifts it), has an unknown offset
    for each person (above all pitch: lids are not symmetric), and means nothing where the eyes are closed. Look at
    changes within one face, not at where somebody looks.
    """
    angles = [_one_eye(*eye) for eye in eyes]
    return sum(yaw for yaw, _ in angles) / len(angles), sum(pitch for _, pitch in angles) / len(angles)


def _one_eye(left: Point, right: Point, iris: Point) -> tuple[float, float]:
    width, rise = right[0] - left[0], right[1] - left[1]
    length = width * width + rise * rise
    if length <= 0:
        return math.nan, math.nan
    across, down = iris[0] - (left[0] + right[0]) / 2, iris[1] - (left[1] + right[1]) / 2
    return _eye_angle((across * width + down * rise) / length), _eye_angle((across * rise - down * width) / length)


def _eye_angle(share: float) -> float:
    sine = share * _FISSURE_MM / _EYEBALL_RADIUS_MM
    return math.degrees(math.asin(sine)) if abs(sine) <= 1 else math.nan


def mouth_open(upper_lip: Point, lower_lip: Point, outer_corners: tuple[Point, Point]) -> float:
    """Distance between the inner lips in shares of the distance between the eyes' outer corners; 0 is closed.

    Points in pixels, (x, y, z), so that turning the head changes neither distance. NaN where the corners coincide.
    """
    eyes = math.dist(*outer_corners)
    return math.dist(upper_lip, lower_lip) / eyes if eyes > 0 else math.nan
