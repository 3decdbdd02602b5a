"""The samples of a published dataset: a line of each in memory, the rest read from its shard when asked for."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dataset_cards.viewer.told import Brief, Listing
from pipelines.exporting.published import MEDIA, Published, label_text, open_published

_ROWS_AT_ONCE = 4096
_LONGEST_TEXT = 400
_LIGHT = ("id", "recording", "start", "end", "text", "language", "speaker", "licence", "present")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row is: the file, its group of rows, the row in it."""

    path: Path
    group: int
    row: int


class Index:
    """Every sample of a dataset, by its place from 0."""

    def __init__(self, folder: Path) -> None:
        """Raises UsageError where the folder holds no published dataset."""
        self.published: Published = open_published(folder)
        self.classes = {**self.published.classes, **_classes_in_lists(next(iter(self.published.splits.values()))[0])}
        """The names of each categorical column's values, whether a row has one of them or several."""
        self.asked = _asked(self.published)
        """Every question in the order of its columns, those too whose answers are all kept and none preferred."""
        self.samples: list[Brief] = []
        self.recordings: set[str] = set()
        self.licences: set[str] = set()
        self.missing: dict[str, int] = {}
        self.values: dict[str, list[Any]] = {name: [] for name in self.published.labels}
        """The aggregate of each question: names of classes, numbers, lists; None where there is none."""
        self._groups: list[tuple[int, Path, int]] = []
        for split, paths in self.published.splits.items():
            for path in paths:
                self._read(split, path)

    def _read(self, split: str, path: Path) -> None:
        kept = [name for name in (*_LIGHT, *self.published.labels) if name in self.published.columns]
        with pq.ParquetFile(path) as file:
            first = len(self.samples)
            for group in range(file.num_row_groups):
                self._groups.append((first, path, group))
                first += file.metadata.row_group(group).num_rows
            for batch in file.iter_batches(_ROWS_AT_ONCE, columns=kept):
                for row in batch.to_pylist():
                    self._add(split, row)

    def _add(self, split: str, row: dict[str, Any]) -> None:
        labels = {}
        for name in self.published.labels:
            value = named(row[name], self.classes.get(name))
            self.values[name].append(value)
            labels[name] = shown(value)
        timed = row["start"] is not None and row["end"] is not None
        self.recordings.add(row["recording"])
        self.licences.add(row.get("licence") or "")
        for name, there in (row.get("present") or {}).items():
            self.missing[name] = self.missing.get(name, 0) + (not there)
        self.samples.append(
            Brief(
                at=len(self.samples),
                id=row["id"],
                split=split,
                speaker=row.get("speaker") or "",
                language=row.get("language") or "",
                seconds=round(row["end"] - row["start"], 3) if timed else None,
                text=(row["text"] or "")[:_LONGEST_TEXT],
                labels=labels,
            )
        )

    def place(self, at: int) -> Place:
        """Raises IndexError where there is no such sample."""
        if not 0 <= at < len(self.samples):
            raise IndexError(f"there is no sample {at}")
        first, path, group = max((one for one in self._groups if one[0] <= at), key=lambda one: one[0])
        return Place(path, group, at - first)

    def row(self, at: int, columns: Sequence[str]) -> dict[str, Any]:
        """These columns of a sample."""
        place = self.place(at)
        table = _group(place.path, place.group, tuple(columns))
        rows: list[dict[str, Any]] = table.slice(place.row, 1).to_pylist()
        return rows[0]

    def whole(self, at: int) -> dict[str, Any]:
        """A sample without its media; classes by name."""
        row = self.row(at, [name for name in self.published.columns if name not in MEDIA])
        for name, names in self.classes.items():
            row[name] = named(row.get(name), names)
        return row

    @lru_cache(maxsize=8)  # noqa: B019 - a browser asks for a clip in pieces; an index lives as long as the program
    def medium(self, at: int, name: str) -> bytes | None:
        """The bytes of a sample's sound, video or picture; None where there is none."""
        if name not in MEDIA or name not in self.published.columns:
            return None
        found = self.row(at, [name])[name]
        data: bytes | None = found["bytes"] if found else None
        return data

    def find(
        self, *, text: str = "", fits: dict[str, str] | None = None, sort: str = "at", down: bool = False
    ) -> list[Brief]:
        """Samples whose id, text or speaker has this text in it, and whose columns have these values.

        fits: `split`, `speaker`, `language` or the name of a question, each with its value. sort: such a column, `id`,
        `text`, `seconds` or `at`, the order of the dataset; rows without a value come last.
        """
        wanted = {name: value for name, value in (fits or {}).items() if value}
        sought = text.casefold()
        found = [
            one
            for one in self.samples
            if all(value_of(one, name) == value for name, value in wanted.items())
            and (not sought or sought in f"{one.id}\n{one.text}\n{one.speaker}".casefold())
        ]
        if sort == "at":
            return found[::-1] if down else found
        there = [one for one in found if value_of(one, sort) not in ("", None)]
        none = [one for one in found if value_of(one, sort) in ("", None)]
        return sorted(there, key=lambda one: _order(value_of(one, sort)), reverse=down) + none

    def listing(self, found: list[Brief], first: int, most: int) -> Listing:
        """A page of what was found."""
        return Listing(len(found), tuple(found[first : first + most]))


@lru_cache(maxsize=5)
def _group(path: Path, group: int, columns: tuple[str, ...]) -> pa.Table:
    """A group of rows: those of neighbours are read together, the media and the rest of the one that is looked at."""
    with pq.ParquetFile(path) as file:
        return file.read_row_group(group, columns=list(columns))


def value_of(one: Brief, name: str) -> str | float | None:
    """What a sample has in a column of the table."""
    if name in one.labels:
        return one.labels[name]
    if name in ("id", "split", "speaker", "language", "text", "seconds"):
        value: str | float | None = getattr(one, name)
        return value
    return ""


def shown(value: object) -> str:
    """A label as the table shows it."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return f"{round(value, 2):g}" if isinstance(value, float) else label_text(value)


def named(value: Any, names: Sequence[str] | None) -> Any:
    """A class or a list of classes by name; other values as they are."""
    if value is None or names is None:
        return value
    return [names[one] for one in value] if isinstance(value, list) else names[value]


def _asked(published: Published) -> tuple[str, ...]:
    named = [name.removesuffix("_answers") for name in published.columns if name.endswith("_answers")]
    return tuple(sorted({*published.labels, *named}, key=_place(published)))


def _place(published: Published) -> Callable[[str], int]:
    order = list(published.columns)
    return lambda name: order.index(name if name in published.columns else f"{name}_answers")


def _classes_in_lists(path: Path) -> dict[str, list[str]]:
    """Of columns that hold several classes each, as questions with several choices do."""
    told = json.loads((pq.read_schema(path).metadata or {}).get(b"huggingface", b"{}"))
    features = told.get("info", {}).get("features", {})
    inner = {name: one.get("feature") for name, one in features.items() if isinstance(one, dict)}
    return {
        name: list(one["names"])
        for name, one in inner.items()
        if isinstance(one, dict) and one.get("_type") == "ClassLabel"
    }


def _order(value: str | float | None) -> tuple[int, float, str]:
    """Numbers by size, before texts by letters."""
    try:
        return 0, float(value or 0), ""
    except ValueError:
        return 1, 0.0, str(value).casefold()
