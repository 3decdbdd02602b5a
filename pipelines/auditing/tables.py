"""Tables of text as Arrow batches: CSV, TSV, JSON, JSON lines."""

import csv
import io
import json
from collections.abc import Generator, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

ENDINGS = (".csv", ".tsv", ".json", ".jsonl", ".ndjson")
_ROWS = 5_000


def batches_of(path: Path) -> "Generator[pa.RecordBatch]":
    """The rows of a table. Lines are read a few thousand at a time; a `.json` file as a whole.

    Bytes that are not UTF-8 become the replacement character, which the check for mangled text finds.

    Raises:
        UsageError: the file cannot be read, or holds no table.
    """
    try:
        rows = _rows(path)
        while some := list(islice(rows, _ROWS)):
            yield _batch(some)
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise UsageError(f"{path} cannot be read as a table: {error}", do=f"give a file in {_told()}") from error


def _told() -> str:
    return ", ".join((*ENDINGS, ".parquet"))


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    if path.suffix in (".csv", ".tsv"):
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","):
                row.pop(None, None)
                yield {str(name): value or None for name, value in row.items()}
    elif path.suffix == ".json":
        yield from _records(json.loads(path.read_text("utf-8-sig", errors="replace")))
    else:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    row = json.loads(line)
                    if not isinstance(row, dict):
                        raise ValueError(f"line {number} is no object")
                    yield row


def _records(whole: Any) -> Iterator[Mapping[str, Any]]:
    """A list of objects; an object of objects by their ids; an object with one list of objects."""
    if isinstance(whole, Mapping):
        lists = [one for one in whole.values() if isinstance(one, list) and one and isinstance(one[0], Mapping)]
        if len(lists) == 1:
            yield from _records(lists[0])
            return
        for name, row in whole.items():
            if not isinstance(row, Mapping):
                raise TypeError(f"{name!r} is no object")
            yield {"id": str(name), **row}
        return
    for row in whole:
        if not isinstance(row, Mapping):
            raise TypeError("an entry of the list is no object")
        yield row


def _batch(rows: Iterable[Mapping[str, Any]]) -> "pa.RecordBatch":
    import pyarrow as pa

    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    arrays = [_array([row.get(name) for row in rows]) for name in names]
    return pa.RecordBatch.from_arrays(arrays, names=names)


def _array(values: list[Any]) -> "pa.Array":
    import pyarrow as pa

    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if one is None else json.dumps(one, ensure_ascii=False) for one in values])


def head_of(text: str) -> dict[str, Any]:
    """The YAML head of a dataset's card; {} where it has none that can be read."""
    import yaml

    file = io.StringIO(text)
    if file.readline().strip() != "---":
        return {}
    lines = []
    for line in file:
        if line.strip() == "---":
            break
        lines.append(line)
    try:
        head = yaml.safe_load("".join(lines))
    except yaml.YAMLError:
        return {}
    return head if isinstance(head, dict) else {}
