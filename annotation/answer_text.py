"""Answers that stand in a table, as typed values."""

import json
from typing import Any

from pydantic import ValidationError

from annotation.answer_check import Unfit, check
from schemas.answer_value import (
    ChoicesValue,
    ChoiceValue,
    LinkValue,
    Picked,
    RegionValue,
    ScaleValue,
    TextValue,
    Value,
    value_of_json,
)
from schemas.question import AnyQuestion, Choice, Choices, Link, Region, Scale, Text


def read_text(question: AnyQuestion, text: str) -> Value:
    """The value that a cell of a table holds, checked against its question.

    Besides what `plain` writes, these are read: for several labels, a JSON list, or names with `|` between them; for
    a scale, the name of a level; for dimensions, a JSON object of numbers; for links and faces, a JSON list, or one.

    Raises:
        Unfit: it is no answer to this question; says why.
    """
    value = _typed(text, question) or _read(question, text.strip())
    check(question, value)
    return value


def _typed(text: str, question: AnyQuestion) -> Value | None:
    """The value in JSON that names its kind."""
    if not text.lstrip().startswith("{") or isinstance(question, Text):
        return None
    given = _json(text)
    if not isinstance(given, dict) or given.get("kind") != question.kind:
        return None
    try:
        return value_of_json(text)
    except ValidationError as error:
        raise Unfit(f"{text!r} is no {question.kind} answer: {error.errors()[0]['msg']}") from error


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _read(question: AnyQuestion, text: str) -> Value:
    if isinstance(question, Choice):
        return ChoiceValue(label=" ".join(text.split()))
    if isinstance(question, Choices):
        given = _json(text)
        labels = given if isinstance(given, list) else [part.strip() for part in text.split("|") if part.strip()]
        order = [option.name for option in question.choices]
        labels.sort(key=lambda label: (order.index(label), "") if label in order else (len(order), str(label)))
        return ChoicesValue(picked=tuple(Picked(label=str(label)) for label in labels))
    if isinstance(question, Scale):
        return _scale(question, text)
    if isinstance(question, Text):
        return TextValue(text=text)
    given = _json(text)
    several = given if isinstance(given, list) else [text if isinstance(question, Link) else given]
    if isinstance(question, Link):
        return LinkValue(targets=tuple(str(one) for one in several))
    if isinstance(question, Region) and all(isinstance(one, int) and not isinstance(one, bool) for one in several):
        return RegionValue(faces=tuple(several))
    raise Unfit(f"{text!r} is no {question.kind} answer")


def _scale(question: Scale, text: str) -> ScaleValue:
    if question.dimensions:
        given = _json(text)
        if isinstance(given, dict) and all(isinstance(one, int | float) for one in given.values()):
            return ScaleValue(dimensions={str(name): float(one) for name, one in given.items()})
        raise Unfit(f"{text!r} is no JSON object with a number for each of the dimensions")
    for point in question.levels:
        if text in (point.name, point.title):
            return ScaleValue(number=point.value)
    try:
        return ScaleValue(number=float(text))
    except ValueError as error:  # pydantic's, for nan and infinity, is one
        names = ", ".join(point.name for point in question.levels)
        raise Unfit(f"{text!r} is neither a number nor a level{f'; levels: {names}' if names else ''}") from error
