"""The same stretch of the same recording twice: in two splits, or with two labels."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipelines.auditing.alike import Groups, apart, disagreeing, groups_of, shown
from pipelines.auditing.check import Check, finding
from pipelines.auditing.samples import Samples
from schemas.audit import Finding

_NAME = "same-clip"


def same_spans(clock: NDArray[np.int64], start: NDArray[np.float64], end: NDArray[np.float64]) -> Groups:
    """Samples with one recording and equal times, to the millisecond.

    clock: int64[n], the recording; -1 where it is not known. start, end: float64[n], seconds; NaN for none.
    """
    kept = np.flatnonzero((clock >= 0) & ~np.isnan(start) & ~np.isnan(end))
    keys = np.stack([clock[kept], *(np.rint(one[kept] * 1000).astype(np.int64) for one in (start, end))], axis=1)
    _, places = np.unique(keys, axis=0, return_inverse=True)
    return groups_of(places.reshape(-1), kept.astype(np.int64))


def _find(samples: Samples) -> Iterator[Finding]:
    clock = samples.named.get("sha256") or samples.clock
    if clock is None or samples.start is None or samples.end is None:
        return
    groups = same_spans(clock.codes, samples.start, samples.end)
    yield from told(_NAME, "stretches of a recording", groups, samples)


def told(check: str, what: str, groups: Groups, samples: Samples) -> Iterator[Finding]:
    """Findings about groups of samples that are the same clip."""
    split = samples.named.get("split")
    across, within = apart(groups, split)
    if across:
        yield finding(
            check,
            "error",
            f"{what} stand in several splits",
            count=len(across),
            examples=[" = ".join(samples.id(one) for one in shown(group, split)) for group in across[:5]],
            do="keep each in one split: what is trained on must not be tested on",
        )
    if within:
        yield finding(
            check,
            "warning",
            f"{what} occur more than once in a split",
            count=len(within),
            examples=[" = ".join(samples.id(one) for one in shown(group, split)) for group in within[:5]],
            do="keep one of each, or say why they are counted twice",
        )
    for question, label in samples.labels.items():
        found = list(disagreeing(groups, label))
        if found:
            yield finding(
                check,
                "error",
                f"{what} occur with different labels of {question}",
                count=len(found),
                of=len(groups),
                examples=[
                    ", ".join(f"{samples.id(one)}: {label.name(one) or 'none'}" for one in shown(group, label))
                    for group, _ in found[:5]
                ],
                do="look at each; one of the labels is wrong, or the times are",
            )


CHECK = Check(_NAME, _find, needs=("times",), either=("recording", "source", "sha256"))
