"""What of people is kept back when a dataset is published."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Given = Literal["media", "features", "ids"]
Told = Literal["names", "numbers", "mails", "places", "organisations"]


class Suppress(BaseModel):
    """Columns about people whose combinations few share."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    """Further columns of the sources, such as `age` and `city`."""
    k: Annotated[int, Field(ge=2)] = 5
    """A combination of their values that fewer people share is published as nothing."""


class Redact(BaseModel):
    """What is taken out of texts, and of the sound where it is said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: Annotated[tuple[Told, ...], Field(min_length=1)] = ("names", "numbers", "mails")
    """`names` of people, `numbers` of five digits or more, `mails` and web addresses, `places`, `organisations`."""
    known: str | None = None
    """A file of names that are known to occur, one a line: they are found in whatever case."""
    other_languages: Literal["stop", "withhold"] = "stop"
    """What texts in a language without a model do: stop the publication, or are published as nothing, nor heard."""


class Privacy(BaseModel):
    """The `privacy` block of `publish`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    give: Given = "media"
    """All; `features`: nothing to see, hear or read; `ids`: ids, times, hashes and labels."""
    blur_faces: bool = False
    """Measured faces are blurred in `video` and `image`; the measurements are of the faces as they were."""
    change_voices: bool = False
    """Voices in `audio` and `video` are changed; the measurements are of the voices as they were."""
    redact: Redact | None = None
    """Names, numbers and addresses are taken out of texts, answers and sound. `true`: as by default."""
    suppress: Suppress | None = None
    """Columns about people, and how many must share a combination of their values."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, written: Any) -> Any:
        """`redact: true` is short for its defaults."""
        if isinstance(written, dict) and isinstance(written.get("redact"), bool):
            return {**written, "redact": {} if written["redact"] else None}
        return written

    @property
    def changes_sound(self) -> bool:
        """Whether published sound is another than the recordings'."""
        return self.change_voices or self.redact is not None

    @property
    def is_on(self) -> bool:
        """Whether anything is kept back."""
        return self != Privacy()
