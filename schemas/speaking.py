"""Which of the faces speaks, as a score over time."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from schemas.clock import Microseconds
from schemas.tables import parquet_bytes, parquet_table


@dataclass(frozen=True, eq=False)
class Speaking:
    """For every face in every frame how likely it is the one that is heard.

    times: float64[F], seconds, and spans: int64[F, 2], microseconds: the frames of `faces`.
    voice: float32[F] in [0, 1]: how much of the time around each frame somebody speaks.
    frame, face: int64[N] each: the frame and the id of the face of each score. Frames do not decrease.
    score: float32[N] in [0, 1]; 0 where nobody speaks. The scores of a frame sum to at most its `voice`: what is
        left over belongs to nobody in the picture. NaN where a face was seen too shortly to tell.
    """

    suffix: ClassVar[str] = "speaking.parquet"

    times: NDArray[np.float64]
    spans: Microseconds
    voice: NDArray[np.float32]
    frame: NDArray[np.int64]
    face: NDArray[np.int64]
    score: NDArray[np.float32]

    def __post_init__(self) -> None:
        frames, seen = len(self.times), len(self.frame)
        if self.spans.shape != (frames, 2) or self.voice.shape != (frames,):
            raise ValueError(f"{frames} frames need as many spans and shares of voice")
        if self.face.shape != (seen,) or self.score.shape != (seen,):
            raise ValueError(f"{seen} scores need as many frames and faces")

    def to_bytes(self) -> bytes:
        """Parquet: first a row a frame (`face` null, `value` the voice), then a row a score (`value`)."""
        import pyarrow as pa

        frames, seen = len(self.times), len(self.frame)
        start, end = (pa.array(np.ascontiguousarray(self.spans[:, side], np.int64)) for side in (0, 1))
        # A float array with NaN stays NaN here: null would mean that there is no score to have.
        table = pa.table(
            {
                "frame": pa.concat_arrays([pa.array(np.arange(frames, dtype=np.int64)), pa.array(self.frame)]),
                "face": pa.concat_arrays([pa.nulls(frames, pa.int64()), pa.array(self.face)]),
                "time_s": pa.concat_arrays([pa.array(self.times, pa.float64()), pa.nulls(seen, pa.float64())]),
                "start_us": pa.concat_arrays([start, pa.nulls(seen, pa.int64())]),
                "end_us": pa.concat_arrays([end, pa.nulls(seen, pa.int64())]),
                "value": pa.array(np.concatenate([self.voice, self.score]).astype(np.float32)),
            }
        )
        return parquet_bytes(table, {"frames": frames})

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The scores of `to_bytes`. Raises ValueError on other bytes."""
        table, note = parquet_table(data)
        frames = int(note["frames"])
        looked, seen = table.slice(0, frames), table.slice(frames)
        spans = np.stack([looked["start_us"].to_numpy(), looked["end_us"].to_numpy()], axis=1).astype(np.int64)
        return cls(
            looked["time_s"].to_numpy().astype(np.float64),
            spans,
            looked["value"].to_numpy().astype(np.float32),
            seen["frame"].to_numpy().astype(np.int64),
            seen["face"].to_numpy().astype(np.int64),
            seen["value"].to_numpy().astype(np.float32),
        )
