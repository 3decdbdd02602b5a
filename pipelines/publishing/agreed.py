"""Agreement between raters, as the card of a dataset tells it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from annotation.agreement import Agreement, agreement
from annotation.asked_agreement import Extent, lengths, question_agreement, statistics_of
from annotation.rated import rated
from annotation.ratings import Undefined, ratings
from annotation.spans import recognition_error
from annotation.voted import Group
from schemas.answer import Agreed, Answer
from schemas.question import AnyQuestion, Text

CORRECTED = "WER of the text against raters' transcripts"
SAMPLES = 1000
"""Of the bootstrap over items."""


def agreed_by_column(
    question: AnyQuestion, column: str, answers: Sequence[Answer], group: Group, extents: Mapping[str, Extent]
) -> dict[str, tuple[Agreed, ...]]:
    """The statistics that fit a question, by column: a scale of several dimensions has one for each.

    extents: of the samples, which stretches and transcripts are held against.
    """
    if not question.agreement:
        return {}
    rows = [(one.item, one.rater, one.given) for one in answers if one.given is not None]
    found = {}
    for part in rated(question, column, rows, group):
        told = [
            one
            for name in statistics_of(question)
            for one in question_agreement(part, name, samples=SAMPLES, lengths=lengths(question, extents))
        ]
        found[part.column] = _published(told)
    if isinstance(question, Text) and question.purpose == "transcript":
        found[column] = (*found[column], *_corrected(answers, extents))
    return found


def _corrected(answers: Sequence[Answer], extents: Mapping[str, Extent]) -> Iterator[Agreed]:
    """How far the texts are from what raters made of them; nothing where none was there to correct."""
    texts = {item: text for item, (_, _, text) in extents.items() if text}
    mine = [one for one in answers if one.item in texts]
    wrong = recognition_error((texts[one.item], one.value) for one in mine)
    if not isinstance(wrong, Undefined):
        items, raters = {one.item for one in mine}, {one.rater for one in mine}
        yield Agreed(CORRECTED, wrong, None, len(items), len(raters), "an error rate over all words")


def agreed_plainly(answers: Iterable[tuple[str, str, float | str]], *, numbers: bool) -> tuple[Agreed, ...]:
    """Of (item, rater, value) without a spec: all statistics for names, or for numbers whose distances count."""
    return _published(agreement(ratings(answers), "interval" if numbers else "nominal", samples=SAMPLES))


def _published(found: Iterable[Agreement]) -> tuple[Agreed, ...]:
    return tuple(map(_agreed, found))


def _agreed(one: Agreement) -> Agreed:
    if isinstance(one.value, Undefined):
        return Agreed(one.variant, None, None, one.items, one.raters, one.value.reason)
    if isinstance(one.interval, Undefined):
        return Agreed(one.variant, one.value, None, one.items, one.raters, one.interval.reason)
    return Agreed(one.variant, one.value, one.interval, one.items, one.raters)
