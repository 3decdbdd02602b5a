"""The answers of any Label Studio project, from the JSON that it exports (https://labelstud.io/guide/export)."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.errors import SourceTableError

Json = Mapping[str, Any]
Given = tuple[str, str, str, str]
"""Item, rater, question, value."""


@dataclass
class _Asked:
    """What one control was answered: (item, rater) to the labels chosen, or to one number."""

    chosen: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    numbers: dict[tuple[str, str], str] = field(default_factory=dict)


def exported(path: str) -> tuple[list[Given], str]:
    """Choices, ratings and numbers of whole tasks; and what was left out, in words.

    A control that allows several choices, as somebody's having chosen two shows, becomes a question `control: label`
    for each label, answered 0 or 1 by everybody who submitted the task. Skipped tasks have no answers.

    Raises:
        SourceTableError: it is no such export, or one person annotated a task twice.
    """
    import fsspec

    try:
        with fsspec.open(path, "rb") as file:
            tasks = json.loads(file.read().decode("utf-8-sig"))
    except (OSError, ValueError, ImportError, RecursionError) as error:
        raise SourceTableError(f"{path} cannot be read: {error}", do="the JSON of a Label Studio export") from error
    asked: dict[str, _Asked] = defaultdict(_Asked)
    left: dict[str, int] = defaultdict(int)
    everybody: dict[tuple[str, str], None] = {}
    for item, rater, result in _annotations(tasks, path):
        if (item, rater) in everybody:
            raise SourceTableError(
                f"{path}: the annotator {rater} annotated task {item} twice", do="keep one annotation of each"
            )
        everybody[item, rater] = None
        for one in result:
            _take(one, (item, rater), asked, left)
    given = [answer for name, one in sorted(asked.items()) for answer in _answers(name, one, everybody)]
    if not given:
        raise SourceTableError(
            f"{path}: no choice, rating or number of a whole task among its answers",
            do="`affectloom annotate pull` with a file of questions reads stretches, texts and links",
        )
    return given, "; ".join(f"left out: {count} of {name}" for name, count in sorted(left.items()))


def _annotations(tasks: Any, path: str) -> Iterator[tuple[str, str, list[Json]]]:
    if not isinstance(tasks, list) or not all(isinstance(one, dict) for one in tasks):
        raise SourceTableError(f"{path}: a list of tasks is expected", do="export the project as JSON")
    for task in tasks:
        annotations = task.get("annotations", task.get("completions"))
        if "id" not in task or not isinstance(annotations, list):
            raise SourceTableError(
                f"{path}: no `id` or no `annotations` in a task", do="export the project as JSON, not as JSON_MIN"
            )
        for one in annotations:
            if not isinstance(one, dict) or one.get("was_cancelled"):
                continue
            who = one.get("completed_by")
            who = who.get("id", who.get("email")) if isinstance(who, dict) else who
            if who is None:
                raise SourceTableError(f"{path}: an annotation of task {task['id']} does not say who made it")
            result: list[Json] = [part for part in one.get("result") or () if isinstance(part, dict)]
            yield str(task["id"]), str(who), result


def _take(one: Json, place: tuple[str, str], asked: dict[str, _Asked], left: dict[str, int]) -> None:
    name, kind, value = str(one.get("from_name")), str(one.get("type")), one.get("value")
    if not isinstance(value, dict) or value.keys() & {"start", "end", "x", "ranges"}:
        left[f"stretches and regions ({name})"] += 1
    elif kind == "choices" and isinstance(value.get("choices"), list):
        asked[name].chosen[place] = tuple(str(label) for label in value["choices"])
    elif kind == "taxonomy" and isinstance(value.get("taxonomy"), list):
        asked[name].chosen[place] = tuple(" / ".join(map(str, leaf)) for leaf in value["taxonomy"])
    elif kind in ("rating", "number") and isinstance(value.get(kind), int | float):
        asked[name].numbers[place] = str(value[kind])
    else:
        left[f"{kind} ({name})"] += 1


def _answers(name: str, one: _Asked, everybody: Mapping[tuple[str, str], None]) -> Iterator[Given]:
    for (item, rater), number in one.numbers.items():
        yield item, rater, name, number
    if all(len(labels) <= 1 for labels in one.chosen.values()):
        for (item, rater), labels in one.chosen.items():
            if labels:
                yield item, rater, name, labels[0]
        return
    for label in sorted({label for labels in one.chosen.values() for label in labels}):
        for item, rater in everybody:
            yield item, rater, f"{name}: {label}", str(int(label in one.chosen.get((item, rater), ())))
