"""Sound cut at its silences into chunks that a recogniser hears at one go."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from extractors.sound import RATE_HZ
from extractors.voice_activity import padded

PAD_S = 1.0
"""Sound kept on both sides of speech, at most to the middle of the silence.

Whisper learnt from sound as it was recorded: cut closely around speech, short clips are heard worse, and so are
utterances that had a pause of a second between them. Only silences longer than two seconds are left out.
"""
LONGEST_S = 29.0
"""A Whisper window is 30 s; the last second stays silent, so that the last word is not cut."""
_GOOD_GAP_S = 1.0
_LEAST_TO_HALVE_S = 10.0


@dataclass(frozen=True)
class Chunk:
    """Pieces of a recording, (start, end) in samples of the recording, heard one after the other."""

    pieces: tuple[tuple[int, int], ...]

    def __len__(self) -> int:
        return sum(end - start for start, end in self.pieces)

    @property
    def start_s(self) -> float:
        """Where it begins on the recording's clock."""
        return self.pieces[0][0] / RATE_HZ

    @property
    def end_s(self) -> float:
        """Where it ends on the recording's clock."""
        return self.pieces[-1][1] / RATE_HZ

    def after(self, seconds: float) -> "Chunk | None":
        """What is left of it after so many seconds; None if nothing is."""
        skip = round(seconds * RATE_HZ)
        left: list[tuple[int, int]] = []
        for first, last in self.pieces:
            if skip < last - first:
                left.append((first + max(skip, 0), last))
            skip -= last - first
        return Chunk(tuple(left)) if left else None

    def later_than(self, time_s: float) -> "Chunk | None":
        """What of it lies after a time of the recording's clock; None if nothing does."""
        time = round(time_s * RATE_HZ)
        left = tuple((max(first, time), last) for first, last in self.pieces if last > time)
        return Chunk(left) if left else None

    def earlier_than(self, time_s: float) -> "Chunk | None":
        """What of it lies before a time of the recording's clock; None if nothing does."""
        time = round(time_s * RATE_HZ)
        left = tuple((first, min(last, time)) for first, last in self.pieces if first < time)
        return Chunk(left) if left else None

    def speech_s(self, spans: Sequence[tuple[float, float]]) -> float:
        """Seconds of the spans that it holds."""
        return sum(
            max(min(last / RATE_HZ, end) - max(first / RATE_HZ, start), 0)
            for first, last in self.pieces
            for start, end in spans
        )

    def on_clock(self, start_s: float, end_s: float) -> tuple[float, float]:
        """A stretch of the chunk, in seconds from its start, on the recording's clock.

        A stretch over a joint belongs to the piece that holds more of it (the earlier one of equals), and is cut
        there: the silence that was left out lies between the pieces.
        """
        start, end = start_s * RATE_HZ, max(end_s, start_s) * RATE_HZ
        best: tuple[float, float, float] | None = None
        before = 0
        for first, last in self.pieces:
            length = last - first
            low = min(max(start - before, 0), length)
            high = min(max(end - before, 0), length)
            away = max(before - end, start - before - length, 0)
            score = high - low - away
            if best is None or score > best[0]:
                best = (score, (first + low) / RATE_HZ, (first + high) / RATE_HZ)
            before += length
        if best is None:
            raise ValueError("a chunk without pieces has no clock")
        return best[1], best[2]


def cut_chunks(
    spans: Sequence[tuple[float, float]],
    length: int,
    *,
    quietest: Callable[[int, int], int],
    longest_s: float = LONGEST_S,
    pad_s: float = PAD_S,
) -> list[Chunk]:
    """Chunks of at most `longest_s` that hold all speech.

    spans: where somebody speaks, (start, end) in seconds, in order, not overlapping; length: samples of the recording.
    quietest(a, b): the best sample in [a, b) at which to cut speech that never pauses.
    Chunks end at silences, if possible at long ones. Silences longer than twice `pad_s` are left out.
    """
    longest = round(longest_s * RATE_HZ)
    inside = [(round(start * RATE_HZ), min(round(end * RATE_HZ), length)) for start, end in spans]
    spoken = [span for span in inside if span[0] < span[1]]
    parts: list[tuple[int, int]] = []
    gaps: list[float] = []
    for index, span in enumerate(padded(spoken, round(pad_s * RATE_HZ), length)):
        pieces = _split(span, longest, quietest)
        parts += pieces
        silence = spoken[index + 1][0] - spoken[index][1] if index + 1 < len(spoken) else 0
        gaps += [0.0] * (len(pieces) - 1) + [min(silence / RATE_HZ, _GOOD_GAP_S)]
    chunks: list[Chunk] = []
    first = 0
    while first < len(parts):
        stop = _best_stop(parts, gaps, first, longest)
        chunks.append(Chunk(_joined(parts[first:stop])))
        first = stop
    return chunks


def windows(
    chunk: Chunk,
    spans: Sequence[tuple[float, float]],
    *,
    quietest: Callable[[int, int], int],
    longest_s: float = LONGEST_S,
) -> list[Chunk]:
    """The chunk cut at good silences into some of at most `longest_s`; none where nobody speaks in it.

    spans: where somebody speaks, at least all spans that the chunk touches.
    """
    inside = [
        (max(start, first / RATE_HZ), min(end, last / RATE_HZ))
        for start, end in spans
        for first, last in chunk.pieces
        if start < last / RATE_HZ and first / RATE_HZ < end
    ]
    first, last = chunk.pieces[0][0], chunk.pieces[-1][1]
    found = cut_chunks(inside, last, quietest=quietest, longest_s=longest_s)
    return [Chunk(tuple((max(a, first), b) for a, b in part.pieces)) for part in found]


def half(chunk: Chunk, spans: Sequence[tuple[float, float]], *, quietest: Callable[[int, int], int]) -> Chunk | None:
    """The chunk up to a good silence near its middle; None if it is short, or cannot be cut. spans: as `windows`."""
    if len(chunk) < _LEAST_TO_HALVE_S * RATE_HZ:
        return None
    parts = windows(chunk, spans, quietest=quietest, longest_s=len(chunk) / RATE_HZ / 2 + PAD_S)
    return parts[0] if len(parts) > 1 else None


def _split(span: tuple[int, int], longest: int, quietest: Callable[[int, int], int]) -> list[tuple[int, int]]:
    start, end = span
    parts: list[tuple[int, int]] = []
    while end - start > longest:
        cut = min(max(quietest(start + longest * 2 // 3, start + longest), start + 1), start + longest)
        parts.append((start, cut))
        start = cut
    return [*parts, (start, end)]


def _best_stop(parts: Sequence[tuple[int, int]], gaps: Sequence[float], first: int, longest: int) -> int:
    """Where the chunk that begins with part `first` stops: full chunks are cheap, long silences are safe."""
    filled = 0
    choices: list[tuple[float, int]] = []
    for stop in range(first + 1, len(parts) + 1):
        filled += parts[stop - 1][1] - parts[stop - 1][0]
        if stop > first + 1 and filled > longest:
            return max(choices)[1]
        if stop == len(parts):
            return stop
        choices.append((gaps[stop - 1] / _GOOD_GAP_S + 2 * filled / longest, stop))
    return len(parts)


def _joined(parts: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    joined: list[tuple[int, int]] = []
    for start, end in parts:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple(joined)


def quietest_sample(sound: NDArray[np.float32], *, hop_s: float = 0.02, around: int = 5) -> int:
    """The middle of the quietest 100 ms of a sound of shape (n,), 16 kHz; the first of equals; 0 for too short ones."""
    hop = round(hop_s * RATE_HZ)
    frames = len(sound) // hop
    if frames < around:
        return len(sound) // 2
    power = np.square(sound[: frames * hop].reshape(frames, hop).astype(np.float64)).mean(axis=1)
    smooth = np.convolve(power, np.ones(around), "valid")
    return int((int(np.argmin(smooth)) + around / 2) * hop)
