"""What the page is told of a dataset."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Figure:
    """Counts under a title. bars: name and number of samples; of: how many there are, where the bars are shares.

    ordered: the bars are places on a scale, in its order, and not classes.
    """

    title: str
    bars: tuple[tuple[str, int], ...]
    note: str = ""
    of: int | None = None
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Brief:
    """A sample in the table. at: its place in the dataset, from 0; labels: the aggregate of each question, as text."""

    at: int
    id: str
    split: str
    speaker: str
    language: str
    seconds: float | None
    text: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Listing:
    """Samples that fit what was asked: `found` of them, of which these are shown."""

    found: int
    samples: tuple[Brief, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """A measurement over time: seconds from the sample's start, and None where nothing was measured."""

    name: str
    unit: str
    times: tuple[float, ...]
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Heat:
    """Rows of values in [0, 1] on common times."""

    times: tuple[float, ...]
    rows: Mapping[str, tuple[float | None, ...]]


@dataclass(frozen=True, slots=True)
class Stretch:
    """From when to when, seconds from the sample's start, in which row, and what."""

    start: float
    end: float
    row: int
    label: str


@dataclass(frozen=True, slots=True)
class Bands:
    """Stretches in rows of one lane. left_out: how many did not fit."""

    name: str
    rows: tuple[str, ...]
    stretches: tuple[Stretch, ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Boxes:
    """Where the face is: left, top, width, height as shares of the picture's sides; None where none was seen."""

    times: tuple[float, ...]
    places: tuple[tuple[float, float, float, float] | None, ...]


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the transcript; seconds from the sample's start."""

    text: str
    start: float | None
    end: float | None
    probability: float | None


@dataclass(frozen=True, slots=True)
class Votes:
    """What people answered to one question. agreement: the share of pairs of raters that agree; None below two.

    kept: all answers stand, and none is preferred: there is no label.
    """

    question: str
    label: str
    counts: tuple[tuple[str, int], ...]
    answers: tuple[tuple[str, str], ...]
    agreement: float | None
    spread: float | None
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """All that a sample's page shows. Times are seconds from the sample's start."""

    brief: Brief
    text: str
    """The whole of it; the table has its beginning."""
    words: tuple[Word, ...]
    media: Mapping[str, str]
    """Of audio, video and image, those there are, with their type (`video/mp4`)."""
    waveform: tuple[float, ...] = ()
    """The loudest value of each of equal stretches, in [0, 1]."""
    curves: tuple[Curve, ...] = ()
    bands: tuple[Bands, ...] = ()
    units: Heat | None = None
    boxes: Boxes | None = None
    likeness: Curve | None = None
    votes: tuple[Votes, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Overview:
    """The dataset as a whole. choices: the values that the table can be filtered by, for each of its filters."""

    name: str
    version: str
    licence: str
    samples: int
    recordings: int
    seconds: float
    speakers: int
    figures: tuple[Figure, ...]
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
