"""Faces in their file: written and read some observations at a time."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from schemas.artifact import Damaged
from schemas.clock import Microseconds
from schemas.faces import Faces, values_of
from schemas.tables import TableReader, TableWriter


def write_faces(path: Path, looked: Faces, seen: Iterable[Faces]) -> None:
    """The file that schemas.faces.Faces reads. looked: all frames, without observations. seen: observations alone."""
    with TableWriter(path, looked.table().schema, looked.note()) as writer:
        for part in (looked, *seen):
            writer.add(part.table())


class FacesFile:
    """Faces of which stretches are read. Its clock, and who is in which frame, are read at once: some bytes a frame.

    frame_times, frame_spans, frame, face, columns: as in schemas.faces.Faces. Raises Damaged, also in its methods,
    where the file is not that of faces.
    """

    def __init__(self, reader: TableReader) -> None:
        self._reader = reader
        self.columns: tuple[str, ...] = tuple(reader.note["columns"])
        self._frames = int(reader.note["frames"])
        known = reader.columns(("frame", "face", "time_s", "start_us", "end_us"))
        looked, seen = known.slice(0, self._frames), known.slice(self._frames)
        self.frame_times: NDArray[np.float64] = looked["time_s"].to_numpy()
        self.frame_spans: Microseconds = np.stack([looked[name].to_numpy() for name in ("start_us", "end_us")], axis=1)
        self.frame_spans = self.frame_spans.astype(np.int64)
        self.frame, self.face = (seen[name].to_numpy().astype(np.int64) for name in ("frame", "face"))

    @classmethod
    def open(cls, path: Path) -> Self:
        """The faces in a file."""
        reader = TableReader(path)
        try:
            return cls(reader)
        except (KeyError, ValueError) as error:
            reader.close()
            raise Damaged(f"{path.name}: {error}") from error

    def close(self) -> None:
        """Let go of the file."""
        self._reader.close()

    def between(self, start_us: int, end_us: int) -> Faces:
        """All frames from the first to the last that overlaps `[start_us, end_us)`, and who is seen in them."""
        spans = self.frame_spans
        inside = np.flatnonzero((spans[:, 0] < end_us) & (spans[:, 1] > start_us))
        low, high = (int(inside[0]), int(inside[-1]) + 1) if len(inside) else (0, 0)
        return self._part(low, high)

    def whole(self) -> Faces:
        """All of them."""
        return self._part(0, self._frames)

    def _part(self, low: int, high: int) -> Faces:
        """Frames from one to before another."""
        first, stop = np.searchsorted(self.frame, [low, high]).tolist()
        table = self._reader.stretch(self._frames + first, self._frames + stop)
        return Faces(
            self.frame_times[low:high],
            self.frame_spans[low:high],
            self.frame[first:stop] - low,
            self.face[first:stop],
            values_of(table, len(self.columns)),
            self.columns,
        )

    def with_columns(self, names: Sequence[str]) -> Faces:
        """All observations with some of the columns. Raises KeyError with the names there are."""
        for name in names:
            if name not in self.columns:
                raise KeyError(f"no column {name!r} among {', '.join(self.columns)}")
        places = [self.columns.index(name) for name in names]
        parts: list[NDArray[np.float32]] = [np.empty((0, len(names)), np.float32)]
        row = 0
        for table in self._reader.each():
            seen = table.slice(max(0, self._frames - row))
            parts.append(values_of(seen, len(self.columns))[:, places])
            row += len(table)
        return Faces(self.frame_times, self.frame_spans, self.frame, self.face, np.concatenate(parts), tuple(names))
