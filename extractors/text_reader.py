"""Text in a picture: where lines are, and what they say, by PP-OCRv6 (small) out of the package rapidocr.

Lines are found by differentiable binarisation (Liao et al. 2020, https://arxiv.org/abs/1911.08947) and read by a
network with CTC (Graves et al. 2006, https://doi.org/10.1145/1143844.1143891). Weights: PaddleOCR (Apache-2.0,
https://github.com/PaddlePaddle/PaddleOCR) as ONNX files in the wheel of rapidocr 3.10.0, which is never imported.
Knows Latin letters, Chinese, Japanese, digits and signs; no other script.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from extractors import weights
from schemas.errors import MissingPart

DETECTOR: Final = weights.Weight(
    name="PP-OCRv6_det_small.onnx",
    sha256="090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    packages=(("rapidocr", "rapidocr/models/PP-OCRv6_det_small.onnx"),),
)
RECOGNIZER: Final = weights.Weight(
    name="PP-OCRv6_rec_small.onnx",
    sha256="6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
    packages=(("rapidocr", "rapidocr/models/PP-OCRv6_rec_small.onnx"),),
)

_STRIDE: Final = 32
_LEAST_SIDE: Final = 480
"""Smaller pictures are enlarged: the detector knows letters of some ten pixels and more."""
_INK: Final = 0.3
"""Probability at which a pixel belongs to a line; and below, the mean over a line that is one."""
_LINE: Final = 0.5
_GROW: Final = 1.6
"""Lines are found shrunken (Vatti's clipping); so much of area over circumference they are grown again."""
_LEAST_PX: Final = 3.0
_HEIGHT, _LEAST_WIDTH, _MOST_WIDTH = 48, 320, 4096
_UPRIGHT: Final = 1.5
"""A box so many times as high as wide holds a line that runs from above to below."""
_DOUBTFUL: Final = 0.85
_MOST_LINES: Final = 300

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Line:
    """One line. box: left, top, right, bottom in shares of the picture's sides; confidence in [0, 1]."""

    text: str
    box: tuple[float, float, float, float]
    confidence: float


@dataclass(frozen=True, eq=False)
class Reader:
    """Both networks in memory, on one thread each, and the characters that the second one knows."""

    detector: Any
    recognizer: Any
    characters: tuple[str, ...]

    @classmethod
    def load(cls) -> Self:
        """Raises MissingPart with what to install."""
        try:
            import cv2  # noqa: F401 - its absence is told before any work is done
            import onnxruntime
        except ImportError as error:
            raise MissingPart(
                f"ocr needs {error.name}, which is not installed", do="pip install 'affectloom[ocr]'"
            ) from error
        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = options.intra_op_num_threads = 1
        # Shapes differ from line to line: an arena keeps a buffer for each of them.
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        detector, recognizer = (
            onnxruntime.InferenceSession(str(weights.fetch(one)), options, providers=["CPUExecutionProvider"])
            for one in (DETECTOR, RECOGNIZER)
        )
        known = recognizer.get_modelmeta().custom_metadata_map["character"].splitlines()
        # The first class is CTC's blank, the last one the space.
        return cls(detector, recognizer, ("", *known, " "))

    def lines(self, pixels: Pixels) -> list[Line]:
        """The lines of an RGB picture, uint8[H, W, 3], from above to below."""
        found = []
        turned = np.ascontiguousarray(pixels[:, :, ::-1])  # both networks were trained on blue, green, red
        for corners in self.find(turned):
            text, confidence = self.read_either_way(cut_out(turned, corners))
            if text:
                low, high = corners.min(axis=0), corners.max(axis=0)
                size = np.array(pixels.shape[1::-1], np.float64)
                (left, top), (right, bottom) = np.clip(np.stack([low, high]) / size, 0, 1).round(4).tolist()
                found.append(Line(text, (left, top, right, bottom), confidence))
        return sorted(found, key=lambda line: (line.box[1], line.box[0]))

    def find(self, picture: Pixels) -> list[NDArray[np.float64]]:
        """Corners of each line, float64[4, 2] in pixels: upper left, upper right, lower right, lower left."""
        import cv2

        height, width = picture.shape[:2]
        scale = max(_LEAST_SIDE / min(height, width), 1.0)
        sides = [max(round(side * scale / _STRIDE), 1) * _STRIDE for side in (width, height)]
        scaled = cv2.resize(picture, sides, interpolation=cv2.INTER_LINEAR)
        (heat,) = self.detector.run(None, {self.detector.get_inputs()[0].name: _network_input(scaled)})
        shrink = np.array([width / sides[0], height / sides[1]])
        return [corners * shrink for corners in lines_of(heat[0, 0])]

    def read_either_way(self, line: Pixels) -> tuple[str, float]:
        """The same, of a line that may be upside down: where it is hardly read, it is turned round."""
        found = self.read(line)
        if found[1] >= _DOUBTFUL:
            return found
        return max(found, self.read(np.ascontiguousarray(line[::-1, ::-1])), key=lambda reading: reading[1])

    def read(self, line: Pixels) -> tuple[str, float]:
        """What a line says, and the mean probability of its characters; ("", 0.0) where nothing is read."""
        import cv2

        height, width = line.shape[:2]
        wide = min(max(int(np.ceil(_HEIGHT * width / height)), 1), _MOST_WIDTH)
        how = cv2.INTER_AREA if height > _HEIGHT else cv2.INTER_LINEAR
        scaled = _network_input(cv2.resize(line, (wide, _HEIGHT), interpolation=how))
        padded = np.zeros((1, 3, _HEIGHT, max(wide, _LEAST_WIDTH)), np.float32)
        padded[..., :wide] = scaled
        (classes,) = self.recognizer.run(None, {self.recognizer.get_inputs()[0].name: padded})
        return decoded(classes[0], self.characters)


def _network_input(picture: Pixels) -> NDArray[np.float32]:
    """float32[1, 3, H, W] in [-1, 1]."""
    scaled = picture.astype(np.float32) / 127.5 - 1
    return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None], np.float32)


def lines_of(heat: NDArray[np.float32]) -> list[NDArray[np.float64]]:
    """Corners of the lines of a probability map float32[H, W], in its pixels. They may reach beyond its edges."""
    import cv2

    # Neighbours in the diagonal become one: hair strokes break otherwise.
    ink = cv2.dilate((heat > _INK).astype(np.uint8), np.ones((2, 2), np.uint8))
    outlines, _ = cv2.findContours(ink, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for outline in outlines[:_MOST_LINES]:
        middle, (width, height), angle = cv2.minAreaRect(outline)
        within = cv2.boxPoints((middle, (width, height), angle))
        if min(width, height) < _LEAST_PX or _mean_inside(heat, within) < _LINE:
            continue
        more = _GROW * width * height / (width + height)  # on both sides together
        found.append(_ordered(cv2.boxPoints((middle, (width + more, height + more), angle))))
    return found


def _mean_inside(heat: NDArray[np.float32], corners: NDArray[np.float32]) -> float:
    import cv2

    height, width = heat.shape
    low = np.clip(np.floor(corners.min(axis=0)), 0, [width - 1, height - 1]).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)), 0, [width - 1, height - 1]).astype(int)
    part = heat[low[1] : high[1] + 1, low[0] : high[0] + 1]
    mask = np.zeros(part.shape, np.uint8)
    cv2.fillPoly(mask, [(corners - low).astype(np.int32)], 1)
    return float(part[mask > 0].mean()) if mask.any() else 0.0


def _ordered(corners: NDArray[np.float32]) -> NDArray[np.float64]:
    """From the upper left one on with the clock; "upper" holds for lines within 45 degrees of level or upright."""
    by_side = corners[np.argsort(corners[:, 0], kind="stable")].astype(np.float64)
    left, right = (side[np.argsort(side[:, 1], kind="stable")] for side in (by_side[:2], by_side[2:]))
    return np.stack([left[0], right[0], right[1], left[1]])


def cut_out(picture: Pixels, corners: NDArray[np.float64]) -> Pixels:
    """A line made level: uint8[h, w, 3]. One that runs from above to below is turned to the left."""
    import cv2

    sides = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
    width, height = max(int(max(sides[0], sides[2])), 1), max(int(max(sides[1], sides[3])), 1)
    onto = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), onto)
    level = cv2.warpPerspective(
        picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.ascontiguousarray(np.rot90(level) if height >= _UPRIGHT * width else level, np.uint8)


def decoded(classes: NDArray[np.float32], characters: Sequence[str]) -> tuple[str, float]:
    """The likeliest class of each step, repetitions and blanks (class 0) left out, and their mean probability.

    classes: float32[steps, C], probabilities. The probability is rounded to four digits.
    """
    best = classes.argmax(axis=1)
    kept = (best != 0) & np.concatenate([[True], best[1:] != best[:-1]])
    text = " ".join("".join(characters[index] for index in best[kept]).split())
    if not text:
        return "", 0.0
    return text, round(min(float(classes.max(axis=1)[kept].mean(dtype=np.float64)), 1.0), 4)
