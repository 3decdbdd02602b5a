"""Agreement of a table by the questions that it answers: `affectloom agree --ask`."""

from collections.abc import Iterable
from pathlib import Path

from annotation.agreement import Agreement
from annotation.asked_agreement import question_agreement, statistics_of
from annotation.rated import rated
from annotation.voted import Group, as_written
from pipelines.annotating.answer_table import read_answers
from pipelines.annotating.question_file import read_questions
from pipelines.publishing.asked_answers import read_by
from schemas.answer import Answer
from schemas.asked import Statistic
from schemas.errors import SourceTableError, UsageError


def agree_by(
    path: str,
    questions: Path,
    question: str | None = None,
    statistic: Statistic | None = None,
    samples: int = 1000,
    *,
    group: Group = as_written,
) -> list[tuple[str, Agreement]]:
    """Agreement on each question of a file of questions that a table answers, by the statistics that fit its kind.

    Args:
        path: a table as `read_answers` takes it, such as the `answers.jsonl` that a pull writes.
        questions: the file.
        question: a question's id, or a published column; without it, all.
        statistic: without it, all that fit, the one that the question asks for first.
        samples: of the bootstrap.
        group: labels of open vocabularies to those that they count as.

    Returns:
        Column and statistic; a scale of several dimensions has a column for each.

    Raises:
        RecipeError: the questions are not as they should be.
        SourceTableError: the table is not, or does not fit the questions.
        UsageError: there is no such question, or the statistic fits none.
    """
    spec = read_questions(questions)
    answers = read_by(spec, read_answers(path))
    _refuse_twice(answers)
    found: list[tuple[str, Agreement]] = []
    seen: list[str] = []
    for one in spec.questions:
        for show in one.shows:
            column = one.column(show)
            rows = [
                (each.item, each.rater, each.given)
                for each in answers
                if (each.question, each.shown) == (one.id, show) and each.given is not None
            ]
            if not rows or not one.agreement:
                continue
            seen.append(column)
            if question not in (None, one.id, column):
                continue
            fit = statistics_of(one) if statistic is None else one.allowed_statistics
            names = [name for name in fit if statistic in (None, name)]
            for part in rated(one, column, rows, group):
                found += [
                    (part.column, told) for name in names for told in question_agreement(part, name, samples=samples)
                ]
    if not found:
        raise UsageError(
            f"nothing to compare in {path}" + (f" by {statistic}" if statistic and seen else ""),
            do=f"it answers {', '.join(seen)}" if seen else "it answers none of the questions that are compared",
        )
    return found


def _refuse_twice(answers: Iterable[Answer]) -> None:
    first: dict[tuple[str, str, str, str], Answer] = {}
    for one in answers:
        before = first.setdefault((one.item, one.rater, one.question, one.shown), one)
        if before is not one:
            raise SourceTableError(
                f"{one.where}: the rater answered {one.question!r} for {one.item} before ({before.where})",
                do="keep one answer of a rater to a question about an item",
            )
