"""Texts that are nearly the same, found without comparing each with each.

MinHash (Broder, 1997, "On the resemblance and containment of documents") with bands (Leskovec, Rajaraman and Ullman,
"Mining of Massive Datasets", section 3.4): the share of equal minima estimates the Jaccard similarity of two sets of
shingles; texts that agree in all minima of a band are candidates, and every candidate pair is then compared exactly.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Signatures = NDArray[np.uint32]

WIDTH = 5
"""Characters of a shingle."""
LEAST = 24
"""Characters below which a text has too few shingles to be nearly like another."""
BANDS, ROWS = 16, 4
"""A pair of similarity 0.8 shares a band with a probability of 1 - (1 - 0.8^4)^16 > 0.9998."""
ALIKE = 0.8
_PRIME = np.uint64(1_099_511_628_211)
_BLOCK = 2_000
_DOUBT = 0.2
"""Of the estimate by 64 minima: four standard deviations."""
_MOST_KINDS = 16


def signatures(texts: Sequence[bytes]) -> Signatures:
    """uint32[n, BANDS * ROWS]: for each text the minima of its shingles under so many hash functions.

    texts: each of at least WIDTH bytes.
    """
    found = np.empty((len(texts), BANDS * ROWS), np.uint32)
    random = np.random.default_rng(20_240_101)
    factors = random.integers(1, 2**63, BANDS * ROWS, np.uint64) * np.uint64(2) + np.uint64(1)
    for first in range(0, len(texts), _BLOCK):
        some = texts[first : first + _BLOCK]
        shingles, starts = _shingles(some)
        for place, factor in enumerate(factors):
            # Multiply-shift (Dietzfelbinger and others, 1997): the upper bits of the product are the hash.
            hashed = ((shingles * factor) >> np.uint64(32)).astype(np.uint32)
            found[first : first + len(some), place] = np.minimum.reduceat(hashed, starts)
    return found


def _shingles(texts: Sequence[bytes]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """All shingles, hashed (FNV-1a over their bytes, then mixed), and where those of each text start."""
    lengths = np.asarray([len(text) for text in texts], np.int64)
    data = np.frombuffer(b"".join(texts), np.uint8).astype(np.uint64)
    hashed: NDArray[np.uint64] = np.full(len(data) - WIDTH + 1, 14_695_981_039_346_656_037, np.uint64)
    for at in range(WIDTH):
        hashed = (hashed ^ data[at : len(data) - WIDTH + 1 + at]) * _PRIME
    mixed = hashed ^ (hashed >> np.uint64(29))
    ends = np.cumsum(lengths)
    kept = np.ones(len(data), np.bool_)
    for back in range(1, WIDTH):
        kept[ends - back] = False  # shingles that would reach into the next text
    counts = lengths - WIDTH + 1
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    return mixed[kept[: len(mixed)]], starts


def near_pairs(texts: Sequence[bytes], alike: float = ALIKE) -> list[tuple[int, int, float]]:
    """Pairs of texts of similarity `alike` or more, with it, that join each text to another of its kind.

    Of many that are alike not every pair is given, but enough to join them all. Time and memory grow with the number of
    texts, however many are alike: of those that share a band, each is compared with one of every kind, of at most
    sixteen. texts: all different, of at least WIDTH bytes.
    """
    if len(texts) < 2:  # noqa: PLR2004
        return []
    signed = signatures(texts)
    root = list(range(len(texts)))
    found = []
    for bucket in _buckets(signed):
        kinds = [bucket[0]]
        for one in bucket[1:]:
            mine = _top(root, one)
            if any(_top(root, other) == mine for other in kinds):
                continue
            for other in kinds:
                if (signed[one] == signed[other]).mean() < alike - _DOUBT:
                    continue
                similarity = jaccard(texts[one], texts[other])
                if similarity >= alike:
                    root[mine] = _top(root, other)
                    found.append((other, one, similarity))
                    break
            else:
                if len(kinds) < _MOST_KINDS:
                    kinds.append(one)
    return sorted(found)


def _top(root: list[int], one: int) -> int:
    """The first of all that are joined with it; the way there becomes shorter."""
    while root[one] != one:
        root[one] = root[root[one]]
        one = root[one]
    return one


def _buckets(signed: Signatures) -> Iterator[list[int]]:
    """Texts that agree in all minima of a band, in their order, two or more."""
    for band in range(BANDS):
        mine = np.ascontiguousarray(signed[:, band * ROWS : (band + 1) * ROWS])
        order = np.lexsort((np.arange(len(mine)), *mine.T))
        ends = np.flatnonzero((mine[order[1:]] != mine[order[:-1]]).any(axis=1)) + 1
        starts = np.concatenate([[0], ends])
        ends = np.concatenate([ends, [len(order)]])
        several = ends - starts > 1
        for start, end in zip(starts[several].tolist(), ends[several].tolist(), strict=True):
            yield order[start:end].tolist()


def jaccard(one: bytes, other: bytes) -> float:
    """The share of shingles that both have, among those that either has."""
    mine, yours = ({text[at : at + WIDTH] for at in range(len(text) - WIDTH + 1)} for text in (one, other))
    return len(mine & yours) / len(mine | yours)
