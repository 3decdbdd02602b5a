"""Where a recording may be cut: runs of words, cues or shots that make good pieces.

All times are whole microseconds. A run is `(first, last)`, a half-open range of units; the runs of a recording follow
each other and hold every unit once.
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.clock import to_us
from schemas.transcript import Word

Run = tuple[int, int]

# Marks of many scripts that look alike are meant as they stand.
_CLOSING: Final = "\"'”’»›)]}」』）】〉》"  # noqa: RUF001
_OPENING: Final = "\"'“‘«‹([{¿¡「『（【〈《"  # noqa: RUF001
_TERMINAL: Final = ".?!‽…。？！｡．।॥؟۔։።᙮"  # noqa: RUF001
_FULL_STOPS: Final = ".…"
_CLAUSE: Final = ",;:،؛、，；：—–"  # noqa: RUF001
_CLAUSE_BONUS_US: Final = 300_000
"""A clause that ends is as good a place to cut as so much more of a pause."""

_INITIALS: Final = re.compile(r"(?:\w\.)+")
_ABBREVIATIONS: Final = frozenset(
    # Never the end of a sentence: a name or a number follows. English, German, French, Spanish.
    "mr mrs ms dr prof rev hon gen col capt lt sgt sen rep gov pres st vs fig vol approx "  # noqa: SIM905
    "hr fr nr bzw ca vgl mm mme mlle sra srta ud uds".split()
)


@dataclass(frozen=True, eq=False)
class Units:
    """What a recording is cut between: words, cues or shots, in order of their start.

    start, end: int64[N], microseconds. group: int64[N]; units of different groups are never joined (turns).
    clause: bool[N]: a clause ends after the unit.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    group: NDArray[np.int64]
    clause: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        spans: Sequence[tuple[int, int]],
        group: Sequence[int] | None = None,
        clause: Sequence[bool] | None = None,
    ) -> "Units":
        """Units at these times."""
        both = np.asarray(spans, np.int64).reshape(-1, 2)
        count = len(both)
        return cls(
            both[:, 0],
            np.maximum(both[:, 1], both[:, 0]),
            np.zeros(count, np.int64) if group is None else np.asarray(group, np.int64),
            np.zeros(count, np.bool_) if clause is None else np.asarray(clause, np.bool_),
        )

    @classmethod
    def of_words(cls, words: Sequence[Word], group: Sequence[int] | None = None) -> "Units":
        """Words as units."""
        clause = [word.text.rstrip().rstrip(_CLOSING).endswith(tuple(_CLAUSE)) for word in words]
        return cls.of([(to_us(word.start), to_us(word.end)) for word in words], group, clause)

    def __len__(self) -> int:
        return len(self.start)

    def gaps(self) -> NDArray[np.int64]:
        """Microseconds between unit i and the next, shape (N - 1,); negative where they overlap."""
        gaps: NDArray[np.int64] = self.start[1:] - np.maximum.accumulate(self.end)[:-1]
        return gaps

    def span(self, run: Run) -> tuple[int, int]:
        """`[start, end)` of a run: from its first unit to its latest end, or to where the next run begins."""
        first, last = run
        end = int(self.end[first:last].max())
        if last < len(self):
            end = min(end, int(self.start[last]))
        return int(self.start[first]), end

    def length(self, run: Run) -> int:
        """Microseconds."""
        start, end = self.span(run)
        return end - start


def sentence_ends(words: Sequence[Word]) -> list[bool]:
    """Whether a sentence ends after each word: by the recogniser's word for it, or by punctuation.

    A full stop after an abbreviation, an initial or before a small letter is none, nor is one inside a number.
    """
    cased = any(any(letter.isupper() for letter in word.text) for word in words)
    following = [*(word.text for word in words[1:]), ""]
    return [
        word.sentence_end or _ends(word.text, after, cased=cased) for word, after in zip(words, following, strict=True)
    ]


def _ends(text: str, after: str, *, cased: bool) -> bool:
    bare = text.strip().rstrip(_CLOSING)
    if not bare or bare[-1] not in _TERMINAL:
        return False
    begins = next((letter for letter in after if letter.isalnum()), "")
    if cased and begins.islower():
        return False
    if bare[-1] in _FULL_STOPS and begins:
        stem = bare.rstrip(_FULL_STOPS).lstrip(_OPENING)
        return not (stem.lower() in _ABBREVIATIONS or _INITIALS.fullmatch(f"{stem}."))
    return True


def runs_between(ends: Sequence[bool] | NDArray[np.bool_]) -> list[Run]:
    """Runs that end after each unit marked, and after the last one."""
    cut = [*(place + 1 for place in range(len(ends) - 1) if ends[place]), len(ends)]
    return list(itertools.pairwise([0, *cut])) if len(ends) else []


def fitted(units: Units, runs: Sequence[Run], *, min_us: int, max_us: int, join_us: int) -> list[Run]:
    """Runs cut where they are longer than `max_us`, and joined where they are shorter than `min_us`.

    A run is cut at its longest pause, the end of a clause counting as a pause; both parts should keep `min_us`. A short
    run is joined to the neighbour across the shorter pause, if that is shorter than `join_us`, the two belong to one
    group, and together they do not exceed `max_us`. What fits nowhere stays as it is.
    """
    short_enough: list[Run] = []
    for run in runs:
        short_enough += _split(units, run, min_us, max_us)
    return _without_empty(units, _join(units, short_enough, min_us, max_us, join_us))


def _split(units: Units, run: Run, min_us: int, max_us: int) -> list[Run]:
    done: list[Run] = []
    waiting = [run]
    while waiting:
        first, last = waiting.pop()
        start, end = units.span((first, last))
        if end - start <= max_us or last - first == 1:
            done.append((first, last))
            continue
        so_far = np.maximum.accumulate(units.end[first : last - 1])
        following = units.start[first + 1 : last]
        left = np.minimum(so_far, following) - start
        right = end - following
        pause = following - so_far + _CLAUSE_BONUS_US * units.clause[first : last - 1]
        apart = following > units.start[first : last - 1]
        if not apart.any():
            done.append((first, last))
            continue
        fits = apart & (left >= min_us) & (right >= min_us)
        if not fits.any():
            fits, pause = apart, np.zeros_like(pause)
        # The longest pause; of equals, the one nearest to the middle.
        best = np.lexsort((-np.abs(left - right), pause, fits))[-1]
        cut = first + int(best) + 1
        waiting += [(cut, last), (first, cut)]
    return done


def _join(units: Units, runs: list[Run], min_us: int, max_us: int, join_us: int) -> list[Run]:
    done: list[Run] = []
    waiting = runs[::-1]
    while waiting:
        run = waiting.pop()
        if units.length(run) < min_us:
            before = _joined(units, done[-1], run, max_us, join_us) if done else None
            after = _joined(units, run, waiting[-1], max_us, join_us) if waiting else None
            if before and (after is None or before < after):
                waiting.append((done.pop()[0], run[1]))
                continue
            if after:
                waiting.append((run[0], waiting.pop()[1]))
                continue
        done.append(run)
    return done


def _joined(units: Units, one: Run, other: Run, max_us: int, join_us: int) -> tuple[int, int] | None:
    """Pause between two neighbours and length of both together; None where they may not be joined."""
    pause = int(units.start[other[0]] - units.end[one[0] : one[1]].max())
    both = units.length((one[0], other[1]))
    if pause >= join_us or both > max_us or units.group[one[1] - 1] != units.group[other[0]]:
        return None
    return pause, both


def _without_empty(units: Units, runs: list[Run]) -> list[Run]:
    """A run of no length, or that ends with a unit that begins with the next run, goes with that or the one before."""
    done: list[Run] = []
    first = 0
    for run in runs:
        whole = (first, run[1])
        last = run[1]
        if units.length(whole) > 0 and (last == len(units) or units.start[last - 1] < units.start[last]):
            done.append(whole)
            first = run[1]
    if runs and first < runs[-1][1]:
        done = [*done[:-1], (done[-1][0] if done else 0, runs[-1][1])]
    return done


def windows(duration_us: int, window_us: int, hop_us: int, min_us: int) -> list[tuple[int, int]]:
    """Windows from 0 on, one a hop, until the end is reached.

    The last one goes with the one before where it is shorter than `min_us`.
    """
    begins = [0]
    while begins[-1] + hop_us < duration_us and begins[-1] + window_us < duration_us:
        begins.append(begins[-1] + hop_us)
    spans = [(begin, min(begin + window_us, duration_us)) for begin in begins]
    if len(spans) > 1 and spans[-1][1] - spans[-1][0] < min_us and spans[-1][0] <= spans[-2][1]:
        spans[-2:] = [(spans[-2][0], duration_us)]
    return [span for span in spans if span[1] > span[0]]


def equal_parts(start: int, end: int, max_us: int) -> list[tuple[int, int]]:
    """`[start, end)` in as few equal parts as keep to `max_us`."""
    count = max(1, -(-(end - start) // max_us))
    edges = [start + (end - start) * part // count for part in range(count + 1)]
    return list(itertools.pairwise(edges))


def words_inside(words: Units, spans: Sequence[tuple[int, int]], *, tiled: bool) -> list[Run]:
    """The words of each span, by the words' middles; empty runs where there are none.

    tiled: the spans cover the recording, so words before and after all of them go to the first and the last.
    """
    middle = np.maximum.accumulate((words.start + words.end) // 2)
    both = np.asarray(spans, np.int64).reshape(-1, 2)
    first = np.searchsorted(middle, both[:, 0], side="left")
    last = np.searchsorted(middle, both[:, 1], side="left")
    if tiled and len(both):
        first[0] = 0
        last[both[:, 1] == both[-1, 1]] = len(words)
    return [(int(a), int(b)) for a, b in zip(first, last, strict=True)]
