"""An audit on a terminal."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from schemas.audit import AuditReport

_COLOURS = {"error": "bold red", "warning": "yellow", "note": "cyan"}


def show(report: AuditReport, console: Console) -> None:
    """A table of findings, the worst first, and what could not be checked."""
    splits = ", ".join(f"{name} {rows:,}" for name, rows in report.splits.items())
    console.print(f"{report.dataset}: {report.rows:,} samples{f' ({splits})' if splits else ''}", markup=False)
    taken = ", ".join(f"{role}={column}" for role, column in report.columns.items())
    console.print(f"columns taken for: {taken}", markup=False, style="dim")
    if report.findings:
        table = Table(show_lines=True)
        table.add_column("severity")
        table.add_column("count", justify="right")
        table.add_column("what, for example, and what to do", overflow="fold", ratio=1)
        for one in report.findings:
            count = f"{one.count:,}" + (f"\nof {one.of:,}" if one.of is not None else "")
            told = Text.assemble(
                (one.what, "bold"), *(f"\n  {example}" for example in one.examples), (f"\n→ {one.do}", "dim")
            )
            table.add_row(Text(f"{one.severity}\n{one.check}", style=_COLOURS[one.severity]), count, told)
        console.print(table)
    for lack in report.unchecked:
        console.print(f"not checked: {lack.check}, for want of {lack.lacks}", markup=False, style="dim")
    console.print(summary(report), markup=False)


def summary(report: AuditReport) -> str:
    """One line."""
    counts = ", ".join(f"{count} {name}{'' if count == 1 else 's'}" for name, count in report.counts.items())
    return f"{len(report.checked)} checks made: {counts}"
