"""One face for each segment, and its measurements there."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from extractors.speaking import speaker_of
from pipelines.segmenting.overlaps import Overlaps, overlaps
from schemas.clock import MICROSECONDS_PER_SECOND, Microseconds, to_s
from schemas.faces import Faces
from schemas.speaking import Speaking
from schemas.track import Track

NO_FACE: Final = -1
_SIDES: Final = ("box_width", "box_height")


@dataclass(frozen=True, eq=False)
class Choice:
    """For each of S segments the face that stands for it, and why.

    face: int64[S], `NO_FACE` where there is none. score: float32[S] in [0, 1], that the face is the one heard; NaN
    where it was not chosen for that.
    """

    face: NDArray[np.int64]
    score: NDArray[np.float32]

    def ids(self) -> list[int | None]:
        """The face of each segment; None where there is none."""
        return [None if face == NO_FACE else face for face in self.face.tolist()]

    def reasons(self) -> list[str | None]:
        """`speaking` or `largest`: why the face was chosen."""
        silent = np.isnan(self.score).tolist()
        return [
            None if face is None else "largest" if unheard else "speaking"
            for face, unheard in zip(self.ids(), silent, strict=True)
        ]


def choose(faces: Faces, spans: Microseconds, speaking: Speaking | None, how: Literal["speaking", "largest"]) -> Choice:
    """The face of each segment: the one that speaks, where that is asked for and can be told, else the largest.

    spans: int64[S, 2], of the segments.
    """
    choice = largest(faces, overlaps(faces.frame_spans, spans), _area(faces))
    if how == "speaking" and speaking is not None:
        for place, (start, end) in enumerate(spans.tolist()):
            face, score = speaker_of(speaking, to_s(start), to_s(end))
            if face is not None:
                choice.face[place], choice.score[place] = face, score
    return choice


def _area(faces: Faces) -> NDArray[np.float64]:
    width, height = (faces.values[:, faces.columns.index(side)].astype(np.float64) for side in _SIDES)
    return width * height


def largest(faces: Faces, held: Overlaps, area: NDArray[np.float64]) -> Choice:
    """In each segment the face that covers most, summed over the segment's frames.

    held: the frames of each segment. area: float64[N], of each observation, in any unit.
    """
    segments = len(held.offsets) - 1
    face = np.full(segments, NO_FACE, np.int64)
    low = np.searchsorted(faces.frame, held.frames, side="left")
    high = np.searchsorted(faces.frame, held.frames, side="right")
    counts = high - low
    seen = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts - low, counts)
    segment = np.repeat(np.repeat(np.arange(segments), np.diff(held.offsets)), counts)
    if len(seen):
        pairs, place = np.unique(np.stack([segment, faces.face[seen]], axis=1), axis=0, return_inverse=True)
        covered = np.bincount(place.reshape(-1), weights=np.nan_to_num(area[seen]))
        # Ascending area, of equals the lower id last: what is written last stays.
        order = np.lexsort((-pairs[:, 1], covered))
        face[pairs[order, 0]] = pairs[order, 1]
    return Choice(face, np.full(segments, np.nan, np.float32))


def followed(faces: Faces, held: Overlaps, choice: Choice) -> NDArray[np.float32]:
    """The chosen face's values in every frame of each segment, (N, D) for `held.frames`; NaN where it is not seen."""
    out = np.full((len(held.frames), len(faces.columns)), np.nan, np.float32)
    if len(faces.frame):
        ids = int(faces.face.max()) + 2
        known = faces.frame * ids + faces.face
        order = np.argsort(known, kind="stable")
        wanted = np.repeat(choice.face, np.diff(held.offsets))
        key = held.frames * ids + wanted
        place = np.minimum(np.searchsorted(known[order], key), len(order) - 1)
        found = (known[order][place] == key) & (faces.face[order[place]] == wanted)
        out[found] = faces.values[order[place[found]]]
    return out


def side_by_side(
    faces: Faces, held: Overlaps, values: NDArray[np.float32], spans: Microseconds, owner: NDArray[np.int64]
) -> tuple[Track, Microseconds]:
    """One track of every segment's own face, and `spans` on its clock.

    Each segment has a stretch of that clock to itself, so that segments which overlap, with different faces, do not
    see each other's. owner: the segment of each span.
    """
    frame_spans = faces.frame_spans[held.frames]
    every = np.concatenate([frame_spans, spans])
    stretch = int(every.max(initial=0) - min(0, every.min(initial=0))) + 1
    shift = np.repeat(np.arange(len(held.offsets) - 1), np.diff(held.offsets)) * stretch
    times = faces.frame_times[held.frames] + shift / MICROSECONDS_PER_SECOND
    track = Track(np.maximum.accumulate(times), frame_spans + shift[:, None], values, faces.columns)
    return track, spans + (owner * stretch)[:, None]
