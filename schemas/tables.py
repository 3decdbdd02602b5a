"""Arrow tables as Parquet: the one way in which artifacts become files, whole or some rows at a time.

Files are made of row groups of a fixed number of rows, so that a long recording can be written and read in parts. The
columns of the clock carry the smallest and largest value of each group: who wants a stretch reads what holds it.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from schemas.artifact import Damaged

if TYPE_CHECKING:
    import pyarrow as pa

_KEY = b"affectloom"
ROWS = 1 << 15
"""Rows of a group, unless something else is said: what a writer holds, and a reader reads, at a time."""
_CLOCK = ("time_s", "start_us", "end_us")


def parquet_bytes(table: "pa.Table", note: dict[str, Any] | None = None) -> bytes:
    """The table as a Parquet file; `note` is kept as JSON in its metadata. The same table gives the same bytes."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with TableWriter(sink, table.schema, note) as writer:
        writer.add(table)
    return bytes(sink.getvalue())


def write_tables(path: Path, schema: "pa.Schema", tables: "Iterable[pa.Table]") -> None:
    """Tables one after the other into a Parquet file, each a row group: only one of them need be in memory."""
    with TableWriter(path, schema, None, rows=0) as writer:
        for table in tables:
            writer.add(table)


class TableWriter:
    """A Parquet file that grows. However the rows come, the same rows give the same bytes.

    rows: of a group; 0: each table that is added is a group of its own.
    """

    def __init__(
        self, to: "Path | pa.NativeFile", schema: "pa.Schema", note: dict[str, Any] | None, rows: int = ROWS
    ) -> None:
        import pyarrow.parquet as pq

        if note is not None:
            schema = schema.with_metadata({_KEY: json.dumps(note, sort_keys=True).encode()})
        self._schema = schema
        self._rows = rows
        self._waiting: list[pa.Table] = []
        self._count = 0
        clock = [name for name in _CLOCK if name in schema.names] if rows else []
        self._file = pq.ParquetWriter(
            to,
            schema,
            compression="zstd",
            use_dictionary=False,
            write_statistics=clock or False,
            write_page_checksum=True,
        )

    def add(self, table: "pa.Table") -> None:
        """More rows. Raises OSError where they cannot be written."""
        table = table.replace_schema_metadata(self._schema.metadata)
        if not self._rows:
            self._file.write_table(table)
            return
        self._waiting.append(table)
        self._count += len(table)
        while self._count >= self._rows:
            self._write(self._rows)

    def _write(self, rows: int) -> None:
        import pyarrow as pa

        together = pa.concat_tables(self._waiting)
        self._file.write_table(together.slice(0, rows).combine_chunks(), row_group_size=max(rows, 1))
        rest = together.slice(rows)
        # A copy, so that what is written is let go of.
        self._waiting = [rest.take(list(range(len(rest))))] if len(rest) else []
        self._count = len(rest)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what waits, and the end of the file; after an error only let go of the file."""
        try:
            if kind is None and self._count:
                self._write(self._count)
        finally:
            self._file.close()


def parquet_table(data: bytes) -> tuple["pa.Table", dict[str, Any]]:
    """The table and the note of `parquet_bytes`. Raises ValueError (ArrowInvalid) on other bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(pa.BufferReader(data), use_threads=False, page_checksum_verification=True)
    note = json.loads((table.schema.metadata or {}).get(_KEY, b"{}"))
    return table, note


class TableReader:
    """A Parquet file of which groups of rows are read as they are wanted; the last ones wanted are kept.

    Raises Damaged, here and in every method, where the file is not what it should be.
    """

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        with _sound(path):
            self._file = pq.ParquetFile(path, pre_buffer=False, page_checksum_verification=True)
            self.note: dict[str, Any] = json.loads((self._file.schema_arrow.metadata or {}).get(_KEY, b"{}"))
        self._path = path
        self._kept: dict[int, pa.Table] = {}

    def __len__(self) -> int:
        return int(self._file.metadata.num_rows)

    def close(self) -> None:
        """Let go of the file."""
        self._kept.clear()
        self._file.close()

    @property
    def groups(self) -> range:
        """The numbers of the groups."""
        return range(self._file.num_row_groups)

    def ranges(self, name: str) -> list[tuple[float, float]]:
        """The smallest and largest value of a column in each group; from -inf to inf where the file does not say."""
        place = self._file.schema_arrow.names.index(name)  # columns of the clock come before nested ones
        found = []
        for group in self.groups:
            known = self._file.metadata.row_group(group).column(place).statistics
            said = known is not None and known.has_min_max and not known.null_count
            found.append((known.min, known.max) if said else (float("-inf"), float("inf")))
        return found

    def rows(self, groups: Sequence[int]) -> "pa.Table":
        """All columns of some groups, one after the other."""
        import pyarrow as pa

        with _sound(self._path):
            self._kept = {group: self._kept.get(group) or self._group(group) for group in groups}
        return pa.concat_tables(self._kept.values()) if self._kept else self._file.schema_arrow.empty_table()

    def stretch(self, first: int, stop: int) -> "pa.Table":
        """All columns of the rows from the first to before the second number."""
        lengths = [self._file.metadata.row_group(group).num_rows for group in self.groups]
        begins = [0, *accumulate(lengths)]
        wanted = [group for group in self.groups if begins[group] < stop and begins[group + 1] > first]
        return self.rows(wanted).slice(first - begins[wanted[0]] if wanted else 0, max(0, stop - first))

    def _group(self, group: int) -> "pa.Table":
        return self._file.read_row_group(group, use_threads=False)

    def each(self) -> "Iterator[pa.Table]":
        """All columns, group by group; none is kept."""
        for group in self.groups:
            with _sound(self._path):
                table = self._group(group)
            yield table

    def columns(self, names: Sequence[str]) -> "pa.Table":
        """Some columns of the whole file."""
        with _sound(self._path):
            return self._file.read(columns=list(names), use_threads=False)


@contextmanager
def _sound(path: Path) -> Iterator[None]:
    """Translate what Arrow says of a broken file."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Damaged(f"{path.name}: {error}") from error
