"""A recording's segments, and what was measured in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.publishing.sample_columns import Offsets
from pipelines.segmenting.align import Aligned, Rule, align, grid, word_spans
from pipelines.segmenting.chosen_face import Choice, followed, side_by_side
from pipelines.segmenting.overlaps import overlaps
from schemas.clock import Microseconds, to_us_array
from schemas.faces import Faces
from schemas.sample import AlignedTo
from schemas.segment import Segment
from schemas.track import Track
from schemas.transcript import Transcript, Word

A_MOMENT = np.array([[0, 1]], np.int64)
"""What stands for the whole of a recording without a clock; every frame covers it."""


@dataclass(frozen=True)
class Wanted:
    """What rows hold. grid_s: where aligned to a grid. tracks: kind to columns, none for an embedding.

    told: further columns of a table of utterances; None where there is no such table. voices: their turns too.
    ocr: text on the screen too.
    """

    to: AlignedTo
    grid_s: float
    how: Rule
    face: Literal["speaking", "largest"]
    tracks: Mapping[str, tuple[str, ...]]
    told: tuple[str, ...] | None = None
    voices: bool = False
    ocr: bool = False


@dataclass(frozen=True, eq=False)
class Pieces:
    """The S segments of a recording and the N intervals that measurements are aligned with.

    spans: int64[S, 2]. intervals: int64[N, 2], those of each segment one after the other. offsets: where each
    segment's begin; None for one interval a segment.
    """

    segments: tuple[Segment, ...]
    words: tuple[tuple[Word, ...], ...]
    has_clock: bool
    spans: Microseconds
    intervals: Microseconds
    offsets: Offsets | None

    def __len__(self) -> int:
        return len(self.segments)

    @property
    def owner(self) -> NDArray[np.int64]:
        """int64[N]: the segment of each interval."""
        every = np.arange(len(self))
        return every if self.offsets is None else np.repeat(every, np.diff(self.offsets))


@dataclass(frozen=True, eq=False)
class Measured:
    """One track in the segments. times, values: the frames of each segment in a row, split by `offsets`."""

    times: NDArray[np.float64]
    values: NDArray[np.float32]
    offsets: Offsets
    aligned: Aligned

    def seen(self) -> NDArray[np.bool_]:
        """bool[S]: whether anything was measured in the segment."""
        so_far = np.concatenate([[0], np.cumsum(~np.isnan(self.values).all(axis=1))])
        some: NDArray[np.bool_] = so_far[self.offsets[1:]] > so_far[self.offsets[:-1]]
        return some


def cut(segments: Sequence[Segment], said: Transcript | None, wanted: Wanted, *, has_clock: bool) -> Pieces:
    """The segments with their words, and the intervals of each."""
    words = tuple(
        said.words[one.first_word : one.last_word + 1]
        if said and one.first_word is not None and one.last_word is not None
        else ()
        for one in segments
    )
    spans = spans_of(segments, has_clock=has_clock)
    if wanted.to == "segment":
        return Pieces(tuple(segments), words, has_clock, spans, spans, None)
    each: list[Microseconds]
    if not has_clock:
        each = [spans[:0] for _ in segments]
    elif wanted.to == "grid":
        each = [grid(int(start), int(end), wanted.grid_s) for start, end in spans]
    else:
        each = [word_spans(some) for some in words]
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in each])]).astype(np.int64)
    return Pieces(tuple(segments), words, has_clock, spans, np.concatenate([spans[:0], *each]), offsets)


def spans_of(segments: Sequence[Segment], *, has_clock: bool) -> Microseconds:
    """int64[S, 2]: when each segment is."""
    if not has_clock:
        return np.repeat(A_MOMENT, len(segments), axis=0)
    return to_us_array([(one.start or 0.0, one.end or 0.0) for one in segments]).reshape(-1, 2)


def extent(pieces: Pieces) -> tuple[int, int]:
    """Microseconds: the stretch outside of which nothing bears on the segments."""
    near = _reach(pieces)
    return (int(near[:, 0].min()), int(near[:, 1].max())) if len(near) else (0, 0)


def measured_track(track: Track, pieces: Pieces, how: Rule) -> Measured:
    """The frames of each segment, and the aligned values."""
    held = overlaps(track.spans, pieces.spans)
    whole = np.array([extent(pieces)], np.int64)
    some = np.sort(overlaps(track.spans, whole).frames)
    close = Track(track.times[some], track.spans[some], track.values[some], track.columns)
    return Measured(
        track.times[held.frames], track.values[held.frames], held.offsets, align(close, pieces.intervals, how)
    )


def measured_face(faces: Faces, choice: Choice, pieces: Pieces, how: Rule) -> Measured:
    """The track of each segment's own face: its frames, and the aligned values."""
    held, wide = overlaps(faces.frame_spans, pieces.spans), overlaps(faces.frame_spans, _reach(pieces))
    track, intervals = side_by_side(faces, wide, followed(faces, wide, choice), pieces.intervals, pieces.owner)
    return Measured(
        faces.frame_times[held.frames], followed(faces, held, choice), held.offsets, align(track, intervals, how)
    )


def _reach(pieces: Pieces) -> Microseconds:
    """int64[S, 2]: each segment with its intervals; a word may begin before its segment or end after it."""
    reach = pieces.spans.copy()
    np.minimum.at(reach[:, 0], pieces.owner, pieces.intervals[:, 0])
    np.maximum.at(reach[:, 1], pieces.owner, pieces.intervals[:, 1])
    return reach
