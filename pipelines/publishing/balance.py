"""How evenly the values of a published dataset's columns lie, alone and two by two."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from pipelines.auditing.association import association
from pipelines.exporting.published import Published, open_published
from pipelines.publishing.ranges import range_of, ranges
from schemas.errors import UsageError

NOTHING = "(none)"


class Alone(BaseModel):
    """One column. rows: of each value, the most frequent first."""

    model_config = ConfigDict(frozen=True)

    column: str
    rows: dict[str, int]
    weights: dict[str, float] | None = None
    """Sums of the column `weight`, where there is one."""


class Pair(BaseModel):
    """Two columns. rows: of each value of the first, those of the second. strength: Cramér's V, 0 to 1."""

    model_config = ConfigDict(frozen=True)

    columns: tuple[str, str]
    strength: float
    p: float
    rows: dict[str, dict[str, int]]


class Balanced(BaseModel):
    """Counts of all splits together."""

    model_config = ConfigDict(frozen=True)

    samples: int
    alone: tuple[Alone, ...]
    pairs: tuple[Pair, ...]


def balance_of(folder: Path, by: Sequence[str] = ()) -> Balanced:
    """Counts of a published dataset. by: columns; none for all labels, speaker and language.

    Raises UsageError: there is no such column, or it holds several values a sample.
    """
    opened = open_published(folder)
    names = tuple(dict.fromkeys(by)) or _usual(opened)
    columns = {name: _values(opened, name) for name in names}
    weights = _read(opened, "weight") if "weight" in opened.columns else None
    alone = tuple(_alone(name, values, weights) for name, values in columns.items())
    pairs = tuple(_pair((one, other), columns[one], columns[other]) for one, other in combinations(names, 2))
    samples = sum(pq.ParquetFile(path).metadata.num_rows for files in opened.splits.values() for path in files)
    return Balanced(samples=samples, alone=alone, pairs=pairs)


def _usual(opened: Published) -> tuple[str, ...]:
    plain = [name for name in opened.labels if not opened.kind(name).startswith(("list", "struct", "large_list"))]
    return (*plain, *(name for name in ("speaker", "language") if name in opened.columns))


def _read(opened: Published, name: str) -> list[Any]:
    files = [path for some in opened.splits.values() for path in some]
    if name in opened.columns:
        return [one for path in files for one in pq.read_table(path, columns=[name])[name].to_pylist()]
    found: list[Any] = []
    for path in files:  # a further column of the sources
        told = pq.read_table(path, columns=["extra"])["extra"].to_pylist() if "extra" in opened.columns else []
        found += [(row or {}).get(name) for row in told]
    return found


def _values(opened: Published, name: str) -> list[str]:
    extra = opened.kinds.get("extra", "")
    if name not in opened.columns and f"{name}:" not in extra:
        raise UsageError(f"{opened.folder} has no column {name!r}", do=f"there are {', '.join(opened.columns)}")
    found = _read(opened, name)
    if any(isinstance(one, list | dict) for one in found):
        raise UsageError(f"{name!r} holds several values a sample", do="name a column of one value")
    names = opened.classes.get(name)
    numbers = [one for one in found if isinstance(one, float)]
    told = [label for label, _ in ranges(numbers)] if numbers else []
    low, high = (min(numbers), max(numbers)) if numbers else (0.0, 0.0)
    return [
        NOTHING
        if one is None
        else names[one]
        if names is not None
        else told[range_of(one, low, high)]
        if isinstance(one, float)
        else str(one)
        for one in found
    ]


def _alone(name: str, values: Sequence[str], weights: Sequence[float] | None) -> Alone:
    rows = Counter(values)
    order = sorted(rows, key=lambda one: (-rows[one], one))
    sums: dict[str, float] = dict.fromkeys(order, 0.0)
    for value, weight in zip(values, weights or (), strict=False):
        sums[value] += weight
    told = {one: round(sums[one], 3) for one in order} if weights is not None else None
    return Alone(column=name, rows={one: rows[one] for one in order}, weights=told)


def _pair(columns: tuple[str, str], one: Sequence[str], other: Sequence[str]) -> Pair:
    """What is not there counts as no value in the strength."""
    cells = Counter(zip(one, other, strict=True))
    first, second = Counter(one), Counter(other)
    down = sorted(first, key=lambda name: (-first[name], name))
    across = sorted(second, key=lambda name: (-second[name], name))
    rows = {name: {also: cells[name, also] for also in across if cells[name, also]} for name in down}
    known, others = ([name for name in names if name != NOTHING] for names in (down, across))
    table = np.array([[cells[name, also] for also in others] for name in known], np.int64)
    found = association(table.reshape(len(known), len(others)))
    return Pair(columns=columns, strength=round(found.strength, 4), p=found.p, rows=rows)
