"""Who says each word: by the names in subtitles, by the voice, or by the face that is seen to speak."""

import bisect
import itertools
from collections.abc import Sequence
from typing import Final

from extractors.speaking import speaker_of
from extractors.voice_turns import voice_at
from pipelines.segmenting.cuts import runs_between
from schemas.clock import to_us
from schemas.segment import Cue
from schemas.speakers import Turn
from schemas.speaking import Speaking
from schemas.transcript import Word

_BRIEF_S: Final = 1.0


def named_speakers(cues: Sequence[Cue], words: Sequence[Word]) -> list[str]:
    """Who says each word, by the last named cue shown before the word's middle; a cue without a name goes on with it.

    At least one cue has a name.
    """
    named = [cue for cue in cues if cue.speaker]
    shown = [to_us(cue.start) for cue in named]
    middles = [(to_us(word.start) + to_us(word.end)) // 2 for word in words]
    return [named[max(0, bisect.bisect_right(shown, middle) - 1)].speaker or "" for middle in middles]


def heard_speakers(turns: Sequence[Turn], words: Sequence[Word]) -> list[str] | None:
    """Whose voice says each word (`voice 0`), a word that no turn touches going with the one before.

    None where no turn touches any word.
    """
    heard = [voice_at(turns, word.start, word.end) for word in words]
    last = next((voice for voice in heard if voice is not None), None)
    if last is None:
        return None
    found = []
    for voice in heard:
        last = last if voice is None else voice
        found.append(f"voice {last}")
    return found


def seen_speakers(speaking: Speaking, words: Sequence[Word]) -> list[str] | None:
    """Whose face says each word (`face 0`), a word that no face is seen to say going with the one before.

    A face heard for less than a second between others is no turn of its own. None where no face is seen speaking.
    """
    seen = [speaker_of(speaking, word.start, word.end)[0] for word in words]
    first = next((face for face in seen if face is not None), None)
    if first is None:
        return None
    faces: list[int] = []
    for face in seen:
        faces.append(face if face is not None else faces[-1] if faces else first)
    for begin, end in runs_between([one != other for one, other in itertools.pairwise(faces)] + [True])[1:]:
        if words[end - 1].end - words[begin].start < _BRIEF_S:
            faces[begin:end] = [faces[begin - 1]] * (end - begin)
    return [f"face {face}" for face in faces]
