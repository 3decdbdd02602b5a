"""A table of answers, CSV or JSON lines: `item`, `rater`, `question`, `value`, and further facts where it has them."""

import csv
import difflib
import io
import json
import math
from collections.abc import Iterator
from typing import Any, get_args

from annotation.assign import ROUND
from schemas.answer import PERSON, Answer, State
from schemas.answer_value import Show
from schemas.errors import SourceTableError

COLUMNS = ("item", "rater", "question", "value")
FURTHER = ("shown", "state", "origin", "accepted", "lead_time_s", "at")
"""Columns that are read where there is one called `shown`: see `Answer`. An empty cell is as if there were no such
column."""
_TOLD = 50
"""So many columns of a table that is something else are looked through and shown."""


def read_answers(path: str) -> tuple[Answer, ...]:
    """All answers of a table. Columns that are neither in `COLUMNS` nor in `FURTHER` are ignored.

    Args:
        path: a file or any fsspec URL; `.jsonl` and `.ndjson` are JSON lines, anything else CSV. UTF-8, with or
            without a byte order mark; quoted fields may hold line breaks.

    Raises:
        SourceTableError: the file cannot be read, a column is missing or a field is empty; names file and row.
    """
    import fsspec

    try:
        with fsspec.open(path, "rb") as file:
            text = file.read().decode("utf-8-sig")
    except (OSError, ValueError, ImportError) as error:
        raise SourceTableError(
            f"the answers in {path} cannot be read: {error}", do="a UTF-8 file is expected"
        ) from error
    rows = _json_rows(text, path) if path.lower().endswith((".jsonl", ".ndjson")) else _csv_rows(text, path)
    return tuple(_answer(row, where) for row, where in rows)


def _csv_rows(text: str, path: str) -> Iterator[tuple[dict[str, Any], str]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    head: list[str] | None = None
    line = 0
    try:
        for fields in reader:
            begins, line = line + 1, reader.line_num
            if not any(field.strip() for field in fields):
                continue
            where = f"{path}, line {begins}"
            if head is None:
                head = [field.strip() for field in fields]
                _check_columns(head, where)
            elif len(fields) != len(head):
                raise SourceTableError(f"{where}: {len(fields)} fields, but the head has {len(head)}")
            else:
                yield dict(zip(head, fields, strict=True)), where
    except csv.Error as error:
        raise SourceTableError(f"{path}, line {reader.line_num}: {error}") from error
    if head is None:
        raise SourceTableError(f"{path} is empty", do=f"the first line names the columns: {','.join(COLUMNS)}")


def _json_rows(text: str, path: str) -> Iterator[tuple[dict[str, Any], str]]:
    # Only the line feed ends a JSON line: `splitlines` would also cut at separators that text may hold.
    for place, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        where = f"{path}, line {place}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise SourceTableError(f"{where}: not JSON: {error}") from error
        if not isinstance(row, dict):
            raise SourceTableError(f"{where}: an object with {', '.join(COLUMNS)} is expected")
        _check_columns(list(row), where)
        yield row, where


def _check_columns(found: list[str], where: str) -> None:
    twice = [name for name in COLUMNS if found.count(name) > 1]
    if twice:
        raise SourceTableError(f"{where}: the column {twice[0]!r} is there twice")
    for missing in COLUMNS:
        if missing not in found:
            first = found[:_TOLD]
            near = difflib.get_close_matches(missing, [name for name in first if name not in COLUMNS], n=1)
            hint = f"is {near[0]!r} meant? " if near else ""
            more = f" and {len(found) - _TOLD:,} more" if len(found) > _TOLD else ""
            raise SourceTableError(
                f"{where}: no column {missing!r} among {', '.join(map(repr, first))}{more}",
                do=f"{hint}the columns are {', '.join(COLUMNS)}",
            )


def _answer(row: dict[str, Any], where: str) -> Answer:
    further = FURTHER if "shown" in row else ()  # elsewhere, `state` or `origin` may mean something else
    facts = {name: str(row[name]).strip() for name in further if row.get(name) is not None and str(row[name]).strip()}
    state = _one_of(facts.get("state", "submitted"), get_args(State), "state", where)
    fields = {name: _text(row[name], name, where) for name in COLUMNS[:3]}
    given = _text(row["value"], "value", where) if state == "submitted" else str(row["value"] or "")
    seconds = _number(facts.get("lead_time_s"), facts.get("lead_time_s", ""))
    if "lead_time_s" in facts and seconds is None:
        raise SourceTableError(f"{where}: 'lead_time_s' holds {facts['lead_time_s']!r}, a number is expected")
    return Answer(
        fields["item"],
        fields["rater"],
        fields["question"],
        given,
        _number(row["value"], given),
        where,
        shown=_one_of(facts.get("shown", "all"), get_args(Show), "shown", where),
        lead_time_s=seconds,
        at=facts.get("at"),
        origin=facts.get("origin", PERSON),
        accepted=_one_of(facts.get("accepted", "false").lower(), ("true", "false"), "accepted", where) == "true",
        state=state,
    )


def _one_of(found: str, allowed: tuple[str, ...], column: str, where: str) -> Any:
    if found not in allowed:
        raise SourceTableError(f"{where}: {column!r} holds {found!r}, allowed: {', '.join(allowed)}")
    return found


def _text(given: object, column: str, where: str) -> str:
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, (list, dict)):
        raise SourceTableError(
            f"{where}: {column!r} holds {json.dumps(given)}, a single value is expected",
            do="write a row for each answer",
        )
    text = "" if given is None else str(given).strip()
    if not text:
        raise SourceTableError(f"{where}: {column!r} is empty", do="leave out the row where nobody answered")
    return text


def _number(raw: object, text: str) -> float | None:
    if isinstance(raw, bool):
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    # Python reads `1_000` and `nan` as numbers; in a table of answers they are not.
    return number if math.isfinite(number) and "_" not in text else None


def read_decisions(path: str) -> tuple[tuple[int, Answer], ...]:
    """Experts' answers among `adjudicated.jsonl`, which `affectloom annotate pull` writes, each with its round.

    Raises:
        SourceTableError: as `read_answers` says.
    """
    import fsspec

    try:
        with fsspec.open(path, "rb") as file:
            text = file.read().decode("utf-8")
    except (OSError, ValueError, ImportError) as error:
        raise SourceTableError(f"the decisions in {path} cannot be read: {error}") from error
    rows = [(row, where) for row, where in _json_rows(text, path) if row.get("expert") is True]
    return tuple((int(str(row["round"]).rpartition(ROUND)[2]), _answer(row, where)) for row, where in rows)
