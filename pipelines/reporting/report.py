"""The report that a build leaves when it ends, however it ends.

    STORE/runs/NAME.DIGEST.report.json   the builds under the same settings and versions, the latest first
    STORE/runs/NAME.DIGEST.report.html   the same, to be read

A build that finds nothing to do leaves the report as it is. A driver that is killed writes none.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from pipelines.lineage import Lineage
from pipelines.machine import machine
from pipelines.plan import Plan, versions
from pipelines.reporting.alike import Example, Reasons
from pipelines.reporting.beat import EVERY_S, Pulse, Run, step_digest
from pipelines.reporting.page import page
from pipelines.reporting.progress import Tally
from pipelines.runner import ACQUIRE
from pipelines.store import Store
from schemas.errors import StoreError, UsageError
from schemas.failure import Failure
from schemas.run import Reason, RunEnd, RunReport, RunTold, StepTold

log = logging.getLogger(__name__)

_REASONS = 50
_RUNS = 20
_REPORT = re.compile(r"(?P<recipe>[^.].*)\.[0-9a-f]{16}\.report\.json")


@contextmanager
def recorded(run: Run, tally: Tally, *, every_s: float = EVERY_S) -> Iterator[None]:
    """Tell of the run every few seconds while the block goes on, and report on it when it ends."""
    pulse = Pulse(run, tally, every_s=every_s)
    tally.report = f"{run.path}.report.html"
    pulse.start()
    end: RunEnd = "broken off"
    message = ""
    try:
        yield
        end = "finished"
    except KeyboardInterrupt:
        end = "stopped"
        raise
    except BaseException as error:
        message = error.what if isinstance(error, UsageError) else f"{type(error).__name__}: {error}"
        raise
    finally:
        pulse.stop()
        try:
            _write(run, _told(run, tally, pulse, end, message))
        except StoreError as error:
            log.warning("there is no report of this run: %s", error.what)


def reports(store: Store, recipe: str | None = None) -> list[RunReport]:
    """Of all settings of a recipe; None: of all recipes in the store."""
    folder = f"{store.root}/runs"
    found = {name: _REPORT.fullmatch(name) for name in sorted(store.listing(folder))}
    names = [name for name, match in found.items() if match and recipe in (None, match["recipe"])]
    return [report for name in names if (report := _read(store, f"{folder}/{name}")) is not None]


def _read(store: Store, path: str) -> RunReport | None:
    data = store.read_or_none(path)
    try:
        return RunReport.from_bytes(data) if data is not None else None
    except ValueError:  # another version's
        return None


def _write(run: Run, told: RunTold) -> None:
    before = _read(run.store, f"{run.path}.report.json")
    earlier = list(before.runs) if before else []
    if earlier and _is_nothing_new(told, earlier[0]):
        return
    if earlier and not earlier[0].worked:  # it had nothing to do: what it told is told again
        del earlier[0]
    recipe = run.plan.recipe
    shorter = [one.model_copy(update={"progress": ()}) for one in earlier[: _RUNS - 1]]
    report = RunReport(recipe=recipe.name, version=recipe.version, runs=(told, *shorter))
    run.store.write(f"{run.path}.report.json", report.to_bytes())
    run.store.write(f"{run.path}.report.html", page(report).encode())


def _is_nothing_new(now: RunTold, before: RunTold) -> bool:
    """Whether the run had nothing to do, and saw what the one before it saw."""
    same = (now.recordings, now.failed) == (before.recordings, before.failed)
    return not now.worked and same and now.end == before.end == "finished"


def _told(run: Run, tally: Tally, pulse: Pulse, end: RunEnd, message: str) -> RunTold:
    lineage = run.plan.lineage
    digests = {ACQUIRE: ""} | {step.key: step_digest(step) for step in lineage.steps}
    steps = (
        StepTold(step=name, identity=identity, seconds=round(tally.seconds[name], 3), **tally.steps[name])
        for name, identity in digests.items()
        if name in tally.steps
    )
    wall_s = pulse.elapsed_s
    return RunTold(
        end=end,
        message=message,
        started=_utc(pulse.started),
        ended=_utc(pulse.started + wall_s),
        wall_s=round(wall_s, 3),
        engine=run.engine,
        workers=run.workers,
        recordings=tally.recordings,
        finished=tally.finished,
        worked=tally.worked,
        with_samples=tally.with_samples,
        copies=tally.copies,
        failed=len(tally.failed),
        steps=tuple(steps),
        absent=dict(sorted(tally.absent.items())),
        reasons=listed(tally.reasons, _REASONS, run.store, lineage),
        other_failures=tally.reasons.total() - sum(count for _, count in tally.reasons.most_common(_REASONS)),
        progress=tuple(pulse.points),
        machine=machine(),
        versions=_versions(run.plan),
    )


def listed(reasons: Reasons, most: int, store: Store, lineage: Lineage) -> tuple[Reason, ...]:
    """The most frequent, with what to do: one failure record is read for each."""
    return tuple(_reason(example, count, store, lineage) for example, count in reasons.most_common(most))


def _reason(example: Example, count: int, store: Store, lineage: Lineage) -> Reason:
    failure = _failure(example, store, lineage)
    return Reason(
        step=example.step,
        error=failure.error if failure else "",
        message=example.message,
        do=failure.do if failure else "",
        count=count,
        example=example.recording,
        expected=failure.expected if failure else True,
    )


def _failure(example: Example, store: Store, lineage: Lineage) -> Failure | None:
    """The record of it; None where it is gone by now."""
    recording = store.open(example.recording, lineage)
    if example.step == ACQUIRE:
        return recording.source_failure
    if not recording.acquired:
        return None
    kinds = [kind for kind, maker in lineage.maker.items() if maker.key == example.step]
    found = (recording.failure(kind) for kind in kinds)
    return next((failure for failure in found if failure and failure.message == example.message), None)


def _versions(plan: Plan) -> dict[str, str]:
    found = {}
    for step in plan.lineage.steps:
        found.update(versions(step))
    try:
        own = version("affectloom")
    except PackageNotFoundError:
        own = "from source"
    return {"affectloom": own, **dict(sorted(found.items()))}


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
