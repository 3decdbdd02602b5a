"""Tracks and pictures in their files: written and read some frames at a time."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from schemas.artifact import Damaged
from schemas.clock import MICROSECONDS_PER_SECOND, Microseconds
from schemas.tables import TableReader, TableWriter
from schemas.track import Track


def track_writer(path: Path, columns: Sequence[str]) -> TableWriter:
    """Takes the `table()` of one part of a track after the other; the file is what schemas.track.Track reads."""
    nothing = Track.joined((), columns)
    return TableWriter(path, nothing.table().schema, nothing.note())


class TrackFile:
    """A track of which stretches are read. Raises Damaged where the file is not a track's."""

    def __init__(self, reader: TableReader) -> None:
        self._reader = reader
        self._sides = [reader.ranges(name) for name in ("time_s", "start_us", "end_us")]

    @classmethod
    def open(cls, path: Path) -> Self:
        """The track in a file."""
        return cls(TableReader(path))

    def close(self) -> None:
        """Let go of the file."""
        self._reader.close()

    @property
    def columns(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self._reader.note["columns"])

    def __len__(self) -> int:
        return len(self._reader)

    def between(self, start_us: int, end_us: int) -> Track:
        """The frames that overlap `[start_us, end_us)` or whose time lies in it, and some of their neighbours."""
        wanted = [
            group
            for group, ((early, late), (begin, _), (_, end)) in enumerate(zip(*self._sides, strict=True))
            if min(begin, early * MICROSECONDS_PER_SECOND) < end_us
            and max(end, late * MICROSECONDS_PER_SECOND) >= start_us
        ]
        return self._of(wanted)

    def whole(self) -> Track:
        """All of it."""
        return self._of(self._reader.groups)

    def parts(self) -> Iterator[Track]:
        """All of it, some frames at a time."""
        for group in self._reader.groups:
            yield self._of([group])

    def _of(self, groups: Sequence[int]) -> Track:
        table = self._reader.rows(groups)
        try:
            return Track.of_table(table, self.columns)
        except ValueError as error:
            raise Damaged(f"its frames are no track: {error}") from error


class PicturesFile:
    """Pictures in the file that schemas.pictures.Pictures reads, some at a time."""

    def __init__(self, reader: TableReader) -> None:
        self._reader = reader

    @classmethod
    def open(cls, path: Path) -> Self:
        """The pictures in a file. Raises Damaged."""
        return cls(TableReader(path))

    def close(self) -> None:
        """Let go of the file."""
        self._reader.close()

    def __len__(self) -> int:
        return len(self._reader)

    def clock(self) -> tuple[NDArray[np.float64], Microseconds]:
        """float64[T], seconds, and int64[T, 2], microseconds: when each picture is shown."""
        table = self._reader.columns(("time_s", "start_us", "end_us"))
        spans = np.stack([table["start_us"].to_numpy(), table["end_us"].to_numpy()], axis=1).astype(np.int64)
        return table["time_s"].to_numpy(), spans

    def jpegs(self) -> Iterator[bytes]:
        """Each picture."""
        for table in self._reader.each():
            yield from table["jpeg"].to_pylist()
