"""What is taken of a corpus, and writing it as sources, answers, questions and a recipe."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os.path import relpath
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from schemas.errors import UsageError
from schemas.question import QuestionSpec

SPLIT = "split"
_ANSWERS = ("item", "rater", "question", "value", "shown")


@dataclass(frozen=True)
class Label:
    """What a corpus says of one of its items. rater: whose answer it is; the corpus itself where it tells no raters."""

    item: str
    question: str
    value: str
    rater: str
    shown: str = "all"


@dataclass(frozen=True)
class Corpus:
    """A corpus as tables. sources: rows of the table of sources, `path` as it is on this machine.

    questions: blocks of a question file, in the order of the corpus.
    """

    name: str
    sources: tuple[Mapping[str, str | int], ...]
    labels: tuple[Label, ...]
    questions: tuple[Mapping[str, Any], ...]
    context: int = 0
    utterances: tuple[Mapping[str, str | int], ...] = ()
    """Rows of a table of utterances, where sources are long; their names are the labels' items."""
    group_by: str = ""
    """What is best kept on one side of a split, where the corpus has no splits of its own."""

    @property
    def has_splits(self) -> bool:
        """Whether every source, or every utterance, says its split."""
        return all(row.get(SPLIT) for row in self.utterances or self.sources)

    def counts(self) -> dict[str, dict[str, dict[str, int]]]:
        """How often each label was given in each split, by question."""
        split = {str(row["id"]): str(row.get(SPLIT, "")) for row in self.sources}
        split |= {str(row["utterance"]): str(row.get(SPLIT, "")) for row in self.utterances}
        found: dict[str, dict[str, Counter[str]]] = {}
        for one in self.labels:
            question = one.question if one.shown == "all" else f"{one.question}, {one.shown}"
            found.setdefault(question, {}).setdefault(split.get(one.item, ""), Counter())[one.value] += 1
        return {question: {of: dict(counts) for of, counts in each.items()} for question, each in found.items()}


def choice(question: str, labels: Iterable[str], title: str) -> dict[str, Any]:
    """A question with one of some names as its answer. Nothing can be said of raters who are not told apart."""
    return {"id": question, "kind": "choice", "title": title, "agreement": False, "choices": list(labels)}


def write(corpus: Corpus, out: Path) -> tuple[Path, ...]:
    """Write `sources.csv`, `utterances.csv` (where there are some), `answers.csv`, `questions.yaml` and `recipe.yaml`.

    Raises UsageError where one is there already, the folder cannot be written, or labels cannot be those of a question.
    """
    spec = {"title": f"Labels of {corpus.name}", "questions": [dict(one) for one in corpus.questions]}
    try:
        QuestionSpec.model_validate(spec)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"{where}: {first['msg']}, found {str(first['input'])[:80]!r}",
            do="rename the column or the labels; or give them as answers, with a question file of your own",
        ) from error
    texts = {
        "sources.csv": _csv(_columns(corpus.sources), [_placed(row, out) for row in corpus.sources]),
        "answers.csv": _csv(_ANSWERS, [vars(label) for label in corpus.labels]),
        "questions.yaml": yaml.safe_dump(spec, sort_keys=False, allow_unicode=True, width=120),
        "recipe.yaml": _recipe(corpus),
    }
    if corpus.utterances:
        texts = {"utterances.csv": _csv(_columns(corpus.utterances), corpus.utterances), **texts}
    there = [name for name in texts if (out / name).exists()]
    if there:
        raise UsageError(f"{out / there[0]} is there already", do="name another folder; nothing is overwritten")
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (out / name).write_text(text, "utf-8", newline="")
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror}", do="name another folder") from error
    return tuple(out / name for name in texts)


def _recipe(corpus: Corpus) -> str:
    context = f", context: {corpus.context}" if corpus.context else ""
    by = "table, table: utterances.csv" if corpus.utterances else "whole"
    grouped = [f"publish: {{group_by: {corpus.group_by}}}"] if corpus.group_by else []
    lines = [
        f"name: {corpus.name}",
        "sources: sources.csv",
        f"segment: {{by: {by}{context}}}",
        "ask: questions.yaml",
        "labels: answers.csv",
        *([f"publish: {{splits: {SPLIT}}}"] if corpus.has_splits else grouped),
    ]
    return "\n".join(lines) + "\n"


def _columns(rows: Sequence[Mapping[str, object]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for row in rows for name in row))


def _placed(row: Mapping[str, str | int], out: Path) -> Mapping[str, str | int]:
    """The row with its path counted from the table's own folder."""
    path = str(row.get("path", ""))
    if not path or "://" in path:
        return row
    return {**row, "path": relpath(Path(path).absolute(), out.absolute())}


def _csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
