"""What a worker sees of recordings before any is published, told in few bytes."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from annotation.asked_agreement import Extent
from pipelines.protecting.redaction import TEXTS, has_text
from pipelines.publishing.provenance import Kinds, note_kinds, origin, published_uri
from schemas.errors import StoreError
from schemas.facts import Facts
from schemas.failure import Failure
from schemas.publication import Publication
from schemas.source import Source
from schemas.step import Recording

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLES = "samples"
PAGES = "the recording's page"
"""Where terms were learnt that a page told; which one, and when, stands with each recording."""
EXTRA = "extra"
"""A struct of further columns: of the sources, and of the samples where a table of utterances has some."""
Keys = tuple[str | None, ...]
"""A row's values in the grouping columns."""
_NEEDED = ("id", "index", "start", "end")
_OF_SOURCE = ("speaker", "dialogue", "language", "licence", "consent")
_SOUND_BYTES_A_SECOND = 16_000
"""Half of 16-bit samples at 16 kHz: about what FLAC leaves of speech."""
_BYTES_A_CHUNK = 60
"""What Parquet writes for a column of a recording besides its values."""
_BYTES_A_ROW = 64
_US = 1_000_000


class Part(NamedTuple):
    """Rows of one recording that have the same values in the grouping columns."""

    keys: Keys
    rows: int
    microseconds: int


class Looked(NamedTuple):
    """One recording. place: among the ids of its portion, later among all."""

    place: int
    mark: bytes
    """16 bytes that change with anything of the recording that is published, besides labels."""
    size: int
    """About how many bytes its rows take in the dataset."""
    parts: tuple[Part, ...]


@dataclass
class Seen:
    """A portion of the recordings."""

    number: int
    recordings: list[Looked] = field(default_factory=list)
    schemas: dict[bytes, tuple[str, "pa.Schema"]] = field(default_factory=dict)
    """Each schema that was met, with the first recording that has it."""
    kinds: Kinds = field(default_factory=dict)
    samples: dict[str, tuple[str, ...]] = field(default_factory=dict)
    extents: dict[str, Extent] = field(default_factory=dict)
    """Of each of `samples`, where it is asked for."""
    part_of: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """For each of `samples`, the place of its part, where the recording has several."""
    values: dict[str, list[Keys]] = field(default_factory=dict)
    """For each recording, its samples' values in the columns to balance, where the recipe has some."""
    people: set[tuple[str, Keys]] = field(default_factory=set)
    """Who, and what is told of them in the columns of which rare combinations are suppressed."""
    unread: Counter[str] = field(default_factory=Counter)
    """Samples with something to read, in each language, where names are taken out of it; '' where none is known."""
    spoken: dict[str, str] = field(default_factory=dict)
    """The language of each of `samples`, where names are taken out of answers."""
    failures: list[Failure] = field(default_factory=list)
    forms: Counter[str] = field(default_factory=Counter)
    origins: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    speakers: set[str] = field(default_factory=set)
    licences: Counter[str] = field(default_factory=Counter)
    consents: Counter[str] = field(default_factory=Counter)
    learnt: Counter[tuple[str, str]] = field(default_factory=Counter)


class Portion(NamedTuple):
    """Some of the ids. first: the place of the first among all."""

    number: int
    first: int
    ids: tuple[str, ...]

    def __str__(self) -> str:
        return f"the samples of {self.ids[0]} to {self.ids[-1]}"


@dataclass(frozen=True)
class Look:
    """What a worker does with a portion.

    items: what answers are about; the samples among them are told. extents: and how long they are, and their text.
    """

    open: Callable[[str], Recording | None]
    failures: Callable[[str], Sequence[Failure]] | None
    how: Publication
    items: Collection[str] = frozenset()
    extents: bool = False

    def __call__(self, portion: Portion) -> Seen:
        """Raises StoreError where samples cannot be read, or are not what a build makes."""
        seen = Seen(portion.number)
        for place, recording_id in enumerate(portion.ids, portion.first):
            if self.failures is not None:
                seen.failures += self.failures(recording_id)
            recording = self.open(recording_id)
            if recording is not None and recording.has(SAMPLES):
                self._look(place, recording, seen)
        return seen

    def _look(self, place: int, recording: Recording, seen: Seen) -> None:
        source = recording.source
        facts = facts_of(recording)
        with opened_samples(recording) as (path, file):
            schema: pa.Schema = file.schema_arrow
            if lacking := [name for name in _NEEDED if name not in schema.names]:
                raise StoreError(f"the samples of {recording.id} have no column {lacking[0]!r}", do="build once more")
            balanced = self.how.balance.by if self.how.balance else ()
            wanted = dict.fromkeys([*_NEEDED, "language", "speaker", *self.how.groups, *balanced, EXTRA])
            wanted |= {"text": None} if self.extents else {}
            suppress, redact = self.how.privacy.suppress, self.how.privacy.redact
            wanted |= dict.fromkeys(TEXTS) if redact else {}
            table = file.read(columns=[name for name in wanted if name in schema.names], use_threads=False)
            mark = mark_of(recording, facts, self.how, path)
            taken = path.stat().st_size - file.metadata.serialized_size
            taken = max(0, taken - _BYTES_A_CHUNK * file.metadata.num_columns * file.metadata.num_row_groups)
        seen.schemas.setdefault(schema.remove_metadata().serialize().to_pybytes(), (recording.id, schema))
        note_kinds(source, seen.kinds)
        columns = _columns(table, seen.kinds)
        if any(later <= earlier for earlier, later in zip(columns["index"], columns["index"][1:], strict=False)):
            raise StoreError(f"the samples of {recording.id} are not in order", do="build once more, then publish")
        _check_ids(recording.id, columns["id"])
        lengths = _lengths(columns)
        keys = keys_of(source, self.how.groups, columns, len(table))
        parts = _parts(keys, lengths)
        size = taken + _BYTES_A_ROW * len(table) + self._media_bytes(source, facts, sum(lengths))
        seen.recordings.append(Looked(place, mark, size, parts))
        self._count(seen, recording, facts, columns)
        if suppress is not None:
            who = keys_of(source, ("speaker",), columns, len(table))
            told = keys_of(source, suppress.columns, columns, len(table))
            seen.people.update((one or recording.id, values) for (one,), values in zip(who, told, strict=True))
        if redact is not None:
            to_read = (row for row in table.to_pylist() if has_text(row))
            seen.unread.update(row.get("language") or source.language or "" for row in to_read)
        if balanced:
            seen.values[recording.id] = keys_of(source, balanced, columns, len(table))
        if balanced or recording.id in self.items or any(sample in self.items for sample in columns["id"]):
            seen.samples[recording.id] = tuple(columns["id"])
            if redact is not None:
                spoken = (one or source.language or "" for one in columns.get("language", [None] * len(table)))
                seen.spoken |= dict(zip(columns["id"], spoken, strict=True))
            if self.extents:
                texts = (text or "" for text in columns.get("text", [None] * len(table)))
                seen.extents |= dict(
                    zip(columns["id"], zip(columns["start"], columns["end"], texts, strict=True), strict=True)
                )
            if len(parts) > 1:
                places = {part.keys: at for at, part in enumerate(parts)}
                seen.part_of[recording.id] = tuple(places[key] for key in keys)

    def _count(self, seen: Seen, recording: Recording, facts: Facts | None, columns: dict[str, list[Any]]) -> None:
        source, rows = recording.source, len(columns["id"])
        if facts is not None:
            seen.forms[facts.form] += 1
        seen.origins[origin(source.uri)] += 1
        seen.licences[source.licence or ""] += 1
        seen.consents[source.consent or ""] += 1
        for term, there in source.learnt.items():
            of_page = source.page is not None and there.endswith(f" on {source.page.seen}")
            seen.learnt[term, PAGES if of_page else there] += 1
        languages = (given or source.language for given in columns.get("language", [None] * rows))
        seen.languages.update(name for name in languages if name)
        speakers = (given or source.speaker for given in columns.get("speaker", [None] * rows))
        seen.speakers.update(name for name in speakers if name)

    def _media_bytes(self, source: Source, facts: Facts | None, microseconds: int) -> int:
        """About as much as the media in the dataset will take."""
        taken = 0
        if facts is None:
            return 0
        if "audio" in self.how.media and facts.sound is not None:
            taken += _SOUND_BYTES_A_SECOND * microseconds // _US
        if "video" in self.how.media and facts.form == "video" and facts.duration_s:
            taken += int(source.bytes * min(1.0, microseconds / (facts.duration_s * _US)))
        if "image" in self.how.media and facts.form == "image":
            taken += source.bytes
        return taken


def _columns(table: "pa.Table", kinds: Kinds) -> dict[str, list[Any]]:
    """The columns by their names, and further ones of the samples themselves, whose types are noted."""
    columns = {name: table[name].to_pylist() for name in table.column_names if name != EXTRA}
    for name, values in own_columns(table).items():
        columns.setdefault(name, values)
        kinds.setdefault(name, set()).add(str)
    return columns


def own_columns(rows: "pa.Table | pa.RecordBatch") -> dict[str, list[Any]]:
    """The further columns that samples have themselves, not by their source."""
    if EXTRA not in rows.schema.names:
        return {}
    kind = rows.schema.field(EXTRA).type
    told = rows.column(EXTRA).to_pylist()
    return {name: [(one or {}).get(name) for one in told] for name in (field.name for field in kind)}


def _check_ids(recording: str, ids: Sequence[str]) -> None:
    """Raises StoreError where two samples would have one id: here, or with one of another recording."""
    foreign = [one for one in ids if one.rpartition("#")[0] != recording and one != recording]
    twice = [one for one, count in Counter(ids).items() if count > 1]
    if foreign or twice:
        what = f"have the id {twice[0]!r} twice" if twice else f"hold {foreign[0]!r}, which is no sample of it"
        raise StoreError(f"the samples of {recording} {what}", do="build once more, then publish")


@contextmanager
def opened_samples(recording: Recording) -> Iterator[tuple[Path, Any]]:
    """The file of the recording's samples, also as an open `pyarrow.parquet.ParquetFile`. Raises StoreError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with recording.local(SAMPLES) as path:
        try:
            file = pq.ParquetFile(Path(path))
        except (OSError, pa.ArrowInvalid) as error:
            raise StoreError(
                f"the samples of {recording.id} cannot be read: {error}", do="build once more, then publish"
            ) from error
        with file:
            yield Path(path), file


def facts_of(recording: Recording) -> Facts | None:
    """What is known of the media."""
    return recording.read("facts", Facts) if recording.has("facts") else None


def mark_of(recording: Recording, facts: Facts | None, how: Publication, samples: Path) -> bytes:
    """16 bytes that change with anything of the recording that is published, besides labels."""
    source = recording.source
    media: list[str | None] = []
    if "audio" in how.media or ("video" in how.media and how.privacy.changes_sound):
        media.append(_print(recording, "audio") if recording.has("audio") else None)
    if set(how.media) & {"video", "image"}:
        media.append(source.sha256)
        if how.privacy.blur_faces:
            media.append(_print(recording, "faces") if recording.has("faces") else None)
    told = source.model_dump(
        mode="json", include={"licence", "consent", "language", "speaker", "dialogue", "turn", "extra", "sha256"}
    )
    form = None if facts is None else [facts.form, facts.sound is not None]
    text = json.dumps([recording.id, _sha256(samples), media, published_uri(source.uri), told, form], sort_keys=True)
    return hashlib.sha256(text.encode()).digest()[:16]


def _print(recording: Recording, kind: str) -> str:
    """Of an artifact: what it was made of and by, where the recording knows, else of its bytes."""
    fingerprint = getattr(recording, "fingerprint", None)
    if fingerprint is not None:
        return str(fingerprint(kind))
    with recording.local(kind) as path:
        return _sha256(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _lengths(columns: dict[str, list[Any]]) -> list[int]:
    """Microseconds of each sample; 0 without a clock."""
    return [
        round((end - start) * _US) if start is not None and end is not None else 0
        for start, end in zip(columns["start"], columns["end"], strict=True)
    ]


def _parts(keys: Sequence[Keys], lengths: Sequence[int]) -> tuple[Part, ...]:
    rows: Counter[Keys] = Counter(keys)
    sums: Counter[Keys] = Counter()
    for key, length in zip(keys, lengths, strict=True):
        sums[key] += length
    return tuple(Part(key, count, sums[key]) for key, count in rows.items())


def keys_of(source: Source, groups: Sequence[str], columns: dict[str, list[Any]], rows: int) -> list[Keys]:
    """Each row's values in the grouping columns: its own, else that of the source."""
    nothing: list[Any] = [None] * rows
    return list(zip(*(_values(key, source, columns.get(key, nothing)) for key in groups), strict=True))


def _values(key: str, source: Source, column: Sequence[Any]) -> list[str | None]:
    of_source: Any = {
        "recording": source.id,
        "source": source.sha256,
        **{name: getattr(source, name) for name in _OF_SOURCE},
    }.get(key, source.extra.get(key))
    values = [of_source if given is None or key in ("recording", "source") else given for given in column]
    return [None if given is None or given == "" else str(given) for given in values]
