"""Measurements of many segments as Arrow columns, without a loop over segments or frames."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipelines.segmenting.align import Aligned
from schemas.sample import track_type

if TYPE_CHECKING:
    import pyarrow as pa

Offsets = NDArray[np.int64]
"""int64[S + 1]: segment i has the rows from `offsets[i]` to `offsets[i + 1]`."""


def lists(offsets: Offsets, inner: "pa.Array") -> "pa.Array":
    """List i holds `inner[offsets[i]:offsets[i + 1]]`."""
    import pyarrow as pa

    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), inner)


def numbers(values: NDArray[np.float32]) -> "pa.Array":
    """Numbers of shape (n,); NaN becomes null."""
    import pyarrow as pa

    return pa.array(np.ascontiguousarray(values, np.float32), mask=np.isnan(values))


def vectors(values: NDArray[np.float32]) -> "pa.Array":
    """Each row of (n, D) as a list; a row with a NaN becomes null."""
    import pyarrow as pa

    blank = np.isnan(values).any(axis=1)
    ends = np.cumsum(np.where(blank, 0, values.shape[1]))
    offsets = pa.array(np.concatenate([[0], ends]).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, pa.array(values[~blank].reshape(-1)), mask=pa.array(blank))


def struct(children: Sequence["pa.Array"], kind: "pa.DataType") -> "pa.Array":
    """Arrays as the fields of a struct type, in its order."""
    import pyarrow as pa

    return pa.StructArray.from_arrays(list(children), fields=[kind.field(at) for at in range(kind.num_fields)])


def sliced(
    times: NDArray[np.float64], values: NDArray[np.float32], offsets: Offsets, columns: Sequence[str]
) -> "pa.Array":
    """The frames of each segment, as `schemas.sample.track_type` has them. columns: none for an embedding."""
    import pyarrow as pa

    each = [numbers(values[:, at]) for at in range(len(columns))] or [vectors(values)]
    return struct([lists(offsets, child) for child in (pa.array(times), *each)], track_type(columns))


def pooled(found: Aligned, columns: Sequence[str], offsets: Offsets | None) -> "pa.Array":
    """Aligned values of one track: a list for each segment, or one value where `offsets` is None."""
    import pyarrow as pa

    each = [numbers(found.values[:, at]) for at in range(len(columns))] or [vectors(found.values)]
    if offsets is not None:
        each = [lists(offsets, one) for one in each]
    return pa.StructArray.from_arrays(each, names=list(columns)) if columns else each[0]
