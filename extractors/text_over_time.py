"""The same line in picture after picture as one item with a start and an end. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Final

import numpy as np

from extractors.text_reader import Line
from schemas.clock import to_s
from schemas.screen_text import Box, SeenText

ALIKE: Final = 0.75
"""Share of characters that two readings of one line have in common (Ratcliff and Metzener 1988)."""
_NEAR: Final = 0.3
"""Overlap of two boxes over their union, from which on they may be the same line: it may move, or grow."""
_MISSED: Final = 1
"""Pictures in a row in which a line may be overlooked."""
_SURE: Final = 0.8
"""Both readings being that sure, another number is another text."""

Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True)
class Look:
    """A picture that was looked at: from when to when it is shown, and its lines."""

    start_us: int
    end_us: int
    lines: tuple[Line, ...]


@dataclass
class _Followed:
    lines: list[Line]
    first: int
    last: int
    frames: list[int] = field(default_factory=list)


def items(looks: Sequence[Look]) -> list[SeenText]:
    """Lines followed over pictures, in order of start, then from above to below.

    looks: in order of time. A line of the next picture, or the one after that, is the same if it is near and reads
    alike; each goes with the one that it is most alike. An item is as the readings that are surest in sum have it.
    """
    done: list[_Followed] = []
    active: list[_Followed] = []
    for at, look in enumerate(looks):
        done += [one for one in active if at - one.last > _MISSED + 1]
        active = [one for one in active if at - one.last <= _MISSED + 1]
        pairs = sorted(
            (-alike(one.lines[-1].text, line.text), -overlap(one.lines[-1].box, line.box), place, number)
            for place, one in enumerate(active)
            for number, line in enumerate(look.lines)
            if _is_same(one.lines[-1], line)
        )
        taken: set[int] = set()
        going_on: set[int] = set()
        for _, _, place, number in pairs:
            if number not in taken and place not in going_on:
                taken.add(number)
                going_on.add(place)
                active[place].lines.append(look.lines[number])
                active[place].last = at
        active += [_Followed([line], at, at) for number, line in enumerate(look.lines) if number not in taken]
    found = [_item(one, looks) for one in (*done, *active)]
    return sorted(found, key=lambda item: (item.start, item.box.top, item.box.left, item.text))


def _is_same(one: Line, other: Line) -> bool:
    if overlap(one.box, other.box) < _NEAR:
        return False
    if min(one.confidence, other.confidence) >= _SURE and _digits(one.text) != _digits(other.text):
        return False
    return alike(one.text, other.text) >= ALIKE


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())


def alike(one: str, other: str) -> float:
    """Twice the characters in common by all characters, in [0, 1]; case and spaces do not count."""
    first, second = ("".join(text.casefold().split()) for text in (one, other))
    if first == second:
        return 1.0
    # In one order, for it is not symmetric.
    return SequenceMatcher(a=min(first, second), b=max(first, second), autojunk=False).ratio()


def overlap(one: Rectangle, other: Rectangle) -> float:
    """Intersection over union of two boxes (left, top, right, bottom), in [0, 1]."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((right - left) * (bottom - top) for left, top, right, bottom in (one, other))
    return width * height / (areas - width * height)


def _item(one: _Followed, looks: Sequence[Look]) -> SeenText:
    worth: dict[str, float] = {}
    for line in one.lines:
        worth[line.text] = worth.get(line.text, 0.0) + line.confidence
    text = max(worth, key=lambda reading: worth[reading])
    chosen = [line for line in one.lines if line.text == text]
    left, top, right, bottom = np.median([line.box for line in chosen], axis=0).round(4).tolist()
    return SeenText(
        text=text,
        start=to_s(looks[one.first].start_us),
        end=to_s(looks[one.last].end_us),
        box=Box(left=left, top=top, width=round(right - left, 4), height=round(bottom - top, 4)),
        confidence=round(worth[text] / len(chosen), 4),
        frames=len(one.lines),
    )


def within(found: Sequence[SeenText], start_s: float, end_s: float) -> list[SeenText]:
    """Those that are seen at some time of a stretch."""
    return [item for item in found if item.start < end_s and item.end > start_s]
