"""A speaker who gives the label away: a model that only recognises people then looks as if it understood them."""

from collections.abc import Iterator

import numpy as np

from pipelines.auditing.association import association, fisher_tail, guessed_right
from pipelines.auditing.check import Check, finding
from pipelines.auditing.codes import Codes, crossed
from pipelines.auditing.samples import Samples
from schemas.audit import Finding

_NAME = "speaker-label"
_LEAST = 10
"""Samples of a speaker below which shares say little."""
_P = 0.01
_GAIN = 0.05
_APART = 0.3
"""Difference of shares that counts as large."""


def _find(samples: Samples) -> Iterator[Finding]:
    speaker = samples.named["speaker"]
    for question, label in samples.classes.items():
        yield from overall(question, speaker, label)
        yield from each(question, speaker, label)


def overall(question: str, speaker: Codes, label: Codes) -> Iterator[Finding]:
    """Whether knowing who speaks helps to guess the label. Effect: Cramér's V, and the guesses that become right."""
    table = crossed(speaker, label)
    found = association(table)
    knowing, not_knowing = guessed_right(table)
    if found.p < _P and knowing - not_knowing >= _GAIN:
        yield finding(
            _NAME,
            "warning",
            f"who speaks tells {question}: guessing each speaker's most frequent label is right in {knowing:.0%}, "
            f"guessing the most frequent of all in {not_knowing:.0%} "
            f"(Cramér's V {found.strength:.2f}, chi-square test, {_told(found.p)})",
            count=len(speaker.names),
            do="split by speaker, report the guess by speaker as a baseline, or balance the labels of each speaker",
        )


def each(question: str, speaker: Codes, label: Codes) -> Iterator[Finding]:
    """Speakers of whom one label is far more frequent than of the others: Fisher's exact test, Bonferroni corrected."""
    table = crossed(speaker, label)
    of_speaker, of_label, total = table.sum(axis=1), table.sum(axis=0), int(table.sum())
    large = np.flatnonzero(of_speaker >= _LEAST)
    tests = max(1, len(large) * len(label.names))
    found = []
    for who in large.tolist():
        for which in np.flatnonzero(table[who]).tolist():
            hits, mine, others = int(table[who, which]), int(of_speaker[who]), int(total - of_speaker[who])
            share = hits / mine
            rest = (int(of_label[which]) - hits) / others if others else share
            if share - rest < _APART:
                continue
            p = fisher_tail(hits, mine, int(of_label[which]), total) * tests
            if p < _P:
                told = f"{hits} of {mine} are {label.names[which]}, of the others {rest:.0%} ({_told(p)})"
                found.append((share - rest, f"{speaker.names[who]}: {told}"))
    if found:
        found.sort(key=lambda one: (-one[0], one[1]))
        yield finding(
            _NAME,
            "warning",
            f"speakers have one label of {question} at least {_APART:.0%} more often than the others",
            count=len(found),
            of=len(large),
            examples=[text for _, text in found],
            do="balance the labels of these speakers, or keep each speaker in one split",
        )


def _told(p: float) -> str:
    return "p < 1e-15" if p < 1e-15 else f"p = {min(1.0, p):.2g}"  # noqa: PLR2004


CHECK = Check(_NAME, _find, needs=("speaker", "classes"))
