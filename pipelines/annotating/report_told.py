"""What the report page tells of a question: agreement with intervals, categories, sources, confusion, raters."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import fmean

from annotation.agreement import Agreement
from annotation.asked_agreement import by_category, question_agreement, statistics_of
from annotation.confusion import Confusion, confusion
from annotation.rated import Rated
from annotation.raters import rater_quality
from annotation.ratings import Undefined
from schemas.answer import Answer
from schemas.answer_value import Value
from schemas.question import Show

MOST_SOURCES = 30
Share = tuple[float, int]
"""A share, and of how many."""


@dataclass(frozen=True)
class RaterTold:
    """One rater at one question.

    others: mean of `Rated.alike` with others' answers; without: the statistic of all others; gold: answers to known
    items that are right; again: mean of `Rated.alike` with own answers when an item came again; accepted: suggestions
    of a model left as they were, of all answers, where the question is not blind.
    """

    rater: str
    answers: int
    median_s: float | Undefined
    others: float | Undefined
    without: float | Undefined
    gold: Share | Undefined
    again: Share | Undefined
    most_used: float
    longest_run: int
    accepted: tuple[int, int] | None
    flags: tuple[str, ...]


@dataclass(frozen=True)
class SourcesTold:
    """Agreement by source. by: what a source is; why: in place of a table."""

    by: str
    rows: tuple[tuple[str, Agreement], ...] = ()
    left_out: int = 0
    why: str = ""


@dataclass(frozen=True, eq=False)
class QuestionTold:
    """One question under one view, or one dimension of it. statistics: the one that the question asks for first."""

    column: str
    heading: str
    kind: str
    show: Show
    statistics: tuple[Agreement, ...]
    categories: Mapping[str, Agreement]
    sources: SourcesTold
    confusion: Confusion | None
    raters: tuple[RaterTold, ...]

    @property
    def main(self) -> Agreement:
        """By the statistic that the question asks for."""
        return self.statistics[0]


@dataclass(frozen=True)
class Known:
    """What is known besides the answers.

    lengths: of items, for stretches. sources: item to its source; by: what that is. gold: item to the right value.
    again: answers when an item came again.
    """

    lengths: Mapping[str, int] | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    by: str = "recording"
    gold: Mapping[str, Value] = field(default_factory=dict)
    again: Sequence[Answer] = ()


def question_told(part: Rated, answers: Sequence[Answer], known: Known, *, show: Show, samples: int) -> QuestionTold:
    """All figures of one question.

    Args:
        part: the answers as they are compared.
        answers: the same with their times and order.
        known: what is known besides.
        show: the view.
        samples: of the bootstrap.
    """
    statistics: list[Agreement] = []
    for name in statistics_of(part.question):
        statistics += question_agreement(part, name, samples=samples, lengths=known.lengths)
    heading = part.question.heading
    if len(part.question.shows) > 1 and show != "all":
        heading = f"{heading} ({show} alone)"
    return QuestionTold(
        column=part.column,
        heading=f"{heading}: {part.dimension}" if part.dimension else heading,
        kind=part.question.kind,
        show=show,
        statistics=tuple(statistics),
        categories=by_category(part, samples=samples),
        sources=_sources(part, known, samples),
        confusion=confusion(part),
        raters=tuple(_raters(part, answers, known)),
    )


def _sources(part: Rated, known: Known, samples: int) -> SourcesTold:
    of: dict[str, set[str]] = defaultdict(set)
    for item in {item for item, _, _ in part.keyed}:
        of[known.sources.get(item, "")].add(item)
    if not known.sources or not of:
        return SourcesTold(known.by, why="Of which source an item is, is not known here.")
    if max(map(len, of.values())) == 1:
        return SourcesTold(known.by, why=f"Every {known.by} has one item: there is no agreement by {known.by}.")
    if len(of) == 1:
        return SourcesTold(known.by, why=f"All items are of one {known.by}.")
    ranked = sorted(of, key=lambda name: (-len(of[name]), name))
    rows = tuple(
        (name, question_agreement(part.of_items(of[name]), samples=samples, lengths=known.lengths)[0])
        for name in ranked[:MOST_SOURCES]
    )
    return SourcesTold(known.by, rows, len(ranked) - len(rows))


def _raters(part: Rated, answers: Sequence[Answer], known: Known) -> Iterable[RaterTold]:
    if not part.keyed:
        return
    seconds = {(one.item, one.rater): one.lead_time_s for one in answers if one.lead_time_s is not None}
    order: dict[str, list[str]] = defaultdict(list)
    for one in sorted(answers, key=lambda one: (one.at or "", one.item)):
        order[one.rater].append(one.item)
    gold = _gold(part, known)
    others, again = _with_others(part), _again(part, known)
    for each in rater_quality(part.table, gold=gold, seconds=seconds, order=order):
        mine = [answer for answer in answers if answer.rater == each.rater]
        many = sum(item in gold for item, rater, _ in part.keyed if rater == each.rater)
        yield RaterTold(
            rater=each.rater,
            answers=each.answers,
            median_s=each.median_s,
            others=others.get(each.rater, Undefined("no item was rated by anybody else")),
            without=question_agreement(part.without_rater(each.rater), samples=0, lengths=known.lengths)[0].value,
            gold=each.gold if isinstance(each.gold, Undefined) else (each.gold, many),
            again=again.get(each.rater, Undefined("nothing came again")),
            most_used=each.most_used,
            longest_run=each.longest_run,
            accepted=None if part.question.blind else (sum(answer.accepted for answer in mine), len(mine)),
            flags=each.flags,
        )


def _gold(part: Rated, known: Known) -> dict[str, Hashable]:
    if not part.question.gold or part.level in {"text", "spans"}:
        return {}
    return {item: key for item, value in known.gold.items() if (key := part.key(value)) is not None}


def _with_others(part: Rated) -> dict[str, float]:
    by_item: dict[str, list[tuple[str, Hashable]]] = defaultdict(list)
    for item, rater, key in part.keyed:
        by_item[item].append((rater, key))
    found: dict[str, list[float]] = defaultdict(list)
    for said in by_item.values():
        for (one, mine), (other, theirs) in combinations(said, 2):
            alike = part.alike(mine, theirs)
            if alike is not None:
                found[one].append(alike)
                found[other].append(alike)
    return {rater: fmean(each) for rater, each in found.items()}


def _again(part: Rated, known: Known) -> dict[str, Share]:
    first = {(item, rater): key for item, rater, key in part.keyed}
    found: dict[str, list[float]] = defaultdict(list)
    for one in known.again:
        before = first.get((one.item, one.rater))
        now = None if one.given is None else part.key(one.given)
        alike = None if before is None or now is None else part.alike(before, now)
        if alike is not None:
            found[one.rater].append(alike)
    return {rater: (fmean(each), len(each)) for rater, each in found.items()}
