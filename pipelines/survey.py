"""The first look at all samples, before any is published: types of the columns, groups, lengths."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.arrow_types import settle, unite, without_nulls
from pipelines.splits import groups_of, split_of
from schemas.errors import StoreError, UsageError
from schemas.facts import Facts, Form
from schemas.publication import Publication
from schemas.source import Source
from schemas.step import Recording

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLES = "samples"
_NEEDED = ("id", "index", "start", "end")
_OF_SOURCE = ("speaker", "dialogue", "language", "licence", "consent")


@dataclass(frozen=True)
class Surveyed:
    """One recording's samples in order. splits, groups and seconds hold an entry a sample."""

    recording: Recording
    form: Form | None
    has_sound: bool
    ids: tuple[str, ...]
    seconds: tuple[float, ...]
    languages: tuple[str | None, ...]
    speakers: tuple[str | None, ...]
    keys: tuple[tuple[str | None, ...], ...]


@dataclass(frozen=True)
class Survey:
    """All recordings by id, and the published type of each column of the samples."""

    recordings: tuple[Surveyed, ...]
    types: dict[str, "pa.DataType"]
    groups: tuple[str, ...]
    """The group of each sample, over all recordings."""
    splits: tuple[str, ...]


@contextmanager
def opened_samples(recording: Recording) -> Iterator[Any]:
    """The recording's samples as an open `pyarrow.parquet.ParquetFile`. Raises StoreError where they cannot be read."""
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
            yield file


def survey(recordings: Iterable[Recording], how: Publication) -> Survey:
    """Look at the samples of every recording that has some.

    Raises:
        UsageError: there are no samples, a grouping column does not exist, or a column has types that no one type
            holds in two recordings.
        StoreError: samples cannot be read, or are not what a build makes.
    """
    made = sorted((recording for recording in recordings if recording.has(SAMPLES)), key=lambda one: one.id)
    types: dict[str, pa.DataType] = {}
    _check_groups(how.groups, [recording.source for recording in made])
    surveyed = tuple(_look(recording, how.groups, types) for recording in made)
    if not any(one.ids for one in surveyed):
        raise UsageError("there is nothing to publish: no recording has a sample", do="see `affectloom failures`")
    groups = groups_of((one.recording.id, keys) for one in surveyed for keys in one.keys)
    dealt = {group: split_of(group, how.splits, how.seed) for group in set(groups)}
    types = {name: without_nulls(kind) for name, kind in types.items()}
    return Survey(surveyed, types, tuple(groups), tuple(dealt[group] for group in groups))


def _look(recording: Recording, groups: Sequence[str], types: dict[str, "pa.DataType"]) -> Surveyed:
    with opened_samples(recording) as file:
        schema = file.schema_arrow
        if lacking := [name for name in _NEEDED if name not in schema.names]:
            raise StoreError(f"the samples of {recording.id} have no column {lacking[0]!r}", do="build once more")
        _unite_columns(recording.id, schema, types)
        wanted = dict.fromkeys([*_NEEDED, "language", "speaker", *groups])
        table = file.read(columns=[name for name in wanted if name in schema.names], use_threads=False)
    columns = {name: table[name].to_pylist() for name in table.column_names}
    rows, source = len(table), recording.source
    if any(later <= earlier for earlier, later in zip(columns["index"], columns["index"][1:], strict=False)):
        raise StoreError(f"the samples of {recording.id} are not in order", do="build once more, then publish")
    facts = recording.read("facts", Facts) if recording.has("facts") else None
    nothing: list[Any] = [None] * rows
    return Surveyed(
        recording=recording,
        form=facts.form if facts else None,
        has_sound=facts is not None and facts.sound is not None,
        ids=tuple(columns["id"]),
        seconds=tuple(
            end - start if start is not None and end is not None else 0.0
            for start, end in zip(columns["start"], columns["end"], strict=True)
        ),
        languages=tuple(given or source.language for given in columns.get("language", nothing)),
        speakers=tuple(given or source.speaker for given in columns.get("speaker", nothing)),
        keys=tuple(zip(*(_values(key, source, columns.get(key, nothing)) for key in groups), strict=True)),
    )


def _unite_columns(recording: str, schema: "pa.Schema", types: dict[str, "pa.DataType"]) -> None:
    for field in schema:
        kind = settle(field.type)
        if kind is None:
            continue
        try:
            types[field.name] = unite(types[field.name], kind) if field.name in types else kind
        except ValueError as error:
            raise UsageError(
                f"the column {field.name!r} of {recording} does not go with that of the recordings before it: {error}",
                do="build all recordings with one recipe, then publish",
            ) from error


def _check_groups(groups: Sequence[str], sources: Sequence[Source]) -> None:
    extra = {name for source in sources for name in source.extra}
    known = ["recording", "source", *_OF_SOURCE, *sorted(extra)]
    for key in groups:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"is {near[0]!r} meant? " if near else ""
            raise UsageError(
                f"publish.group_by names {key!r}, which is no column of the sources",
                do=f"{hint}there are {', '.join(known)}",
            )


def _values(key: str, source: Source, column: Sequence[Any]) -> list[str | None]:
    """A grouping column over the samples of one recording: their own value, else that of the source."""
    of_source: Any = {
        "recording": source.id,
        "source": source.sha256,
        **{name: getattr(source, name) for name in _OF_SOURCE},
    }.get(key, source.extra.get(key))
    values = [of_source if given is None or key in ("recording", "source") else given for given in column]
    return [None if given is None or given == "" else str(given) for given in values]
