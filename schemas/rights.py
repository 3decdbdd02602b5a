"""What a recipe accepts of the terms that sources are under, and what it publishes under each."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Literal["media", "features", "ids"]
ANY, NONE = "any", "none"


class Rights(BaseModel):
    """The `rights` block of a recipe. Without `accept`, all sources are taken, and `publish.media` alone decides."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accept: dict[str, Share] = Field(default_factory=dict)
    """Licence (SPDX identifier or a platform's term) to what is published under it; `any` and `none` are for others."""
    consent: tuple[str, ...] = ()
    """Words of consent that are accepted; empty accepts all, and sources that name none."""
