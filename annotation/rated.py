"""Answers to one question, ready to be compared: as keys of a table, and pair by pair."""

from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from annotation.ratings import Ratings, Undefined, ratings
from annotation.spans import Span, span_f1, transcripts_apart
from annotation.voted import Group, as_written, votes_of
from schemas.answer_value import ScaleValue, SpanValue, Value
from schemas.asked import Level
from schemas.question import AnyQuestion, Choice, Region, Scale, Text

Row = tuple[str, str, Value]
"""Item, rater, and what the rater said of it."""
NO_FACE = "none"
_HUNDREDTHS = 100


@dataclass(frozen=True, eq=False)
class Rated:
    """All answers to one question under one view, or to one of its dimensions.

    column: the published one, with the dimension's name behind it. rows: at most one of a rater about an item.
    """

    question: AnyQuestion
    column: str
    rows: tuple[Row, ...]
    dimension: str = ""
    group: Group = as_written

    @property
    def level(self) -> Level:
        """Of measurement."""
        return self.question.level

    def key(self, value: Value) -> Hashable:
        """What is compared: a label, a number, a set of names, a text, or stretches; None: not answered."""
        if isinstance(value, ScaleValue):
            return value.dimensions.get(self.dimension) if self.dimension else value.number
        if isinstance(value, SpanValue):
            by = 1 if value.unit == "characters" else _HUNDREDTHS
            found = {(round(one.start * by), round(one.end * by), one.label) for one in value.stretches}
            return tuple(sorted(one for one in found if one[0] < one[1]))
        labels = votes_of(value, self.question, self.group)
        if self.level == "set":
            return frozenset(map(str, labels))
        return str(labels[0]) if labels else NO_FACE if isinstance(self.question, Region) else None

    def label(self, key: Hashable) -> str:
        """A key as people read it: the name of a level, names of a set, stretches with their labels."""
        if isinstance(key, frozenset):
            places = {option.name: at for at, option in enumerate(self.question.options)}
            return ", ".join(sorted(map(str, key), key=lambda one: (places.get(one, len(places)), one))) or "none"
        if isinstance(key, tuple):
            by = 1 if getattr(self.question, "along", "") == "transcript" else _HUNDREDTHS
            return "; ".join(f"{label} {start / by:g} to {end / by:g}" for start, end, label in key) or "none"
        if isinstance(key, float):
            named = self.question.levels if isinstance(self.question, Scale) else ()
            return next((point.name for point in named if point.value == key), f"{key:g}")
        return str(key)

    @cached_property
    def keyed(self) -> tuple[tuple[str, str, Hashable], ...]:
        """Item, rater and key, of what was answered."""
        found = ((item, rater, self.key(value)) for item, rater, value in self.rows)
        return tuple(one for one in found if one[2] is not None)

    @cached_property
    def table(self) -> Ratings:
        """Raises SourceTableError where nothing was answered."""
        return ratings(self.keyed, self._order({key for _, _, key in self.keyed}))

    @cached_property
    def table_of_offered(self) -> Ratings:
        """The same with every value there could have been, where the spec lists them.

        On an ordinal scale they are places in the order of its levels: how far apart their numbers lie means nothing.
        """
        if isinstance(self.question, Scale):
            offered: set[Hashable] = {point.value for point in self.question.points}
        elif isinstance(self.question, Choice) and not self.question.open:
            offered = {option.name for option in self.question.options}
        else:
            return self.table
        table = ratings(self.keyed, self._order(offered.union(self.table.values)))
        if self.level == "ordinal" and offered:
            return replace(table, values=tuple(range(len(table.values))))
        return table

    def _order(self, found: Collection[Hashable]) -> Sequence[Hashable]:
        """Numbers by size, options in the order of the spec, anything else by its text."""
        if isinstance(self.question, Scale):
            return sorted(found, key=_number)
        if self.level == "set":
            return sorted(found, key=lambda one: sorted(one) if isinstance(one, frozenset) else [])
        places = {option.name: at for at, option in enumerate(self.question.options)}
        return sorted(found, key=lambda one: (places.get(str(one), len(places)), str(one)))

    def without_rater(self, name: str) -> "Rated":
        """The same without one rater's answers."""
        return replace(self, rows=tuple(row for row in self.rows if row[1] != name))

    def of_items(self, items: Collection[str]) -> "Rated":
        """The same for some items."""
        return replace(self, rows=tuple(row for row in self.rows if row[0] in items))

    def alike(self, one: Hashable, other: Hashable) -> float | None:
        """How far two keys agree, from 0 to 1; None where that cannot be said.

        Names agree or do not, so that the mean over an item's pairs is Fleiss' (1971) extent of agreement. Sets agree
        by Jaccard's index, two empty ones fully; numbers by 1 - |a - b| / (highest - lowest); stretches by their
        shared length (`span_f1`); transcripts by 1 - WER (mean of both directions), not below 0. Other texts are not
        compared: people who mean the same say it differently.
        """
        if isinstance(one, frozenset) and isinstance(other, frozenset):
            return len(one & other) / len(one | other) if one | other else 1.0
        if isinstance(self.question, Scale):
            return 1 - abs(_number(one) - _number(other)) / (self.question.highest - self.question.lowest)
        if isinstance(self.question, Text):
            if self.question.purpose != "transcript":
                return None
            rate = transcripts_apart([str(one), str(other)])
            return None if isinstance(rate, Undefined) else max(0.0, 1 - rate)
        if self.level == "spans":
            shared = span_f1(spans_of(one), spans_of(other))
            return None if isinstance(shared, Undefined) else shared
        return float(one == other)


def rated(question: AnyQuestion, column: str, rows: Iterable[Row], group: Group = as_written) -> tuple[Rated, ...]:
    """The answers to a question; for a scale of several dimensions, each of them by itself."""
    kept = tuple(rows)
    if isinstance(question, Scale) and question.dimensions:
        return tuple(Rated(question, f"{column}_{one.id}", kept, one.id, group) for one in question.dimensions)
    return (Rated(question, column, kept, "", group),)


def spans_of(key: Hashable) -> list[Span]:
    """The stretches of a key of a question that asks for some."""
    return list(key) if isinstance(key, tuple) else []


def _number(one: Hashable) -> float:
    if not isinstance(one, int | float):
        raise TypeError(f"{one!r} is no number")
    return float(one)
