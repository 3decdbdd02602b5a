"""How far the recipe's recordings are, from any machine that sees the store.

The states are read from the store, recording by recording. Rate and time left come from the signs of life that running
builds leave there (pipelines.reporting.beat): none, one or several. There is no database.
"""

import sys
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table

from pipelines.acquiring.acquire import is_current, stamp
from pipelines.amounts import duration
from pipelines.plan import Plan
from pipelines.recording import StoredRecording
from pipelines.reporting.alike import Reasons
from pipelines.reporting.beat import beats, is_silent, lineage_digest
from pipelines.reporting.report import listed, reports
from pipelines.runner import ACQUIRE
from pipelines.store import Store
from pipelines.work import failures_of
from schemas.errors import SourceUnavailable
from schemas.failure import Failure
from schemas.run import Beat, Reason, RunTold
from schemas.source import SourceRow

T = TypeVar("T")
R = TypeVar("R")

_STATES = ("made", "absent", "failed", "blocked", "todo")
_WORST_FIRST = ("todo", "failed", "blocked", "made", "absent")
_REASONS = 10
_AT_ONCE = 16
"""Recordings looked at together where each look goes over a network."""
_EVERY_S = 5.0


@dataclass(frozen=True)
class RunNow:
    """A build that is going on, or fell silent."""

    beat: Beat
    silent: bool
    """It was not heard of for so long that its driver must be gone."""
    same: bool
    """It does this recipe's work, with the same settings."""


@dataclass(frozen=True)
class Status:
    """What the store says. rate_per_s: of all running builds of this recipe; None where none tells."""

    recipe: str
    store: str
    recordings: int
    finished: int
    steps: dict[str, dict[str, int]]
    reasons: tuple[Reason, ...]
    other_failures: int
    runs: tuple[RunNow, ...]
    last: RunTold | None
    rate_per_s: float | None

    @property
    def left_s(self) -> float | None:
        """Seconds until all recordings have come to their end; None where no running build tells."""
        return (self.recordings - self.finished) / self.rate_per_s if self.rate_per_s else None

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "recipe": self.recipe,
            "store": self.store,
            "recordings": self.recordings,
            "finished": self.finished,
            "steps": self.steps,
            "failures": [reason.model_dump() for reason in self.reasons],
            "other_failures": self.other_failures,
            "runs": [{**run.beat.model_dump(), "silent": run.silent, "same": run.same} for run in self.runs],
            "last_run": self.last.model_dump(exclude={"progress", "reasons"}) if self.last else None,
            "rate_per_s": self.rate_per_s,
            "left_s": self.left_s,
        }


def status(plan: Plan, store: Store, rows: Iterable[SourceRow], *, quiet: bool = True) -> Status:
    """Look at every recording of the recipe once. Memory does not grow with their number.

    Writes nothing. A recording whose media cannot be seen from here counts as it is in the store.
    """
    lineage = plan.lineage
    keys = [ACQUIRE, *(step.key for step in lineage.steps)]
    steps: dict[str, Counter[str]] = defaultdict(Counter)
    reasons = Reasons()
    count = finished = 0
    shown = time.monotonic()
    for states, failures in _ahead(lambda row: _look(row, store.open(row.id, lineage)), rows, _threads(store)):
        count += 1
        finished += states[-1] != "todo"
        for key, state in zip(keys, states, strict=True):
            steps[key][state] += 1
        for failure in failures:
            reasons.add(failure.recording, failure.step, failure.message)
        if not quiet and time.monotonic() - shown > _EVERY_S:
            shown = time.monotonic()
            print(f"{count} recordings looked at", file=sys.stderr, flush=True)  # noqa: T201 - for people to read
    own = lineage_digest(lineage)
    runs = tuple(RunNow(beat, is_silent(beat), beat.lineage == own) for beat in beats(store))
    rates = [run.beat.rate_per_s for run in runs if run.same and not run.silent and run.beat.rate_per_s]
    most = reasons.most_common(_REASONS)
    last = [run for report in reports(store, plan.recipe.name) for run in report.runs]
    return Status(
        recipe=plan.recipe.name,
        store=store.url,
        recordings=count,
        finished=finished,
        steps={key: {state: steps[key][state] for state in _STATES if steps[key][state]} for key in keys},
        reasons=listed(reasons, _REASONS, store, lineage),
        other_failures=reasons.total() - sum(number for _, number in most),
        runs=runs,
        last=max(last, key=lambda run: run.started, default=None),
        rate_per_s=sum(rates) if rates else None,
    )


def _look(row: SourceRow, recording: StoredRecording) -> tuple[list[str], list[Failure]]:
    """The state of acquiring and of each step, and why what has failed has."""
    steps = recording.lineage.steps
    acquired = _acquired(row, recording)
    if acquired != "made":
        failure = recording.source_failure if acquired == "failed" else None
        return [acquired, *(["blocked" if failure else "todo"] * len(steps))], [failure] if failure else []
    found = [{recording.state(kind) for kind in step.makes} for step in steps]
    states = [next(state for state in _WORST_FIRST if state in among) for among in found]
    return ["made", *states], failures_of(recording) if "failed" in states else []


def _acquired(row: SourceRow, recording: StoredRecording) -> str:
    if is_current(row, recording):
        return "made"
    if recording.source_failure is not None:
        return "failed"
    if not recording.acquired:
        return "todo"
    try:
        stamp(row)
    except SourceUnavailable:  # this machine does not see it; those that build may
        return "made"
    return "todo"


def _threads(store: Store) -> int:
    return 1 if store.is_local or not store.is_shared else _AT_ONCE


def _ahead(act: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """The results in the items' order, a few computed ahead."""
    if threads == 1:
        yield from map(act, items)
        return
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for item in items:
            waiting.append(pool.submit(act, item))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def show(told: Status, console: Console) -> None:
    """A table of the steps, the running builds, and the most frequent reasons of failure."""
    share = f" ({told.finished / told.recordings:.1%})" if told.recordings else ""
    _say(console, f"{told.recipe}: {told.finished:,} of {told.recordings:,} recordings finished{share} in {told.store}")
    table = Table(box=None, pad_edge=False)
    table.add_column("step")
    for state in _STATES:
        table.add_column(state, justify="right")
    for step, counts in told.steps.items():
        table.add_row(step, *(f"{counts[state]:,}" if state in counts else "·" for state in _STATES))
    console.print(table)
    for run in told.runs:
        _say(console, _of_run(run))
    for line in _outlook(told):
        _say(console, line)
    for reason in told.reasons:
        console.print(f"[red]{reason.count:,} failed[/] at {reason.step}: ", end="")
        _say(console, f"{reason.message} (such as {reason.example})")
        if reason.do:
            _say(console, f"    {reason.do}")
    if told.other_failures:
        _say(console, f"{told.other_failures:,} more failures, of rarer reasons")


def _of_run(run: RunNow) -> str:
    beat = run.beat
    what = f"{beat.recipe}, engine {beat.engine} on {beat.machine} (process {beat.pid})"
    heard = duration(max(0.0, time.time() - beat.now))
    if run.silent:
        return f"silent for {heard}, so its driver was killed: {what}; build again to go on"
    took = duration(max(0.0, beat.now - beat.started))
    other = "" if run.same else "; another recipe or other settings, which is not counted in the rate"
    return (
        f"running for {took}: {what}; {beat.finished:,} of {beat.recordings:,} taken in finished, "
        f"{beat.failed:,} failed; heard of {heard} ago{other}"
    )


def _outlook(told: Status) -> Iterator[str]:
    left = told.recordings - told.finished
    running = [run for run in told.runs if run.same and not run.silent]
    if told.rate_per_s:
        minutes = told.rate_per_s * 60
        pace = f"{minutes:,.1f} a minute" if minutes >= 1 else f"{minutes * 60:,.1f} an hour"
        yield f"{pace}; {left:,} left, about {duration(told.left_s or 0.0)}"
    elif running:
        yield f"{left:,} left; the rate is known once the first recording is finished"
    else:
        yield f"no build of this is running; {f'{left:,} left' if left else 'nothing is left to do'}"
        if told.last is not None:
            why = f" ({told.last.message})" if told.last.message else ""
            yield f"the last one {told.last.end} at {told.last.ended} after {duration(told.last.wall_s)}{why}"


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
