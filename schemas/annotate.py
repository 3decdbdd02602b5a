"""How people are asked: the `annotate` block of a recipe."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Prelabel(BaseModel):
    """Where answers of a model come from: exactly one of `python`, `file` and `url`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    python: str | None = None
    """Name of an entry point of the group `affectloom.prelabel`."""
    file: str | None = None
    """JSON lines of item, question, value and model."""
    url: str | None = None
    """An endpoint that speaks OpenAI's protocol, such as http://localhost:8000/v1."""
    model: str = ""
    """The model's name; for a url, as the endpoint knows it."""

    @model_validator(mode="after")
    def _one(self) -> "Prelabel":
        if sum(one is not None for one in (self.python, self.file, self.url)) != 1:
            raise ValueError("exactly one of `python`, `file` and `url`")
        if self.url is not None and not self.model:
            raise ValueError("`url` needs the name of the `model`")
        return self


class Annotate(BaseModel):
    """How people are asked."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, coerce_numbers_to_str=True)

    raters: Annotated[int, Field(ge=1)] = 3
    """Raters for each item."""
    shared: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the items that get that many; the others get one."""
    repeats: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of each rater's items that come to the same rater again, to see how steady they are."""
    gold: str | None = None
    """A table of known answers (item, question, value): every rater gets these items."""
    only: dict[str, str] = Field(default_factory=dict)
    """Columns of the table of sources, and what they hold where something is asked; all other samples are context."""
    context: Annotated[int, Field(ge=0, le=100)] = 5
    """How many utterances before a sample are shown, where its text is."""
    synonyms: str | None = None
    """A table (label, group and, if need be, question) that groups what raters wrote in their own words."""
    seed: str = ""
    """Another seed deals items out anew."""
    prelabel: Prelabel | None = None
    """A model that answers too. Raters see its answers to questions that are not `blind`."""
    link_days: Annotated[float, Field(gt=0, le=365)] = 14
    """How long links to clips work, at least; pushing again renews them."""
    low: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Items whose raters agree less than this are contested; see `affectloom annotate adjudicate`."""
    adjudicate: Literal["another", "expert"] = "expert"
    """Contested items go to another rater, who sees nothing of it, or to an expert, who sees the votes."""
