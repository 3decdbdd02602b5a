"""Text on the screen with its place and its times, from the pictures that stream by."""

from typing import Annotated, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from extractors.text_over_time import Look, items
from extractors.text_reader import DETECTOR, RECOGNIZER, Line, Reader
from schemas.clock import to_us
from schemas.facts import Facts, Watched
from schemas.screen_text import ScreenText
from schemas.step import Needs, Recording
from schemas.watching import PicturesWanted, Watcher

_BLOCK: Final = 16
_FEW: Final = 2
_HIGH: Final = 1 / 3
"""In 86 s of real film without such letters, 14 of 20 lines that were seen where none is were shapes by these two."""
_STILL: Final = 5.0
"""Mean difference of grey levels, of 255: below it in every block, a picture shows what the last one did."""


class Ocr(Watcher):
    """Captions, titles, signs: each line of text once, from when to when it is on the screen."""

    key: ClassVar[str] = "ocr.pp-ocrv6-small.v2"
    packages: ClassVar[tuple[str, ...]] = ("rapidocr", "onnxruntime", "opencv-contrib-python")

    fps: Annotated[float, Field(gt=0, le=30)] = 1
    """Pictures a second that are looked at, at most: times are as exact as that."""
    longest_side: Annotated[int, Field(ge=160, le=4096)] = 960
    """Pictures are scaled down to this many pixels. Small print takes more."""
    min_confidence: Annotated[float, Field(ge=0, lt=1)] = 0.6
    """Mean probability of a line's characters; what is read with less is left out."""

    @property
    def makes(self) -> tuple[str, ...]:
        """The `ocr` artifact, schemas.screen_text.ScreenText."""
        return ("ocr",)

    @property
    def needs(self) -> Needs:
        """One core."""
        return Needs(memory_mb=700)

    @property
    def wants(self) -> PicturesWanted:
        """Pixels."""
        return PicturesWanted(fps=self.fps, longest_side=self.longest_side)

    def weights(self) -> dict[str, str]:
        """The network that finds lines, and the one that reads them."""
        return {one.name: one.sha256 for one in (DETECTOR, RECOGNIZER)}

    def load(self) -> Reader:
        """Both networks in memory. Raises MissingPart."""
        return Reader.load()

    def begin(self, recording: Recording, facts: Facts, model: Any) -> "Looking":
        """Start on one recording."""
        return Looking(recording, model, self)


class Looking:
    """One recording's text being collected. schemas.watching.Watching says when what is called."""

    def __init__(self, recording: Recording, reader: Reader, how: Ocr) -> None:
        self._recording = recording
        self._reader = reader
        self._how = how
        self._times_us: list[int] = []
        self._lines: list[tuple[Line, ...]] = []
        self._read: NDArray[np.uint8] | None = None
        """The last picture that was read."""

    def sound(self, samples: NDArray[np.int16]) -> None:
        """Not wanted."""

    def jpeg(self, time_us: int, data: bytes) -> None:
        """Not wanted."""

    def picture(self, time_us: int, pixels: NDArray[np.uint8]) -> None:
        """Read a picture, unless nothing has changed."""
        if self._read is None or changed(self._read, pixels):
            self._read = pixels.copy()
            lines = self._reader.lines(pixels)
            sure = (line for line in lines if line.confidence >= self._how.min_confidence)
            self._lines.append(tuple(line for line in sure if not is_a_shape(line)))
        else:
            self._lines.append(self._lines[-1])
        self._times_us.append(time_us)

    def abandon(self) -> None:
        """Nothing is held."""

    def finish(self, watched: Watched) -> None:
        """Follow the lines over time and write them."""
        if not self._times_us:
            self._recording.absent("ocr", "no picture could be decoded")
            return
        # A picture is shown until the next one; without a clock it has no end.
        last = 0
        if watched.duration_s is not None:
            last = to_us(watched.frame_end_s if watched.frame_end_s is not None else watched.duration_s)
        ends = [*self._times_us[1:], max(last, self._times_us[-1])]
        looks = [Look(*each) for each in zip(self._times_us, ends, self._lines, strict=True)]
        self._recording.write("ocr", ScreenText(items=tuple(items(looks)), looks=len(looks)))


def is_a_shape(line: Line) -> bool:
    """Whether a line is a character or two as high as a good part of the picture: faces and furniture are read so."""
    return len(line.text) <= _FEW and line.box[3] - line.box[1] > _HIGH


def changed(before: NDArray[np.uint8], now: NDArray[np.uint8]) -> bool:
    """Whether any block of 16 x 16 pixels differs by more than what compression does to a still picture.

    before, now: uint8[H, W, 3]. A letter that comes or goes changes its block by tens of grey levels.
    """
    if before.shape != now.shape:
        return True
    difference = np.abs(now.astype(np.int16) - before).mean(axis=2)
    height, width = difference.shape
    padded = np.pad(difference, ((0, -height % _BLOCK), (0, -width % _BLOCK)))
    blocks = padded.reshape(padded.shape[0] // _BLOCK, _BLOCK, -1, _BLOCK).mean(axis=(1, 3))
    return bool(blocks.max() > _STILL)
