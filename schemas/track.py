"""A measurement over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from schemas.clock import Microseconds, to_us_array
from schemas.tables import parquet_bytes, parquet_table

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class Track:
    """Values measured at known times of one recording.

    times: float64[T], seconds from the recording's start, not decreasing: the moment a frame stands for.
    spans: int64[T, 2], microseconds: the half-open interval a frame covers. A picture is on the screen
        until the next one; an analysis frame of hop h covers h around its centre.
    values: float32[T, D]. NaN exactly where not valid; infinities are refused.
    columns: D names; the unit is part of the name (`f0_hz`).
    """

    suffix: ClassVar[str] = "track.parquet"

    times: NDArray[np.float64]
    spans: Microseconds
    values: NDArray[np.float32]
    columns: tuple[str, ...]

    def __post_init__(self) -> None:
        frames, width = len(self.times), len(self.columns)
        if self.spans.shape != (frames, 2) or self.values.shape != (frames, width):
            raise ValueError(
                f"a track of {frames} times and {width} columns needs spans ({frames}, 2) and values "
                f"({frames}, {width}), found {self.spans.shape} and {self.values.shape}"
            )
        if np.isinf(self.values).any():
            raise ValueError("a track holds no infinities; a value that cannot be measured is NaN")
        if frames and ((np.diff(self.times) < 0).any() or (self.spans[:, 1] < self.spans[:, 0]).any()):
            raise ValueError("the times of a track do not decrease, and spans end after they start")

    @property
    def valid(self) -> NDArray[np.bool_]:
        """bool[T, D]: what was measured."""
        measured: NDArray[np.bool_] = np.logical_not(np.isnan(self.values))
        return measured

    @property
    def valid_frames(self) -> NDArray[np.bool_]:
        """bool[T]: frames in which anything was measured."""
        any_of: NDArray[np.bool_] = np.asarray(self.valid.any(axis=1), np.bool_)
        return any_of

    def __len__(self) -> int:
        return len(self.times)

    def column(self, name: str) -> NDArray[np.float32]:
        """float32[T]: one column. Raises KeyError with the names there are."""
        if name not in self.columns:
            raise KeyError(f"no column {name!r} among {', '.join(self.columns)}")
        return self.values[:, self.columns.index(name)]

    @classmethod
    def centred(cls, times: ArrayLike, hop_s: float, values: ArrayLike, columns: Sequence[str]) -> Self:
        """Analysis frames: each covers `hop_s` seconds around its time."""
        at = np.asarray(times, np.float64)
        edge = to_us_array(at - hop_s / 2)
        return cls(
            at,
            np.stack([edge, to_us_array(at + hop_s / 2)], axis=1),
            np.asarray(values, np.float32),
            tuple(columns),
        )

    @classmethod
    def held(cls, times: ArrayLike, longest_s: float, values: ArrayLike, columns: Sequence[str]) -> Self:
        """Pictures: each covers the time until the next, at most `longest_s` seconds (also the last)."""
        at = np.asarray(times, np.float64)
        start = to_us_array(at)
        end = start + to_us_array(longest_s)
        if len(start) > 1:
            end[:-1] = np.minimum(end[:-1], start[1:])
        return cls(at, np.stack([start, end], axis=1), np.asarray(values, np.float32), tuple(columns))

    @classmethod
    def joined(cls, parts: Sequence[Self], columns: Sequence[str]) -> Self:
        """Parts of one track, in the order of time, as one; of no parts a track without frames."""
        nothing = np.zeros((0, len(columns)), np.float32)
        return cls(
            np.concatenate([np.zeros(0), *(part.times for part in parts)]),
            np.concatenate([np.zeros((0, 2), np.int64), *(part.spans for part in parts)]),
            np.concatenate([nothing, *(part.values for part in parts)]),
            tuple(columns),
        )

    def table(self) -> "pa.Table":
        """`time_s`, `start_us`, `end_us`, `values` (a list of D)."""
        import pyarrow as pa

        flat = pa.array(np.ascontiguousarray(self.values, np.float32).reshape(-1))
        return pa.table(
            {
                "time_s": pa.array(np.asarray(self.times, np.float64)),
                "start_us": pa.array(np.ascontiguousarray(self.spans[:, 0], np.int64)),
                "end_us": pa.array(np.ascontiguousarray(self.spans[:, 1], np.int64)),
                "values": pa.FixedSizeListArray.from_arrays(flat, len(self.columns)),
            }
        )

    @classmethod
    def of_table(cls, table: "pa.Table", columns: tuple[str, ...]) -> Self:
        """The track of `table()`."""
        flat = table["values"].combine_chunks()
        values = np.asarray(flat.flatten() if len(flat) else [], np.float32).reshape(len(table), len(columns))
        spans = np.stack([table["start_us"].to_numpy(), table["end_us"].to_numpy()], axis=1)
        return cls(table["time_s"].to_numpy(), spans.astype(np.int64), values, columns)

    def note(self) -> dict[str, list[str]]:
        """What the file says of itself: the names of the columns."""
        return {"columns": list(self.columns)}

    def to_bytes(self) -> bytes:
        """Parquet: `table()`; the columns in the metadata."""
        return parquet_bytes(self.table(), self.note())

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The track of `to_bytes`."""
        table, note = parquet_table(data)
        return cls.of_table(table, tuple(note["columns"]))
