"""Labelled stretches of a sample's clock: who speaks, by voice, and what is written on the screen."""

from typing import Any, Final

from dataset_cards.viewer.told import Bands, Stretch

_MOST_ROWS: Final = 6
"""Rows of one lane: what does not fit is left out, and the lane says so."""


def bands(row: dict[str, Any], start: float) -> tuple[Bands, ...]:
    """Those that the sample has something for. start: of the sample, seconds of the recording."""
    end = row.get("end")
    if end is None:
        return ()
    length = end - start
    made = (_voices(row.get("voices") or (), start, length), _seen(row.get("ocr") or (), start, length))
    return tuple(one for one in made if one is not None)


def on_pictures(row: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Text of a picture, which has no clock, as facts."""
    without = [one["text"] for one in row.get("ocr") or () if one.get("start") is None]
    return (("on the picture", " / ".join(without)),) if without else ()


def _stretch(one: dict[str, Any], start: float, length: float, place: int, label: str) -> Stretch:
    begins, ends = (min(max(one[side] - start, 0.0), length) for side in ("start", "end"))
    return Stretch(round(begins, 3), round(ends, 3), place, label)


def _voices(turns: Any, start: float, length: float) -> Bands | None:
    """A row a voice. The face that is seen to speak with it is told where there is one."""
    numbers = sorted({turn["voice"] for turn in turns})[:_MOST_ROWS]
    if not numbers:
        return None
    found = []
    for turn in turns:
        if turn["voice"] in numbers:
            face = f", face {turn['face_id']}" if turn.get("face_id") is not None else ""
            both = " (two may speak)" if (turn.get("overlap") or 0) > 0 else ""
            label = f"voice {turn['voice']}{face}{both}"
            found.append(_stretch(turn, start, length, numbers.index(turn["voice"]), label))
    return Bands("voices", tuple(f"voice {number}" for number in numbers), tuple(found))


def _seen(lines: Any, start: float, length: float) -> Bands | None:
    """Lines that are on the screen together are in rows of their own, each in the first one that is free."""
    timed = [line for line in lines if line.get("start") is not None]
    if not timed:
        return None
    free: list[float] = []
    found = []
    left_out = 0
    for line in sorted(timed, key=lambda one: one["start"]):
        place = next((at for at, until in enumerate(free) if until <= line["start"]), len(free))
        if place >= _MOST_ROWS:
            left_out += 1
            continue
        free[place : place + 1] = [line["end"]]
        found.append(_stretch(line, start, length, place, line["text"]))
    return Bands("on screen", ("",) * len(free), tuple(found), left_out)
