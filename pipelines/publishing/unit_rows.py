"""What a worker does to publish: the rows of one unit, with their media, written to its shards."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from pipelines.protecting.names import Finder
from pipelines.protecting.protection import NOTHING, Protection
from pipelines.protecting.redaction import TEXTS, WHOLE, Kept, Redaction, redact
from pipelines.publishing.arrow_types import conform
from pipelines.publishing.looked import EXTRA, facts_of, keys_of, mark_of, opened_samples, own_columns
from pipelines.publishing.place import Place, ShardFile
from pipelines.publishing.provenance import provenance
from pipelines.publishing.shards import ShardWriter
from pipelines.publishing.tallied import tallied
from pipelines.publishing.units import Member, Unit
from pipelines.watching.media import Concealed, Media
from schemas.errors import StoreError
from schemas.features import Features, arrow_schema
from schemas.publication import MediaProblem, Medium, Publication
from schemas.step import Recording
from schemas.tally import Tally

if TYPE_CHECKING:
    import pyarrow as pa

MEDIA: tuple[Medium, ...] = ("audio", "video", "image")
_BATCH = 32
_OF_SOURCE = ("speaker", "dialogue", "turn", "language")


@dataclass(frozen=True)
class Made:
    """A unit's shards. how: written now, kept as they were published, or found finished since an earlier run.

    unpacked: bytes before compression. tally: what the rows hold.
    """

    split: str
    number: int
    digest: str
    how: Literal["written", "kept", "found"]
    files: tuple[ShardFile, ...]
    recordings: int
    unpacked: int
    tally: Tally
    problems: tuple[MediaProblem, ...] = ()


@dataclass(frozen=True)
class Task:
    """A unit, and its files as they were published before."""

    unit: Unit
    published: tuple[ShardFile, ...] = ()

    def __str__(self) -> str:
        members = self.unit.members
        return f"the samples of {members[0].id} to {members[-1].id} in {self.unit.split}"


@dataclass(frozen=True)
class _Work:
    """What the rows of one recording are made of. texts: what is published of its texts; None: all of them."""

    recording: Recording
    member: Member
    media: Media
    origin: Mapping[str, Any]
    texts: Redaction | None

    def concealed(self, who: str | None, sample: Kept) -> Concealed:
        """What of a sample's media is kept back. who: speaks in it, where that is known."""
        speaker = who or self.recording.source.speaker or self.recording.id
        beeps, lines = (self.texts.beeps, self.texts.lines) if self.texts else ((), ())
        return Concealed(speaker, beeps, lines, sample.whole)


@dataclass(frozen=True)
class Write:
    """Writes units, those that are not there already. Picklable."""

    open: Callable[[str], Recording | None]
    how: Publication
    features: Features
    place: Place
    protect: Protection = NOTHING

    def __call__(self, task: Task) -> Made:
        """Raises StoreError where the place cannot be written or samples cannot be read."""
        unit = task.unit
        with self.place.told():
            if task.published and all(self.place.is_whole(file) for file in task.published):
                return self._made(unit, "kept", task.published)
            if (files := self.place.noted(unit.digest)) is not None:
                return self._made(unit, "found", files)
            problems: list[MediaProblem] = []
            with self.place.working() as folder:
                size = self.how.shard_mb * 1_000_000
                writer = ShardWriter(unit.digest, self.schema, folder, size, self.place.take)
                try:
                    for member in unit.members:
                        for row in self._rows(member, problems):
                            writer.add(row)
                    writer.finish()
                finally:
                    writer.abandon()
            files = tuple(writer.files)
            if not problems:  # what could not be cut is tried again the next time
                self.place.note(unit.digest, files)
            return self._made(unit, "written", files, tuple(problems))

    @cached_property
    def schema(self) -> "pa.Schema":
        """Of the shards."""
        return arrow_schema(self.features)

    def _made(
        self,
        unit: Unit,
        how: Literal["written", "kept", "found"],
        files: tuple[ShardFile, ...],
        problems: tuple[MediaProblem, ...] = (),
    ) -> Made:
        import pyarrow.parquet as pq

        unpacked = 0
        tally = Tally()
        for file in files:
            with self.place.fs.open(self.place.path_of(file), "rb") as opened, pq.ParquetFile(opened) as parquet:
                meta = parquet.metadata
                unpacked += sum(meta.row_group(group).total_byte_size for group in range(meta.num_row_groups))
                tally.add(tallied(parquet, self.features))
        return Made(unit.split, unit.number, unit.digest, how, files, len(unit.members), unpacked, tally, problems)

    def _rows(self, member: Member, problems: list[MediaProblem]) -> "Iterator[pa.RecordBatch]":
        """One-row batches of a recording's samples."""
        recording = self.open(member.id)
        if recording is None:
            raise StoreError(f"{member.id} has gone while it was being published", do="publish once more")
        wanted = [medium for medium in MEDIA if medium in self.features]
        origin = provenance(recording.source, self.features)
        with ExitStack() as stack:
            facts = facts_of(recording)
            privacy, secret = self.how.privacy, self.protect.secret
            media = stack.enter_context(Media(recording, facts, wanted, privacy, secret))
            path, file = stack.enter_context(opened_samples(recording))
            if mark_of(recording, facts, self.how, path).hex() != member.mark:
                raise StoreError(f"{member.id} has changed while it was being published", do="publish once more")
            work = _Work(recording, member, media, origin, self._redaction(file, recording, origin))
            for batch in file.iter_batches(batch_size=_BATCH, use_threads=False):
                yield from self._batch(batch, work)
            problems += media.problems

    def _redaction(self, file: Any, recording: Recording, origin: Mapping[str, Any]) -> Redaction | None:
        """What of the recording's texts is published; None where all is."""
        if self._finder is None:
            return None
        kept = [name for name in ("id", "language", *TEXTS) if name in file.schema_arrow.names]
        rows = file.read(columns=kept, use_threads=False).to_pylist()
        rows = [{**row, "language": row.get("language") or recording.source.language} for row in rows]
        return redact(rows, self._finder, origin.get(EXTRA) or {})

    @cached_property
    def _finder(self) -> Finder | None:
        redacts = self.how.privacy.redact
        return None if redacts is None else Finder(redacts.what, self.protect.names)

    def _batch(self, batch: "pa.RecordBatch", of: _Work) -> "Iterator[pa.RecordBatch]":
        import pyarrow as pa

        schema, features, source = self.schema, self.features, of.recording.source
        wanted = [medium for medium in MEDIA if medium in features]
        columns = {
            name: conform(batch.column(name), schema.field(name).type)
            for name in batch.schema.names
            if name in features and name not in of.origin and name not in wanted and name != "present"
        }
        columns |= {
            name: _filled(column, getattr(source, name)) for name, column in columns.items() if name in _OF_SOURCE
        }
        start, end = (batch.column(name).to_pylist() for name in ("start", "end"))
        present = batch.column("present").to_pylist() if "present" in batch.schema.names else [{}] * len(batch)
        ids = batch.column("id").to_pylist()
        own = own_columns(batch)
        suppress = self.how.privacy.suppress
        told = keys_of(source, suppress.columns, own, len(batch)) if suppress else []
        who = batch.column("speaker").to_pylist() if "speaker" in batch.schema.names else [None] * len(batch)
        for at in self._places(batch, of.recording, of.member):
            sample = of.texts.samples[ids[at]] if of.texts else WHOLE
            cut = of.media.cut(ids[at], start[at], end[at], of.concealed(who[at], sample))
            had = {**(present[at] or {}), **{name: cut[name] is not None for name in wanted}}
            labels = {name: sample.label(one) for name, one in of.member.labels.get(ids[at], {}).items()}
            values: Mapping[str, Any] = {**of.origin, **labels, **cut}
            if own:
                mine = {name: given[at] for name, given in own.items() if given[at] is not None}
                values = {**values, EXTRA: {**of.origin[EXTRA], **mine}}
            values = {**values, **sample.values}
            if sample.is_withheld:
                had = {**had, "text": False}
            if suppress and told[at] in self.protect.hidden:
                values = {**values, EXTRA: {**values[EXTRA], **dict.fromkeys(suppress.columns)}}
            if "present" in features:
                values = {**values, "present": {name: bool(had.get(name)) for name in features["present"]}}
            arrays = [
                columns[name].slice(at, 1)
                if name in columns and name not in sample.values
                else pa.array([values.get(name)], schema.field(name).type)
                for name in schema.names
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _places(self, batch: "pa.RecordBatch", recording: Recording, member: Member) -> Iterator[int]:
        """The rows that are in the unit's split."""
        if member.keys is None:
            yield from range(len(batch))
            return
        groups = self.how.groups
        columns = {name: batch.column(name).to_pylist() for name in groups if name in batch.schema.names}
        columns = own_columns(batch) | columns
        keys = keys_of(recording.source, groups, columns, len(batch))
        yield from (at for at, key in enumerate(keys) if key in member.keys)


def _filled(column: "pa.Array", of_source: str | int | None) -> "pa.Array":
    """What holds for a whole recording holds for its samples; a sample's own value stands."""
    import pyarrow as pa

    whole = of_source is None or not column.null_count
    return column if whole else column.fill_null(pa.scalar(of_source, column.type))
