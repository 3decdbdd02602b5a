"""A published dataset, read row by row: splits, labels by name, media as they are."""

import json
import re
import urllib.parse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from schemas.errors import UsageError

Row = dict[str, Any]
MEDIA = ("audio", "video", "image")
_SHARD = re.compile(r"(?P<split>[\w.-]+?)-\d{5}-of-\d{5}\.parquet")
_ROWS_AT_ONCE = 16


@dataclass(frozen=True)
class Published:
    """A folder that `affectloom publish` wrote.

    splits: files of each, in the order train, validation, test, others. kinds: the type of each column.
    classes: the names of each categorical column's values. labels: the questions that have answers.
    """

    folder: Path
    splits: dict[str, list[Path]]
    kinds: dict[str, str]
    classes: dict[str, list[str]]
    labels: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(self.kinds)

    def kind(self, column: str) -> str:
        """A column's Arrow type, in words."""
        return self.kinds[column]

    @property
    def measured(self) -> tuple[str, ...]:
        """Columns of measurements over time."""
        return tuple(name for name in self.columns if name != "aligned" and self.kind(name).startswith("struct<times:"))

    def rows(self, split: str | None = None, *, without: Sequence[str] = ()) -> Iterator[Row]:
        """Rows of one split or of all, in the order of the shards; categories by name. without: columns not read."""
        columns = [name for name in self.columns if name not in without]
        for name, files in self.splits.items():
            if split not in (None, name):
                continue
            for path in files:
                for batch in pq.ParquetFile(path).iter_batches(_ROWS_AT_ONCE, columns=columns):
                    for row in batch.to_pylist():
                        row["split"] = name
                        row.setdefault("text", None)  # where features or ids alone are published
                        for column, names in self.classes.items():
                            if row.get(column) is not None:
                                row[column] = names[row[column]]
                        yield row

    def recordings(self, *, without: Sequence[str] = MEDIA) -> Iterator[tuple[str, list[Row]]]:
        """The samples of each recording that have a place on its clock, by their start; a recording is in one split."""
        for recording, rows in groupby(self.rows(without=without), key=lambda row: str(row["recording"])):
            timed = [row for row in rows if row["start"] is not None and row["end"] is not None]
            if timed:
                yield recording, sorted(timed, key=lambda row: (row["start"], row["end"], row["index"]))


@dataclass
class Exported:
    """What was written. left_out: how many samples had no place in the format, by reason."""

    files: int = 0
    samples: int = 0
    left_out: int = 0
    why: str = ""


def open_published(folder: Path) -> Published:
    """Raises UsageError where the folder holds no published dataset."""
    splits: dict[str, list[Path]] = {}
    for path in sorted((folder / "data").glob("*.parquet")):
        found = _SHARD.fullmatch(path.name)
        if found:
            splits.setdefault(found["split"], []).append(path)
    if not splits:
        raise UsageError(
            f"{folder} is no published dataset: there is no data/SPLIT-00000-of-00001.parquet",
            do="give the folder that `affectloom publish RECIPE --out FOLDER` wrote",
        )
    order = {name: place for place, name in enumerate(("train", "validation", "test"))}
    schema = pq.read_schema(next(iter(splits.values()))[0])
    columns = tuple(schema.names)
    missing = {"id", "recording", "index", "start", "end"} - set(columns)
    if missing:
        raise UsageError(
            f"{folder} lacks the columns {', '.join(sorted(missing))}: it was not published by affectloom",
            do="give the folder that `affectloom publish RECIPE --out FOLDER` wrote",
        )
    told = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
    features = told.get("info", {}).get("features", {})
    classes = {
        name: list(feature["names"])
        for name, feature in features.items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
    }
    labels = tuple(name for name in columns if f"{name}_answers" in columns or f"{name}_votes" in columns)
    ordered = dict(sorted(splits.items(), key=lambda item: (order.get(item[0], len(order)), item[0])))
    return Published(folder, ordered, {field.name: str(field.type) for field in schema}, classes, labels)


def file_name(name: str) -> str:
    """An id as a file's name; different ids give different names."""
    return urllib.parse.quote(name, safe=" ")


def label_text(value: object) -> str:
    """A label as people read it; empty where there is none."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
