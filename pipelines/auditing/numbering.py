"""Numbers that a dialogue leaves out: utterances were removed, and what counts as context is not what was said."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipelines.auditing.check import Check, finding
from pipelines.auditing.codes import Codes
from pipelines.auditing.dialogues import dialogues, in_order
from pipelines.auditing.samples import Samples
from schemas.audit import Finding

_NAME = "numbering"


def gaps(group: Codes, number: NDArray[np.float64]) -> dict[int, list[tuple[int, int]]]:
    """Group to its gaps, as the numbers before and after each.

    Where most groups begin at 0 or 1, one that begins later has a gap there: the number before is then one less than
    where most begin.
    """
    order = in_order(group, number)
    if not len(order):
        return {}
    heads = np.concatenate([[True], group.codes[order][1:] != group.codes[order][:-1]])
    values, counts = np.unique(number[order][heads], return_counts=True)
    first = values[counts.argmax()]
    before = np.where(heads, first - 1 if first in (0, 1) else number[order] - 1, np.roll(number[order], 1))
    found: dict[int, list[tuple[int, int]]] = {}
    for at in np.flatnonzero(number[order] - before > 1).tolist():
        found.setdefault(int(group.codes[order[at]]), []).append((int(before[at]), int(number[order[at]])))
    return found


def _find(samples: Samples) -> Iterator[Finding]:
    group = dialogues(samples)
    if group is None or samples.turn is None:
        return
    found = gaps(group, samples.turn)
    if found:
        missing = sum(after - before - 1 for pairs in found.values() for before, after in pairs)
        yield finding(
            _NAME,
            "note",
            f"dialogues leave numbers out, {missing:,} in all",
            count=len(found),
            of=len(group.names),
            examples=[
                f"{group.names[code]}: " + ", ".join(_told(*pair) for pair in pairs[:3])
                for code, pairs in list(found.items())[:5]
            ],
            do="say why they were left out; do not take the sample before for the utterance before",
        )


def _told(before: int, after: int) -> str:
    return (
        f"{before} is followed by {after}"
        if before > 0
        else f"begins with {after}"
        if before < 0
        else f"0, then {after}"
    )


CHECK = Check(_NAME, _find, needs=("dialogue", "turn"))
