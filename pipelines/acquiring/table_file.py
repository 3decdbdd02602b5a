"""A table in a file, read row by row, so that it may be longer than memory."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from pipelines.fetch.objects import bytes_of
from schemas.errors import RecordingError, SourceTableError

TABLES = frozenset({".csv", ".tsv", ".jsonl"})
_LINE_CHARS = 4_000_000
_MOST_BYTES = 1 << 30
Place = Path | str
"""A table's path, or its address in an object store."""
Check = Callable[[Sequence[str], Any], None]
"""Takes the names of columns and the table's place."""


def records(path: Place, check: Check) -> Iterator[tuple[int, Mapping[str, object]]]:
    """The rows of a .csv, .tsv or .jsonl table, each with its line; empty cells are left out. Row by row.

    check: called with the names of the columns and the path; of JSON lines, for each row.
    Raises SourceTableError.
    """
    try:
        with _opened(path) as file:
            if not file.read(1):
                what = f"{path}: the table is empty"
                raise SourceTableError(what, do="its first line names the columns, such as id,path")
            file.seek(0)
            yield from _records(path, file, check)
    except UnicodeDecodeError as error:
        raise SourceTableError(
            f"{path}: not UTF-8 text ({error.reason} at byte {error.start})", do="save it as UTF-8"
        ) from error


@contextmanager
def _opened(path: Place) -> Iterator[io.TextIOWrapper]:
    if isinstance(path, Path):
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file
        return
    try:
        data = bytes_of(path, _MOST_BYTES)
    except RecordingError as error:
        raise SourceTableError(error.what, do=error.do) from error
    yield io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", newline="")


def suffix_of(path: Place) -> str:
    """The ending that says what kind of table it is: `.csv`."""
    return PurePosixPath(str(path)).suffix.lower()


def _records(path: Place, file: io.TextIOWrapper, check: Check) -> Iterator[tuple[int, Mapping[str, object]]]:
    if suffix_of(path) == ".jsonl":
        yield from _json_records(path, file, check)
        return
    reader = csv.DictReader(_lines(file, path), delimiter="\t" if suffix_of(path) == ".tsv" else ",", strict=True)
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
        raise SourceTableError(f"{path}:{reader.line_num}: not valid CSV: {error}", do="check the quotes") from error


def _lines(file: io.TextIOWrapper, path: Place) -> Iterator[str]:
    """The lines of a table, none of them read whole if it is too long to be one. Raises SourceTableError."""
    number = 0
    while line := file.readline(_LINE_CHARS + 1):
        number += 1
        if len(line) > _LINE_CHARS:
            raise SourceTableError(
                f"{path}:{number}: a line of more than {_LINE_CHARS:,} characters", do="is it a table at all?"
            )
        yield line


def _json_records(path: Place, file: io.TextIOWrapper, check: Check) -> Iterator[tuple[int, Mapping[str, object]]]:
    for number, line in enumerate(_lines(file, path), 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
            if "\\u" in line:
                json.dumps(values, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            why = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deep, or too large a number"
            why = "half a character" if isinstance(error, UnicodeEncodeError) else why
            raise SourceTableError(f"{path}:{number}: not valid JSON: {why}", do="one object a line") from error
        if not isinstance(values, dict):
            raise SourceTableError(f"{path}:{number}: found {type(values).__name__}, expected an object a line")
        check(list(values), path)
        yield number, {key: value for key, value in values.items() if value not in (None, "")}
