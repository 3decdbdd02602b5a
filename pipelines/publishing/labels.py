"""Answers of people as columns of the dataset: an aggregate, the votes, and the single answers under pseudonyms."""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import groupby
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from annotation.asked_agreement import Extent
from annotation.pseudonyms import pseudonym
from annotation.voted import Group, as_written
from pipelines.publishing.agreed import agreed_plainly
from pipelines.publishing.asked_answers import read_by
from pipelines.publishing.asked_labels import Decision, columns_of
from pipelines.publishing.ranges import ranges
from schemas.answer import Answer, Question
from schemas.errors import SourceTableError, UsageError
from schemas.features import Features, class_label, list_of, value
from schemas.question import QuestionSpec

_SHORTEST_SALT = 16
_MOST_LISTED = 20
_QUESTION = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,60}")


@dataclass(frozen=True)
class Labels:
    """Columns that answers add. `rows`: sample id to values; a sample without answers has no row."""

    questions: tuple[Question, ...] = ()
    features: Features = field(default_factory=dict)
    rows: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    """Items of recordings that could not be worked on, whose answers therefore have no row."""

    def beside(self, other: "Labels") -> "Labels":
        """These columns and those of others, of other questions."""
        return Labels(
            (*self.questions, *other.questions),
            {**self.features, **other.features},
            {item: {**self.rows.get(item, {}), **other.rows.get(item, {})} for item in {*self.rows, *other.rows}},
            tuple(sorted({*self.left_out, *other.left_out})),
        )


def label(
    answers: Sequence[Answer],
    samples: Mapping[str, Sequence[str]],
    *,
    salt: bytes,
    failed: Collection[str] = (),
    taken: Collection[str] = (),
    spec: QuestionSpec | None = None,
    group: Group = as_written,
    decided: Sequence[Decision] = (),
    extents: Mapping[str, Extent] = MappingProxyType({}),
) -> Labels:
    """Aggregate answers for each sample and question, as the question spec says; without one, by what they look like.

    A question whose every answer is a number is published as the mean with its spread (the sample standard
    deviation, null for one answer); any other as the answer given most often, null where two were given equally
    often. The votes and the single answers stand beside it in either case.

    Args:
        answers: as `read_answers` gives them; those of models, drafts and skips are left out.
        samples: recording id to the ids of its samples; an item may name the recording where it has one sample.
        salt: secret of the publisher, at least 16 bytes; the same salt keeps pseudonyms from version to version.
        failed: recordings that could not be worked on: their items are left out and listed.
        taken: column names that a question cannot have.
        spec: the questions.
        group: labels of open vocabularies to those that they count as.
        decided: what experts decided of items; used with a spec alone.
        extents: of the samples, for the agreement of stretches and of transcripts.

    Raises:
        SourceTableError: an item is unknown, a rater answered a question twice for one item, or a question cannot
            name a column; lists file and row.
        UsageError: the salt is too short.
    """
    answers = [answer for answer in answers if answer.counts]
    if not answers:
        return Labels()
    if len(salt) < _SHORTEST_SALT:
        raise UsageError(
            f"the salt for raters' pseudonyms has {len(salt)} bytes; at least {_SHORTEST_SALT} are needed",
            do="raters' names are never published: set a long secret, and keep it for later versions",
        )
    placed, left_out = _placed(answers, samples, set(failed))
    _refuse_duplicates(placed)
    if spec is not None:
        read = read_by(spec, placed)
        _refuse_duplicates(read)  # a column, and a question under a view, may be the same
        here = {answer.item for answer in read}
        kept = [(number, one) for number, each in decided for one in read_by(spec, [each]) if one.item in here]
        return _by_spec(
            read, spec, salt=salt, taken={*taken}, group=group, left_out=left_out, decided=kept, extents=extents
        )
    by_question = {
        name: list(group)
        for name, group in groupby(sorted(placed, key=attrgetter("question")), key=attrgetter("question"))
    }
    features: Features = {}
    rows: dict[str, dict[str, Any]] = {}
    questions = []
    for name, mine in by_question.items():
        _check_name(name, mine[0], {*taken, *features})
        questions.append(_aggregate(name, mine, salt, features, rows))
        clash = {*taken} & {column for column in features if column.startswith(name)}
        if clash:
            raise SourceTableError(f"{mine[0].where}: question {name!r} would make the column {min(clash)!r} twice")
    return Labels(tuple(questions), features, rows, left_out)


def _by_spec(
    answers: Sequence[Answer],
    spec: QuestionSpec,
    *,
    salt: bytes,
    taken: set[str],
    group: Group,
    left_out: tuple[str, ...],
    decided: Sequence[Decision],
    extents: Mapping[str, Extent],
) -> Labels:
    features: Features = {}
    rows: dict[str, dict[str, Any]] = {}
    questions: list[Question] = []
    named = cache(partial(pseudonym, salt=salt))
    for question in spec.questions:
        for show in question.shows:
            mine = [answer for answer in answers if answer.question == question.id and answer.shown == show]
            if not mine:
                continue
            final = [one for one in decided if one[1].question == question.id and one[1].shown == show]
            made = columns_of(question, show, mine, named, group, decided=final, extents=extents)
            clash = taken & made.features.keys()
            if clash:
                raise SourceTableError(
                    f"question {question.id!r} would make the column {min(clash)!r} twice",
                    do="give the question another id",
                )
            features |= made.features
            questions += made.told
            for item, row in made.rows.items():
                rows.setdefault(item, {}).update(row)
    return Labels(tuple(questions), features, rows, left_out)


def _placed(
    answers: Iterable[Answer], samples: Mapping[str, Sequence[str]], failed: set[str]
) -> tuple[list[Answer], tuple[str, ...]]:
    known = {sample for ids in samples.values() for sample in ids}
    placed: list[Answer] = []
    left_out: list[str] = []
    unknown: list[str] = []
    for answer in answers:
        item = answer.item
        alone = samples.get(item, ())
        if item in known:
            placed.append(answer)
        elif len(alone) == 1:
            placed.append(replace(answer, item=alone[0]))
        elif item in failed or item.rpartition("#")[0] in failed:
            left_out.append(item)
        else:
            why = f" (the recording has {len(alone)} samples: name one, such as {alone[0]})" if alone else ""
            unknown.append(f"{answer.where}: {item}{why}")
    if unknown:
        more = f"\n  and {len(unknown) - _MOST_LISTED} more" if len(unknown) > _MOST_LISTED else ""
        raise SourceTableError(
            f"{len(unknown)} answers are about items that the dataset does not have:\n  "
            + "\n  ".join(unknown[:_MOST_LISTED])
            + more,
            do="an item is a sample's id, such as clip#0003, or the id of a recording that has one sample",
        )
    return placed, tuple(sorted(set(left_out)))


def _refuse_duplicates(answers: Iterable[Answer]) -> None:
    first: dict[tuple[str, str, str, str], Answer] = {}
    for answer in answers:
        before = first.setdefault((answer.item, answer.rater, answer.question, answer.shown), answer)
        if before is not answer:
            raise SourceTableError(
                f"{answer.where}: the rater answered {answer.question!r} for {answer.item} before ({before.where})",
                do="keep one answer of a rater to a question about an item",
            )


def _check_name(name: str, answer: Answer, taken: Collection[str]) -> None:
    if not _QUESTION.fullmatch(name):
        raise SourceTableError(
            f"{answer.where}: question {name!r} cannot name a column",
            do="use letters, digits and '_', a letter first, at most 61 of them",
        )
    if name in taken:
        raise SourceTableError(
            f"{answer.where}: question {name!r} has the name of another column", do="give the question another name"
        )


def _aggregate(
    name: str, answers: Sequence[Answer], salt: bytes, features: Features, rows: dict[str, dict[str, Any]]
) -> Question:
    strays = tuple(answer.where for answer in answers if answer.number is None)
    numeric = not strays
    names = () if numeric else tuple(sorted({answer.value for answer in answers}))
    kind = value("float64") if numeric else value("string")
    features[name] = value("float64") if numeric else class_label(names)
    if numeric:
        features[f"{name}_spread"] = value("float64")
    features[f"{name}_votes"] = list_of({"label": kind, "count": value("int64")})
    features[f"{name}_answers"] = list_of({"rater": value("string"), "value": kind})
    tied = items = 0
    by_item = sorted(answers, key=attrgetter("item"))
    for item, group in groupby(by_item, key=attrgetter("item")):
        mine = list(group)
        items += 1
        given: list[Any] = [answer.number if numeric else answer.value for answer in mine]
        row = rows.setdefault(item, {})
        votes = Counter(given)
        if numeric:
            row[name], row[f"{name}_spread"] = _mean_and_spread(given)
        else:
            most = max(votes.values())
            winners = [choice for choice, count in votes.items() if count == most]
            row[name] = names.index(winners[0]) if len(winners) == 1 else None
            tied += len(winners) > 1
        row[f"{name}_votes"] = [{"label": choice, "count": votes[choice]} for choice in sorted(votes)]
        row[f"{name}_answers"] = sorted(
            ({"rater": pseudonym(answer.rater, salt), "value": one} for answer, one in zip(mine, given, strict=True)),
            key=lambda answer: str(answer["rater"]),
        )
    found = [rows[item][name] for item in {answer.item for answer in answers} if rows[item][name] is not None]
    return Question(
        name=name,
        names=names,
        items=items,
        answers=len(answers),
        raters=len({answer.rater for answer in answers}),
        tied=tied,
        aggregates=ranges(found) if numeric else tuple((label, found.count(at)) for at, label in enumerate(names)),
        strays=strays if len(strays) * 2 < len(answers) else (),
        agreement=agreed_plainly(
            ((one.item, one.rater, one.value if one.number is None or not numeric else one.number) for one in answers),
            numbers=numeric,
        ),
    )


def _mean_and_spread(numbers: Sequence[float]) -> tuple[float, float | None]:
    mean = math.fsum(numbers) / len(numbers)
    if len(numbers) == 1:
        return mean, None
    return mean, math.sqrt(math.fsum((number - mean) ** 2 for number in numbers) / (len(numbers) - 1))
