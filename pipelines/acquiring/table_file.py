"""A table in a file, read row by row, so that it may be longer than memory."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from schemas.errors import SourceTableError

TABLES = frozenset({".csv", ".tsv", ".jsonl"})
_LINE_CHARS = 4_000_000
Check = Callable[[Sequence[str], Path], None]


def records(path: Path, check: Check) -> Iterator[tuple[int, Mapping[str, object]]]:
    """The rows of a .csv, .tsv or .jsonl table, each with its line; empty cells are left out. Row by row.

    check: called with the names of the columns and the path; of JSON lines, for each row.
    Raises SourceTableError.
    """
    if path.stat().st_size == 0:
        raise SourceTableError(f"{path}: the table is empty", do="its first line names the columns, such as id,path")
    try:
        yield from _records(path, check)
    except UnicodeDecodeError as error:
        raise SourceTableError(
            f"{path}: not UTF-8 text ({error.reason} at byte {error.start})", do="save it as UTF-8"
        ) from error


def _records(path: Path, check: Check) -> Iterator[tuple[int, Mapping[str, object]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        if path.suffix.lower() == ".jsonl":
            yield from _json_records(path, file, check)
            return
        reader = csv.DictReader(
            _lines(file, path), delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True
        )
        try:
            check(reader.fieldnames or [], path)
            for values in reader:
                if None in values:
                    raise SourceTableError(
                        f"{path}:{reader.line_num}: more values than columns",
                        do="put a text that holds commas in quotes",
                    )
                yield reader.line_num, {key: value for key, value in values.items() if value not in (None, "")}
        except csv.Error as error:
            raise SourceTableError(
                f"{path}:{reader.line_num}: not valid CSV: {error}", do="check the quotes"
            ) from error


def _lines(file: io.TextIOWrapper, path: Path) -> Iterator[str]:
    """The lines of a table, none of them read whole if it is too long to be one. Raises SourceTableError."""
    number = 0
    while line := file.readline(_LINE_CHARS + 1):
        number += 1
        if len(line) > _LINE_CHARS:
            raise SourceTableError(
                f"{path}:{number}: a line of more than {_LINE_CHARS:,} characters", do="is it a table at all?"
            )
        yield line


def _json_records(path: Path, file: io.TextIOWrapper, check: Check) -> Iterator[tuple[int, Mapping[str, object]]]:
    for number, line in enumerate(_lines(file, path), 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            why = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deep, or too large a number"
            raise SourceTableError(f"{path}:{number}: not valid JSON: {why}", do="one object a line") from error
        if not isinstance(values, dict):
            raise SourceTableError(f"{path}:{number}: found {type(values).__name__}, expected an object a line")
        check(list(values), path)
        yield number, {key: value for key, value in values.items() if value not in (None, "")}
