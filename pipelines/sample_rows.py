"""The rows of one recording: what segments, transcript and source say, and what was measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.align import Aligned, Rule, align, grid, overlaps, word_spans
from pipelines.chosen_face import NO_FACE, Choice, choose, followed, side_by_side
from pipelines.sample_columns import Offsets, lists, numbers, pooled, sliced, struct
from schemas.clock import MICROSECONDS_PER_SECOND, Microseconds, to_us, to_us_array
from schemas.faces import Faces
from schemas.facts import Facts, Watched
from schemas.sample import AlignedTo, SampleRows, column_name, sample_schema
from schemas.segment import Segment, Segments
from schemas.step import Recording
from schemas.track import Track
from schemas.transcript import Transcript, Word

if TYPE_CHECKING:
    import pyarrow as pa

_A_MOMENT = np.array([[0, 1]], np.int64)
"""What stands for the whole of a recording without a clock; every frame covers it."""


@dataclass(frozen=True)
class Wanted:
    """What rows hold. grid_s: where aligned to a grid. tracks: kind to columns, none for an embedding."""

    to: AlignedTo
    grid_s: float
    how: Rule
    face: Literal["speaking", "largest"]
    tracks: Mapping[str, tuple[str, ...]]


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


def sample_rows(recording: Recording, wanted: Wanted) -> SampleRows:
    """The samples of a recording, a row a segment. `wanted` alone decides the schema."""
    import pyarrow as pa

    facts = recording.read("facts", Facts)
    said = recording.read("words", Transcript) if recording.has("words") else None
    watched = recording.read("watched", Watched) if recording.has("watched") else None
    found = recording.read("segments", Segments)
    pieces = cut(found.segments, said, facts, wanted)
    schema = sample_schema(wanted.tracks, wanted.to)
    columns: dict[str, Any] = _told(recording, pieces, said, watched, found.context)
    present = _had(pieces, facts, watched)
    aligned: dict[str, Any] = {}
    if pieces.offsets is not None:
        seconds = pieces.intervals.T / MICROSECONDS_PER_SECOND
        aligned = {
            name: lists(pieces.offsets, pa.array(side)) for name, side in zip(("start", "end"), seconds, strict=True)
        }
    for kind, names in wanted.tracks.items():
        name = column_name(kind)
        if kind == "faces":
            measured, choice = _face(recording, names, pieces, wanted)
            columns |= {"face_id": _ids(choice, pieces), "face_score": _scores(choice, pieces)}
        else:
            measured = _track(recording, kind, names, pieces, wanted.how)
        present[name] = measured.seen() if measured else np.zeros(len(pieces), np.bool_)
        columns[name] = aligned[name] = None
        if measured:
            columns[name] = sliced(measured.times, measured.values, measured.offsets, names)
            aligned[name] = pooled(measured.aligned, names, pieces.offsets)
    columns |= {"present": present, "aligned": aligned}
    arrays = [_column(columns[name], schema.field(name).type, len(pieces)) for name in schema.names]
    return SampleRows(pa.Table.from_arrays(arrays, schema=schema))


def _column(values: Any, kind: "pa.DataType", count: int) -> "pa.Array":
    """What was gathered for a column as an array of its type: nulls for None, a struct for a dict."""
    import pyarrow as pa

    if values is None:
        return pa.nulls(count, kind)
    if isinstance(values, dict):
        return struct([_column(values[name], kind.field(name).type, count) for name in kind.names], kind)
    return values if isinstance(values, pa.Array) else pa.array(values, kind)


def cut(segments: Sequence[Segment], said: Transcript | None, facts: Facts, wanted: Wanted) -> Pieces:
    """The segments with their words, and the intervals of each."""
    words = tuple(
        said.words[one.first_word : one.last_word + 1]
        if said and one.first_word is not None and one.last_word is not None
        else ()
        for one in segments
    )
    has_clock = facts.form in ("audio", "video")
    spans = np.repeat(_A_MOMENT, len(segments), axis=0)
    if has_clock:
        spans = to_us_array([(one.start or 0.0, one.end or 0.0) for one in segments]).reshape(-1, 2)
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


def _told(
    recording: Recording, pieces: Pieces, said: Transcript | None, watched: Watched | None, context: int
) -> dict[str, Any]:
    """What segments, transcript and source say."""
    source, segments = recording.source, pieces.segments
    count = len(segments)
    ids = [f"{recording.id}#{segment.index:04d}" for segment in segments]
    language = said.language if said and said.language else source.language
    spoken = [[word.model_dump(exclude={"sentence_end"}) for word in words] for words in pieces.words]
    return {
        "id": ids,
        "recording": [recording.id] * count,
        "index": [segment.index for segment in segments],
        "start": [segment.start for segment in segments],
        "end": [segment.end for segment in segments],
        "text": [segment.text for segment in segments],
        "words": [[word | {"text": word["text"].strip()} for word in words] for words in spoken],
        "language": [language] * count,
        "language_probability": [said.language_probability if said else None] * count,
        "speaker": [segment.speaker or source.speaker for segment in segments],
        "dialogue": [source.dialogue] * count,
        "turn": [source.turn if segment.turn is None else segment.turn for segment in segments],
        "context": [ids[max(0, place - context) : place] for place in range(count)],
        "doubts": [_doubts(segment, said, watched) for segment in segments],
    }


def _doubts(segment: Segment, said: Transcript | None, watched: Watched | None) -> list[str]:
    """What a reader should distrust: stretches of the transcript, and defects of the whole recording."""
    start, end = segment.start or 0.0, segment.end or 0.0
    overlapping = [doubt for doubt in (said.doubts if said else ()) if doubt.start < end and doubt.end > start]
    return [
        *(f"{doubt.reason} ({doubt.start:.2f}-{doubt.end:.2f} s)" for doubt in overlapping),
        *(watched.defects if watched else ()),
    ]


def _had(pieces: Pieces, facts: Facts, watched: Watched | None) -> dict[str, Any]:
    """bool[S] for each modality but the tracks: what the sample's own stretch holds."""
    every = np.ones(len(pieces), np.bool_)
    sound = every & (facts.sound is not None)
    pictures = every & (facts.form == "video" and facts.picture is not None)
    if watched is not None and pieces.has_clock:
        sound &= _touched(pieces.spans, watched.sound_spans)
        begin, end = watched.frame_start_s, watched.frame_end_s
        pictures &= _touched(pieces.spans, [(begin, end)] if begin is not None and end is not None else [])
    return {
        "text": np.array([bool(segment.text) for segment in pieces.segments], np.bool_),
        "audio": sound,
        "video": pictures,
        "image": every & (facts.form == "image"),
        "speech": np.array([bool(words) for words in pieces.words], np.bool_),
        "face": ~every,
    }


def _touched(spans: Microseconds, stretches: Sequence[tuple[float, float]]) -> NDArray[np.bool_]:
    touched = np.zeros(len(spans), np.bool_)
    for start, end in stretches:
        touched |= (spans[:, 0] < to_us(end)) & (spans[:, 1] > to_us(start))
    return touched


def _track(recording: Recording, kind: str, names: Sequence[str], pieces: Pieces, how: Rule) -> Measured | None:
    if not recording.has(kind):
        return None
    whole = recording.read(kind, Track)
    values = _in_order(whole.values, whole.columns, kind, names)
    columns = tuple(names) or whole.columns
    spans = whole.spans if pieces.has_clock else np.repeat(_A_MOMENT, len(whole), axis=0)
    track = Track(whole.times, spans, values, columns)
    held = overlaps(track.spans, pieces.spans)
    return Measured(track.times[held.frames], values[held.frames], held.offsets, align(track, pieces.intervals, how))


def _face(
    recording: Recording, names: Sequence[str], pieces: Pieces, wanted: Wanted
) -> tuple[Measured | None, Choice | None]:
    """The track of each segment's own face."""
    if not recording.has("faces"):
        return None, None
    faces = recording.read("faces", Faces)
    values = _in_order(faces.values, faces.columns, "faces", names)
    spans = faces.frame_spans if pieces.has_clock else np.repeat(_A_MOMENT, len(faces.frame_times), axis=0)
    whole = Faces(faces.frame_times, spans, faces.frame, faces.face, values, tuple(names))
    choice = choose(recording, faces, pieces.spans, overlaps(spans, pieces.spans), wanted.face)
    owner = pieces.owner
    reach = pieces.spans.copy()  # a word may begin before its segment or end after it
    np.minimum.at(reach[:, 0], owner, pieces.intervals[:, 0])
    np.maximum.at(reach[:, 1], owner, pieces.intervals[:, 1])
    wide = overlaps(spans, reach)
    track, intervals = side_by_side(whole, wide, followed(whole, wide, choice), pieces.intervals, owner)
    held = overlaps(spans, pieces.spans)
    measured = Measured(
        faces.frame_times[held.frames],
        followed(whole, held, choice),
        held.offsets,
        align(track, intervals, wanted.how),
    )
    return measured, choice


def _in_order(values: NDArray[np.float32], has: Sequence[str], kind: str, names: Sequence[str]) -> NDArray[np.float32]:
    """The columns that the step declared, in that order. Raises ValueError where the track has others."""
    if not names or tuple(has) == tuple(names):
        return values
    missing = sorted(set(names) - set(has))
    if missing:
        raise ValueError(f"{kind} has no column {', '.join(missing)}, which its step declares")
    return values[:, [list(has).index(name) for name in names]]


def _ids(choice: Choice | None, pieces: Pieces) -> list[int | None]:
    if choice is None:
        return [None] * len(pieces)
    return [None if face == NO_FACE else int(face) for face in choice.face]


def _scores(choice: Choice | None, pieces: Pieces) -> Any:
    return [None] * len(pieces) if choice is None else numbers(choice.score)
