"""What of people is kept back when a dataset is published."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Given = Literal["media", "features", "ids"]


class Suppress(BaseModel):
    """Columns about people whose combinations few share."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    """Further columns of the sources, such as `age` and `city`."""
    k: Annotated[int, Field(ge=2)] = 5
    """A combination of their values that fewer people share is published as nothing."""


class Privacy(BaseModel):
    """The `privacy` block of `publish`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    give: Given = "media"
    """All; `features`: nothing to see, hear or read; `ids`: ids, times, hashes and labels."""
    blur_faces: bool = False
    """Measured faces are blurred in `video` and `image`; the measurements are of the faces as they were."""
    suppress: Suppress | None = None
    """Columns about people, and how many must share a combination of their values."""

    @property
    def is_on(self) -> bool:
        """Whether anything is kept back."""
        return self != Privacy()
