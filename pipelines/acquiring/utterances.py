"""A table of utterances: when something is said in recordings, as many corpora are distributed."""

import difflib
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pipelines.acquiring.table_file import records
from schemas.errors import SourceTableError
from schemas.source import SourceRow, Utterance

NAMES = {
    "recording": ("recording", "video", "video_id", "file"),
    "utterance": ("utterance", "utterance_id", "id"),
    "start": ("start", "start_s", "start_time"),
    "end": ("end", "end_s", "end_time"),
    "text": ("text", "transcript"),
    "speaker": ("speaker",),
    "dialogue": ("dialogue", "dialog"),
    "turn": ("turn",),
}
"""Columns, and what else they are called."""
_COLUMN = {written: name for name, ways in NAMES.items() for written in ways}
NEEDED = ("recording", "start", "end")
"""The columns that a table of utterances has at least."""
_CLOCK = re.compile(r"(?:(\d+):)?([0-5]?\d):([0-5]?\d(?:[.,]\d+)?)")
_SHOWN = 5


def further_columns(path: Path) -> tuple[str, ...]:
    """The columns of the table that mean nothing here: they are kept as they are. Raises SourceTableError."""
    found: dict[str, None] = {}

    def note(names: Sequence[str], where: Path) -> None:
        _check(names, where)
        found.update(dict.fromkeys(name.strip() for name in names if meaning_of(name) is None and name.strip()))

    rows = records(path, note)
    if path.suffix.lower() == ".jsonl":  # each row may have further ones
        for _ in rows:
            pass
    else:
        next(rows, None)
    return tuple(sorted(found))


def read_utterances(path: Path) -> dict[str, tuple[Utterance, ...]]:
    """The utterances of each recording in the order of their start, of equal ones in that of the table.

    Raises SourceTableError: a column is missing, a time is none, two utterances have one name.
    """
    found: dict[str, list[Utterance]] = {}
    seen: dict[str, str] = {}
    for line, values in records(path, _check):
        where = f"{path}:{line}"
        recording, one = _utterance(values, where)
        if one.name is not None and one.name in seen:
            raise SourceTableError(
                f"{where}: the utterance {one.name!r} is there already, in {seen[one.name]}",
                do="give each row a name of its own, such as recording and number, or leave the column out",
            )
        if one.name is not None:
            seen[one.name] = where
        found.setdefault(recording, []).append(one)
    return {name: tuple(sorted(rows, key=lambda one: (one.start, one.end))) for name, rows in found.items()}


def with_utterances(rows: Iterable[SourceRow], path: Path) -> Iterator[SourceRow]:
    """The sources with their utterances: by id, else by the file's name without its ending.

    Raises SourceTableError where the table names none of the sources.
    """
    table = read_utterances(path)
    lacking: list[str] = []
    some = False
    for row in rows:
        own = next((table[name] for name in _called(row) if name in table), ())
        some = some or bool(own)
        if not own and len(lacking) < _SHOWN:
            lacking.append(row.id)
        yield row.model_copy(update={"utterances": own})
    if lacking and not some:
        raise SourceTableError(
            f"{path} has no row of any source: it names {', '.join([*table][:_SHOWN])}; the sources are "
            f"{', '.join(lacking)}",
            do="the column `recording` holds a source's id, or its file's name without the ending",
        )


def without_source(rows: Iterable[SourceRow], path: Path) -> list[str]:
    """The recordings that the table names and none of the sources is."""
    called = {name for row in rows for name in _called(row)}
    return [name for name in read_utterances(path) if name not in called]


def _called(row: SourceRow) -> tuple[str, str]:
    return row.id, Path(row.uri).stem if row.uri is not None else row.id


def samples_named(rows: Iterable[SourceRow]) -> dict[str, str]:
    """The sample of each utterance that has a name."""
    return {
        one.name: f"{row.id}#{place:04d}"
        for row in rows
        for place, one in enumerate(row.utterances)
        if one.name is not None
    }


def with_context(rows: Callable[[], Iterable[SourceRow]], most: int) -> Iterator[SourceRow]:
    """Sources that are one utterance each, with those before them in their dialogue: by turn, then as they come.

    rows: called twice, as the table may be longer than memory.
    """
    dialogues: dict[str, list[tuple[float, int, str]]] = {}
    for place, row in enumerate(rows()):
        if row.dialogue is not None:
            turn = math.inf if row.turn is None else row.turn
            dialogues.setdefault(row.dialogue, []).append((turn, place, row.id))
    before: dict[str, tuple[str, ...]] = {}
    for members in dialogues.values():
        ids = [name for _, _, name in sorted(members)]
        before.update({name: tuple(ids[max(0, at - most) : at]) for at, name in enumerate(ids)})
    return (row.model_copy(update={"before": before.get(row.id, ())}) for row in rows())


def meaning_of(column: str) -> str | None:
    """What a column of a table of utterances means; None for a further one."""
    return _COLUMN.get(column.strip().lower())


def _check(names: Sequence[str], path: Path) -> None:
    meant = [meaning for name in names if (meaning := meaning_of(name)) is not None]
    for name in NEEDED:
        if name not in meant:
            near = [one for one in names if meaning_of(one) is None]
            close = difflib.get_close_matches(name, [one.lower() for one in near], n=1)
            raise SourceTableError(
                f"{path}: no column {name!r} among {', '.join(names) or 'nothing'}",
                do=(f"is {close[0]!r} meant? " if close else "")
                + f"a table of utterances has the columns {', '.join(NEEDED)}",
            )
    twice = [name for name in NAMES if meant.count(name) > 1]
    if twice:
        raise SourceTableError(f"{path}: several columns mean {twice[0]!r}: {', '.join(names)}", do="keep one of them")


def _utterance(values: Mapping[str, object], where: str) -> tuple[str, Utterance]:
    told: dict[str, str] = {}
    extra: dict[str, str] = {}
    for column, value in values.items():
        if not isinstance(value, str | int | float):
            raise SourceTableError(f"{where}: {column}: found a {type(value).__name__}, expected one value")
        text = (str(value).lower() if isinstance(value, bool) else str(value)).strip()
        if text:
            meaning = meaning_of(column)
            (told if meaning else extra)[meaning or column.strip()] = text
    lacking = [name for name in NEEDED if name not in told]
    if lacking:
        raise SourceTableError(f"{where}: {lacking[0]} is empty", do="fill it, or take the row out")
    turn = told.get("turn")
    if turn is not None and not re.fullmatch(r"-?\d{1,9}", turn, re.ASCII):
        raise SourceTableError(f"{where}: turn: found {turn!r}, expected a whole number")
    return told["recording"], Utterance(
        start=seconds(told["start"], where),
        end=seconds(told["end"], where),
        name=told.get("utterance"),
        text=told.get("text"),
        speaker=told.get("speaker"),
        dialogue=told.get("dialogue"),
        turn=None if turn is None else int(turn),
        extra=extra,
    )


def seconds(text: str, where: str) -> float:
    """Seconds of `12.5` or of a clock, `0:00:12.5` or `00:00:12,500`. Raises SourceTableError."""
    clock = _CLOCK.fullmatch(text)
    if clock:
        hours, minutes, rest = clock.groups()
        return int(hours or 0) * 3600 + int(minutes) * 60 + float(rest.replace(",", "."))
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0) or "_" in text:
        raise SourceTableError(
            f"{where}: {text!r} is no time", do="seconds from the recording's start, or a clock such as 0:01:02.500"
        )
    return value
