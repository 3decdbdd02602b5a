"""`label.csv`, the form in which CMU-MOSI, CMU-MOSEI and CH-SIMS are shared for training.

A row a clip: `video_id`, `clip_id`, `text`, `label`, for CH-SIMS also `label_T`, `label_A` and `label_V` of one
modality alone (Yu et al. 2020, https://aclanthology.org/2020.acl-main.343), and `mode`, the split.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipelines.acquiring.ids import id_of
from pipelines.acquiring.table_file import records
from pipelines.importing.corpus import Corpus, Label
from schemas.errors import SourceTableError

_COLUMNS = ("video_id", "clip_id", "text", "label", "mode")
_DIGITS = 6
"""Means over raters are kept so exactly."""
_SHOWN = {"label_T": "text", "label_A": "audio", "label_V": "silent-video", "label": "all"}


def mosei(files: Sequence[Path], media: Path | None) -> Corpus:
    """The corpus of one or more `label.csv`. media: the folder whose `VIDEO/CLIP.mp4` are the clips (`Raw`).

    A label is the mean over raters. From -1 to 1 where no label lies outside, as in CH-SIMS, else from -3 to 3.
    Raises SourceTableError.
    """
    sources: list[Mapping[str, str | int]] = []
    labels: list[Label] = []
    highest = 0.0
    seen: dict[str, str] = {}
    for path in files:
        for line, values in records(path, _check):
            where = f"{path}:{line}"
            row = {name: str(value).strip() for name, value in values.items()}
            lacking = [name for name in _COLUMNS if not row.get(name)]
            if lacking:
                raise SourceTableError(f"{where}: {lacking[0]} is empty")
            name = id_of(f"{row['video_id']}_{row['clip_id']}")
            if name in seen:
                raise SourceTableError(f"{where}: the clip is there already, in {seen[name]}")
            seen[name] = where
            clip = row["clip_id"]
            sources.append(
                {
                    "id": name,
                    **({} if media is None else {"path": str(media / row["video_id"] / f"{clip}.mp4")}),
                    "text": row["text"],
                    "dialogue": row["video_id"],
                    **({"turn": int(clip)} if clip.isascii() and clip.isdecimal() else {}),
                    "split": row["mode"],
                    "video": row["video_id"],
                }
            )
            for column, shown in _SHOWN.items():
                if row.get(column):
                    number = _number(row[column], f"{where}: {column}")
                    highest = max(highest, abs(number))
                    labels.append(Label(name, "sentiment", f"{round(number, _DIGITS):.12g}", "corpus", shown))
    shows = [shown for shown in _SHOWN.values() if any(label.shown == shown for label in labels)]
    ends = 1 if highest <= 1 else 3
    if highest > ends:
        raise SourceTableError(f"{files[0]}: a label of {highest:g}; they go from -3 to 3, or from -1 to 1")
    question = {
        "id": "sentiment",
        "kind": "scale",
        "title": "How negative or positive is it?",
        "show": shows,
        "range": [-ends, ends],
        "step": 10**-_DIGITS,
        "measure": "interval",
        "agreement": False,
    }
    return Corpus("mosei", tuple(sources), tuple(labels), (question,), context=3)


def _check(names: Sequence[str], where: Path) -> None:
    lacking = [name for name in _COLUMNS if name not in names]
    if lacking:
        raise SourceTableError(
            f"{where}: no column {lacking[0]!r} among {', '.join(names)}", do=f"needs {', '.join(_COLUMNS)}"
        )


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise SourceTableError(f"{where}: {text!r} is no number")
    return value
