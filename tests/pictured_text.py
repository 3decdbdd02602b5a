"""Pictures of known text, drawn with the font that Pillow carries: it has no letters beyond ASCII."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

SENTENCES = [
    "I opened the letter this morning.",
    "Nothing better has happened all year!",
    "The bridge will not hold, says Ana (42).",
    "Price: $19.99 - 50% off, code A7X9",
]


def pictured(
    *lines: tuple[str, tuple[int, int]],
    size: int = 32,
    ink: int = 255,
    paper: int = 0,
    turned_deg: float = 0,
    picture: tuple[int, int] = (960, 540),
) -> NDArray[np.uint8]:
    """RGB, uint8[height, width, 3]. lines: text and its upper left corner in pixels."""
    drawn = Image.new("L", picture, paper)
    for text, place in lines:
        ImageDraw.Draw(drawn).text(place, text, fill=ink, font=ImageFont.load_default(size))
    turned = drawn.rotate(turned_deg, resample=Image.Resampling.BICUBIC, fillcolor=paper)
    return np.asarray(turned.convert("RGB"))


def inked(picture: NDArray[np.uint8]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of what is not black, in shares of the picture's sides."""
    rows, columns = (np.flatnonzero(picture.max(axis=2).max(axis=axis) > 60) for axis in (1, 0))
    height, width = picture.shape[:2]
    return (columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height)
