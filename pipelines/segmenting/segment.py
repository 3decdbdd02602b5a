"""Cutting a recording into the pieces that become samples."""

import itertools
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Final, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from extractors.shots import Shots
from pipelines.segmenting.cuts import (
    Run,
    Units,
    equal_parts,
    fitted,
    runs_between,
    sentence_ends,
    windows,
    words_inside,
)
from pipelines.segmenting.given_times import by_table
from pipelines.segmenting.subtitles import ReadSubtitles
from pipelines.segmenting.who_speaks import heard_speakers, named_speakers, seen_speakers
from schemas import segment
from schemas.clock import MICROSECONDS_PER_SECOND, to_s, to_us
from schemas.facts import Facts, Watched
from schemas.screen_text import ScreenText
from schemas.segment import Cue, Segments, Subtitles
from schemas.shots import Cuts
from schemas.speakers import Speakers
from schemas.speaking import Speaking
from schemas.step import Recording, Step
from schemas.transcript import Transcript, Word

By = Literal["sentence", "subtitle", "pause", "turn", "shot", "window", "table", "whole"]
Positive = Annotated[float, Field(gt=0)]

_NEEDS: Final[dict[By, str]] = {
    "sentence": "words",
    "pause": "words",
    "turn": "cues",
    "subtitle": "cues",
    "shot": "shots",
    "window": "watched",
    "table": "watched",
    "whole": "watched",
}
_SPOKEN: Final = ("sentence", "pause")
_LACKING: Final = {
    "words": "no words are known of it (no sound, or no `speech` in the recipe)",
    "cues": "no subtitles come with it",
    "turn": "no subtitles come with it, and no words are known of it (no sound, or no `speech` in the recipe)",
    "shots": "it has no moving pictures",
    "watched": "it could not be decoded",
}


class Segment(Step):
    """Cuts each recording into pieces. A text or a picture is one piece without times.

    `min_s` and `max_s` are kept to wherever words and pauses allow it; where they do not, the segments say why. They
    do not bear on `window`, `table` and `whole`, save that a last window shorter than `min_s` goes with the one before.
    """

    key: ClassVar[str] = "segment.v1"
    reads: ClassVar[tuple[str, ...]] = ("facts", "text")

    by: By = "sentence"
    """sentence: punctuation; subtitle: the cues; pause: silence between words; turn: changes of the speaker whom the
    subtitles name, else of the voice, else of the face that is seen to speak; shot: cuts of the picture; window:
    stretches of equal length; table: times that a table gives; whole: one piece."""
    table: Annotated[str | None, Field(min_length=1, exclude=True)] = None
    """By table: a table (.csv, .tsv, .jsonl) of utterances, counted from the recipe's folder. What it says of a
    recording is a part of its source; where it lies is nobody's business."""
    min_s: Annotated[float, Field(ge=0)] = 1.0
    """A shorter piece is joined to a neighbour."""
    max_s: Positive = 15.0
    """A longer piece is cut, at its longest pause."""
    pause_s: Positive = 0.5
    """By pause: so long a gap between words ends a piece."""
    silence_s: Positive = 2.0
    """By sentence: so long a gap ends a piece even inside a sentence."""
    join_s: Annotated[float, Field(ge=0)] = 1.0
    """A short piece is not joined to a neighbour across so long a gap."""
    window_s: Positive = 5.0
    """By window: the length."""
    hop_s: Positive | None = None
    """By window: from start to start; by default the window's length."""
    context: Annotated[int, Field(ge=0, le=1000)] = 0
    """How many pieces before each one are named as its context."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min_s >= self.max_s:
            raise ValueError(f"min_s ({self.min_s:g}) must be below max_s ({self.max_s:g})")
        if (self.by == "table") != (self.table is not None):
            raise ValueError("`by: table` and `table: utterances.csv` go together")
        return self

    @property
    def uses(self) -> tuple[str, ...]:  # type: ignore[override]  # what is used depends on a field
        """What the cut looks at; words also say what each piece holds."""
        extra = {"turn": ("speakers", "speaking"), "subtitle": (), "table": ("utterances",)}.get(self.by, ("watched",))
        if self.by == "whole":
            extra = ("ocr", "before") if self.context else ("ocr",)
        return tuple(dict.fromkeys(("words", _NEEDS[self.by], *extra)))

    @property
    def makes(self) -> tuple[str, ...]:
        """`segments`: a schemas.segment.Segments. A recording in which nobody speaks may have none."""
        return ("segments",)

    def identity(self) -> dict[str, object]:
        """By whole, the text that comes with a source goes before the words that were recognised."""
        return super().identity() | ({"text": "given first"} if self.by == "whole" else {})

    def requires(self) -> tuple[Step, ...]:
        """What makes the cues or the shots."""
        if self.by in ("turn", "subtitle"):
            return (ReadSubtitles(),)
        if self.by == "shot":
            return (Shots(),)
        return ()

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        """Cut each recording, or say what it lacks."""
        for recording in recordings:
            if recording.read("facts", Facts).form in ("image", "text"):
                whole = segment.Segment(index=0, start=None, end=None, text=self._text(recording))
                self._write(recording, [whole])
            elif recording.failed(_NEEDS[self.by]):
                recording.absent("segments", f"cannot be cut by {self.by}: its {_NEEDS[self.by]} could not be made")
            elif self.by in _SPOKEN and recording.has("watched") and not _words(recording):
                self._cut_wordless(recording)
            elif not recording.has(_NEEDS[self.by]) and not (self.by == "turn" and recording.has("words")):
                lacking = _LACKING["turn" if self.by == "turn" else _NEEDS[self.by]]
                recording.absent("segments", f"cannot be cut by {self.by}: {lacking}")
            else:
                self._cut(recording)

    def _text(self, recording: Recording) -> str | None:
        """What comes with a picture or a text; by whole, a picture that comes without has what is read in it."""
        given = recording.source.text
        if given is not None or self.by != "whole" or not recording.has("ocr"):
            return given
        return "\n".join(one.text for one in recording.read("ocr", ScreenText).items) or None

    def _cut_wordless(self, recording: Recording) -> None:
        """Nobody speaks, or nothing is known of it: what there is to see or hear is kept, without a text."""
        duration = to_us(recording.read("watched", Watched).duration_s or 0)
        spans = equal_parts(0, duration, to_us(self.max_s)) if duration else []
        note = f"no words are known of it, so it is cut into equal parts of at most {self.max_s:g} s"
        made = Segments(by=self.by, segments=tuple(at(spans, (), tiled=True)), context=self.context, notes=(note,))
        recording.write("segments", made)

    def _cut(self, recording: Recording) -> None:
        words = _words(recording)
        if self.by in ("sentence", "pause"):
            self._write(recording, by_words(words, self))
        elif self.by in ("turn", "subtitle"):
            cues = recording.read("cues", Subtitles).cues if recording.has("cues") else ()
            if self.by == "subtitle":
                self._write(recording, by_cues(cues, words, self))
            else:
                self._cut_turns(recording, words, cues)
        else:
            duration = to_us(recording.read("watched", Watched).duration_s or 0)
            if self.by == "table":
                self._cut_given(recording, words, duration)
                return
            spans = self._spans(recording, duration)
            pieces = at(spans, words, tiled=self.by != "window" or self._hop_us >= self._window_us)
            if self.by == "whole" and recording.source.text is not None:
                pieces = [piece.model_copy(update={"text": recording.source.text}) for piece in pieces]
            self._write(recording, pieces)

    def _cut_given(self, recording: Recording, words: Sequence[Word], duration: int) -> None:
        pieces, notes = by_table(recording.source.utterances, words, duration)
        if pieces:
            recording.write(
                "segments", Segments(by=self.by, segments=tuple(pieces), context=self.context, notes=tuple(notes))
            )
        else:
            why = "; ".join(notes) or "the table of utterances has no row of it"
            recording.absent("segments", f"cannot be cut by table: {why}")

    def _cut_turns(self, recording: Recording, words: Sequence[Word], cues: Sequence[Cue]) -> None:
        speakers = None
        said = words or [Word(start=cue.start, end=cue.end, text=f" {cue.text}") for cue in cues]
        if any(cue.speaker for cue in cues):
            speakers = named_speakers(cues, said)
        else:
            # A number holds within one recording: the same one elsewhere is somebody else.
            speakers = _numbered(recording, words)
            speakers = speakers and [f"{recording.id} {speaker}" for speaker in speakers]
        if speakers is None and said:
            reason = "no subtitles name the speakers, no voices were told apart, and no face is seen to speak"
            recording.absent("segments", f"cannot be cut by turn: {reason}")
            return
        pieces = by_turns(said, speakers or [], self)
        if not words:
            pieces = [piece.model_copy(update={"first_word": None, "last_word": None}) for piece in pieces]
        self._write(recording, pieces)

    @property
    def _window_us(self) -> int:
        return to_us(self.window_s)

    @property
    def _hop_us(self) -> int:
        return to_us(self.hop_s or self.window_s)

    def _spans(self, recording: Recording, duration: int) -> list[tuple[int, int]]:
        if self.by == "window":
            return windows(duration, self._window_us, self._hop_us, to_us(self.min_s))
        if self.by == "shot":
            return shots([to_us(cut) for cut in recording.read("shots", Cuts).cuts], duration, self)
        return [(0, duration)] if duration else []

    def _write(self, recording: Recording, pieces: Sequence[segment.Segment]) -> None:
        notes = () if self.by in ("window", "whole") else misfits(pieces, self)
        before = recording.source.before[-self.context :] if self.by == "whole" and self.context else ()
        made = Segments(by=self.by, segments=tuple(pieces), context=self.context, before=before, notes=notes)
        recording.write("segments", made)


def _numbered(recording: Recording, words: Sequence[Word]) -> list[str] | None:
    """Who says each word, by voice or else by face; None where neither is known."""
    found = None
    if words and recording.has("speakers"):
        found = heard_speakers(recording.read("speakers", Speakers).turns, words)
    if found is None and words and recording.has("speaking"):
        found = seen_speakers(recording.read("speaking", Speaking), words)
    return found


def _words(recording: Recording) -> tuple[Word, ...]:
    return recording.read("words", Transcript).words if recording.has("words") else ()


def by_words(words: Sequence[Word], how: Segment) -> list[segment.Segment]:
    """Sentences or stretches between pauses. Every word is in exactly one; none overlap."""
    if not words:
        return []
    units = Units.of_words(words)
    ends = units.gaps() >= to_us(how.pause_s if how.by == "pause" else how.silence_s)
    if how.by == "sentence":
        ends |= np.asarray(sentence_ends(words)[:-1], np.bool_)
    runs = _fitted(units, runs_between([*ends, True]), how)
    return [_piece(index, units.span(run), words, run) for index, run in enumerate(runs)]


def by_turns(words: Sequence[Word], speakers: Sequence[str], how: Segment) -> list[segment.Segment]:
    """What one speaker says until another speaks, in pieces of at most `max_s`. speakers: one a word."""
    if not words:
        return []
    changes = [one != other for one, other in itertools.pairwise(speakers)]
    turns = list(itertools.accumulate(changes, initial=0))
    units = Units.of_words(words, turns)
    pieces = []
    for index, run in enumerate(_fitted(units, runs_between([*changes, True]), how)):
        told = {"speaker": speakers[run[0]], "turn": turns[run[0]]}
        pieces.append(_piece(index, units.span(run), words, run).model_copy(update=told))
    return pieces


def by_cues(cues: Sequence[Cue], words: Sequence[Word], how: Segment) -> list[segment.Segment]:
    """A piece for each cue, with the cue's own text. Short ones are joined, but never across speakers.

    A cue that is still shown when the next begins ends there; cues that begin together are one piece. A cue longer
    than `max_s` stays whole, since its text cannot be cut. A word is in the piece that holds its middle.
    """
    if not cues:
        return []
    speakers = [cue.speaker for cue in cues]
    group = [0]
    for one, other in itertools.pairwise(speakers):
        group.append(group[-1] + (one != other))
    units = Units.of([(to_us(cue.start), to_us(cue.end)) for cue in cues], group)
    runs = _fitted(units, [(place, place + 1) for place in range(len(cues))], how)
    spans = [units.span(run) for run in runs]
    inside = words_inside(Units.of_words(words), spans, tiled=False)
    pieces = []
    for index, (run, span, held) in enumerate(zip(runs, spans, inside, strict=True)):
        some = cues[slice(*run)]
        voices = {cue.speaker for cue in some}
        piece = _piece(index, span, words, held, text=" ".join(cue.text for cue in some))
        pieces.append(piece.model_copy(update={"speaker": voices.pop() if len(voices) == 1 else None}))
    return pieces


def shots(cuts: Sequence[int], duration: int, how: Segment) -> list[tuple[int, int]]:
    """The stretches between cuts of the picture (microseconds): short ones joined, long ones cut in equal parts."""
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < duration}), duration]
    units = Units.of([span for span in itertools.pairwise(edges) if span[1] > span[0]])
    runs = _fitted(units, [(place, place + 1) for place in range(len(units))], how)
    return [part for run in runs for part in equal_parts(*units.span(run), to_us(how.max_s))]


def at(spans: Sequence[tuple[int, int]], words: Sequence[Word], *, tiled: bool) -> list[segment.Segment]:
    """Pieces at given times, each with the words whose middle it holds."""
    inside = words_inside(Units.of_words(words), spans, tiled=tiled)
    return [_piece(index, span, words, run) for index, (span, run) in enumerate(zip(spans, inside, strict=True))]


def misfits(pieces: Sequence[segment.Segment], how: Segment) -> tuple[str, ...]:
    """Why a piece is shorter or longer than was asked."""
    notes = []
    for piece in pieces:
        if piece.start is None or piece.end is None:
            continue
        length = to_us(piece.end) - to_us(piece.start)
        lasts = f"segment {piece.index} lasts {length / MICROSECONDS_PER_SECOND:.2f} s"
        if length > to_us(how.max_s):
            notes.append(f"{lasts}, more than {how.max_s:g}: it cannot be cut further")
        elif length < to_us(how.min_s):
            notes.append(f"{lasts}, less than {how.min_s:g}: no neighbour near enough to take it in")
    return tuple(notes)


def _fitted(units: Units, runs: Sequence[Run], how: Segment) -> list[Run]:
    return fitted(units, runs, min_us=to_us(how.min_s), max_us=to_us(how.max_s), join_us=to_us(how.join_s))


def _piece(
    index: int, span: tuple[int, int], words: Sequence[Word], run: Run, text: str | None = None
) -> segment.Segment:
    first, last = run
    spoken = "".join(word.text for word in words[first:last]).strip()
    return segment.Segment(
        index=index,
        start=to_s(span[0]),
        end=to_s(max(span[1], span[0] + 1)),
        text=text if text is not None else spoken or None,
        first_word=first if last > first else None,
        last_word=last - 1 if last > first else None,
    )
