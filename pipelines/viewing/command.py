"""The command `affectloom view`."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.options import to_stderr
from schemas.errors import UsageError


def view(
    folder: Annotated[Path, typer.Argument(help="A dataset that `publish` wrote.")],
    out: Annotated[Path | None, typer.Option(help="The page; by default FOLDER.html beside it.")] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Show it on this machine alone, until Ctrl-C.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="With --serve; 0 takes a free one.")] = 8096,
    budget_mb: Annotated[float, typer.Option(min=0, help="Samples and media in the page, at most.")] = 20,
) -> None:
    """A published dataset as one HTML page: figures, a table of samples, each with player, curves and answers."""
    from pipelines.viewing.index import Index
    from pipelines.viewing.serve import ViewServer
    from pipelines.viewing.write import write_page

    if serve:
        if out is not None:
            raise UsageError("--serve writes no file", do="leave out --out, or --serve")
        with ViewServer(Index(folder), port=port) as server:
            print(server.base, flush=True)
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                to_stderr().print("stopped")
        return
    resolved = folder.resolve()
    path = out or resolved.with_name(f"{resolved.name}.html")
    opened, samples = write_page(folder, path, budget=round(budget_mb * 1e6))
    print(f"{path}: {samples} samples, {opened} of them with media and measurements")
