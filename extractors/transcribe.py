"""From what was heard in chunks to the transcript of a recording.

Pure: no model and no file is needed here.
"""

from bisect import bisect_left
from collections.abc import Sequence

from extractors.recognizer import Heard
from extractors.speech_chunks import Chunk
from extractors.transcript_checks import ends_sentence, improbable, is_no_speech, rounded, without_loops
from extractors.word_times import Timed, in_order, in_speech, trimmed, words_of
from schemas.transcript import Doubt, Transcript, Word

MARGIN_S = 0.1
"""How far a word may reach out of the detected speech: the detector's edges are not sharper than that."""


def transcript(
    heard: Sequence[tuple[Chunk, Heard]],
    *,
    spans: Sequence[tuple[float, float]],
    length_ms: int,
    language: str | None,
    language_probability: float | None,
) -> Transcript:
    """The words of all chunks, checked.

    heard: chunks in order with what was recognised in each; spans: (start, end) in seconds where somebody speaks.
    """
    words: list[Timed] = []
    doubts: list[Doubt] = []
    starts = [start for start, _ in spans]
    for chunk, text in heard:
        if is_no_speech(text.no_speech_probability, text.mean_log_probability):
            doubts.append(Doubt(start=round(chunk.start_s, 3), end=round(chunk.end_s, 3), reason="no-speech"))
            continue
        inside = spans[max(bisect_left(starts, chunk.start_s) - 1, 0) : bisect_left(starts, chunk.end_s)]
        timed = _timed(chunk, text, language or "", inside)
        low = max(words[-1].end_ms if words else 0, _ms(chunk.start_s))
        found, loops = without_loops(in_order(timed, min(low, length_ms), min(_ms(chunk.end_s), length_ms)))
        words += rounded(found)
        doubts += loops
    doubts += improbable(words)
    if not words:
        return Transcript(language=None, language_probability=None, words=(), doubts=_sorted(doubts))
    texts: list[str | None] = [word.text for word in words]
    return Transcript(
        language=language,
        language_probability=language_probability,
        words=tuple(
            Word(
                start=word.start_ms / 1000,
                end=word.end_ms / 1000,
                text=word.text,
                probability=word.probability,
                interpolated=not word.measured,
                sentence_end=ends_sentence(word.text, following),
            )
            for word, following in zip(words, [*texts[1:], None], strict=True)
        ),
        doubts=_sorted(doubts),
    )


def _timed(chunk: Chunk, text: Heard, language: str, spans: Sequence[tuple[float, float]]) -> list[Timed]:
    timed: list[Timed] = []
    for word in trimmed(words_of(text.parts, language)):
        start, end, spoken = in_speech(*chunk.on_clock(word.start_s, word.end_s), spans, margin_s=MARGIN_S)
        timed.append(Timed(word.text, _ms(start), _ms(end), word.probability, measured=spoken))
    return timed


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _sorted(doubts: Sequence[Doubt]) -> tuple[Doubt, ...]:
    return tuple(sorted(doubts, key=lambda doubt: (doubt.start, doubt.end, doubt.reason)))
