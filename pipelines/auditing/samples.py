"""What the checks look at: of each sample the little that they need, in columns."""

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipelines.auditing.codes import Codes
from pipelines.sifting.compare import Looks

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MOST_CLASSES = 60
"""Values of a label, or splits: tables of so many columns are made."""
OF_ONE_VALUE = ("split", "speaker", "recording", "source", "sha256", "dialogue", "language", "licence")
"""Roles of which a sample has one value out of not very many."""


@dataclass(frozen=True, eq=False)
class MediaFacts:
    """Of one medium, for each sample.

    digest: uint64[n], of the encoded bytes; 0 where there is none.
    seconds: float64[n], as the file's head says; NaN where there is none or it does not say.
    sound_late_s: float64[n], by how much a video's sound begins after its pictures; NaN as before.
    """

    digest: NDArray[np.uint64]
    seconds: Floats
    sound_late_s: Floats


@dataclass(frozen=True, eq=False)
class WordFacts:
    """Of each sample's words against its clip.

    early, late: float64[n], seconds by which they reach beyond it.
    outside, backwards: int64[n], how many lie wholly outside, and how many end before they start.
    """

    early: Floats
    late: Floats
    outside: NDArray[np.int64]
    backwards: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TrackFacts:
    """Of one measurement, for each sample.

    uneven: bool[n]: its lists are not all as long as its times.
    backwards: bool[n]: its times decrease.
    out_s: float64[n]: how far its times reach beyond the clip, s; NaN where they cannot.
    """

    uneven: Flags
    backwards: Flags
    out_s: Floats


@dataclass
class ColumnFacts:
    """Of one column, or one field within it, over the whole dataset. `path`: such as `prosody.f0_hz`."""

    path: str
    values: int = 0
    """That are not null; those of lists one by one."""
    nan: int = 0
    infinite: int = 0
    rows: int = 0
    only: object = None
    """The value that all have so far."""
    varies: bool = False


@dataclass(frozen=True, eq=False)
class Samples:
    """A dataset, as far as the checks look at it; what it does not have is None or empty. n samples in their order.

    named: the roles of `OF_ONE_VALUE` that it has.
    start, end: float64[n], seconds; NaN where there is none.
    turn: float64[n]: number in the dialogue, or in the recording; NaN where there is none.
    labels: question to its label; numbers of many values are cut into three of equal size.
    answers: question to how often a rater gave an answer, by (rater, answer).
    present: modality to bool[n].
    looks: what is heard and seen in each, where that was asked for and tells; their ids are places among the samples.
    terms: the licence of the dataset itself.
    """

    rows: int
    ids: "pa.Array"
    named: dict[str, Codes] = field(default_factory=dict)
    start: Floats | None = None
    end: Floats | None = None
    turn: Floats | None = None
    text: "pa.Array | None" = None
    labels: dict[str, Codes] = field(default_factory=dict)
    answers: dict[str, Counter[tuple[str, str]]] = field(default_factory=dict)
    present: dict[str, Flags] = field(default_factory=dict)
    media: dict[str, MediaFacts] = field(default_factory=dict)
    looks: tuple[Looks | None, ...] = ()
    words: WordFacts | None = None
    tracks: dict[str, TrackFacts] = field(default_factory=dict)
    columns: tuple[ColumnFacts, ...] = ()
    terms: str | None = None

    def has(self, need: str) -> bool:
        """Whether there is something to check. need: a role, `splits` (two of them) or the name of a part."""
        if need == "splits":
            return "split" in self.named and 1 < len(self.named["split"].names) <= MOST_CLASSES
        if need in OF_ONE_VALUE:
            return need in self.named
        if need == "times":
            return self.start is not None and self.end is not None
        part = getattr(self, need)
        return part is not None and (not isinstance(part, dict | tuple) or any(one is not None for one in part))

    def id(self, sample: int) -> str:
        """How a person finds the sample: its id, after its split where there are several."""
        name = str(self.ids[int(sample)].as_py())
        return f"{self.named['split'].name(sample)}/{name}" if self.has("splits") else name

    @property
    def classes(self) -> dict[str, Codes]:
        """The labels that have few enough values to be counted; not the free texts."""
        return {name: label for name, label in self.labels.items() if len(label.names) <= MOST_CLASSES}

    @property
    def clock(self) -> Codes | None:
        """What times are counted in: the recording, else the source."""
        return self.named.get("recording") or self.named.get("source")
