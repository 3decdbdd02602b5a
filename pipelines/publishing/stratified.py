"""Groups dealt out so that each label has its share in each split, as well as the groups allow."""

import hashlib
import json
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.publishing.ranges import range_of
from schemas.errors import UsageError
from schemas.features import Features

Stratum = tuple[str, Hashable]
"""A column and a value, or the range of one."""
FREE = -1
_PASSES = 8
_DIGITS = 9
"""Differences smaller than this are ties, whatever the order of a sum."""


def strata_of(
    columns: Sequence[str], features: Features, rows: Mapping[str, Mapping[str, object]]
) -> dict[str, tuple[Stratum, ...]]:
    """The strata of each sample: of a class itself, of several classes each, of a number one of five ranges.

    Args:
        columns: that answers made, such as `emotion`.
        features: of all columns that answers made.
        rows: sample id to its values; what is null is in no stratum.

    Raises:
        UsageError: there is no such column, or it holds neither classes nor numbers.
    """
    found: dict[str, list[Stratum]] = {sample: [] for sample in rows}
    for name in columns:
        if name not in features:
            raise UsageError(
                f"publish.stratify names {name!r}, which no answer is about",
                do=f"there are {', '.join(features) or 'no answers'}",
            )
        values = {sample: row[name] for sample, row in rows.items() if row.get(name) is not None}
        numbers = [value for value in values.values() if isinstance(value, float)]
        low, high = (min(numbers), max(numbers)) if numbers else (0.0, 0.0)
        for sample, value in values.items():
            for one in value if isinstance(value, list) else [value]:
                if not isinstance(one, float | int | str):
                    raise UsageError(
                        f"publish.stratify names {name!r}, which holds neither classes nor numbers",
                        do="name the column of an aggregate",
                    )
                at: Hashable = range_of(one, low, high) if isinstance(one, float) and numbers else one
                found[sample].append((name, at))
    return {sample: tuple(dict.fromkeys(strata)) for sample, strata in found.items()}


def stratified(
    counts: NDArray[np.int64], shares: Sequence[float], names: Sequence[str], fixed: NDArray[np.int64], seed: str = ""
) -> NDArray[np.int64]:
    """The split of each of G groups.

    Iterative stratification (Sechidis, Tsoumakas, Vlahavas: On the Stratification of Multi-Label Data, ECML PKDD 2011)
    with groups in the place of examples: the stratum with the fewest rows left to deal comes first, its groups from
    the largest, each to the split that lacks most of it. Then single groups move as long as that lowers the sum over
    strata and splits of (rows - wanted)^2 / wanted, the statistic of Pearson's chi-squared test.

    Args:
        counts: int64[G, L], rows of each group in each stratum; the last column counts all rows.
        shares: of the S splits; they sum to 1.
        names: of the groups. Ties are decided by SHA-256 of these and of the seed.
        fixed: int64[G], the split of a group that has one; else FREE.
        seed: as in `splits.split_of`.

    Returns:
        int64[G], each from 0 to S - 1.
    """
    found = fixed.copy()
    wanted = np.outer(np.asarray(shares), counts.sum(axis=0))
    lacking = wanted.copy()
    for group in np.flatnonzero(found != FREE):
        lacking[found[group]] -= counts[group]
    tie = [hashlib.sha256(json.dumps([seed, name]).encode()).digest() for name in names]
    free = np.flatnonzero(found == FREE)
    left = counts[free].sum(axis=0)
    while left[:-1].any():
        rarest = min(np.flatnonzero(left[:-1]), key=lambda stratum: (left[stratum], stratum))
        mine = free[(found[free] == FREE) & (counts[free, rarest] > 0)]
        _deal(_largest_first(mine, counts, int(rarest), tie), int(rarest), counts, lacking, found)
        left = left - counts[mine].sum(axis=0)
    _deal(_largest_first(free[found[free] == FREE], counts, -1, tie), -1, counts, lacking, found)
    _improve(free, counts, wanted, found)
    return found


def _largest_first(
    groups: NDArray[np.int64], counts: NDArray[np.int64], stratum: int, tie: Sequence[bytes]
) -> list[int]:
    return sorted(groups.tolist(), key=lambda one: (-counts[one, stratum], -counts[one, -1], tie[one]))


def _deal(
    groups: Sequence[int],
    stratum: int,
    counts: NDArray[np.int64],
    lacking: NDArray[np.float64],
    found: NDArray[np.int64],
) -> None:
    for group in groups:
        most = np.round(lacking[:, stratum], _DIGITS), np.round(lacking[:, -1], _DIGITS)
        split = max(range(len(lacking)), key=lambda one: (most[0][one], most[1][one], -one))
        found[group] = split
        lacking[split] -= counts[group]


def _improve(
    free: NDArray[np.int64], counts: NDArray[np.int64], wanted: NDArray[np.float64], found: NDArray[np.int64]
) -> None:
    """Move single groups where that is better; each pass looks at every free group once."""
    have = np.zeros_like(wanted)
    np.add.at(have, found, counts)
    weights = 1 / np.maximum(wanted, 1e-12)
    for _ in range(_PASSES):
        moved = False
        for group in free:
            row, own = counts[group], found[group]
            # (have +- row - wanted)^2 - (have - wanted)^2, over wanted
            off = have - wanted
            taking = ((2 * off + row) * row * weights).sum(axis=1)
            leaving = ((row - 2 * off[own]) * row * weights[own]).sum()
            gain = np.round(taking + leaving, _DIGITS)
            gain[own] = 0
            best = int(gain.argmin())
            if gain[best] < 0:
                have[own] -= row
                have[best] += row
                found[group] = best
                moved = True
        if not moved:
            return
