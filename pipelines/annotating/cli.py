"""`affectloom annotate`: questions to people, from push to adjudication."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from annotation.media_server import DEFAULT_URL
from pipelines.options import STORE, Json, Quiet, StoreUrl, print_json

app = typer.Typer(
    help="Ask people about the samples, with Label Studio ($LABEL_STUDIO_URL, $LABEL_STUDIO_TOKEN).",
    no_args_is_help=True,
)

RecipePath = Annotated[Path, typer.Argument(metavar="RECIPE", help="The recipe, a YAML file with `ask`.")]


@app.command()
def push(
    recipe: RecipePath,
    store: StoreUrl = STORE,
    media_url: Annotated[
        str, typer.Option(help="Address of `annotate serve`, as the raters' browsers reach it.")
    ] = DEFAULT_URL,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make or update the projects, and send every sample once. Run it again to add, to change, to renew links."""
    from annotation.label_studio import LabelStudio
    from pipelines.annotating.home import Home
    from pipelines.annotating.push import push_recipe
    from pipelines.counting import counting

    with counting(quiet=quiet or as_json) as progress:
        told = push_recipe(Home(recipe, store), LabelStudio.from_environment(), media_url=media_url, progress=progress)
    if as_json:
        print_json(asdict(told))
    elif not quiet:
        for where, one in told.projects:
            what = f"{one.made} tasks made, {one.changed} changed, {one.kept} as they were"
            more = f", {one.removed_copies} copies removed" if one.removed_copies else ""
            print(f"{where.show}{', experts' if where.expert else ''}: {what}{more}: {one.url}")
            for key in one.changed_though_answered:
                print(f"  note: {key} was changed though it has answers")
            for key in one.copies_with_answers:
                print(f"  note: {key} is there twice, both answered; pull counts them as one")
        for note in told.notes:
            print(f"note: {note}")
        for problem in told.problems:
            print(f"{problem.sample}: no {problem.medium}: {problem.message}")
    raise typer.Exit(1 if told.problems else 0)


@app.command()
def pull(
    recipe: RecipePath,
    store: StoreUrl = STORE,
    file: Annotated[
        Path | None,
        typer.Option("--from", help="Instead of the server: Label Studio's JSON export, or a table of answers."),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Take in what raters did since the last pull. Exit code 1 if an answer does not fit its question."""
    from annotation.label_studio import LabelStudio
    from pipelines.annotating.home import Home
    from pipelines.annotating.pull import PROBLEMS, import_file, pull_recipe
    from pipelines.counting import counting

    home = Home(recipe, store)
    if file is not None:
        told = import_file(home, file)
    else:
        with counting(quiet=quiet or as_json) as progress:
            told = pull_recipe(home, LabelStudio.from_environment(), progress=progress)
    if as_json:
        print_json(asdict(told))
    elif not quiet:
        for number, one in told.pulled.items():
            gone = f", {one.deleted_tasks} tasks deleted on the server" if one.deleted_tasks else ""
            gone += f", {one.strangers} tasks that no push made" if one.strangers else ""
            where = f"project {number}" if number else str(file)
            print(f"{where}: {one.tasks} tasks, {one.asked} changed, {one.news} new or changed entries{gone}")
        print(f"{told.answers} answers of {told.raters} raters about {told.items} items: {told.table}")
        for question, (accepted, seen) in told.accepted.items():
            print(f"{question}: {accepted} of {seen} suggestions left as they were")
        if told.problems:
            print(f"{told.problems} answers do not fit their questions: {home.folder}/{PROBLEMS}")
    raise typer.Exit(1 if told.problems else 0)


@app.command()
def serve(
    recipe: RecipePath,
    store: StoreUrl = STORE,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Where to listen.")] = 8095,
    origin: Annotated[
        str, typer.Option(envvar="LABEL_STUDIO_URL", help="Label Studio's address: only its pages may read clips.")
    ] = "http://localhost:8080",
) -> None:
    """Serve the clips to raters' browsers, by the links that push has sent. Ctrl-C ends it."""
    from annotation.media_server import MediaServer
    from pipelines.annotating.home import Home

    home = Home(recipe, store)
    with MediaServer(Path(home.folder) / "media", home.media_secret, host=host, port=port, origin=origin) as server:
        Console(stderr=True).print(f"clips of {home.name} at {server.base} for {server.origin}; Ctrl-C ends it")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            raise typer.Exit(0) from None


@app.command()
def assign(
    recipe: RecipePath,
    store: StoreUrl = STORE,
    rater: Annotated[list[str] | None, typer.Option(help="A rater's e-mail address; give it once for each.")] = None,
    as_json: Json = False,
) -> None:
    """Deal samples out to raters, as the recipe's `annotate` says. `push` then gives each rater a tab."""
    from pipelines.annotating.home import Home
    from pipelines.annotating.rounds import assign_recipe

    told = assign_recipe(Home(recipe, store), rater or [])
    if as_json:
        print_json(asdict(told))
        return
    for email, name in told.raters.items():
        print(f"{email} is {name}: {told.loads.get(name, 0)} tasks")
    print(f"{told.new} tasks dealt, {told.kept} were before; any two raters share {told.least} to {told.most} items")
    print(f"next: affectloom annotate push {recipe} --store {store}")


@app.command()
def status(recipe: RecipePath, store: StoreUrl = STORE, as_json: Json = False) -> None:
    """Say how far each rater was at the last pull, how fast they are, and how far they agree."""
    from annotation.agreement import in_words
    from pipelines.annotating.agree import as_json as agreement_json
    from pipelines.annotating.home import Home
    from pipelines.annotating.rounds import status_recipe

    told = status_recipe(Home(recipe, store))
    if as_json:
        agreed = {column: agreement_json(column, one) for column, one in told.agreement.items()}
        print_json({**asdict(told), "agreement": agreed})
        return
    print(f"{told.items} items")
    for column, one in told.agreement.items():
        print(f"{column}: {in_words(one)}")
    for column, wrong in told.recognised.items():
        print(f"{column}: WER of the text against what raters made of it {wrong:.3f}")
    for question in dict.fromkeys(one.question for one in told.raters):
        print(f"{question}:")
        for rater in told.raters:
            if rater.question == question:
                left = "" if rater.left is None else f", {rater.left} left"
                pace = "" if rater.seconds is None else f", {rater.seconds:g} s each"
                skipped = f", {rater.skipped} tasks skipped" if rater.skipped else ""
                print(f"  {rater.rater}: {rater.done} done{left}{pace}{skipped}")
    print(f"in dispute: {told.contested}; answers that do not fit: {told.problems}; beyond the plan: {told.beyond}")


@app.command()
def adjudicate(recipe: RecipePath, store: StoreUrl = STORE, as_json: Json = False) -> None:
    """Send items that are tied, or on which raters agree little, to another round. `push` takes them there."""
    from pipelines.annotating.home import Home
    from pipelines.annotating.rounds import adjudicate_recipe

    new, left = adjudicate_recipe(Home(recipe, store))
    if as_json:
        print_json({"new": [asdict(one) for one in new], "left": [asdict(one) for one in left]})
        return
    for one in new:
        print(f"{one.item}, {one.show}: " + "; ".join(f"{question} {why}" for question, why in one.why.items()))
    for one in left:
        print(f"{one.item}, {one.show}: every rater has answered it: add a rater, or use `adjudicate: expert`")
    print(f"{len(new)} items go to another round" + (f"; next: affectloom annotate push {recipe}" if new else ""))


@app.command()
def report(
    recipe: RecipePath,
    out: Annotated[Path, typer.Option(help="The page to write, an HTML file.")],
    store: StoreUrl = STORE,
    by: Annotated[
        str, typer.Option(help="What a source is: recording, speaker, dialogue, or a column of the table of sources.")
    ] = "recording",
    hard: Annotated[int, typer.Option(min=0, help="Hard items, at most.")] = 30,
    budget_mb: Annotated[float, typer.Option(min=0, help="Clips in the page, at most; others go beside it.")] = 20,
    samples: Annotated[int, typer.Option(min=0, help="Of the bootstrap over items; 0: no intervals.")] = 1000,
    as_json: Json = False,
) -> None:
    """Write a page on what the last pull brought: agreement, confusion, raters, hard items with clips, progress."""
    from pipelines.annotating.agree import as_json as agreement_json
    from pipelines.annotating.home import Home
    from pipelines.annotating.report import report as gathered
    from pipelines.annotating.report_page import write_page

    told = gathered(Home(recipe, store), out, by=by, most=hard, budget=round(budget_mb * 1e6), samples=samples)
    write_page(out, told)
    if as_json:
        agreed = [agreement_json(one.column, each) for one in told.questions for each in one.statistics]
        print_json(
            {"page": str(out), "beside": told.beside, "hard": [one.item for one in told.hard], "agreement": agreed}
        )
        return
    print(f"{out}: {len(told.questions)} questions, {told.raters} raters, {len(told.hard)} hard items")
    if told.beside:
        print(f"{told.beside} clips lie in {out.with_name(f'{out.stem}-clips')}: keep it beside the page")
