"""Who rated what how: the table that agreement is computed from, and results that may be undefined."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from schemas.errors import SourceTableError

Level = Literal["nominal", "ordinal", "interval", "ratio"]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MISSING = -1
_MOST_COUNTED = 20_000_000


@dataclass(frozen=True)
class Undefined:
    """A statistic that has no value here, and why: never 0, never nan."""

    reason: str

    def __str__(self) -> str:
        return f"undefined: {self.reason}"


@dataclass(frozen=True, eq=False)
class Ratings:
    """codes: int64[items, raters], positions in `values`, -1 where nobody answered. values: sorted, each once."""

    codes: Ints
    values: tuple[Hashable, ...]
    items: tuple[str, ...]
    raters: tuple[str, ...]

    @cached_property
    def counts(self) -> Ints:
        """int64[items, values]: how many raters gave an item a value."""
        size, many = len(self.items), len(self.values)
        item, rater = np.nonzero(self.codes >= 0)
        return np.bincount(item * many + self.codes[item, rater], minlength=size * many).reshape(size, many)

    @property
    def numbers(self) -> Floats:
        """The values as numbers, float64[values].

        Raises:
            SourceTableError: a value is no number.
        """
        for value in self.values:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise SourceTableError(
                    f"{value!r} is no number, which this level or statistic needs",
                    do="take --level nominal, or write numbers",
                )
        return np.array(self.values, np.float64)

    def without_rater(self, name: str) -> "Ratings":
        """The same without one rater's answers; items and values stay."""
        keep = [at for at, rater in enumerate(self.raters) if rater != name]
        return Ratings(self.codes[:, keep], self.values, self.items, tuple(self.raters[at] for at in keep))

    def of_items(self, chosen: Sequence[int] | NDArray[np.bool_]) -> "Ratings":
        """The same for some items, by position or mask; values stay."""
        at = np.arange(len(self.items))[np.asarray(chosen)]
        return Ratings(self.codes[at], self.values, tuple(self.items[one] for one in at), self.raters)


def ratings(answers: Iterable[tuple[str, str, Hashable]], order: Sequence[Hashable] | None = None) -> Ratings:
    """The table of (item, rater, value).

    Args:
        answers: one of a rater for an item at most.
        order: all values in their order; without it, numbers by size, anything else by its text.

    Raises:
        SourceTableError: there are no answers, a rater answered twice for an item, or a value is not in `order`.
    """
    rows = list(answers)
    if not rows:
        raise SourceTableError("there are no answers", do="a table of item, rater and value is expected")
    found = {value for _, _, value in rows}
    if order is None:
        numeric = all(isinstance(one, int | float) and not isinstance(one, bool) for one in found)
        values = tuple(sorted(found, key=(lambda one: one) if numeric else str))
    else:
        values = tuple(order)
        stray = found - set(values)
        if stray:
            raise SourceTableError(f"{min(map(repr, stray))} is not among the values {', '.join(map(repr, values))}")
    items = tuple(sorted({item for item, _, _ in rows}))
    raters = tuple(sorted({rater for _, rater, _ in rows}))
    place = {value: at for at, value in enumerate(values)}
    row = {item: at for at, item in enumerate(items)}
    column = {rater: at for at, rater in enumerate(raters)}
    codes = np.full((len(items), len(raters)), MISSING, np.int64)
    for item, rater, value in rows:
        at = row[item], column[rater]
        if codes[at] != MISSING:
            raise SourceTableError(
                f"rater {rater!r} answered twice for item {item!r}", do="keep one answer of a rater for an item"
            )
        codes[at] = place[value]
    return Ratings(codes, values, items, raters)


def why_too_few(table: Ratings) -> Undefined | None:
    """What keeps any agreement from being computed: one rater, or no item that two raters share."""
    if len(table.raters) < 2:  # noqa: PLR2004 - agreement takes two
        return Undefined("only one rater")
    if not ((table.codes >= 0).sum(axis=1) > 1).any():
        return Undefined("no item was rated by two raters")
    return None


@dataclass(frozen=True, eq=False)
class Tally:
    """How often items have each value: an entry for each that they have, so that very many values take no more room.

    item, value, count: int64[entries]; `item` is a pattern, which items that were rated alike share. total:
    int64[patterns], ratings of an item. pattern: int64[items].
    """

    item: Ints
    value: Ints
    count: Ints
    total: Ints
    pattern: Ints
    values: int

    def sums(self, of: Floats | Ints) -> Floats:
        """Of one number for each entry, the sum over each pattern; float64[patterns]."""
        return np.bincount(self.item, of, minlength=len(self.total)).astype(np.float64)

    def by_value(self, weights: Floats, of: Floats | Ints) -> Floats:
        """Of one number for each entry, the sum over each value, patterns weighted; float64[samples, values]."""
        if not len(weights):
            return np.zeros((0, self.values))
        return np.array([np.bincount(self.value, of * each[self.item], minlength=self.values) for each in weights])


def tally(table: Ratings) -> Tally:
    """Of a table with many values, each item is a pattern of its own."""
    items, many = len(table.items), len(table.values)
    if items * many <= _MOST_COUNTED:
        counts, pattern = np.unique(table.counts, axis=0, return_inverse=True)
        item, value = np.nonzero(counts)
        count, size = counts[item, value], len(counts)
    else:
        row, rater = np.nonzero(table.codes >= 0)
        found, count = np.unique(row * many + table.codes[row, rater], return_counts=True)
        item, value = np.divmod(found, many)
        pattern, size = np.arange(items), items
    total = np.bincount(item, count, minlength=size).astype(np.int64)
    return Tally(item, value, count, total, pattern.reshape(-1), many)
