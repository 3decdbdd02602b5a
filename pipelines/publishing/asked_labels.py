"""Answers to the questions of a spec as columns: how one question's answers about one item become its values."""

import math
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from types import MappingProxyType
from typing import Any

from annotation.aggregate import by_mace
from annotation.asked_agreement import Extent
from annotation.dawid_skene import dawid_skene
from annotation.ratings import MISSING, Ratings
from annotation.voted import Group, votes_of
from pipelines.publishing.agreed import agreed_by_column
from pipelines.publishing.ranges import at_levels, ranges
from schemas.answer import Answer, Question
from schemas.answer_value import (
    ChoicesValue,
    ChoiceValue,
    LinkValue,
    ScaleValue,
    SpanValue,
    TextValue,
    Value,
)
from schemas.features import Features, list_of, value
from schemas.question import AnyQuestion, Choice, Choices, Scale, Show

Decision = tuple[int, Answer]
"""The round, from 2, and what an expert who saw the votes answered in it."""


_RULES = {
    "majority": "what most raters gave; null where two answers were given equally often",
    "soft": "what most raters gave, null where two were given equally often; `_soft` is the share of each label",
    "mean": "the mean, counted here at the nearest level or in ranges; `_spread` is the sample standard deviation",
    "median": "the median, counted here at the nearest level or in ranges; `_spread` is the sample standard deviation",
    "dawid-skene": "the most probable by the model of Dawid and Skene (1979); `_soft` is each label's probability",
    "mace": "the most probable by the model MACE (Hovy et al. 2013); `_soft` is each label's probability",
    "keep-all": "not given: all answers are kept, and none is preferred",
}
_SETS = "what more than half of the raters gave"


@dataclass(frozen=True)
class Columns:
    """One question under one view: its columns, their values by item, and what is said of it."""

    features: Features
    rows: Mapping[str, Mapping[str, Any]]
    told: tuple[Question, ...]


def columns_of(
    question: AnyQuestion,
    show: Show,
    answers: Sequence[Answer],
    named: Callable[[str], str],
    group: Group,
    *,
    decided: Sequence[Decision] = (),
    extents: Mapping[str, Extent] = MappingProxyType({}),
) -> Columns:
    """The columns of answers that fit the question, each with its typed value in `given`.

    Args:
        question: of the spec.
        show: the view under which they were given.
        answers: at most one of a rater about an item, at least one in all.
        named: from a rater to a pseudonym.
        group: for open vocabularies; `_answers` keeps what was written.
        decided: of experts, each with its typed value; the last round's take the aggregate's place. Votes, shares and
            single answers stay the raters'.
        extents: of the samples, for the agreement of stretches and of transcripts.
    """
    column = question.column(show)
    label = value("float64") if isinstance(question, Scale) else value("string")
    features = question.features(column)
    voted = not isinstance(question, Scale) or not question.dimensions
    if voted and question.level not in ("text", "spans"):
        features[f"{column}_votes"] = list_of({"label": label, "count": value("int64")})
    features[f"{column}_answers"] = list_of({"rater": value("string"), "value": question.answer_feature})
    rows: dict[str, dict[str, Any]] = {}
    tied: Counter[str] = Counter()
    order = [option.name for option in question.options]
    by_item = sorted(((answer.item, named(answer.rater), answer) for answer in answers), key=itemgetter(0, 1))
    for item, several in groupby(by_item, key=itemgetter(0)):
        mine = [(rater, answer.given) for _, rater, answer in several]
        values = [given for _, given in mine if given is not None]
        row: dict[str, Any] = {
            f"{column}_answers": [{"rater": r, "value": answer_of(question, g)} for r, g in mine if g is not None]
        }
        row |= _aggregate(question, column, values, order=order, group=group, tied=tied)
        rows[item] = {name: row.get(name) for name in features}
    if question.used_aggregation in ("dawid-skene", "mace"):
        _model(question, column, answers, rows, order=order, group=group)
    if decided:
        shape = {"rater": value("string"), "round": value("int64"), "value": question.answer_feature}
        features[f"{column}_decided"] = list_of(shape)
        _decide(question, column, decided, rows, named=named, group=group)
    agreed = agreed_by_column(question, column, answers, group, extents)
    told = tuple(
        replace(_told(question, name, answers, rows, order=order, tied=tied[name]), agreement=agreed.get(name, ()))
        for name in _told_of(question, column)
    )
    return Columns(features, rows, told)


def _decide(
    question: AnyQuestion,
    column: str,
    decided: Sequence[Decision],
    rows: Mapping[str, dict[str, Any]],
    *,
    named: Callable[[str], str],
    group: Group,
) -> None:
    order = [option.name for option in question.options]
    model = question.used_aggregation in ("dawid-skene", "mace", "soft")
    plainly = question.model_copy(update={"aggregate": "majority"}) if model else question
    for item, row in rows.items():
        mine = sorted((number, named(one.rater), one) for number, one in decided if one.item == item)
        row[f"{column}_decided"] = [
            {"rater": rater, "round": number, "value": answer_of(question, one.given)}
            for number, rater, one in mine
            if one.given is not None
        ]
        last = [one.given for number, _, one in mine if number == mine[-1][0] and one.given is not None]
        if last:
            made = _aggregate(plainly, column, last, order=order, group=group, tied=Counter())
            row |= {name: made.get(name) for name in plainly.features(column) if not name.endswith("_soft")}


def answer_of(question: AnyQuestion, given: Value) -> Any:
    """One person's answer as `answer_feature` has it."""
    if isinstance(given, ChoiceValue):
        return given.label
    if isinstance(given, ChoicesValue):
        labels = list(given.labels)
        strengths = [one.intensity for one in given.picked]
        asked = isinstance(question, Choices) and question.intensity
        return {"labels": labels, "intensities": strengths} if asked else labels
    if isinstance(given, ScaleValue):
        return given.number if given.number is not None else dict(given.dimensions)
    if isinstance(given, TextValue):
        return given.text
    if isinstance(given, SpanValue):
        return [stretch.model_dump() for stretch in given.stretches]
    return list(given.targets if isinstance(given, LinkValue) else given.faces)


def _aggregate(
    question: AnyQuestion,
    column: str,
    values: Sequence[Value],
    *,
    order: Sequence[str],
    group: Group,
    tied: Counter[str],
) -> dict[str, Any]:
    """Aggregate and votes of one item. `tied` counts columns whose votes are."""
    if isinstance(question, Scale):
        return _scale(question, column, values, tied)
    sets = [votes_of(one, question, group) for one in values]
    votes = Counter(label for labels in sets for label in labels)
    ranked = sorted(votes, key=lambda label: (order.index(label) if label in order else len(order), str(label)))
    row: dict[str, Any] = {f"{column}_votes": [{"label": str(one), "count": votes[one]} for one in ranked]}
    row[f"{column}_soft"] = [{"label": str(one), "share": votes[one] / len(values)} for one in ranked]
    if question.level == "text" or isinstance(question, Choice):
        row[column] = _most(votes, tied, column)
    else:
        row[column] = [one for one in ranked if votes[one] * 2 > len(values)]
        tied[column] += any(votes[one] * 2 == len(values) for one in ranked)
    if isinstance(question, Choices) and question.intensity:
        row[f"{column}_intensities"] = [_strength(values, label) for label in row[column]]
    if isinstance(question, Choice | Choices) and not question.open and row[column] is not None:
        chosen = row[column]
        row[column] = order.index(chosen) if isinstance(chosen, str) else [order.index(one) for one in chosen]
    return row


def _model(
    question: AnyQuestion,
    column: str,
    answers: Sequence[Answer],
    rows: Mapping[str, dict[str, Any]],
    *,
    order: Sequence[str],
    group: Group,
) -> None:
    """Put the model's labels and their probabilities in the place of the majority's."""
    import numpy as np

    said = [(one.item, one.rater, votes_of(one.given, question, group)[0]) for one in answers if one.given is not None]
    items, raters = sorted({item for item, _, _ in said}), sorted({rater for _, rater, _ in said})
    labels = [*order, *sorted({label for _, _, label in said} - set(order))]
    places = [{one: at for at, one in enumerate(every)} for every in (items, raters, labels)]
    coded = (np.array([places[part][one[part]] for one in said], dtype=np.int64) for part in range(3))
    item_of, rater_of, label_of = coded
    shape = (len(items), len(raters), len(labels))
    if question.used_aggregation == "mace":
        codes = np.full(shape[:2], MISSING)
        codes[item_of, rater_of] = label_of
        found = by_mace(Ratings(codes, tuple(labels), tuple(items), tuple(raters)))[0].round(4)
    else:
        found = dawid_skene(item_of, rater_of, label_of, shape).probability.round(4)
    is_open = isinstance(question, Choice) and question.open
    for item, shares in zip(items, found, strict=True):
        best = int(shares.argmax())
        rows[item][column] = labels[best] if is_open else best
        likely = [(label, float(share)) for label, share in zip(labels, shares, strict=True) if share > 0]
        rows[item][f"{column}_soft"] = [{"label": label, "share": share} for label, share in likely]


def _most(votes: Mapping[Any, int], tied: Counter[str], column: str) -> Any:
    most = max(votes.values())
    winners = [one for one, count in votes.items() if count == most]
    tied[column] += len(winners) > 1
    return winners[0] if len(winners) == 1 else None


def _strength(values: Sequence[Value], label: str) -> float | None:
    """The mean intensity among those who chose the label and said how strong."""
    found = [
        one.intensity
        for given in values
        if isinstance(given, ChoicesValue)
        for one in given.picked
        if one.label == label and one.intensity is not None
    ]
    return math.fsum(found) / len(found) if found else None


def _scale(question: Scale, column: str, values: Sequence[Value], tied: Counter[str]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    given = [one for one in values if isinstance(one, ScaleValue)]
    for dimension in [one.id for one in question.dimensions] or [""]:
        name = f"{column}_{dimension}" if dimension else column
        numbers = [one.dimensions.get(dimension) if dimension else one.number for one in given]
        answered = [number for number in numbers if number is not None]
        if not answered:
            continue
        if question.used_aggregation == "majority":
            row[name] = _most(Counter(answered), tied, name)
        else:
            how = statistics.median if question.used_aggregation == "median" else statistics.fmean
            row[name] = float(how(answered))
        row[f"{name}_spread"] = statistics.stdev(answered) if len(answered) > 1 else None
        votes = Counter(answered)
        row[f"{name}_votes"] = [{"label": number, "count": votes[number]} for number in sorted(votes)]
    return row


def _told_of(question: AnyQuestion, column: str) -> list[str]:
    if isinstance(question, Scale) and question.dimensions:
        return [f"{column}_{one.id}" for one in question.dimensions]
    return [column]


def _told(
    question: AnyQuestion,
    name: str,
    answers: Sequence[Answer],
    rows: Mapping[str, Mapping[str, Any]],
    *,
    order: Sequence[str],
    tied: int,
) -> Question:
    found = [row[name] for row in rows.values() if row.get(name) is not None]
    is_scale = isinstance(question, Scale)
    flat = [one for each in found for one in (each if isinstance(each, list) else [each])]
    named = isinstance(question, Choice | Choices)
    if named and not getattr(question, "open", False):
        counts = tuple((label, flat.count(at)) for at, label in enumerate(order))
    elif isinstance(question, Scale):
        levels = [point.value for point in question.levels]
        counts = (at_levels(flat, levels) if levels else ranges(flat)) if flat else ()
    elif named:
        counts = tuple((str(one), number) for one, number in sorted(Counter(flat).items()))
    else:
        counts = ()
    how = question.used_aggregation
    sets = how in ("majority", "soft") and question.level == "set"
    return Question(
        name=name,
        names=tuple(label for label, _ in counts) if named else (),
        items=len(rows),
        answers=len(answers),
        raters=len({answer.rater for answer in answers}),
        tied=0 if how == "keep-all" else tied,
        aggregates=counts,
        rule=(_SETS + "; `_soft` is the share of each label" if how == "soft" else _SETS) if sets else _RULES[how],
        has_number=is_scale,
    )
