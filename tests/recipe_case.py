"""What a recipe is built of in the tests, and what must come out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from recipe_materials import clip, said

TALKERS = {"talk": "clara", "duo": "clara and ben", "reply": "ben", "noface": "carl", "voice": "hana"}


@dataclass(frozen=True)
class Case:
    """One recipe's small dataset. columns: those that its original reports, which must be published, filled somewhere.

    main: the column whose agreement is told; '' where nobody is asked. statistic: which, made again by its definition.
    """

    sources: list
    columns: tuple[str, ...]
    main: str
    raters: int = 3
    sure: float = 0.9
    statistic: str = "fleiss"
    answered: int | None = None
    """Samples with answers, where it is not all of them."""
    files: dict[str, str] = field(default_factory=dict)
    """Further files of the recipe, filled in."""
    labels: tuple[str, ...] = ()
    """Labels of an outside corpus; they stand in the recipe's own table, and nobody is asked."""
    check: Callable | None = None
    """What else must be so: called with the home, the published rows and what was made."""


@dataclass(frozen=True)
class Made:
    """What came of a recipe: what `publish` told, the folder that it filled, and the card in it."""

    report: object
    folder: Path

    @property
    def card(self) -> str:
        return (self.folder / "README.md").read_text("utf-8")


def talks(**columns):
    return [clip(name, speaker=speaker, **columns) for name, speaker in TALKERS.items()]


def scenes(**columns):
    return [
        said(name, dialogue=dialogue, turn=1, **columns)
        for name, dialogue in (("talk", "letter"), ("duo", "cinema"), ("reply", "appointment"))
    ]


TRACKS = ("words", "face", "prosody")
