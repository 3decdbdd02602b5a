"""The commands `affectloom expand` and `affectloom takedown`."""

from typing import Annotated

import typer

from pipelines.options import STORE, Json, RecipePath, StoreUrl, print_json


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
        print_json([row.model_dump(include={"id", "uri", "licence", "consent"}) for row in rows])
    else:
        from pipelines.fetch.addresses import shown

        for row in rows:
            print(f"{row.id}\t{shown(row.uri or '')}\t{row.licence or ''}")


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
        print_json([asdict(one) for one in taken])
    else:
        for one in taken:
            same = f" (the same bytes as {one.same_as})" if one.same_as else ""
            print(f"{one.id}: {one.files} files removed{same}" if one.known else f"{one.id}: was not in the store")
    raise typer.Exit(0 if all(one.known for one in taken) else 1)
