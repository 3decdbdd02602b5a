"""What a speech recogniser must be able to do."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from extractors.word_times import Aligned


@dataclass(frozen=True)
class Heard:
    """What was recognised in one chunk; times in seconds from its start."""

    parts: tuple[Aligned, ...]
    mean_log_probability: float
    no_speech_probability: float
    until_s: float | None = None
    """Where the last finished segment ends, from the chunk's start; None where the model did not say."""

    @property
    def text(self) -> str:
        """All parts as they are written."""
        return "".join(part.text for part in self.parts)


TIMESTAMP_S = 0.02


def finished(tokens: Sequence[int], first_timestamp: int) -> tuple[Sequence[int], float | None]:
    """The tokens of the segments that Whisper finished, and the time at which the last of them ends.

    Whisper writes a segment as <start> text <end>. After its last <end> a new <start> may begin a segment that runs
    out of the window: that one is left to the next window (Radford et al. 2022, section 4.5). Without any
    <end> all text counts, and no time is known.
    """
    for at in range(len(tokens) - 1, 0, -1):
        if tokens[at] >= first_timestamp and tokens[at - 1] < first_timestamp:
            return tokens[: at + 1], (tokens[at] - first_timestamp) * TIMESTAMP_S
    return tokens, None


def openings(tokens: Sequence[int], first_timestamp: int) -> frozenset[int]:
    """Which text tokens, counted without timestamps, come right after a timestamp: there an utterance begins."""
    found: set[int] = set()
    text = 0
    for before, token in zip([first_timestamp, *tokens], tokens, strict=False):
        if token < first_timestamp:
            if before >= first_timestamp:
                found.add(text)
            text += 1
    return frozenset(found)


def marked(parts: Sequence[Aligned], opens: frozenset[int]) -> tuple[Aligned, ...]:
    """The parts with the mark where an utterance begins. opens: as `openings` gives."""
    found: list[Aligned] = []
    at = 0
    for part in parts:
        found.append(replace(part, opens=at in opens))
        at += part.tokens
    return tuple(found)


class Recognizer(Protocol):
    """A model in memory. Chunks are float32 in [-1, 1], 16 kHz, at most 30 s; several are worked on at a time."""

    @property
    def languages(self) -> frozenset[str]:
        """The codes it knows; only "en" where the model is English only."""
        ...

    @property
    def numbers(self) -> str:
        """What it computes in, such as `int8`."""
        ...

    @property
    def batch(self) -> int:
        """How many chunks it takes at a time, at most."""
        ...

    @property
    def mixes(self) -> bool:
        """Whether chunks of several recordings may share a batch."""
        ...

    def encode(self, sounds: Sequence[NDArray[np.float32]]) -> list[Any]:
        """What the other two calls take, one a chunk."""
        ...

    def detect(self, encoded: Sequence[Any]) -> list[dict[str, float]]:
        """The probability of each language, one table a chunk. Only for models that know several."""
        ...

    def recognize(self, encoded: Sequence[Any], lengths: Sequence[int], language: str) -> list[Heard]:
        """The words. lengths: samples of each chunk."""
        ...
