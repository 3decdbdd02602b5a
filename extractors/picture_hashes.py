"""Hashes of pictures by which a copy is known: re-encoded, scaled, letter-boxed, or with its edges cut off.

The signs of the low frequencies of a small grey picture against their median (Zauner 2010: Implementation and
benchmarking of perceptual image hash functions, Upper Austria University of Applied Sciences, section 3.2.1).
"""

from typing import Annotated, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from schemas.clock import MICROSECONDS_PER_SECOND
from schemas.facts import Facts, Watched
from schemas.likeness import PictureHashes
from schemas.step import Recording
from schemas.watching import PicturesWanted, Watcher

MIDDLES: Final = (1.0, 0.9, 0.8)
"""Parts of the picture's sides that are hashed, about its middle."""
_GREY: Final = np.array([0.299, 0.587, 0.114])
"""ITU-R BT.601."""
_SIDE: Final = 32
_LOW: Final = 8
_BAR: Final = 28
"""Grey level, of 255, that a black bar stays under, the ripples of its codec included."""
_MOST_CUT: Final = 0.3
"""Of a side: what is dark further in is the picture's own."""
_FLAT: Final = 4.0
"""Standard deviation of grey levels: a picture under it (black, a plain colour) shows nothing."""


class PictureHashing(Watcher):
    """Hashes of the pictures of the first minutes."""

    key: ClassVar[str] = "picture-hashes.v1"

    fps: Annotated[float, Field(gt=0, le=10)] = 2.0
    """Pictures a second, at most."""
    seconds: Annotated[float, Field(gt=0, le=3600)] = 120
    """Of the recording, from the start."""

    @property
    def makes(self) -> tuple[str, ...]:
        """The `picture_hashes` artifact, schemas.likeness.PictureHashes."""
        return ("picture_hashes",)

    @property
    def wants(self) -> PicturesWanted:
        """Small pictures."""
        return PicturesWanted(fps=self.fps, longest_side=128)

    def begin(self, recording: Recording, facts: Facts, model: Any) -> "Hashing":
        """Start to look."""
        return Hashing(recording, self.seconds)


class Hashing:
    """Pictures being looked at. schemas.watching.Watching says when what is called."""

    def __init__(self, recording: Recording, seconds: float) -> None:
        self._recording = recording
        self._seconds = seconds
        self._times: list[float] = []
        self._pictures: list[NDArray[np.uint8]] = []

    def sound(self, samples: NDArray[np.int16]) -> None:
        """Not wanted."""

    def picture(self, time_us: int, pixels: NDArray[np.uint8]) -> None:
        """Keep it, grey."""
        if time_us < self._seconds * MICROSECONDS_PER_SECOND:
            self._times.append(time_us / MICROSECONDS_PER_SECOND)
            self._pictures.append((pixels @ _GREY).round().astype(np.uint8))

    def jpeg(self, time_us: int, data: bytes) -> None:
        """Not wanted."""

    def finish(self, watched: Watched) -> None:
        """Make the artifact."""
        shown, hashes = hashes_of(self._pictures)
        times = np.asarray(self._times, np.float32)[shown]
        looked_s = min(watched.duration_s or 0.0, self._seconds)
        self._recording.write("picture_hashes", PictureHashes(times, hashes, looked_s))

    def abandon(self) -> None:
        """Let go of the pictures."""
        self._pictures.clear()


def hashes_of(pictures: list[NDArray[np.uint8]]) -> tuple[NDArray[np.bool_], NDArray[np.uint64]]:
    """Which pictures show anything, bool[T], and the hashes of those, uint64[n, 3], a column for each of `MIDDLES`.

    pictures: grey, uint8 of shape (height, width), of one recording. Bars that are black in all of them are cut off.
    """
    bars = [_bars([picture for picture in pictures if picture.shape == shape]) for shape in _shapes(pictures)]
    inside = dict(zip(_shapes(pictures), bars, strict=True))
    shown = np.zeros(len(pictures), np.bool_)
    hashes = []
    for at, picture in enumerate(pictures):
        cut = picture[inside[picture.shape]]
        shown[at] = float(cut.std()) >= _FLAT
        if shown[at]:
            hashes.append([picture_hash(_middle(cut, part)) for part in MIDDLES])
    return shown, np.array(hashes, np.uint64).reshape(-1, len(MIDDLES))


def _shapes(pictures: list[NDArray[np.uint8]]) -> list[tuple[int, ...]]:
    return list(dict.fromkeys(picture.shape for picture in pictures))


def _bars(pictures: list[NDArray[np.uint8]]) -> tuple[slice, slice]:
    """What is left without black bars: rows and columns."""
    brightest = np.max(pictures, axis=0)
    height, width = brightest.shape
    return _lit(brightest.max(axis=1), height), _lit(brightest.max(axis=0), width)


def _lit(brightest: NDArray[np.uint8], length: int) -> slice:
    """From the first to the last place that is not black; all where the bars would be too wide to be any."""
    lit = np.flatnonzero(brightest > _BAR)
    if not len(lit):
        return slice(0, length)
    first, last = int(lit[0]), int(lit[-1]) + 1
    most = _MOST_CUT * length
    # A bar's edge is blurred: a pixel more, so that what stays is the picture.
    first, last = (first + 1 if first else 0), (last - 1 if last < length else length)
    return slice(first if first <= most else 0, last if length - last <= most else length)


def _middle(picture: NDArray[np.uint8], part: float) -> NDArray[np.uint8]:
    height, width = picture.shape
    top, left = (1 - part) / 2 * height, (1 - part) / 2 * width
    return picture[round(top) : max(round(height - top), 1), round(left) : max(round(width - left), 1)]


def picture_hash(picture: NDArray[np.uint8]) -> int:
    """64 bits: which of the 8 x 8 lowest frequencies of the picture, scaled to 32 x 32, are above their median.

    The constant one stands among them, as in Zauner's, and is left out of the median. Differing bits of two hashes
    grow with how different the pictures look; those of two unrelated pictures are 32 on average.
    """
    small = _means(_means(picture.astype(np.float64), _SIDE).T, _SIDE).T
    low = _COSINES @ small @ _COSINES.T
    bits = (low > np.median(low.reshape(-1)[1:])).reshape(-1)
    return int.from_bytes(np.packbits(bits).tobytes())


def _means(values: NDArray[np.float64], many: int) -> NDArray[np.float64]:
    """The rows brought to so many: each the mean of what it covers, parts of rows counting by their share."""
    edges = np.linspace(0, len(values), many + 1)
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    whole = np.minimum(edges.astype(np.int64), len(values) - 1)
    at_edges = sums[whole] + (edges - whole)[:, None] * values[whole]
    return np.asarray(np.diff(at_edges, axis=0) / np.diff(edges)[:, None])


def _cosines() -> NDArray[np.float64]:
    """The first rows of the discrete cosine transform (type II)."""
    places = np.arange(_SIDE) + 0.5
    return np.cos(np.pi / _SIDE * np.arange(_LOW)[:, None] * places)


_COSINES: Final = _cosines()
