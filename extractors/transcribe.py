"""From what was heard in chunks to the transcript of a recording.

Pure: no model and no file is needed here.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

from extractors.recognizer import Heard
from extractors.sound import RATE_HZ
from extractors.speech_chunks import Chunk
from extractors.transcript_checks import ends_sentence, improbable, is_no_speech, rounded, without_loops
from extractors.word_times import Timed, in_order, in_speech, trimmed, words_of
from schemas.transcript import Doubt, Transcript, Word

MARGIN_S = 0.1
"""How far a word may reach out of the detected speech: the edges of that are not sharper."""
LEAST_LEFT_S = 1.0
"""Speech at the end of a chunk that is not left out."""
LEAST_WORDLESS_S = 1.0
"""Speech without a word that is told."""
LEAST_SKIPPED_S = 0.7
BACK_S = 4.0
"""How far back to look for a pause at which to take up what was left out.

Whisper often stops in the middle of a sentence and leaves the rest to the next window. Heard from there on, a rest has
lost the first half of its sentence: words beside the cut come out wrong, or twice. About a sentence long.
"""
_LEAST_PROGRESS_S = 0.5
_TWICE_WITHIN_MS = 200


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
    heard_to, said_to_ms = 0, 0
    for (chunk, text), following in zip(heard, [*heard[1:], None], strict=False):
        if _is_no_speech(text):
            doubts.append(Doubt(start=round(chunk.start_s, 3), end=round(chunk.end_s, 3), reason="no-speech"))
            continue
        timed = _timed(chunk, text, language or "", _near(chunk, spans, starts))
        if words and timed and chunk.pieces[0][0] < heard_to and _letters(words[-1]) == _letters(timed[0]):
            # The last word of a chunk was heard twice: its rest was cut off inside the word,
            if timed[0].start_ms - words[-1].end_ms < _TWICE_WITHIN_MS:
                timed = timed[1:]
            # or the word was put too early at first.
            elif timed[0].start_ms < said_to_ms:
                words.pop()
        if following is not None and _is_heard_again(chunk, *following):
            cut_ms = _ms(following[0].start_s)
            timed = [word for word in timed if (word.start_ms + word.end_ms) / 2 < cut_ms]
        heard_to = max(heard_to, chunk.pieces[-1][1])
        said_to_ms = _ms(chunk.on_clock(0, len(chunk) / RATE_HZ if text.until_s is None else text.until_s)[1])
        low = max(words[-1].end_ms if words else 0, _ms(chunk.start_s))
        found, loops = without_loops(in_order(timed, min(low, length_ms), min(_ms(chunk.end_s), length_ms)))
        words += rounded(found)
        doubts += loops
    doubts += wordless(words, spans, doubts)
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


def unheard(chunk: Chunk, text: Heard, language: str, spans: Sequence[tuple[float, float]]) -> Chunk | None:
    """The end of a chunk that the model left out, though somebody speaks there: to be heard on its own.

    The model says where its last segment ends; what comes after is left. It may set that end too late, and skip an
    utterance before it: where the last word lies `LEAST_SKIPPED_S` of speech before the end, all after the word
    is left. A rest that begins inside speech is taken up at the longest pause in the `BACK_S` before it: `transcript`
    drops the words that are heard twice by that. Every turn takes half a second at least, so that turns come to an end.
    """
    if text.until_s is None or text.until_s < _LEAST_PROGRESS_S:
        return None
    rest = chunk.after(text.until_s)
    near = _near(chunk, spans, [start for start, _ in spans])
    timed = [] if _is_no_speech(text) else _timed(chunk, text, language, near)
    if timed:
        after_word = chunk.later_than(max(word.end_ms for word in timed) / 1000 + MARGIN_S)
        left_s = 0.0 if rest is None else rest.speech_s(near)
        far_enough = after_word is not None and len(chunk) - len(after_word) >= _LEAST_PROGRESS_S * RATE_HZ
        if after_word is not None and far_enough and after_word.speech_s(near) - left_s >= LEAST_SKIPPED_S:
            return after_word
    return _from_pause(chunk, rest, near) if rest is not None and rest.speech_s(near) >= LEAST_LEFT_S else None


def _from_pause(chunk: Chunk, rest: Chunk, spans: Sequence[tuple[float, float]]) -> Chunk:
    """The rest of a chunk from the longest pause before it on; as it is, if it begins in a pause.

    At most half of what was heard is heard again: over many turns that costs no more than one hearing of all.
    """
    start = rest.start_s
    pauses = [(later - earlier, (earlier + later) / 2) for (_, earlier), (later, _) in pairwise(spans)]
    if any(abs(middle - start) <= length / 2 + MARGIN_S for length, middle in pauses):
        return rest
    near = [pause for pause in pauses if start - BACK_S <= pause[1] <= start]
    longer = chunk.later_than(max(near)[1]) if near else None
    least = max((len(chunk) - len(rest)) / 2, _LEAST_PROGRESS_S * RATE_HZ)
    return longer if longer is not None and len(chunk) - len(longer) >= least else rest


def _is_heard_again(chunk: Chunk, later: Chunk, text: Heard) -> bool:
    """Whether the end of a chunk was heard once more in a later one, and not as silence."""
    return later.pieces[0][0] < chunk.pieces[-1][1] and bool(text.parts) and not _is_no_speech(text)


def _letters(word: Timed) -> str:
    return "".join(character for character in word.text.casefold() if character.isalnum())


def wordless(words: Sequence[Timed], spans: Sequence[tuple[float, float]], doubts: Sequence[Doubt] = ()) -> list[Doubt]:
    """Stretches of at least `LEAST_WORDLESS_S` of speech in which no word lies, and which no doubt has named yet.

    A recogniser leaves out words without a sign. Laughter and song, which the detector may take for speech, are told
    by this too.
    """
    named = [(word.start_ms / 1000 - MARGIN_S, word.end_ms / 1000 + MARGIN_S) for word in words]
    named = sorted([*named, *((doubt.start, doubt.end) for doubt in doubts)])
    found: list[Doubt] = []
    at, free = 0, 0.0
    for start, end in spans:
        free = max(free, start)
        while free < end:
            low, high = named[at] if at < len(named) else (end, end)
            if min(low, end) - free >= LEAST_WORDLESS_S:
                found.append(Doubt(start=round(free, 3), end=round(min(low, end), 3), reason="no-words"))
            if low >= end:
                break
            free, at = max(free, high), at + 1
    return found


def _near(chunk: Chunk, spans: Sequence[tuple[float, float]], starts: Sequence[float]) -> Sequence[tuple[float, float]]:
    """The spans that may touch a chunk."""
    return spans[max(bisect_left(starts, chunk.start_s) - 1, 0) : bisect_left(starts, chunk.end_s)]


def _is_no_speech(text: Heard) -> bool:
    words = [part.probability for part in text.parts]
    mean = sum(words) / len(words) if words else 0.0
    return is_no_speech(text.no_speech_probability, text.mean_log_probability, mean)


def _timed(chunk: Chunk, text: Heard, language: str, spans: Sequence[tuple[float, float]]) -> list[Timed]:
    timed: list[Timed] = []
    for word in trimmed(words_of(text.parts, language)):
        start, end, spoken = in_speech(*chunk.on_clock(word.start_s, word.end_s), spans, margin_s=MARGIN_S)
        timed.append(Timed(word.text, _ms(start), _ms(end), word.probability, measured=spoken))
    return timed


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _sorted(doubts: Sequence[Doubt]) -> tuple[Doubt, ...]:
    """In order of time; doubts of one reason that overlap are one."""
    merged: list[Doubt] = []
    for doubt in sorted(doubts, key=lambda doubt: (doubt.reason, doubt.start, doubt.end)):
        if merged and merged[-1].reason == doubt.reason and doubt.start < merged[-1].end:
            merged[-1] = merged[-1].model_copy(update={"end": max(merged[-1].end, doubt.end)})
        else:
            merged.append(doubt)
    return tuple(sorted(merged, key=lambda doubt: (doubt.start, doubt.end, doubt.reason)))
