"""Turns of speakers out of the embeddings of windows: who has which stretch, where two may speak, who is seen to.

Pure functions on arrays and records: no model and no file is needed here.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from extractors.speaking import speaker_of
from extractors.voice_clusters import FRAME_S, frame_similarities, voice_of_frames, voices
from schemas.clock import to_us_array
from schemas.speakers import Overlap, Turn, Voice
from schemas.speaking import Speaking
from schemas.track import Track

HOP_S: Final = 0.4
"""From window to window."""
LEAST_VOICE_S: Final = 1.0
"""Less speech is no voice of its own."""
PAUSE_S: Final = 0.15
BETWEEN: Final = 0.1
"""Where one voice is no more than that likelier than another, both may speak: tried on made dialogues."""
LEAST_OVERLAP_S: Final = 0.5


def told_apart(
    spans: Sequence[tuple[float, float]],
    windows: Sequence[tuple[float, float]],
    embeddings: NDArray[np.float32],
    *,
    similarity: float = 0.7,
    count: int | None = None,
) -> tuple[list[Turn], list[Overlap]]:
    """Turns, and stretches in which two may speak at once, out of the embeddings of windows.

    spans: where somebody speaks, (start, end) in seconds, in order, not overlapping; all of it is in exactly one turn.
    windows: (start, end) in seconds. embeddings: unit vectors float32[n, D], one a window.
    """
    if not spans:
        return [], []
    moments = [moment for start, end in spans for moment in _moments(start, end)]
    edges = np.array(moments)
    mass = speech_of_windows(edges, np.array(windows))
    centroids = voices(embeddings, mass, similarity=similarity, count=count, least=LEAST_VOICE_S)
    alike = frame_similarities(edges.mean(axis=1), np.array(windows), embeddings, centroids)
    breaks = np.concatenate([[False], edges[1:, 0] - edges[:-1, 1] >= PAUSE_S])
    found = voice_of_frames(alike, breaks)
    numbers = {voice: place for place, voice in enumerate(dict.fromkeys(found.tolist()))}
    between = between_two(alike, breaks)
    parts = _runs((found[1:] != found[:-1]) | (edges[1:, 0] > edges[:-1, 1]))
    turns = []
    for part in parts:
        mean = alike[part].mean(axis=0)
        own = float(mean[found[part[0]]])
        others = np.delete(mean, found[part[0]])
        turns.append(
            Turn(
                start=round(float(edges[part[0], 0]), 3),
                end=round(float(edges[part[-1], 1]), 3),
                voice=numbers[int(found[part[0]])],
                score=_rounded(own),
                margin=_rounded(own - float(others.max()) if len(others) else own),
                overlap=_rounded(float(between[part].mean())),
            )
        )
    overlaps = []
    for part in _runs((between[1:] != between[:-1]) | breaks[1:]):
        likeliest = np.argsort(-alike[part].mean(axis=0), kind="stable")[:2].tolist()
        if between[part[0]] and all(voice in numbers for voice in likeliest):
            first, second = (numbers[voice] for voice in likeliest)
            start, end = round(float(edges[part[0], 0]), 3), round(float(edges[part[-1], 1]), 3)
            overlaps.append(Overlap(start=start, end=end, voices=(first, second)))
    return turns, overlaps


def speech_of_windows(moments: NDArray[np.float64], windows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Seconds of speech that each window stands for: float64[n], of the moments whose nearest window it is.

    moments, windows: float64[F, 2] and float64[n, 2], start and end in seconds, in order.
    """
    middles = windows.mean(axis=1)
    nearest = np.searchsorted((middles[:-1] + middles[1:]) / 2, moments.mean(axis=1))
    seconds = np.bincount(nearest, weights=moments[:, 1] - moments[:, 0], minlength=len(windows))
    return np.asarray(seconds, np.float64)


def _runs(ends: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Indices of moments, parted after each that ends a run. ends: bool[F - 1]."""
    return np.split(np.arange(len(ends) + 1, dtype=np.int64), np.flatnonzero(ends) + 1)


def between_two(alike: NDArray[np.float64], breaks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """bool[F]: moments at which two voices are about equally likely, `LEAST_OVERLAP_S` long without a pause.

    alike: float64[F, K] similarities to the voices. breaks: bool[F], where a pause lies before the moment.
    """
    ranked = np.sort(np.pad(alike, ((0, 0), (1, 0)), constant_values=-1), axis=1)
    close = ranked[:, -1] - ranked[:, -2] < BETWEEN
    for part in _runs((close[1:] != close[:-1]) | breaks[1:]):
        if len(part) * FRAME_S < LEAST_OVERLAP_S - FRAME_S / 2:
            close[part] = False
    return np.asarray(close, np.bool_)


def embeddings_of(
    turns: Sequence[Turn], windows: Sequence[tuple[float, float]], embeddings: NDArray[np.float32]
) -> Track:
    """A unit vector a turn: the mean of the windows that overlap with it, by how much they do; else the nearest one."""
    starts, ends = np.array(windows).T
    means = []
    for turn in turns:
        weight = (np.minimum(ends, turn.end) - np.maximum(starts, turn.start)).clip(0)
        if not weight.any():
            weight[np.abs(starts + ends - turn.start - turn.end).argmin()] = 1
        mean = weight @ embeddings.astype(np.float64)
        means.append(mean / np.linalg.norm(mean).clip(1e-12))
    spans = to_us_array([(turn.start, turn.end) for turn in turns])
    names = tuple(f"speaker_embedding_{place:03}" for place in range(embeddings.shape[1]))
    return Track(np.array([turn.start for turn in turns]), spans, np.array(means, np.float32), names)


def _moments(start: float, end: float) -> list[tuple[float, float]]:
    """A span in moments of about `FRAME_S`, all of one length."""
    edges = np.linspace(start, end, max(round((end - start) / FRAME_S), 1) + 1)
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def _rounded(value: float) -> float:
    return round(min(max(value, 0.0), 1.0), 3)


def voices_of(turns: Sequence[Turn], speaking: Speaking | None) -> list[Voice]:
    """How long each voice speaks, and the face that does so with it: the one with the greatest score over its turns."""
    found: list[Voice] = []
    for number in range(max((turn.voice for turn in turns), default=-1) + 1):
        own = [turn for turn in turns if turn.voice == number]
        seconds = sum(turn.end - turn.start for turn in own)
        scores: dict[int, float] = {}
        for turn in own if speaking is not None else ():
            face, score = speaker_of(speaking, turn.start, turn.end) if speaking is not None else (None, 0.0)
            if face is not None:
                scores[face] = scores.get(face, 0.0) + score * (turn.end - turn.start)
        best = max(scores, key=lambda face: (scores[face], -face), default=None)
        share = 0.0 if best is None or not seconds else scores[best] / seconds
        found.append(Voice(seconds=round(seconds, 3), face=best, face_score=_rounded(share)))
    return found


def turns_within(turns: Sequence[Turn], start_s: float, end_s: float) -> Sequence[Turn]:
    """Those that share some time with a stretch. turns: in order, not overlapping."""
    first = bisect_right(turns, start_s, key=lambda turn: turn.end)
    return turns[first : max(bisect_left(turns, end_s, key=lambda turn: turn.start), first)]


def voice_at(turns: Sequence[Turn], start_s: float, end_s: float) -> int | None:
    """The voice that has most of a stretch; of equals the earlier one. None where no turn touches it."""
    held: dict[int, float] = {}
    for turn in turns_within(turns, start_s, end_s):
        overlap = min(turn.end, end_s) - max(turn.start, start_s)
        held[turn.voice] = held.get(turn.voice, 0.0) + overlap
    return max(held, key=lambda voice: held[voice], default=None)
