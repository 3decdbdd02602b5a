"""Which dialogue a sample is in, where numbers begin anew in each split, and the order within it."""

import numpy as np
from numpy.typing import NDArray

from pipelines.auditing.codes import Codes
from pipelines.auditing.samples import Samples


def is_numbered_by_split(group: Codes, split: Codes) -> bool:
    """Whether names are whole numbers that begin at 0 or 1 in every split: then 7 here is not 7 there."""
    try:
        numbers = np.asarray([int(name) for name in group.names], np.int64)
    except ValueError:
        return False
    for code in range(len(split.names)):
        mine = group.codes[(split.codes == code) & group.has]
        if not len(mine) or numbers[mine].min() not in (0, 1):
            return False
    return len(split.names) > 1


def dialogues(samples: Samples) -> Codes | None:
    """The dialogue of each sample, different ones under different names; None without a column of them."""
    own = samples.named.get("dialogue")
    split = samples.named.get("split")
    if own is not None and split is not None and is_numbered_by_split(own, split):
        return Codes.joined([split, own])
    return own


def in_order(group: Codes, *keys: NDArray[np.float64]) -> NDArray[np.int64]:
    """int64[m]: samples that have a group and all keys, by group and keys; equal ones in their own order."""
    kept = group.has
    for key in keys:
        kept = kept & ~np.isnan(key)
    places = np.flatnonzero(kept)
    order = np.lexsort((places, *(key[places] for key in reversed(keys)), group.codes[places]))
    return np.asarray(places[order], np.int64)
