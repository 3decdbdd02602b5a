"""Who speaks when, as far as voices can be told apart."""

from schemas.record import Record
from schemas.transcript import Probability, Seconds


class Turn(Record):
    """A stretch of speech `[start, end)` in seconds that sounds like one voice."""

    start: Seconds
    end: Seconds
    voice: int
    """Counted from 0 by first appearance, within this recording: the same number elsewhere is another person."""
    score: Probability
    """Mean cosine similarity of the stretch to its voice."""
    margin: Probability
    """By how much that is more than to the next voice; the score itself where there is only one."""
    overlap: Probability = 0.0
    """Share of it in which two people may speak at once."""


class Overlap(Record):
    """A stretch `[start, end)` in seconds that sounds about as much like one voice as like another."""

    start: Seconds
    end: Seconds
    voices: tuple[int, int]
    """The two voices, the likelier one first."""


class Voice(Record):
    """One voice of a recording."""

    seconds: Seconds
    """How long it speaks."""
    face: int | None = None
    """The face that is seen to speak with it; None where none is, or faces were not measured."""
    face_score: Probability = 0.0
    """Mean over the voice's speech of the score that this face is the one heard."""


class Speakers(Record):
    """The turns of a recording in order, which do not overlap, and its voices by number."""

    turns: tuple[Turn, ...]
    voices: tuple[Voice, ...]
    overlaps: tuple[Overlap, ...] = ()
