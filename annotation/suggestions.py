"""Typed values as a Label Studio result: how a model's answers are shown to raters as predictions."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from annotation.answer_check import check_value
from annotation.answers import Json
from annotation.controls import NONE, Control, Media, asked, controls_of
from annotation.stretches import frames_of_seconds
from schemas.answer_value import (
    ChoicesValue,
    ChoiceValue,
    LinkValue,
    RegionValue,
    ScaleValue,
    SpanValue,
    Stretch,
    TextValue,
    Value,
)
from schemas.question import Choices, Point, QuestionSpec, Scale, Show


def write_result(
    spec: QuestionSpec,
    show: Show,
    values: Mapping[str, Value],
    data: Mapping[str, Any],
    media: Media = "video",
    *,
    blind_too: bool = False,
) -> list[Json]:
    """The result that `read_result` reads as these values.

    Args:
        spec: the questions.
        show: the view that the task belongs to; values of questions of other views are left out.
        values: by question.
        data: the task's data; `fps` is needed for stretches of a silent video.
        media: what the samples of the project have.
        blind_too: also for blind questions, which a form must not show filled in: for answers, not for suggestions.

    Raises:
        ValueError: a value does not fit its question, or the spec has no such question; says which and why.
    """
    for name, value in values.items():
        if name not in [question.id for question in spec.questions]:
            raise ValueError(f"there is no question {name!r}")
        why = check_value(spec.question(name), value)
        if why is not None:
            raise ValueError(f"{name}: {why}")
    found: list[Json] = []
    for question in asked(spec, show, media):
        if question.id in values and (blind_too or not question.blind):
            for control in controls_of(question, show, media):
                found.extend(_items(control, values[question.id], data))
    return found


def _items(control: Control, value: Value, data: Mapping[str, Any]) -> Iterator[Json]:
    if isinstance(value, SpanValue):
        for place, stretch in enumerate(value.stretches):
            yield _item(control, _stretch(control, stretch, data), str(place))
        return
    inner = _inner(control, value)
    if inner is not None:
        yield _item(control, inner)


def _item(control: Control, value: Json, more: str = "") -> Json:
    name = hashlib.sha256(f"{control.name} {more}".encode()).hexdigest()[:10]
    return {"id": name, "from_name": control.name, "to_name": control.to_name, "type": control.type, "value": value}


def _stretch(control: Control, stretch: Stretch, data: Mapping[str, Any]) -> Json:
    if control.tag == "TimelineLabels":
        fps = data.get("fps")
        if not isinstance(fps, int | float) or fps <= 0:
            raise ValueError(f"{control.name}: the task's `fps` is {fps!r}, so seconds have no frames")
        return {"ranges": [frames_of_seconds(stretch.start, stretch.end, fps)], "timelinelabels": [stretch.label]}
    if control.to_name == "transcript":
        first, last = round(stretch.start), round(stretch.end)
        text = str(data.get("text", ""))[first:last]
        return {"start": first, "end": last, "text": text, "labels": [stretch.label]}
    return {"start": stretch.start, "end": stretch.end, "channel": 0, "labels": [stretch.label]}


def _inner(control: Control, value: Value) -> Json | None:
    """The value of one control; None where it has nothing to say."""
    if isinstance(value, ChoiceValue | ChoicesValue):
        return _labels(control, value)
    if isinstance(value, ScaleValue):
        return _number(control, value)
    if isinstance(value, TextValue):
        return {"text": [value.text]} if value.text else None
    named = list(value.targets) if isinstance(value, LinkValue) else []
    if isinstance(value, RegionValue):
        named = [str(face) for face in value.faces]
    return {"choices": named or [NONE]}


def _labels(control: Control, value: ChoiceValue | ChoicesValue) -> Json | None:
    labels = [value.label] if isinstance(value, ChoiceValue) else list(value.labels)
    offered = [option.name for option in control.question.options]
    if control.part == "intensity" and isinstance(value, ChoicesValue) and isinstance(control.question, Choices):
        strength = {one.label: one.intensity for one in value.picked}.get(control.of)
        return None if strength is None else {"choices": [_name_of(control.question.intensity, strength)]}
    if control.part == "other":
        own = [label for label in labels if label not in offered]
        return {"text": own} if own else None
    chosen = [label for label in labels if label in offered]
    return {"choices": chosen} if chosen else None


def _number(control: Control, value: ScaleValue) -> Json | None:
    number = value.dimensions.get(control.of) if control.part == "dimension" else value.number
    if number is None:
        return None
    if control.tag == "Choices" and isinstance(control.question, Scale):
        return {"choices": [_name_of(control.question.points, number)]}
    return {"number": number}


def _name_of(points: tuple[Point, ...], number: float) -> str:
    return min(points, key=lambda point: abs(point.value - number)).name
