"""A published dataset written for another tool. The formats, by the names that `affectloom export --to` takes."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines.exporting.clips import chat, lhotse, webdataset
from pipelines.exporting.faces import openface
from pipelines.exporting.features import csd, mmsa
from pipelines.exporting.published import Exported, open_published
from pipelines.exporting.timed import elan, srt, textgrid, vtt
from schemas.errors import StoreError, UsageError

FORMATS: dict[str, Callable[..., Exported]] = {
    "srt": srt,
    "vtt": vtt,
    "textgrid": textgrid,
    "elan": elan,
    "openface": openface,
    "webdataset": webdataset,
    "lhotse": lhotse,
    "chat": chat,
    "mmsa": mmsa,
    "csd": csd,
}


def export(folder: Path, to: str, out: Path, **options: Any) -> Exported:
    """Write it whole or not at all.

    Args:
        folder: what `affectloom publish` wrote.
        to: a key of FORMATS.
        out: a folder that is not there yet, or is empty.
        options: the format's own.

    Raises:
        UsageError: no such dataset or format, `out` holds something, or the format needs what the dataset lacks.
        StoreError: `out` cannot be written.
    """
    if to not in FORMATS:
        raise UsageError(f"there is no format {to}", do=f"one of: {', '.join(FORMATS)}")
    data = open_published(folder)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} holds something already", do="give a folder that is not there yet")
    part = out.with_name(f".{out.name}.part")
    try:
        if part.exists():
            shutil.rmtree(part)
        part.mkdir(parents=True)
        done = FORMATS[to](data, part, **options)
        if out.exists():
            out.rmdir()
        part.rename(out)
    except OSError as error:
        raise StoreError(f"{out} cannot be written: {error}", do="free some space, or choose another folder") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return done
