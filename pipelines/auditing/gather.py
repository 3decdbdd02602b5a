"""One pass over a dataset: of each sample, what the checks look at. No more than a batch of rows is held at a time."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.auditing.clock_times import seconds
from pipelines.auditing.codes import Codes
from pipelines.auditing.column_facts import ColumnSurvey
from pipelines.auditing.label_values import cut_in_three, label_texts
from pipelines.auditing.list_facts import aligned_uneven, is_track, is_words, track_facts, word_facts
from pipelines.auditing.media_facts import media_facts
from pipelines.auditing.media_looks import media_looks
from pipelines.auditing.opening import Opened, Part
from pipelines.auditing.roles import MEDIA, Roles
from pipelines.auditing.samples import OF_ONE_VALUE, Flags, MediaFacts, Samples, TrackFacts, WordFacts
from pipelines.machine import cores
from pipelines.sifting.compare import Looks

if TYPE_CHECKING:
    import pyarrow as pa


_MOST_CHARACTERS = 2_000
"""Of a text: an utterance has fewer."""


def gather(
    dataset: Opened, roles: Roles, progress: Callable[[int], None] | None = None, *, look: bool = True
) -> Samples:
    """The samples of a dataset, in the order of its parts and rows.

    roles: which column means what. progress: called with the number of rows seen. look: decode sound and pictures too,
    so that copies of them are known.
    """
    whole = _Gathered(roles, look=look)
    for part in dataset.parts:
        for batch in part.batches():
            if len(batch):
                whole.add(batch, part)
                if progress is not None:
                    progress(whole.rows)
    return whole.samples(dataset.terms)


class _Gathered:
    def __init__(self, roles: Roles, *, look: bool) -> None:
        self.roles = roles
        self._looks: list[Looks | None] | None = [] if look else None
        self.rows = 0
        self._texts: dict[str, list[tuple[int, Any]]] = {}
        self._numbers: dict[str, list[tuple[int, Any]]] = {}
        self._labels: dict[str, list[tuple[int, Any]]] = {}
        self._lists: dict[str, list[tuple[int, Any]]] = {}
        self._answers: dict[str, Counter[tuple[str, str]]] = {}
        self._survey = ColumnSurvey()

    def add(self, batch: "pa.RecordBatch", part: Part) -> None:
        """Take a batch in."""
        import pyarrow as pa
        import pyarrow.compute as pc

        self._survey.add(batch)
        count, names = len(batch), set(batch.schema.names)
        for role, columns in self.roles.items():
            if set(columns) <= names and (role in OF_ONE_VALUE or role in ("id", "text")):
                texts = _joined([batch.column(one) for one in columns])
                self._put(self._texts, role, pc.utf8_slice_codeunits(texts, 0, _MOST_CHARACTERS))
        if part.split and "split" not in self.roles:
            self._put(self._texts, "split", pa.array([part.split] * count, pa.string()))
        for role in ("start", "end", "turn"):
            columns = self.roles.get(role, ())
            if columns and columns[0] in names:
                self._put(self._numbers, role, seconds(batch.column(columns[0])))
        for question in self.roles.get("label", ()):
            if question in names:
                texts = label_texts(batch.column(question), part.metadata.get(question))
                self._put(self._labels, question, texts)
            if f"{question}_answers" in names:
                self._answers.setdefault(question, Counter()).update(_answers(batch.column(f"{question}_answers")))
        self._add_lists(batch, part)
        if self._looks is not None:
            self._looks += self._looked(batch, part)
        self.rows += count

    def _looked(self, batch: "pa.RecordBatch", part: Part) -> list["Looks | None"]:
        """What is heard and seen in each sample. ffmpeg and the spectra leave other threads free."""
        columns = {
            medium: list(_encoded(batch.column(self.roles[medium][0]), part))
            for medium in MEDIA
            if medium in self.roles and self.roles[medium][0] in batch.schema.names
        }

        def look(row: int) -> Looks | None:
            media = {medium: found for medium, data in columns.items() if (found := data[row]) is not None}
            if not media:
                return None
            digest = media_facts("", next(media[medium] for medium in MEDIA if medium in media)).digest
            return media_looks(str(self.rows + row), media, digest)

        with ThreadPoolExecutor(cores()) as threads:
            return list(threads.map(look, range(len(batch))))

    def _put(self, where: dict[str, list[tuple[int, Any]]], name: str, values: Any) -> None:
        where.setdefault(name, []).append((self.rows, values))

    def _add_lists(self, batch: "pa.RecordBatch", part: Part) -> None:
        """What is in lists and bytes: media, words, measurements, which modalities there are."""
        import pyarrow.types as kinds

        names, count = batch.schema.names, len(batch)
        roles = {columns[0]: role for role, columns in self.roles.items() if role in (*MEDIA, "words", "text")}
        start, end = (
            seconds(batch.column(self.roles[role][0]))
            if role in self.roles and self.roles[role][0] in names
            else np.full(count, np.nan)
            for role in ("start", "end")
        )
        flags: dict[str, Any] = {}
        for name, column in zip(names, batch.columns, strict=True):
            role = roles.get(name)
            if role in MEDIA and not kinds.is_list(column.type):
                facts = _media(role, column, part)
                self._put(self._lists, f"media {role}", facts)
                flags[role] = facts[2]
            elif role == "words" and is_words(column.type):
                self._put(self._lists, "words", word_facts(column, start, end))
                # Words of a clip's own clock fit once the clip's start is taken away.
                self._put(self._lists, "own words", word_facts(column, np.zeros(count), end - start))
            elif role == "text":
                flags["text"] = _filled(column)
            elif name == "aligned" and kinds.is_struct(column.type):
                nothing = np.zeros(count, np.bool_)
                self._put(
                    self._lists, "track aligned", TrackFacts(aligned_uneven(column), nothing, np.full(count, np.nan))
                )
            elif is_track(column.type):
                self._put(self._lists, f"track {name}", track_facts(column, start, end))
                self._put(self._lists, f"own {name}", track_facts(column, np.zeros(count), end - start))
                flags[name] = column.is_valid().to_numpy(zero_copy_only=False)
        if "present" in names and kinds.is_struct(batch.column("present").type):
            column = batch.column("present")
            flags = {
                column.type.field(place).name: inner.fill_null(fill_value=False).to_numpy(zero_copy_only=False)
                for place, inner in enumerate(column.flatten())
                if kinds.is_boolean(inner.type)
            }
        for name, flag in flags.items():
            self._put(self._lists, f"present {name}", np.asarray(flag, np.bool_))

    def samples(self, terms: str | None) -> Samples:
        """All that was taken in."""
        import pyarrow as pa

        texts = {role: self._whole_texts(chunks) for role, chunks in self._texts.items()}
        numbers = {role: self._whole(chunks, np.nan, np.float64) for role, chunks in self._numbers.items()}
        ids = texts.pop("id", None)
        text = texts.pop("text", None)
        lists = self._lists
        return Samples(
            rows=self.rows,
            ids=ids if ids is not None else pa.array([str(row) for row in range(1, self.rows + 1)], pa.string()),
            named={role: Codes.of_arrow([one]) for role, one in texts.items()},
            start=numbers.get("start"),
            end=numbers.get("end"),
            turn=numbers.get("turn"),
            text=text,
            labels={name: self._label(chunks) for name, chunks in self._labels.items()},
            answers={name: counts for name, counts in self._answers.items() if counts},
            present={name: self._whole(lists[f"present {name}"], 0, np.bool_) for name in self._named("present")},
            media={
                medium: MediaFacts(
                    self._whole([(at, one[0]) for at, one in lists[f"media {medium}"]], 0, np.uint64),
                    self._whole([(at, one[1]) for at, one in lists[f"media {medium}"]], np.nan, np.float64),
                    self._whole([(at, one[3]) for at, one in lists[f"media {medium}"]], np.nan, np.float64),
                )
                for medium in self._named("media")
            },
            words=self._words(),
            tracks={name: self._track(name) for name in self._named("track")},
            columns=self._survey.found,
            looks=tuple(self._looks or ()),
            terms=terms,
        )

    def _named(self, kind: str) -> list[str]:
        return [name.removeprefix(f"{kind} ") for name in self._lists if name.startswith(f"{kind} ")]

    def _whole(self, chunks: Sequence[tuple[int, Any]], nothing: Any, kind: Any) -> Any:
        """One value for each row; `nothing` in parts that lack the column."""
        found = np.full(self.rows, nothing, kind)
        for at, values in chunks:
            found[at : at + len(values)] = values
        return found

    def _whole_texts(self, chunks: Sequence[tuple[int, Any]]) -> "pa.Array":
        import pyarrow as pa

        parts, at = [], 0
        for start, values in chunks:
            parts += [pa.nulls(start - at, pa.string()), values]
            at = start + len(values)
        return pa.concat_arrays([*parts, pa.nulls(self.rows - at, pa.string())])

    def _label(self, chunks: Sequence[tuple[int, Any]]) -> Codes:
        return cut_in_three(Codes.of_arrow([self._whole_texts(chunks)]))

    def _words(self) -> WordFacts | None:
        if "words" not in self._lists:
            return None
        parts = ("early", "late", "outside", "backwards")
        found = [
            {part: self._of(name, part, 0, np.float64 if part in ("early", "late") else np.int64) for part in parts}
            for name in ("words", "own words")
        ]
        best = min(found, key=lambda one: int((one["early"] > 0).sum() + (one["late"] > 0).sum()))
        return WordFacts(**best)

    def _track(self, name: str) -> TrackFacts:
        flags: Mapping[str, Flags] = {
            part: self._of(f"track {name}", part, 0, np.bool_) for part in ("uneven", "backwards")
        }
        clocks = [one for one in (f"track {name}", f"own {name}") if one in self._lists]
        outs = [self._of(one, "out_s", np.nan, np.float64) for one in clocks]
        return TrackFacts(**flags, out_s=min(outs, key=lambda one: float(np.nansum(one))))

    def _of(self, name: str, part: str, nothing: Any, kind: Any) -> Any:
        return self._whole([(at, getattr(one, part)) for at, one in self._lists[name]], nothing, kind)


def _joined(columns: "Sequence[pa.Array]") -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = [label_texts(one, None) for one in columns]
    return texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, pa.scalar("/"))


def _filled(column: "pa.Array") -> Any:
    import pyarrow.compute as pc
    import pyarrow.types as kinds

    if not (kinds.is_string(column.type) or kinds.is_large_string(column.type)):
        return column.is_valid().to_numpy(zero_copy_only=False)
    some = pc.greater(pc.utf8_length(pc.utf8_trim_whitespace(column)), 0)
    return pc.fill_null(some, fill_value=False).to_numpy(zero_copy_only=False)


def _media(medium: str, column: "pa.Array", part: Part) -> tuple[Any, Any, Flags, Any]:
    """uint64[n] digests, float64[n] seconds, bool[n] whether there is any, float64[n] how late its sound is.

    Bytes are looked at where they are; paths from the table's folder.
    """
    digests, lengths = np.zeros(len(column), np.uint64), np.full(len(column), np.nan)
    there, late = np.zeros(len(column), np.bool_), np.full(len(column), np.nan)
    for row, found in enumerate(_encoded(column, part)):
        if found is not None:
            facts = media_facts(medium, found)
            digests[row], there[row] = facts.digest, True
            lengths[row] = np.nan if facts.seconds is None else facts.seconds
            late[row] = np.nan if facts.sound_late_s is None else facts.sound_late_s
    return digests, lengths, there, late


def _encoded(column: "pa.Array", part: Part) -> Iterator[memoryview | None]:
    """The bytes of each cell, where they are or in the file that it names."""
    import pyarrow.types as kinds

    data, paths = column, None
    if kinds.is_struct(column.type):
        fields = {column.type.field(place).name: field for place, field in enumerate(column.flatten())}
        data, paths = fields.get("bytes"), fields.get("path")
    elif kinds.is_string(column.type):
        data, paths = None, column
    for row in range(len(column)):
        found: Any = data[row].as_buffer() if data is not None and data[row].is_valid else None
        if found is None and paths is not None and paths[row].is_valid and part.folder is not None:
            path = part.folder / str(paths[row].as_py())
            found = path.read_bytes() if path.is_file() else None
        yield memoryview(found) if found is not None and len(found) else None


def _answers(column: "pa.Array") -> Counter[tuple[str, str]]:
    """How often each rater gave each answer. column: lists of structs of `rater` and `value`."""
    import pyarrow.types as kinds

    kind = column.type
    if not kinds.is_list(kind) or not kinds.is_struct(kind.value_type):
        return Counter()
    fields = dict(zip((one.name for one in kind.value_type), column.flatten().flatten(), strict=True))
    if not {"rater", "value"} <= set(fields) or kinds.is_struct(fields["value"].type):
        return Counter()
    raters, values = (label_texts(fields[name], None).to_pylist() for name in ("rater", "value"))
    return Counter((rater, value) for rater, value in zip(raters, values, strict=True) if rater and value is not None)
