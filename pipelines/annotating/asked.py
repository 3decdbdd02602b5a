"""A recipe's answers by question, as agreement takes them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from annotation.asked_agreement import lengths
from annotation.rated import Rated, rated
from annotation.voted import Group
from pipelines.annotating.shown import Shown
from schemas.answer import Answer
from schemas.question import AnyQuestion, QuestionSpec, Show


@dataclass(frozen=True)
class Asked:
    """One question under one view: people's answers, and the same for each of its dimensions."""

    question: AnyQuestion
    show: Show
    column: str
    answers: tuple[Answer, ...]
    parts: tuple[Rated, ...]


def asked(spec: QuestionSpec, answers: Iterable[Answer], group: Group) -> list[Asked]:
    """All questions of a spec in their order, under each of their views, with those answers that count."""
    by_column: dict[str, list[Answer]] = defaultdict(list)
    for one in answers:
        if one.counts and one.given is not None:
            by_column[one.question].append(one)
    found = []
    for question in spec.questions:
        for show in question.shows:
            column = question.column(show)
            mine = tuple(by_column[column])
            rows = [(one.item, one.rater, one.given) for one in mine if one.given is not None]
            found.append(Asked(question, show, column, mine, rated(question, column, rows, group)))
    return found


def lengths_of(question: AnyQuestion, samples: Iterable[Shown]) -> Mapping[str, int] | None:
    """How long samples are as their stretches count; None for other questions."""
    return lengths(question, {one.id: (one.start, one.end, one.text) for one in samples})
