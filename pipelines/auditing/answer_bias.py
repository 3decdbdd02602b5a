"""Questions that nearly always have one answer, and raters who answer unlike the others."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from pipelines.auditing.association import Counts, association
from pipelines.auditing.check import Check, finding
from pipelines.auditing.codes import Codes
from pipelines.auditing.label_values import cut_in_three
from pipelines.auditing.samples import Samples
from schemas.audit import Finding

_NAME = "answer-bias"
_LEAST = 20
_ONE_SIDED = 0.9
_STRENGTH = 0.3
_P = 0.001


def _find(samples: Samples) -> Iterator[Finding]:
    for question, label in samples.classes.items():
        yield from lopsided(question, label)
    for question, counts in samples.answers.items():
        yield from by_rater(question, counts)


def lopsided(question: str, label: Codes) -> Iterator[Finding]:
    """A question with one answer in nine of ten samples."""
    total = int(label.counts.sum())
    if total < _LEAST:
        return
    most = int(label.counts.argmax())
    share = int(label.counts[most]) / total
    if share >= _ONE_SIDED:
        yield finding(
            _NAME,
            "warning",
            f"{question} is {label.names[most]} in {share:.1%} of the samples: always saying so is right as often",
            count=int(label.counts[most]),
            of=total,
            examples=[f"{name}: {count:,}" for name, count in zip(label.names, label.counts.tolist(), strict=True)],
            do="report balanced measures (macro F1, balanced accuracy), and collect more of the others",
        )


def by_rater(question: str, counts: Counter[tuple[str, str]]) -> Iterator[Finding]:
    """Raters whose answers are distributed unlike those of the others: Cramér's V of the rater against the rest.

    The most unlike is set aside, then the next is looked for among those that are left: one odd rater must not make
    the others look odd.
    """
    raters = sorted({rater for rater, _ in counts})
    table, names = _table(raters, counts)
    left = list(range(len(raters)))
    found = []
    while len(left) > 1:
        judged = [(association(_against(table, one, left)), one) for one in left if _is_enough(table, one, left)]
        odd = [(told.strength, one) for told, one in judged if told.p * len(raters) < _P and told.strength >= _STRENGTH]
        if not odd:
            break
        strength, worst = max(odd, key=lambda one: (one[0], -one[1]))
        mine, rest = _against(table, worst, left)
        most = int((mine / mine.sum() - rest / rest.sum()).argmax())
        share, others = mine[most] / mine.sum(), rest[most] / rest.sum()
        told = f"{names[most]} in {share:.0%} of {int(mine.sum())}, the others in {others:.0%} (V {strength:.2f})"
        found.append(f"{raters[worst]}: {told}")
        left.remove(worst)
    if found:
        yield finding(
            _NAME,
            "warning",
            f"raters answer {question} unlike the others",
            count=len(found),
            of=len(raters),
            examples=found,
            do="look at their answers; gold items and an aggregation that weighs raters (dawid-skene) help",
        )


def _table(raters: Sequence[str], counts: Counter[tuple[str, str]]) -> tuple[Counts, tuple[str, ...]]:
    """int64[raters, answers], and the answers; numbers of many values in three groups."""
    place = {rater: at for at, rater in enumerate(raters)}
    given = sorted(counts.items())
    times = np.asarray([count for _, count in given], np.int64)
    grouped = cut_in_three(Codes.of(np.repeat([answer for (_, answer), _ in given], times).tolist()))
    table = np.zeros((len(raters), len(grouped.names)), np.int64)
    who = np.repeat([place[rater] for (rater, _), _ in given], times)
    np.add.at(table, (who[grouped.has], grouped.codes[grouped.has]), 1)
    return table, grouped.names


def _against(table: Counts, one: int, left: Sequence[int]) -> Counts:
    """int64[2, answers]: of one rater, and of the others that are left."""
    return np.stack([table[one], table[left].sum(axis=0) - table[one]])


def _is_enough(table: Counts, one: int, left: Sequence[int]) -> bool:
    return bool((_against(table, one, left).sum(axis=1) >= _LEAST).all())


CHECK = Check(_NAME, _find, either=("classes", "answers"))
