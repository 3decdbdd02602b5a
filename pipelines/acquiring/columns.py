"""Which further columns the sources of a recipe have, as far as that can be told before any row is read."""

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

from pipelines.acquiring.sources import is_further
from pipelines.acquiring.table_file import records
from schemas.errors import SourceTableError


def columns_of(sources: Iterable[str], folder: Path) -> set[str] | None:
    """The further columns of the tables among the sources; None where they cannot be known.

    It cannot where a source is an address, a dataset or JSON lines, whose rows name columns as they come, nor where a
    table cannot be read: that is told when its rows are.
    """
    found: set[str] = set()

    def note(names: Sequence[str], _: object) -> None:
        found.update(name.strip() for name in names if is_further(name))

    for source in sources:
        path = folder / Path(source).expanduser()
        if ":" in source or path.suffix.lower() == ".jsonl":
            return None
        if path.suffix.lower() in {".csv", ".tsv"}:
            try:
                list(islice(records(path, note), 1))
            except (SourceTableError, OSError):
                return None
    return found
