"""What is told of a run: while it goes on, a beat every few seconds; at its end, a report.

The only records that hold wall-clock times. They lie beside the recordings, never among them, and nothing that is
published depends on them.
"""

from typing import Literal

from schemas.record import Record

RunEnd = Literal["finished", "stopped", "broken off"]
"""finished: every source was gone through; stopped: by Ctrl-C; broken off: by an error that the run cannot pass."""


class Beat(Record):
    """How far a running build is. Its driver writes it anew every `every_s` seconds and removes it at the end."""

    recipe: str
    lineage: str
    """Digest of what determines the names of all artifacts: runs with the same one do the same work."""
    engine: str
    machine: str
    """The driver's host name."""
    pid: int
    workers: int | None
    started: float
    """Seconds since 1970, by the driver's clock; so is `now`."""
    now: float
    every_s: float
    recordings: int
    """Taken in so far."""
    finished: int
    """Come to their end so far, whatever end."""
    worked: int
    """Of those, the ones on which anything had to be done."""
    failed: int
    rate_per_s: float | None
    """Of `worked`, over the last minutes; None before the first."""


class StepTold(Record):
    """One step in one run."""

    step: str
    identity: str
    """Digest of the step's version, settings and weights: where it is the same, seconds can be compared."""
    made: int = 0
    kept: int = 0
    absent: int = 0
    failed: int = 0
    blocked: int = 0
    seconds: float = 0.0
    """Of workers, without loading models."""


class Reason(Record):
    """Failures that are alike. `message` and `do` are those of `example`, a recording."""

    step: str
    error: str
    message: str
    do: str
    count: int
    example: str
    expected: bool = True
    """False for a defect of the program or a killed worker."""


class Progress(Record):
    """How many recordings had come to their end so many seconds after the start."""

    seconds: float
    finished: int
    failed: int


class Machine(Record):
    """Where the driver ran."""

    host: str
    system: str
    processor: str
    cores: int
    memory_gb: float | None
    gpu: bool
    python: str


class RunTold(Record):
    """One run of a recipe."""

    end: RunEnd
    message: str = ""
    """Why it broke off."""
    started: str
    """UTC, ISO 8601; so is `ended`."""
    ended: str
    wall_s: float
    engine: str
    workers: int | None
    """Worker processes at a time, at most; None where the cluster decides."""
    recordings: int
    finished: int
    worked: int
    with_samples: int
    copies: int = 0
    """Recordings that were left out, as copies of others."""
    failed: int
    steps: tuple[StepTold, ...]
    absent: dict[str, int]
    reasons: tuple[Reason, ...]
    other_failures: int
    """Failures of reasons beyond those listed."""
    progress: tuple[Progress, ...]
    """Of the latest run only."""
    machine: Machine
    versions: dict[str, str]

    @property
    def busy_s(self) -> float:
        """Seconds of workers spent on steps."""
        return sum(step.seconds for step in self.steps)

    @property
    def utilisation(self) -> float | None:
        """Busy seconds over wall time times workers; above 1 where an engine runs more processes than asked for."""
        return self.busy_s / (self.wall_s * self.workers) if self.workers and self.wall_s else None


class RunReport(Record):
    """The runs of a recipe under the same settings and versions, the latest first."""

    recipe: str
    version: str
    runs: tuple[RunTold, ...]
