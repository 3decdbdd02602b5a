"""The command `affectloom import`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipelines.options import Json, print_json

_SHOWN = 12


class Form(StrEnum):
    """Forms of corpora that are known."""

    meld = "meld"
    mustard = "mustard"
    mosei = "mosei"
    iemocap = "iemocap"
    csv = "csv"


def import_corpus(
    form: Annotated[Form, typer.Argument(help="Whose table it is; csv: any table.")],
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="The corpus's own tables; of IEMOCAP its folder.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the tables, the questions and the recipe.")],
    media: Annotated[
        Path | None, typer.Option("--media", help="Folder of the clips; without it the sources are texts.")
    ] = None,
    question: Annotated[
        list[str] | None, typer.Option("--question", help="csv: a column of labels; may be given several times.")
    ] = None,
    key: Annotated[str, typer.Option("--key", help="csv: the column that names the recording.")] = "id",
    rater: Annotated[str | None, typer.Option("--rater", help="csv: the column that says who answered.")] = None,
    as_json: Json = False,
) -> None:
    """Turn a corpus's tables into sources, answers, questions and a recipe."""
    from pipelines.importing.corpus import write
    from pipelines.importing.iemocap import iemocap
    from pipelines.importing.label_csv import mosei
    from pipelines.importing.meld import meld
    from pipelines.importing.mustard import mustard
    from pipelines.importing.plain import plain
    from schemas.errors import UsageError

    for path in files:
        if not (path.is_dir() if form is Form.iemocap else path.is_file()):
            what = "folder" if form is Form.iemocap else "file"
            raise UsageError(f"there is no {what} {path}", do="name the corpus's own tables")
    if form is not Form.csv and (question or rater or key != "id"):
        raise UsageError(f"--question, --key and --rater are for csv: what {form} holds is known", do="leave them out")
    if form is Form.csv:
        corpus = plain(files, media, question or [], key, rater)
    else:
        known = {Form.meld: meld, Form.mustard: mustard, Form.mosei: mosei, Form.iemocap: iemocap}
        corpus = known[form](files, media)
    written = write(corpus, out)
    if as_json:
        print_json(
            {"files": [str(path) for path in written], "sources": len(corpus.sources), "counts": corpus.counts()}
        )
        return
    for name, splits in corpus.counts().items():
        for split, labels in sorted(splits.items()):
            often = sorted(labels.items(), key=lambda one: (-one[1], one[0]))
            shown = ", ".join(f"{label} {count}" for label, count in often[:_SHOWN])
            more = ", ..." if len(often) > _SHOWN else ""
            print(f"{name}{f', {split}' if split else ''}: {sum(labels.values())} ({shown}{more})")
    print(f"{len(corpus.sources)} sources; next: affectloom build {written[-1]}")
