"""Answers of models, before or instead of those of people: from Python or from a file (a chat model: prelabel_chat.py).

Whatever says it, an answer is kept with the model's name. Questions that are `blind`, as all are unless the spec says
otherwise, get none of it onto the raters' screen.
"""

import importlib.metadata
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from schemas.answer_value import (
    ChoicesValue,
    ChoiceValue,
    LinkValue,
    Picked,
    RegionValue,
    ScaleValue,
    SpanValue,
    Stretch,
    TextValue,
    Value,
    value_of_json,
)
from schemas.errors import MissingPart, SourceTableError
from schemas.question import AnyQuestion, Choice, Choices, Link, QuestionSpec, Region, Scale, Span

GROUP = "affectloom.prelabel"


@dataclass(frozen=True)
class Asking:
    """What a model is told of a sample. context: what was said before, oldest first."""

    item: str
    text: str = ""
    speaker: str = ""
    context: Sequence[str] = ()


@dataclass(frozen=True)
class ModelAnswer:
    """A model's answer to one question about one sample. where: for messages."""

    item: str
    question: str
    value: Value
    model: str
    where: str = ""


class Prelabeller(Protocol):
    """Answers for samples. A package offers one by an entry point of the group `affectloom.prelabel`.

    The entry point names a callable without arguments that returns it.
    """

    @property
    def model(self) -> str:
        """The model's name and version, as it is kept and published."""
        ...

    def __call__(self, samples: Iterable[Asking], spec: QuestionSpec) -> Iterator[ModelAnswer]:
        """Answers in any order; a sample or a question may be left out."""
        ...


def named(name: str) -> Prelabeller:
    """The prelabeller of an entry point. Raises MissingPart where there is none of that name."""
    points = importlib.metadata.entry_points(group=GROUP)
    for point in points:
        if point.name == name:
            made: Prelabeller = point.load()()
            return made
    known = ", ".join(sorted(point.name for point in points)) or "none"
    raise MissingPart(
        f"no prelabeller {name!r}; there are: {known}", do=f"install the package that has the entry point in {GROUP}"
    )


@dataclass(frozen=True)
class FromFile:
    """Answers in a JSON lines file: `item`, `question`, `value`, and `model` unless one is given for all.

    A value is a label, a number, a text, a list of labels, a mapping of dimensions to numbers, or a typed value with
    its `kind` (schemas/answer_value.py).
    """

    path: str
    model: str = ""

    def __call__(self, samples: Iterable[Asking], spec: QuestionSpec) -> Iterator[ModelAnswer]:
        """Those of the file that are about the samples. Raises SourceTableError with file and line."""
        wanted = {sample.item for sample in samples}
        for row, where in self._rows():
            if row.get("item") not in wanted:
                continue
            model = str(row.get("model") or self.model)
            if not model:
                raise SourceTableError(f"{where}: no `model`", do="name the model in each line, or in the recipe")
            try:
                question = spec.question(str(row.get("question")))
                said = typed(row.get("value"), question)
            except KeyError as error:
                raise SourceTableError(f"{where}: no question {error} in the spec") from error
            except ValueError as error:
                raise SourceTableError(f"{where}: {error}") from error
            yield ModelAnswer(str(row["item"]), question.id, said, model, where)

    def _rows(self) -> Iterator[tuple[dict[str, Any], str]]:
        import fsspec

        try:
            with fsspec.open(self.path, "rb") as file:
                lines = file.read().split(b"\n")
        except (OSError, ValueError, ImportError) as error:
            raise SourceTableError(f"{self.path} cannot be read: {error}") from error
        for number, line in enumerate(lines, 1):
            if line.strip():
                where = f"{self.path}, line {number}"
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise SourceTableError(f"{where}: not JSON: {error}") from error
                if not isinstance(row, dict):
                    raise SourceTableError(f"{where}: an object with `item`, `question` and `value` is expected")
                yield row, where


def typed(given: object, question: AnyQuestion) -> Value:  # noqa: PLR0911 - one for each kind
    """A value as a file or a model writes it, as an answer to a question. Raises ValueError where it is none."""
    if isinstance(given, Mapping) and "kind" in given:
        return value_of_json(json.dumps(given))
    if isinstance(question, Choice):
        return ChoiceValue(label=_label(given, question))
    if isinstance(question, Choices):
        return _choices(given, question)
    if isinstance(question, Scale):
        return _scale(given, question)
    if isinstance(question, Span):
        rows = given if isinstance(given, list) else [given]
        unit = "characters" if question.along == "transcript" else "seconds"
        return SpanValue(unit=unit, stretches=tuple(Stretch.model_validate(row) for row in rows))
    if isinstance(question, Link):
        return LinkValue(targets=tuple(map(str, given if isinstance(given, list) else [given])))
    if isinstance(question, Region):
        return RegionValue(faces=tuple(map(_whole, given if isinstance(given, list) else [given])))
    if not isinstance(given, str) or not given.strip():
        raise ValueError(f"{question.id}: a text is expected, not {given!r}")
    return TextValue(text=given)


def _label(given: object, question: Choice | Choices) -> str:
    offered = [option.name for option in question.choices]
    if not isinstance(given, str | int | float) or (str(given) not in offered and not question.open):
        raise ValueError(f"{question.id}: {given!r} is not offered: {', '.join(offered)}")
    return str(given)


def _choices(given: object, question: Choices) -> ChoicesValue:
    if isinstance(given, Mapping):
        strengths: dict[str, float | None] = {name: _number(number, question) for name, number in given.items()}
    else:
        strengths = {str(name): None for name in (given if isinstance(given, list) else [given])}
    names = [_label(name, question) for name in strengths]
    order = {option.name: at for at, option in enumerate(question.choices)}
    names.sort(key=lambda name: order.get(name, len(order)))
    return ChoicesValue(picked=tuple(Picked(label=name, intensity=strengths[name]) for name in names))


def _scale(given: object, question: Scale) -> ScaleValue:
    if isinstance(given, Mapping):
        known = {dimension.id for dimension in question.dimensions}
        if strange := sorted(set(given) - known):
            raise ValueError(f"{question.id}: no dimension {strange[0]!r}")
        return ScaleValue(dimensions={name: _within(number, question) for name, number in given.items()})
    named_levels = {level.name: level.value for level in question.levels}
    return ScaleValue(number=_within(named_levels.get(str(given), given), question))


def _within(given: object, question: Scale) -> float:
    number = _number(given, question)
    if not question.lowest <= number <= question.highest:
        raise ValueError(f"{question.id}: {number:g} is not between {question.lowest:g} and {question.highest:g}")
    return number


def _number(given: object, question: AnyQuestion) -> float:
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise ValueError(f"{question.id}: a number is expected, not {given!r}")  # noqa: TRY004 - a wrong value
    try:
        return float(given)
    except ValueError:
        raise ValueError(f"{question.id}: a number is expected, not {given!r}") from None


def _whole(given: object) -> int:
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise ValueError(f"a face's number is expected, not {given!r}")  # noqa: TRY004 - a wrong value
    return int(given)
