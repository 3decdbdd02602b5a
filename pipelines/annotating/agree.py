"""Agreement of a table from anywhere: `affectloom agree`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from annotation.agreement import Agreement, StatisticName, agreement, main_icc
from annotation.ratings import Level, Ratings, Undefined, ratings
from pipelines.annotating.rater_table import RaterTable, rater_table
from schemas.errors import SourceTableError, UsageError

_WITH_NAMES = ("cohen", "icc")
"""Statistics of who rated what."""


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
    *,
    columns: Sequence[str] = (),
) -> tuple[list[tuple[str, Agreement]], str]:
    """Agreement on each question of a table, or on one; and how the table was read, where its columns leave a choice.

    Args:
        path: a table as `rater_table` takes it.
        question: without it, all. A table without that column has one question, "".
        statistic: without it, all that apply.
        level: without it, nominal.
        samples: of the bootstrap.
        columns: what columns hold, as `FIELD=NAME`; without it, told from their names.

    Raises:
        SourceTableError: the table is not as it should be, there is no such question, or the level does not fit.
        UsageError: `columns` is not as it should be, or a table of counts is asked for what needs raters.
    """
    read = rater_table(path, columns)
    if read.anonymous and statistic in _WITH_NAMES:
        raise UsageError(
            f"{statistic} of a table of counts", do="it needs to know who gave which answer; fleiss and others do not"
        )
    found = []
    for one in _by_question(read, path, question, level or "nominal"):
        told = agreement(one.table, level or "nominal", statistic, samples=samples)
        found += [(one.question, each) for each in told if not (read.anonymous and each.statistic in _WITH_NAMES)]
    return found, read.told


def _by_question(read: RaterTable, path: str, question: str | None, level: Level) -> list[Rated]:
    """The table of each question. Values are numbers where every one of the question is."""
    by_question: dict[str, list[tuple[str, str, str]]] = {}
    first: dict[tuple[str, str, str], int] = {}
    for one in read.ratings:
        before = first.setdefault((one.item, one.rater, one.question), one.line)
        if before != one.line:
            raise SourceTableError(
                f"{path}:{one.line}: rater {one.rater!r} answered for item {one.item!r} before (line {before})",
                do="keep one answer of a rater to a question about an item; if another column says what was asked, "
                "`--column question=NAME`",
            )
        by_question.setdefault(one.question, []).append((one.item, one.rater, one.value))
    if not by_question:
        raise SourceTableError(f"{path} has no answers", do="rows of item, rater, value are expected")
    if question is not None and question not in by_question and set(by_question) != {""}:
        raise SourceTableError(
            f"{path} has no question {question!r}", do=f"it has {', '.join(map(repr, sorted(by_question)))}"
        )
    chosen = by_question if question is None or question not in by_question else {question: by_question[question]}
    return [Rated(name, _table(rows, path, level)) for name, rows in sorted(chosen.items())]


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
