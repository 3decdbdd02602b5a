"""Numbers told as counts: at the levels of a scale, or in some ranges."""

from collections import Counter
from collections.abc import Sequence

_MOST = 5


def ranges(numbers: Sequence[float], most: int = _MOST) -> tuple[tuple[str, int], ...]:
    """Counts in at most `most` ranges of equal width between the smallest and the largest number."""
    low, high = min(numbers), max(numbers)
    if low == high:
        return ((f"{low:g}", len(numbers)),)
    width = (high - low) / most
    counts = Counter(range_of(number, low, high, most) for number in numbers)
    return tuple((f"{low + at * width:.4g} to {low + (at + 1) * width:.4g}", counts[at]) for at in range(most))


def range_of(number: float, low: float, high: float, most: int = _MOST) -> int:
    """The place of a number among `most` ranges of equal width between `low` and `high`, from 0."""
    return min(most - 1, int((number - low) / ((high - low) / most))) if low < high else 0


def at_levels(numbers: Sequence[float], levels: Sequence[float]) -> tuple[tuple[str, int], ...]:
    """Counts at each level, a number between two (such as a mean) at the nearest, of two as near at the lower."""
    counts = Counter(min(levels, key=lambda level: (abs(level - number), level)) for number in numbers)
    return tuple((f"{level:g}", counts[level]) for level in levels)
