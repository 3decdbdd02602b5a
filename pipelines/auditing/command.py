"""The command `affectloom audit`."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

_EVERY_S = 5.0


def audit(
    where: Annotated[
        list[str], typer.Argument(metavar="DATASET...", help="A folder, tables, or an id on the Hugging Face hub.")
    ],
    *,
    column: Annotated[
        list[str] | None,
        typer.Option("--column", help="ROLE=COLUMN where the name does not say it; ROLE=A+B for two together."),
    ] = None,
    licence: Annotated[str | None, typer.Option(help="Of the dataset, where its card does not say.")] = None,
    report: Annotated[Path | None, typer.Option(help="An HTML page to write.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output on standard output.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, no summary.")] = False,
) -> None:
    """Look for what is wrong with a dataset, ours or anybody's. Exit code 1 if anything found is an error."""
    from pipelines.auditing import audit as audits
    from pipelines.auditing.page import write_page
    from pipelines.auditing.show import show

    progress = None if quiet or as_json else told_now_and_then()
    found = audits.audit(where, column or (), licence=licence, progress=progress)
    if report is not None:
        write_page(report, found)
    if as_json:
        typer.echo(json.dumps(found.model_dump(), indent=2, ensure_ascii=False))
    elif not quiet:
        show(found, Console())
        if report is not None:
            typer.echo(f"report: {report}")
    raise typer.Exit(1 if found.errors else 0)


def told_now_and_then() -> Callable[[int], None]:
    """One line on standard error every few seconds."""
    told = [time.monotonic()]
    console = Console(stderr=True)

    def tell(rows: int) -> None:
        if time.monotonic() - told[0] >= _EVERY_S:
            told[0] = time.monotonic()
            console.print(f"{rows:,} rows read", highlight=False)

    return tell
