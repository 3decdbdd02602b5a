"""The command `affectloom`.

Exit codes: 0 done; 1 some recordings failed, the rest is done; 2 wrong use, or nothing done; 130 stopped by Ctrl-C.
"""

import logging
import sys
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from pipelines.acquiring.commands import expand, takedown
from pipelines.annotating.cli import app as annotate
from pipelines.auditing.command import audit
from pipelines.exporting.command import export
from pipelines.house import check_house
from pipelines.importing.command import import_corpus
from pipelines.options import STORE, Engine, EngineOptions, Json, Quiet, RecipePath, StoreUrl, print_json, to_stderr
from pipelines.publishing.command_balance import balance
from pipelines.publishing.commands import changes, publish
from pipelines.recipes.command import app as recipes
from pipelines.sifting.commands import duplicates, gates
from pipelines.viewing.command import view
from schemas.errors import UsageError

app = typer.Typer(
    help="From recordings of people to aligned, labelled, published datasets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Statistic(StrEnum):
    """The names of annotation.agreement.STATISTICS."""

    percent = "percent"
    cohen = "cohen"
    fleiss = "fleiss"
    krippendorff = "krippendorff"
    gwet = "gwet"
    icc = "icc"


class Level(StrEnum):
    """The names of annotation.ratings.Level."""

    nominal = "nominal"
    ordinal = "ordinal"
    interval = "interval"
    ratio = "ratio"


def main() -> None:
    """Run the command. Errors of use are one message, never a traceback."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        check_house()
        app()
    except UsageError as error:
        to_stderr().print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)
    except BrokenPipeError:
        sys.stderr.close()


def build(
    recipe: RecipePath,
    store: StoreUrl = STORE,
    options: EngineOptions = None,
    engine: Annotated[Engine, typer.Option(help="What runs the steps.")] = Engine.local,
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes; by default one for each core.")] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Try again what has failed.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Measure every recording of the recipe. Run it again to go on where it stopped."""
    from pipelines import work

    if store.startswith("memory://"):
        raise UsageError(
            f"the store {store} would be gone when the command ends",
            do="give a folder; memory:// is for `pipelines.work.build` inside one program",
        )
    try:
        tally = work.build(
            recipe,
            store,
            engine=engine.value,
            workers=workers,
            options=options or (),
            retry=retry,
            quiet=quiet or as_json,
        )
    except KeyboardInterrupt:
        to_stderr().print("stopped; what is made is kept: the same command goes on from here")
        raise typer.Exit(130) from None
    if as_json:
        print_json(tally.as_json())
    elif not quiet:
        from pipelines.reporting.progress import summary

        summary(tally, Console())
        if tally.failed:
            to_stderr().print(f"{len(tally.failed)} recordings failed: `affectloom failures {recipe} --store {store}`")
        if not tally.recordings:
            to_stderr().print(f"the sources of {recipe} hold no recording", markup=False, highlight=False)
        print(f"report: {tally.report}")
    raise typer.Exit(tally.exit_code)


def plan(
    recipe: RecipePath,
    store: StoreUrl = STORE,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="What it would take, from what a few recordings took.")
    ] = False,
    recordings: Annotated[int | None, typer.Option("--recordings", min=1, help="Estimate for so many.")] = None,
    minutes: Annotated[float | None, typer.Option("--minutes", min=0, help="Of so many minutes each.")] = None,
    workers: Annotated[float | None, typer.Option("--workers", min=1, help="On so many cores.")] = None,
    gpus: Annotated[float, typer.Option("--gpus", min=0, help="And so many GPUs.")] = 0,
    figures: Annotated[
        Path | None, typer.Option("--figures", help="What --estimate --json printed elsewhere, as the figures.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print what would run, with every default spelled out. Starts nothing, writes nothing."""
    from pipelines import work
    from pipelines.reporting.estimate import told as told_of

    if estimate:
        one = work.estimate(
            recipe, store, recordings=recordings, minutes=minutes, cpus=workers, gpus=gpus, figures=figures
        )
        print_json(one.model_dump(mode="json")) if as_json else print(told_of(one))
        return
    told = work.plan(recipe, store)
    if as_json:
        print_json({"steps": told.steps, "recordings": told.recordings, "filled": told.filled})
        return
    print(told.filled, end="")
    print(f"# {told.recordings} recordings")
    for step, states in told.steps.items():
        print(f"# {step}: " + ", ".join(f"{count} {state}" for state, count in states.items()))
    for note in told.notes:
        to_stderr().print(note, style="yellow", markup=False)


def status(recipe: RecipePath, store: StoreUrl = STORE, as_json: Json = False) -> None:
    """Say how far the recordings are, what is running, how long it will take, and what fails most. Writes nothing."""
    from pipelines import work
    from pipelines.reporting.status import show
    from pipelines.reporting.status import status as look

    loaded = work.load(recipe)
    opened = work.open_store(store)
    told = look(loaded.plan, opened, work.kept_rows(loaded, opened), quiet=as_json)
    if as_json:
        print_json(told.as_json())
    else:
        show(told, Console())


def failures(recipe: RecipePath, store: StoreUrl = STORE, as_json: Json = False) -> None:
    """List what failed and why. Exit code 1 if anything did."""
    from pipelines import work

    found = work.failures(recipe, store)
    if as_json:
        print_json([failure.model_dump() for failure in found])
    else:
        for failure in found:
            print(f"{failure.recording} · {failure.step} · {failure.error}: {failure.message}")
            if failure.do:
                print(f"    {failure.do}")
        reasons = Counter((failure.step, failure.error) for failure in found)
        for (step, error), count in reasons.most_common():
            to_stderr().print(f"{count} x {error} at {step}", markup=False, highlight=False)
    raise typer.Exit(1 if found else 0)


def inspect(recipe: RecipePath, recording: str, store: StoreUrl = STORE, as_json: Json = False) -> None:
    """Show one recording: its source, its artifacts, its timeline, its failures."""
    from dataclasses import asdict

    from pipelines import work
    from pipelines.reporting.look import look, show

    found = look(work.load(recipe).plan, work.open_store(store), recording)
    if as_json:
        print_json(asdict(found))
    else:
        show(found, Console())


def agree(
    table: Annotated[
        str,
        typer.Argument(metavar="FILE", help="A table (.csv, .tsv, .jsonl), or what Label Studio exported (.json)."),
    ],
    question: Annotated[str | None, typer.Option(help="This question alone.")] = None,
    statistic: Annotated[Statistic | None, typer.Option(help="This one alone; without it, all that apply.")] = None,
    level: Annotated[Level, typer.Option(help="Of measurement.")] = Level.nominal,
    samples: Annotated[int, typer.Option(min=0, help="Of the bootstrap over items; 0: no intervals.")] = 1000,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=NAME", help="What a column holds, where its name does not tell: rater=worker."),
    ] = None,
    ask: Annotated[
        Path | None, typer.Option(help="The questions: statistics and levels are those that fit each.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say how far raters agree, with intervals, for a table of answers from anywhere."""
    from pipelines.annotating import agree as agreeing
    from pipelines.annotating.agree_asked import agree_by

    name: Any = statistic.value if statistic else None
    if ask is None:
        found, told = agreeing.agree(table, question, name, level.value, samples, columns=column or ())
        if told:
            to_stderr().print(told, style="yellow", markup=False, highlight=False)
    elif column:
        raise UsageError("--column beside --ask", do="leave it out: such a table has item, rater, question and value")
    elif level is Level.nominal:
        found = agree_by(table, ask, question, name, samples)
    else:
        raise UsageError(
            f"--level {level.value} beside --ask", do="leave it out: the questions say which level each has"
        )
    if as_json:
        print_json(agreeing.to_json(found, single=statistic is not None))
    else:
        Console().print(agreeing.as_table(found))


def doctor(as_json: Json = False) -> None:
    """Say which extras, binaries, weights and devices are there, and how to get the missing ones."""
    from pipelines.doctor import as_json as to_json
    from pipelines.doctor import examine

    findings = examine()
    if as_json:
        print_json(to_json(findings))
    else:
        for finding in findings:
            print(f"{'✓' if finding.found else '✗'} {finding.what}{': ' if finding.detail else ''}{finding.detail}")
            if not finding.found and finding.get:
                print(f"    {finding.get}")
    raise typer.Exit(2 if any(finding.needed and not finding.found for finding in findings) else 0)


def demo(
    folder: Annotated[Path, typer.Option(help="Where the demo's store and dataset go.")] = Path("demo"),
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes.")] = None,
) -> None:
    """Build and publish a small dataset from the clips that come with affectloom, and show what came out."""
    from pipelines.demonstrate import demonstrate

    raise typer.Exit(demonstrate(folder, workers=workers))


# In the order in which a new user comes to them.
_COMMANDS: dict[str, dict[str, Callable[..., None]]] = {
    "To begin": {"demo": demo, "doctor": doctor, "import": import_corpus},
    "Measure": {
        "plan": plan,
        "build": build,
        "status": status,
        "failures": failures,
        "inspect": inspect,
        "expand": expand,
        "duplicates": duplicates,
        "takedown": takedown,
    },
    "Ask people": {"agree": agree},
    "Publish": {
        "gates": gates,
        "balance": balance,
        "publish": publish,
        "changes": changes,
        "audit": audit,
        "view": view,
        "export": export,
    },
}
for _panel, _commands in _COMMANDS.items():
    for _name, _command in _commands.items():
        app.command(_name, rich_help_panel=_panel)(_command)
app.add_typer(recipes, name="recipes", rich_help_panel="To begin")
app.add_typer(annotate, name="annotate", rich_help_panel="Ask people")
