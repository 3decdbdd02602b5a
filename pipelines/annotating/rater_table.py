"""Ratings from a table of any usual form: a row for each answer, a column for each rater or each item, or counts.

What each column holds is told from its name, or given: `rater=worker`, `raters=annotator_*`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from pipelines.acquiring.table_file import records, suffix_of
from pipelines.annotating.studio_export import exported
from schemas.errors import SourceTableError, UsageError

Field = Literal["item", "rater", "value", "question", "raters", "items", "counts"]
FIELDS: Mapping[Field, str] = {
    "item": "what was rated",
    "rater": "who rated",
    "value": "what the rater said",
    "question": "what was asked",
    "raters": "a column for each rater",
    "items": "a column for each item; a row is a rater",
    "counts": "a column for each label, with how many raters gave it",
}
_CALLED: Mapping[Field, tuple[str, ...]] = {
    "item": ("item", "task", "unit", "subject", "sample", "utterance", "example", "id"),
    "rater": ("rater", "worker", "annotator", "coder", "judge", "observer", "labeler", "labeller", "performer", "user"),
    "value": ("value", "answer", "label", "rating", "response", "annotation", "score"),
    "question": ("question",),
}
_OWN = re.compile(rf"({'|'.join(_CALLED['rater'])})s?[ _.-]?([0-9]+|[a-z])", re.IGNORECASE)
"""A column of one rater, such as `annotator_2`."""
_MOST = 5_000_000
_LACKING = frozenset({"", "na", "n/a", "nan", "null", "none", "."})
"""Cells of a wide table where nobody answered; in the long form, only the empty one."""


@dataclass(frozen=True)
class Rating:
    """One answer. question: empty where the table has one question. line: of the file, from 1."""

    item: str
    rater: str
    question: str
    value: str
    line: int


@dataclass(frozen=True)
class RaterTable:
    """ratings: in the table's order. anonymous: who gave which is not known. told: how the table was read."""

    ratings: tuple[Rating, ...]
    anonymous: bool = False
    told: str = ""


@dataclass(frozen=True)
class _Form:
    single: Mapping[Field, str]
    many: Field | None = None
    names: tuple[str, ...] = ()


def rater_table(path: str, columns: Sequence[str] = ()) -> RaterTable:
    """The ratings of a table.

    Args:
        path: .csv, .tsv or .jsonl, a file or an address in an object store; or a .json that Label Studio exported.
        columns: what columns hold, as `FIELD=NAME`, of `FIELDS`; for `raters`, `items` and `counts` names or patterns
            with commas between them. Without it, told from the columns' names.

    Raises:
        SourceTableError: the table is not as it should be; names file and line.
        UsageError: `columns` names what there is not, or fields that do not go together.
    """
    given = _given(columns)
    if suffix_of(path) == ".json":
        if given:
            raise UsageError(f"--column beside {path}", do="leave it out: an export says what is what")
        ratings, told = exported(path)
        return RaterTable(tuple(Rating(*one, 0) for one in ratings), told=told)
    head: dict[str, None] = {}

    def check(names: Sequence[str], _: object) -> None:
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise SourceTableError(f"{path}: the column {twice!r} is there twice")
        head.update(dict.fromkeys(names))

    rows = list(records(path if "://" in path else Path(path), check))
    form = _as_given(list(head), given, path) if given else _told_by_names(list(head), path)
    texts = [(line, {name: _cell(row[name], name, line, path) for name in row}) for line, row in rows]
    if form.many == "counts":
        return RaterTable(tuple(_counted(texts, form, path)), anonymous=True, told=_told(form))
    return RaterTable(tuple(_wide(texts, form) if form.many else _long(texts, form, path)), told=_told(form))


def _given(columns: Iterable[str]) -> dict[Field, str]:
    found: dict[Field, str] = {}
    for text in columns:
        field, sign, name = text.partition("=")
        known: Field | None = next((one for one in FIELDS if one == field), None)
        if known is None or not sign:
            raise UsageError(
                f"--column {text}: FIELD=NAME is expected",
                do="fields are " + ", ".join(f"{one} ({what})" for one, what in FIELDS.items()),
            )
        if known in found:
            raise UsageError(f"--column gives {field} twice", do="name several columns with commas between them")
        found[known] = name
    return found


def _as_given(head: Sequence[str], given: Mapping[Field, str], path: str) -> _Form:
    """Which columns hold what, as was said. Raises UsageError."""
    many = next((field for field in given if field in ("raters", "items", "counts")), None)
    single = {field: name for field, name in given.items() if field != many}
    for name in single.values():
        if name not in head:
            raise UsageError(f"{path} has no column {name!r}", do=f"it has {', '.join(map(repr, head))}")
    names = () if many is None else _matching(given[many], head, path)
    return _checked(_Form(single, many, names), given)


def _told_by_names(head: Sequence[str], path: str) -> _Form:
    """Which columns hold what, by what they are called. Raises SourceTableError."""
    called = {field: _called(field, head) for field in _CALLED}
    single = {field: name for field, name in called.items() if name is not None}
    if "item" not in single and "question" in single:
        single["item"] = single.pop("question")
    own = tuple(name for name in head if _OWN.fullmatch(name.strip()))
    if {"item", "rater", "value"} <= single.keys():
        return _Form(single)
    if len(own) > 1:
        return _Form({"item": single["item"]} if "item" in single else {}, "raters", own)
    if head and single.get("rater") == head[0] and "value" not in single:
        return _Form({"rater": head[0]}, "items", tuple(head[1:]))
    raise SourceTableError(
        f"{path}: what its columns hold cannot be told: {', '.join(map(repr, head))}",
        do="say it with --column: `--column item=NAME --column rater=NAME --column value=NAME` for a row for each "
        "answer, `--column 'raters=NAME,NAME'` for a column for each rater, `--column rater=NAME --column 'items=u*'` "
        "for a column for each item, `--column 'counts=NAME,NAME'` for how often each label was given",
    )


def _checked(form: _Form, given: Mapping[Field, str]) -> _Form:
    allowed: dict[Field | None, set[Field]] = {
        None: {"item", "rater", "value", "question"},
        "raters": {"item", "question"},
        "items": {"rater"},
        "counts": {"item", "question"},
    }
    needed = {"item", "rater", "value"} if form.many is None else {"rater"} if form.many == "items" else set()
    wrong = sorted(set(given) - allowed[form.many] - {form.many}) + sorted(f"no {one}" for one in needed - set(given))
    if wrong:
        raise UsageError(
            f"--column: {form.many or 'rows of answers'} with {', '.join(wrong)}",
            do="item, rater and value go together; raters or counts stand beside item; rater and items stand together",
        )
    return form


def _called(field: Field, head: Sequence[str]) -> str | None:
    """The column that is called like a field, in one or several, with or without `id`."""
    plain = {re.sub(r"([ _.-]?ids?|s)$", "", name.strip().lower()) or name.strip().lower(): name for name in head}
    return next((plain[name] for name in _CALLED[field] if name in plain), None)


def _matching(patterns: str, head: Sequence[str], path: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for pattern in patterns.split(","):
        names = [name for name in head if name == pattern.strip() or fnmatchcase(name, pattern.strip())]
        if not names:
            raise UsageError(f"{path} has no column {pattern!r}", do=f"it has {', '.join(map(repr, head))}")
        found.update(dict.fromkeys(names))
    return tuple(found)


def _cell(value: object, name: str, line: int, path: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        raise SourceTableError(f"{path}:{line}: {name!r} is a list or an object; one word or number is expected")
    return str(value).strip()


Rows = Iterable[tuple[int, Mapping[str, str]]]


def _long(rows: Rows, form: _Form, path: str) -> Iterator[Rating]:
    for line, row in rows:
        cells = {field: row.get(name, "") for field, name in form.single.items()}
        for field in ("item", "rater", "value"):
            if not cells[field]:
                name = form.single[field]
                raise SourceTableError(f"{path}:{line}: {name!r} is empty", do="leave out what nobody answered")
        yield Rating(cells["item"], cells["rater"], cells.get("question", ""), cells["value"], line)


def _wide(rows: Rows, form: _Form) -> Iterator[Rating]:
    for at, (line, row) in enumerate(rows, 1):
        question = row.get(form.single["question"], "") if "question" in form.single else ""
        own = row.get(form.single[_of_row(form)], "") if _of_row(form) in form.single else ""
        for name in form.names:
            if row.get(name, "").lower() not in _LACKING:
                item, rater = (name, own or str(at)) if form.many == "items" else (own or str(at), name)
                yield Rating(item, rater, question, row[name], line)


def _of_row(form: _Form) -> Field:
    return "rater" if form.many == "items" else "item"


def _counted(rows: Rows, form: _Form, path: str) -> Iterator[Rating]:
    """An answer for each that was counted; raters are numbers, the same one has no meaning elsewhere."""
    total = 0
    for at, (line, row) in enumerate(rows, 1):
        question = row.get(form.single["question"], "") if "question" in form.single else ""
        item = (row.get(form.single["item"], "") if "item" in form.single else "") or str(at)
        rater = 0
        for name in form.names:
            text = row.get(name, "0")
            if not re.fullmatch(r"[0-9]{1,6}(\.0*)?", text):
                raise SourceTableError(f"{path}:{line}: {name!r} holds {text!r}, a count of raters is expected")
            total += int(float(text))
            if total > _MOST:
                raise SourceTableError(f"{path}:{line}: more than {_MOST:,} ratings", do="are these counts of raters?")
            for _ in range(int(float(text))):
                rater += 1
                yield Rating(item, str(rater), question, name, line)


def _told(form: _Form) -> str:
    """How the table was read; empty where its columns have our own names."""
    if form.many is None:
        other = [f"{field} is {name!r}" for field, name in form.single.items() if field != name]
        return ", ".join(other)
    what = {"raters": "raters", "items": "items", "counts": "counts of"}[form.many]
    named = ", ".join(map(repr, form.names[:6])) + (f" and {len(form.names) - 6} more" if len(form.names) > 6 else "")  # noqa: PLR2004
    beside = [f"{field} is {name!r}" for field, name in form.single.items()]
    if _of_row(form) not in form.single:
        beside.append(f"each row is {'a rater' if form.many == 'items' else 'an item'}")
    return "; ".join((f"{what} {named}", *beside))
