"""The rows of one recording: what segments, transcript and source say, and what was measured."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from extractors.functionals import FUNCTIONAL_NAMES, SPEECH_RATE_NAMES, functionals, speech_rate
from pipelines.align import Aligned, Rule, align, grid, overlaps, word_spans
from pipelines.chosen_face import Choice, choose, followed, side_by_side
from pipelines.sample_columns import Offsets, lists, numbers, pooled, sliced, struct
from schemas.clock import MICROSECONDS_PER_SECOND, Microseconds, to_us, to_us_array
from schemas.faces import Faces
from schemas.facts import Facts, Watched
from schemas.sample import AlignedTo, column_name, sample_schema
from schemas.segment import Segment, Segments
from schemas.source import Source
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


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of a recording, read once. tracks: those it has."""

    id: str
    source: Source
    facts: Facts
    found: Segments
    said: Transcript | None
    watched: Watched | None
    tracks: dict[str, Track]
    faces: Faces | None
    choice: Choice | None
    """The face of each of all segments."""

    @property
    def has_clock(self) -> bool:
        """A text and a picture have none."""
        return self.facts.form in ("audio", "video")


def read(recording: Recording, wanted: Wanted) -> Known:
    """Read what rows are made of. Raises ValueError where a track lacks a column that its step declares."""
    facts = recording.read("facts", Facts)
    has_clock = facts.form in ("audio", "video")
    found = recording.read("segments", Segments)
    tracks = {}
    for kind, names in wanted.tracks.items():
        if kind != "faces" and recording.has(kind):
            track = recording.read(kind, Track)
            spans = track.spans if has_clock else np.repeat(_A_MOMENT, len(track), axis=0)
            values = _in_order(track.values, track.columns, kind, names)
            tracks[kind] = Track(track.times, spans, values, names or track.columns)
    faces = choice = None
    if "faces" in wanted.tracks and recording.has("faces"):
        seen = recording.read("faces", Faces)
        spans = seen.frame_spans if has_clock else np.repeat(_A_MOMENT, len(seen.frame_times), axis=0)
        choice = choose(recording, seen, _spans(found.segments, has_clock=has_clock), spans, wanted.face)
        names = wanted.tracks["faces"]
        values = _in_order(seen.values, seen.columns, "faces", names)
        faces = Faces(seen.frame_times, spans, seen.frame, seen.face, values, names)
    return Known(
        id=recording.id,
        source=recording.source,
        facts=facts,
        found=found,
        said=recording.read("words", Transcript) if recording.has("words") else None,
        watched=recording.read("watched", Watched) if recording.has("watched") else None,
        tracks=tracks,
        faces=faces,
        choice=choice,
    )


def schema_of(wanted: Wanted) -> "pa.Schema":
    """The columns of the rows: `wanted` alone decides."""
    names = (*(FUNCTIONAL_NAMES if "prosody" in wanted.tracks else ()), *SPEECH_RATE_NAMES)
    return sample_schema(wanted.tracks, wanted.to, names)


def batches(known: Known, wanted: Wanted, rows: int) -> "Iterator[pa.Table]":
    """The samples of a recording, so many rows at a time; one table without rows where there are no segments."""
    for first in range(0, max(1, len(known.found.segments)), rows):
        yield _batch(known, wanted, slice(first, first + rows))


def _batch(known: Known, wanted: Wanted, part: slice) -> "pa.Table":
    import pyarrow as pa

    pieces = cut(known.found.segments[part], known.said, wanted, has_clock=known.has_clock)
    count = len(pieces)
    schema = schema_of(wanted)
    columns: dict[str, Any] = {**_told(known, pieces, part), "face_id": None, "face_score": None}
    present = _had(pieces, known)
    aligned: dict[str, Any] = {}
    if pieces.offsets is not None:
        seconds = pieces.intervals.T / MICROSECONDS_PER_SECOND
        aligned = {
            name: lists(pieces.offsets, pa.array(side)) for name, side in zip(("start", "end"), seconds, strict=True)
        }
    for kind, names in wanted.tracks.items():
        name = column_name(kind)
        measured = None
        if kind in known.tracks:
            measured = _of_track(known.tracks[kind], pieces, wanted.how)
        elif kind == "faces" and known.faces is not None and known.choice is not None:
            choice = known.choice.part(part)
            columns |= {"face_id": choice.ids(), "face_score": numbers(choice.score)}
            measured = _of_face(known.faces, choice, pieces, wanted.how)
        present[name] = measured.seen() if measured else np.zeros(count, np.bool_)
        columns[name] = sliced(measured.times, measured.values, measured.offsets, names) if measured else None
        aligned[name] = pooled(measured.aligned, names, pieces.offsets) if measured else None
    columns |= {"present": present, "aligned": aligned, "functionals": _functionals(known, pieces)}
    arrays = [_column(columns[name], schema.field(name).type, count) for name in schema.names]
    return pa.Table.from_arrays(arrays, schema=schema)


def _functionals(known: Known, pieces: Pieces) -> list[dict[str, float | None] | None]:
    """Statistics of voice and speech in each segment; None without a clock."""
    prosody = known.tracks.get("prosody")
    found: list[dict[str, float | None] | None] = []
    for segment, words in zip(pieces.segments, pieces.words, strict=True):
        if segment.start is None or segment.end is None:
            found.append(None)
            continue
        of_voice = functionals(prosody, segment.start, segment.end) if prosody else {}
        of_words = speech_rate(words, segment.start, segment.end) if known.said else {}
        found.append({**of_voice, **of_words})
    return found


def _column(values: Any, kind: "pa.DataType", count: int) -> "pa.Array":
    """What was gathered for a column as an array of its type: nulls for None, a struct for a dict."""
    import pyarrow as pa

    if values is None:
        return pa.nulls(count, kind)
    if isinstance(values, dict):
        return struct([_column(values[name], kind.field(name).type, count) for name in kind.names], kind)
    return values if isinstance(values, pa.Array) else pa.array(values, kind)


def cut(segments: Sequence[Segment], said: Transcript | None, wanted: Wanted, *, has_clock: bool) -> Pieces:
    """The segments with their words, and the intervals of each."""
    words = tuple(
        said.words[one.first_word : one.last_word + 1]
        if said and one.first_word is not None and one.last_word is not None
        else ()
        for one in segments
    )
    spans = _spans(segments, has_clock=has_clock)
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


def _spans(segments: Sequence[Segment], *, has_clock: bool) -> Microseconds:
    """int64[S, 2]: when each segment is."""
    if not has_clock:
        return np.repeat(_A_MOMENT, len(segments), axis=0)
    return to_us_array([(one.start or 0.0, one.end or 0.0) for one in segments]).reshape(-1, 2)


def _told(known: Known, pieces: Pieces, part: slice) -> dict[str, Any]:
    """What segments, transcript and source say."""
    source, said, segments = known.source, known.said, pieces.segments
    count = len(segments)
    all_ids = [f"{known.id}#{segment.index:04d}" for segment in known.found.segments]
    ids = all_ids[part]
    context = known.found.context
    language = said.language if said and said.language else source.language
    spoken = [[word.model_dump(exclude={"sentence_end"}) for word in words] for words in pieces.words]
    return {
        "id": ids,
        "recording": [known.id] * count,
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
        "context": [all_ids[max(0, at - context) : at] for at in range(part.start, part.start + count)],
        "doubts": [_doubts(segment, said, known.watched) for segment in segments],
    }


def _doubts(segment: Segment, said: Transcript | None, watched: Watched | None) -> list[str]:
    """What a reader should distrust: stretches of the transcript, and defects of the whole recording."""
    start, end = segment.start or 0.0, segment.end or 0.0
    overlapping = [doubt for doubt in (said.doubts if said else ()) if doubt.start < end and doubt.end > start]
    return [
        *(f"{doubt.reason} ({doubt.start:.2f}-{doubt.end:.2f} s)" for doubt in overlapping),
        *(watched.defects if watched else ()),
    ]


def _had(pieces: Pieces, known: Known) -> dict[str, Any]:
    """bool[S] for each modality but the tracks: what the sample's own stretch holds."""
    facts, watched = known.facts, known.watched
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


def _of_track(track: Track, pieces: Pieces, how: Rule) -> Measured:
    """The frames of each segment, and the aligned values."""
    held = overlaps(track.spans, pieces.spans)
    near = _reach(pieces)
    whole = np.array([[near[:, 0].min(), near[:, 1].max()]] if len(pieces) else [], np.int64).reshape(-1, 2)
    some = np.sort(overlaps(track.spans, whole).frames)
    close = Track(track.times[some], track.spans[some], track.values[some], track.columns)
    return Measured(
        track.times[held.frames], track.values[held.frames], held.offsets, align(close, pieces.intervals, how)
    )


def _of_face(faces: Faces, choice: Choice, pieces: Pieces, how: Rule) -> Measured:
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


def _in_order(values: NDArray[np.float32], has: Sequence[str], kind: str, names: Sequence[str]) -> NDArray[np.float32]:
    """The columns that the step declared, in that order. Raises ValueError where the track has others."""
    if not names or tuple(has) == tuple(names):
        return values
    missing = sorted(set(names) - set(has))
    if missing:
        raise ValueError(f"{kind} has no column {', '.join(missing)}, which its step declares")
    return values[:, [list(has).index(name) for name in names]]
