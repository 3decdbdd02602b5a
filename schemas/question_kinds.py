"""The kinds of questions."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from schemas.asked import Asked, Level, Option, Point
from schemas.features import Feature, Features, class_label, list_of, value
from schemas.scale import Scale, in_order, numbered

_NUMBER = value("float64")


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

    allowed_aggregations = ("majority", "soft", "dawid-skene", "mace", "keep-all")

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
        return {column: _label(self), **(soft if self.used_aggregation in ("soft", "dawid-skene", "mace") else {})}


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
        return numbered(given, first=1)

    @field_validator("intensity")
    @classmethod
    def _rising(cls, points: tuple[Point, ...]) -> tuple[Point, ...]:
        return in_order(points)

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
