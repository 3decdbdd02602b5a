"""The kinds of questions."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from schemas.asked import COLUMN, Aggregation, Asked, Block, Level, Option, Point, not_a_truth_value
from schemas.features import Feature, Features, class_label, list_of, value

_NUMBER = value("float64")
_MOST_STEPS = 12


def _numbered(given: object, first: int) -> object:
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


def _in_order(points: tuple[Point, ...]) -> tuple[Point, ...]:
    for one, following in pairwise(points):
        if following.value <= one.value:
            raise ValueError(f"levels go up: {following.name!r} ({following.value:g}) stands after {one.value:g}")
    return points


def _label(question: "Choice | Choices") -> Feature:
    return value("string") if question.open else class_label([option.name for option in question.choices])


def _enough_offered(offered: int, least: int) -> None:
    if offered < least:
        raise ValueError(f"at least {least} choices are needed where the vocabulary is not `open`")


class Choice(Asked):
    """One of several names. `open`: the rater may also write a label of their own."""

    kind: Literal["choice"] = "choice"
    choices: tuple[Option, ...] = ()
    open: bool = False

    allowed_aggregations = ("majority", "soft", "dawid-skene", "keep-all")

    @model_validator(mode="after")
    def _enough(self) -> "Choice":
        _enough_offered(2 if self.open else len(self.choices), 2)
        return self

    @property
    def options(self) -> tuple[Option, ...]:
        """What can be chosen."""
        return self.choices

    def features(self, column: str) -> Features:
        """A class label in the order of the spec, text where the vocabulary is open; with shares or chances."""
        if self.used_aggregation == "keep-all":
            return {}
        soft = {f"{column}_soft": list_of({"label": value("string"), "share": _NUMBER})}
        return {column: _label(self), **(soft if self.used_aggregation in ("soft", "dawid-skene") else {})}


class Choices(Asked):
    """Any number of names, each with an intensity where `intensity` names its levels, weakest first."""

    kind: Literal["choices"] = "choices"
    choices: tuple[Option, ...] = ()
    open: bool = False
    least: Annotated[int, Field(ge=0)] = 0
    most: Annotated[int, Field(ge=1)] | None = None
    intensity: tuple[Point, ...] = ()

    allowed_statistics = ("masi", "jaccard", "krippendorff", "percent")
    allowed_aggregations = ("majority", "soft", "keep-all")

    @field_validator("intensity", mode="before")
    @classmethod
    def _levels(cls, given: object) -> object:
        return _numbered(given, first=1)

    @field_validator("intensity")
    @classmethod
    def _rising(cls, points: tuple[Point, ...]) -> tuple[Point, ...]:
        return _in_order(points)

    @model_validator(mode="after")
    def _enough(self) -> "Choices":
        if self.open and self.intensity:
            raise ValueError("labels of the rater's own have no intensity: leave out `open` or `intensity`")
        if not self.open and max(self.least, self.most or 0) > len(self.choices):
            raise ValueError(f"{len(self.choices)} choices are offered, fewer than `least` or `most`")
        if self.most is not None and self.least > self.most:
            raise ValueError(f"`least` is {self.least}, `most` {self.most}")
        _enough_offered(1 if self.open else len(self.choices), 1)
        return self

    @property
    def options(self) -> tuple[Option, ...]:
        """What can be chosen."""
        return self.choices

    @property
    def level(self) -> Level:
        """A set of labels."""
        return "set"

    @property
    def answer_feature(self) -> Feature:
        """Labels, and beside them their intensities where they have some."""
        labels = list_of(value("string"))
        return labels if not self.intensity else {"labels": labels, "intensities": list_of(_NUMBER)}

    def features(self, column: str) -> Features:
        """A list of labels, and one of intensities of the same length; shares of all labels beside them if `soft`."""
        if self.used_aggregation == "keep-all":
            return {}
        made = {column: list_of(_label(self))}
        if self.intensity:
            made[f"{column}_intensities"] = list_of(_NUMBER)
        if self.used_aggregation == "soft":
            made[f"{column}_soft"] = list_of({"label": value("string"), "share": _NUMBER})
        return made


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
        return _numbered(given, first=1)

    @field_validator("levels")
    @classmethod
    def _rising(cls, points: tuple[Point, ...]) -> tuple[Point, ...]:
        return _in_order(points)

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


class Text(Asked):
    """Free text. For `purpose: transcript` the field begins with the transcript, to be corrected."""

    kind: Literal["text"] = "text"
    purpose: Literal["transcript", "translation", "caption", "rationale"] = "rationale"
    language: str | None = None
    """Of the answer, an ISO 639 code."""
    rows: Annotated[int, Field(ge=1, le=50)] = 3
    most_characters: Annotated[int, Field(ge=1)] = 10_000

    allowed_statistics = ("wer", "cer", "percent")
    allowed_aggregations = ("keep-all", "majority")

    @property
    def level(self) -> Level:
        """Words."""
        return "text"


class Span(Asked):
    """Labelled stretches of the transcript or of the timeline."""

    kind: Literal["span"] = "span"
    along: Literal["transcript", "timeline"] = "transcript"
    labels: Annotated[tuple[Option, ...], Field(min_length=1)]
    least: Annotated[int, Field(ge=0)] = 0

    allowed_statistics = ("unitizing", "span-f1")

    @property
    def options(self) -> tuple[Option, ...]:
        """The labels."""
        return self.labels

    @property
    def level(self) -> Level:
        """Stretches."""
        return "spans"

    @property
    def answer_feature(self) -> Feature:
        """Stretches: characters of the transcript or seconds of the sample."""
        return list_of({"start": _NUMBER, "end": _NUMBER, "label": value("string"), "text": value("string")})


class Link(Asked):
    """From this sample to others of its dialogue, such as from an emotion to its cause."""

    kind: Literal["link"] = "link"
    several: bool = True
    itself: bool = True
    """Whether the sample itself can be the target."""

    allowed_statistics = ("link-f1", "jaccard", "masi")
    allowed_aggregations = ("majority", "keep-all")

    @property
    def level(self) -> Level:
        """A set of samples."""
        return "set"

    @property
    def answer_feature(self) -> Feature:
        """Ids of samples."""
        return list_of(value("string"))


class Region(Asked):
    """Which of the faces in the picture."""

    kind: Literal["region"] = "region"
    several: bool = False

    allowed_statistics = ("krippendorff", "percent", "jaccard", "masi")
    allowed_aggregations = ("majority", "keep-all")

    @property
    def level(self) -> Level:
        """Numbers of faces are names, not amounts."""
        return "set" if self.several else "nominal"

    @property
    def answer_feature(self) -> Feature:
        """Numbers of faces, as in the tracks."""
        return list_of(value("int64"))


AnyQuestion = Choice | Choices | Scale | Text | Span | Link | Region
KINDS: Mapping[str, type[AnyQuestion]] = {
    "choice": Choice, "choices": Choices, "scale": Scale, "text": Text, "span": Span, "link": Link, "region": Region,
}  # fmt: skip
