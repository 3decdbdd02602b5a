"""Agreement of a table from anywhere: `affectloom agree`."""

import csv
import io
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from annotation.agreement import Agreement, StatisticName, agreement, main_icc
from annotation.ratings import Level, Ratings, Undefined, ratings
from schemas.errors import SourceTableError

NEEDED = ("item", "rater", "value")


@dataclass(frozen=True)
class Rated:
    """One question's table."""

    question: str
    table: Ratings


def agree(
    path: str,
    question: str | None = None,
    statistic: StatisticName | None = None,
    level: Level | None = None,
    samples: int = 1000,
) -> list[tuple[str, Agreement]]:
    """Agreement on each question of a table, or on one.

    Args:
        path: a CSV or JSON lines (`.jsonl`), a file or any fsspec URL, with the columns item, rater, value and, where
            there are several, question.
        question: without it, all. A table without that column has one question, "".
        statistic: without it, all that apply.
        level: without it, nominal.
        samples: of the bootstrap.

    Raises:
        SourceTableError: the table is not as it should be, there is no such question, or the level does not fit.
    """
    found = []
    for one in read_ratings(path, question, level or "nominal"):
        found += [(one.question, told) for told in agreement(one.table, level or "nominal", statistic, samples=samples)]
    return found


def read_ratings(path: str, question: str | None = None, level: Level = "nominal") -> list[Rated]:
    """The tables of a CSV or of JSON lines in the long form, by question.

    Values are numbers where every one of the question is.

    Raises:
        SourceTableError: as `agree` says; names file and line.
    """
    by_question: dict[str, list[tuple[str, str, str]]] = {}
    first: dict[tuple[str, str, str], int] = {}
    for line, row in _rows(path):
        asked = row.get("question", "")
        if question is not None and "question" in row and asked != question:
            by_question.setdefault(asked, [])
            continue
        before = first.setdefault((row["item"], row["rater"], asked), line)
        if before != line:
            raise SourceTableError(
                f"{path}, line {line}: rater {row['rater']!r} answered for item {row['item']!r} before (line {before})",
                do="keep one answer of a rater to a question about an item",
            )
        by_question.setdefault(asked, []).append((row["item"], row["rater"], row["value"]))
    if question is not None and "" not in by_question and not by_question.get(question):
        raise SourceTableError(
            f"{path} has no question {question!r}", do=f"it has {', '.join(map(repr, sorted(by_question)))}"
        )
    if not by_question:
        raise SourceTableError(f"{path} has no answers", do=f"rows of {', '.join(NEEDED)} are expected")
    return [Rated(name, _table(rows, path, level)) for name, rows in sorted(by_question.items()) if rows]


def _table(rows: list[tuple[str, str, str]], path: str, level: Level) -> Ratings:
    numbers = {value: _number(value) for _, _, value in rows}
    if all(number is not None for number in numbers.values()):
        return ratings((item, rater, numbers[value]) for item, rater, value in rows)
    if level != "nominal":
        words = sorted(value for value, number in numbers.items() if number is None)
        raise SourceTableError(
            f"{path}: {words[0]!r} is no number, which level {level} needs",
            do="take --level nominal, or write the places on the scale as numbers",
        )
    return ratings(rows)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in text else None


def _rows(path: str) -> list[tuple[int, dict[str, str]]]:
    import fsspec

    try:
        with fsspec.open(path, "rb") as file:
            text = file.read().decode("utf-8-sig")
    except (OSError, ValueError, ImportError) as error:
        raise SourceTableError(f"{path} cannot be read: {error}", do="a UTF-8 file is expected") from error
    if path.lower().endswith((".jsonl", ".ndjson")):
        return list(_json_rows(text, path))
    return _csv_rows(text, path)


def _csv_rows(text: str, path: str) -> list[tuple[int, dict[str, str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    head: list[str] = []
    found = []
    try:
        for fields in reader:
            if not any(field.strip() for field in fields):
                continue
            cells = [field.strip() for field in fields]
            if not head:
                head = cells
                _check_head(head, path)
            elif len(cells) != len(head):
                raise SourceTableError(f"{path}, line {reader.line_num}: {len(cells)} fields, the head has {len(head)}")
            else:
                row = dict(zip(head, cells, strict=True))
                for name in NEEDED:
                    if not row[name]:
                        raise SourceTableError(
                            f"{path}, line {reader.line_num}: {name!r} is empty", do="leave out what nobody answered"
                        )
                found.append((reader.line_num, row))
    except csv.Error as error:
        raise SourceTableError(f"{path}, line {reader.line_num}: {error}") from error
    if not head:
        raise SourceTableError(f"{path} is empty", do=f"the first line names the columns: {','.join(NEEDED)}")
    return found


def _json_rows(text: str, path: str) -> Iterator[tuple[int, dict[str, str]]]:
    empty = True
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        empty = False
        where = f"{path}, line {number}"
        try:
            given = json.loads(line)
        except ValueError as error:
            raise SourceTableError(f"{where}: it is no JSON: {error}") from error
        if not isinstance(given, dict):
            raise SourceTableError(f"{where}: an object is expected", do=f"with the fields {', '.join(NEEDED)}")
        row: dict[str, str] = {}
        for name in (*NEEDED, "question"):
            cell = given.get(name)
            if isinstance(cell, list | dict):
                raise SourceTableError(f"{where}: {name!r} is a list or an object; one word or number is expected")
            written = "" if cell is None else json.dumps(cell) if isinstance(cell, bool) else str(cell).strip()
            if not written and name in NEEDED:
                why = (
                    f"{name!r} is empty" if name in given else f"no field {name!r} among {', '.join(map(repr, given))}"
                )
                raise SourceTableError(f"{where}: {why}", do="leave out what nobody answered")
            if name in given:
                row[name] = written
        yield number, row
    if empty:
        raise SourceTableError(f"{path} is empty", do=f"each line is an object with {', '.join(NEEDED)}")


def _check_head(head: list[str], path: str) -> None:
    missing = [name for name in NEEDED if name not in head]
    if missing:
        raise SourceTableError(
            f"{path}: no column {missing[0]!r} among {', '.join(map(repr, head))}",
            do="the long form is expected, a row for each answer: item,rater,value and, if you like, question;"
            " a table with a column for each rater has to be turned into it first",
        )
    twice = [name for name in head if head.count(name) > 1]
    if twice:
        raise SourceTableError(f"{path}: the column {twice[0]!r} is there twice")


def as_json(question: str, one: Agreement) -> dict[str, Any]:
    """What a machine reads: `value` and `interval` are null where they are undefined, and `undefined` says why."""
    value = None if isinstance(one.value, Undefined) else one.value
    told: dict[str, Any] = {
        "statistic": one.statistic,
        "variant": one.variant,
        "level": one.level,
        "value": value,
        "interval": None if isinstance(one.interval, Undefined) else list(one.interval),
        "items": one.items,
        "raters": one.raters,
        "ratings": one.ratings,
        "question": question or None,
    }
    if isinstance(one.value, Undefined):
        told["undefined"] = one.value.reason
    elif isinstance(one.interval, Undefined):
        told["no_interval"] = one.interval.reason
    return told


def to_json(found: list[tuple[str, Agreement]], *, single: bool) -> Any:
    """A list; for `single` (one statistic of one question) that one; of an ICC `main_icc`, all `forms` beside it."""
    told = [as_json(question, one) for question, one in found]
    if not single or len({one["question"] for one in told}) > 1:
        return told
    if len(told) == 1:
        return told[0]
    main = main_icc([one for _, one in found])
    return next(one for one in told if one["variant"] == main.variant) | {"forms": told}


def as_table(found: list[tuple[str, Agreement]]) -> Any:
    """What a person reads, for rich."""
    from rich.table import Table

    shown = Table("question", "statistic", "value", "95 % interval", "items", "raters", "ratings")
    for question, one in found:
        value = str(one.value) if isinstance(one.value, Undefined) else f"{one.value:.3f}"
        between = "" if isinstance(one.interval, Undefined) else f"{one.interval[0]:.3f} to {one.interval[1]:.3f}"
        shown.add_row(question, one.variant, value, between, f"{one.items:,}", f"{one.raters:,}", f"{one.ratings:,}")
    return shown
