"""The commands `affectloom duplicates` and `affectloom gates`."""

from pipelines.options import STORE, Json, RecipePath, StoreUrl, print_json
from schemas.errors import UsageError


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
        print_json(found.model_dump())
    else:
        print("\n".join(lines_of(found)))


def gates(recipe: RecipePath, store: StoreUrl = STORE, as_json: Json = False) -> None:
    """Show how the samples score by each rule of the recipe, and what its thresholds leave out. Writes nothing."""
    from pipelines import work
    from pipelines.sifting.gates import lines_of

    told = work.gates(recipe, store)
    if as_json:
        print_json(told.model_dump())
    else:
        print("\n".join(lines_of(told)))
