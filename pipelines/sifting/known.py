"""What the rules know of a recording: measurements that are in the store."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.clock import Microseconds
from schemas.faces import Faces
from schemas.speaking import Speaking
from schemas.track import Track
from schemas.transcript import Transcript

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of a recording. spans: int64[S, 2], its samples, in microseconds; empty ones have no clock.

    voice: float64[n, 2], stretches with speech, in seconds. pictures, texts: embeddings in one space; texts has a row
    a sample. What is not measured is None.
    """

    spans: Microseconds
    voice: Numbers | None = None
    prosody: Track | None = None
    faces: Faces | None = None
    speaking: Speaking | None = None
    words: Transcript | None = None
    pictures: Track | None = None
    texts: Track | None = None
    allow: tuple[str, ...] = ()

    @property
    def has_clock(self) -> NDArray[np.bool_]:
        """bool[S]."""
        return np.asarray(self.spans[:, 1] > self.spans[:, 0], np.bool_)

    @property
    def nothing(self) -> Numbers:
        """NaN for each sample."""
        return np.full(len(self.spans), np.nan)
