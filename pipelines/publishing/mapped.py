"""Labels of an outside set brought to those of the dataset by a table, the original kept beside."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipelines.acquiring.table_file import records
from schemas.answer import Answer
from schemas.errors import SourceTableError

ORIGINAL = "_original"
"""What the question of the labels as they were is called, after the question they answer now."""
COLUMNS = ("from", "to", "question")
_MOST_LISTED = 20


@dataclass(frozen=True)
class LabelMap:
    """Question and label to the label that stands for it; None where none does. A question of '' is any question."""

    where: str
    to: Mapping[tuple[str, str], str | None]

    def covers(self, question: str) -> bool:
        """Whether the table says anything of a question's labels."""
        return any(named in ("", question) for named, _ in self.to)

    def apply(self, answers: Iterable[Answer]) -> tuple[list[Answer], list[Answer]]:
        """The answers with their new labels, and those that were mapped as they were, under their original's question.

        An answer whose label has no counterpart is among the originals alone.
        Raises SourceTableError where the table does not say what becomes of a label.
        """
        now: list[Answer] = []
        before: list[Answer] = []
        unknown: dict[tuple[str, str], str] = {}
        for answer in answers:
            if not self.covers(answer.question) or not answer.counts:
                now.append(answer)
                continue
            key = next((key for key in ((answer.question, answer.value), ("", answer.value)) if key in self.to), None)
            if key is None:
                unknown.setdefault((answer.question, answer.value), answer.where)
                continue
            before.append(replace(answer, question=answer.question + ORIGINAL))
            label = self.to[key]
            if label is not None:
                now.append(replace(answer, value=label, number=_number(label)))
        if unknown:
            raise self._unknown(unknown)
        return now, before

    def _unknown(self, unknown: Mapping[tuple[str, str], str]) -> SourceTableError:
        told = []
        for (question, label), where in list(unknown.items())[:_MOST_LISTED]:
            known = [name for of, name in self.to if of in ("", question)]
            near = difflib.get_close_matches(label, known, n=1)
            told.append(f"{where}: {question}: {label!r}" + (f" (is {near[0]!r} meant?)" if near else ""))
        more = f"\n  and {len(unknown) - len(told)} more" if len(unknown) > len(told) else ""
        return SourceTableError(
            f"{self.where} does not say what becomes of {len(unknown)} labels:\n  " + "\n  ".join(told) + more,
            do="add a row for each; an empty `to` leaves the label out",
        )


def read_map(path: Path) -> LabelMap:
    """The map in a table with the columns `from`, `to` and, where labels mean different things, `question`.

    Raises SourceTableError: a column is missing, `from` is empty or there twice.
    """
    found: dict[tuple[str, str], str | None] = {}
    for line, values in records(path, _check):
        row = {name.strip(): str(value).strip() for name, value in values.items()}
        key = (row.get("question", ""), row.get("from", ""))
        if not key[1]:
            raise SourceTableError(f"{path}:{line}: `from` is empty")
        if key in found:
            raise SourceTableError(f"{path}:{line}: {key[1]!r} is there already", do="keep one row a label")
        found[key] = row.get("to") or None
    return LabelMap(str(path), found)


def _check(names: Sequence[str], where: Path) -> None:
    if where.suffix.lower() == ".jsonl":
        return
    for name in COLUMNS[:2]:
        if name not in (given.strip() for given in names):
            raise SourceTableError(
                f"{where}: no column {name!r} among {', '.join(names)}", do=f"its columns are {', '.join(COLUMNS)}"
            )


def _number(text: str) -> float | None:
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None
