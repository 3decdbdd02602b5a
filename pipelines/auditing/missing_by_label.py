"""Modalities that are missing more often with one label than with others: their absence then tells the label."""

from collections.abc import Iterator

import numpy as np

from pipelines.auditing.association import association
from pipelines.auditing.check import Check, finding
from pipelines.auditing.codes import Codes, crossed
from pipelines.auditing.samples import Flags, Samples
from schemas.audit import Finding

_NAME = "missing-by-label"
_P = 0.001
_STRENGTH = 0.1
"""A small effect by Cohen (1988), "Statistical Power Analysis", section 7.2."""


def _find(samples: Samples) -> Iterator[Finding]:
    tests = max(1, len(samples.classes) * len(samples.present))
    for question, label in samples.classes.items():
        for modality, there in samples.present.items():
            yield from missing(question, label, modality, there, _P / tests)


def missing(question: str, label: Codes, modality: str, there: Flags, p: float) -> Iterator[Finding]:
    """Whether a modality's absence goes with the label. there: bool[n]. p: what counts as chance."""
    gone = Codes(np.where(there, 0, 1).astype(np.int64), ("there", "missing"))
    table = crossed(label, gone)
    found = association(table)
    if found.p >= p or found.strength < _STRENGTH:
        return
    shares = table[:, 1] / np.maximum(table.sum(axis=1), 1)
    order = np.argsort(-shares, kind="stable")
    yield finding(
        _NAME,
        "warning",
        f"whether {modality} is missing goes with {question} (Cramér's V {found.strength:.2f}, p = {found.p:.2g})",
        count=int(table[:, 1].sum()),
        of=int(table.sum()),
        examples=[
            f"{label.names[code]}: missing in {shares[code]:.0%} of {int(table[code].sum()):,}"
            for code in order.tolist()
        ],
        do="find out why; a model given `present`, or zeros instead, learns the label from it",
    )


CHECK = Check(_NAME, _find, needs=("classes", "present"))
