"""Whether a typed value is an answer to a question."""

from collections.abc import Sequence

from schemas.answer_value import (
    ChoicesValue,
    ChoiceValue,
    LinkValue,
    RegionValue,
    ScaleValue,
    SpanValue,
    TextValue,
    Value,
)
from schemas.question import AnyQuestion, Choice, Choices, Link, Region, Scale, Span, Text

_SLACK = 1e-6


class Unfit(ValueError):
    """Why an answer does not fit its question."""


def check_value(question: AnyQuestion, value: Value) -> str | None:
    """Why a value, from wherever, is no answer to the question; None where it is one."""
    if value.kind != question.kind:
        return f"a {value.kind} value answers a {question.kind} question"
    try:
        check(question, value)
    except Unfit as error:
        return str(error)
    return None


def check(question: AnyQuestion, value: Value, *, intensities: bool = True) -> None:
    """Raises Unfit. intensities: whether each label of a required question must have one, where they are asked."""
    if isinstance(question, Choice) and isinstance(value, ChoiceValue):
        _check_names([value.label], question)
    elif isinstance(question, Choices) and isinstance(value, ChoicesValue):
        _check_choices(question, value, intensities=intensities)
    elif isinstance(question, Scale) and isinstance(value, ScaleValue):
        _check_scale(question, value)
    elif isinstance(question, Text) and isinstance(value, TextValue):
        if len(value.text) > question.most_characters:
            raise Unfit(f"{len(value.text)} characters, at most {question.most_characters} are allowed")
    elif isinstance(question, Span) and isinstance(value, SpanValue):
        _check_names([stretch.label for stretch in value.stretches], question)
        if len(value.stretches) < question.least:
            raise Unfit(f"{len(value.stretches)} stretches, at least {question.least} are expected")
    elif isinstance(question, Link) and isinstance(value, LinkValue):
        _check_number(len(value.targets), question)
    elif isinstance(question, Region) and isinstance(value, RegionValue):
        _check_number(len(value.faces), question)


def _check_names(labels: Sequence[str], question: AnyQuestion) -> None:
    offered = [option.name for option in question.options]
    for label in labels:
        if label not in offered and not getattr(question, "open", False):
            raise Unfit(f"{label!r} is not offered; allowed: {', '.join(offered)}")


def _check_number(found: int, question: Link | Region) -> None:
    if found > 1 and not question.several:
        raise Unfit(f"one is expected, found {found}")


def _check_choices(question: Choices, value: ChoicesValue, *, intensities: bool) -> None:
    _check_names(value.labels, question)
    if len(set(value.labels)) < len(value.labels):
        raise Unfit("a label is there twice")
    if len(value.picked) < question.least or (question.most is not None and len(value.picked) > question.most):
        most = f" and at most {question.most}" if question.most is not None else ""
        raise Unfit(f"{len(value.picked)} labels, at least {question.least}{most} are expected")
    levels = [point.value for point in question.intensity]
    for one in value.picked:
        if one.intensity is None and levels and intensities and question.required:
            raise Unfit(f"{one.label!r} has no intensity")
        if one.intensity is not None and one.intensity not in levels:
            raise Unfit(f"the intensity of {one.label!r} is {one.intensity:g}, allowed: {levels}")


def _check_scale(question: Scale, value: ScaleValue) -> None:
    numbers = [value.number] if value.number is not None else list(value.dimensions.values())
    named = {dimension.id for dimension in question.dimensions}
    if bool(named) != bool(value.dimensions) or not set(value.dimensions) <= named:
        raise Unfit(f"the dimensions are {', '.join(sorted(named)) or 'none'}, found {', '.join(value.dimensions)}")
    missing = [name for name in named if name not in value.dimensions]
    if question.required and missing:
        raise Unfit(f"no answer for {', '.join(sorted(missing))}")
    levels = [point.value for point in question.levels]
    for number in numbers:
        steps = (number - question.lowest) / question.step
        if levels and number not in levels:
            raise Unfit(f"{number:g} is no level; allowed: {', '.join(f'{level:g}' for level in levels)}")
        if not levels and not question.lowest <= number <= question.highest:
            raise Unfit(f"{number:g} is not between {question.lowest:g} and {question.highest:g}")
        if not levels and abs(steps - round(steps)) > _SLACK:
            raise Unfit(f"{number:g} is not in steps of {question.step:g} from {question.lowest:g}")
