"""What a recipe would take for very many recordings: hours, bytes, requests, shards, and what is in the way.

The figures are those of the same recipe on a few recordings, built before with any engine: seconds of each step from
the run reports, lengths and bytes from the recordings in the store. Nothing is guessed for a step that was never run.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from itertools import islice
from statistics import fmean

from pipelines.amounts import duration, size
from pipelines.plan import Plan, is_todo
from pipelines.recording import StoredRecording
from pipelines.reporting.beat import step_digest
from pipelines.reporting.report import reports
from pipelines.runner import ACQUIRE
from pipelines.store import Store
from schemas.errors import UsageError
from schemas.estimate import Estimate, Figures, StepFigure, StepTaken
from schemas.facts import Facts
from schemas.source import SourceRow
from schemas.step import Step

MOST_SAMPLED = 200
_MOST_LOOKED_AT = 2000
_SHARD_FILLED = 0.5
"""Of `publish.shard_mb`, on average: where shards end is decided by the ids (pipelines/publishing/units.py)."""
_ACQUIRE_REQUESTS = 16
"""To a bucket: driver and worker look for the folder (3 each, as it is not there), the source, an earlier failure, and
what was taken down (7); the source is written, and the driver looks again (2): see tests/pipelines/test_s3.py."""
_STEP_REQUESTS = 4
"""Worker and driver list the folder and read the source; the drivers of Ray and Beam do not."""
_HOUR_S = 3600


def figures(plan: Plan, rows: Iterable[SourceRow], store: Store) -> Figures:
    """What the recipe took for the recordings that are in the store.

    Raises UsageError where no finished build tells of some step.
    """
    taken = _seconds(plan, store)
    found = [store.open(row.id, plan.lineage) for row in islice(rows, _MOST_LOOKED_AT)]
    found = [recording for recording in found if recording.acquired]
    if not found or not taken:
        raise UsageError(
            f"no build of {plan.recipe.name} in {store.root} tells what it takes",
            do="build a few of your recordings first, or give --figures FILE",
        )
    found = found[:: max(1, len(found) // MOST_SAMPLED)][:MOST_SAMPLED]
    lengths = [facts.duration_s for one in found if (facts := _facts(one)) is not None and facts.duration_s is not None]
    stored: dict[str, float] = defaultdict(float)
    media = 0.0
    for recording in found:
        media += recording.source.bytes / len(found)
        for kind, count in _sizes(recording, store).items():
            stored[kind] += count / len(found)
    latest = max((report.runs[0] for report in reports(store, plan.recipe.name)), key=lambda run: run.ended)
    steps = [_figure(plan, step, taken, found, gpu=latest.machine.gpu) for step in plan.lineage.steps]
    acquiring = StepFigure(step=ACQUIRE, share=1.0, seconds=taken[""], requests=_ACQUIRE_REQUESTS)
    return Figures(
        measured=f"{len(found)} recordings in {store.root}, built on {latest.machine.processor}"
        + (" with a GPU" if latest.machine.gpu else ""),
        recordings=len(found),
        length_s=fmean(lengths) if lengths else None,
        steps=(acquiring, *steps),
        stored=dict(sorted(stored.items())),
        published=_published(plan, stored, media),
    )


def estimate(
    measured: Figures, shard_mb: int, *, recordings: int, length_s: float | None, cpus: float, gpus: float
) -> Estimate:
    """For so many recordings of a length, in proportion to what was measured.

    Args:
        measured: what a few took.
        shard_mb: of the recipe's `publish` block.
        recordings: how many.
        length_s: their mean length; None: that of the measured ones.
        cpus: cores at work.
        gpus: GPUs at work.

    Raises:
        UsageError: a length is asked for and the measured ones have none, or there is no GPU for a step that needs one.
    """
    if length_s is not None and not measured.length_s:
        raise UsageError("the recordings that were measured have no length", do="leave --minutes out")
    longer = length_s / measured.length_s if length_s is not None and measured.length_s else 1.0
    hours = {
        step: recordings * step.share * step.seconds * (longer if step.grows else 1.0) / _HOUR_S
        for step in measured.steps
    }
    whole = sum(hours.values())
    cpu_hours = sum(taken * step.cpus for step, taken in hours.items())
    gpu_hours = sum(taken * step.gpus for step, taken in hours.items())
    if gpu_hours and not gpus:
        raise UsageError("the recipe has steps on a GPU", do="say how many there are: --gpus N")
    by_cpu, by_gpu = cpu_hours / cpus, gpu_hours / gpus if gpus else 0.0
    # Where GPUs are what is waited for, the dearest of their steps is in the way.
    ours = [step for step in hours if step.gpus] if by_gpu > by_cpu else list(hours)
    stored = {kind: size * longer * recordings for kind, size in measured.stored.items()}
    published = measured.published * longer * recordings
    return Estimate(
        recordings=recordings,
        length_s=length_s if length_s is not None else measured.length_s,
        cpu_hours=cpu_hours,
        gpu_hours=gpu_hours,
        stored=sum(stored.values()),
        stored_by_kind=stored,
        published=published,
        shards=math.ceil(published / (shard_mb * 1_000_000 * _SHARD_FILLED)),
        requests=round(recordings * sum(step.share * step.requests for step in measured.steps)),
        steps=tuple(
            StepTaken(step=step.step, hours=taken, of_all=taken / whole if whole else 0.0)
            for step, taken in sorted(hours.items(), key=lambda one: -one[1])
        ),
        bottleneck=max(ours, key=lambda step: hours[step]).step,
        cpus=cpus,
        gpus=gpus,
        hours=max(by_cpu, by_gpu),
        figures=measured,
    )


def told(one: Estimate) -> str:
    """In words: the sum first, then where it goes, then where it comes from."""
    length = f" of {duration(one.length_s)}" if one.length_s is not None else ""
    lines = [
        f"{one.recordings:,} recordings{length}",
        f"{_hours(one.cpu_hours)} of CPU, {_hours(one.gpu_hours)} of GPU",
        f"{duration(one.hours * _HOUR_S)} on {one.cpus:g} cores"
        + (f" and {one.gpus:g} GPUs" if one.gpus else "")
        + f", if none of them waits; most of it for {one.bottleneck}",
        f"{size(one.stored)} in the store, {one.requests:,} requests to it (about)",
        f"{size(one.published)} published, in about {one.shards:,} shards",
        "",
    ]
    width = max(len(step.step) for step in one.steps)
    lines += [f"  {step.step:<{width}}  {_hours(step.hours):>14}  {step.of_all:>6.1%}" for step in one.steps]
    kinds = sorted(one.stored_by_kind.items(), key=lambda kind: -kind[1])
    lines += ["", *(f"  {kind:<{width}}  {size(count):>14}" for kind, count in kinds)]
    lines += ["", f"measured: {one.figures.measured}; in proportion to number and length, models loaded"]
    return "\n".join(lines)


def _hours(hours: float) -> str:
    return f"{hours:,.0f} hours" if hours >= 100 else duration(hours * _HOUR_S)  # noqa: PLR2004 - three digits


def _seconds(plan: Plan, store: Store) -> dict[str, float]:
    """Of each step, by its digest ("" for acquiring): a worker's for one recording, over all runs that made some."""
    seconds: dict[str, float] = defaultdict(float)
    made: dict[str, int] = defaultdict(int)
    for report in reports(store, plan.recipe.name):
        for run in report.runs:
            for step in run.steps:
                seconds[step.identity] += step.seconds
                made[step.identity] += step.made
    return {identity: seconds[identity] / count for identity, count in made.items() if count}


def _figure(plan: Plan, step: Step, taken: dict[str, float], among: list[StoredRecording], *, gpu: bool) -> StepFigure:
    settled = [one for one in among if not is_todo(one, step)]
    share = sum(any(one.has(kind) for kind in step.makes) for one in settled) / max(1, len(settled))
    seconds = taken.get(step_digest(step))
    if not settled or (seconds is None and share):
        raise UsageError(
            f"no build in the store tells what {step.key} takes with these settings",
            do="build a few of your recordings with this recipe first (in another --store, if they are there already)",
        )
    return StepFigure(
        step=step.key,
        share=share,
        seconds=seconds or 0.0,
        grows=not set(step.makes) <= {"facts"},
        cpus=step.needs.cpus,
        gpus=step.needs.where(gpu).gpus,
        # And what it reads, and what it makes.
        requests=_STEP_REQUESTS
        + sum(kind in plan.lineage.maker for kind in plan.lineage.inputs(step))
        + len(step.makes),
    )


def _facts(recording: StoredRecording) -> Facts | None:
    return recording.read("facts", Facts) if recording.has("facts") else None


def _sizes(recording: StoredRecording, store: Store) -> dict[str, float]:
    """Bytes of what this recipe made for a recording, by kind."""
    kinds = [kind for kind in recording.lineage.maker if recording.has(kind)]
    names = {f"{kind}.{recording.fingerprint(kind)}.": kind for kind in kinds}
    found: dict[str, float] = {}
    for entry in store.fs.ls(store.folder(recording.id), detail=True):
        name = str(entry["name"]).rsplit("/", 1)[-1]
        kind = next((kind for start, kind in names.items() if name.startswith(start)), None)
        if kind is not None:
            found[kind] = float(entry["size"] or 0)
    return found


def _published(plan: Plan, stored: dict[str, float], media: float) -> float:
    wanted = set(plan.recipe.publish.media)
    sound = stored.get("audio", 0.0) if "audio" in wanted else 0.0
    return stored.get("samples", 0.0) + sound + (media if wanted & {"video", "image"} else 0.0)
