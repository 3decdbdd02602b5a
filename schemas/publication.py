"""How a dataset is published, what is said about it, and what came of it."""

import math
import re
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from schemas.answer import Question
from schemas.audit import AuditReport
from schemas.card import CardFacts
from schemas.duplicates import Copy
from schemas.failure import Failure
from schemas.gates import GatesTold
from schemas.privacy import Privacy
from schemas.tally import Tally

GROUPS = ("recording", "source", "speaker", "dialogue", "language", "licence", "consent")
"""What every sample can be grouped by."""
Medium = Literal["audio", "video", "image"]
Auditing = Literal["stop", "report", "skip"]

_MOST_FOLDS = 100
_SPLIT = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,50}")
SPLIT_NAMES = "letters, digits and '_', a letter first, not 'all'"


def is_split_name(name: str) -> bool:
    """Whether `datasets` takes a split of that name."""
    return _SPLIT.fullmatch(name) is not None and name != "all"


class Balance(BaseModel):
    """What `weight` and `balanced` even out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Annotated[tuple[str, ...], Field(min_length=1)]
    """Columns: of answers, `speaker`, `language`, or a further one of the sources."""
    pairs: bool = False
    """Every pair of values that occurs counts the same, not every value."""


class Publication(BaseModel):
    """The `publish` block of a recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, coerce_numbers_to_str=True)

    media: tuple[Medium, ...] = ("audio", "image")
    """Which media go into the dataset; `[]` where licence or consent forbids it. Measurements go in either way."""
    group_by: str | tuple[str, ...] = "speaker"
    """What stays on one side: speaker, dialogue, source, recording, or a further column of the table of sources."""
    splits: dict[str, Annotated[float, Field(gt=0, le=1)]] | str = Field(
        default_factory=lambda: {"train": 0.8, "validation": 0.1, "test": 0.1}
    )
    """Name and share of each split, the shares sum to 1; or `{folds: 5}`; or the column that names the split."""
    stratify: tuple[str, ...] = ()
    """Columns of answers, such as `emotion`: each of their values has its share in each split, as groups allow."""
    continues: str | None = None
    """With `stratify`: the `manifest.json` of an earlier version in another folder, whose groups keep their split."""
    shard_mb: Annotated[int, Field(ge=1)] = 256
    """A Parquet file is closed before it passes this size; most have half of it."""
    seed: str = ""
    """Another seed deals the groups out anew."""

    balance: Balance | None = None
    """Columns to even out: every sample gets a `weight`, and `balanced` marks a selection."""

    privacy: Privacy = Field(default_factory=Privacy)
    """What of people is kept back."""
    audit: Auditing = "stop"
    """What the audit's errors do: stop the publication, or stand in the card; `skip` makes none."""

    @model_validator(mode="before")
    @classmethod
    def _without_media(cls, written: Any) -> Any:
        """Features or ids alone are without media."""
        privacy = written.get("privacy") if isinstance(written, dict) else None
        given = privacy.get("give", "media") if isinstance(privacy, dict) else getattr(privacy, "give", "media")
        return {"media": (), **written} if given != "media" else written

    @field_validator("splits", mode="before")
    @classmethod
    def _folds(cls, splits: Any) -> Any:
        """`{folds: 5}` is short for `fold_0` to `fold_4` of equal shares."""
        if not isinstance(splits, dict) or set(splits) != {"folds"}:
            return splits
        folds = splits["folds"]
        if isinstance(folds, bool) or not isinstance(folds, int) or folds not in range(2, _MOST_FOLDS + 1):
            raise ValueError(f"folds is {folds!r}; a whole number from 2 to {_MOST_FOLDS} is needed")
        return {f"fold_{at}": 1 / folds for at in range(folds)}

    @field_validator("balance", mode="before")
    @classmethod
    def _by(cls, written: Any) -> Any:
        """`[emotion, speaker]` is short for `{by: [emotion, speaker]}`."""
        return {"by": written} if isinstance(written, list | tuple) else written

    @field_validator("stratify", mode="before")
    @classmethod
    def _several(cls, written: Any) -> Any:
        return (written,) if isinstance(written, str) else written

    @field_validator("splits")
    @classmethod
    def _shares(cls, splits: dict[str, float] | str) -> dict[str, float] | str:
        if isinstance(splits, str):
            return splits
        for name in splits:
            if not is_split_name(name):
                raise ValueError(f"{name!r} cannot name a split: {SPLIT_NAMES}")
        if not math.isclose(math.fsum(splits.values()), 1, abs_tol=1e-6):
            raise ValueError(f"the shares sum to {math.fsum(splits.values()):g}, not 1")
        return splits

    @field_validator("group_by")
    @classmethod
    def _some(cls, group_by: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if not group_by or not all(group_by):
            raise ValueError("names at least one column; `recording` keeps each recording on one side")
        return group_by

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if isinstance(self.splits, str) and self.model_fields_set & {"group_by", "seed", "stratify", "continues"}:
            raise ValueError(
                f"the column {self.splits!r} names the splits: group_by, stratify and seed have nothing to deal out"
            )
        if self.continues is not None and not self.stratify:
            raise ValueError("continues goes with stratify: without it a group's split follows from its name alone")
        return self

    @model_validator(mode="after")
    def _given(self) -> Self:
        if self.media and self.privacy.give != "media":
            raise ValueError(f"privacy gives {self.privacy.give} alone, media asks for {', '.join(self.media)}")
        return self

    @property
    def official(self) -> str | None:
        """The column that names the split of each source, where nothing is dealt out."""
        return self.splits if isinstance(self.splits, str) else None

    @property
    def groups(self) -> tuple[str, ...]:
        """The columns that rows are grouped by, or that names their split."""
        if self.official is not None:
            return (self.official,)
        return (self.group_by,) if isinstance(self.group_by, str) else self.group_by


class StepUsed(BaseModel):
    """One step that made a part of the dataset, with its settings and the model files it used."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    """Such as `transcribe.faster-whisper.v1`."""
    makes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    settings: dict[str, str] = Field(default_factory=dict)
    weights: dict[str, str] = Field(default_factory=dict)
    """Model file to SHA-256 or pinned revision."""
    versions: dict[str, str] = Field(default_factory=dict)
    """Distribution to version, of those that bear on its numbers."""


class About(BaseModel):
    """What the run knows of the dataset besides its rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str = "0.1.0"
    licence: str | None = None
    description: str = ""
    steps: tuple[StepUsed, ...] = ()
    failures: tuple[Failure, ...] = ()
    program: str = "affectloom"
    """Name and version of what made it."""
    notes: tuple[str, ...] = ()
    """What a reader should know besides, such as what gates left out."""
    card: CardFacts | None = None
    """What the recipe states; None where it states nothing, and the dataset is a draft."""


class SplitShare(BaseModel):
    """What one split holds. `seconds` is the summed length of its samples."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    asked: float | None
    """Share; None where the sources name their split."""
    rows: int
    groups: int
    seconds: float


class MediaProblem(BaseModel):
    """A medium that should be in the dataset and could not be cut; the row holds null there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sample: str
    medium: Medium
    message: str


class PublishReport(BaseModel):
    """What came of publishing. `bytes` counts the shards."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    out: str
    recordings: int
    rows: int
    bytes: int
    shards: tuple[str, ...]
    written: int = 0
    """Shards made in this run."""
    kept: int = 0
    """Shards that were published before, and are the same now."""
    found: int = 0
    """Shards that an earlier run had finished before it was stopped."""
    splits: tuple[SplitShare, ...]
    problems: tuple[MediaProblem, ...] = ()
    notes: tuple[str, ...] = ()
    """What the publisher should know: empty or lopsided splits, tied answers, left-out answers."""
    audit: AuditReport | None = None
    """What can be found wrong with it; None where the recipe wants no audit."""
    gates: GatesTold | None = None
    """How samples scored, and which were left out; None where the recipe has no gates."""
    copies: tuple[Copy, ...] = ()
    """Recordings that are copies of others, left out unless the recipe keeps all."""
    lacking: tuple[str, ...] = ()
    """What the recipe must state before anybody else gets the dataset."""


class Contents(BaseModel):
    """What is in the dataset, counted over its rows. The counts are of samples unless their name says otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    features: dict[str, dict[str, Any]]
    recordings: int
    forms: dict[str, int]
    """Recordings of each form: video, audio, image, text."""
    origins: dict[str, int] = Field(default_factory=dict)
    """Recordings from each host; of files and texts, from such."""
    rows: int
    seconds: float
    languages: dict[str, int]
    speakers: int
    present: dict[str, int]
    licences: dict[str, int]
    """Recordings under each licence; under '' where none is named."""
    consents: dict[str, int]
    learnt: tuple[tuple[str, str, int], ...] = ()
    """Of each term that is known, where it was learnt, and of how many recordings."""
    splits: tuple[SplitShare, ...]
    unpacked: dict[str, int]
    """Bytes of each split before compression."""
    bytes: int
    ungrouped: int
    """Samples without a value in any grouping column: their recording is their group."""
    questions: tuple[Question, ...] = ()
    problems: tuple[MediaProblem, ...] = ()
    notes: tuple[str, ...] = ()
    audit: AuditReport | None = None
    tallies: dict[str, Tally] = Field(default_factory=dict)
    """Of each split, counted from its shards."""
    lacking: tuple[str, ...] = ()
    """Mandatory facts that the recipe does not state; see `dataset_cards.facts`."""
