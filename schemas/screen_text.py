"""Text that is seen: captions, titles, signs, the words of a picture."""

from typing import Annotated

from pydantic import Field

from schemas.record import Record
from schemas.transcript import Probability, Seconds

Share = Annotated[float, Field(ge=0, le=1)]


class Box(Record):
    """An upright box in shares of the picture's sides, from its left and upper edge."""

    left: Share
    top: Share
    width: Share
    height: Share


class SeenText(Record):
    """A line of text on the screen during `[start, end)` in seconds; both are 0 in a picture, which has no clock."""

    text: str
    start: Seconds
    end: Seconds
    box: Box
    confidence: Probability
    """Mean of the recogniser's probabilities of its characters."""
    frames: int = Field(ge=1)
    """How many of the pictures that were looked at show it."""


class ScreenText(Record):
    """All lines of a recording in order of start; of equal start from above to below, from left to right."""

    items: tuple[SeenText, ...]
    looks: int
    """Pictures that were looked at."""
