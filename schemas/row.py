"""One row of the table of sources, before anything is fetched."""

from pydantic import BaseModel, ConfigDict, Field

from schemas.source import Scalar


class SourceRow(BaseModel):
    """What a person wrote about one source. `uri` is an absolute path or an http(s) URL; None for a text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    uri: str | None = None
    text: str | None = None
    subtitles_uri: str | None = None
    licence: str | None = None
    consent: str | None = None
    language: str | None = None
    speaker: str | None = None
    dialogue: str | None = None
    turn: int | None = None
    extra: dict[str, Scalar] = Field(default_factory=dict)
    where: str = ""
    """File and line, for messages."""
