"""Where a stretch lies: Label Studio's offsets and frames, and ours.

Ours are code points of the transcript, and seconds of the sample.
"""

from collections.abc import Mapping
from typing import Any


class CannotPlace(ValueError):
    """A stretch does not lie where it says it lies."""


def stretch_of_text(value: Mapping[str, Any], text: str) -> tuple[int, int, str]:
    """Start, end (code points) and text of a stretch of the transcript.

    A browser counts UTF-16 units, a model code points; beyond the basic plane (emoji) these differ. Which is meant
    is told by the text that stands in the result.

    Raises:
        CannotPlace: the offsets are none, lie outside, or the transcript says something else there.
    """
    start, end = value.get("start"), value.get("end")
    if not isinstance(start, int | str) or not isinstance(end, int | str) or isinstance(start, bool):
        raise CannotPlace(f"offsets are whole numbers, found {start!r} to {end!r}")
    try:
        first, last = int(start), int(end)
    except ValueError:
        raise CannotPlace(f"offsets are whole numbers, found {start!r} to {end!r}") from None
    said = value.get("text")
    if 0 <= first < last <= len(text) and (not isinstance(said, str) or _same(text[first:last], said)):
        return first, last, text[first:last]
    units = text.encode("utf-16-le")
    before, piece = units[: 2 * first], units[2 * first : 2 * last]
    try:
        begins, found = len(before.decode("utf-16-le")), piece.decode("utf-16-le")
    except UnicodeDecodeError:
        begins, found = 0, ""
    if 0 <= first < last and 2 * last <= len(units) and isinstance(said, str) and found and _same(found, said):
        return begins, begins + len(found), found
    raise CannotPlace(
        f"{first} to {last} says {text[max(0, first) : max(0, last)]!r} in the transcript, and {said!r} in the answer"
    )


def _same(one: str, other: str) -> bool:
    """The screen shows line breaks and runs of blanks as it likes."""
    return one.split() == other.replace("\\n", "\n").split()


def seconds_of_frames(value: Mapping[str, Any], fps: object) -> list[tuple[float, float]]:
    """Start and end in seconds of ranges of frames, which Label Studio counts from 1, both ends included.

    Raises:
        CannotPlace: the frame rate is not known, or a range runs backwards.
    """
    if isinstance(fps, bool) or not isinstance(fps, int | float) or fps <= 0:
        raise CannotPlace(f"the task's `fps` is {fps!r}, so frames have no times")
    found = []
    for one in value["ranges"]:
        first, last = one["start"], one["end"]
        if not 1 <= first <= last:
            raise CannotPlace(f"frames {first} to {last}")
        found.append((round((first - 1) / fps, 6), round(last / fps, 6)))
    return found


def frames_of_seconds(start: float, end: float, fps: float) -> dict[str, Any]:
    """The range of frames that `seconds_of_frames` reads as this stretch, to the nearest frame."""
    first = round(start * fps) + 1
    return {"start": first, "end": max(first, round(end * fps)), "enabled": True}
