"""Questions answered by numbers: scales of named levels or of a range, one or several at once."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from schemas.asked import COLUMN, Aggregation, Asked, Block, Level, Option, Point, not_a_truth_value
from schemas.features import Feature, Features, value

_NUMBER = value("float64")
_MOST_STEPS = 12


def numbered(given: object, first: int) -> object:
    """Levels written as names, numbers, or numbers to names, as blocks."""
    if isinstance(given, Mapping):
        return [{"value": number, "name": not_a_truth_value(name)} for number, name in given.items()]
    if not isinstance(given, list | tuple):
        return given
    return [
        {"value": place, "name": one} if isinstance(one, str) else {"value": one, "name": f"{one:g}"}
        if isinstance(one, int | float) and not isinstance(one, bool) else not_a_truth_value(one)
        for place, one in enumerate(given, first)
    ]  # fmt: skip


def in_order(points: tuple[Point, ...]) -> tuple[Point, ...]:
    """Refuses levels that do not go up."""
    for one, following in pairwise(points):
        if following.value <= one.value:
            raise ValueError(f"levels go up: {following.name!r} ({following.value:g}) stands after {one.value:g}")
    return points


class Dimension(Block):
    """One of several scales that are answered together."""

    id: str
    title: str = ""
    low: str = ""
    """What the lowest level means."""
    high: str = ""

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, given: object) -> object:
        return {"id": given} if isinstance(given, str) else given

    @field_validator("id")
    @classmethod
    def _a_column(cls, name: str) -> str:
        if not COLUMN.fullmatch(name):
            raise ValueError("it names a column: letters, digits and '_', a letter first, at most 61")
        return name


class Scale(Asked):
    """A number on a scale, of named levels or of a range; with `dimensions`, one for each of them.

    levels: lowest first: names (numbered from 1), numbers, numbers to names, or blocks of value, name, title, hotkey.
    range: lowest and highest number, where there are no levels; any number between, in steps of `step`.
    measure: ordinal where only the order of the levels counts, interval where their distances do, ratio where zero
        means none.
    """

    kind: Literal["scale"] = "scale"
    levels: tuple[Point, ...] = ()
    range: tuple[float, float] | None = None
    step: Annotated[float, Field(gt=0)] = 1
    measure: Literal["ordinal", "interval", "ratio"] = "ordinal"
    dimensions: tuple[Dimension, ...] = ()

    allowed_statistics = ("krippendorff", "icc", "cohen", "gwet", "percent")
    allowed_aggregations = ("mean", "median", "majority", "keep-all")

    @field_validator("levels", mode="before")
    @classmethod
    def _levels(cls, given: object) -> object:
        return numbered(given, first=1)

    @field_validator("levels")
    @classmethod
    def _rising(cls, points: tuple[Point, ...]) -> tuple[Point, ...]:
        return in_order(points)

    @field_validator("range")
    @classmethod
    def _wide(cls, ends: tuple[float, float] | None) -> tuple[float, float] | None:
        if ends is not None and ends[0] >= ends[1]:
            raise ValueError(f"a range goes from low to high, not from {ends[0]:g} to {ends[1]:g}")
        return ends

    @model_validator(mode="after")
    def _one_form(self) -> "Scale":
        if bool(self.levels) == (self.range is not None):
            raise ValueError("a scale has either `levels` or a `range`")
        if len(self.levels) == 1:
            raise ValueError("a scale has at least two levels")
        if self.measure == "ratio" and self.lowest < 0:
            raise ValueError("on a ratio scale no number is below zero: `measure: interval` is meant")
        names = [dimension.id for dimension in self.dimensions]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the dimension {twice[0]!r} is there twice")
        return self

    @property
    def lowest(self) -> float:
        """The lowest number that can be answered."""
        return self.range[0] if self.range else self.levels[0].value

    @property
    def highest(self) -> float:
        """The highest number that can be answered."""
        return self.range[1] if self.range else self.levels[-1].value

    @property
    def options(self) -> tuple[Option, ...]:
        """The levels."""
        return self.levels

    @property
    def points(self) -> tuple[Point, ...]:
        """The levels, or the few numbers of a short range; none for a long one, whose number is typed."""
        if self.range is None:
            return self.levels
        steps = (self.range[1] - self.range[0]) / self.step
        if steps > _MOST_STEPS or steps != round(steps):
            return ()
        numbers = [self.range[0] + place * self.step for place in range(round(steps) + 1)]
        return tuple(Point(name=f"{number:g}", value=number) for number in numbers)

    @property
    def level(self) -> Level:
        """As said."""
        return self.measure

    @property
    def used_aggregation(self) -> Aggregation:
        """The median for an ordinal scale, whose distances mean nothing, the mean for others."""
        return self.aggregate or ("median" if self.measure == "ordinal" else "mean")

    @property
    def answer_feature(self) -> Feature:
        """A number, or one for each dimension."""
        return {one.id: _NUMBER for one in self.dimensions} if self.dimensions else _NUMBER

    def features(self, column: str) -> Features:
        """A number and its spread, for each dimension in columns of its own."""
        if self.used_aggregation == "keep-all":
            return {}
        names = [f"{column}_{one.id}" for one in self.dimensions] or [column]
        return {name + after: _NUMBER for name in names for after in ("", "_spread")}
