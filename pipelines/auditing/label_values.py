"""Labels of any type as texts, and numbers of many values as three groups."""

from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.auditing.codes import Codes

if TYPE_CHECKING:
    import pyarrow as pa

_MOST = 12
"""Different numbers that still count as so many labels."""


def label_texts(column: "pa.Array", feature: Any) -> "pa.Array":
    """Arrow strings[n]; null stays null.

    feature: what `datasets` says of the column; with `names` (a ClassLabel), numbers become those. The labels of a list
    are sorted and joined by `+`.
    """
    import pyarrow as pa
    import pyarrow.types as kinds

    kind = column.type
    if kinds.is_string(kind):
        return column
    if isinstance(feature, dict) and isinstance(feature.get("names"), list) and kinds.is_integer(kind):
        names = feature["names"]
        texts = [names[one] if one is not None and 0 <= one < len(names) else None for one in column.to_pylist()]
        return pa.array(texts, pa.string())
    if kinds.is_null(kind):
        return pa.nulls(len(column), pa.string())
    if kinds.is_nested(kind) or kinds.is_binary(kind):
        return pa.array([_text(one) for one in column.to_pylist()], pa.string())
    return column.cast(pa.string())


def cut_in_three(label: Codes) -> Codes:
    """Labels as they are, or, if they are numbers of more than twelve values, their lower, middle and upper third.

    Equal numbers stay together, so that the thirds need not be of one size.
    """
    if len(label.names) <= _MOST:
        return label
    try:
        numbers = np.asarray([float(name) for name in label.names])
    except ValueError:
        return label
    low, high = np.quantile(numbers[label.codes[label.has]], [1 / 3, 2 / 3])
    group = np.where(numbers <= low, 0, np.where(numbers <= high, 1, 2))
    codes = np.where(label.has, group[label.codes], -1)
    return Codes(codes.astype(np.int64), (f"up to {low:g}", f"{low:g} to {high:g}", f"above {high:g}"))


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, list):
        return "+".join(sorted(str(one) for one in value))
    return str(value)
