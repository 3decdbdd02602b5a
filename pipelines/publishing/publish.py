"""Samples and labels become a Hugging Face dataset: Parquet shards, a card, a manifest."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from annotation.voted import Group, as_written
from dataset_cards.card import card
from dataset_cards.croissant import croissant
from pipelines.annotating.answer_table import read_answers, read_decisions
from pipelines.auditing.of_shards import audit_shards
from pipelines.engines.spread import Spread, here
from pipelines.protecting.answers import redacting
from pipelines.protecting.kept_back import given_features
from pipelines.protecting.names import Finder
from pipelines.protecting.protection import Protection, protection, small_faces, withheld_of
from pipelines.protecting.rare import rare
from pipelines.publishing.contents import contents_of
from pipelines.publishing.dealing import DEALT, dealt_before
from pipelines.publishing.destination import CARD, CROISSANT, MAKER, MANIFEST, check, destination
from pipelines.publishing.figures import figures_of
from pipelines.publishing.labels import Labels, label
from pipelines.publishing.looked import Keys, Look, Portion
from pipelines.publishing.mapped import LabelMap
from pipelines.publishing.missing_facts import missing_facts
from pipelines.publishing.place import Place, ShardFile
from pipelines.publishing.provenance import features_of as origin_features
from pipelines.publishing.provenance import provenance_features
from pipelines.publishing.shelf import Shelf, shelf_of
from pipelines.publishing.stratified import strata_of
from pipelines.publishing.survey import Survey, survey
from pipelines.publishing.unit_rows import Made, Task, Write
from pipelines.publishing.units import units
from pipelines.publishing.weighted import WEIGHT_FEATURES, check_columns, weighted
from pipelines.watching import ffmpeg
from schemas.answer import Answer
from schemas.errors import UsageError
from schemas.features import Features, audio, feature_of, image, value, video
from schemas.publication import About, Publication, PublishReport
from schemas.question import QuestionSpec, Span, Text
from schemas.step import Recording

RATE_HZ = 16_000
_FORMAT = 1
"""Of what is written from the same inputs: another number, and every shard is written anew."""
_PORTION = 64
"""Recordings that one worker looks at at a time."""


def publish(
    recordings: Iterable[Recording] | Shelf,
    how: Publication,
    out: str,
    *,
    about: About,
    labels: str | Path | None = None,
    label_map: LabelMap | None = None,
    decisions: str | Path | None = None,
    spec: QuestionSpec | None = None,
    group: Group = as_written,
    salt: str = "",
    progress: Callable[[int, int], None] | None = None,
    links: Mapping[str, str] | None = None,
    left_out: Collection[str] = (),
    names: Mapping[str, str] | None = None,
    public: bool = False,
    spread: Spread = here,
) -> PublishReport:
    """Write the dataset of these recordings' samples to `out`, in place of the one published there before.

    The same recordings, in any order, with the same settings and versions give the same bytes, whatever `spread`
    does. Shards whose inputs have not changed since they were published are kept; those that an earlier run finished
    before it was stopped are taken over. Each worker holds one row group; here are some hundred bytes a recording.

    Args:
        recordings: those without samples are left out.
        how: the recipe's `publish` block.
        out: a folder or an fsspec URL of one.
        about: what the card says besides what the rows show.
        labels: a table of answers (`read_answers`).
        label_map: what becomes of the labels; those as they were are published beside, as a question of their own.
        decisions: what experts decided (`read_decisions`).
        spec: the questions that they answer; without one, columns follow from what the answers look like.
        group: labels of open vocabularies to those that they count as.
        salt: the publisher's secret behind the raters' pseudonyms.
        progress: called with the number of recordings written, and of all (a recording counts in each of its splits).
        left_out: samples and recordings that are not published, though answers may be about them.
        names: what else answers call samples, to their ids; those that are not there have their answers left out.
        public: whether anybody will be able to load it.
        links: recording to a name; those of one name, such as copies, are on one side of the split.
        spread: where samples are looked at and shards are written.

    Raises:
        UsageError: nothing to publish, `out` holds something else, a table is wrong, the card lacks mandatory facts, or
            the audit found errors. Nothing was published.
        StoreError: `out` cannot be written, or samples cannot be read; what was there before is unchanged.
    """
    shelf = recordings if isinstance(recordings, Shelf) else shelf_of(recordings)
    place = Place(out)
    check(place)
    answers = [_renamed(one, names or {}) for one in (read_answers(str(labels)) if labels is not None else ())]
    decided = read_decisions(str(decisions)) if decisions is not None else ()
    answers, originals = label_map.apply(answers) if label_map is not None else (answers, [])
    if not place.is_shared:
        spread = here
    seen = _survey(shelf, how, [*answers, *originals], spread, links=links, spec=spec)
    hidden, suppressed = _suppressed(how, seen)
    protect = protection(how.privacy, hidden, salt)
    protected = (*withheld_of(how.privacy, seen.unread), *small_faces(how.privacy, about.steps))
    if how.privacy.redact is not None:
        clean = redacting(Finder(how.privacy.redact.what, protect.names), seen.spoken, seen.samples, spec)
        answers, originals = [clean(one) for one in answers], [clean(one) for one in originals]
        decided = tuple((number, clean(one)) for number, one in decided)
    about = about.model_copy(update={"failures": (*about.failures, *seen.failures)})
    made_by = partial(label, salt=salt.encode(), spec=spec, group=group, decided=decided)
    absent = {*left_out, *(names or {}).values(), *(failure.recording for failure in about.failures)}
    ours = WEIGHT_FEATURES if how.balance is not None else ()
    given = _labels(seen, absent, answers, made_by, ours)
    if originals:
        given = given.beside(
            _labels(seen, absent, originals, partial(label, salt=salt.encode()), (*ours, *given.features))
        )
    if how.balance is not None:
        check_columns(how.balance, seen, given)
        given = replace(given, features={**given.features, **WEIGHT_FEATURES})
    features = given_features(_features(seen, how, given), how.privacy.give, given.features)
    missing = missing_facts(about, seen.tally, given.questions, public=public)
    with destination(place) as target:
        if how.stratify:
            seen.deal(how, strata_of(how.stratify, given.features, given.rows), dealt_before(how, target.manifest))
        given, weights = weighted(seen, how, given)
        published = target.published()
        base, answered = _base(features, how, about, protect), _by_recording(seen, given)
        tasks = (
            Task(unit, published.get(unit.digest, ()))
            for unit in units(seen.placed(), how.shard_mb * 1_000_000, base, answered)
        )
        made = _collected(spread(Write(shelf.open, how, features, place, protect), tasks), seen, progress)
        shards = _named(made, seen.splits)
        audit = audit_shards(place, shards, about.name, about.licence, how.audit)
        contents = contents_of(seen, how, given, features, made)
        notes = (*about.notes, *contents.notes, *weights, *suppressed, *protected)
        told = {"audit": audit, "notes": notes, "lacking": missing}
        contents = contents.model_copy(update=told)
        figures = figures_of(contents)
        texts = {
            **{one.path: one.svg for one in figures},
            CARD: card(about, contents, how, spec=spec, figures={one.path: one.told for one in figures}),
            CROISSANT: croissant(about, contents),
            MANIFEST: _manifest(about, shards, seen.dealt),
        }
        target.commit([(file, path) for file, path, _ in shards], texts)
    return PublishReport(
        out=out,
        recordings=contents.recordings,
        rows=contents.rows,
        bytes=contents.bytes,
        shards=tuple(path for _, path, _ in shards),
        written=_count(made, "written"),
        kept=_count(made, "kept"),
        found=_count(made, "found"),
        splits=contents.splits,
        problems=contents.problems,
        notes=contents.notes,
        audit=contents.audit,
        lacking=missing,
    )


def _renamed(answer: Answer, names: Mapping[str, str]) -> Answer:
    return replace(answer, item=names[answer.item]) if answer.item in names else answer


def _survey(
    shelf: Shelf,
    how: Publication,
    answers: Iterable[Answer],
    spread: Spread,
    *,
    links: Mapping[str, str] | None,
    spec: QuestionSpec | None,
) -> Survey:
    ids = sorted(set(shelf.ids))
    portions = (
        Portion(number, first, tuple(ids[first : first + _PORTION]))
        for number, first in enumerate(range(0, len(ids), _PORTION))
    )
    items = frozenset(answer.item for answer in answers)
    extents = spec is not None and any(
        isinstance(question, Span) or (isinstance(question, Text) and question.purpose == "transcript")
        for question in spec.questions
    )
    return survey(ids, spread(Look(shelf.open, shelf.failures, how, items, extents), portions), how, links)


def _labels(
    seen: Survey,
    absent: set[str],
    answers: Sequence[Answer],
    made: Callable[..., Labels],
    others: Iterable[str] = (),
) -> Labels:
    taken = {*seen.types, "audio", "video", "image", "present", *provenance_features([]), "extra", *others}
    return made(answers, seen.samples, failed=absent, taken=taken, extents=seen.extents)


def _features(seen: Survey, how: Publication, given: Labels) -> Features:
    """Who and when, the media, what was measured, what people said, where it comes from."""
    media: Features = {"audio": audio(RATE_HZ)} if "audio" in how.media else {}
    if "video" in how.media:
        media["video"] = video()
    if "image" in how.media and seen.tally.forms["image"]:
        media["image"] = image()
    origin = origin_features(seen.kinds)
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


def _by_recording(seen: Survey, given: Labels) -> dict[str, dict[str, Mapping[str, Any]]]:
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for recording, samples in seen.samples.items():
        rows = {sample: given.rows[sample] for sample in samples if sample in given.rows}
        if rows:
            found[recording] = rows
    return found


def _suppressed(how: Publication, seen: Survey) -> tuple[frozenset[Keys], tuple[str, ...]]:
    """Combinations that are published as nothing, and what is said of it. Raises UsageError: no such column."""
    suppress = how.privacy.suppress
    if suppress is None:
        return frozenset(), ()
    for name in suppress.columns:
        if name not in seen.kinds:
            known = ", ".join(sorted(seen.kinds)) or "none"
            raise UsageError(
                f"publish.privacy.suppress names {name!r}, which is no further column of the sources",
                do=f"there are {known}",
            )
    hidden = rare(seen.people, suppress.k)
    people = {who for who, _ in seen.people}
    lost = {who for who, values in seen.people if values in hidden}
    names = ", ".join(f"`{name}`" for name in suppress.columns)
    return hidden, (f"People of whom {names} are not told, being too few: {len(lost)} of {len(people)}.",)


def _base(features: Features, how: Publication, about: About, protect: Protection) -> list[object]:
    """What the bytes of every shard depend on besides its rows: columns, sizes, and what encodes."""
    media = set(how.media)
    used = {
        "program": about.program,
        "pyarrow": version("pyarrow"),
        **({"soundfile": version("soundfile")} if "audio" in media else {}),
        **({"ffmpeg": ffmpeg.version()} if media & {"video", "image"} else {}),
    }
    return [_FORMAT, used, features, how.shard_mb, *protect.determines(how.privacy)]


def _collected(results: Iterable[Made], seen: Survey, progress: Callable[[int, int], None] | None) -> list[Made]:
    """All units in their order."""
    made: list[Made] = []
    done = 0
    for one in results:
        made.append(one)
        done += one.recordings
        if progress is not None:
            progress(done, seen.places)
    return sorted(made, key=lambda one: (seen.splits.index(one.split), one.number))


def _count(made: Iterable[Made], how: str) -> int:
    return sum(len(one.files) for one in made if one.how == how)


def _named(made: Iterable[Made], splits: Sequence[str]) -> list[tuple[ShardFile, str, str]]:
    """Each file with its path in the dataset and the digest of its inputs; none where something could not be cut."""
    shards: list[tuple[ShardFile, str, str]] = []
    by_split: dict[str, list[tuple[ShardFile, str]]] = {split: [] for split in splits}
    for one in made:
        by_split[one.split] += [(file, "" if one.problems else one.digest) for file in one.files]
    for split, mine in by_split.items():
        for at, (file, inputs) in enumerate(mine):
            shards.append((file, f"data/{split}-{at:05d}-of-{len(mine):05d}.parquet", inputs))
    return shards


def _manifest(about: About, shards: Iterable[tuple[ShardFile, str, str]], dealt: Mapping[str, str]) -> str:
    files = []
    for file, path, inputs in shards:
        told = {"path": path, "rows": file.rows, "bytes": file.bytes, "sha256": file.sha256}
        files.append({**told, "inputs": inputs} if inputs else told)
    told = {DEALT: dealt} if dealt else {}
    manifest = {"made_by": MAKER, "name": about.name, "version": about.version, "files": files, **told}
    return json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
