"""The recipe's table of known answers: item, question, value."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from annotation.answer_check import Unfit
from annotation.answer_text import read_text
from pipelines.annotating.home import Home
from schemas.answer_value import Value
from schemas.errors import SourceTableError

_ADVICE = "the columns are item, question and value"


def gold_items(home: Home) -> set[str]:
    """Items whose answers are known; empty where the recipe names no table. Raises SourceTableError."""
    return {_cell(row, "item", where) for where, row in _rows(home)}


def gold_answers(home: Home) -> dict[str, dict[str, Value]]:
    """Column to item to the right value. A question's id names its fullest view.

    Raises:
        SourceTableError: the table cannot be read, or an answer does not fit its question; names file and row.
    """
    columns = {one.column(show): one for one in home.spec.questions for show in one.shows}
    found: dict[str, dict[str, Value]] = defaultdict(dict)
    for where, row in _rows(home):
        item, name, given = (_cell(row, part, where) for part in ("item", "question", "value"))
        if name not in columns:
            raise SourceTableError(f"{where}: there is no question {name!r}", do=f"there are {', '.join(columns)}")
        try:
            found[name][item] = read_text(columns[name], given)
        except Unfit as error:
            raise SourceTableError(f"{where}: {error}") from error
    return dict(found)


def _cell(row: dict[str, Any], name: str, where: str) -> str:
    given = row.get(name)
    text = given if isinstance(given, str) else "" if given is None else json.dumps(given)
    if not text.strip():
        raise SourceTableError(f"{where}: no {name!r}", do=_ADVICE)
    return text.strip()


def _rows(home: Home) -> Iterator[tuple[str, dict[str, Any]]]:
    if home.how.gold is None:
        return
    path = home.loaded.folder / home.how.gold
    try:
        text = path.read_text("utf-8-sig")
        if path.suffix == ".csv":
            reader = csv.DictReader(io.StringIO(text, newline=""))
            yield from ((f"{path}, line {reader.line_num}", dict(row)) for row in reader)
            return
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                yield f"{path}, line {number}", dict(json.loads(line))
    except (OSError, ValueError, TypeError) as error:
        raise SourceTableError(f"the known answers in {path} cannot be read: {error!r}", do=_ADVICE) from error
