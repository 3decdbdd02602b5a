"""The command `affectloom`.

Exit codes: 0 done; 1 some recordings failed, the rest is done; 2 wrong use, or nothing done; 130 stopped by Ctrl-C.
"""

import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from pipelines.annotating.cli import app as annotate
from pipelines.auditing.command import audit
from pipelines.exporting.cli import export
from pipelines.house import check_house
from schemas.errors import UsageError

if TYPE_CHECKING:
    from pipelines.publishing.push import Pushed

app = typer.Typer(
    help="From recordings of people to aligned, labelled, published datasets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(annotate, name="annotate")
app.command()(audit)
app.command()(export)


class Engine(StrEnum):
    """What runs the steps: the names of pipelines.engines.ENGINES."""

    local = "local"
    ray = "ray"
    beam = "beam"


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


RecipePath = Annotated[Path, typer.Argument(metavar="RECIPE", help="The recipe, a YAML file.")]
StoreUrl = Annotated[
    str, typer.Option("--store", envvar="AFFECTLOOM_STORE", help="Folder or fsspec URL where all that is made is kept.")
]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress, no summary.")]
Out = Annotated[
    str, typer.Option("--out", help="Folder or fsspec URL of the dataset; replaced as a whole when all is written.")
]
EngineOptions = Annotated[
    list[str] | None, typer.Argument(metavar="-- OPTIONS", help="The engine's own, such as Beam's --runner.")
]
STORE = "store"
_SECONDS_A_LINE = 5


def main() -> None:
    """Run the command. Errors of use are one message, never a traceback."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        check_house()
        app()
    except UsageError as error:
        _err().print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)
    except BrokenPipeError:
        sys.stderr.close()


def _err() -> Console:
    return Console(stderr=True)


def _print_json(data: Any) -> None:
    print(json.dumps(data, indent=2, ensure_ascii=False, default=str))


@app.command()
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
        _err().print("stopped; what is made is kept: the same command goes on from here")
        raise typer.Exit(130) from None
    if as_json:
        _print_json(tally.as_json())
    elif not quiet:
        from pipelines.reporting.progress import summary

        summary(tally, Console())
        if tally.failed:
            _err().print(f"{len(tally.failed)} recordings failed: `affectloom failures {recipe} --store {store}`")
        print(f"report: {tally.report}")
    raise typer.Exit(tally.exit_code)


@app.command()
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
        _print_json(one.model_dump(mode="json")) if as_json else print(told_of(one))
        return
    told = work.plan(recipe, store)
    if as_json:
        _print_json({"steps": told.steps, "recordings": told.recordings, "filled": told.filled})
        return
    print(told.filled, end="")
    print(f"# {told.recordings} recordings")
    for step, states in told.steps.items():
        print(f"# {step}: " + ", ".join(f"{count} {state}" for state, count in states.items()))
    for note in told.notes:
        _err().print(note, style="yellow", markup=False)


@app.command()
def status(recipe: RecipePath, store: StoreUrl = STORE, as_json: Json = False) -> None:
    """Say how far the recordings are, what is running, how long it will take, and what fails most. Writes nothing."""
    from pipelines import work
    from pipelines.reporting.status import show
    from pipelines.reporting.status import status as look

    loaded = work.load(recipe)
    opened = work.open_store(store)
    told = look(loaded.plan, opened, work.kept_rows(loaded, opened), quiet=as_json)
    if as_json:
        _print_json(told.as_json())
    else:
        show(told, Console())


@app.command()
def failures(recipe: RecipePath, store: StoreUrl = STORE, as_json: Json = False) -> None:
    """List what failed and why. Exit code 1 if anything did."""
    from pipelines import work

    found = work.failures(recipe, store)
    if as_json:
        _print_json([failure.model_dump() for failure in found])
    else:
        for failure in found:
            print(f"{failure.recording} · {failure.step} · {failure.error}: {failure.message}")
            if failure.do:
                print(f"    {failure.do}")
        reasons = Counter((failure.step, failure.error) for failure in found)
        for (step, error), count in reasons.most_common():
            _err().print(f"{count} x {error} at {step}", markup=False, highlight=False)
    raise typer.Exit(1 if found else 0)


@app.command()
def expand(
    recipe: RecipePath,
    store: StoreUrl = STORE,
    renew: Annotated[bool, typer.Option("--renew", help="Ask lists again that the store knows.")] = False,
    as_json: Json = False,
) -> None:
    """Print every source, playlists and channels replaced by what they hold. A build does it by itself, once."""
    from pipelines import work

    rows = list(work.rows_of(work.load(recipe), work.open_store(store), ask=True, renew=renew))
    if as_json:
        _print_json([row.model_dump(include={"id", "uri", "licence", "consent"}) for row in rows])
    else:
        from pipelines.fetch.addresses import shown

        for row in rows:
            print(f"{row.id}\t{shown(row.uri or '')}\t{row.licence or ''}")


@app.command()
def duplicates(recipe: RecipePath, store: StoreUrl = STORE, as_json: Json = False) -> None:
    """List what the last build found to be copies of other recordings, and what is related."""
    from pipelines import work
    from pipelines.sifting.duplicates import found_in, lines_of

    loaded = work.load(recipe)
    found = found_in(loaded.recipe, work.open_store(store))
    if found is None:
        raise UsageError(
            f"no build of {recipe} has looked for copies in {store}",
            do="write `duplicates: {find: near}` into the recipe, and build",
        )
    if as_json:
        _print_json(found.model_dump())
    else:
        print("\n".join(lines_of(found)))


@app.command()
def gates(recipe: RecipePath, store: StoreUrl = STORE, as_json: Json = False) -> None:
    """Show how the samples score by each rule of the recipe, and what its thresholds leave out. Writes nothing."""
    from pipelines import work
    from pipelines.sifting.gates import lines_of

    told = work.gates(recipe, store)
    if as_json:
        _print_json(told.model_dump())
    else:
        print("\n".join(lines_of(told)))


@app.command()
def takedown(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Recordings; @FILE names a file of ids.")],
    store: StoreUrl = STORE,
    reason: Annotated[str, typer.Option(help="Kept on the tombstone and shown in reports.")] = "",
    as_json: Json = False,
) -> None:
    """Remove what the store holds of sources, for good; the next publication drops their rows."""
    from dataclasses import asdict

    from pipelines import work
    from pipelines.acquiring.takedown import ids_of, take_down

    taken = take_down(work.open_store(store), ids_of(ids), reason)
    if as_json:
        _print_json([asdict(one) for one in taken])
    else:
        for one in taken:
            print(f"{one.id}: {one.files} files removed" if one.known else f"{one.id}: was not in the store")
    raise typer.Exit(0 if all(one.known for one in taken) else 1)


@app.command()
def publish(
    recipe: RecipePath,
    out: Out,
    store: StoreUrl = STORE,
    options: EngineOptions = None,
    engine: Annotated[Engine, typer.Option(help="What writes the shards.")] = Engine.local,
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes; by default one for each core.")] = None,
    push: Annotated[str | None, typer.Option(metavar="ORG/NAME", help="Send it to a Hugging Face hub too.")] = None,
    public: Annotated[bool, typer.Option("--public", help="A repository made by --push is not private.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what --push would send.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write the dataset: Parquet shards and a card, for `datasets.load_dataset(FOLDER)`. Unchanged shards stay."""
    from pipelines import work

    if push is None and (public or dry_run):
        raise UsageError("--public and --dry-run are about --push", do="name a repository: --push ORG/NAME")

    how: dict[str, Any] = {"engine": engine.value, "workers": workers, "options": options or ()}
    try:
        report = work.publish(recipe, store, out, **how, progress=None if quiet or as_json else _told_now_and_then())
    except KeyboardInterrupt:
        _err().print("stopped; what was published before is unchanged, finished shards wait for the same command")
        raise typer.Exit(130) from None
    pushed = _push(out, push, public=public, dry_run=dry_run, quiet=quiet or as_json) if push and report.rows else None
    if as_json:
        _print_json(report.model_dump() | ({"pushed": pushed.model_dump()} if pushed else {}))
    elif not quiet:
        for split in report.splits:
            print(f"{split.name:>12}: {split.rows} samples, {split.groups} groups, {split.seconds:.1f} s")
        for note in report.notes:
            _err().print(f"note: {note}", style="yellow", markup=False)
        for problem in report.problems:
            _err().print(f"{problem.sample}: no {problem.medium}: {problem.message}", style="red", markup=False)
        if report.gates is not None and report.gates.dropped:
            _err().print(f"what gates left out, and why: affectloom gates {recipe}", style="yellow", markup=False)
        print(f"{report.rows} samples of {report.recordings} recordings in {report.out}")
        print(f"{len(report.shards)} shards: {report.written} written, {report.kept + report.found} there already")
        if report.audit is not None:
            from pipelines.auditing.show import summary

            print(f"audit: {summary(report.audit)}; findings stand in the card")
        print(f"load it: datasets.load_dataset({str(report.out)!r})")
    raise typer.Exit(2 if not report.rows else 1 if report.problems else 0)


def _told_now_and_then() -> Callable[[int, int], None]:
    """One line every few seconds, on a terminal or not."""
    told = [time.monotonic()]

    def tell(done: int, of: int) -> None:
        if time.monotonic() - told[0] >= _SECONDS_A_LINE:
            told[0] = time.monotonic()
            _err().print(f"{done:,} of {of:,} recordings are in shards", highlight=False)

    return tell


@app.command()
def inspect(recipe: RecipePath, recording: str, store: StoreUrl = STORE, as_json: Json = False) -> None:
    """Show one recording: its source, its artifacts, its timeline, its failures."""
    from dataclasses import asdict

    from pipelines import work
    from pipelines.reporting.look import look, show

    found = look(work.load(recipe).plan, work.open_store(store), recording)
    if as_json:
        _print_json(asdict(found))
    else:
        show(found, Console())


@app.command()
def agree(
    table: Annotated[
        str, typer.Argument(metavar="FILE", help="A CSV with the columns item, rater, value[, question].")
    ],
    question: Annotated[str | None, typer.Option(help="This question alone.")] = None,
    statistic: Annotated[Statistic | None, typer.Option(help="This one alone; without it, all that apply.")] = None,
    level: Annotated[Level, typer.Option(help="Of measurement.")] = Level.nominal,
    samples: Annotated[int, typer.Option(min=0, help="Of the bootstrap over items; 0: no intervals.")] = 1000,
    as_json: Json = False,
) -> None:
    """Say how far raters agree, with intervals, for a table of answers from anywhere."""
    from pipelines.annotating import agree as agreeing

    found = agreeing.agree(table, question, statistic.value if statistic else None, level.value, samples)
    if as_json:
        _print_json(agreeing.to_json(found, single=statistic is not None))
    else:
        Console().print(agreeing.as_table(found))


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say which extras, binaries, weights and devices are there, and how to get the missing ones."""
    from pipelines.doctor import as_json as to_json
    from pipelines.doctor import examine

    findings = examine()
    if as_json:
        _print_json(to_json(findings))
    else:
        for finding in findings:
            print(f"{'✓' if finding.found else '✗'} {finding.what}{': ' if finding.detail else ''}{finding.detail}")
            if not finding.found and finding.get:
                print(f"    {finding.get}")
    raise typer.Exit(2 if any(finding.needed and not finding.found for finding in findings) else 0)


@app.command()
def changes(
    old: Annotated[Path, typer.Argument(help="A published dataset.")],
    new: Annotated[Path, typer.Argument(help="A later version of it.")],
    as_json: Json = False,
) -> None:
    """Tell what changed between two versions of a dataset: rows, labels, splits, columns, shards."""
    from pipelines.publishing.changes import changes as compare
    from pipelines.publishing.changes import lines_of

    told = compare(old, new)
    if as_json:
        _print_json(told.model_dump())
    else:
        print("\n".join(lines_of(told)))


def _push(out: str, repo: str, *, public: bool, dry_run: bool, quiet: bool) -> "Pushed":
    from pipelines.publishing.push import push

    if "://" in out:
        raise UsageError(f"{out} is no folder of this machine", do="push from one: --out FOLDER --push ORG/NAME")
    told = push(Path(out), repo, public=public, dry_run=dry_run, told=lambda line: None if quiet else print(line))
    if not quiet:
        verb = "would send" if dry_run else "sent"
        size = sum(told.send.values())
        print(
            f"{verb} {len(told.send)} files, {size:,} bytes, as {told.tag}; {len(told.kept)} there already, "
            f"{len(told.remove)} removed: {told.url}"
        )
    return told


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where the demo's store and dataset go.")] = Path("demo"),
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes.")] = None,
) -> None:
    """Build and publish a small dataset from the clips that come with affectloom, and show what came out."""
    from pipelines.demonstrate import demonstrate

    raise typer.Exit(demonstrate(folder, workers=workers))
