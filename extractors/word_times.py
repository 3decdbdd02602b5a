"""Words out of what a recogniser aligned: joined as they are written, in order, with times that can be true.

Pure functions: no model and no file is needed here.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "yue", "km", "bo"})
"""Languages written without spaces between words: there, a word is what the recogniser gives as one."""
FIRST_SYLLABIC = 0x2E80
"""From here on Unicode has the scripts of China, Japan and Korea, where a letter is a syllable."""
SHORTEST_MS = 20
"""Whisper's clock ticks every 20 ms: a shorter word was not measured."""

_LONGEST_MEDIAN_S = 0.7
# ruff: noqa: RUF001 - marks of all scripts are meant here
_STOPS = frozenset(".!?。！？…।؟۔")
_CLOSING = "\"'”’»）」』 "


@dataclass(frozen=True)
class Aligned:
    """One stretch of text with its time, as a recogniser gives it: a word, a part of a word, or a mark."""

    text: str
    start_s: float
    end_s: float
    probability: float
    tokens: int = 1
    opens: bool = False
    """True where the recogniser says that an utterance begins here."""


@dataclass(frozen=True)
class Timed:
    """A word on the recording's clock, in milliseconds. `measured` is False where the times were inferred."""

    text: str
    start_ms: int
    end_ms: int
    probability: float
    measured: bool = True


def words_of(parts: Sequence[Aligned], language: str) -> list[Aligned]:
    """Parts joined into words: the text of all words joined is that of all parts.

    In a language with spaces a word is what stands between them ("$5", "well-known", "2024."). Elsewhere only runs
    of Latin letters and digits are joined. Marks go to the word before them, opening ones to the word after; they
    count neither for its time nor for its probability, since a recogniser puts the pause into them.
    """
    spaced = language not in UNSPACED
    words: list[Aligned] = []
    waiting = ""
    for part in parts:
        if not part.text:
            continue
        if _is_mark(part.text):
            opens = part.text[0].isspace() and spaced and not _stands_alone(part.text)
            if not words or opens or unicodedata.category(part.text.strip()[-1:] or " ") in {"Ps", "Pi"}:
                waiting += part.text
            else:
                words[-1] = replace(words[-1], text=words[-1].text + waiting + part.text)
                waiting = ""
            continue
        text = waiting + part.text
        if words and not waiting.strip() and _continues(words[-1].text, text, spaced=spaced):
            words[-1] = _grown(words[-1], part, text)
        else:
            words.append(replace(part, text=text))
        waiting = ""
    if words and waiting:
        words[-1] = replace(words[-1], text=words[-1].text + waiting)
    return words


def _is_mark(text: str) -> bool:
    return not any(character.isalnum() or unicodedata.category(character)[0] == "M" for character in text)


def _stands_alone(text: str) -> bool:
    """Dashes and dots with a space before them belong to what was said, not to what comes."""
    return all(character in "-–—.…,;:!?~*|/\\&+=<>%" for character in text.strip())


def _continues(before: str, text: str, *, spaced: bool) -> bool:
    if text[0].isspace() or before[-1].isspace():
        return False
    if spaced:
        return True
    return all(character.isascii() and character.isalnum() for character in (before[-1], text[0]))


def _grown(word: Aligned, part: Aligned, text: str) -> Aligned:
    tokens = word.tokens + part.tokens
    return Aligned(
        text=word.text + text,
        start_s=word.start_s,
        end_s=max(word.end_s, part.end_s),
        probability=(word.probability * word.tokens + part.probability * part.tokens) / tokens,
        tokens=tokens,
        opens=word.opens,
    )


def trimmed(words: Sequence[Aligned]) -> list[Aligned]:
    """Words after a pause that begin late enough to be one word.

    An aligner lets the first word of an utterance begin in the pause, breath or filler before it. Such
    a word lasts twice the median of the chunk at most, its end stays (the rule of openai-whisper's own timing.py).
    """
    lengths = sorted(word.end_s - word.start_s for word in words if word.end_s > word.start_s)
    if not lengths:
        return list(words)
    longest = 2 * min(lengths[len(lengths) // 2], _LONGEST_MEDIAN_S)
    found: list[Aligned] = []
    for index, word in enumerate(words):
        after_pause = index == 0 or word.opens or words[index - 1].text.rstrip(_CLOSING)[-1:] in _STOPS
        start = max(word.start_s, word.end_s - longest) if after_pause else word.start_s
        found.append(replace(word, start_s=start))
    return found


def in_speech(
    start_s: float, end_s: float, spans: Sequence[tuple[float, float]], *, margin_s: float
) -> tuple[float, float, bool]:
    """A word's time cut to the stretch of speech that holds most of it; whether there is one.

    spans: (start, end) in seconds near the word, in order. A recogniser stretches the words at the ends of an
    utterance over the silence; what lies further than `margin_s` outside the speech is cut away.
    """
    best: tuple[float, float, float] | None = None
    for span_start, span_end in spans:
        low, high = max(start_s, span_start - margin_s), min(end_s, span_end + margin_s)
        overlap = min(end_s, span_end) - max(start_s, span_start)
        if high > low and (best is None or overlap > best[0]):
            best = (overlap, low, high)
    return (start_s, end_s, False) if best is None else (best[1], best[2], True)


def in_order(words: Sequence[Timed], low_ms: int, high_ms: int) -> list[Timed]:
    """Words of [low, high) whose times neither overlap nor go back, each at least 20 ms long where there is room.

    Words in good order are kept as they are. An overlap ends the earlier word where the later begins. Words without
    a length of their own share the free time around them, or that of a neighbour, by the length of their texts, and
    are no longer `measured`. Where not all can have 20 ms, they share what time there is.
    """
    starts: list[int] = []
    floor = low_ms
    for word in words:
        floor = max(floor, min(word.start_ms, high_ms))
        starts.append(floor)
    tidy: list[Timed] = []
    for index, word in enumerate(words):
        ceiling = starts[index + 1] if index + 1 < len(words) else high_ms
        end = max(starts[index], min(word.end_ms, ceiling, high_ms))
        moved = abs(starts[index] - word.start_ms) > SHORTEST_MS
        tidy.append(replace(word, start_ms=starts[index], end_ms=end, measured=word.measured and not moved))
    index = 0
    while index < len(tidy):
        if tidy[index].end_ms - tidy[index].start_ms >= SHORTEST_MS:
            index += 1
            continue
        index = _make_room(tidy, index, low_ms, high_ms)
    return tidy


def _make_room(words: list[Timed], short: int, low_ms: int, high_ms: int) -> int:
    """Give the run of too short words from `short` on a time of their own; returns the index after them."""
    first, last = short, short
    while last + 1 < len(words) and words[last + 1].end_ms - words[last + 1].start_ms < SHORTEST_MS:
        last += 1
    while True:
        low = words[first - 1].end_ms if first else low_ms
        high = words[last + 1].start_ms if last + 1 < len(words) else high_ms
        room = high - low
        if room >= SHORTEST_MS * (last - first + 1) or (first == 0 and last == len(words) - 1):
            break
        before = words[first - 1].end_ms - words[first - 1].start_ms if first else -1
        after = words[last + 1].end_ms - words[last + 1].start_ms if last + 1 < len(words) else -1
        if before >= after:
            first -= 1
        else:
            last += 1
    # Free time is taken only as far as such texts may last, and near to where the words were heard.
    wish = sum(_usual_ms(word.text) for word in words[first : last + 1])
    span = min(room, max(wish, words[last].end_ms - words[first].start_ms))
    begin = min(max(words[first].start_ms, low), high - span)
    _share(words, first, last, begin, begin + span)
    return last + 1


def _share(words: list[Timed], first: int, last: int, low_ms: int, high_ms: int) -> None:
    lengths = [_usual_ms(word.text) for word in words[first : last + 1]]
    extra = (high_ms - low_ms) - SHORTEST_MS * len(lengths)
    base = SHORTEST_MS if extra >= 0 else 0
    spread = extra if extra >= 0 else high_ms - low_ms
    done = 0
    edge = low_ms
    for offset, length in enumerate(lengths):
        done += length
        end = low_ms + base * (offset + 1) + spread * done // sum(lengths)
        words[first + offset] = replace(words[first + offset], start_ms=edge, end_ms=end, measured=False)
        edge = end


def _usual_ms(text: str) -> int:
    """About 70 ms a letter, 200 ms a letter of a script of syllables: only the proportions matter."""
    return max(
        SHORTEST_MS, sum(200 if ord(character) >= FIRST_SYLLABIC else 70 for character in text if character.isalnum())
    )
