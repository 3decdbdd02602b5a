"""Any table in which some columns are labels and the others tell of the recording."""

import difflib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.acquiring.ids import id_of
from pipelines.acquiring.sources import MEDIA_SUFFIXES
from pipelines.acquiring.table_file import records
from pipelines.acquiring.utterances import NEEDED, meaning_of
from pipelines.importing.corpus import Corpus, Label, choice
from schemas.errors import SourceTableError, UsageError

_DIGITS = 6
_PLACES = ("path", "uri", "url", "file", "media")


def plain(
    files: Sequence[Path], media: Path | None, questions: Sequence[str], key: str = "id", rater: str | None = None
) -> Corpus:
    """The corpus of tables whose columns `questions` are labels, and `key` names the recording.

    A question whose every label is a number is a scale from the smallest to the largest of them, any other a choice
    among those that are there. rater: the column that says whose answer a row is; a recording then has a row for each
    rater, and its other columns are those of its first. media: the folder from which paths count.

    A table of utterance times (`recording`, `start`, `end`) stays one: `key` names the utterance then, and recordings
    are the files in `media` that are called so. Those that are not there are sources that fail, not a mistake.

    Raises SourceTableError or UsageError.
    """
    if not questions:
        raise UsageError("which columns are labels is not said", do="name each with --question COLUMN")
    sources: dict[str, Mapping[str, str | int]] = {}
    labels: list[Label] = []
    utterances: dict[str, Mapping[str, str | int]] = {}
    recordings = _recordings(media)
    answered: dict[tuple[str, str], str] = {}
    for path in files:
        meant: dict[str, str] = {}

        def check(names: Sequence[str], where: Path, meant: dict[str, str] = meant) -> None:
            _check(names, where, (key, *questions), rater)
            meant |= {
                meaning: name.strip() for name in names if (meaning := meaning_of(name)) in NEEDED and name != key
            }

        for line, values in records(path, check):
            where = f"{path}:{line}"
            row = {name.strip(): str(value).strip() for name, value in values.items()}
            is_part = len(meant) == len(NEEDED)
            wanted = [key, *([rater] if rater is not None else []), *(meant.values() if is_part else ())]
            lacking = [name for name in wanted if not row.get(name)]
            if lacking:
                raise SourceTableError(f"{where}: {lacking[0]} is empty")
            name = row[key] if is_part else id_of(row[key])
            who = "corpus" if rater is None else row[rater]
            before = answered.setdefault((name, who), where)
            if before != where:
                raise SourceTableError(
                    f"{where}: {row[key]} is there already, in {before}",
                    do="name the column of the raters with --rater" if rater is None else "keep one row a rater",
                )
            taken = {*questions, key, rater or key}
            if is_part:
                recording = row[meant["recording"]]
                utterances.setdefault(name, _utterance(row, name, meant, taken))
                sources.setdefault(
                    recording, {"id": id_of(recording), "path": str(_called(recording, recordings, media))}
                )
            else:
                sources.setdefault(name, _source(row, name, taken, path, media))
            labels += [Label(name, column, _written(row[column]), who) for column in questions if row.get(column)]
    asked = tuple(_question(column, [one.value for one in labels if one.question == column]) for column in questions)
    if rater is not None:
        asked = tuple({**one, "agreement": True} for one in asked)
    every = tuple(sources.values())
    return Corpus(id_of(files[0].stem), every, tuple(labels), asked, utterances=tuple(utterances.values()))


def _recordings(media: Path | None) -> dict[str, Path]:
    """The recordings in a folder by their names without the ending."""
    if media is None:
        return {}
    return {path.stem: path for path in sorted(media.rglob("*")) if path.suffix.lower() in MEDIA_SUFFIXES}


def _called(name: str, recordings: Mapping[str, Path], media: Path | None) -> Path:
    if media is None:
        raise UsageError("the table has times of utterances", do="name the folder of the recordings with --media")
    return recordings.get(name, media / f"{name}.mp4")


def _utterance(row: Mapping[str, str], name: str, meant: Mapping[str, str], taken: set[str]) -> Mapping[str, str | int]:
    told: dict[str, str | int] = {"utterance": name, **{meaning: row[column] for meaning, column in meant.items()}}
    return {**{column: value for column, value in row.items() if column not in {*taken, *meant.values()}}, **told}


def _source(
    row: Mapping[str, str], name: str, taken: set[str], path: Path, media: Path | None
) -> Mapping[str, str | int]:
    told: dict[str, str | int] = {"id": name}
    for column, value in row.items():
        if column in taken:
            continue
        if column.lower() in _PLACES:
            told["path"] = value if "://" in value else str((media or path.parent) / value)
        else:
            told[column] = value
    return told


def _question(column: str, values: Sequence[str]) -> dict[str, Any]:
    if not values:
        raise SourceTableError(f"the column {column!r} holds no label", do="leave it out of the questions")
    numbers = [_number(value) for value in values]
    if all(math.isfinite(number) for number in numbers) and min(numbers) < max(numbers):
        step = 1 if all(number == round(number) for number in numbers) else 10**-_DIGITS
        scale = {"id": column, "kind": "scale", "title": column, "range": [min(numbers), max(numbers)], "step": step}
        return {**scale, "measure": "interval", "agreement": False}
    return choice(column, sorted(set(values)), column)


def _number(text: str) -> float:
    try:
        return math.nan if "_" in text else float(text)
    except ValueError:
        return math.nan


def _written(value: str) -> str:
    """A number with a fraction in at most six digits after the point, anything else as it is."""
    number = _number(value)
    return value if not math.isfinite(number) or number == round(number) else f"{round(number, _DIGITS):.12g}"


def _check(names: Sequence[str], where: Path, wanted: Sequence[str], rater: str | None) -> None:
    for name in (*wanted, *([rater] if rater is not None else [])):
        if name not in (given.strip() for given in names):
            near = difflib.get_close_matches(name, names, n=1)
            raise SourceTableError(
                f"{where}: no column {name!r} among {', '.join(names)}",
                do=f"did you mean {near[0]}?" if near else "check --question, --key and --rater",
            )
