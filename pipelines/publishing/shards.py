"""Parquet shards: rows in, files out, memory and file size bounded by bytes."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pipelines.publishing.place import ShardFile

if TYPE_CHECKING:
    import pyarrow as pa

_ROW_GROUP_BYTES = 32 * 2**20
_ROW_GROUP_ROWS = 1000
"""Small enough that a streaming reader gets its first row soon."""


class ShardWriter:
    """Writes one unit, to several files where it is large. A row that alone is larger than that has its own."""

    def __init__(
        self,
        name: str,
        schema: "pa.Schema",
        folder: Path,
        shard_bytes: int,
        take: Callable[[Path, str], None],
    ) -> None:
        """Files are called `name` and a number. `take(path, name)` is called with each finished one, and moves it."""
        self.name = name
        self.files: list[ShardFile] = []
        self._schema = schema
        self._folder = folder
        self._limit = shard_bytes
        self._group_limit = min(_ROW_GROUP_BYTES, shard_bytes)
        self._take = take
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_bytes = 0
        self._waiting_rows = 0
        self._file: IO[bytes] | None = None
        self._writer: Any = None
        self._rows = 0

    def add(self, batch: "pa.RecordBatch") -> None:
        """Add rows, usually one."""
        size = batch.nbytes
        if self._waiting and (
            self._waiting_bytes + size > self._group_limit or self._waiting_rows + len(batch) > _ROW_GROUP_ROWS
        ):
            self._flush()
        self._waiting.append(batch)
        self._waiting_bytes += size
        self._waiting_rows += len(batch)

    def finish(self) -> None:
        """Write what waits and close the last file."""
        self._flush()
        self._close()

    def abandon(self) -> None:
        """Release the open file."""
        if self._file is not None:
            self._file.close()

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not self._waiting:
            return
        # The estimate before compression is an upper bound, so that no shard passes the limit by a row group.
        if self._file is not None and self._file.tell() + self._waiting_bytes > self._limit:
            self._close()
        if self._file is None:
            self._file = self._path().open("wb")
            self._writer = pq.ParquetWriter(self._file, self._schema, compression="zstd", write_statistics=True)
            self._rows = 0
        table = pa.Table.from_batches(self._waiting, self._schema).combine_chunks()
        self._writer.write_table(table, row_group_size=len(table))
        self._rows += len(table)
        self._waiting, self._waiting_bytes, self._waiting_rows = [], 0, 0

    def _path(self) -> Path:
        return self._folder / f"{self.name}-{len(self.files):05d}.parquet"

    def _close(self) -> None:
        if self._file is None:
            return
        self._writer.close()
        self._file.close()
        self._file = None
        path = self._path()
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self.files.append(ShardFile(path.name, self._rows, path.stat().st_size, digest))
        self._take(path, path.name)
