"""Small pictures taken from a recording, compressed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from schemas.clock import Microseconds
from schemas.tables import parquet_bytes, parquet_table

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class Pictures:
    """JPEG pictures on the clock. times: float64[T] seconds; spans: int64[T, 2] microseconds; data: T x JPEG."""

    suffix: ClassVar[str] = "pictures.parquet"

    times: NDArray[np.float64]
    spans: Microseconds
    data: tuple[bytes, ...]

    def __len__(self) -> int:
        return len(self.data)

    def table(self) -> "pa.Table":
        """`time_s`, `start_us`, `end_us`, `jpeg`."""
        import pyarrow as pa

        return pa.table(
            {
                "time_s": pa.array(np.asarray(self.times, np.float64)),
                "start_us": pa.array(np.ascontiguousarray(self.spans[:, 0])),
                "end_us": pa.array(np.ascontiguousarray(self.spans[:, 1])),
                "jpeg": pa.array(self.data, pa.binary()),
            }
        )

    def to_bytes(self) -> bytes:
        """Parquet: `table()`."""
        return parquet_bytes(self.table())

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The pictures of `to_bytes`."""
        table, _ = parquet_table(data)
        spans = np.stack([table["start_us"].to_numpy(), table["end_us"].to_numpy()], axis=1).astype(np.int64)
        return cls(table["time_s"].to_numpy(), spans, tuple(table["jpeg"].to_pylist()))
