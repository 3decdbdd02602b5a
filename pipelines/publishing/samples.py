"""Everything known of a recording, put together into one row a segment."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from pipelines.publishing.sample_pieces import Wanted
from pipelines.publishing.sample_rows import batches, opened, schema_of
from pipelines.segmenting.align import Rule
from schemas.sample import AlignedTo, SampleRows
from schemas.step import Recording, Step
from schemas.tables import write_tables

_NUMBERED: Final = re.compile(r"_?\d+$")
_LONG: Final = 64
"""More columns of one family than a person would name."""
_ROWS: Final = 32
"""Rows in memory at a time, besides the tracks."""


class Grid(BaseModel):
    """Cells of equal length, from each segment's start on."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    grid_s: Annotated[float, Field(ge=0.001)]
    """Seconds."""


class Samples(Step):
    """Puts everything of one recording together: a row a segment, with all tracks, cut and aligned.

    A frame is in a segment if it covers some of it.
    """

    key: ClassVar[str] = "samples.v1"
    reads: ClassVar[tuple[str, ...]] = ("facts", "segments", "id", "language", "speaker", "dialogue", "turn")

    to: Literal["word", "segment"] | Grid = "word"
    """What measurements are aligned with: each word, the whole segment, or a grid (`{grid_s: 0.1}`)."""
    how: Rule = "mean"
    """How the frames of an interval become one value; mean is weighted by the overlap."""
    face: Literal["speaking", "largest"] = "speaking"
    """The face of a sample: the one that speaks, where that is measured, or the largest."""
    tracks: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Filled in from the measurements: each track with its columns; none for an embedding."""
    told: tuple[str, ...] | None = None
    """Filled in from the table of utterances, if there is one: its further columns."""
    voices: bool = False
    """Filled in from the measurements: whether voices are told apart."""
    ocr: bool = False
    """Filled in from the measurements: whether text on the screen is read."""

    @classmethod
    def of(cls, wanted: Mapping[str, Any], steps: Sequence[Step], told: Sequence[str] | None = None) -> Self:
        """The step for a recipe's `align` block and measurements. Raises pydantic's ValidationError."""
        every = [*steps, *(watcher for step in steps for watcher in getattr(step, "watchers", ()))]
        named = {kind: columns for step in every for kind, columns in step.track_columns.items()}
        tracks = {kind: () if is_embedding(columns) else columns for kind, columns in sorted(named.items())}
        made = {kind for step in every for kind in step.makes}
        more = {"voices": "speakers" in made, "ocr": "ocr" in made}
        return cls.model_validate({**wanted, "tracks": tracks, "told": told, **more})

    @property
    def uses(self) -> tuple[str, ...]:  # type: ignore[override]  # what is used depends on a field
        """All that may be known of a recording."""
        more = {"speaking": "faces" in self.tracks, "speakers": self.voices, "ocr": self.ocr}
        return ("watched", "words", *self.tracks, *(kind for kind, there in more.items() if there))

    def identity(self) -> dict[str, object]:
        """Without a table of utterances, voices, or text on the screen, there is nothing to say of them."""
        told = {"told": self.told is not None, "voices": self.voices, "ocr": self.ocr}
        unsaid = {name for name, said in told.items() if not said}
        return {**super().identity(), "fields": self.model_dump(mode="json", exclude=unsaid)}

    @property
    def makes(self) -> tuple[str, ...]:
        """`samples`: a schemas.sample.SampleRows."""
        return ("samples",)

    def run(self, recordings: Sequence[Recording], model: Any) -> None:
        """Put each recording's samples together."""
        to: AlignedTo = "grid" if isinstance(self.to, Grid) else self.to
        grid_s = self.to.grid_s if isinstance(self.to, Grid) else 0.0
        wanted = Wanted(to, grid_s, self.how, self.face, self.tracks, self.told, self.voices, self.ocr)
        for recording in recordings:
            with opened(recording, wanted) as known, recording.create("samples", SampleRows.suffix) as path:
                write_tables(path, schema_of(wanted), batches(known, wanted, _ROWS))


def is_embedding(columns: Sequence[str]) -> bool:
    """Whether the columns are the numbered places of one long vector (`dinov2_000`, ...)."""
    stems = {_NUMBERED.sub("", name) for name in columns}
    return len(columns) > _LONG and len(stems) == 1 and stems != set(columns)
