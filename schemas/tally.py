"""Counts over published rows."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """What some rows of a dataset hold, as they are published; tallies add up.

    Attributes:
        rows: how many.
        present: modality to rows that have it.
        voices: (speaker, language), either '' where it is not known, to rows.
        spoken_us: the same to the summed length of these rows in microseconds; a picture or a text has none.
        lengths: length in tenths of a second, rounded down, to rows; those without times are left out.
        classes: column to class to rows that have it; of a column of several classes, each counts.
        numbers: column to the number, sum and sum of squares of its values.
    """

    rows: int = 0
    present: Counter[str] = field(default_factory=Counter)
    voices: Counter[tuple[str, str]] = field(default_factory=Counter)
    spoken_us: Counter[tuple[str, str]] = field(default_factory=Counter)
    lengths: Counter[int] = field(default_factory=Counter)
    classes: dict[str, Counter[str]] = field(default_factory=dict)
    numbers: dict[str, tuple[int, float, float]] = field(default_factory=dict)

    def add(self, other: "Tally") -> None:
        """Count the other's rows too."""
        self.rows += other.rows
        self.present.update(other.present)
        self.voices.update(other.voices)
        self.spoken_us.update(other.spoken_us)
        self.lengths.update(other.lengths)
        for name, counts in other.classes.items():
            self.classes.setdefault(name, Counter()).update(counts)
        for name, (count, total, squares) in other.numbers.items():
            before = self.numbers.get(name, (0, 0.0, 0.0))
            self.numbers[name] = (before[0] + count, before[1] + total, before[2] + squares)
