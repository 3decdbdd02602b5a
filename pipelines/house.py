"""Our five packages have plain names: make sure that they are ours."""

import importlib.util
import sys
from pathlib import Path

from schemas.errors import UsageError

ROOMS = ("schemas", "extractors", "pipelines", "annotation", "dataset_cards")


def check_house(rooms: tuple[str, ...] = ROOMS) -> None:
    """Raises UsageError that names the intruder where a foreign package of the same name would be imported."""
    here = Path(__file__).resolve().parents[1]
    for room in rooms:
        spec = importlib.util.find_spec(room)
        found = Path(spec.origin).resolve().parent if spec and spec.origin else None
        if found is None or found.parent != here:
            raise UsageError(
                f"the package {room!r} would be taken from {found or 'nowhere'}, not from {here}",
                do=f"another folder of that name comes first on the path ({sys.path[0] or 'the current folder'}): "
                "start from elsewhere, or set PYTHONSAFEPATH=1",
            )
