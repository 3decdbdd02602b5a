"""Raters that a script plays: answers made from a question spec alone, always the same, with a known agreement.

For each question about an item one answer is true, drawn evenly from what is offered. A rater gives it with the
probability `sure`, and else another one, drawn evenly from the rest; on a scale, one beside it.
"""

import json
import random

from annotation.answer_text import read_text
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
    plain,
)
from schemas.question import Choice, Choices, Link, Region, Scale, Span, Text

OWN_WORDS = ("moved", "touched", "annoyed", "cross", "glad", "cheerful", "worried", "uneasy")
"""What raters write where the vocabulary is open; neighbours mean the same."""


def answers(spec, samples, *, raters=3, sure=0.8, seed="", others=None):
    """Rows of a table of answers by `raters` scripted people about samples (`pipelines.annotating.shown.Shown`).

    others: sample id to the ids of its dialogue's samples, for links.
    """
    rows = []
    for one in samples:
        for number in range(1, raters + 1):
            said = {}
            for question in spec.questions:
                for show in question.shows:
                    column = question.column(show)
                    condition = question.when
                    if not one.has(show) or (
                        condition and not set(said.get(condition.question, ())) & set(condition.is_)
                    ):
                        continue
                    truth = random.Random(f"{seed} {one.id} {question.id}")
                    own = random.Random(f"{seed} {one.id} {column} rater {number}")
                    value = _value(question, one, truth, own, sure=sure, dialogue=(others or {}).get(one.id, [one.id]))
                    if value is None:
                        continue
                    assert read_text(question, plain(value)) is not None
                    said[question.id] = _names(question, value)
                    rows.append({"item": one.id, "rater": f"rater-{number}", "question": column, "value": plain(value)})
    return rows


def as_jsonl(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def expected_kappa(sure, options):
    """Fleiss' kappa of such answers to a choice among so many options, in the long run."""
    agree = sure**2 + (1 - sure) ** 2 / (options - 1)
    return (agree - 1 / options) / (1 - 1 / options)


def _names(question, value):
    if isinstance(value, ChoiceValue):
        return [value.label]
    if isinstance(value, ChoicesValue):
        return list(value.labels)
    if isinstance(value, ScaleValue) and value.number is not None:
        return [point.name for point in question.levels if point.value == value.number]
    return []


def _pick(offered, truth, own, sure):
    right = truth.choice(offered)
    if own.random() < sure or len(offered) == 1:
        return right
    return own.choice([one for one in offered if one != right])


def _value(question, sample, truth, own, *, sure, dialogue):  # noqa: PLR0911 - one for each kind
    if isinstance(question, Choice):
        offered = [option.name for option in question.choices] or list(OWN_WORDS)
        return ChoiceValue(label=_pick(offered, truth, own, sure))
    if isinstance(question, Choices):
        return _choices(question, truth, own, sure)
    if isinstance(question, Scale):
        numbers = [point.value for point in question.levels] or _steps(question)
        if question.dimensions:
            return ScaleValue(dimensions={one.id: _step(numbers, truth, own, sure) for one in question.dimensions})
        return ScaleValue(number=_step(numbers, truth, own, sure))
    if isinstance(question, Text):
        return _text(question, sample, truth, own, sure)
    if isinstance(question, Span):
        return _span(question, sample, truth, own, sure)
    if isinstance(question, Link):
        offered = [one for one in dialogue if question.itself or one != sample.id]
        return LinkValue(targets=(_pick(offered, truth, own, sure),) if offered else ())
    assert isinstance(question, Region)
    return RegionValue(faces=(_pick([0, 1], truth, own, sure),))


def _step(numbers, truth, own, sure):
    at = truth.randrange(len(numbers))
    if own.random() >= sure:
        at = own.choice([near for near in (at - 1, at + 1) if 0 <= near < len(numbers)])
    return float(numbers[at])


def _steps(question):
    low, high = question.range
    return [low + question.step * at for at in range(int((high - low) / question.step) + 1)]


def _choices(question, truth, own, sure):
    offered = [option.name for option in question.choices] or list(OWN_WORDS)
    most = min(question.most or 2, 2)
    right = truth.sample(offered, truth.randint(max(question.least, 1), max(most, question.least, 1)))
    chosen = [_pick([one], truth, own, sure) for one in right]
    if own.random() >= sure:
        rest = [one for one in offered if one not in chosen]
        chosen[0] = own.choice(rest or chosen)
    strengths = [point.value for point in question.intensity]
    chosen.sort(key=offered.index)
    if not question.intensity:
        return ChoicesValue(picked=tuple(Picked(label=one) for one in chosen))
    return ChoicesValue(picked=tuple(Picked(label=one, intensity=_pick(strengths, truth, own, sure)) for one in chosen))


def _text(question, sample, truth, own, sure):
    """A transcript loses a word where the rater errs; other texts say something that differs from rater to rater."""
    words = sample.text.split()
    if question.purpose in ("transcript", "translation"):
        if not words:
            return None
        if len(words) > 1 and own.random() >= sure:
            del words[own.randrange(len(words))]
        return TextValue(text=" ".join(words))
    what = words[truth.randrange(len(words))] if words else "the picture"
    return TextValue(text=f"{own.choice(('because of', 'one hears it in', 'it lies in'))} {what}")


def _span(question, sample, truth, own, sure):
    label = _pick([option.name for option in question.labels], truth, own, sure)
    if question.along == "timeline":
        if sample.start is None or sample.end is None:
            return None
        length = sample.end - sample.start
        start = round(length * truth.choice((0, 0.25, 0.5)), 2)
        made = Stretch(start=start, end=round(start + length / 4, 2), label=label)
        return SpanValue(unit="seconds", stretches=(made,))
    words = sample.text.split()
    if not words:
        return SpanValue(unit="characters", stretches=())
    word = _pick(sorted(set(words)), truth, own, sure)
    at = sample.text.index(word)
    return SpanValue(unit="characters", stretches=(Stretch(start=at, end=at + len(word), label=label, text=word),))
