"""Faces followed over time."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from schemas.clock import Microseconds
from schemas.tables import parquet_bytes, parquet_table
from schemas.track import Track

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class Faces:
    """Every face seen in every frame that was looked at.

    frame_times: float64[F], seconds: all frames looked at, with or without a face.
    frame_spans: int64[F, 2], microseconds each frame covers.
    frame: int64[N]: for each observation, the index of its frame. Not decreasing.
    face: int64[N]: for each observation, the id of the face it belongs to, stable over the recording, from 0.
    values: float32[N, D], columns: D names.
    """

    suffix: ClassVar[str] = "faces.parquet"

    frame_times: NDArray[np.float64]
    frame_spans: Microseconds
    frame: NDArray[np.int64]
    face: NDArray[np.int64]
    values: NDArray[np.float32]
    columns: tuple[str, ...]

    def __post_init__(self) -> None:
        seen = len(self.frame)
        if self.face.shape != (seen,) or self.values.shape != (seen, len(self.columns)):
            raise ValueError(f"{seen} observations need as many face ids and rows of {len(self.columns)} values")
        if self.frame_spans.shape != (len(self.frame_times), 2):
            raise ValueError("every frame needs a span")

    @property
    def ids(self) -> tuple[int, ...]:
        """The faces there are."""
        return tuple(int(face) for face in np.unique(self.face))

    def track(self, face: int) -> Track:
        """One face on the whole clock: frames in which it is not seen are there, and not valid."""
        values = np.full((len(self.frame_times), len(self.columns)), np.nan, np.float32)
        mine = self.face == face
        values[self.frame[mine]] = self.values[mine]
        return Track(self.frame_times, self.frame_spans, values, self.columns)

    def table(self) -> "pa.Table":
        """First a row a frame (`face` null), then a row an observation (`values` a list of D)."""
        import pyarrow as pa

        flat = pa.array(np.ascontiguousarray(self.values, np.float32).reshape(-1))
        seen, frames = len(self.frame), len(self.frame_times)
        blank = pa.nulls(seen, pa.float64())
        count = pa.nulls(seen, pa.int64())
        width = len(self.columns)
        return pa.table(
            {
                "frame": pa.concat_arrays([pa.array(np.arange(frames, dtype=np.int64)), pa.array(self.frame)]),
                "face": pa.concat_arrays([pa.nulls(frames, pa.int64()), pa.array(self.face)]),
                "time_s": pa.concat_arrays([pa.array(np.asarray(self.frame_times, np.float64)), blank]),
                "start_us": pa.concat_arrays([pa.array(np.ascontiguousarray(self.frame_spans[:, 0])), count]),
                "end_us": pa.concat_arrays([pa.array(np.ascontiguousarray(self.frame_spans[:, 1])), count]),
                "values": pa.concat_arrays(
                    [
                        pa.nulls(frames, pa.list_(pa.float32())),
                        pa.ListArray.from_arrays(np.arange(seen + 1, dtype=np.int32) * width, flat),
                    ]
                ),
            }
        )

    def note(self) -> dict[str, object]:
        """What the file says of itself."""
        return {"columns": list(self.columns), "frames": len(self.frame_times)}

    def to_bytes(self) -> bytes:
        """Parquet: `table()`; columns and number of frames in the metadata."""
        return parquet_bytes(self.table(), self.note())

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The faces of `to_bytes`."""
        table, note = parquet_table(data)
        frames, columns = int(note["frames"]), tuple(note["columns"])
        looked, seen = table.slice(0, frames), table.slice(frames)
        return cls(
            looked["time_s"].to_numpy().astype(np.float64),
            _integers(looked, "start_us", "end_us"),
            _integers(seen, "frame")[:, 0],
            _integers(seen, "face")[:, 0],
            values_of(seen, len(columns)),
            columns,
        )


def _integers(table: "pa.Table", *names: str) -> NDArray[np.int64]:
    """int64[rows, columns]."""
    return np.stack([table[name].to_numpy() for name in names], axis=1).astype(np.int64)


def values_of(seen: "pa.Table", width: int) -> NDArray[np.float32]:
    """float32[N, D] of rows of observations."""
    values = seen["values"].combine_chunks()
    return np.asarray(values.flatten() if len(values) else [], np.float32).reshape(len(seen), width)
