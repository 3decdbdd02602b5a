"""Who speaks when, out of embeddings of windows: how many voices there are, and which one each moment has.

Pure functions on arrays: no model and no file is needed here.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

FRAME_S: Final = 0.1
"""A moment: voices change at multiples of it."""
SWITCH_COST: Final = 6.0
"""What a change of voice costs, in nats: voices that differ by 0.2 in similarity change within 0.6 s."""
SHARPNESS: Final = 50.0
"""Nats a second for a difference of 1 in similarity, times the frames of a second: see `voice_of_frames`."""
_TOGETHER = 2000
_TIGHT: Final = 0.9

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


def windows_of(
    spans: Sequence[tuple[float, float]], *, length_s: float, hop_s: float, least_s: float, join_s: float
) -> list[tuple[float, float]]:
    """Windows over speech, in order: of `length_s`, every `hop_s`, the last one of a stretch ending with it.

    spans: where somebody speaks, (start, end) in seconds, in order; those less than `join_s` apart are one stretch.
    A stretch shorter than a window is one window; one shorter than `least_s` has none.
    """
    joined: list[tuple[float, float]] = []
    for start, end in spans:
        if joined and start - joined[-1][1] < join_s:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    found: list[tuple[float, float]] = []
    for start, end in joined:
        if end - start < least_s:
            continue
        steps = max(int(np.ceil((end - start - length_s) / hop_s - 1e-9)), 0)
        last = max(end - length_s, start)
        found += [(at, min(at + length_s, end)) for at in (min(start + n * hop_s, last) for n in range(steps + 1))]
    return found


def voices(
    embeddings: Floats, weights: NDArray[np.float64], *, similarity: float, count: int | None, least: float
) -> Floats:
    """Centroids of the voices, unit vectors float32[K, D], in order of their first window.

    embeddings: unit vectors float32[n, D] in order of time. weights: float64[n], the speech of each, in seconds.
    similarity: groups whose members have a mean cosine similarity of at least that are one voice (average linkage:
        Sokal & Michener 1958). count: so many voices instead. least: a voice with less speech is none of its own,
        unless no other is there or `count` asks for it.
    """
    if not len(embeddings):
        return np.zeros((0, embeddings.shape[1]), np.float32)
    # Average linkage looks at all pairs: long recordings are first made shorter, block by block.
    points: NDArray[np.float64] = embeddings.astype(np.float64)
    mass = weights
    first: Ints = np.arange(len(embeddings), dtype=np.int64)
    while len(points) > _TOGETHER:
        before = len(points)
        parts = [slice(at, at + _TOGETHER) for at in range(0, len(points), _TOGETHER)]
        made = [_merged(points[part], mass[part], first[part], _labels(points[part], _TIGHT, None)) for part in parts]
        points = np.concatenate([one[0] for one in made])
        mass = np.concatenate([one[1] for one in made])
        first = np.concatenate([one[2] for one in made])
        if len(points) > 0.9 * before:
            break
    points, mass, first = _merged(points, mass, first, _labels(points, similarity, count))
    keep = mass >= least if count is None else np.ones(len(mass), np.bool_)
    if not keep.any():
        keep = mass == mass.max()
    order = np.argsort(first[keep], kind="stable")
    return np.asarray(points[keep][order], np.float32)


def _labels(points: NDArray[np.float64], similarity: float, count: int | None) -> Ints:
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(points) == 1:
        return np.zeros(1, np.int64)
    tree = linkage(np.clip(_distances(points), 0, None), "average")
    if count is not None:
        return np.asarray(fcluster(tree, min(count, len(points)), "maxclust"), np.int64)
    return np.asarray(fcluster(tree, 1 - similarity, "distance"), np.int64)


def _distances(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 - cosine similarity of each pair, in the order of scipy's condensed matrices."""
    upper = np.triu_indices(len(points), 1)
    return np.asarray(1 - (points @ points.T)[upper], np.float64)


def _merged(
    points: NDArray[np.float64], mass: NDArray[np.float64], first: Ints, labels: Ints
) -> tuple[NDArray[np.float64], NDArray[np.float64], Ints]:
    _, place = np.unique(labels, return_inverse=True)
    total = np.bincount(place, weights=mass)
    sums: NDArray[np.float64] = np.zeros((len(total), points.shape[1]))
    np.add.at(sums, place, points * mass[:, None])
    earliest: Ints = np.full(len(total), np.iinfo(np.int64).max, np.int64)
    np.minimum.at(earliest, place, first)
    units: NDArray[np.float64] = sums / np.linalg.norm(sums, axis=1, keepdims=True).clip(1e-12)
    return units, np.asarray(total, np.float64), earliest


def frame_similarities(
    frames: NDArray[np.float64], windows: NDArray[np.float64], embeddings: Floats, centroids: Floats
) -> NDArray[np.float64]:
    """How much each moment sounds like each voice: float64[F, K] in [0, 1].

    frames: float64[F], the middles of the moments. windows: float64[n, 2]. The mean over the windows around a moment,
    those in whose middle it lies counting most; the nearest window where none holds it.
    """
    own = embeddings.astype(np.float64) @ centroids.astype(np.float64).T
    found = np.zeros((len(frames), len(centroids)))
    total = np.zeros(len(frames))
    low = np.searchsorted(frames, windows[:, 0])
    high = np.searchsorted(frames, windows[:, 1])
    for index, (first, last) in enumerate(zip(low, high, strict=True)):
        start, end = windows[index]
        near = 1 - np.abs(2 * frames[first:last] - start - end) / (end - start)
        weight = 0.05 + near.clip(0, 1)
        found[first:last] += weight[:, None] * own[index]
        total[first:last] += weight
    bare = total == 0
    if bare.any() and len(windows):
        middles = windows.mean(axis=1)
        after = np.searchsorted(middles, frames[bare]).clip(1, max(len(middles) - 1, 1))
        later = np.minimum(after, len(middles) - 1)
        nearer = frames[bare] - middles[after - 1] <= middles[later] - frames[bare]
        found[bare], total[bare] = own[np.where(nearer, after - 1, later)], 1.0
    return np.asarray(found / total.clip(1e-12)[:, None], np.float64)


def voice_of_frames(similarities: NDArray[np.float64], breaks: NDArray[np.bool_]) -> Ints:
    """The voice of each moment: the sequence with the greatest sum of similarities less the cost of its changes.

    Viterbi's (1967) search. similarities: float64[F, K]. breaks: bool[F], where a pause lies before the moment: there
    a change costs a quarter. Of equals the lower number.
    """
    count, some = similarities.shape
    gain = SHARPNESS * FRAME_S * similarities
    best = np.zeros((count, some))
    back = np.zeros((count, some), np.int64)
    best[0] = gain[0]
    for frame in range(1, count):
        cost = SWITCH_COST / 4 if breaks[frame] else SWITCH_COST
        top = int(best[frame - 1].argmax())
        changed = best[frame - 1, top] - cost
        stays = best[frame - 1] >= changed
        back[frame] = np.where(stays, np.arange(some), top)
        best[frame] = gain[frame] + np.where(stays, best[frame - 1], changed)
    path = np.zeros(count, np.int64)
    path[-1] = best[-1].argmax()
    for frame in range(count - 1, 0, -1):
        path[frame - 1] = back[frame, path[frame]]
    return path
