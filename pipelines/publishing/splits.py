"""Which split a sample belongs to: decided by its group alone, so that it stays when recordings are added."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise

Group = tuple[int, str]
"""The place of the grouping column among those asked for, and the value; the smallest names a component."""

_FALLBACK = 1_000_000
"""Place of the recording id, which groups rows whose grouping columns are all missing."""
_LINK = _FALLBACK + 1
"""Place of the names of links, which join groups and name none."""


def split_of(group: str, splits: Mapping[str, float], seed: str = "") -> str:
    """The split of a group.

    The first 8 bytes of SHA-256 over the seed and the group, as a fraction of 2**64, fall between two of the
    cumulative shares. The answer depends on nothing else: no other group can move this one.

    Args:
        group: what names the group.
        splits: name to share, in the order in which shares are stacked; they sum to 1.
        seed: another seed gives an independent dealing.
    """
    digest = hashlib.sha256(json.dumps([seed, group]).encode()).digest()
    place = int.from_bytes(digest[:8]) / 2**64
    for name, end in zip(splits, accumulate(splits.values()), strict=True):
        if place < end:
            return name
    return list(splits)[-1]  # the shares sum to a hair under 1


def groups_of(rows: Iterable[tuple[str, Sequence[str | None]]]) -> list[str]:
    """The group of each row: rows that share a value in any grouping column are in one group.

    Several columns make connected components: a component is named by the smallest value of the first column in
    it, so that it keeps its name when it grows by other values of the later columns.

    Args:
        rows: for each row its recording's id and its values in the grouping columns. Where all values are missing,
            the recording is the group.

    Returns:
        A name a row; equal names are one group.
    """
    kept = list(rows)
    grouping = Grouping()
    for _, values in kept:
        grouping.add(values)
    return [grouping.group(recording, values) for recording, values in kept]


class Grouping:
    """Groups of rows that come one by one: all are added first, then each is asked for."""

    def __init__(self) -> None:
        self._linked = _Components()

    def add(self, values: Sequence[str | None]) -> None:
        """A row's values in the grouping columns belong together."""
        for one, other in pairwise(_keys(values)):
            self._linked.join(one, other)

    def link(self, recording: str, values: Sequence[str | None], name: str) -> None:
        """A row belongs together with all others that are linked under the same name, such as copies of a recording."""
        self._linked.join(first_key(recording, values), (_LINK, name))

    def group(self, recording: str, values: Sequence[str | None]) -> str:
        """The group of a row: its name."""
        return json.dumps(self._linked.root(first_key(recording, values)), ensure_ascii=False)


def first_key(recording: str, values: Sequence[str | None]) -> Group:
    """What of a row finds its group: its first value that is there, else its recording."""
    return next(iter(_keys(values)), (_FALLBACK, recording))


def _keys(values: Sequence[str | None]) -> list[Group]:
    return [(place, value) for place, value in enumerate(values) if value is not None]


class _Components:
    """Disjoint sets (Galler and Fischer, 1964) with path halving; the root of a set is its smallest member."""

    def __init__(self) -> None:
        self._parent: dict[Group, Group] = {}

    def root(self, key: Group) -> Group:
        parent = self._parent
        while (above := parent.get(key, key)) != key:
            parent[key] = parent.get(above, above)
            key = parent[key]
        return key

    def join(self, one: Group, other: Group) -> None:
        first, second = sorted((self.root(one), self.root(other)))
        if first != second:
            self._parent[second] = first
