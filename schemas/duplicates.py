"""Which recordings are copies of others: what a recipe asks, and what was found."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.record import Record


class Duplicates(BaseModel):
    """The `duplicates` block of a recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    find: Literal["nothing", "exact", "near"] = "nothing"
    """`exact`: the same bytes; `near`: also re-encoded, cropped, letter-boxed, sped-up or trimmed copies."""
    keep: Literal["first", "largest", "all"] = "first"
    """Of copies: the first of the sources, or the one with most pixels; `all` are published, in one split."""
    sound: Annotated[float, Field(gt=0, le=1)] = 0.06
    """Share of the marks of the sound that copies have in common, at least."""
    picture: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Share of bits in which hashes of pictures differ, at most, where the sound is the same."""
    silent: Annotated[float, Field(ge=0, le=1)] = 0.1
    """The same where no sound can tell."""
    overlap: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the longer recording that a copy has, at least; with less of it, it is an excerpt."""
    seconds: Annotated[float, Field(gt=0, le=3600)] = 120
    """What is looked at and listened to, from the start."""


class Likeness(Record):
    """Two recordings that are alike, and how far.

    kind: `exact`: the same bytes; `near`: copies; `related`: the shorter one is in the longer one, or the same media
    goes with another text.
    """

    one: str
    other: str
    kind: Literal["exact", "near", "related"]
    sound: float | None = None
    """Share of marks in common, of the one that has fewer in the common stretch; None where no sound tells."""
    picture: float | None = None
    """Share of bits that differ; None where no pictures tell."""
    speed: float = 1.0
    """How much faster `other` runs."""
    shift_s: float = 0.0
    """Where `one` begins in `other`, in seconds."""
    overlap: float = 1.0
    """Share of the longer one that they have in common."""


class Copy(Record):
    """A recording that another one stands for."""

    id: str
    of: str
    kind: Literal["exact", "near"]


class Found(Record):
    """All that is alike among the recordings of a recipe, in the order of ids. compared: recordings."""

    of: str
    """Digest of what was compared: where it is the same, so is what is found."""
    compared: int
    copies: tuple[Copy, ...] = ()
    """Each recording that is a copy, with the one that is kept."""
    likenesses: tuple[Likeness, ...] = ()
    taken_down: tuple[Likeness, ...] = ()
    """Recordings (`one`) that are like some that were taken down (`other`). Copies of those are left out."""

    def groups(self) -> dict[str, str]:
        """Recording to the smallest id of those that it is linked with, by copies and excerpts. Others have none."""
        above: dict[str, str] = {}

        def root(name: str) -> str:
            while (parent := above.get(name, name)) != name:
                above[name] = above.get(parent, parent)
                name = above[name]
            return name

        for link in self.likenesses:
            first, second = sorted((root(link.one), root(link.other)))
            above[second] = first
            above.setdefault(first, first)
        return {name: root(name) for name in sorted(above)}
