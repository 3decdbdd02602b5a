"""Answers of a table read by the questions of a spec, and labels of open vocabularies grouped by a table."""

import csv
import difflib
import io
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from annotation.answer_check import Unfit
from annotation.answer_text import read_text
from annotation.voted import Group
from schemas.answer import Answer
from schemas.answer_value import Value, number_of
from schemas.errors import SourceTableError
from schemas.question import QuestionSpec

_MOST_LISTED = 20
_COLUMNS = ("label", "group")


def read_by(spec: QuestionSpec, answers: Iterable[Answer]) -> tuple[Answer, ...]:
    """The answers that count, by question id, each with its typed value; those that have one already keep it.

    A question may be named by its id, with `shown`, or by its published column. Without either it is the fullest view.

    Raises:
        SourceTableError: an answer does not fit the spec; lists the first of them with file and row.
    """
    known = {question.column(show): (question, show) for question in spec.questions for show in question.shows}
    found: list[Answer] = []
    bad: list[str] = []
    read: dict[tuple[str, str], Value] = {}
    for answer in answers:
        if not answer.counts:
            continue
        if answer.question not in known:
            near = difflib.get_close_matches(answer.question, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            bad.append(f"{answer.where}: there is no question {answer.question!r}{hint}")
            continue
        question, shown = known[answer.question]
        if answer.question == question.id and answer.shown in question.shows:
            shown = answer.shown
        if answer.shown not in (shown, "all"):
            bad.append(f"{answer.where}: {answer.question!r} is not asked under {answer.shown!r}")
            continue
        try:
            given = answer.given or read.get((question.id, answer.value))
            if given is None:
                given = read[question.id, answer.value] = read_text(question, answer.value)
        except Unfit as error:
            bad.append(f"{answer.where}: {answer.question}: {error}")
        else:
            found.append(replace(answer, question=question.id, given=given, shown=shown, number=number_of(given)))
    if bad:
        more = f"\n  and {len(bad) - _MOST_LISTED} more" if len(bad) > _MOST_LISTED else ""
        raise SourceTableError(
            f"{len(bad)} answers do not fit the questions:\n  " + "\n  ".join(bad[:_MOST_LISTED]) + more,
            do="mend or remove these rows, or the questions",
        )
    return tuple(found)


def read_synonyms(path: Path) -> Group:
    """The grouping of a CSV table of label, group and, if a label means different things, question.

    Case and runs of blanks do not matter. A label that the table does not have counts as itself, in lower case.

    Raises:
        SourceTableError: the table cannot be read, or groups a label twice; names file and row.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceTableError(f"the synonyms in {path} cannot be read: {error}") from error
    groups: dict[tuple[str, str], str] = {}
    reader = csv.DictReader(io.StringIO(text, newline=""))
    missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise SourceTableError(
            f"{path}: no column {missing[0]!r}", do="the columns are label, group and, if need be, question"
        )
    for row in reader:
        where = f"{path}, line {reader.line_num}"
        label, group, question = (_plain(row.get(name) or "") for name in ("label", "group", "question"))
        if not label or not group:
            raise SourceTableError(f"{where}: label or group is empty")
        before = groups.setdefault((question, label), group)
        if before != group:
            raise SourceTableError(f"{where}: {label!r} is already in the group {before!r}")
    return _Synonyms(groups)


class _Synonyms:
    def __init__(self, groups: dict[tuple[str, str], str]) -> None:
        self._groups = groups

    def __call__(self, question: str, label: str) -> str:
        plain = _plain(label)
        return self._groups.get((_plain(question), plain)) or self._groups.get(("", plain), plain)


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
