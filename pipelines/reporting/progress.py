"""What a run says while it goes on, and what it says at the end."""

import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from pipelines.reporting.alike import Reasons
from schemas.outcome import Outcome

_EVERY_S = 5.0
_REASONS = 10
_STATES = ("made", "kept", "absent", "failed", "blocked")


@dataclass
class Tally:
    """Outcomes counted by step and state. Grows with the number of steps and failures, not of recordings.

    finished: recordings that came to their end; worked: those of them on which anything was done in this run.
    """

    steps: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    failed: set[str] = field(default_factory=set)
    reasons: Reasons = field(default_factory=Reasons)
    absent: Counter[str] = field(default_factory=Counter)
    uncut: Reasons = field(default_factory=Reasons)
    """Why recordings have no samples, though nothing failed."""
    recordings: int = 0
    finished: int = 0
    worked: int = 0
    with_samples: int = 0
    copies: int = 0
    """Recordings that were left out, as copies of others."""
    report: str = ""
    """Where the run's report is, to be read."""
    _begun: set[str] = field(default_factory=set)
    _first: dict[str, int] = field(default_factory=dict)
    """What a first look made, by step: so many outcomes that call it kept are told as made."""

    def began(self, first: "Tally", copies: int) -> None:
        """Take in what a first look at the sources did, before outcomes come that call it kept."""
        self.copies = copies
        self._first = {step: counts["made"] for step, counts in first.steps.items()}
        for step, seconds in first.seconds.items():
            self.seconds[step] += seconds

    def add(self, told: Outcome, last_step: str) -> None:
        """Count one outcome."""
        state = told.state
        if state == "kept" and self._first.get(told.step):
            self._first[told.step] -= 1
            state = "made"
        self.steps[told.step][state] += 1
        self.seconds[told.step] += told.seconds
        self.absent.update(told.absent)
        if told.seconds and told.state != "kept":
            self._begun.add(told.recording)
        if told.step == "acquire":
            self.recordings += 1
        if told.state == "failed":
            self.failed.add(told.recording)
            self.reasons.add(told.recording, told.step, told.message)
        elif told.absent and told.message:
            self.uncut.add(told.recording, told.step, told.message)
        if told.step == last_step or (told.step == "acquire" and told.state == "failed"):
            self.finished += 1
            self.worked += told.recording in self._begun
            self._begun.discard(told.recording)
            self.with_samples += told.state in ("made", "kept")

    @property
    def exit_code(self) -> int:
        """0 all done; 1 some recordings failed; 2 nothing came of it."""
        if not self.with_samples:
            return 2
        return 1 if self.failed else 0

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "recordings": self.recordings,
            "report": self.report,
            "with_samples": self.with_samples,
            "copies": self.copies,
            "failed": sorted(self.failed),
            "absent": dict(self.absent),
            "uncut": [{"count": count, "why": example.message} for example, count in self.uncut.most_common(_REASONS)],
            "steps": {name: {**counts, "seconds": round(self.seconds[name], 3)} for name, counts in self.steps.items()},
        }


def follow(outcomes: Iterable[Outcome], last_step: str, *, quiet: bool, tally: Tally | None = None) -> Tally:
    """Run through the outcomes, showing progress on standard error: a live line, or a line every few seconds.

    tally: where to count, for others to see while it goes on.
    """
    tally = Tally() if tally is None else tally
    console = Console(stderr=True, quiet=quiet)
    shown = time.monotonic()
    if console.is_terminal and not quiet:
        with console.status("starting") as status:
            for told in outcomes:
                tally.add(told, last_step)
                if time.monotonic() - shown > 0.1:  # noqa: PLR2004 - ten times a second is as good as live
                    shown = time.monotonic()
                    status.update(_line(tally))
        return tally
    for told in outcomes:
        tally.add(told, last_step)
        if not quiet and time.monotonic() - shown > _EVERY_S:
            shown = time.monotonic()
            print(_line(tally), file=sys.stderr, flush=True)  # noqa: T201 - progress is for people to read
    return tally


def _line(tally: Tally) -> str:
    made = {step.split(".")[0]: counts["made"] for step, counts in tally.steps.items() if counts["made"]}
    working = " ".join(f"{step} {count}" for step, count in made.items())
    failed = f", {len(tally.failed)} failed" if tally.failed else ""
    return f"{tally.finished} of {tally.recordings} recordings finished{failed} · {working}"


def summary(tally: Tally, console: Console) -> None:
    """A table of the steps and the most frequent reasons of failure."""
    table = Table(box=None, pad_edge=False)
    table.add_column("step")
    for state in _STATES:
        table.add_column(state, justify="right")
    table.add_column("seconds", justify="right")
    for step, counts in tally.steps.items():
        cells = [str(counts[state]) if counts[state] else "·" for state in _STATES]
        table.add_row(step, *cells, f"{tally.seconds[step]:.1f}")
    console.print(table)
    if tally.copies:
        console.print(f"recordings left out as copies of others: {tally.copies}; `affectloom duplicates` lists them")
    if tally.absent:
        lacking = ", ".join(f"{kind} {count}" for kind, count in tally.absent.items())
        console.print(f"recordings that lack something (no failure; `inspect` says why): {lacking}", highlight=False)
    for example, count in tally.uncut.most_common(_REASONS):
        console.print(f"[yellow]{count} without samples[/]: ", end="", highlight=False)
        console.print(f"{example.message}, such as {example.recording}", markup=False, highlight=False)
    for example, count in tally.reasons.most_common(_REASONS):
        console.print(f"[red]{count} failed[/] at {example.step}: ", end="")
        console.print(example.message, markup=False, highlight=False)
