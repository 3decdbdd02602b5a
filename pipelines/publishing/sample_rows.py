"""The rows of one recording: what segments, transcript and source say, and what was measured."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from extractors.functionals import FUNCTIONAL_NAMES, SPEECH_RATE_NAMES, functionals, speech_rate
from pipelines.publishing.said_and_shown import texts_in, turns_in
from pipelines.publishing.sample_columns import lists, numbers, pooled, sliced, struct
from pipelines.publishing.sample_pieces import A_MOMENT, Pieces, Wanted, cut, extent, measured_face, measured_track
from pipelines.segmenting.chosen_face import choose
from schemas.clock import MICROSECONDS_PER_SECOND, Microseconds, to_us
from schemas.faces import Faces
from schemas.faces_file import FacesFile
from schemas.facts import Facts, Watched
from schemas.sample import column_name, sample_schema
from schemas.screen_text import ScreenText
from schemas.segment import Segment, Segments
from schemas.source import Source
from schemas.speakers import Speakers
from schemas.speaking import Speaking
from schemas.step import Recording
from schemas.track import Track
from schemas.track_file import TrackFile
from schemas.transcript import Transcript

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of a recording. Tracks, those it has, and faces are read from their files stretch by stretch."""

    id: str
    source: Source
    facts: Facts
    found: Segments
    said: Transcript | None
    watched: Watched | None
    tracks: dict[str, TrackFile]
    faces: FacesFile | None
    speaking: Speaking | None
    speakers: Speakers | None = None
    ocr: ScreenText | None = None

    @property
    def has_clock(self) -> bool:
        """A text and a picture have none."""
        return self.facts.form in ("audio", "video")


@contextmanager
def opened(recording: Recording, wanted: Wanted) -> Iterator[Known]:
    """What rows are made of. Raises ValueError where a track lacks a column that its step declares."""
    with ExitStack() as opening:
        tracks = {}
        for kind, names in wanted.tracks.items():
            if kind != "faces" and recording.has(kind):
                tracks[kind] = opening.enter_context(recording.open(kind, TrackFile))
                _places(tracks[kind].columns, kind, names)
        faces = speaking = None
        if "faces" in wanted.tracks and recording.has("faces"):
            faces = opening.enter_context(recording.open("faces", FacesFile))
            _places(faces.columns, "faces", wanted.tracks["faces"])
            if recording.has("speaking"):
                speaking = recording.read("speaking", Speaking)
        yield Known(
            id=recording.id,
            source=recording.source,
            facts=recording.read("facts", Facts),
            found=recording.read("segments", Segments),
            said=recording.read("words", Transcript) if recording.has("words") else None,
            watched=recording.read("watched", Watched) if recording.has("watched") else None,
            tracks=tracks,
            faces=faces,
            speaking=speaking,
            speakers=recording.read("speakers", Speakers) if wanted.voices and recording.has("speakers") else None,
            ocr=recording.read("ocr", ScreenText) if wanted.ocr and recording.has("ocr") else None,
        )


def _track(known: Known, wanted: Wanted, kind: str, pieces: Pieces) -> Track:
    """What of a track bears on the segments, in the columns that the step declared."""
    file, names = known.tracks[kind], wanted.tracks[kind]
    some = file.between(*extent(pieces)) if known.has_clock else file.whole()
    spans = some.spans if known.has_clock else np.repeat(A_MOMENT, len(some), axis=0)
    return Track(some.times, spans, _in_order(some.values, some.columns, kind, names), names or some.columns)


def _faces(file: FacesFile, known: Known, wanted: Wanted, pieces: Pieces) -> Faces:
    """The same of the faces."""
    names = wanted.tracks["faces"]
    some = file.between(*extent(pieces)) if known.has_clock else file.whole()
    spans = some.frame_spans if known.has_clock else np.repeat(A_MOMENT, len(some.frame_times), axis=0)
    values = _in_order(some.values, some.columns, "faces", names)
    return replace(some, frame_spans=spans, values=values, columns=names)


def schema_of(wanted: Wanted) -> "pa.Schema":
    """The columns of the rows: `wanted` alone decides."""
    names = (*(FUNCTIONAL_NAMES if "prosody" in wanted.tracks else ()), *SPEECH_RATE_NAMES)
    return sample_schema(wanted.tracks, wanted.to, names, wanted.told, voices=wanted.voices, ocr=wanted.ocr)


def batches(known: Known, wanted: Wanted, rows: int) -> "Iterator[pa.Table]":
    """The samples of a recording, so many rows at a time; one table without rows where there are no segments."""
    for first in range(0, max(1, len(known.found.segments)), rows):
        yield _batch(known, wanted, slice(first, first + rows))


def _batch(known: Known, wanted: Wanted, part: slice) -> "pa.Table":
    import pyarrow as pa

    pieces = cut(known.found.segments[part], known.said, wanted, has_clock=known.has_clock)
    count = len(pieces)
    schema = schema_of(wanted)
    columns: dict[str, Any] = {
        **_told(known, pieces, part, wanted.told or ()),
        "face_id": None,
        "face_score": None,
        "face_chosen": None,
    }
    present = _had(pieces, known)
    aligned: dict[str, Any] = {}
    tracks = {kind: _track(known, wanted, kind, pieces) for kind in known.tracks}
    if pieces.offsets is not None:
        seconds = pieces.intervals.T / MICROSECONDS_PER_SECOND
        aligned = {
            name: lists(pieces.offsets, pa.array(side)) for name, side in zip(("start", "end"), seconds, strict=True)
        }
    for kind, names in wanted.tracks.items():
        name = column_name(kind)
        measured = None
        if kind in tracks:
            measured = measured_track(tracks[kind], pieces, wanted.how)
        elif kind == "faces" and known.faces is not None:
            faces = _faces(known.faces, known, wanted, pieces)
            choice = choose(faces, pieces.spans, known.speaking, wanted.face)
            columns |= {
                "face_id": choice.ids(),
                "face_chosen": choice.reasons(),
                "face_score": numbers(choice.score),
            }
            measured = measured_face(faces, choice, pieces, wanted.how)
        present[name] = measured.seen() if measured else np.zeros(count, np.bool_)
        columns[name] = sliced(measured.times, measured.values, measured.offsets, names) if measured else None
        aligned[name] = pooled(measured.aligned, names, pieces.offsets) if measured else None
    columns |= {
        "present": present,
        "aligned": aligned,
        "functionals": _functionals(known, tracks.get("prosody"), pieces),
        "voices": turns_in(known.speakers, pieces),
        "ocr": texts_in(known.ocr, pieces),
    }
    arrays = [_column(columns[name], schema.field(name).type, count) for name in schema.names]
    return pa.Table.from_arrays(arrays, schema=schema)


def _functionals(known: Known, prosody: Track | None, pieces: Pieces) -> list[dict[str, float | None] | None]:
    """Statistics of voice and speech in each segment; None without a clock."""
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


def _told(known: Known, pieces: Pieces, part: slice, told: Sequence[str]) -> dict[str, Any]:
    """What segments, transcript and source say. told: further columns of the table of utterances."""
    source, said, segments = known.source, known.said, pieces.segments
    count = len(segments)
    all_ids = [f"{known.id}#{segment.index:04d}" for segment in known.found.segments]
    ids = all_ids[part]
    ids_on = [*(f"{one}#0000" for one in known.found.before), *all_ids]
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
        "dialogue": [segment.dialogue or source.dialogue for segment in segments],
        "turn": [source.turn if segment.turn is None else segment.turn for segment in segments],
        "context": [_before(known.found, ids_on, at) for at in range(part.start, part.start + count)],
        "utterance": [segment.name for segment in segments],
        "extra": {name: [segment.extra.get(name) for segment in segments] for name in told},
        "doubts": [_doubts(segment, said, known.watched) for segment in segments],
    }


def _before(found: Segments, ids: Sequence[str], at: int) -> list[str]:
    """The pieces before one, of its own dialogue. ids: of each segment, after those that come before the first."""
    others = len(ids) - len(found.segments)
    own = found.segments[at].dialogue
    back = (
        ids[place]
        for place in range(others + at - 1, -1, -1)
        if place < others or found.segments[place - others].dialogue == own
    )
    return list(islice(back, found.context))[::-1]


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
    places = _places(has, kind, names)
    return values if places is None else values[:, places]


def _places(has: Sequence[str], kind: str, names: Sequence[str]) -> list[int] | None:
    """Where the declared columns are; None where all are in their places."""
    if not names or tuple(has) == tuple(names):
        return None
    missing = sorted(set(names) - set(has))
    if missing:
        raise ValueError(f"{kind} has no column {', '.join(missing)}, which its step declares")
    return [list(has).index(name) for name in names]
