"""Arrow tables as bytes: the one way in which artifacts become Parquet."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_KEY = b"affectloom"
_ROWS = 1 << 15
"""Rows of a row group: what the writer holds at a time."""


def parquet_bytes(table: "pa.Table", note: dict[str, Any] | None = None) -> bytes:
    """The table as a Parquet file; `note` is kept as JSON in its metadata. The same table gives the same bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if note is not None:
        table = table.replace_schema_metadata({_KEY: json.dumps(note, sort_keys=True).encode()})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", use_dictionary=False, write_statistics=False, row_group_size=_ROWS)
    return bytes(sink.getvalue())


def write_tables(path: Path, schema: "pa.Schema", tables: "Iterable[pa.Table]") -> None:
    """Tables one after the other into a Parquet file, each a row group: only one of them need be in memory."""
    import pyarrow.parquet as pq

    with pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=False, write_statistics=False) as writer:
        for table in tables:
            writer.write_table(table)


def parquet_table(data: bytes) -> tuple["pa.Table", dict[str, Any]]:
    """The table and the note of `parquet_bytes`. Raises ValueError (ArrowInvalid) on other bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(pa.BufferReader(data), use_threads=False)
    note = json.loads((table.schema.metadata or {}).get(_KEY, b"{}"))
    return table, note
