"""What may be wrong with a transcript, and where its sentences end.

Pure functions on words: no model and no file is needed here.
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from extractors.word_times import FIRST_SYLLABIC, Timed
from schemas.transcript import Doubt

LONGEST_PHRASE = 30
"""Words of a phrase whose repetition is looked for."""
FASTEST_LETTERS_PER_S = 30.0
"""Nobody speaks faster: about twice the rate of fast English speech (300 words a minute of 5 letters are 25)."""
_DOUBTFUL_REPEATS, _DOUBTFUL_WORDS = 6, 12
_MOST_REPETITIVE = 2.4
_LEAST_LIKELY = -1.0
_SPEECHLESS = 0.6
_LEAST_WORDY = 0.2
_IMPROBABLE = 0.3


def is_suspect(text: str, mean_log_probability: float) -> bool:
    """Whether a chunk deserves another try, by the two rules of Whisper's own decoder.

    Source: Radford et al. (2022), section 4.5: text that gzip makes more than 2.4 times smaller, or a mean log
    probability of its tokens under -1. Whisper tries again by drawing at random; here the chunk is cut in two, which
    breaks loops as well, leaves true repetitions alone, and gives the same words every time.
    """
    return repetitiveness(text) > _MOST_REPETITIVE or mean_log_probability < _LEAST_LIKELY


def repetitiveness(text: str) -> float:
    """How many times zlib makes the UTF-8 text smaller; 0 for an empty one."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def is_no_speech(no_speech_probability: float, mean_log_probability: float, mean_word_probability: float = 1.0) -> bool:
    """Whether the recogniser itself takes a chunk for silence.

    Radford et al. (2022), section 4.5, ask for a no-speech probability over 0.6 and a mean log probability under -1.
    The timestamps, which are sure even in silence, hide a bad word from the latter: words of less than 0.2 count too.
    """
    return no_speech_probability > _SPEECHLESS and (
        mean_log_probability < _LEAST_LIKELY or mean_word_probability < _LEAST_WORDY
    )


@dataclass(frozen=True)
class Repetition:
    """`times` copies of a phrase of `length` words, one after the other, from word `first`."""

    first: int
    length: int
    times: int

    @property
    def stop(self) -> int:
        """Index after its last word."""
        return self.first + self.length * self.times


def repetitions(texts: Sequence[str]) -> list[Repetition]:
    """Phrases said at least three times in a row, in order, not overlapping; case and marks do not count.

    Of several readings of the same words the one that covers most, then the shortest phrase, is taken.
    """
    plain = [_plain(text) for text in texts]
    found: list[Repetition] = []
    at = 0
    while at < len(plain):
        best: Repetition | None = None
        for length in range(1, min(LONGEST_PHRASE, (len(plain) - at) // 3) + 1):
            times = _copies(plain, at, length)
            if times >= 3 and (best is None or times * length > best.times * best.length):  # noqa: PLR2004 - three is the rule
                best = Repetition(at, length, times)
        if best is None:
            at += 1
        else:
            found.append(best)
            at = best.stop
    return found


def _copies(plain: Sequence[str], at: int, length: int) -> int:
    phrase = plain[at : at + length]
    times = 1
    while plain[at + times * length : at + (times + 1) * length] == phrase:
        times += 1
    return times


def _plain(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum()) or text.strip()


def without_loops(words: Sequence[Timed]) -> tuple[list[Timed], list[Doubt]]:
    """Words without the repetitions that no mouth can have made, and the doubts about repetitions.

    A recogniser in a loop repeats a phrase on end, and its aligner crams the copies into no time. Copies are kept as
    long as all so far last what their letters need at 30 a second; the others are cut, but for the first. Long
    repetitions of possible speed are kept, and doubted.
    """
    kept: list[Timed] = []
    doubts: list[Doubt] = []
    at = 0
    for loop in repetitions([word.text for word in words]):
        kept += words[at : loop.first]
        ends = [loop.first + number * loop.length for number in range(1, loop.times + 1)]
        too_fast = (number for number, end in enumerate(ends) if not _can_be_said(words[loop.first : end]))
        possible = max(next(too_fast, loop.times), 1)
        kept += words[loop.first : ends[possible - 1]]
        long = loop.times >= _DOUBTFUL_REPEATS and loop.times * loop.length >= _DOUBTFUL_WORDS
        if possible < loop.times or long:
            doubts.append(_doubt(words[loop.first], words[loop.stop - 1], "repetition"))
        at = loop.stop
    return [*kept, *words[at:]], doubts


def _can_be_said(words: Sequence[Timed]) -> bool:
    letters = sum(
        # A Chinese character, kana or Hangul block is a syllable: worth three letters.
        3 if ord(character) >= FIRST_SYLLABIC else 1
        for word in words
        for character in word.text
        if character.isalnum()
    )
    duration_s = (words[-1].end_ms - words[0].start_ms) / 1000
    return letters <= FASTEST_LETTERS_PER_S * duration_s


def improbable(words: Sequence[Timed]) -> list[Doubt]:
    """Runs of at least two words that the recogniser gives less than 0.3 each; a single one says so itself."""
    doubts: list[Doubt] = []
    for is_improbable, run in groupby(words, lambda word: word.probability < _IMPROBABLE):
        among = list(run)
        if is_improbable and len(among) > 1:
            doubts.append(_doubt(among[0], among[-1], "low-probability"))
    return doubts


def _doubt(first: Timed, last: Timed, reason: str) -> Doubt:
    return Doubt(start=first.start_ms / 1000, end=max(first.start_ms, last.end_ms) / 1000, reason=reason)


# ruff: noqa: RUF001 - quotation marks, dashes and full stops of all scripts are what is looked for
_CLOSING = "\"'”’»›)]}」』）】》〉"
# Sentence terminals of Unicode's Sentence_Break property that Whisper's languages use.
_ENDS = re.compile(r"[.!?。！？．｡؟۔।॥։።፧။៕…]$")
_DOTS = re.compile(r"(\.{2,}|…)$")
_INITIALS = re.compile(r"^(\w\.)+$")
_ABBREVIATIONS = frozenset(
    {"mr", "mrs", "ms", "dr", "prof", "st", "jr", "sr", "vs", "fig", "al", "e.g", "i.e", "approx", "mt", "mme"}
    | {"bzw", "z.b", "d.h", "u.a", "ca", "nr", "sra", "srta"}
)


def ends_sentence(text: str, following: str | None) -> bool:
    """Whether a sentence ends after a word, by its last mark; `following` is the next word, None at the end.

    Trailing dots end one only before a capital. Initials and the commonest abbreviations end none, but at the end.
    """
    bare = text.strip().rstrip(_CLOSING)
    if not _ENDS.search(bare):
        return False
    if following is None:
        return True
    after = following.strip().lstrip("\"'“‘«‹([{¿¡「『（-–— ")
    if _DOTS.search(bare):
        return not after[:1].islower()
    if bare.endswith("."):
        start = bare.lstrip("\"'“‘«‹([{¿¡").casefold()
        if _INITIALS.match(start) or start.rstrip(".") in _ABBREVIATIONS or after[:1].islower():
            return False
    return True


def rounded(words: Sequence[Timed]) -> list[Timed]:
    """Probabilities in [0, 1] with 4 decimals: the same on every machine, as far as it can be."""
    return [replace(word, probability=round(min(max(word.probability, 0.0), 1.0), 4)) for word in words]
