"""What all questions to people have in common, and the parts they are made of."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from schemas.answer_value import Show
from schemas.features import Feature, Features, value

Level = Literal["nominal", "ordinal", "interval", "ratio", "set", "text", "spans"]
"""Level of measurement (Stevens 1946, https://doi.org/10.1126/science.103.2684.677), and what it does not know."""
Statistic = Literal[
    "krippendorff", "fleiss", "cohen", "gwet", "icc", "percent", "masi", "jaccard", "wer", "cer", "span-f1",
    "unitizing", "link-f1",
]  # fmt: skip
Aggregation = Literal["majority", "soft", "mean", "median", "dawid-skene", "mace", "keep-all"]

SHOWS: tuple[Show, ...] = ("text", "audio", "silent-video", "all")
"""In the order of asking: one modality alone first, everything last, as in CH-SIMS (Yu et al. 2020,
https://aclanthology.org/2020.acl-main.343, section 3.2), so that no later view was seen before an earlier one."""

COLUMN = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,60}")
_NAME = re.compile(r"[+-]?[^\W_](?:[\w .+/&'-]{0,58}[\w.+'-])?")
_HOTKEY = re.compile(r"(?:(?:ctrl|alt|shift)\+)?[a-z0-9]")
_AFTER_SHOW: Mapping[Show, str] = {
    "all": "", "text": "_text", "audio": "_audio", "silent-video": "_silent_video",
}  # fmt: skip


class Block(BaseModel):
    """A block of the spec; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, coerce_numbers_to_str=True)


def not_a_truth_value(given: object) -> object:
    """Refuses what YAML made of a `yes` or `no` without quotes."""
    if isinstance(given, bool):
        word = "yes/on/true" if given else "no/off/false"
        raise ValueError(f"YAML reads {word} without quotes as a truth value; put the word in quotes")  # noqa: TRY004
    return given


class Option(Block):
    """Something to choose. `name` is what is stored and published; `title` is what the rater reads."""

    name: str
    title: str = ""
    hotkey: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, given: object) -> object:
        given = not_a_truth_value(given)
        if isinstance(given, str | int | float):
            return {"name": given}
        if isinstance(given, Mapping):
            not_a_truth_value(given.get("name"))
        return given

    @field_validator("name")
    @classmethod
    def _a_name(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError(
                "a name has letters, digits, spaces and . + / & ' - _, at most 60; say the rest in `title`"
            )
        return name

    @field_validator("hotkey")
    @classmethod
    def _a_key(cls, hotkey: str | None) -> str | None:
        if hotkey is not None and not _HOTKEY.fullmatch(hotkey):
            raise ValueError("a hotkey is a letter or digit, alone or after ctrl+, alt+ or shift+")
        return hotkey

    @property
    def shown(self) -> str:
        """What the rater reads."""
        return self.title or self.name


class Point(Option):
    """A named level of a scale and its number."""

    value: float


class When(Block):
    """Asked only where another question has one of these answers."""

    question: str
    is_: Annotated[tuple[str, ...], Field(alias="is", min_length=1)]

    @field_validator("is_", mode="before")
    @classmethod
    def _several(cls, given: object) -> object:
        several = given if isinstance(given, list | tuple) else [given]
        return [not_a_truth_value(one) for one in several]


class Asked(Block):
    """What every kind of question has."""

    id: str
    title: str = ""
    help: str = ""
    show: Show | Annotated[tuple[Show, ...], Field(min_length=1)] = "all"
    """Under which modality it is asked; a list asks it under each, in views of their own."""
    required: bool = True
    when: When | None = None
    blind: bool = True
    """Whether raters answer without seeing a model's suggestion. Agreement means little where they do not."""
    gold: bool = True
    """Whether gold items are marked on this question."""
    agreement: bool = True
    """Whether agreement is computed."""
    statistic: Statistic | None = None
    aggregate: Aggregation | None = None

    allowed_statistics: ClassVar[tuple[Statistic, ...]] = ("krippendorff", "fleiss", "cohen", "gwet", "percent")
    allowed_aggregations: ClassVar[tuple[Aggregation, ...]] = ("keep-all",)

    @field_validator("id")
    @classmethod
    def _a_column(cls, name: str) -> str:
        if not COLUMN.fullmatch(name):
            raise ValueError("it names a column: letters, digits and '_', a letter first, at most 61")
        return name

    @field_validator("statistic", "aggregate")
    @classmethod
    def _fits(cls, chosen: str | None, info: object) -> str | None:
        allowed: Sequence[str] = cls.allowed_aggregations
        if getattr(info, "field_name", "") == "statistic":
            allowed = cls.allowed_statistics
        if chosen is not None and chosen not in allowed:
            raise ValueError(f"for this kind of question, allowed: {', '.join(allowed)}")
        return chosen

    @property
    def heading(self) -> str:
        """What the rater reads above it."""
        return self.title or self.id

    @property
    def shows(self) -> tuple[Show, ...]:
        """The views it is asked in, in the order of asking."""
        named = (self.show,) if isinstance(self.show, str) else self.show
        return tuple(show for show in SHOWS if show in named)

    @property
    def options(self) -> tuple[Option, ...]:
        """What can be chosen; empty where nothing is offered."""
        return ()

    @property
    def level(self) -> Level:
        """Level of measurement of its answers."""
        return "nominal"

    @property
    def used_statistic(self) -> Statistic:
        """The statistic asked for, or the first of those that fit."""
        return self.statistic or self.allowed_statistics[0]

    @property
    def used_aggregation(self) -> Aggregation:
        """The aggregation asked for, or the first of those that fit."""
        return self.aggregate or self.allowed_aggregations[0]

    def column(self, show: Show) -> str:
        """The published column: the id for the fullest view it is asked in, the id and the view for others."""
        return self.id if show == self.shows[-1] else self.id + _AFTER_SHOW[show]

    @property
    def answer_feature(self) -> Feature:
        """How one person's answer is published."""
        return value("string")

    def features(self, column: str) -> Features:
        """The aggregate's columns; none where all answers are kept and none preferred."""
        return {column: self.answer_feature} if self.used_aggregation != "keep-all" else {}
