"""Media that lie in a cell of a dataset's table: an address for each, and their bytes.

dataset+file:///data/talks/train-00000-of-00001.parquet#row=17&column=video
dataset+hf://datasets/owner/name/data/train-00000-of-00001.parquet#row=17&column=video
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, unquote, urlencode

from pipelines.fetch.addresses import ForbiddenAddress, plain
from pipelines.fetch.http import check_size
from pipelines.fetch.objects import is_object, opened, told
from pipelines.fetch.pace import Pace
from schemas.acquire import Acquire
from schemas.errors import SourceUnavailable

if TYPE_CHECKING:
    import pyarrow as pa

ENDINGS = (".parquet", ".arrow")
"""Parquet, and what `datasets` saves to disk."""
CELL = "dataset+"
_FILE = "file://"
_KEPT_BYTES = 256 << 20
"""A group of rows whose media take less is read once for all of them."""


def cell_address(shard: str, row: int, column: str) -> str:
    """The address of a cell. shard: an absolute path, or an address in an object store."""
    place = shard if "://" in shard else _FILE + shard
    return f"{CELL}{quote(place, safe='/:@')}#{urlencode({'row': row, 'column': column})}"


def is_cell(uri: str | None) -> bool:
    """Whether the address names a cell of a dataset."""
    return uri is not None and uri.startswith(CELL)


def shard_of(uri: str) -> tuple[str, int, str]:
    """The shard, row and column of an address. Raises ForbiddenAddress where it is none."""
    place, _, fragment = uri.removeprefix(CELL).partition("#")
    named = parse_qs(fragment)
    shard = unquote(place).removeprefix(_FILE)
    row, column = named.get("row", [""])[0], named.get("column", [""])[0]
    local = shard.startswith("/") and "\0" not in shard
    if not (re.fullmatch(r"\d{1,15}", row, re.ASCII) and column and (local or is_object(shard))):
        raise ForbiddenAddress(f"{plain(uri)} names no cell of a dataset", do="name the dataset in `sources`")
    return shard, int(row), column


def cell_mark(uri: str) -> str:
    """What tells that a local shard has changed; empty for others."""
    shard, _, _ = shard_of(uri)
    if "://" in shard:
        return ""
    try:
        found = Path(shard).stat()
    except OSError as error:
        raise SourceUnavailable(
            f"{shard} cannot be read: {error.strerror}", do="put the dataset back, or correct `sources`", retry=True
        ) from error
    return f"{found.st_size}:{found.st_mtime_ns}"


def fetch_cell(uri: str, to: Path, how: Acquire, pace: Pace | None = None) -> tuple[str, int]:
    """Write a cell's media to a file; their SHA-256 and size. Raises SourceUnavailable, TooLong."""
    shard, row, column = shard_of(uri)
    with told(shard):
        data = _cell(shard, cell_mark(uri), row, column)
    if data is None:
        raise SourceUnavailable(
            f"{plain(uri)}: row {row} has no media in {column!r}",
            do="the dataset names a file instead of holding it: save it anew with its media, as push_to_hub does",
        )
    check_size(uri, len(data), how)
    to.write_bytes(data)
    if pace is not None and "://" in shard:
        pace.spent(len(data))
    return hashlib.sha256(data).hexdigest(), len(data)


def _cell(shard: str, mark: str, row: int, column: str) -> bytes | None:
    with opened_shard(shard) as table:
        group, place = table.group_of(row)
        if table.bytes_in(group) <= _KEPT_BYTES:
            cells = _group(shard, mark, group, column)
            return _bytes_of(cells, place)
        for batch in table.batches([group], [column], rows=1):
            if place == 0:
                return _bytes_of(batch.column(column), 0)
            place -= 1
    return None


def _bytes_of(cells: "pa.Array | pa.ChunkedArray", place: int) -> bytes | None:
    cell = cells[place].as_py()
    data = cell.get("bytes") if isinstance(cell, dict) else cell
    return bytes(data) if isinstance(data, bytes) and data else None


@lru_cache(maxsize=1)
def _group(shard: str, mark: str, group: int, column: str) -> "pa.ChunkedArray":  # noqa: ARG001 - another mark, another file
    """The media of one group of rows: rows are asked for in their order."""
    with opened_shard(shard) as table:
        return table.rows(group, [column]).column(column)


class Shard:
    """A table of a dataset, Parquet or Arrow, of which groups of rows are read. Raises SourceUnavailable."""

    def __init__(self, file: Any, *, parquet: bool) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._parquet = pq.ParquetFile(file) if parquet else None
        self._batches: list[pa.RecordBatch] = []
        if self._parquet is not None:
            self.schema: pa.Schema = self._parquet.schema_arrow
            meta = self._parquet.metadata
            self._lengths = [meta.row_group(group).num_rows for group in range(meta.num_row_groups)]
        else:
            with pa.ipc.open_stream(file) as reader:
                self.schema = reader.schema
                self._batches = list(reader)
            self._lengths = [len(batch) for batch in self._batches]

    def __len__(self) -> int:
        return sum(self._lengths)

    @property
    def groups(self) -> range:
        """The numbers of the groups."""
        return range(len(self._lengths))

    def group_of(self, row: int) -> tuple[int, int]:
        """The group that holds a row, and its place there. Raises SourceUnavailable where there is none."""
        place = row
        for group, length in enumerate(self._lengths):
            if place < length:
                return group, place
            place -= length
        raise SourceUnavailable(
            f"row {row} is not there: the shard has {len(self)}", do="the dataset has changed: build once more"
        )

    def bytes_in(self, group: int) -> int:
        """How large a group is, unpacked; 0 where nothing has to be unpacked."""
        if self._parquet is None:
            return 0
        return int(self._parquet.metadata.row_group(group).total_byte_size)

    def rows(self, group: int, columns: list[str]) -> "pa.Table":
        """Some columns of a group; `a.b` is a field of a struct in Parquet, and stands for `a` in Arrow."""
        import pyarrow as pa

        if self._parquet is not None:
            return self._parquet.read_row_group(group, columns=columns, use_threads=False)
        names = list(
            dict.fromkeys(name.partition(".")[0] if name not in self.schema.names else name for name in columns)
        )
        return pa.Table.from_batches([self._batches[group]]).select(names)

    def batches(self, groups: list[int], columns: list[str], rows: int) -> "Iterator[pa.RecordBatch]":
        """The same, so many rows at a time."""
        if self._parquet is not None:
            yield from self._parquet.iter_batches(rows, row_groups=groups, columns=columns, use_threads=False)
            return
        for group in groups:
            yield from self.rows(group, columns).to_batches(max_chunksize=rows)


@contextmanager
def opened_shard(shard: str) -> Iterator[Shard]:
    """A shard at a path or an address in an object store. Raises SourceUnavailable and what clients raise."""
    import pyarrow as pa

    parquet = shard.endswith(".parquet")
    try:
        if "://" in shard:
            fs, path = opened(shard)
            with fs.open(path, "rb") as file:
                yield Shard(file, parquet=parquet)
        elif parquet:
            yield Shard(shard, parquet=True)
        else:
            with pa.memory_map(shard) as file:
                yield Shard(file, parquet=False)
    except pa.ArrowInvalid as error:
        raise SourceUnavailable(f"{plain(shard)} is no table of a dataset: {error}", do="fetch it anew") from error
