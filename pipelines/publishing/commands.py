"""The commands `affectloom publish` and `affectloom changes`."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.options import (
    STORE,
    Engine,
    EngineOptions,
    Json,
    Out,
    Quiet,
    RecipePath,
    StoreUrl,
    print_json,
    to_stderr,
)
from schemas.errors import UsageError

if TYPE_CHECKING:
    from pipelines.publishing.push import Pushed
    from schemas.publication import PublishReport

_SECONDS_A_LINE = 5


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

    how: dict[str, Any] = {"engine": engine.value, "workers": workers, "options": options or (), "public": public}
    try:
        report = work.publish(recipe, store, out, **how, progress=None if quiet or as_json else _told_now_and_then())
    except KeyboardInterrupt:
        to_stderr().print("stopped; what was published before is unchanged, finished shards wait for the same command")
        raise typer.Exit(130) from None
    pushed = _push(out, push, public=public, dry_run=dry_run, quiet=quiet or as_json) if push and report.rows else None
    if as_json:
        print_json(report.model_dump() | ({"pushed": pushed.model_dump()} if pushed else {}))
    elif not quiet:
        _tell(report, recipe)
    raise typer.Exit(2 if not report.rows else 1 if report.problems else 0)


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
        print_json(told.model_dump())
    else:
        print("\n".join(lines_of(told)))


def _tell(report: "PublishReport", recipe: Path) -> None:
    """What was published, for people."""
    for split in report.splits:
        print(f"{split.name:>12}: {split.rows} samples, {split.groups} groups, {split.seconds:.1f} s")
    for note in report.notes:
        to_stderr().print(f"note: {note}", style="yellow", markup=False)
    if report.lacking:
        fields = ", ".join(what.partition(":")[0] for what in report.lacking)
        to_stderr().print(f"note: the card is a draft, without {fields}", style="yellow", markup=False)
    for problem in report.problems:
        to_stderr().print(f"{problem.sample}: no {problem.medium}: {problem.message}", style="red", markup=False)
    if report.gates is not None and report.gates.dropped:
        to_stderr().print(f"what gates left out, and why: affectloom gates {recipe}", style="yellow", markup=False)
    print(f"{report.rows} samples of {report.recordings} recordings in {report.out}")
    print(f"{len(report.shards)} shards: {report.written} written, {report.kept + report.found} there already")
    if report.audit is not None:
        from pipelines.auditing.show import summary

        print(f"audit: {summary(report.audit)}; findings stand in the card")
    print(f"load it: datasets.load_dataset({str(report.out)!r})")


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


def _told_now_and_then() -> Callable[[int, int], None]:
    """One line every few seconds, on a terminal or not."""
    told = [time.monotonic()]

    def tell(done: int, of: int) -> None:
        if time.monotonic() - told[0] >= _SECONDS_A_LINE:
            told[0] = time.monotonic()
            to_stderr().print(f"{done:,} of {of:,} recordings are in shards", highlight=False)

    return tell
