"""Times as corpora write them, in seconds."""

import re
from typing import TYPE_CHECKING

import numpy as np

from pipelines.auditing.samples import Floats

if TYPE_CHECKING:
    import pyarrow as pa

_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d+(?:[.,]\d+)?)")


def seconds(array: "pa.Array") -> Floats:
    """float64[n]; NaN for null and for what is no time. Numbers are seconds; texts may be `00:16:21,731` too."""
    import pyarrow as pa
    import pyarrow.types as kinds

    if kinds.is_integer(array.type) or kinds.is_floating(array.type):
        return np.asarray(array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)
    if not (kinds.is_string(array.type) or kinds.is_large_string(array.type)):
        return np.full(len(array), np.nan)
    return np.asarray([np.nan if one is None else seconds_of(one) for one in array.to_pylist()], np.float64)


def seconds_of(text: str) -> float:
    """One time; NaN where it is none. Hours, minutes and seconds are joined by colons; a comma is a point."""
    text = text.strip()
    if found := _CLOCK.fullmatch(text):
        hours, minutes, rest = found.groups()
        return int(hours or 0) * 3600 + int(minutes) * 60 + float(rest.replace(",", "."))
    try:
        return float(text)
    except ValueError:
        return float("nan")
