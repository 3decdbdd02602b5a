"""What people answered, how it was brought together, and how far they agree."""

from collections.abc import Sequence
from itertools import accumulate

from dataset_cards.agreement import HEAD, READING, agreement_rows
from dataset_cards.markdown import share, table
from schemas.answer import Question
from schemas.card import CardFacts

_NO_LABELS = "There are no labels by people in this version."
_PUBLISHED = (
    "Raters are published under pseudonyms (HMAC-SHA256 of the name under a secret salt). "
    "For each question there are the aggregate, the votes (`_votes`, where there is something to count) and the "
    "single answers (`_answers`)."
)


_TAIL = 3
"""From so many labels on, how unevenly they are given is told."""


def long_tail(question: Question) -> str:
    """How unevenly labels are given, in a sentence; empty of numbers, and of few labels."""
    counts = sorted((count for _, count in question.aggregates if count), reverse=True)
    if question.is_number or len(question.aggregates) < _TAIL or not counts:
        return ""
    head = next(at for at, running in enumerate(accumulate(counts), 1) if 2 * running >= sum(counts))
    none = len(question.aggregates) - len(counts)
    return (
        f"Labels: {len(counts):,}; half of all are among the {head:,} most frequent; the most frequent is there "
        f"{counts[0] / counts[-1]:,.1f} times as often as the rarest; given to one sample alone: {counts.count(1):,}"
        + (f"; offered and given to none: {none:,}." if none else ".")
    )


def labels(questions: Sequence[Question], facts: CardFacts) -> str:
    """Markdown: who answered, and for each question its aggregate, its distribution and agreement."""
    if not questions:
        return _NO_LABELS
    text = []
    for name, given in (("Raters", facts.raters), ("Pay", facts.pay), ("Ethics review", facts.review)):
        if given:
            text += [f"{name}: {given}", ""]
    text.append(_PUBLISHED)
    for question in questions:
        rule = question.rule or (
            "the mean; `_spread` is the sample standard deviation"
            if question.is_number
            else "the answer given most often; null where two were given equally often"
        )
        tied = f" Tied: {question.tied:,}." if question.tied else ""
        rows = [(name, f"{count:,}", share(count, question.items)) for name, count in question.aggregates]
        each = f", answers a sample {question.answers / question.items:.2g}" if question.items else ""
        line = (
            f"**`{question.name}`**: answers {question.answers:,}, raters {question.raters:,}, "
            f"samples {question.items:,}{each}. The aggregate is {rule}.{tied}"
        )
        text += ["", line, *(["", table(("aggregate", "samples", "share"), rows)] if rows else [])]
        text += ["", tail] if (tail := long_tail(question)) else []
        text += ["", table(HEAD, agreement_rows(question.agreement))] if question.agreement else []
    text += ["", READING] if any(question.agreement for question in questions) else []
    return "\n".join(text)
