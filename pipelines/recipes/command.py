"""The commands `affectloom recipes` and `affectloom recipes copy`."""

from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from pipelines.options import Json, print_json

app = typer.Typer(help="Recipes to start from, one for each kind of dataset in the literature.")


@app.callback(invoke_without_command=True)
def recipes(context: typer.Context, as_json: Json = False) -> None:
    """List the recipes: name, family, what it makes, and which dataset it is after."""
    from pipelines.recipes.catalogue import recipes as every

    if context.invoked_subcommand is not None:
        return
    if as_json:
        named = ("name", "family", "what", "source", "lines")
        print_json([{field: getattr(one, field) for field in named} for one in every()])
        return
    for family, some in groupby(every(), key=lambda one: one.family):
        print(f"{family}:")
        for one in some:
            print(f"  {one.name:<20} {one.what}\n{'':<22} after {one.source}")
    print("\nto have one: affectloom recipes copy NAME [FOLDER]")


@app.command()
def copy(
    name: Annotated[str, typer.Argument(help="Of a recipe, as `affectloom recipes` lists it.")],
    folder: Annotated[Path | None, typer.Argument(help="Where to; by default a new folder of that name.")] = None,
) -> None:
    """Copy a recipe, its questions and an example of its table of sources. Overwrites nothing."""
    from pipelines.recipes.catalogue import copy as copied

    written = copied(name, folder or Path(name))
    for path in written:
        print(path)
    print(f"next: fill in {written[0].with_name('sources.csv')}, then affectloom build {written[0]}")
