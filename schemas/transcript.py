"""What was said, when, and how sure the recogniser was."""

from typing import Annotated

from pydantic import Field

from schemas.record import Record

Seconds = Annotated[float, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, le=1)]


class Word(Record):
    """One word on the recording's clock, `[start, end)` in seconds, punctuation attached."""

    start: Seconds
    end: Seconds
    text: str
    probability: Probability | None = None
    interpolated: bool = False
    """True where the times were inferred from neighbours, not measured."""
    sentence_end: bool = False
    """True where the recogniser or the punctuation ends a sentence after this word."""


class Doubt(Record):
    """A stretch that a reader should distrust, with the reason.

    `repetition`, `low-probability`, `no-speech` (the detector finds a voice there, the recogniser finds none), or
    `no-words` (somebody speaks, and no word was heard).
    """

    start: Seconds
    end: Seconds
    reason: str


class Transcript(Record):
    """The words of one recording in order of their start, and what is known of the language."""

    language: str | None
    """ISO 639 code; None when nobody spoke."""
    language_probability: Probability | None
    """None when the language was given, not detected."""
    words: tuple[Word, ...]
    doubts: tuple[Doubt, ...] = ()
    numbers: str | None = None
    """What the recogniser computed in: `int8` or `float32` on a CPU, `float16` on a GPU; None in older ones."""

    @property
    def text(self) -> str:
        """The words joined as they were written: a word keeps its own leading space, if any."""
        return "".join(word.text for word in self.words).strip()


class Span(Record):
    """A half-open stretch of the clock in seconds."""

    start: Seconds
    end: Seconds


class VoiceActivity(Record):
    """Where somebody speaks, as found by a voice activity detector."""

    spans: tuple[Span, ...]
