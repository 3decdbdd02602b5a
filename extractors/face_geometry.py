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
INNER_CORNERS = (133, 362)
INNER_LIPS = (13, 14)
CHEEKS = (118, 347)
"""On the lower rim of the orbit, under the outer half of each eye: where the cheek bulges when it is raised."""

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


def cheek_to_eyes(
    cheeks: tuple[Point, Point], inner_corners: tuple[Point, Point], outer_corners: tuple[Point, Point]
) -> float:
    """Mean distance of the cheeks from the line through the eyes' inner corners; smaller when the cheeks are raised.

    In shares of the distance between the eyes' outer corners, for comparison between sizes. Points in pixels,
    (x, y, z). NaN where corners coincide.
    The line is the one that Tian, Kanade & Cohn (2001, IEEE TPAMI 23(2), 97-115) measure from, because no muscle moves
    the inner corners.
    """
    eyes, along = math.dist(*outer_corners), np.subtract(inner_corners[1], inner_corners[0])
    if eyes <= 0 or not along.any():
        return math.nan
    along = along / np.linalg.norm(along)
    offsets = np.subtract(cheeks, inner_corners[0])
    away = offsets - np.outer(offsets @ along, along)
    return float(np.linalg.norm(away, axis=1).mean()) / eyes


NEUTRAL_CHEEK_TO_EYES = 0.2112
"""`cheek_to_eyes` of MediaPipe's canonical face model, a neutral adult's, which comes inside the task bundle."""


def cheek_rise(cheek_to_eyes: float) -> float:
    """How much of the neutral distance from cheeks to eyes is gone, in [0, 1]; NaN stays NaN.

    Tian, Kanade & Cohn (2001), r_cheek = -(c - c0) / c0, with the canonical face's c0 for everybody: faces differ by
    about a tenth, so 0 may hide a small rise and 0.1 may be rest. Compare within one face.
    """
    return cheek_to_eyes if math.isnan(cheek_to_eyes) else min(1.0, max(0.0, 1 - cheek_to_eyes / NEUTRAL_CHEEK_TO_EYES))
