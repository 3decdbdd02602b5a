"""The command `affectloom export`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from schemas.errors import UsageError


class Format(StrEnum):
    """What `--to` takes; `pipelines.exporting.export.FORMATS` has the same names."""

    srt = "srt"
    vtt = "vtt"
    textgrid = "textgrid"
    elan = "elan"
    openface = "openface"
    webdataset = "webdataset"
    lhotse = "lhotse"
    chat = "chat"
    mmsa = "mmsa"
    csd = "csd"


def export(
    folder: Annotated[Path, typer.Argument(help="A dataset that `publish` wrote.")],
    to: Annotated[Format, typer.Option(help="What will read it.")],
    out: Annotated[Path, typer.Option(help="A folder that is not there yet.")],
    label: Annotated[str | None, typer.Option(help="mmsa: the question to learn, where several have numbers.")] = None,
    aligned: Annotated[bool, typer.Option("--aligned", help="mmsa: a vector for each word.")] = False,
    tokenizer: Annotated[str | None, typer.Option(help="mmsa: of BERT, a folder or a hub name, for text_bert.")] = None,
) -> None:
    """Write a published dataset for other tools: Praat, ELAN, OpenFace, WebDataset, Lhotse, MMSA, the CMU SDK, ..."""
    from pipelines.exporting.export import export as write

    options: dict[str, Any] = {"label": label, "aligned": aligned or None, "tokenizer": tokenizer}
    given = {name: value for name, value in options.items() if value is not None}
    if given and to is not Format.mmsa:
        raise UsageError(
            f"{to} has no option {', '.join(f'--{name}' for name in given)}", do="these are for --to mmsa alone"
        )
    done = write(folder, to, out, **given)
    print(f"{done.samples} samples in {done.files} files: {out}")
    if done.left_out:
        print(f"{done.left_out} left out: {done.why}")
