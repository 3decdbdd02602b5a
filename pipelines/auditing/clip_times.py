"""Clips that end before they start, overlap the one before, or stand in another order than their numbers."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipelines.auditing.check import Check, finding
from pipelines.auditing.codes import Codes
from pipelines.auditing.dialogues import dialogues, in_order
from pipelines.auditing.samples import Floats, Samples
from schemas.audit import Finding

_NAME = "clip-times"
_LEAST_S = 0.001


def backwards(start: Floats, end: Floats) -> NDArray[np.int64]:
    """Samples that end where they start, or before."""
    return np.flatnonzero(end <= start).astype(np.int64)


def neighbours(group: Codes, order: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each sample and the one after it in the same group. order: samples by group."""
    one, other = order[:-1], order[1:]
    same = group.codes[one] == group.codes[other]
    return one[same], other[same]


def _find(samples: Samples) -> Iterator[Finding]:
    start, end = samples.start, samples.end
    if start is None or end is None:
        return
    wrong = backwards(start, end)
    if len(wrong):
        yield finding(
            _NAME,
            "error",
            "clips end where they start, or before",
            count=len(wrong),
            of=int((~np.isnan(start) & ~np.isnan(end)).sum()),
            examples=[f"{samples.id(one)}: {start[one]:.3f} to {end[one]:.3f} s" for one in wrong[:5]],
            do="correct the times; nothing can be cut there",
        )
    talk = dialogues(samples)
    if talk is not None and samples.turn is not None and samples.clock is not None:
        # Times of different recordings do not compare; a number may have several clips.
        yield from _in_dialogues(samples, Codes.joined([talk, samples.clock]), start, end)
    elif talk is not None and samples.turn is not None:
        yield from _in_dialogues(samples, talk, start, end)
    elif samples.clock is not None:
        order = in_order(samples.clock, start)
        one, other = neighbours(samples.clock, order)
        yield from _overlaps(samples, one, other, (start, end), of=len(one))
    if samples.clock is not None and samples.has("splits"):
        yield from _across(samples, samples.clock, start, end)


def _in_dialogues(samples: Samples, group: Codes, start: Floats, end: Floats) -> Iterator[Finding]:
    assert samples.turn is not None  # noqa: S101 - by the caller
    by_number = in_order(group, samples.turn, start)
    one, other = neighbours(group, by_number)
    early = start[other] < start[one] - _LEAST_S
    if early.any():
        yield finding(
            _NAME,
            "warning",
            "clips start before the one that their dialogue numbers before them: times run backwards",
            count=int(early.sum()),
            of=len(one),
            examples=[
                f"{samples.id(b)} starts {start[a] - start[b]:.3f} s before {samples.id(a)}"
                for a, b in zip(one[early][:5].tolist(), other[early][:5].tolist(), strict=True)
            ],
            do="correct the times, or the numbers; what counts as context is wrong there",
        )
    yield from _overlaps(samples, one[~early], other[~early], (start, end), of=len(one))


def _overlaps(
    samples: Samples,
    one: NDArray[np.int64],
    other: NDArray[np.int64],
    times: tuple[Floats, Floats],
    *,
    of: int,
) -> Iterator[Finding]:
    start, end = times
    shared = np.minimum(end[one], end[other]) - start[other]
    over = (shared > _LEAST_S) & (end[other] > start[other])
    same = (np.abs(start[one] - start[other]) < _LEAST_S) & (np.abs(end[one] - end[other]) < _LEAST_S)
    over &= ~same  # the same clip twice is another check's
    if over.any():
        worst = np.flatnonzero(over)[np.argsort(-shared[over], kind="stable")]
        yield finding(
            _NAME,
            "warning",
            f"neighbouring clips overlap, by {np.median(shared[over]):.2f} s in the middle case: each holds a part of "
            "what was said in the other",
            count=int(over.sum()),
            of=of,
            examples=[
                f"{samples.id(one[at])} and {samples.id(other[at])} share {shared[at]:.3f} s"
                for at in worst[:5].tolist()
            ],
            do="cut at the boundary, or leave the pair out where the label hangs on the words",
        )


def _across(samples: Samples, clock: Codes, start: Floats, end: Floats) -> Iterator[Finding]:
    """Neighbours in time, in different splits."""
    split = samples.named["split"].codes
    one, other = neighbours(clock, in_order(clock, start, end))
    shared = np.minimum(end[one], end[other]) - start[other]
    same = (np.abs(start[one] - start[other]) < _LEAST_S) & (np.abs(end[one] - end[other]) < _LEAST_S)
    over = (split[one] != split[other]) & (shared > _LEAST_S) & ~same
    if over.any():
        yield finding(
            _NAME,
            "warning",
            "clips overlap one in another split",
            count=int(over.sum()),
            examples=[
                f"{samples.id(one[at])} and {samples.id(other[at])} share {shared[at]:.3f} s"
                for at in np.flatnonzero(over)[:5].tolist()
            ],
            do="keep a recording, or at least a scene, in one split",
        )


CHECK = Check(_NAME, _find, needs=("times",))
