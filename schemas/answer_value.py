"""What an answer says, by kind of question: typed values that go through JSON unchanged."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

Show = Literal["text", "audio", "silent-video", "all"]
"""What a rater is shown of a sample."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ChoiceValue(_Value):
    """One of the offered names; where the vocabulary is open, any text."""

    kind: Literal["choice"] = "choice"
    label: str


class Picked(_Value):
    """One label of several, and how strongly it holds."""

    label: str
    intensity: float | None = None


class ChoicesValue(_Value):
    """Any number of the offered names, in the order of the spec; none chosen is an answer too."""

    kind: Literal["choices"] = "choices"
    picked: tuple[Picked, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The names alone."""
        return tuple(one.label for one in self.picked)


class ScaleValue(_Value):
    """A number, or one for each dimension that was answered."""

    kind: Literal["scale"] = "scale"
    number: float | None = None
    dimensions: dict[str, float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_form(self) -> "ScaleValue":
        if (self.number is None) == (not self.dimensions):
            raise ValueError("either a number or dimensions")
        return self


class TextValue(_Value):
    """Free text."""

    kind: Literal["text"] = "text"
    text: str


class Stretch(_Value):
    """A labelled stretch, `[start, end)`: in characters (code points) of the transcript, or in seconds of the sample.

    text: what the transcript says there; empty on a timeline.
    """

    start: Annotated[float, Field(ge=0)]
    end: Annotated[float, Field(ge=0)]
    label: str
    text: str = ""

    @model_validator(mode="after")
    def _forward(self) -> "Stretch":
        if self.end < self.start:
            raise ValueError(f"a stretch ends at {self.end:g}, before it begins at {self.start:g}")
        return self


class SpanValue(_Value):
    """Stretches in the order of their start; none is an answer too."""

    kind: Literal["span"] = "span"
    unit: Literal["characters", "seconds"]
    stretches: tuple[Stretch, ...]


class LinkValue(_Value):
    """Samples of the same dialogue that this one is linked to; none means that there is no such utterance."""

    kind: Literal["link"] = "link"
    targets: tuple[str, ...]


class RegionValue(_Value):
    """Numbers of the faces that are meant; none means that no face is."""

    kind: Literal["region"] = "region"
    faces: tuple[int, ...]


Value = ChoiceValue | ChoicesValue | ScaleValue | TextValue | SpanValue | LinkValue | RegionValue
"""Any of them; `kind` tells which."""

_VALUE: TypeAdapter[Value] = TypeAdapter(Annotated[Value, Field(discriminator="kind")])


def value_of_json(data: str | bytes) -> Value:
    """The value that `value_json` wrote. Raises ValueError (pydantic's) on anything else."""
    return _VALUE.validate_json(data)


def value_json(value: Value) -> str:
    """Compact JSON, the same for equal values."""
    return value.model_dump_json()


def plain(value: Value) -> str:
    """The value in one cell of a table of answers: a label, a number or a text as it is, anything else as JSON."""
    if isinstance(value, ChoiceValue):
        return value.label
    if isinstance(value, TextValue):
        return value.text
    if isinstance(value, ScaleValue) and value.number is not None:
        return f"{value.number:g}" if value.number == float(f"{value.number:g}") else repr(value.number)
    return value_json(value)


def number_of(value: Value) -> float | None:
    """The value as a number, where it is one."""
    return value.number if isinstance(value, ScaleValue) else None
