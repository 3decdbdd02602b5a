"""What commands have in common: arguments that several take, and how they print."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

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


class Engine(StrEnum):
    """What runs the steps: the names of pipelines.engines.ENGINES."""

    local = "local"
    ray = "ray"
    beam = "beam"


def to_stderr() -> Console:
    """Where notes and errors go, so that standard output can be read by a program."""
    return Console(stderr=True)


def print_json(data: Any) -> None:
    """On standard output."""
    print(json.dumps(data, indent=2, ensure_ascii=False, default=str))
