"""What a Label Studio result says, as typed values checked against the spec.

A result is the list that the server keeps for one annotation, prediction or draft
(https://labelstud.io/guide/task_format). The server itself checks next to nothing of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from annotation.answer_check import Unfit, check
from annotation.assign import item_of
from annotation.controls import NONE, Control, Media, asked, controls_of
from annotation.push import KEY
from annotation.stretches import CannotPlace, seconds_of_frames, stretch_of_text
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
)
from schemas.question import AnyQuestion, Choice, Choices, Link, QuestionSpec, Scale, Show, Span, Text

Json = dict[str, Any]


@dataclass(frozen=True)
class BadAnswer:
    """An answer that does not fit the spec. question: empty where no question has such a control. raw: as it came."""

    question: str
    why: str
    raw: tuple[Json, ...] = ()


@dataclass(frozen=True)
class Said:
    """What one result says: a value for each question that was answered well, and what was wrong with others."""

    values: Mapping[str, Value] = field(default_factory=dict)
    bad: tuple[BadAnswer, ...] = ()


def read_result(
    spec: QuestionSpec,
    show: Show,
    result: Sequence[Json],
    data: Mapping[str, Any],
    media: Media = "video",
    *,
    whole: bool = True,
) -> Said:
    """The typed values of one result.

    A question whose condition is not met has no answer, whatever the form still held when it was submitted.

    Args:
        spec: the questions.
        show: the view that the task belongs to.
        result: as the server has it.
        data: the task's data: the transcript for stretches of it, `fps`, `utterances` and `faces`.
        media: what the samples of the project have.
        whole: whether required answers must be there; not so in drafts, skips and suggestions.
    """
    bad: list[BadAnswer] = []
    values: dict[str, Value] = {}
    questions = asked(spec, show, media)
    by_control, strays = _sorted_out(result, {c.name: c for q in questions for c in controls_of(q, show, media)})
    bad.extend(strays)
    for question in questions:
        if question.when is not None and not _met(
            question.when.is_, values.get(question.when.question), spec, question
        ):
            continue
        mine = [control for control in controls_of(question, show, media) if control.name in by_control]
        raw = tuple(item for control in mine for item in by_control[control.name])
        try:
            value = _value(question, mine, by_control, data, whole=whole)
        except Unfit as error:
            bad.append(BadAnswer(question.id, str(error), raw))
            continue
        if value is not None:
            values[question.id] = value
        elif whole and question.required and not any(one.question == question.id for one in bad):
            bad.append(BadAnswer(question.id, "it is required and was not answered", raw))
    return Said(values, tuple(bad))


def _sorted_out(result: Sequence[Json], known: Mapping[str, Control]) -> tuple[dict[str, list[Json]], list[BadAnswer]]:
    by_control: dict[str, list[Json]] = {}
    bad: list[BadAnswer] = []
    for item in result:
        name = item.get("from_name") if isinstance(item, Mapping) else None
        control = known.get(name) if isinstance(name, str) else None
        if control is None or name is None:
            what = f"the control {name!r}" if name else f"a result of type {_of(item, 'type')!r}"
            bad.append(BadAnswer("", f"this view of the spec does not have {what}", (item,)))
        elif item.get("type") != control.type or not isinstance(item.get("value"), Mapping):
            why = f"found a result of type {item.get('type')!r}, expected {control.type!r} with a value"
            bad.append(BadAnswer(control.question.id, why, (item,)))
        else:
            by_control.setdefault(name, []).append(item)
    return by_control, bad


def _of(item: object, key: str) -> object:
    return item.get(key) if isinstance(item, Mapping) else None


def _met(wanted: Iterable[str], value: Value | None, spec: QuestionSpec, question: AnyQuestion) -> bool:
    """Whether one of the wanted names was answered."""
    if isinstance(value, ChoiceValue):
        return value.label in wanted
    if isinstance(value, ChoicesValue):
        return any(label in wanted for label in value.labels)
    if isinstance(value, ScaleValue) and question.when is not None:
        other = spec.question(question.when.question)
        points = other.points if isinstance(other, Scale) else ()
        return any(point.name in wanted and point.value == value.number for point in points)
    return False


def _value(
    question: AnyQuestion,
    mine: Sequence[Control],
    by_control: Mapping[str, Sequence[Json]],
    data: Mapping[str, Any],
    *,
    whole: bool,
) -> Value | None:
    """The value, checked; None where nothing was answered."""
    value: Value | None
    if isinstance(question, Span):
        items = [item for control in mine for item in by_control[control.name]]
        value = _span(question, items, data) if items or question.required else None
    else:
        for control in mine:
            if len(by_control[control.name]) > 1:
                raise Unfit(f"{len(by_control[control.name])} results of the control {control.name!r}, expected one")
        given = {control.name: by_control[control.name][0]["value"] for control in mine}
        value = _whole_sample(question, mine, given, data)
    if value is not None:
        check(question, value, intensities=whole)
    return value


def _whole_sample(
    question: AnyQuestion, mine: Sequence[Control], given: Mapping[str, Json], data: Mapping[str, Any]
) -> Value | None:
    if isinstance(question, Scale):
        return _scale(question, mine, given)
    if isinstance(question, Text):
        text = "\n".join(_texts(given[mine[0].name])).strip() if mine else ""
        return TextValue(text=text) if text else None
    labels = [name for one in mine if one.part != "intensity" for name in _names(one, given[one.name])]
    if isinstance(question, Choice):
        if len(labels) > 1:
            raise Unfit(f"one choice is expected, found {', '.join(map(repr, labels))}")
        return ChoiceValue(label=labels[0]) if labels else None
    if isinstance(question, Choices):
        return _choices(question, labels, mine, given)
    return _pointed_at(question, labels, data) if mine else None


def _pointed_at(question: AnyQuestion, labels: list[str], data: Mapping[str, Any]) -> LinkValue | RegionValue:
    """Utterances or faces that the task offers."""
    if NONE in labels and len(labels) > 1:
        raise Unfit("`none` stands beside other choices")
    labels = [label for label in labels if label != NONE]
    if isinstance(question, Link):
        if not question.itself and item_of(str(data.get(KEY, ""))) in labels:
            raise Unfit("the utterance is linked to itself")
        return LinkValue(targets=tuple(_offered(labels, data, "utterances", "utterance")))
    return RegionValue(faces=tuple(int(label) for label in _offered(labels, data, "faces", "face")))


def _names(control: Control, value: Json) -> list[str]:
    """Labels, chosen or written."""
    if control.tag == "TextArea":
        return [" ".join(text.split()) for text in _texts(value) if text.strip()]
    chosen = value.get("choices")
    if not isinstance(chosen, list) or not all(isinstance(one, str) for one in chosen):
        raise Unfit(f"`choices` holds {chosen!r}, expected a list of names")
    return list(dict.fromkeys(chosen))


def _texts(value: Json) -> list[str]:
    text = value.get("text")
    texts = [text] if isinstance(text, str) else text
    if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
        raise Unfit(f"`text` holds {text!r}, expected text")
    return texts


def _choices(
    question: Choices, labels: Sequence[str], mine: Sequence[Control], given: Mapping[str, Json]
) -> ChoicesValue | None:
    if not labels and not question.required:
        return None
    values = {point.name: point.value for point in question.intensity}
    strengths = {one.of: _point(one, given[one.name], values) for one in mine if one.part == "intensity"}
    order = [option.name for option in question.choices]
    placed = sorted(labels, key=lambda label: (order.index(label), "") if label in order else (len(order), label))
    return ChoicesValue(picked=tuple(Picked(label=label, intensity=strengths.get(label)) for label in placed))


def _point(control: Control, value: Json, values: Mapping[str, float]) -> float:
    names = _names(control, value)
    if len(names) != 1 or names[0] not in values:
        raise Unfit(f"found {', '.join(map(repr, names)) or 'nothing'}, expected one of {', '.join(values)}")
    return values[names[0]]


def _scale(question: Scale, mine: Sequence[Control], given: Mapping[str, Json]) -> ScaleValue | None:
    values = {point.name: point.value for point in question.points}
    numbers: dict[str, float] = {}
    for control in mine:
        value = given[control.name]
        if control.tag == "Choices":
            numbers[control.of] = _point(control, value, values)
        else:
            number = value.get("number")
            if isinstance(number, bool) or not isinstance(number, int | float):
                raise Unfit(f"`number` holds {number!r}, expected a number")
            numbers[control.of] = float(number)
    if not numbers:
        return None
    return ScaleValue(dimensions=numbers) if question.dimensions else ScaleValue(number=numbers[""])


def _span(question: Span, items: Sequence[Json], data: Mapping[str, Any]) -> SpanValue:
    found: list[Stretch] = []
    for item in items:
        value = item["value"]
        labels = value.get("labels") or value.get("timelinelabels")
        if not isinstance(labels, list) or not labels:
            raise Unfit("a stretch has no label")
        try:
            if question.along == "transcript":
                places: list[tuple[float, float, str]] = [stretch_of_text(value, str(data.get("text", "")))]
            elif "ranges" in value:
                places = [(*times, "") for times in seconds_of_frames(value, data.get("fps"))]
            else:
                places = [(float(value["start"]), float(value["end"]), "")]
            found += [
                Stretch(start=start, end=end, label=label, text=text) for start, end, text in places for label in labels
            ]
        except (CannotPlace, KeyError, TypeError, ValueError) as error:
            why = str(error) if isinstance(error, CannotPlace) else f"no times in {value!r}"
            raise Unfit(f"a stretch cannot be placed: {why}") from error
    order = [label.name for label in question.labels]
    found.sort(key=lambda one: (one.start, one.end, order.index(one.label) if one.label in order else -1))
    unit = "characters" if question.along == "transcript" else "seconds"
    return SpanValue(unit=unit, stretches=tuple(found))


def _offered(labels: Sequence[str], data: Mapping[str, Any], key: str, what: str) -> list[str]:
    offered = [str(one.get("alias", one.get("value"))) for one in data.get(key) or () if isinstance(one, Mapping)]
    for label in labels:
        if label not in offered:
            raise Unfit(f"{label!r} is no {what} of this task; offered: {', '.join(offered) or 'none'}")
    return sorted(labels, key=offered.index)
