"""How good samples are: what a recipe asks of them, the scores, and what came of it."""

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

from schemas.record import Record
from schemas.tables import parquet_bytes, parquet_table


class Gate(BaseModel):
    """One rule of the `gates` block of a recipe. Without a threshold it is reported and drops nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    least: float | None = None
    """Samples with a lower score are not published."""
    most: float | None = None
    """Samples with a higher score are not published."""
    unknown: Literal["keep", "drop"] = "keep"
    """What becomes of samples that cannot be judged."""
    allow: tuple[str, ...] = ()
    """Of `language` alone: the languages that are wanted, such as `en`."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError(f"nothing is at least {self.least:g} and at most {self.most:g}")
        return self

    def refuses(self, scores: NDArray[np.float32]) -> NDArray[np.bool_]:
        """bool[n]: which scores do not pass. NaN: not known."""
        unknown = np.isnan(scores)
        out = unknown & (self.unknown == "drop")
        if self.least is not None:
            out |= ~unknown & (scores < np.float32(self.least))
        if self.most is not None:
            out |= ~unknown & (scores > np.float32(self.most))
        return np.asarray(out, np.bool_)


@dataclass(frozen=True, eq=False)
class Scores:
    """What each rule says of each sample.

    index: int32[S], as the samples'. values: float32[S, R], NaN where a sample cannot be judged. rules: R names.
    """

    suffix: ClassVar[str] = "scores.parquet"

    index: NDArray[np.int32]
    values: NDArray[np.float32]
    rules: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.index), len(self.rules)):
            raise ValueError(f"{len(self.index)} samples and {len(self.rules)} rules, scores {self.values.shape}")

    def of(self, rule: str) -> NDArray[np.float32]:
        """float32[S]. Raises KeyError."""
        if rule not in self.rules:
            raise KeyError(rule)
        return self.values[:, self.rules.index(rule)]

    def to_bytes(self) -> bytes:
        """Parquet: `index`, and a column a rule."""
        import pyarrow as pa

        columns = {rule: pa.array(np.ascontiguousarray(self.of(rule))) for rule in self.rules}
        return parquet_bytes(pa.table({"index": pa.array(self.index, pa.int32()), **columns}), {})

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The scores of `to_bytes`."""
        table, _ = parquet_table(data)
        rules = tuple(table.column_names[1:])
        values = [np.asarray(table[rule].to_numpy(), np.float32) for rule in rules]
        index = table["index"].to_numpy().astype(np.int32)
        return cls(index, np.stack(values, axis=1) if values else np.zeros((len(index), 0), np.float32), rules)


class RuleTold(Record):
    """How the scores of one rule are distributed over all samples, kept and dropped."""

    rule: str
    what: str
    unit: str
    least: float | None
    most: float | None
    judged: int
    unknown: int
    quantiles: dict[str, float]
    """`0`, `1`, `5`, `25`, `50`, `75`, `95`, `99` and `100` per cent; none where nothing was judged."""
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    """Samples between two edges; the last one counts to the last bin."""
    dropped: int
    alone: int
    """Dropped by this rule and by no other."""


class Dropped(Record):
    """A sample that is not published. rules: those that refuse it, with its score; None: it cannot be judged."""

    sample: str
    rules: dict[str, float | None]


class GatesTold(Record):
    """What the gates of a recipe say of its samples."""

    samples: int
    kept: int
    rules: tuple[RuleTold, ...]
    dropped: tuple[Dropped, ...]
    emptied: tuple[str, ...]
    """Recordings none of whose samples is kept."""
    unscored: tuple[str, ...]
    """Recordings with samples and without scores: built before the gates were written."""
