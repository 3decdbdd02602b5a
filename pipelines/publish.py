"""Samples and labels become a Hugging Face dataset: Parquet shards, a card, a manifest."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from dataset_cards.card import card
from pipelines.answer_table import read_answers
from pipelines.arrow_types import conform
from pipelines.destination import MAKER, MANIFEST, Destination, destination
from pipelines.labels import Labels, label
from pipelines.media import Media
from pipelines.provenance import provenance, provenance_features
from pipelines.shards import Shard, ShardWriter
from pipelines.survey import Survey, Surveyed, opened_samples, survey
from schemas.features import Features, arrow_schema, audio, feature_of, image, value, video
from schemas.publication import About, Contents, MediaProblem, Medium, Publication, PublishReport, SplitShare
from schemas.step import Recording

if TYPE_CHECKING:
    import pyarrow as pa

RATE_HZ = 16_000
_BATCH = 32
MEDIA: tuple[Medium, ...] = ("audio", "video", "image")
_LOPSIDED = 0.5
_OF_SOURCE = ("speaker", "dialogue", "turn", "language")


def publish(
    recordings: Iterable[Recording],
    how: Publication,
    out: str,
    *,
    about: About,
    labels: str | Path | None = None,
    salt: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> PublishReport:
    """Write the dataset of these recordings' samples to `out`, in place of the one published there before.

    The same recordings, in any order, with the same settings and versions give the same bytes. Memory holds one row
    group of each split, never a recording.

    Args:
        recordings: those without samples are left out.
        how: the recipe's `publish` block.
        out: a folder or an fsspec URL of one.
        about: what the card says besides what the rows show.
        labels: a table of answers (`read_answers`).
        salt: the publisher's secret behind the raters' pseudonyms.
        progress: called with the number of recordings written, and of all.

    Raises:
        UsageError: nothing to publish, `out` holds something else, or a table is wrong. Nothing was written.
        StoreError: `out` cannot be written; what was there before is unchanged.
    """
    seen = survey(recordings, how)
    given = _labels(seen, about, labels, salt)
    features = _features(seen, how, given)
    with destination(out) as place:
        written = _write(
            seen, how, given, features=features, place=place, progress=progress or (lambda _done, _all: None)
        )
        shards, final = _named(written.shards)
        contents = _contents(seen, how, given, features, written)
        text = card(about, contents, how)
        place.commit(final, {"README.md": text, MANIFEST: _manifest(about, shards)})
    return PublishReport(
        out=out,
        recordings=contents.recordings,
        rows=contents.rows,
        bytes=contents.bytes,
        shards=tuple(path for path, _ in shards),
        splits=contents.splits,
        problems=contents.problems,
        notes=contents.notes,
    )


@dataclass
class _Written:
    shards: dict[str, list[Shard]]
    problems: list[MediaProblem] = field(default_factory=list)
    present: Counter[str] = field(default_factory=Counter)


def _labels(seen: Survey, about: About, table: str | Path | None, salt: str) -> Labels:
    if table is None:
        return Labels()
    samples = {one.recording.id: one.ids for one in seen.recordings}
    failed = {failure.recording for failure in about.failures}
    taken = {*seen.types, "audio", "video", "image", "present", *provenance_features([]), "extra"}
    return label(read_answers(str(table)), samples, salt=salt.encode(), failed=failed, taken=taken)


def _features(seen: Survey, how: Publication, given: Labels) -> Features:
    """Who and when, the media, what was measured, what people said, where it comes from."""
    media: Features = {"audio": audio(RATE_HZ)} if "audio" in how.media else {}
    if "video" in how.media:
        media["video"] = video()
    if "image" in how.media and any(one.form == "image" for one in seen.recordings):
        media["image"] = image()
    origin = provenance_features(one.recording.source for one in seen.recordings)
    ours = {*media, *origin}
    features: Features = {}
    for name, kind in seen.types.items():
        if name not in ours:
            features[name] = feature_of(kind)
        if name == "end":
            features |= media
    features = {**features, **{name: media[name] for name in media if name not in features}}
    present = features.pop("present", {})
    present = {**present, **{name: value("bool") for name in media}}
    return {**features, **({"present": present} if present else {}), **given.features, **origin}


def _write(
    seen: Survey,
    how: Publication,
    given: Labels,
    *,
    features: Features,
    place: Destination,
    progress: Callable[[int, int], None],
) -> _Written:
    schema = arrow_schema(features)
    size = how.shard_mb * 1_000_000
    writers = {split: ShardWriter(split, schema, place.work, size, place.place) for split in how.splits}
    written = _Written({})
    splits = iter(seen.splits)
    try:
        for done, one in enumerate(seen.recordings, 1):
            for row in _rows(one, features, given, schema, written):
                writers[next(splits)].add(row)
            progress(done, len(seen.recordings))
        for writer in writers.values():
            writer.finish()
    finally:
        for writer in writers.values():
            writer.abandon()
    written.shards = {split: writer.shards for split, writer in writers.items()}
    return written


def _rows(
    one: Surveyed, features: Features, given: Labels, schema: "pa.Schema", written: _Written
) -> "Iterator[pa.RecordBatch]":
    """One-row batches of a recording's samples."""
    import pyarrow as pa

    wanted = [medium for medium in MEDIA if medium in features]
    origin = provenance(one.recording.source, features)
    with ExitStack() as stack:
        media = stack.enter_context(Media(one, wanted))
        file = stack.enter_context(opened_samples(one.recording))
        for batch in file.iter_batches(batch_size=_BATCH, use_threads=False):
            columns = {
                name: conform(batch.column(name), schema.field(name).type)
                for name in batch.schema.names
                if name in features and name not in origin and name not in wanted and name != "present"
            }
            columns |= {
                name: _filled(column, getattr(one.recording.source, name))
                for name, column in columns.items()
                if name in _OF_SOURCE
            }
            start, end = (batch.column(name).to_pylist() for name in ("start", "end"))
            present = batch.column("present").to_pylist() if "present" in batch.schema.names else [{}] * len(batch)
            ids = batch.column("id").to_pylist()
            for at in range(len(batch)):
                cut = media.cut(ids[at], start[at], end[at])
                had = {**(present[at] or {}), **{name: cut[name] is not None for name in wanted}}
                values: Mapping[str, Any] = {**origin, **given.rows.get(ids[at], {}), **cut}
                if "present" in features:
                    values = {**values, "present": {name: bool(had.get(name)) for name in features["present"]}}
                written.present.update({name: int(bool(had.get(name))) for name in features.get("present", {})})
                arrays = [
                    columns[name].slice(at, 1)
                    if name in columns
                    else pa.array([values.get(name)], schema.field(name).type)
                    for name in schema.names
                ]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)
        written.problems += media.problems


def _filled(column: "pa.Array", of_source: str | int | None) -> "pa.Array":
    """What holds for a whole recording holds for its samples; a sample's own value stands."""
    import pyarrow as pa

    return column if of_source is None else column.fill_null(pa.scalar(of_source, column.type))


def _named(shards: Mapping[str, list[Shard]]) -> tuple[list[tuple[str, Shard]], dict[str, str]]:
    """Final paths with their shards, and what each provisional name becomes."""
    paths: list[tuple[str, Shard]] = []
    final: dict[str, str] = {}
    for split, mine in shards.items():
        for at, shard in enumerate(mine):
            path = f"data/{split}-{at:05d}-of-{len(mine):05d}.parquet"
            paths.append((path, shard))
            final[shard.name] = path
    return paths, final


def _manifest(about: About, shards: Iterable[tuple[str, Shard]]) -> str:
    files = [{"path": path, "rows": shard.rows, "bytes": shard.bytes, "sha256": shard.sha256} for path, shard in shards]
    manifest = {"made_by": MAKER, "name": about.name, "version": about.version, "files": files}
    return json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"


def _contents(seen: Survey, how: Publication, given: Labels, features: Features, written: _Written) -> Contents:
    languages = Counter(name for one in seen.recordings for name in one.languages if name)
    speakers = {name for one in seen.recordings for name in one.speakers if name}
    ungrouped = sum(not any(keys) for one in seen.recordings for keys in one.keys)
    splits = _shares(seen, how)
    return Contents(
        features=features,
        recordings=len(seen.recordings),
        forms=Counter(one.form for one in seen.recordings if one.form),
        rows=len(seen.splits),
        seconds=sum(second for one in seen.recordings for second in one.seconds),
        languages=languages,
        speakers=len(speakers),
        present={name: written.present[name] for name in features.get("present", {})},
        licences=Counter(one.recording.source.licence or "" for one in seen.recordings),
        consents=Counter(one.recording.source.consent or "" for one in seen.recordings),
        splits=splits,
        unpacked={split: sum(shard.unpacked for shard in shards) for split, shards in written.shards.items()},
        bytes=sum(shard.bytes for shards in written.shards.values() for shard in shards),
        ungrouped=ungrouped,
        questions=given.questions,
        problems=tuple(written.problems),
        notes=tuple(_notes(seen, splits, given)),
    )


def _shares(seen: Survey, how: Publication) -> tuple[SplitShare, ...]:
    seconds = [second for one in seen.recordings for second in one.seconds]
    rows, lengths, groups = Counter(seen.splits), Counter[str](), {split: set[str]() for split in how.splits}
    for split, group, length in zip(seen.splits, seen.groups, seconds, strict=True):
        lengths[split] += length  # type: ignore[assignment]  # a Counter adds floats as well
        groups[split].add(group)
    return tuple(
        SplitShare(name=name, asked=asked, rows=rows[name], groups=len(groups[name]), seconds=round(lengths[name], 6))
        for name, asked in how.splits.items()
    )


def _notes(seen: Survey, splits: Iterable[SplitShare], given: Labels) -> Iterator[str]:
    sizes = Counter(seen.groups)
    for split in splits:
        if not split.rows:
            yield (
                f"The split `{split.name}` is empty and left out: none of the {len(sizes)} groups fell into it. "
                "More groups, or another grouping, fill it."
            )
    largest, size = min(sizes.items(), key=lambda one: (-one[1], one[0]))
    if len(sizes) > 1 and size > _LOPSIDED * len(seen.groups):
        yield f"One group ({json.loads(largest)[1]}) holds {size / len(seen.groups):.0%} of the samples."
    for question in given.questions:
        if question.tied:
            yield f"`{question.name}`: samples that are tied, and have no aggregate: {question.tied}."
        if question.strays:
            words = f"{len(question.strays)} of {question.answers} answers are not numbers"
            where = PurePath(question.strays[0]).name
            yield f"`{question.name}` is published as classes: {words}, the first in {where}."
    if given.left_out:
        yield f"Items whose recordings could not be worked on, and whose answers are left out: {len(given.left_out)}."
