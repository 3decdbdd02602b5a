"""Tables of further facts, such as demographics or scores of other programs, joined to the sources by id."""

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.acquiring.table_file import records
from schemas.errors import SourceTableError
from schemas.source import TERMS, Scalar, SourceRow, Utterance

RECORDING = ("id", "recording")
KEYS = ("speaker", "dialogue", "utterance")
"""What else rows may be found by, besides further columns of the sources."""
_SHOWN = 5


@dataclass(frozen=True)
class FactTable:
    """What a table says, by the value of its first column. of: value to its facts."""

    path: Path
    key: str
    columns: tuple[str, ...]
    of: Mapping[str, Mapping[str, Scalar]]

    @property
    def of_utterances(self) -> bool:
        """Whether it may say something of a part of a recording."""
        return self.key not in RECORDING


def read_facts(path: Path) -> FactTable:
    """The table; a column of which every value is a number holds numbers. Raises SourceTableError."""
    names: list[str] = []

    def check(found: Sequence[str], where: Path) -> None:
        names.extend(name for name in found if name not in names)
        if len(names) <= 1 or not names[0].strip():
            raise SourceTableError(
                f"{where}: a column to join by and one more are needed, found {', '.join(found) or 'nothing'}",
                do="the first column is `id`, `speaker`, `dialogue`, `utterance` or a column of the sources",
            )

    rows: dict[str, dict[str, str]] = {}
    for line, values in records(path, check):
        row = {name.strip(): str(value).strip() for name, value in values.items()}
        key = row.pop(names[0].strip(), "")
        if not key:
            raise SourceTableError(f"{path}:{line}: {names[0].strip()} is empty")
        if key in rows:
            raise SourceTableError(f"{path}:{line}: {key!r} is there already", do="keep one row for each")
        rows[key] = {name: value for name, value in row.items() if value}
    columns = tuple(name.strip() for name in names[1:])
    kinds = {name: _kind([row[name] for row in rows.values() if name in row]) for name in columns}
    return FactTable(
        path,
        names[0].strip(),
        columns,
        {key: {name: kinds[name](value) for name, value in row.items()} for key, row in rows.items()},
    )


def _kind(values: Sequence[str]) -> type[int] | type[float] | type[str]:
    """What all values of a column can be read as without loss: `007` is a name."""
    if all(_is_whole(value) for value in values):
        return int if values else str
    return float if all(_is_number(value) for value in values) else str


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal() and text.isascii() and len(text) < 18 and str(int(text)) == text  # noqa: PLR2004 - int64


def _is_number(text: str) -> bool:
    digits = text.lstrip("+-")
    if "_" in text or (len(digits) > 1 and digits[0] == "0" and digits[1].isdecimal()):
        return False
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def join(rows: Iterable[SourceRow], table: FactTable) -> Iterator[SourceRow]:
    """The sources with what the table says of them, and of their utterances, among their further columns.

    Raises SourceTableError where the table says nothing of any of them, or a column is there already.
    """
    shown: list[str] = []
    some = False
    for row in rows:
        twice = next((name for name in table.columns if name in row.extra), None)
        if twice is not None:
            raise SourceTableError(
                f"{table.path}: the column {twice!r} is there already, in {row.where or 'another table'}",
                do="call it something else",
            )
        found = table.of.get(_value(row, table), {})
        parts = tuple(_with_facts(one, table) for one in row.utterances) if table.of_utterances else row.utterances
        matched = bool(found) or parts != row.utterances
        some = some or matched
        if not matched and len(shown) < _SHOWN:
            shown.append(_value(row, table) or row.id)
        learnt = {term: table.path.name for term in TERMS if found.get(term)}
        told = {"extra": {**row.extra, **found}, "learnt": {**row.learnt, **learnt}, "utterances": parts}
        yield row.model_copy(update=told)
    if shown and not some:
        near = difflib.get_close_matches(table.key, [*RECORDING, *KEYS], n=1)
        raise SourceTableError(
            f"{table.path}: none of the sources has a {table.key!r} that it names ({', '.join([*table.of][:_SHOWN])})",
            do=f"is {near[0]!r} meant? " if near and near[0] != table.key else f"the sources are {', '.join(shown)}",
        )


def _value(row: SourceRow, table: FactTable) -> str:
    if table.key in RECORDING:
        stem = Path(row.uri).stem if row.uri is not None else row.id
        return row.id if row.id in table.of else stem
    given = getattr(row, table.key) if table.key in ("speaker", "dialogue") else row.extra.get(table.key)
    return "" if given is None else str(given)


def _with_facts(one: Utterance, table: FactTable) -> Utterance:
    own = {"speaker": one.speaker, "dialogue": one.dialogue, "utterance": one.name}
    given = own[table.key] if table.key in own else one.extra.get(table.key)
    found = table.of.get(given or "", {})
    told = {name: str(value) for name, value in found.items()}
    return one.model_copy(update={"extra": {**told, **one.extra}}) if told else one
