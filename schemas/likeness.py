"""What two copies of a recording have in common, small enough to be compared with a hundred thousand others."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from schemas.tables import parquet_bytes, parquet_table


@dataclass(frozen=True, eq=False)
class SoundMarks:
    """Marks of the sound: each is a shape of three peaks of the spectrum.

    keys: uint32[N], what the shape is. times: float32[N], seconds of its first peak, not decreasing.
    listened_s: how much of the sound was listened to, from its start.
    """

    suffix: ClassVar[str] = "marks.parquet"

    keys: NDArray[np.uint32]
    times: NDArray[np.float32]
    listened_s: float

    def __post_init__(self) -> None:
        if self.keys.shape != self.times.shape or self.keys.ndim != 1:
            raise ValueError(f"every mark has a key and a time, found {self.keys.shape} and {self.times.shape}")

    def to_bytes(self) -> bytes:
        """Parquet: `key`, `time_s`; how much was listened to in the metadata."""
        import pyarrow as pa

        table = pa.table({"key": pa.array(self.keys, pa.uint32()), "time_s": pa.array(self.times, pa.float32())})
        return parquet_bytes(table, {"listened_s": self.listened_s})

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The marks of `to_bytes`."""
        table, note = parquet_table(data)
        return cls(table["key"].to_numpy(), table["time_s"].to_numpy(), float(note["listened_s"]))


@dataclass(frozen=True, eq=False)
class PictureHashes:
    """Hashes of pictures: few bits differ between pictures that look alike.

    times: float32[T], seconds, increasing. hashes: uint64[T, 3]: of the whole picture, of its middle nine tenths, and
    of its middle eight tenths, so that a picture whose edges were cut off is found. Pictures in which there is nothing
    to see are left out. looked_s: how much of the recording was looked at, from its start; 0 for a picture.
    """

    suffix: ClassVar[str] = "hashes.parquet"

    times: NDArray[np.float32]
    hashes: NDArray[np.uint64]
    looked_s: float

    def __post_init__(self) -> None:
        if self.hashes.shape != (len(self.times), 3):
            raise ValueError(f"{len(self.times)} pictures need three hashes each, found {self.hashes.shape}")

    def to_bytes(self) -> bytes:
        """Parquet: `time_s`, `whole`, `nine_tenths`, `eight_tenths`; how much was looked at in the metadata."""
        import pyarrow as pa

        names = ("whole", "nine_tenths", "eight_tenths")
        columns = {name: pa.array(np.ascontiguousarray(self.hashes[:, at])) for at, name in enumerate(names)}
        table = pa.table({"time_s": pa.array(self.times, pa.float32()), **columns})
        return parquet_bytes(table, {"looked_s": self.looked_s})

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The hashes of `to_bytes`."""
        table, note = parquet_table(data)
        names = ("whole", "nine_tenths", "eight_tenths")
        hashes = np.stack([table[name].to_numpy() for name in names], axis=1).astype(np.uint64)
        return cls(table["time_s"].to_numpy(), hashes, float(note["looked_s"]))
