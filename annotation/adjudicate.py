"""Items that raters do not agree on: which they are, who looks at them once more, and what came of it."""

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from annotation.assign import ROUND
from annotation.rated import Rated, rated
from annotation.voted import Group, as_written
from schemas.answer import Answer
from schemas.answer_value import Value
from schemas.question import AnyQuestion, Choice, QuestionSpec, Region, Show


@dataclass(frozen=True)
class Contest:
    """An item that goes to another round. votes: column to what was answered and how often; key: of its new task."""

    key: str
    item: str
    show: Show
    votes: dict[str, dict[str, int]]
    why: dict[str, str]
    raters: tuple[str, ...] = ()
    """Who answers it in the new round; empty for the experts' project."""
    asked: tuple[str, ...] = ()
    """Who had answered it before."""


def item_agreement(question: AnyQuestion, values: Sequence[Value], group: Group = as_written) -> float | None:
    """How far the raters of one item agree, from 0 to 1: the mean over all pairs of them of `Rated.alike`.

    Of several dimensions a pair agrees by the mean of those that both answered. None for fewer than two raters, and
    for texts other than transcripts.
    """
    parts = rated(question, question.id, [("", str(at), value) for at, value in enumerate(values)], group)
    keys = [[part.key(value) for part in parts] for value in values]
    pairs = [found for one, other in combinations(keys, 2) if (found := _alike(parts, one, other)) is not None]
    return fmean(pairs) if pairs else None


def _alike(parts: Sequence[Rated], one: Sequence[Hashable], other: Sequence[Hashable]) -> float | None:
    each = [part.alike(a, b) for part, a, b in zip(parts, one, other, strict=True) if a is not None and b is not None]
    known = [found for found in each if found is not None]
    return fmean(known) if known else None


def is_tied(question: AnyQuestion, values: Sequence[Value], group: Group = as_written) -> bool:
    """Whether two names were given equally often, and none more often. Numbers and sets are never tied."""
    if not isinstance(question, Choice | Region) or question.level == "set":
        return False
    (part,) = rated(question, question.id, (), group)
    votes = Counter(part.key(value) for value in values).most_common(2)
    return len(votes) > 1 and votes[0][1] == votes[1][1]


def contested(
    answers: Iterable[Answer],
    spec: QuestionSpec,
    low: float,
    before: Collection[Contest] = (),
    group: Group = as_written,
) -> list[Contest]:
    """Items with a question that is tied, or on which raters agree less than `low`; not those of an open round.

    Args:
        answers: the present ones; those of models do not count.
        spec: the questions; those without agreement are passed over.
        low: agreement of an item, from 0 to 1 (`item_agreement`).
        before: earlier rounds. An item goes to another one when the last has been answered: when somebody has
            answered it who had not been asked before.
        group: labels of open vocabularies to those that they count as.
    """
    columns = {question.column(show): (question, show) for question in spec.questions for show in question.shows}
    grouped: dict[tuple[str, Show], dict[str, list[Answer]]] = defaultdict(lambda: defaultdict(list))
    for answer in answers:
        if answer.counts and answer.given is not None and answer.question in columns:
            grouped[answer.item, columns[answer.question][1]][answer.question].append(answer)
    rounds = {(one.item, one.show): one for one in before}
    found = []
    for (item, show), by_column in sorted(grouped.items()):
        last = rounds.get((item, show))
        raters = {answer.rater for mine in by_column.values() for answer in mine}
        if last is not None and (not last.raters or not raters - set(last.asked)):
            continue
        why = {
            column: reason
            for column, mine in sorted(by_column.items())
            if columns[column][0].agreement and (reason := _reason(columns[column][0], mine, low, group))
        }
        if why:
            number = 2 if last is None else int(last.key.rpartition(ROUND)[2]) + 1
            votes = {column: _votes(by_column[column]) for column in why}
            found.append(Contest(f"{item}{ROUND}{number}", item, show, votes, why, asked=tuple(sorted(raters))))
    return found


def _reason(question: AnyQuestion, answers: Sequence[Answer], low: float, group: Group) -> str:
    values = [answer.given for answer in answers if answer.given is not None]
    if is_tied(question, values, group):
        return "tied"
    agreed = item_agreement(question, values, group)
    return f"agreement {agreed:.2f}" if agreed is not None and agreed < low else ""


def _votes(answers: Sequence[Answer]) -> dict[str, int]:
    return dict(sorted(Counter(answer.value for answer in answers).items(), key=lambda one: (-one[1], one[0])))


def with_raters(contests: Iterable[Contest], raters: Collection[str]) -> tuple[list[Contest], list[Contest]]:
    """Each contest with another rater, the one who has the fewest; and those that every rater has answered."""
    loads: Counter[str] = Counter(dict.fromkeys(sorted(raters), 0))
    dealt, left = [], []
    for one in contests:
        free = [rater for rater in loads if rater not in one.asked]
        if not free:
            left.append(one)
            continue
        chosen = min(free, key=lambda rater: (loads[rater], rater))
        loads[chosen] += 1
        dealt.append(Contest(one.key, one.item, one.show, one.votes, one.why, (chosen,), one.asked))
    return dealt, left
