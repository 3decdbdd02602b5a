"""The pieces of a recording that become samples."""

from pydantic import Field

from schemas.record import Record
from schemas.transcript import Seconds, Word


class Segment(Record):
    """One piece, `[start, end)` in seconds. Text and picture recordings have one segment with no times."""

    index: int
    start: Seconds | None
    end: Seconds | None
    text: str | None = None
    """The words, or the subtitle's own text where segments come from subtitles."""
    first_word: int | None = None
    """Index into the transcript's words; None without words."""
    last_word: int | None = None
    """Inclusive."""
    speaker: str | None = None
    dialogue: str | None = None
    turn: int | None = None
    name: str | None = None
    """What a table of utterances calls it."""
    extra: dict[str, str] = Field(default_factory=dict)
    """Further columns of that table."""


class Segments(Record):
    """All segments of a recording in order."""

    by: str
    segments: tuple[Segment, ...]
    context: int = 0
    """How many segments before each one are kept as its context."""
    before: tuple[str, ...] = ()
    """Recordings whose one segment each comes before the first one here."""
    notes: tuple[str, ...] = ()
    """Where a wish could not be met: `segment 3 lasts 21.4 s, more than 15 s: one word`."""


class Cue(Record):
    """One subtitle, with its voice tag if it has one."""

    start: Seconds
    end: Seconds
    text: str
    speaker: str | None = None
    words: tuple[Word, ...] = ()
    """Where the file gives times inside the cue (WebVTT): each from its own time to the next one's."""


class Subtitles(Record):
    """The subtitles of a recording in order of start."""

    cues: tuple[Cue, ...]
    notes: tuple[str, ...] = ()
    """What was left out, and the encoding where it was guessed."""
