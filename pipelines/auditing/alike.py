"""Samples that share something: in which splits they are, and what they are called."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.auditing.codes import Codes

Groups = Sequence[NDArray[np.int64]]
"""Samples that share something, two or more each."""


def groups_of(keys: NDArray[Any], among: NDArray[np.int64]) -> Groups:
    """The samples of `among` with equal keys, in order of their first. keys: one for each of `among`."""
    if not len(among):
        return []
    _, places, counts = np.unique(keys, return_inverse=True, return_counts=True)
    places = places.reshape(-1)
    wanted = counts[places] > 1
    order = np.lexsort((among[wanted], places[wanted]))
    mine, of = among[wanted][order], places[wanted][order]
    found = np.split(mine, np.flatnonzero(np.diff(of)) + 1) if len(mine) else []
    return sorted(found, key=lambda group: int(group[0]))


def apart(groups: Groups, split: Codes | None) -> tuple[Groups, Groups]:
    """Those that stand in several splits, and the others."""
    if split is None:
        return [], groups
    across = [group for group in groups if len({*split.codes[group].tolist()} - {-1}) > 1]
    within = [group for group in groups if len({*split.codes[group].tolist()} - {-1}) <= 1]
    return across, within


def shown(group: NDArray[np.int64], by: Codes | None, most: int = 4) -> list[int]:
    """Some samples of a group: the first of each split, or of each label, before others."""
    samples: list[int] = group.tolist()
    if by is not None:
        _, first = np.unique(by.codes[group], return_index=True)
        ahead = [samples[place] for place in sorted(first.tolist())]
        samples = [*ahead, *(one for one in samples[: most + len(ahead)] if one not in ahead)]
    return samples[:most]


def disagreeing(groups: Groups, label: Codes) -> Iterator[tuple[NDArray[np.int64], tuple[str, ...]]]:
    """Groups whose samples have different labels, with these; a sample without a label agrees with all."""
    for group in groups:
        codes = sorted({*label.codes[group].tolist()} - {-1})
        if len(codes) > 1:
            yield group, tuple(label.names[code] for code in codes)
