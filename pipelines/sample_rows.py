"""The rows of one recording: what segments, transcript and source say, and what was measured."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from extractors.functionals import FUNCTIONAL_NAMES, SPEECH_RATE_NAMES, functionals, speech_rate
from pipelines.chosen_face import Choice, choose
from pipelines.sample_columns import lists, numbers, pooled, sliced, struct
from pipelines.sample_pieces import A_MOMENT, Pieces, Wanted, cut, measured_face, measured_track, spans_of
from schemas.clock import MICROSECONDS_PER_SECOND, Microseconds, to_us
from schemas.faces import Faces
from schemas.facts import Facts, Watched
from schemas.sample import column_name, sample_schema
from schemas.segment import Segment, Segments
from schemas.source import Source
from schemas.step import Recording
from schemas.track import Track
from schemas.transcript import Transcript

if TYPE_CHECKING:
    import pyarrow as pa


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
            spans = track.spans if has_clock else np.repeat(A_MOMENT, len(track), axis=0)
            values = _in_order(track.values, track.columns, kind, names)
            tracks[kind] = Track(track.times, spans, values, names or track.columns)
    faces = choice = None
    if "faces" in wanted.tracks and recording.has("faces"):
        seen = recording.read("faces", Faces)
        spans = seen.frame_spans if has_clock else np.repeat(A_MOMENT, len(seen.frame_times), axis=0)
        choice = choose(recording, seen, spans_of(found.segments, has_clock=has_clock), spans, wanted.face)
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
    columns: dict[str, Any] = {**_told(known, pieces, part), "face_id": None, "face_score": None, "face_chosen": None}
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
            measured = measured_track(known.tracks[kind], pieces, wanted.how)
        elif kind == "faces" and known.faces is not None and known.choice is not None:
            choice = known.choice.part(part)
            columns |= {
                "face_id": choice.ids(),
                "face_chosen": choice.reasons(),
                "face_score": numbers(choice.score),
            }
            measured = measured_face(known.faces, choice, pieces, wanted.how)
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


def _in_order(values: NDArray[np.float32], has: Sequence[str], kind: str, names: Sequence[str]) -> NDArray[np.float32]:
    """The columns that the step declared, in that order. Raises ValueError where the track has others."""
    if not names or tuple(has) == tuple(names):
        return values
    missing = sorted(set(names) - set(has))
    if missing:
        raise ValueError(f"{kind} has no column {', '.join(missing)}, which its step declares")
    return values[:, [list(has).index(name) for name in names]]
