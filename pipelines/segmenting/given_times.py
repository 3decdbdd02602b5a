"""Pieces whose times a table gives."""

from collections.abc import Sequence

from pipelines.segmenting.cuts import Units, words_inside
from schemas.clock import to_s, to_us
from schemas.segment import Segment
from schemas.source import Utterance
from schemas.transcript import Word


def by_table(
    utterances: Sequence[Utterance], words: Sequence[Word], duration_us: int
) -> tuple[list[Segment], list[str]]:
    """A piece for each utterance, with its own text, else the words whose middle it holds; and what to know of them.

    A piece has the place of its utterance among all of them as its number, so that it keeps it when another one
    cannot be cut: one that ends no later than it begins, or begins after the recording's end (microseconds). One that
    ends after the recording ends there.
    """
    pieces, notes = [], []
    spans = [(to_us(one.start), min(to_us(one.end), duration_us)) for one in utterances]
    inside = words_inside(Units.of_words(words), spans, tiled=False)
    for index, (one, (start, end), (first, stop)) in enumerate(zip(utterances, spans, inside, strict=True)):
        name = f"{one.name or index}, {one.start:.2f} to {one.end:.2f} s"
        if one.end <= one.start:
            notes.append(f"{name}: left out, it ends no later than it begins")
            continue
        if end <= start:
            notes.append(f"{name}: left out, the recording ends at {to_s(duration_us):.2f} s")
            continue
        if to_us(one.end) > duration_us:
            notes.append(f"{name}: cut off where the recording ends, at {to_s(duration_us):.2f} s")
        spoken = "".join(word.text for word in words[first:stop]).strip()
        pieces.append(
            Segment(
                index=index,
                start=to_s(start),
                end=to_s(end),
                text=one.text or spoken or None,
                first_word=first if stop > first else None,
                last_word=stop - 1 if stop > first else None,
                speaker=one.speaker,
                dialogue=one.dialogue,
                turn=one.turn,
                name=one.name,
                extra=one.extra,
            )
        )
    return pieces, notes
