"""What the commands do, for a command line or a notebook: build, plan, failures, publish."""

import json
import os
import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path

from annotation.voted import as_written
from pipelines.acquiring.acquire import is_current
from pipelines.acquiring.joined import join, read_facts
from pipelines.acquiring.sources import near_misses, read_sources
from pipelines.acquiring.utterances import samples_named, with_context, with_utterances, without_source
from pipelines.build import LoadedRecipe, load
from pipelines.engines import Engine
from pipelines.engines import engine as engine_of
from pipelines.engines.spread import here
from pipelines.fetch.lists import expanded
from pipelines.lineage import digest, weights_of
from pipelines.machine import cores
from pipelines.plan import versions
from pipelines.publishing.asked_answers import read_synonyms
from pipelines.publishing.mapped import read_map
from pipelines.publishing.publish import publish as write_dataset
from pipelines.publishing.shelf import FromStore, Shelf
from pipelines.publishing.survey import NothingToPublish
from pipelines.recording import StoredRecording
from pipelines.reporting.beat import Run
from pipelines.reporting.estimate import estimate as estimated
from pipelines.reporting.estimate import figures as measure
from pipelines.reporting.progress import Tally, follow
from pipelines.reporting.report import recorded
from pipelines.sifting.duplicates import dropped, found_in, notes_of_copies, sift, told
from pipelines.sifting.gates import left_out_by, notes_of, tell
from pipelines.store import Store
from schemas.errors import UsageError
from schemas.estimate import Estimate, Figures
from schemas.failure import Failure
from schemas.gates import GatesTold
from schemas.publication import About, Publication, PublishReport, StepUsed
from schemas.rights import Rights
from schemas.source import SourceRow

__all__ = ["build", "failures", "load", "open_store", "plan", "publish"]

SALT = "AFFECTLOOM_SALT"
_SHOWN = 5


@dataclass(frozen=True)
class Planned:
    """What would run."""

    filled: str
    recordings: int
    steps: dict[str, dict[str, int]]
    notes: tuple[str, ...]


def open_store(url: str) -> Store:
    """The store, to be read or written."""
    return Store(url if "://" in url else str(Path(url).expanduser().absolute()))


def rows_of(
    loaded: LoadedRecipe, store: Store | None = None, *, ask: bool = False, renew: bool = False
) -> Iterator[SourceRow]:
    """The sources of a recipe, paths counted from its folder; lists of recordings as the store knows them.

    ask: ask for lists that it does not know; renew: for all lists.
    """
    sources = loaded.recipe.sources
    texts = [sources] if isinstance(sources, str) else list(sources)
    lines = [loaded.file.line(("sources", index)) for index in range(len(texts))]
    read = partial(read_sources, texts, loaded.folder, [f"{loaded.file.path}:{line}" for line in lines])
    rows = _as_cut(loaded, read)
    if loaded.recipe.rights != Rights():
        rows = (row.model_copy(update={"rights": loaded.recipe.rights}) for row in rows)
    return rows if store is None else expanded(rows, store, loaded.recipe.acquire, ask=ask, renew=renew)


def _as_cut(loaded: LoadedRecipe, read: Callable[[], Iterator[SourceRow]]) -> Iterator[SourceRow]:
    """The sources with what the recipe's cut wants to know of them, and the further facts of tables."""
    cut = loaded.cut
    if cut.table is not None:
        rows = with_utterances(read(), loaded.folder / cut.table)
    else:
        rows = with_context(read, cut.context) if cut.by == "whole" and cut.context else read()
    for path in loaded.joined:
        rows = join(rows, read_facts(path))
    return rows


def kept_rows(loaded: LoadedRecipe, store: Store) -> Iterator[SourceRow]:
    """The sources of a recipe without those that the last build found to be copies."""
    copies = dropped(found_in(loaded.recipe, store), loaded.recipe.duplicates)
    return (row for row in rows_of(loaded, store) if row.id not in copies)


def build(
    recipe: Path,
    store_url: str,
    *,
    engine: str = "local",
    workers: int | None = None,
    options: Sequence[str] = (),
    retry: bool = False,
    quiet: bool = True,
) -> Tally:
    """Measure every recording of a recipe. Raises UsageError where nothing can be done.

    engine: one of pipelines.engines.ENGINES. options: the engine's own.
    """
    loaded = load(recipe)
    store = open_store(store_url)
    store.prepare()
    filled = loaded.plan.filled()
    runs = engine_of(engine, workers or loaded.recipe.run.workers, retry=retry, options=options)
    run = Run(loaded.plan, store, digest(filled), engine, _workers(runs))
    if store.read_or_none(f"{run.path}.yaml") != filled.encode():
        store.write(f"{run.path}.yaml", filled.encode())
    last = loaded.plan.lineage.steps[-1].key
    tally = Tally()
    # Where there is a first look, what runs the steps is started once for both.
    looks_first = loaded.recipe.duplicates.find != "nothing"
    with recorded(run, tally), runs.spreading(store) if looks_first else nullcontext():
        every = partial(rows_of, loaded, store, ask=True)
        sifted = sift(loaded.recipe, runs, every, store, tally, quiet=quiet)
        rows = (row for row in every() if row.id not in sifted.leave)
        return follow(chain(sifted.told, runs.run(loaded.plan, rows, store)), last, quiet=quiet, tally=tally)


def _workers(engine: Engine) -> int | None:
    """Worker processes at a time, at most; None where a cluster decides."""
    given: int | None = getattr(engine, "workers", None)
    here = getattr(engine, "address", "local") == "local"
    return given or (cores() if here else None)


def plan(recipe: Path, store_url: str) -> Planned:
    """What a build would do: the filled recipe, and how many recordings each step would work on."""
    loaded = load(recipe)
    store = open_store(store_url)
    lineage = loaded.plan.lineage
    steps: dict[str, Counter[str]] = defaultdict(Counter)
    extra: set[str] = set()
    count = 0
    for row in kept_rows(loaded, store):
        count += 1
        extra.update(row.extra)
        recording = store.open(row.id, lineage)
        current = is_current(row, recording)
        steps["acquire"]["made" if current else "todo"] += 1
        for step in lineage.steps:
            states = {recording.state(kind) for kind in step.makes} if current else {"todo"}
            order = ("todo", "failed", "blocked", "made", "absent")
            steps[step.key][next(state for state in order if state in states)] += 1
    copies = len(dropped(found_in(loaded.recipe, store), loaded.recipe.duplicates))
    notes = tuple(
        f"the column {name!r} is kept as it is; did you mean {near!r}?"
        for name, near in near_misses(sorted(extra)).items()
    )
    if loaded.cut.table is not None and (lost := without_source(rows_of(loaded), loaded.folder / loaded.cut.table)):
        more = ", ..." if len(lost) > _SHOWN else ""
        named = ", ".join(lost[:_SHOWN]) + more
        notes = (*notes, f"{loaded.cut.table} names {len(lost)} recordings that are not among the sources: {named}")
    if copies:
        notes = (*notes, f"left out as copies of others: {copies}; `affectloom duplicates` lists them")
    return Planned(loaded.plan.filled(), count, {step: dict(states) for step, states in steps.items()}, notes)


def estimate(
    recipe: Path,
    store_url: str,
    *,
    recordings: int | None,
    minutes: float | None,
    cpus: float | None,
    gpus: float,
    figures: Path | None,
) -> Estimate:
    """What the recipe would take for so many recordings; None: for those of its sources, as long as the measured ones.

    figures: what `plan --estimate --json` printed; None: what was measured in the store. Raises UsageError.
    """
    loaded = load(recipe)
    store = open_store(store_url)
    if figures is None:
        measured = measure(loaded.plan, rows_of(loaded, store), store)
    else:
        try:
            measured = Figures.model_validate(json.loads(figures.read_text("utf-8"))["figures"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{figures} holds no figures: {error}",
                do="give what `affectloom plan RECIPE --estimate --json` printed",
            ) from error
    count = sum(1 for _ in rows_of(loaded, store)) if recordings is None else recordings
    length_s = None if minutes is None else minutes * 60
    shard_mb = loaded.recipe.publish.shard_mb
    return estimated(measured, shard_mb, recordings=count, length_s=length_s, cpus=float(cpus or cores()), gpus=gpus)


def failures(recipe: Path, store_url: str) -> list[Failure]:
    """Every failure of the recipe's recordings, in their order; one for each cause.

    Raises UsageError where the store knows none of them.
    """
    loaded = load(recipe)
    store = open_store(store_url)
    found: list[Failure] = []
    known = False
    for row in rows_of(loaded, store):
        recording = store.open(row.id, loaded.plan.lineage)
        own = failures_of(recording)
        known = known or bool(own) or recording.acquired
        found.extend(own)
    if not known:
        raise UsageError(
            f"no recording of {recipe} is in {store.url}",
            do=f"`affectloom build {recipe} --store {store_url}` first, or check --store",
        )
    return found


def failures_of(recording: StoredRecording) -> list[Failure]:
    """One recording's failures; a step that fails for several artifacts counts once."""
    failure = recording.source_failure
    if failure is not None:
        return [failure]
    if not recording.acquired or not recording.any_failed:
        return []
    found: dict[tuple[str, str], Failure] = {}
    for kind in recording.lineage.maker:
        failure = recording.failure(kind)
        if failure is not None:
            found.setdefault((failure.step, failure.message), failure)
    return list(found.values())


def publish(
    recipe: Path,
    store_url: str,
    out: Path | str,
    *,
    engine: str = "local",
    workers: int | None = None,
    options: Sequence[str] = (),
    public: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> PublishReport:
    """Write the dataset of what is built so far.

    engine: one of pipelines.engines.ENGINES. options: the engine's own. public: anybody will be able to load it, so
    that the recipe must state what a card needs. progress: called with the number of recordings written, and of all.
    """
    loaded = load(recipe)
    store = open_store(store_url)
    alike = found_in(loaded.recipe, store)
    of_store = FromStore(loaded.plan, store.url, told(alike) if alike else None)
    ids = [row.id for row in kept_rows(loaded, store)]
    shelf = Shelf(ids, of_store, partial(_failures_in, of_store))
    labels = _answers(loaded, store)
    synonyms = loaded.recipe.annotate.synonyms
    runs = engine_of(engine, workers or loaded.recipe.run.workers, options=options)
    try:
        with runs.spreading(store) as workers_of:
            spread = workers_of if store.is_shared else here
            scored = tell(ids, of_store.every, loaded.recipe.gates, spread) if loaded.recipe.gates else None
            left_out = left_out_by(loaded.recipe.gates, scored, recipe) | dropped(alike, loaded.recipe.duplicates)
            report = write_dataset(
                shelf,
                _continued(loaded),
                str(out),
                about=_about(loaded, (*notes_of_copies(alike, loaded.recipe.duplicates), *notes_of(scored))),
                labels=labels,
                label_map=read_map(loaded.folder / loaded.recipe.map) if loaded.recipe.map else None,
                decisions=_decisions(loaded, store),
                spec=loaded.spec,
                group=read_synonyms(loaded.folder / synonyms) if synonyms else as_written,
                salt=_salt(store) if labels or loaded.recipe.publish.privacy.change_voices else "",
                links=alike.groups() if alike else None,
                names=samples_named(rows_of(loaded, store)) if labels and loaded.cut.table else {},
                left_out=left_out,
                public=public,
                progress=progress,
                spread=spread,
            )
            return report.model_copy(update={"gates": scored, "copies": alike.copies if alike else ()})
    except NothingToPublish:
        raise UsageError(
            f"nothing to publish: no recording of {recipe} has samples in {store.url}",
            do=f"`affectloom build {recipe} --store {store_url}` first; `affectloom failures` says what went wrong, "
            "and `affectloom inspect` what a recording lacks",
        ) from None


def _continued(loaded: LoadedRecipe) -> Publication:
    """How to publish; a path in it is one from the recipe's folder."""
    how = loaded.recipe.publish
    redact = how.privacy.redact
    if redact is not None and redact.known is not None:
        redact = redact.model_copy(update={"known": str(loaded.folder / redact.known)})
        how = how.model_copy(update={"privacy": how.privacy.model_copy(update={"redact": redact})})
    return how if how.continues is None else how.model_copy(update={"continues": str(loaded.folder / how.continues)})


def _answers(loaded: LoadedRecipe, store: Store) -> str | Path | None:
    """The recipe's table of answers, else those that `affectloom annotate pull` took to the store."""
    if loaded.recipe.labels is not None:
        return loaded.folder / loaded.recipe.labels
    pulled = f"{store.root}/annotations/{loaded.recipe.name}/answers.jsonl"
    return str(store.fs.unstrip_protocol(pulled)) if loaded.spec is not None and store.fs.exists(pulled) else None


def _decisions(loaded: LoadedRecipe, store: Store) -> str | None:
    """What experts decided, where the answers are those of `affectloom annotate pull`."""
    if loaded.recipe.labels is not None or loaded.spec is None:
        return None
    pulled = f"{store.root}/annotations/{loaded.recipe.name}/adjudicated.jsonl"
    return str(store.fs.unstrip_protocol(pulled)) if store.fs.exists(pulled) else None


def _failures_in(of_store: FromStore, recording_id: str) -> list[Failure]:
    return failures_of(of_store.recording(recording_id))


def gates(recipe: Path, store_url: str) -> GatesTold:
    """How the samples score by the recipe's gates, and which are left out. Raises UsageError where it has none."""
    loaded = load(recipe)
    if not loaded.recipe.gates:
        raise UsageError(f"{recipe} has no gates", do="write rules into it, such as `gates: {speech: {}, length: {}}`")
    store = open_store(store_url)
    with engine_of("local", loaded.recipe.run.workers).spreading(store) as spread:
        of_store = FromStore(loaded.plan, store.url)
        ids = [row.id for row in kept_rows(loaded, store)]
        return tell(ids, of_store.every, loaded.recipe.gates, spread if store.is_shared else here)


def _about(loaded: LoadedRecipe, notes: Iterable[str]) -> About:
    recipe = loaded.recipe
    lineage = loaded.plan.lineage
    used = []
    for step in lineage.steps:
        weights = {name: pin for kind in step.makes for name, pin in weights_of(step, kind).items()}
        settings = {key: str(value) for key, value in step.model_dump(mode="json").items()}
        # The columns of all tracks stand in the card already, with their meaning.
        settings = {key: value for key, value in settings.items() if key not in ("tracks", "watchers")}
        for watcher in getattr(step, "watchers", ()):  # each with the name of what it makes
            told = watcher.model_dump(mode="json").items()
            settings |= {f"{watcher.makes[0]}.{key}": str(value) for key, value in told}
        used.append(
            StepUsed(
                key=step.key,
                makes=step.makes,
                reads=step.reads,
                settings=settings,
                weights=weights,
                versions=versions(step),
            )
        )
    return About(
        name=recipe.name,
        version=recipe.version,
        licence=recipe.licence,
        description=recipe.description,
        steps=tuple(used),
        program=f"affectloom {_version()}",
        notes=tuple(notes),
        card=recipe.card,
    )


def _version() -> str:
    try:
        return version("affectloom")
    except PackageNotFoundError:
        return "from source"


def _salt(store: Store) -> str:
    """What raters' pseudonyms are salted with: `$AFFECTLOOM_SALT`, else a secret kept in the store, never published."""
    given = os.environ.get(SALT)
    if given:
        return given
    path = f"{store.root}/private/salt"
    kept = store.read_or_none(path)
    if kept is None:
        kept = secrets.token_hex(32).encode()
        store.write(path, kept)
    return kept.decode()
