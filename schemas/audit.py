"""What an audit says of a dataset."""

from typing import Literal

from pydantic import Field

from schemas.record import Record

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""The worst first. An error makes results wrong that are computed from the dataset; a warning may; a note explains."""


class Finding(Record):
    """One thing that a check found, with a few of the samples that show it."""

    check: str
    severity: Severity
    what: str
    """One sentence."""
    count: int
    """How many things of the kind `what` names."""
    of: int | None = None
    """Among how many."""
    examples: tuple[str, ...] = ()
    do: str


class Unchecked(Record):
    """A check that could not be made, and what the dataset lacks for it."""

    check: str
    lacks: str


class AuditReport(Record):
    """All that an audit found, the worst first."""

    dataset: str
    rows: int
    splits: dict[str, int]
    columns: dict[str, str] = Field(default_factory=dict)
    """Which column was taken for what: role to column."""
    findings: tuple[Finding, ...] = ()
    checked: tuple[str, ...] = ()
    unchecked: tuple[Unchecked, ...] = ()

    @property
    def counts(self) -> dict[Severity, int]:
        """Findings of each severity."""
        return {name: sum(one.severity == name for one in self.findings) for name in SEVERITIES}

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What stops a publication."""
        return tuple(one for one in self.findings if one.severity == "error")
