"""A recipe: what a person writes to say which dataset is wanted."""

import re
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from schemas.acquire import Acquire
from schemas.annotate import Annotate
from schemas.card import CardFacts
from schemas.duplicates import Duplicates
from schemas.gates import Gate
from schemas.publication import Publication
from schemas.rights import Rights

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Run(BaseModel):
    """How much of the machine is used. Changes no result."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workers: Annotated[int, Field(ge=1)] | None = None
    """Worker processes; by default one for each core."""


class Recipe(BaseModel):
    """The whole recipe. The blocks `segment`, `align` and each of `measure` hold the fields of a step of that name."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    name: str
    version: str = "0.1.0"
    licence: str | None = None
    """Of the dataset: an SPDX identifier, or what the hub knows it by."""
    description: str = ""
    sources: str | tuple[str, ...]
    """A table (.csv, .jsonl), a folder, a glob, a file or a URL, or several of these."""
    join: str | tuple[str, ...] = ()
    """Tables of further facts, joined by their first column: id, speaker, dialogue, utterance, or one of sources."""
    acquire: Acquire = Acquire()
    rights: Rights = Rights()
    duplicates: Duplicates = Duplicates()
    segment: dict[str, Any] = Field(default_factory=lambda: {"by": "sentence"})
    measure: dict[str, dict[str, Any] | None] = Field(default_factory=dict)
    gates: dict[str, Gate | None] = Field(default_factory=dict)
    """Rules by which samples are judged, and left out; see docs/gates.md."""
    align: dict[str, Any] = Field(default_factory=lambda: {"to": "word"})
    ask: str | None = None
    """A file of questions to people (.yaml); see docs/annotate.md."""
    annotate: Annotate = Annotate()
    labels: str | None = None
    """A table of answers (.csv, .jsonl): item, rater, question, value."""
    map: str | None = None
    """A table (from, to, question) that brings labels of an outside set to those of the dataset."""
    publish: Publication = Publication()
    card: CardFacts | None = None
    """Facts for the card that no program can know; without them the dataset is a draft."""
    run: Run = Run()

    @field_validator("sources")
    @classmethod
    def _some(cls, sources: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if not sources:
            raise ValueError("it must name at least one table, folder, pattern, file or address")
        return sources

    @field_validator("name")
    @classmethod
    def _a_name(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError("a name has letters, digits, '.', '_' and '-', begins with a letter or digit, at most 100")
        return name
