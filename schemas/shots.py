"""Where the camera changes."""

from schemas.record import Record
from schemas.transcript import Seconds


class Cuts(Record):
    """Hard cuts: each time is that of the first picture of a new shot. Increasing; 0 is not among them."""

    cuts: tuple[Seconds, ...]
    threshold: float
    """Mean absolute difference of pixels, of 255, that a cut had to reach."""
