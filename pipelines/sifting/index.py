"""Which recordings are worth comparing: an index, so that not every one is compared with every other one."""

from collections.abc import Iterator
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipelines.sifting.compare import Looks, differing

_MARKS: Final = 400
"""Marks of a recording in the index, about: of a long one those of rare keys, so that copies have the same ones."""
_COMMON: Final = 500
"""A mark is held against so many of the same key, those of the recordings that follow."""
_PLACES: Final = 2**32 - 1
_BIN_S: Final = 4.0
_LEAST: Final = 3
_PICTURES: Final = 16
"""Pictures of a recording in the index, at most."""
_NEAR_BITS: Final = 8
_BYTES: Final = 8
_AT_ONCE: Final = 1 << 20
_CROWDED: Final = 1000
"""Pictures that share two bytes of their hashes: among more than that each is held against those that follow."""
_FOLLOWING: Final = 64


class Index:
    """Recordings are added one by one; `pairs` says which to compare.

    Sounds: an inverted list from keys to marks; a pair that has several keys at about the same distance in time is
    worth comparing. Pictures, where at least one of two has no sound that tells: two hashes that differ in few bits
    have two of eight bytes in common (Norouzi, Punjani, Fleet 2012: Fast search in Hamming space with multi-index
    hashing, CVPR), so that 28 tables by two bytes each find all that differ in at most six bits. Where very many share
    a key, each is held against some that follow. So work grows with the number of recordings, not with its square;
    memory holds at most some 10 kB of each.
    """

    def __init__(self) -> None:
        self._count = 0
        self._keys: list[NDArray[np.uint32]] = []
        self._times: list[NDArray[np.float32]] = []
        self._levels: list[int] = []
        self._hashes: list[NDArray[np.uint64]] = []
        self._of: list[NDArray[np.int32]] = []
        self._silent: list[bool] = []
        self._by_bytes: dict[str, int] = {}
        self._same: list[tuple[int, int]] = []

    def add(self, looks: Looks) -> None:
        """The next recording; its place is the number of those before."""
        place = self._count
        self._count += 1
        before = self._by_bytes.setdefault(looks.sha256, place)
        if before != place:
            self._same.append((before, place))
        keys: NDArray[np.uint32] = np.zeros(0, np.uint32)
        times: NDArray[np.float32] = np.zeros(0, np.float32)
        level = 0
        if looks.sound is not None and looks.sounds:
            level = max(0, int(np.ceil(np.log2(len(looks.sound.keys) / _MARKS))))
            mine = levels(looks.sound.keys) >= level
            keys, times = looks.sound.keys[mine], looks.sound.times[mine]
        self._keys.append(keys)
        self._times.append(times)
        self._levels.append(level)
        self._silent.append(not looks.sounds)
        if looks.pictures is not None and len(looks.pictures.times):
            count = len(looks.pictures.times)
            some = np.unique(np.linspace(0, count - 1, min(count, _PICTURES)).round().astype(np.int64))
            self._hashes.append(looks.pictures.hashes[some])
            self._of.append(np.full(len(some), place, np.int32))

    def pairs(self, sound: float) -> list[tuple[int, int]]:
        """Places of recordings to compare, the smaller first, in order. sound: share of marks that copies share."""
        found = {*self._same, *self._by_sound(sound / 2)}
        if any(self._silent):
            found.update(self._by_picture())
        return sorted(found)

    def _by_sound(self, share: float) -> Iterator[tuple[int, int]]:
        if not self._keys:
            return
        lengths = np.array([len(keys) for keys in self._keys])
        of = np.repeat(np.arange(self._count, dtype=np.int32), lengths)
        times = np.concatenate(self._times)
        marks = np.concatenate(self._keys).astype(np.uint64) << np.uint64(32) | of.astype(np.uint64)
        order = np.argsort(marks, kind="stable")
        marks, times = marks[order], times[order]
        level = np.array(self._levels)
        for place in range(self._count - 1):
            own = self._keys[place].astype(np.uint64) << np.uint64(32)
            low = np.searchsorted(marks, own | np.uint64(place + 1))
            many = np.minimum(np.searchsorted(marks, own | np.uint64(_PLACES)) - low, _COMMON)
            at = np.repeat(low - np.cumsum(many) + many, many) + np.arange(many.sum())
            mine = np.repeat(self._times[place], many)
            others = (marks[at] & np.uint64(_PLACES)).astype(np.int64)
            bins = np.floor((times[at] - mine) / _BIN_S).astype(np.int64)
            rows = others * 4096 + bins + 2048
            names, hits = np.unique(rows, return_counts=True)
            beside = np.append(np.where(np.diff(names) == 1, hits[1:], 0), 0) if len(names) else hits
            who = names // 4096
            above = np.maximum(level[who] - level[place], 0), np.maximum(level[place] - level[who], 0)
            fewer = np.minimum(lengths[place] / 2.0 ** above[0], lengths[who] / 2.0 ** above[1])
            for other in np.unique(who[hits + beside >= np.maximum(_LEAST, share * fewer)]):
                yield place, int(other)

    def _by_picture(self) -> Iterator[tuple[int, int]]:
        if not self._hashes:
            return
        hashes = np.concatenate(self._hashes)
        of = np.repeat(np.concatenate(self._of), hashes.shape[1])
        whole = np.tile(np.arange(hashes.shape[1]) == 0, len(hashes))
        flat = np.ascontiguousarray(hashes.reshape(-1))
        silent = np.array(self._silent)
        split = flat.view(np.uint8).reshape(-1, _BYTES).astype(np.uint16)
        found: set[tuple[int, int]] = set()
        for one, other in combinations(range(_BYTES), 2):
            key = split[:, one] << 8 | split[:, other]
            order = np.argsort(key, kind="stable")
            edges = np.flatnonzero(np.diff(key[order])) + 1
            for bucket in np.split(order, edges):
                for some, others in _blocks(bucket, silent[of[bucket]]):
                    near = differing(flat[some], flat[others]) <= _NEAR_BITS
                    near &= (of[some] != of[others]) & (whole[some] | whole[others])
                    near &= silent[of[some]] | silent[of[others]]
                    rows = np.nonzero(near)
                    a, b = (np.broadcast_to(of[each], near.shape)[rows] for each in (some, others))
                    found.update(zip(np.minimum(a, b).tolist(), np.maximum(a, b).tolist(), strict=True))
        yield from found


def _blocks(
    bucket: NDArray[np.int64], silent: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pictures of a bucket to be compared, as pairs of arrays that are broadcast together."""
    if len(bucket) > _CROWDED:
        for apart in range(1, _FOLLOWING + 1):
            yield bucket[:-apart], bucket[apart:]
    elif len(bucket) > 1 and silent.any():
        asking = bucket[silent]
        for some in np.array_split(asking, len(asking) * len(bucket) // _AT_ONCE + 1):
            yield some[:, None], bucket[None]


def levels(keys: NDArray[np.uint32]) -> NDArray[np.int64]:
    """How rare each key is: half of all keys have 0, a quarter 1, and so on. A property of the key alone."""
    mixed = keys * np.uint32(0x9E3779B1)  # Knuth's multiplicative hash
    high = np.maximum(mixed >> np.uint32(8), 1)
    return np.asarray(23 - np.floor(np.log2(high)).astype(np.int64))
